"""Which codes does a value set or a hierarchy stand for? ``resolve`` puts them in the place of ``:in`` and ``:below``.

https://hl7.org/fhir/R4/search.html#token, https://hl7.org/fhir/R4/valueset.html#compositions
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.search_terms import All, Chain, Clause, Condition, Either, Has, Query, Typed
from passerelle.fhir.search_tests import split, unescape
from passerelle.values import Json

Find = Callable[[str], Json | None]
"""The ValueSet or CodeSystem of a canonical address, perhaps with ``|version``; None if it is not known."""

Code = tuple[str, str | None]
"""System and code; a code of None is every code of the system."""

_MOST_CODES = 5_000
_DEEPEST = 20


def resolve(query: Query, find: Find) -> Query:
    """The query with codes instead of value sets (``:in``, ``:not-in``) and hierarchies (``:above``, ``:below``).

    Raises BadInput for a value set that is not known, or that chooses codes by a rule.
    """
    clauses = tuple(_resolved(one, find) for one in query.clauses)
    return query if clauses == query.clauses else replace(query, clauses=clauses)


def _resolved(condition: Condition, find: Find) -> Condition:
    match condition:
        case Clause(kind="token", modifier="in" | "not-in"):
            return _in_value_sets(condition, find)
        case Clause(kind="token", modifier="above" | "below"):
            return _in_hierarchy(condition, find)
        case Either():
            return Either(tuple(_resolved(one, find) for one in condition.any))
        case All():
            return All(tuple(_resolved(one, find) for one in condition.all))
        case Chain() | Has() | Typed():
            return replace(condition, then=_resolved(condition.then, find))
    return condition


def _in_value_sets(clause: Clause, find: Find) -> Condition:
    expander = _Expander(find, clause.name)
    codes = [code for value in clause.values for code in expander.of(unescape(value))]
    return _with_codes(clause, codes, "not" if clause.modifier == "not-in" else None)


def _with_codes(clause: Clause, codes: Iterable[Code], modifier: str | None) -> Condition:
    known = list(dict.fromkeys(codes))
    whole = {system for system, code in known if code is None}
    values = [f"{_escaped(system)}|" for system in sorted(whole)]
    values += [
        f"{_escaped(system)}|{_escaped(code)}" for system, code in known if code and system not in whole
    ]
    if len(values) > _MOST_CODES:
        raise BadInput(Issue("search-too-many-conditions", "too-costly", details={"limit": str(_MOST_CODES)}))
    if not values:  # an empty value set holds nothing
        return All(()) if modifier else Either(())
    return replace(clause, values=tuple(values), modifier=modifier)


def _escaped(text: str) -> str:
    for mark in "\\|$,":
        text = text.replace(mark, "\\" + mark)
    return text


# --- value sets -------------------------------------------------------------------------------------------------


class _Expander:
    """The codes of value sets for one parameter: of their expansion, else of their definition."""

    def __init__(self, find: Find, parameter: str) -> None:
        self._find, self._parameter = find, parameter

    def of(self, url: str, depth: int = 0) -> list[Code]:
        system, implicit, rule = url.partition("?fhir_vs")
        if implicit:  # all of a code system, or a concept and what it subsumes (R4, implicit value sets)
            return self._implicit(system, rule)
        value_set = self._find(url)
        if value_set is None or value_set.get("resourceType") != "ValueSet" or depth > _DEEPEST:
            raise self._bad("search-codes-unresolved")
        contains = (value_set.get("expansion") or {}).get("contains")
        if contains:
            return list(_expanded(contains))
        compose = value_set.get("compose") or {}
        excluded = {code for part in compose.get("exclude", ()) for code in self._part(part, depth)}
        found = [code for part in compose.get("include", ()) for code in self._part(part, depth)]
        if any(
            system for system, code in found if code is None and any(out[0] == system for out in excluded)
        ):
            raise self._bad("search-value-set-filter")  # a whole system but some codes
        return [code for code in found if code not in excluded and (code[0], None) not in excluded]

    def _implicit(self, system: str, rule: str) -> list[Code]:
        if not rule:
            return [(system, None)]
        if not rule.startswith("=isa/"):
            raise self._bad("search-value-set-filter")
        is_a = {"property": "concept", "op": "is-a", "value": rule.removeprefix("=isa/")}
        return list(self._filtered(system, [is_a]))

    def _part(self, part: Json, depth: int) -> list[Code]:
        """What one include says: its system with its codes or all, and in every value set that it names."""
        sets = [set(self.of(url, depth + 1)) for url in part.get("valueSet", ())]
        if "system" not in part:
            if not sets:
                raise self._bad("search-value-set-filter")
            return sorted(set.intersection(*sets), key=str)
        own = self._own(part)
        for other in sets:
            own = [code for code in own if code in other or (code[0], None) in other]
        return own

    def _own(self, part: Json) -> list[Code]:
        system = part["system"]
        if part.get("filter"):
            return list(self._filtered(system, part["filter"]))
        if "concept" in part:
            return [(system, concept.get("code")) for concept in part["concept"] if concept.get("code")]
        return [(system, None)]

    def _filtered(self, system: str, filters: list[Json]) -> Iterator[Code]:
        """``is-a``, ``descendent-of`` and ``=`` on a concept of a code system that is known with its hierarchy."""
        code_system = self._find(system)
        if code_system is None or code_system.get("content") != "complete":
            raise self._bad("search-value-set-filter")
        kept: set[str] | None = None
        for rule in filters:
            start = str(rule.get("value"))
            if rule.get("property") not in ("concept", "code"):
                raise self._bad("search-value-set-filter")
            match rule.get("op"):
                case "is-a":
                    chosen = _below(code_system, start)
                case "descendent-of":
                    chosen = _below(code_system, start) - {start}
                case "=":
                    chosen = {start}
                case _:
                    raise self._bad("search-value-set-filter")
            kept = chosen if kept is None else kept & chosen
        yield from ((system, code) for code in sorted(kept or ()))

    def _bad(self, key: str) -> BadInput:
        return BadInput(Issue(key, "not-supported", details={"parameter": self._parameter}))


def _expanded(contains: list[Json]) -> Iterator[Code]:
    stack = list(contains)
    while stack:
        one = stack.pop()
        if one.get("code") and not one.get("abstract"):
            yield one.get("system", ""), one["code"]
        stack.extend(one.get("contains", ()))


# --- hierarchies ------------------------------------------------------------------------------------------------


def _in_hierarchy(clause: Clause, find: Find) -> Condition:
    """``:below`` is the code and what it subsumes, ``:above`` the code and what subsumes it."""
    codes: list[Code] = []
    for value in clause.values:
        pieces = [unescape(piece) for piece in split(value, "|")]
        code_system = find(pieces[0]) if len(pieces) == 2 and all(pieces) else None
        if code_system is None or code_system.get("resourceType") != "CodeSystem":
            raise BadInput(
                Issue("search-codes-unresolved", "not-supported", details={"parameter": clause.name})
            )
        chosen = (_below if clause.modifier == "below" else _above)(code_system, pieces[1])
        codes += [(pieces[0], code) for code in sorted(chosen)]
    return _with_codes(clause, codes, None)


def _edges(code_system: Json) -> Iterator[tuple[str, str]]:
    """Each (parent, child): of nested concepts, and of their ``parent`` and ``child`` properties."""
    stack: list[tuple[str, Json]] = [("", concept) for concept in code_system.get("concept", ())]
    while stack:
        parent, concept = stack.pop()
        code = concept.get("code", "")
        yield parent, code
        for told in concept.get("property", ()):
            if told.get("code") in ("parent", "subsumedBy"):
                yield told.get("valueCode", ""), code
            elif told.get("code") == "child":
                yield code, told.get("valueCode", "")
        stack.extend((code, child) for child in concept.get("concept", ()))


def _below(code_system: Json, start: str) -> set[str]:
    return _reached(list(_edges(code_system)), start)


def _above(code_system: Json, start: str) -> set[str]:
    return _reached([(child, parent) for parent, child in _edges(code_system) if parent], start)


def _reached(edges: list[tuple[str, str]], start: str) -> set[str]:
    """The start and all that edges lead to from it; a circle ends by itself."""
    leads: dict[str, list[str]] = {}
    for source, target in edges:
        leads.setdefault(source, []).append(target)
    found, newest = {start}, [start]
    while newest:
        newest = [one for each in newest for one in leads.get(each, ()) if one not in found]
        found.update(newest)
    return found
