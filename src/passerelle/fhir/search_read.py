"""What does a value of each datatype say to a search? Readers that write index rows, by kind and datatype.

https://hl7.org/fhir/R4/search.html (the tables under token, string, date, quantity and reference).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from passerelle.fhir.search_measure import (
    CANONICAL,
    Read,
    Rows,
    money_reader,
    number_reader,
    quantity_reader,
    range_number_reader,
    range_reader,
    sampled_reader,
)
from passerelle.fhir.search_terms import IndexRow, Kind
from passerelle.fhir.search_values import Interval, fold, moments, period, reference

_new: Callable[..., IndexRow] = (
    tuple.__new__
)  # half the time of the constructor, and it is called millions of times


def _text(value: Any) -> str:
    return value if type(value) is str else ""


def _when(name: str, covered: Interval, slot: int) -> IndexRow:
    return _new(IndexRow, (name, "date", "", "", "", *covered, slot))


# --- token ------------------------------------------------------------------------------------------------------


def _code(name: str) -> Read:
    def read(value: Any, base: str, slot: int, rows: Rows) -> None:
        if type(value) is str:
            rows.append(_new(IndexRow, (name, "token", value, "", "", None, None, slot)))
        elif type(value) is bool:
            said = "true" if value else "false"
            rows.append(_new(IndexRow, (name, "token", said, "", "", None, None, slot)))

    return read


def _coding(name: str) -> Read:
    def read(value: Any, base: str, slot: int, rows: Rows) -> None:
        if type(value) is not dict:
            return
        code, system, shown = value.get("code"), value.get("system"), value.get("display")
        code = code if type(code) is str else ""
        system = system if type(system) is str else ""
        shown = fold(shown) if type(shown) is str else ""
        if code or system or shown:
            rows.append(_new(IndexRow, (name, "token", code, system, shown, None, None, slot)))

    return read


def _concept(name: str) -> Read:
    """Each coding, and the text as one more where no coding is shown with the same words."""
    coded = _coding(name)

    def read(value: Any, base: str, slot: int, rows: Rows) -> None:
        if type(value) is not dict:
            return
        start, codings = len(rows), value.get("coding")
        for coding in codings if type(codings) is list else ():
            coded(coding, base, slot, rows)
        text = value.get("text")
        if type(text) is str and text:
            text = fold(text)
            for row in rows[start:]:
                if row[4] == text:
                    return
            rows.append(_new(IndexRow, (name, "token", "", "", text, None, None, slot)))

    return read


def _identifier(name: str) -> Read:
    def read(value: Any, base: str, slot: int, rows: Rows) -> None:
        if type(value) is not dict:
            return
        kind, said, system = value.get("type"), _text(value.get("value")), _text(value.get("system"))
        shown = fold(_text(kind.get("text"))) if type(kind) is dict else ""
        if said or system or shown:
            rows.append(_new(IndexRow, (name, "token", said, system, shown, None, None, slot)))
        codings = kind.get("coding") if type(kind) is dict and said else None
        for coding in codings if type(codings) is list else ():
            code = _text(coding.get("code")) if type(coding) is dict else ""
            if code:
                row = name + CANONICAL, "token", said, _text(coding.get("system")), code, None, None, slot
                rows.append(_new(IndexRow, row))

    return read


def _contact(name: str) -> Read:
    """The system of a contact point is its ``use`` (R4, table of tokens)."""

    def read(value: Any, base: str, slot: int, rows: Rows) -> None:
        if type(value) is dict and type(value.get("value")) is str:
            row = name, "token", value["value"], _text(value.get("use")), "", None, None, slot
            rows.append(_new(IndexRow, row))

    return read


def _deceased(name: str) -> Read:
    """``Patient.deceased.exists() and Patient.deceased != false``: a date of death says true."""

    def read(value: Any, base: str, slot: int, rows: Rows) -> None:
        said = "false" if value is False else "true"
        rows.append(_new(IndexRow, (name, "token", said, "", "", None, None, slot)))

    return read


# --- string, uri --------------------------------------------------------------------------------------------------


def _words(name: str) -> Read:
    def read(value: Any, base: str, slot: int, rows: Rows) -> None:
        if type(value) is str:
            rows.append(_new(IndexRow, (name, "string", fold(value), "", value, None, None, slot)))

    return read


def _uri(name: str) -> Read:
    def read(value: Any, base: str, slot: int, rows: Rows) -> None:
        if type(value) is str:
            rows.append(_new(IndexRow, (name, "uri", value, "", "", None, None, slot)))

    return read


# --- date ---------------------------------------------------------------------------------------------------------


def _date(name: str) -> Read:
    def read(value: Any, base: str, slot: int, rows: Rows) -> None:
        covered = moments(value) if type(value) is str else None
        if covered is not None:
            rows.append(_when(name, covered, slot))

    return read


def _period(name: str) -> Read:
    def read(value: Any, base: str, slot: int, rows: Rows) -> None:
        covered = period(value) if type(value) is dict else None
        if covered is not None:
            rows.append(_when(name, covered, slot))

    return read


def _timing(name: str) -> Read:
    """Only the outer limits of a Timing count (R4, search on date)."""

    def read(value: Any, base: str, slot: int, rows: Rows) -> None:
        if type(value) is not dict:
            return
        events, repeat = value.get("event"), value.get("repeat")
        bounds = repeat.get("boundsPeriod") if type(repeat) is dict else None
        said = [moments(event) for event in events if type(event) is str] if type(events) is list else []
        said.append(period(bounds) if type(bounds) is dict else None)
        covered = [one for one in said if one is not None]
        if covered:
            limits = min(low for low, _ in covered), max(high for _, high in covered)
            rows.append(_when(name, limits, slot))

    return read


# --- reference ----------------------------------------------------------------------------------------------------


def _reference(name: str) -> Read:
    """What is contained or only named is there, but nothing that a search could point to."""

    def read(value: Any, base: str, slot: int, rows: Rows) -> None:
        if type(value) is not dict or not value:
            return
        literal, logical = value.get("reference"), value.get("identifier")
        text = ""
        if type(literal) is str and literal and literal[0] != "#":
            text = reference(literal, base)
        if type(logical) is dict:
            system, said = _text(logical.get("system")), _text(logical.get("value"))
        else:
            system = said = ""
        rows.append(_new(IndexRow, (name, "reference", text, system, said, None, None, slot)))

    return read


def canonical(text: str, base: str = "") -> tuple[str, str]:
    """A canonical's URL, in the form of a reference, and its version."""
    url, _, version = text.partition("|")
    return reference(url, base), version


