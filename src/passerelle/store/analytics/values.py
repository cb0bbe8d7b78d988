"""What are an engine's values in Python? Decimals as they were written, elements as JSON objects."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from passerelle.fhir.resource import decode
from passerelle.fhir.view.plan import Output, Plan
from passerelle.fhir.view.rows import Row


def reader(planned: Plan) -> Callable[[tuple[Any, ...]], Row]:
    """A function from an engine's row to the row that Python would give."""
    readers = [(index, _reader(output)) for index, output in enumerate(planned.outputs)]
    special = [(index, read) for index, read in readers if read is not None]
    if not special:
        return tuple

    def row(values: tuple[Any, ...]) -> Row:
        found = list(values)
        for index, read in special:
            if found[index] is not None:
                found[index] = read(found[index])
        return tuple(found)

    return row


def _reader(output: Output) -> Callable[[Any], Any] | None:
    one: Callable[[Any], Any] | None = {"decimal": _decimal, "complex": _json}.get(output.sort)
    if one is None:
        return list if output.column.collection else None
    if output.column.collection:
        return lambda values: [one(value) for value in values]
    return one


def _decimal(value: Any) -> Decimal:
    return Decimal(str(value))


def _json(value: Any) -> Any:
    return decode(value.encode()) if isinstance(value, str) else value
