"""The command line of views: run a ViewDefinition over records and write its rows as a table."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from passerelle.fhir.outcome import BadInput
    from passerelle.fhir.view import View

view_app = typer.Typer(no_args_is_help=True, help="Make tables of records: SQL on FHIR views.")

_FORMATS = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson", ".parquet": "parquet"}


@view_app.command("run")
def view_run(
    view: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The ViewDefinition (JSON).")],
    source: Annotated[
        str,
        typer.Option(
            "--source",
            "-s",
            help="NDJSON or Parquet (a file or a folder), or a store: sqlite:///path, postgresql://….",
        ),
    ],
    engine: Annotated[
        str, typer.Option("--engine", "-e", help="memory, duckdb, postgresql or spark.")
    ] = "memory",
    output: Annotated[
        str, typer.Option("--output", "-o", help="The file to write; - prints to the screen.")
    ] = "-",
    format: Annotated[
        str,
        typer.Option("--format", "-f", help="csv, ndjson or parquet; if not given, as the file is named."),
    ] = "",
    database: Annotated[
        str,
        typer.Option(
            help="The PostgreSQL that the engine postgresql uses; a source in PostgreSQL is its own.",
            envvar="PASSERELLE_VIEW_DATABASE",
        ),
    ] = "",
) -> None:
    """Make a table of records: one row, several or none for each resource, as the view says.

    Every engine gives the same rows. `memory` needs nothing else and is right for thousands of resources, `duckdb`
    (install `passerelle[analytics]`) for millions; `postgresql` and `spark` are for where you have them already.

    Examples:

    `passerelle view run examples/views/patient-demographics.json --source export/ --output patients.csv`

    `passerelle view run laboratory.json --source export/ --engine duckdb --output laboratory.parquet`

    `passerelle view run laboratory.json --source sqlite:///var/records.sqlite --format ndjson | head`
    """
    from passerelle.fhir.outcome import BadInput
    from passerelle.store.analytics import AnalyticsError

    try:
        _run(view, source, engine, output, format or _FORMATS.get(Path(output).suffix, "csv"), database)
    except AnalyticsError as fault:
        _fail(str(fault))
    except BadInput as bad:
        _fail(f"{view.name}: {_said(bad)}")


@view_app.command("columns")
def view_columns(
    view: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The ViewDefinition (JSON).")],
) -> None:
    """Check a view, and print its columns with the type that each has in a table.

    Example: `passerelle view columns examples/views/laboratory-results.json`
    """
    from passerelle.fhir.outcome import BadInput
    from passerelle.fhir.view.plan import outputs
    from passerelle.store.analytics.writing import sql_type

    try:
        for found in outputs(_read(view)):
            typer.echo(f"{found.column.name}\t{sql_type(found)}")
    except BadInput as bad:
        _fail(f"{view.name}: {_said(bad)}")


def _run(path: Path, source: str, engine: str, output: str, format: str, database: str) -> None:
    from rich.console import Console

    from passerelle.store.analytics import AnalyticsError, find_source, write_view

    view = _read(path)
    found = find_source(source, view.resource)
    if engine == "postgresql" and not database and found.address.startswith("postgres"):
        database = found.address
    if output == "-" and format == "parquet":
        raise AnalyticsError("Parquet is not for the screen. Name a file with --output.")
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="passerelle-view-") as folder, _bar(console) as bar:
        file = Path(folder) / "rows" if output == "-" else Path(output)
        count = write_view(view, found, engine, file, format, database=database, progress=_shown(bar))
        bar.stop()
        if output == "-":
            with file.open("rb") as rows:
                shutil.copyfileobj(rows, sys.stdout.buffer)
            sys.stdout.buffer.flush()
    if output != "-":
        console.print(f"{count} rows in {output}", highlight=False)


def _read(path: Path) -> View:
    from passerelle.fhir.intake import Limits, read_json
    from passerelle.fhir.view import read_view

    return read_view(read_json(path.read_bytes(), Limits()))


def _bar(console: Console) -> Progress:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _shown(bar: Progress) -> Callable[[str, int, int], None]:
    """Show how far each step is, by the step's message key."""
    from passerelle.fhir.words import catalogue

    tasks: dict[str, TaskID] = {}

    def show(step: str, done: int, total: int) -> None:
        if step not in tasks:
            words = catalogue("passerelle.node", "words.toml").say(step, "en")
            tasks[step] = bar.add_task(words, total=total or None)
        bar.update(tasks[step], completed=done)

    return show


def _said(bad: BadInput) -> str:
    """What is wrong with a view, and where in it."""
    from passerelle.fhir.outcome import say

    issue = bad.issues[0]
    return f"{say(issue, 'en')}{f' ({issue.expression})' if issue.expression else ''}"


def _fail(message: str) -> None:
    typer.echo(f"passerelle: {message}", err=True)
    raise typer.Exit(1)
