"""Whatever is sent in whatever shape is done or refused, and never breaks what reads it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from passerelle.values import Json
from tests.spec.country import Country, condition, patient

ODD: list[Any] = [
    *(None, True, 0, -1, 1.5, 10**30, "", "x", [], {}, [None], [[]], {"a": 1}),
    *("2020-13-45", "urn:uuid:x", "Patient?identifier=x", "http://x/Patient/1"),
    *({"reference": "Patient?x=y"}, {"reference": 7}, {"resourceType": "Patient"}),
]


def places(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield (*here, key)
        yield from places(child, (*here, key))


def spoilt(value: Any, dice: Random) -> Any:
    """The same with something in it that nobody expects."""
    value = copy.deepcopy(value)
    for _ in range(dice.randint(1, 3)):
        known = list(places(value))
        if not known:
            return value
        *way, last = dice.choice(known)
        holder = value
        for step in way:
            holder = holder[step]
        odd = copy.deepcopy(dice.choice(ODD))
        if isinstance(holder, dict) and dice.random() < 0.3:
            holder[dice.choice([f"_{last}", "contained", "extension", "meta", "id", "x y"])] = odd
        else:
            holder[last] = odd
    return value


def asked(dice: Random) -> tuple[str, str, Any, dict[str, str]]:
    """One request whose body was spoilt."""
    resource = spoilt(dice.choice([patient(), condition("c1", "asthma")]), dice)
    given = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": resource}]}
    tags = {"name": "meta", "valueMeta": {"tag": [{"code": "x"}], "profile": ["urn:x"], "security": [{}]}}
    parts = [{"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "Patient.gender"}]
    patch = {"name": "operation", "part": [*parts, {"name": "value", "valueCode": "male"}]}
    entry = {
        "resource": resource,
        "request": {"method": dice.choice(["POST", "PUT", "PATCH"]), "url": "Patient/p1"},
    }
    bundle = {"resourceType": "Bundle", "type": dice.choice(["batch", "transaction"]), "entry": [entry] * 2}
    steps = [
        {"op": "replace", "path": "/gender", "value": "male"},
        {"op": "add", "path": "/name/-", "value": {}},
    ]
    return dice.choice(
        [
            ("POST", "Patient", resource, {}),
            ("PUT", "Condition/c1", resource, {}),
            ("PUT", "Patient?_id=p1", resource, {}),
            ("POST", "", spoilt(bundle, dice), {}),
            ("POST", "", bundle, {}),
            ("POST", "Patient/$validate", resource, {}),
            ("POST", "Patient/$validate", spoilt(given, dice), {}),
            ("POST", "Patient/$match", spoilt(given, dice), {}),
            ("POST", "Patient/p1/$meta-add", spoilt({**given, "parameter": [tags]}, dice), {}),
            ("POST", "Patient/p1/$meta-delete", spoilt({**given, "parameter": [tags]}, dice), {}),
            ("POST", "Patient/p1/$everything", spoilt(given, dice), {}),
            ("PATCH", "Patient/p1", spoilt(steps, dice), {"content-type": "application/json-patch+json"}),
            ("PATCH", "Patient/p1", spoilt({**given, "parameter": [patch]}, dice), {}),
        ]
    )


@pytest.mark.parametrize("seed", range(8))
def test_a_spoilt_body_is_done_or_refused(seed: int) -> None:
    dice, country = Random(seed), Country("on")
    country.put("on", patient())
    for _ in range(60):
        method, path, body, headers = asked(dice)
        answer = country.ask("on", method, path, body, headers=headers)
        assert answer.status < 500, (method, path, json.dumps(body))
        if answer.status >= 400:
            outcome: Json = answer.json
            assert outcome["resourceType"] == "OperationOutcome"
            assert outcome["issue"]
