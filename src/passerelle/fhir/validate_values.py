"""Is one value what its element asks for: a primitive, a bound code, a reference to the right type?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from passerelle.fhir.definitions import resource_types
from passerelle.fhir.faults import Check, Faults, inside, one
from passerelle.fhir.primitives import JSON_TYPES, PRIMITIVES
from passerelle.fhir.required_codes import codes_of, pattern_of

Codes = Mapping[str, frozenset[str]]


@cache
def primitive(kind: str) -> Check:
    """A value of a primitive type."""
    holds = PRIMITIVES[kind]
    types = JSON_TYPES.get(kind, (str,))
    expected = {bool: "boolean", int: "number", str: "string"}[types[0]]

    def check(value: Any) -> Faults | None:
        if holds(value):
            return None
        if type(value) not in types:
            return one("wrong-json-type", expected=expected)
        return one("empty-value") if value == "" else one("primitive-format", "value", type=kind)

    return check


def bound(type: str, path: str, kind: str) -> Check:
    """A primitive that is a code of R4's own, of an outside standard, or free."""
    if codes := codes_of(type, path):
        return code(frozenset[str]().union(*codes.values()))
    if pattern := pattern_of(type, path):
        return shaped(re.compile(pattern))
    return full_url if (type, path) == ("Bundle", "entry.fullUrl") else primitive(kind)


def shaped(pattern: re.Pattern[str]) -> Check:
    plain = primitive("code")

    def check(value: Any) -> Faults | None:
        return plain(value) or (
            None if pattern.fullmatch(value) else one("primitive-format", "value", type="code")
        )

    return check


def code(codes: frozenset[str]) -> Check:
    """A code that must be one of some."""

    def check(value: Any) -> Faults | None:
        if type(value) is not str:
            return one("wrong-json-type", expected="string")
        return None if value in codes else not_allowed(codes)

    return check


def not_allowed(codes: frozenset[str]) -> Faults:
    few = sorted(codes)[:_TOLD]
    return one(
        "code-not-allowed", "code-invalid", codes=", ".join(few) + (", …" if len(codes) > _TOLD else "")
    )


_TOLD = 24


def concept(inner: Check, codes: Codes) -> Check:
    """A CodeableConcept of which one coding must be of the codes."""
    every = frozenset[str]().union(*codes.values())

    def check(value: Any) -> Faults | None:
        if faults := inner(value):
            return faults
        codings = value.get("coding", ())
        if any(each.get("code") in codes.get(each.get("system"), ()) for each in codings):
            return None
        near = next((at for at, each in enumerate(codings) if each.get("system") in codes), None)
        return not_allowed(every) if near is None else inside(f".coding[{near}].code", not_allowed(every))

    return check


_LITERAL = re.compile(r"(?:https?://.+/)?([A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?")


def reference(inner: Check, targets: frozenset[str]) -> Check:
    """A Reference to one of some types, as far as its words say what it points to."""

    def check(value: Any) -> Faults | None:
        if faults := inner(value):
            return faults
        literal = value.get("reference")
        return _literal(literal, targets) if literal is not None else None

    return check


def _literal(literal: str, targets: frozenset[str]) -> Faults | None:
    if literal[0] == "#":
        if literal == "#":  # the containing resource itself
            return None
        missing = one("contained-missing", "not-found")
        missing[0].local = literal[1:]
        return inside(".reference", missing)
    match = _LITERAL.fullmatch(literal)
    if match is None or match[1] in targets:
        return None
    if match[1] not in resource_types():
        wrong = one("reference-unknown-type", "value") if match.start(1) == 0 else None
    else:
        wrong = one("reference-target", "value", targets=", ".join(sorted(targets))) if targets else None
    return inside(".reference", wrong) if wrong else None


def full_url(value: Any) -> Faults | None:
    """An absolute address (R4, bundle.html#bundle-unique)."""
    if found := primitive("uri")(value):
        return found
    return None if re.match(r"[A-Za-z][A-Za-z0-9+.\-]*:", value) else one("full-url-relative", "value")
