"""``$meta``, ``$meta-add`` and ``$meta-delete``: the tags, profiles and security labels of one resource.

https://hl7.org/fhir/R4/resource-operation-meta.html. A change of them is a version like any other: nothing that was
ever true here is overwritten.
"""

from __future__ import annotations

from typing import Any, cast

from passerelle.fhir import intake
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.resource import Stored, decode, encode
from passerelle.flows.operation import named
from passerelle.flows.ports import Change, View
from passerelle.flows.reach import Done, Reach, absent, gone, id_of, type_of
from passerelle.flows.requests import Request
from passerelle.values import Json

_LISTS = ("profile", "security", "tag")


def meta(request: Request, view: View, reach: Reach) -> Done:
    """What one resource says of itself."""
    stored, resource = _current(request, view, reach)
    return _said(stored, resource.get("meta") or {})


def meta_add(request: Request, view: View, reach: Reach) -> Done:
    """Add what is not there yet."""

    def add(have: list[Any], given: list[Any]) -> list[Any]:
        known = {_key(one) for one in have}
        return have + [one for one in given if _key(one) not in known]

    return _changed(request, view, reach, add)


def meta_delete(request: Request, view: View, reach: Reach) -> Done:
    """Take away what is there; what is not there is no error."""

    def take(have: list[Any], given: list[Any]) -> list[Any]:
        unwanted = {_key(one) for one in given}
        return [one for one in have if _key(one) not in unwanted]

    return _changed(request, view, reach, take)


def _changed(request: Request, view: View, reach: Reach, act: Any) -> Done:
    given = named(intake.read_json(request.body, reach.limits), {"meta"}).get("meta")
    if not isinstance(given, dict):
        raise BadInput(Issue("element-required", "required", "Parameters.parameter", {"element": "meta"}))
    _must_be_lists(given)
    stored, resource = _current(request, view, reach)
    before = resource.get("meta") or {}
    after = {name: act(before.get(name) or [], given.get(name) or []) for name in _LISTS}
    if all(after[name] == (before.get(name) or []) for name in _LISTS):
        return _said(stored, before)
    kept = {**{name: value for name, value in before.items() if name not in _LISTS}}
    kept |= {name: value for name, value in after.items() if value}
    made = reach.check({**resource, "meta": kept}, stored.type)
    written = cast(Change, view).put(stored.type, stored.id, made, created=False)
    return _said(written, decode(written.body or b"{}").get("meta") or {})


def _must_be_lists(given: Json) -> None:
    """Tags and labels are codings and profiles are addresses; anything else could not even be compared."""
    for name in _LISTS:
        values = given.get(name, [])
        good = _address if name == "profile" else _coding
        if not isinstance(values, list) or not all(map(good, values)):
            raise BadInput(Issue("operation-parameter-value", "value", f"Parameters.parameter.value.{name}"))


def _address(value: Any) -> bool:
    return isinstance(value, str)


def _coding(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(value.get(part), str | None) for part in ("system", "code")
    )


def _current(request: Request, view: View, reach: Reach) -> tuple[Stored, Json]:
    stored = view.read(type_of(request), id_of(request), reach.scope)
    if stored is None:
        raise absent(request)
    if stored.body is None:
        raise gone(stored)
    return stored, decode(stored.body)


def _key(one: Any) -> Any:
    """A tag or a label is itself by system and code, a profile by its address."""
    return (one.get("system"), one.get("code")) if isinstance(one, dict) else str(one)


def _said(stored: Stored, found: Json) -> Done:
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "return", "valueMeta": found}]}
    return Done(200, stored, body=encode(parameters))
