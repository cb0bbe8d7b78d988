"""Which functions are there on text? https://hl7.org/fhirpath/N1/#string-manipulation"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from passerelle.fhir.fhirpath.errors import FhirPathError
from passerelle.fhir.fhirpath.evaluation import Evaluation
from passerelle.fhir.fhirpath.functions import Arguments, Function
from passerelle.fhir.fhirpath.node import Collection
from passerelle.fhir.fhirpath.patterns import matches, replacing
from passerelle.fhir.fhirpath.values import EMPTY, MOST_CHARACTERS, bounded, integer, kind_of, simple, text

Reader = Callable[[Collection], Any]


def _on_text(work: Callable[..., Any], *readers: Reader, least: int | None = None) -> Function:
    """A function on one String and its arguments; empty as soon as one of them is."""

    def call(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
        subject = text(focus)
        values = [read(argument) for read, argument in zip(readers, arguments, strict=False)]
        if subject is None or any(value is None for value in values):
            return EMPTY
        found = work(subject, *values)
        if found is None:
            return EMPTY
        if found.__class__ is str:
            return [bounded(found)]
        return found if found.__class__ is list else [found]

    return Function(call, len(readers) if least is None else least, len(readers))


def _substring(subject: str, start: int, length: int | None = None) -> str | None:
    if not 0 <= start < len(subject):
        return None
    return subject[start:] if length is None else subject[start : start + max(0, length)]


def _substring_call(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    subject, start = text(focus), integer(arguments[0])
    if subject is None or start is None:
        return EMPTY
    length = integer(arguments[1]) if len(arguments) > 1 else None  # an empty length is no length
    found = _substring(subject, start, length)
    return EMPTY if found is None else [found]


def _replace(subject: str, pattern: str, substitution: str) -> str:
    if subject.count(pattern) * len(substitution) > MOST_CHARACTERS:
        raise FhirPathError("the text would grow too long")
    return subject.replace(pattern, substitution)


def _matches(subject: str, wanted: str) -> bool:
    return matches(subject, wanted, whole=False)


def _matches_full(subject: str, wanted: str) -> bool:
    return matches(subject, wanted, whole=True)


_GROUP = re.compile(r"\\(.)|\$(?:(\d)|\{(\w+)\})", re.DOTALL)


def _replace_matches(subject: str, wanted: str, substitution: str) -> str:
    """Groups are written ``$1`` or ``${name}``; an empty pattern replaces nothing."""
    if not wanted:
        return subject

    def one(match: re.Match[str]) -> str:
        def group(sign: re.Match[str]) -> str:
            if sign[1] is not None:
                return sign[1]
            try:
                return match[int(sign[2]) if sign[2] else sign[3]] or ""
            except (IndexError, KeyError):
                return ""

        return _GROUP.sub(group, substitution)

    return replacing(wanted, len(subject)).sub(one, subject)


def _encode(subject: str, form: str) -> str | None:
    raw = subject.encode()
    if form == "hex":
        return raw.hex()
    if form == "base64":
        return base64.b64encode(raw).decode()
    return base64.urlsafe_b64encode(raw).decode() if form == "urlbase64" else None


def _decode(subject: str, form: str) -> str | None:
    try:
        if form == "hex":
            return bytes.fromhex(subject).decode()
        if form == "base64":
            return base64.b64decode(subject, validate=True).decode()
        return base64.urlsafe_b64decode(subject).decode() if form == "urlbase64" else None
    except (ValueError, binascii.Error):
        return None


def _escape(subject: str, target: str) -> str | None:
    if target == "html":
        return html.escape(subject, quote=True).replace("&#x27;", "&#39;")
    return json.dumps(subject, ensure_ascii=False)[1:-1] if target == "json" else None


def _unescape(subject: str, target: str) -> str | None:
    if target == "html":
        return html.unescape(subject)
    if target != "json":
        return None
    try:
        return str(json.loads(f'"{subject}"', strict=False))
    except ValueError:
        return subject


def _split(subject: str, separator: str) -> list[str]:
    return subject.split(separator) if separator else list(subject)


def _join(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    separator = text(arguments[0]) if arguments else ""
    values = [simple(item) for item in focus]
    for value in values:
        if value.__class__ is not str:
            raise FhirPathError(f"Strings expected, {kind_of(value)} found")
    return [bounded((separator or "").join(values))] if values else EMPTY


TEXTS: Mapping[str, Function] = {
    "indexOf": _on_text(str.find, text),
    "lastIndexOf": _on_text(str.rfind, text),
    "substring": Function(_substring_call, 1, 2),
    "startsWith": _on_text(lambda subject, start: subject.startswith(start), text),
    "endsWith": _on_text(lambda subject, end: subject.endswith(end), text),
    "contains": _on_text(lambda subject, part: part in subject, text),
    "upper": _on_text(str.upper),
    "lower": _on_text(str.lower),
    "replace": _on_text(_replace, text, text),
    "matches": _on_text(_matches, text),
    "matchesFull": _on_text(_matches_full, text),
    "replaceMatches": _on_text(_replace_matches, text, text),
    "length": _on_text(len),
    "toChars": _on_text(list),
    "trim": _on_text(str.strip),
    "split": _on_text(_split, text),
    "join": Function(_join, 0, 1),
    "encode": _on_text(_encode, text),
    "decode": _on_text(_decode, text),
    "escape": _on_text(_escape, text),
    "unescape": _on_text(_unescape, text),
}
