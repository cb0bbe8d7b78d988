"""What is to be done, one by one? A batch or transaction read into steps, or refused with every fault named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from passerelle.fhir.bundle_references import rewrite
from passerelle.fhir.intake import Limits
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.values import Json

MOST_ISSUES = 50
_ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2, "GET": 3, "HEAD": 3}
_ABSOLUTE = re.compile(r"(https?://.+)/([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})")


@dataclass(frozen=True)
class Step:
    """One entry of a batch or transaction; ``index`` is its place in the Bundle."""

    index: int
    method: str
    url: str
    type: str | None = None
    id: str | None = None
    query: str = ""
    resource: Json | None = field(default=None, repr=False)
    full_url: str | None = None
    if_match: str | None = None
    if_none_match: str | None = None
    if_none_exist: str | None = None
    if_modified_since: str | None = None
    issues: tuple[Issue, ...] = ()
    """What is wrong with this entry of a batch; the other entries still happen."""


def steps(bundle: Json, limits: Limits, base: str = "") -> tuple[Step, ...]:
    """The steps of a batch or transaction in the order given. ``base`` is this server's address.

    Raises BadInput for what concerns the whole Bundle, and for a transaction names each entry at fault. The faults of
    an entry of a batch stay with its step, so that the other entries still happen.
    """
    if bundle.get("resourceType") != "Bundle" or bundle.get("type") not in ("batch", "transaction"):
        raise BadInput(Issue("bundle-type", "value", "Bundle.type"))
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise BadInput(Issue("not-a-list", "structure", "Bundle.entry"))
    if len(entries) > limits.max_entries:
        details = {"limit": str(limits.max_entries)}
        raise BadInput(Issue("too-many-entries", "too-long", "Bundle.entry", details), status=413)
    found = tuple([_complete(index, entry, base) for index, entry in enumerate(entries)])
    if bundle["type"] == "batch":
        return found
    issues = [issue for step in found for issue in step.issues]
    issues += _clashes(found)
    if issues:
        raise BadInput(*issues[:MOST_ISSUES])
    return _joined(found)


def _complete(index: int, entry: Any, base: str) -> Step:
    """The step that an entry is, with everything that is wrong with it."""
    read = _step(index, entry, base)
    if isinstance(read, Issue):
        return Step(index, "GET", "", issues=(read,))
    issues = tuple(_incomplete(read))
    return replace(read, issues=issues) if issues else read


def _step(index: int, entry: Any, base: str) -> Step | Issue:
    place = f"Bundle.entry[{index}]"
    request = entry.get("request") if isinstance(entry, dict) else None
    if not isinstance(request, dict):
        return Issue("element-required", "required", f"{place}.request", {"element": "request"})
    for name in ("method", "url"):
        if not isinstance(request.get(name), str) or not request[name]:
            return Issue("element-required", "required", f"{place}.request.{name}", {"element": name})
    if request["method"] not in _ORDER:
        return Issue("bundle-method", "value", f"{place}.request.method", {"methods": ", ".join(_ORDER)})
    if "://" in _relative(request["url"], base).partition("?")[0]:
        return Issue("bundle-url", "value", f"{place}.request.url")
    for name in ("ifMatch", "ifNoneMatch", "ifNoneExist", "ifModifiedSince"):
        if not isinstance(request.get(name), str | None):
            return Issue("wrong-json-type", "structure", f"{place}.request.{name}", {"expected": "string"})
    if not isinstance(entry.get("fullUrl"), str | None):
        return Issue("wrong-json-type", "structure", f"{place}.fullUrl", {"expected": "string"})
    return _read(index, entry, request, base)


def _relative(url: str, base: str) -> str:
    """An address below the base of this server; one that is given whole is understood when it is this server's."""
    return url.removeprefix(base + "/") if base else url


def _read(index: int, entry: Json, request: Json, base: str) -> Step:
    url = _relative(request["url"], base).lstrip("/")
    path, _, query = url.partition("?")
    type, id = (*path.split("/"), "", "")[:2]
    resource = entry.get("resource")
    return Step(
        index=index,
        method=request["method"],
        url=url,
        type=type if type[:1].isupper() else None,
        id=id if id and id[0] not in "$_" else None,
        query=query,
        resource=resource if isinstance(resource, dict) else None,
        full_url=entry.get("fullUrl"),
        if_match=request.get("ifMatch"),
        if_none_match=request.get("ifNoneMatch"),
        if_none_exist=request.get("ifNoneExist"),
        if_modified_since=request.get("ifModifiedSince"),
    )


def _incomplete(step: Step) -> Iterator[Issue]:
    """What a step needs and does not have."""
    place = f"Bundle.entry[{step.index}]"
    operation = "$" in step.url.partition("?")[0] or step.url.partition("?")[0].endswith("_search")
    if step.method in ("POST", "PUT", "PATCH") and not operation:
        if step.resource is None:
            yield Issue("element-required", "required", f"{place}.resource", {"element": "resource"})
        elif step.method != "PATCH" and step.resource.get("resourceType") != step.type:
            yield Issue("type-differs-from-url", "invalid", f"{place}.resource")
    if step.method == "POST" and step.id:
        yield Issue("bundle-post-id", "value", f"{place}.request.url")
    if step.method in ("PUT", "PATCH", "DELETE") and not step.id and not step.query:
        yield Issue("bundle-needs-id", "value", f"{place}.request.url")


def _clashes(found: Sequence[Step]) -> Iterator[Issue]:
    """Entries that say two things about one resource (R4: the transaction fails)."""
    seen: dict[str, int] = {}
    for step in found:
        changed = step.method in ("PUT", "PATCH", "DELETE")
        target = f"{step.type}/{step.id}" if changed and step.id else step.url if changed else None
        for name, key in (("fullUrl", step.full_url), ("request.url", target)):
            if key is None or (name == "fullUrl" and step.method in ("GET", "HEAD")):
                continue
            first = seen.setdefault(f"{name} {key}", step.index)
            if first != step.index:
                details = {"other": f"Bundle.entry[{first}]"}
                yield Issue("bundle-twice", "duplicate", f"Bundle.entry[{step.index}].{name}", details)


def _joined(found: tuple[Step, ...]) -> tuple[Step, ...]:
    """The same steps, relative references to resources that the transaction creates made absolute.

    In an entry whose fullUrl is ``http://x/Patient/1`` the reference ``Observation/2`` means
    ``http://x/Observation/2`` (https://hl7.org/fhir/R4/bundle.html#references), which is what a mapping of
    fullUrls will know.
    """
    created = [
        match
        for step in found
        if step.method == "POST" and (match := _ABSOLUTE.fullmatch(step.full_url or ""))
    ]
    mapping: dict[str, dict[str, str]] = {}
    for match in created:
        mapping.setdefault(match[1], {})[match[2]] = match[0]
    if not mapping:
        return found
    joined = []
    for step in found:
        at = _ABSOLUTE.fullmatch(step.full_url or "")
        if at and step.resource and at[1] in mapping:
            step = replace(step, resource=rewrite(step.resource, mapping[at[1]]))  # noqa: PLW2901
        joined.append(step)
    return tuple(joined)


def in_order(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The order in which R4 performs a transaction: DELETE, POST, PUT and PATCH, then GET."""
    return tuple(sorted(steps, key=lambda step: _ORDER[step.method]))
