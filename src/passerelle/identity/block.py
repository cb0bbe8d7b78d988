"""Among whom to look? A few searches that find the person even when one field is wrong, and few others."""

from __future__ import annotations

import re

from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.search import Clause, Query
from passerelle.identity.normalise import Person, person, transposed
from passerelle.values import Json

MOST = 50
"""Candidates per search; a block that holds more says too little to find anybody."""

_PLACE = "Parameters.parameter.where(name='resource').resource"


def blocks(query: Json) -> tuple[Query, ...]:
    """The searches on Patient that fetch the candidates for a query shaped as a Patient.

    BadInput when there is nothing to compare, or one field alone: a number, name or date by itself would make
    ``$match`` a way to look people up.
    """
    asked = person(query)
    if asked.fields == 0:
        raise BadInput(Issue("match-no-fields", "required", _PLACE))
    if asked.fields == 1:
        raise BadInput(Issue("match-one-field", "required", _PLACE))
    candidates = (
        _clauses(_identifier(query, asked)),
        _clauses(_family(query, asked), _birth_date(asked)),
        _clauses(_given(query, asked), _birth_date(asked)),
        _clauses(_family(query, asked), _given(query, asked)),
        _clauses(_phone(query, asked)),
        _clauses(_postal_code(asked), _birth_date(asked)),
    )
    return tuple(Query("Patient", clauses, count=MOST, total=False) for clauses in candidates if clauses)


def _clauses(*clauses: Clause | None) -> tuple[Clause, ...]:
    """All of them, or none if one has nothing to search for."""
    listed = tuple(clause for clause in clauses if clause is not None and clause.values)
    return listed if len(listed) == len(clauses) else ()


def _escaped(text: str) -> str:
    return re.sub(r"([\\,|$])", r"\\\1", text)


def _identifier(query: Json, asked: Person) -> Clause:
    """Every number as it was written, and without blanks and dashes."""
    written = {
        (each["system"], each["value"])
        for each in query.get("identifier") or ()
        if isinstance(each, dict)
        and isinstance(each.get("system"), str)
        and isinstance(each.get("value"), str)
    }
    systems = {number.system for number in asked.numbers}
    pairs = {pair for pair in written if pair[0] in systems}
    pairs |= {(number.system, number.value) for number in asked.numbers}
    return Clause("identifier", "token", tuple(sorted(f"{_escaped(s)}|{_escaped(v)}" for s, v in pairs)))


def _words(query: Json, asked: Person, element: str) -> tuple[str, ...]:
    """The names to search for: as written (a search folds accents and case), and each longer word of them."""
    found: dict[str, None] = {}
    for name in query.get("name") or ():
        value = name.get(element) if isinstance(name, dict) else None
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and text.strip():
                found[text.strip()] = None
    for name in asked.names:
        for word in name.family if element == "family" else name.given:
            if len(word) > 2 or len(name.family + name.given) == 1:
                found[word] = None
    return tuple(_escaped(text) for text in found)


def _family(query: Json, asked: Person) -> Clause:
    # Family and given names change places between systems, so that each is sought in both.
    values = _words(query, asked, "family") + _words(query, asked, "given")
    return Clause("family", "string", tuple(dict.fromkeys(values)))


def _given(query: Json, asked: Person) -> Clause:
    values = _words(query, asked, "given") + _words(query, asked, "family")
    return Clause("given", "string", tuple(dict.fromkeys(values)))


def _birth_date(asked: Person) -> Clause:
    days = (asked.birth_date, transposed(asked.birth_date))
    return Clause("birthdate", "date", tuple(filter(None, days)))


def _phone(query: Json, asked: Person) -> Clause:
    """A telephone number in the ways in which it is mostly written: a token search compares it as it stands."""
    written = [each.get("value") for each in query.get("telecom") or () if isinstance(each, dict)]
    values = {text for text in written if isinstance(text, str) and text.strip()} if asked.phones else set()
    for digits in asked.phones:
        area, office, line = digits[:3], digits[3:6], digits[6:]
        values |= {digits, f"{area}-{office}-{line}", f"({area}) {office}-{line}", f"{area} {office}-{line}"}
        values |= {
            f"+1{digits}",
            f"1-{area}-{office}-{line}",
            f"+1-{area}-{office}-{line}",
            f"+1 {area} {office} {line}",
        }
    return Clause("phone", "token", tuple(sorted(map(_escaped, values))))


def _postal_code(asked: Person) -> Clause:
    codes = sorted(asked.postal_codes)
    return Clause(
        "address-postalcode", "string", tuple(v for c in codes for v in (c, f"{c[:3]} {c[3:]}".strip()))
    )