def _canonical(kind: Kind) -> Callable[[str], Read]:
    def named(name: str) -> Read:
        def read(value: Any, base: str, slot: int, rows: Rows) -> None:
            if type(value) is str:
                url, version = canonical(
                    "" if value[:1] == "#" else value, base if kind == "reference" else ""
                )
                rows.append(_new(IndexRow, (name, kind, url, "", version, None, None, slot)))

        return read

    return named


def _resource(name: str) -> Read:
    """A resource that lies where a reference to it could: the first entry of a document or message."""

    def read(value: Any, base: str, slot: int, rows: Rows) -> None:
        if type(value) is dict and type(value.get("resourceType")) is str and type(value.get("id")) is str:
            text = f"{value['resourceType']}/{value['id']}"
            rows.append(_new(IndexRow, (name, "reference", text, "", "", None, None, slot)))

    return read


# --- which reader -------------------------------------------------------------------------------------------------

_READERS: dict[str, dict[str, Callable[[str], Read]]] = {
    "token": {
        "Coding": _coding,
        "CodeableConcept": _concept,
        "Identifier": _identifier,
        "ContactPoint": _contact,
        "Deceased": _deceased,
        "": _code,
    },
    "string": {"": _words},
    "date": {"Period": _period, "Timing": _timing, "": _date},
    "quantity": {
        "Range": range_reader,
        "Money": money_reader,
        "SampledData": sampled_reader,
        "": quantity_reader,
    },
    "number": {"Range": range_number_reader, "": number_reader},
    "reference": {"Reference": _reference, "Resource": _resource, "": _canonical("reference")},
    "uri": {"canonical": _canonical("uri"), "": _uri},
}


def reader(name: str, kind: str, datatype: str) -> Read:
    """How values of a datatype are written as rows ``name`` of a kind of parameter."""
    known = _READERS[kind]
    return known.get(datatype, known[""])(name)
