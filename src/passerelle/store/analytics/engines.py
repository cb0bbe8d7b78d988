"""Which engine runs a view, and what becomes of its rows?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.view import View
from passerelle.fhir.view.navigate import Unsupported
from passerelle.fhir.view.plan import Plan, outputs, plan
from passerelle.fhir.view.rows import Row
from passerelle.store.analytics import on_memory
from passerelle.store.analytics.errors import AnalyticsError
from passerelle.store.analytics.sources import Progress, Source, as_lines
from passerelle.store.analytics.writing import FORMATS, write_rows

ENGINES = ("memory", "duckdb", "postgresql", "spark")


def quiet(step: str, done: int, total: int) -> None:
    """Progress that nobody asked for."""


def rows_of(
    view: View, source: Source, engine: str = "memory", *, database: str = "", progress: Progress = quiet
) -> list[Row]:
    """The rows of a view as Python values, the same from every engine."""
    with as_lines(source, view.resource, progress) as files:
        return list(_stream(view, files, engine, database, progress))


def write_view(
    view: View,
    source: Source,
    engine: str,
    output: Path,
    format: str,
    *,
    database: str = "",
    progress: Progress = quiet,
) -> int:
    """Write the rows of a view to a file; how many there were. A view that fails leaves no file."""
    if format not in FORMATS:
        raise AnalyticsError(f"There is no format {format}. Use {', '.join(FORMATS)}.")
    part = output.with_name(output.name + ".part")
    try:
        with as_lines(source, view.resource, progress) as files:
            if engine == "duckdb":
                from passerelle.store.analytics import on_duckdb

                count = on_duckdb.write(planned(view, engine), files, part, format)
            else:
                rows = _stream(view, files, engine, database, progress)
                written = partial(_written, progress)
                count = write_rows(rows, outputs(view), part, format, written)
        part.replace(output)
    except OSError as fault:
        raise AnalyticsError(f"{output} cannot be written: {fault.strerror}.") from None
    finally:
        part.unlink(missing_ok=True)
    return count


def _written(progress: Progress, count: int) -> None:
    progress("view-writing", count, 0)


def _stream(
    view: View, files: tuple[Path, ...], engine: str, database: str, progress: Progress
) -> Iterator[Row]:
    if engine == "memory":
        return on_memory.stream(view, files, progress)
    if engine == "duckdb":
        from passerelle.store.analytics import on_duckdb

        return on_duckdb.stream(planned(view, engine), files)
    if engine == "postgresql":
        from passerelle.store.analytics import on_postgres

        return on_postgres.stream(planned(view, engine), files, database, progress)
    if engine == "spark":
        from passerelle.store.analytics import on_spark

        return on_spark.stream(planned(view, engine), files)
    raise AnalyticsError(f"There is no engine {engine}. Use {', '.join(ENGINES)}.")


def planned(view: View, engine: str) -> Plan:
    """The plan of a view, or the refusal that names what the engine does not know."""
    try:
        return plan(view)
    except Unsupported as beyond:
        details = {"engine": engine, "feature": beyond.feature}
        raise BadInput(Issue("view-beyond-engine", "not-supported", details=details), status=422) from None
