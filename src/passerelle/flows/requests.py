"""A FHIR request as a value: which interaction of R4's HTTP section a method and a path mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from passerelle.fhir.definitions import resource_types
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.flows.preferences import NONE, Preferences, preferences
from passerelle.values import FHIR_ID, Language

Params = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Request:
    """One interaction, read from HTTP or from an entry of a transaction."""

    interaction: str
    type: str | None = None
    id: str | None = None
    version: int | None = None
    within: tuple[str, str] | None = None
    """The compartment that a search stays in, as the type and id of its head."""
    method: str = "GET"
    params: Params = ()
    body: bytes = field(default=b"", repr=False)
    content_type: str = ""
    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: str | None = None
    if_none_exist: Params | None = None
    prefer: Preferences = NONE
    language: Language = "en"

    @property
    def changes(self) -> bool:
        return self.interaction in CHANGES


CHANGES = frozenset(
    {
        "create",
        "update",
        "patch",
        "delete",
        "conditional-update",
        "conditional-patch",
        "conditional-delete",
        "transaction",
        "batch",
    }
)

# What stands in each place of a path: T a resource type, I an id, V a version, * every type, $ an operation.
ROADS: Mapping[tuple[str, str], str] = {
    ("GET", ""): "search-system",
    ("POST", ""): "bundle",
    ("POST", "_search"): "search-system",
    ("GET", "metadata"): "capabilities",
    ("GET", "_history"): "history-system",
    ("GET", "$"): "operation",
    ("POST", "$"): "operation",
    ("GET", "T"): "search-type",
    ("POST", "T"): "create",
    ("PUT", "T"): "conditional-update",
    ("PATCH", "T"): "conditional-patch",
    ("DELETE", "T"): "conditional-delete",
    ("POST", "T/_search"): "search-type",
    ("GET", "T/_history"): "history-type",
    ("GET", "T/$"): "operation",
    ("POST", "T/$"): "operation",
    ("GET", "T/I"): "read",
    ("PUT", "T/I"): "update",
    ("PATCH", "T/I"): "patch",
    ("DELETE", "T/I"): "delete",
    ("GET", "T/I/_history"): "history-instance",
    ("GET", "T/I/_history/V"): "vread",
    ("GET", "T/I/$"): "operation",
    ("POST", "T/I/$"): "operation",
    ("GET", "T/I/T"): "search-type",
    ("POST", "T/I/T/_search"): "search-type",
    ("GET", "T/I/*"): "search-system",
    ("POST", "T/I/*/_search"): "search-system",
    ("POST", "T/I/_search"): "search-system",
}

FORM = "application/x-www-form-urlencoded"


def understand(
    method: str,
    path: str,
    query: str = "",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    language: Language = "en",
) -> Request:
    """What a method and a path below the FHIR base mean; BadInput (404, 405) when they mean nothing."""
    places = [place for place in path.split("/") if place]
    method = "GET" if method == "HEAD" else method
    shape = "/".join([_shape(places, index) for index in range(len(places))])
    interaction = ROADS.get((method, shape))
    if interaction is None:
        raise _nothing(shape)
    type_, id_ = _named(places, shape)
    within = None
    if interaction.startswith("search") and id_ is not None:
        within, type_, id_ = (str(type_), id_), _searched(places, shape), None
    said = headers or {}
    content = said.get("content-type", "").partition(";")[0].strip().lower()
    params = parameters(query) if query else ()
    if method == "POST" and shape.endswith("_search"):
        params += _form(body, content)
    return Request(
        interaction=places[-1] if interaction == "operation" else interaction,
        type=type_,
        id=id_,
        version=_version(places[-1]) if shape.endswith("V") else None,
        within=within,
        method=method,
        params=params,
        body=body,
        content_type=content,
        if_match=said.get("if-match"),
        if_none_match=said.get("if-none-match"),
        if_modified_since=said.get("if-modified-since"),
        if_none_exist=parameters(said["if-none-exist"]) if said.get("if-none-exist") else None,
        prefer=preferences(said["prefer"]) if said.get("prefer") else NONE,
        language=language,
    )


def _form(body: bytes, content: str) -> Params:
    """The parameters of a search that was posted."""
    if content not in ("", FORM) and body:
        raise BadInput(Issue("form-expected", "not-supported"), status=415)
    return parameters(body.decode("utf-8", "replace"))


def parameters(query: str) -> Params:
    """The parameters of a query string, in order, empty values kept; BadInput when there are absurdly many."""
    try:
        return tuple(parse_qsl(query.removeprefix("?"), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        details = {"limit": str(MOST_FIELDS)}
        raise BadInput(Issue("search-too-long", "too-long", details=details), status=400) from None


MOST_FIELDS = 1000


def _shape(places: Sequence[str], index: int) -> str:
    place = places[index]
    if place[0] == "$":
        return "$"
    if place in _FIXED:
        return place
    if index == 0:
        return "T"
    if index == 1:
        return "I"
    return "V" if places[index - 1] == "_history" else "T" if place[0].isupper() else "?"


_FIXED = frozenset({"metadata", "_history", "_search", "*"})


def _searched(places: Sequence[str], shape: str) -> str | None:
    """The type that a search of a compartment looks for; None for all types."""
    if not shape.startswith("T/I/T"):
        return None
    _known(places[2])
    return places[2]


def _known(type: str) -> None:
    if type not in resource_types():
        raise BadInput(Issue("unknown-type", "not-supported", details={"type": _safe(type)}), status=404)


def _named(places: Sequence[str], shape: str) -> tuple[str | None, str | None]:
    if not shape.startswith("T"):
        return None, None
    _known(places[0])
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
