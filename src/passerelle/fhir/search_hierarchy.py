"""What lies in or around a place, an organization, an encounter? ``Procedure?location:below=42``.

https://hl7.org/fhir/R4/search.html#recursive: references that establish a hierarchy are followed to all depths, here
to a bounded one, so that it is an ordinary search through other resources.
"""

from __future__ import annotations

from passerelle.fhir.search_known import parameters
from passerelle.fhir.search_terms import Chain, Clause, Condition, Either, Has, Parameter

_PARENTS = ("partof", "part-of")
_DEEPEST = 8


def parent(type: str) -> Parameter | None:
    """The parameter by which a resource of a type points to the one that it is a part of."""
    known = parameters(type)
    return next((known[name] for name in _PARENTS if name in known and type in known[name].targets), None)


def hierarchy(parameter: Parameter, references: tuple[str, ...], below: bool) -> Condition | None:
    """The references themselves, or what they point to is below (above) one of them; None without a hierarchy."""
    itself = Clause(parameter.name, "reference", references, None, parameter.rows, parameter.start)
    found: list[Condition] = [itself]
    for type in sorted({text.partition("/")[0] for text in references if not text.startswith("http")}):
        up = parent(type)
        if up is None:
            continue
        mine = tuple(text for text in references if text.startswith(f"{type}/"))
        for depth in range(_DEEPEST):
            then = _below(type, up, mine, depth) if below else _above(type, up, mine, depth)
            found.append(Chain(parameter.name, type, then, parameter.rows))
    return Either(tuple(found)) if len(found) > 1 else None


def _below(type: str, up: Parameter, references: tuple[str, ...], depth: int) -> Condition:
    """A part of one of the references, with so many between."""
    if depth == 0:
        return Clause(up.name, "reference", references, None, up.rows, up.start)
    return Chain(up.name, type, _below(type, up, references, depth - 1), up.rows)


def _above(type: str, up: Parameter, references: tuple[str, ...], depth: int) -> Condition:
    """Something of which one of the references is a part, with so many between."""
    if depth == 0:
        ids = tuple(text.partition("/")[2] for text in references)
        return Has(type, up.name, Clause("_id", "token", ids, rows=("_id",)), up.rows)
    return Has(type, up.name, _above(type, up, references, depth - 1), up.rows)
