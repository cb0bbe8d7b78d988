"""A FHIR request as a value: which interaction of R4's HTTP section a method and a path mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from passerelle.fhir.definitions import resource_types
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.values import FHIR_ID, Language

Params = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Request:
    """One interaction, read from HTTP or from an entry of a transaction."""

    interaction: str
    type: str | None = None
    id: str | None = None
    version: int | None = None
    params: Params = ()
    body: bytes = field(default=b"", repr=False)
    if_match: str | None = None
    if_none_match: str | None = None
    if_none_exist: Params | None = None
    prefer: str = ""
    language: Language = "en"

    @property
    def changes(self) -> bool:
        return self.interaction in CHANGES


CHANGES = frozenset(
    {"create", "update", "delete", "conditional-update", "conditional-delete", "transaction", "batch"}
)

# What stands in each place of a path: T a resource type, I an id, V a version, $ an operation.
ROADS: Mapping[tuple[str, str], str] = {
    ("GET", ""): "search-system",
    ("POST", ""): "bundle",
    ("GET", "metadata"): "capabilities",
    ("GET", "_history"): "history-system",
    ("GET", "T"): "search-type",
    ("POST", "T"): "create",
    ("PUT", "T"): "conditional-update",
    ("DELETE", "T"): "conditional-delete",
    ("POST", "T/_search"): "search-type",
    ("GET", "T/_history"): "history-type",
    ("GET", "T/I"): "read",
    ("PUT", "T/I"): "update",
    ("DELETE", "T/I"): "delete",
    ("GET", "T/I/_history"): "history-instance",
    ("GET", "T/I/_history/V"): "vread",
    ("GET", "T/$"): "operation",
    ("POST", "T/$"): "operation",
    ("GET", "T/I/$"): "operation",
    ("POST", "T/I/$"): "operation",
}


def understand(
    method: str, path: str, query: str = "", body: bytes = b"", headers: Mapping[str, str] | None = None
) -> Request:
    """What a method and a path below the FHIR base mean; BadInput (404, 405) when they mean nothing."""
    places = [place for place in path.strip("/").split("/") if place]
    method = "GET" if method == "HEAD" else method
    shape = "/".join(_shape(places, index) for index in range(len(places)))
    interaction = ROADS.get((method, shape))
    if interaction is None:
        raise _nothing(shape)
    type_, id_ = _named(places, shape)
    headers = headers or {}
    return Request(
        interaction=places[-1] if interaction == "operation" else interaction,
        type=type_,
        id=id_,
        version=_version(places[-1]) if shape.endswith("V") else None,
        params=parameters(query)
        + (parameters(body.decode("utf-8", "replace")) if shape == "T/_search" else ()),
        body=body,
        if_match=headers.get("if-match"),
        if_none_match=headers.get("if-none-match"),
        if_none_exist=parameters(headers["if-none-exist"]) if headers.get("if-none-exist") else None,
        prefer=headers.get("prefer", ""),
    )


def parameters(query: str) -> Params:
    """The parameters of a query string, in order, empty values kept."""
    return tuple(parse_qsl(query.removeprefix("?"), keep_blank_values=True))


def _shape(places: Sequence[str], index: int) -> str:
    place = places[index]
    if place.startswith("$"):
        return "$"
    if place in ("metadata", "_history", "_search"):
        return place
    if index == 0:
        return "T"
    return "V" if places[index - 1] == "_history" else "I"


def _named(places: Sequence[str], shape: str) -> tuple[str | None, str | None]:
    if not shape.startswith("T"):
        return None, None
    if places[0] not in resource_types():
        raise BadInput(Issue("unknown-type", "not-supported", details={"type": _safe(places[0])}), status=404)
    if not shape.startswith("T/I"):
        return places[0], None
    if not FHIR_ID.fullmatch(places[1]):
        raise BadInput(Issue("id-malformed", "value"), status=400)
    return places[0], places[1]


def _version(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadInput(Issue("version-malformed", "value"), status=404)
    return int(text)


def _nothing(shape: str) -> BadInput:
    known = sorted({method for method, other in ROADS if other == shape})
    if known:
        return BadInput(
            Issue("method-not-allowed", "not-supported", details={"methods": ", ".join(known)}), status=405
        )
    return BadInput(Issue("unknown-path", "not-supported"), status=404)


def _safe(name: str) -> str:
    """A name from a path, short and plain enough to be repeated in a message."""
    return name[:40] if name.isascii() and name.isalpha() else "?"
