"""What an application asks for, in words instead of OAuth scopes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from passerelle.fhir.clinical import type_name
from passerelle.portals.speech import Speech

_CLINICAL = re.compile(r"(?:patient|user|system)/(\*|[A-Za-z]+)\.(\*|read|write|[cruds]+)(?:\?.*)?")
_PLAIN = {
    "openid": "scope-identity",
    "fhirUser": "scope-identity",
    "profile": "scope-identity",
    "offline_access": "scope-offline",
    "online_access": "scope-offline",
}


@dataclass(frozen=True)
class ScopeRow:
    """One scope as people read it, and as it was asked."""

    words: str
    code: str


def scope_rows(scopes: Sequence[str], speech: Speech) -> tuple[ScopeRow, ...]:
    return tuple(ScopeRow(_words(scope, speech), scope) for scope in scopes)


def _words(scope: str, speech: Speech) -> str:
    """SMART v1 and v2 clinical scopes in words; a scope that is not known here speaks for itself."""
    found = _CLINICAL.fullmatch(scope)
    if found:
        what = speech("scope-everything") if found[1] == "*" else type_name(found[1], speech.language)
        writes = found[2] in ("*", "write") or (not set(found[2]).isdisjoint("cud") and found[2] != "read")
        return speech("scope-write" if writes else "scope-read", what=what)
    if scope.startswith("launch"):
        return speech("scope-launch")
    return speech(_PLAIN[scope]) if scope in _PLAIN else scope
