"""The command line: bring up the country, serve a node, load records, read one person's record, look at the network."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from passerelle import __version__
from passerelle.node import store_commands
from passerelle.node.view_commands import view_app
from passerelle.values import Language

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,  # a local variable may hold somebody's name
    help="Passerelle: a bridge between health records. Start with `passerelle demo`.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
node_app = typer.Typer(no_args_is_help=True, help="Run one node.")
network_app = typer.Typer(no_args_is_help=True, help="Look at the network.")
app.add_typer(node_app, name="node")
app.add_typer(network_app, name="network")
app.add_typer(view_app, name="view")
store_commands.add(app)

NETWORK = Path("var/demo/network.json")

NetworkFile = Annotated[
    Path, typer.Option("--network", help="The network.json of a running demo.", envvar="PASSERELLE_NETWORK")
]
NodeOption = Annotated[str, typer.Option("--node", "-n", help="Ask through this node.")]
LanguageOption = Annotated[
    str, typer.Option("--language", "-l", help="en or fr.", envvar="PASSERELLE_LANGUAGE")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print FHIR JSON instead of text.")]


def main() -> None:
    """Run the command line; an expected failure is one line on standard error and exit code 1."""
    try:
        app()
    except Exception as fault:
        if not _expected(fault):
            raise
        print(f"passerelle: {fault}", file=sys.stderr)  # noqa: T201
        raise SystemExit(1) from None


def _expected(fault: Exception) -> bool:
    """Whether a person can mend this by what its message says."""
    # Imported only now: most of these modules belong to other commands, and every command must start quickly.
    from passerelle.node.client import Unreachable
    from passerelle.node.config import ConfigurationError
    from passerelle.node.demo import DemoError
    from passerelle.node.keys import KeyFileError
    from passerelle.node.load import LoadError
    from passerelle.store.errors import StoreError

    return isinstance(
        fault, StoreError | Unreachable | ConfigurationError | DemoError | KeyFileError | LoadError
    )


@app.callback()
def about(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    if version:
        Console().print(__version__)
        raise typer.Exit


@app.command()
def demo(
    people: Annotated[
        int, typer.Option(min=0, help="How many invented people beside the named cast.")
    ] = 2000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same people.")] = 1867,
    port: Annotated[int, typer.Option(min=1024, max=65000, help="The first of thirteen ports.")] = 8801,
    home: Annotated[Path, typer.Option(help="Where the demo keeps its data.")] = Path("var/demo"),
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget an earlier demo's data first.")] = False,
) -> None:
    """Start the whole country on this machine: thirteen nodes and invented people.

    Stops on Ctrl-C. What it prepared is kept, so that the next start is quick.

    Examples:

    `passerelle demo`

    `passerelle demo --people 200 --port 9001 --home /tmp/country`
    """
    from passerelle.node.demo import Plan, bring_up, run_until_stopped
    from passerelle.node.terminal import Steps, welcome

    console = Console()
    with Steps(console) as steps:
        running = bring_up(Plan(home, people, seed, port), steps.show, fresh=fresh)
    welcome(console, running.plan)
    for gone in run_until_stopped(running):
        console.print(f"[red]Node {gone} ended. See {running.plan.folder(gone) / 'node.log'}[/red]")


@node_app.command("serve")
def node_serve(
    config: Annotated[Path, typer.Option("--config", "-c", help="The node's configuration (TOML).")] = Path(
        "node.toml"
    ),
) -> None:
    """Serve one node until it is told to stop.

    Example: `passerelle node serve --config /etc/passerelle/node.toml`
    """
    import os

    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "passerelle.node", str(config)])  # noqa: S606  our own interpreter


@app.command()
def load(
    paths: Annotated[
        list[Path],
        typer.Argument(exists=True, help="FHIR Bundles (JSON), NDJSON files, or folders of either."),
    ],
    node: Annotated[
        list[str], typer.Option("--node", "-n", help="Load here; several: spread by facility.")
    ] = ["on"],  # noqa: B006
    network: NetworkFile = NETWORK,
    workers: Annotated[
        int, typer.Option(min=1, max=16, help="How many bundles are on their way at once.")
    ] = 4,
) -> None:
    """Load Bundles into one node, or spread each patient's resources over several nodes by facility.

    Loading the same bundle twice changes nothing: resources keep the ids that they have. NDJSON files are imported by one job
    of the node, which goes on if this program is stopped; its bad lines are written to a file with their numbers.

    Examples:

    `passerelle load bundles/ --node on`

    `passerelle load bundles/ --node on --node qc --node bc`

    `passerelle load export/*.ndjson --node on`
    """
    from passerelle.node.load import load_bundles, ndjson_files
    from passerelle.node.load_lines import load_lines
    from passerelle.node.terminal import Steps

    console = Console(stderr=True)
    if lines := ndjson_files(paths, node):
        with Steps(console) as steps:
            loaded = load_lines(lines, node[0], network, steps.show)
        Console().print(f"{node[0]}: {loaded.kept}")
        if loaded.told is not None:
            console.print(f"[yellow]{loaded.bad}: {loaded.told}[/yellow]")
            raise typer.Exit(1)
        return
    with Steps(console) as steps:
        counts = load_bundles(paths, node, network, workers, steps.show)
    for name, count in counts.items():
        Console().print(f"{name}: {count}")


@app.command()
def record(
    person: Annotated[
        str,
        typer.Argument(help="Two of a name, a health number and a birth date; or a name of the demo's cast."),
    ],
    node: NodeOption = "ab",
    network: NetworkFile = NETWORK,
    language: LanguageOption = "en",
    as_json: AsJson = False,
    summary: Annotated[
        bool, typer.Option("--summary", help="Print the PS-CA summary (with --json).")
    ] = False,
) -> None:
    """Print one person's record from every source, with what may be missing first.

    Examples:

    `passerelle record "Marie-Ève Tremblay"`

    `passerelle record "Tremblay 1961-03-14" --node ns --language fr`

    `passerelle record "Marie-Ève Tremblay" --json > record.json`
    """
    from passerelle.node.terminal import print_record

    raise typer.Exit(print_record(person, node, network, _language(language), as_json, summary))


@network_app.command("status")
def network_status(network: NetworkFile = NETWORK, as_json: AsJson = False) -> None:
    """Say which nodes answer, how fast, and what they hold.

    Example: `passerelle network status`
    """
    from passerelle.node.terminal import print_status

    raise typer.Exit(print_status(network, as_json))


def _language(given: str) -> Language:
    if given not in ("en", "fr"):
        raise typer.BadParameter("en or fr", param_hint="--language")
    return "fr" if given == "fr" else "en"


if __name__ == "__main__":
    main()
