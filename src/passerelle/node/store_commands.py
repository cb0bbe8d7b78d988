"""The command line of a store: copy it, bring a copy back, check it, index it again, erase from it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from passerelle.store.postgres import PostgresStore
    from passerelle.store.sqlite import SqliteStore

StoreOption = Annotated[
    str,
    typer.Option("--store", "-s", help="sqlite:///path or postgresql://….", envvar="PASSERELLE_STORE"),
]
BaseOption = Annotated[
    str, typer.Option("--base", help="The FHIR address of the node: references to it count as local.")
]
_DEFAULT = "sqlite:///records.sqlite"


def add(app: typer.Typer) -> None:
    """Put the commands on the command line."""
    for command in (backup, restore, fsck, reindex, purge):
        app.command(command.__name__)(command)


def backup(
    target: Annotated[Path, typer.Argument(help="The new file.")], store: StoreOption = _DEFAULT
) -> None:
    """Copy a SQLite store to a file, also while a node serves it. For PostgreSQL use `pg_dump`.

    Example: `passerelle backup /backups/records-2026-11-22.sqlite --store sqlite:///var/records.sqlite`
    """
    from passerelle.store.backup import backup as copy

    with _progress("Copying") as tell:
        size = copy(_file(store), target)
        tell(f"{size / 1e6:,.1f} MB")


def restore(
    copy: Annotated[Path, typer.Argument(help="A file that `passerelle backup` made.")],
    store: StoreOption = _DEFAULT,
    until: Annotated[
        datetime | None, typer.Option(help="Go back to this moment (UTC), which is before the copy was made.")
    ] = None,
    base: BaseOption = "",
) -> None:
    """Put a copy where a node looks for its store, as it was when it was copied, or at any moment before.

    The node must not run, and its old store must have been moved away.

    Example: `passerelle restore /backups/records.sqlite --store sqlite:///var/records.sqlite --until 2026-11-22T09:30:00`
    """
    from datetime import UTC

    from passerelle.store.backup import restore as bring_back
    from passerelle.store.rewind import rewind

    with _progress("Bringing back") as tell:
        bring_back(copy, _file(store))
        if until is not None:
            moment = until.replace(tzinfo=UTC) if until.tzinfo is None else until
            _with(
                store,
                base,
                lambda opened: rewind(opened, moment, lambda count: tell(f"{count:,} taken back")),
            )


def fsck(store: StoreOption = _DEFAULT, base: BaseOption = "") -> None:
    """Check everything in a store: bodies, versions, index, whereabouts. Exit code 1 when something is wrong.

    A SQLite store that a node serves is checked on a copy (`passerelle backup`).
    """
    from passerelle.store.check import check

    async def look(opened: Any) -> int:
        count = 0
        async for problem in check(opened, lambda seen: tell(f"{seen:,} resources")):
            count += 1
            Console().print(
                f"[red]{problem.type} {problem.seq or ''} {problem.what}[/red]".replace("  ", " ")
            )
        return count

    with _progress("Checking") as tell:
        wrong = _with(store, base, look)
    Console().print("[green]Everything is as it should be.[/green]" if not wrong else f"{wrong} problems.")
    if wrong:
        raise typer.Exit(1)


def reindex(store: StoreOption = _DEFAULT, base: BaseOption = "") -> None:
    """Make the search index of a store again, in small steps. On PostgreSQL nodes go on serving meanwhile."""
    from passerelle.store.reindex import reindex as again

    with _progress("Indexing") as tell:
        _with(
            store,
            base,
            lambda opened: again(
                opened, lambda seen, changed: tell(f"{seen:,} resources, {changed:,} changed")
            ),
        )


def purge(
    reference: Annotated[str, typer.Argument(help="What to erase, such as Observation/123.")],
    store: StoreOption = _DEFAULT,
    base: BaseOption = "",
    sure: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase every version of a resource for good, as a law or a court may order. A deletion without content is left.

    Copies that were made before still hold it: erase them too.
    """
    from passerelle.fhir.definitions import resource_types

    type, _, id = reference.partition("/")
    if type not in resource_types() or not id:
        raise typer.BadParameter("Name a type and an id, such as Observation/123.")
    if not sure:
        typer.confirm("Erase every version for good?", abort=True)

    async def erase(opened: Any) -> None:
        await opened.change(lambda change: change.purge(type, id))
        await opened.clean()

    with _progress("Erasing"):
        _with(store, base, erase)


# --- steps ---


def _file(store: str) -> Path:
    if not store.startswith("sqlite:///"):
        raise typer.BadParameter("This is for a SQLite store; PostgreSQL has pg_dump and pg_restore.")
    return Path(store.removeprefix("sqlite:///")).absolute()


def _with(store: str, base: str, work: Any) -> Any:
    """Open a store, do the work, and close it."""
    from passerelle.store import open_store

    opened: SqliteStore | PostgresStore = open_store(store, base=base)  # type: ignore[assignment]

    async def run() -> Any:
        try:
            return await work(opened)
        finally:
            await opened.close()

    return asyncio.run(run())


@contextmanager
def _progress(what: str) -> Iterator[Any]:
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True)) as shown:
        task = shown.add_task(what)
        yield lambda text: shown.update(task, description=f"{what}: {text}")
