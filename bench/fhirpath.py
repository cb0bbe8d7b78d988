"""How long does FHIRPath take, ours beside fhirpathpy, on the same resources in one run?

    python -m bench.fhirpath [--seconds 0.3]

Both are compiled once per expression; what is timed is one evaluation. The rounds alternate and the best counts.
Prints microseconds for both and their ratio, and one line of JSON at the end.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import fhirpathpy
from fhirpathpy.models import models

from passerelle.fhir.fhirpath import compile

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "identifier": [{"system": f"urn:oid:1.2.{n}", "value": str(n)} for n in range(3)],
    "contained": [{"resourceType": "Organization", "id": "o1", "name": "Clinique"}],
    "active": True,
    "name": [
        {"use": "official", "family": "Tremblay", "given": ["Aurélie", "Marie"]},
        {"use": "usual", "given": ["Lili"]},
    ],
    "telecom": [{"system": "phone", "value": "1", "rank": 2}, {"system": "email", "value": "a@example.org"}],
    "gender": "female",
    "birthDate": "1974-12-25",
    "address": [{"city": "Québec", "line": ["1, rue du Port"], "period": {"start": "2001-05-06"}}],
    "managingOrganization": {"reference": "#o1"},
}
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "status": "final",
    "category": [{"coding": [{"system": "http://example.org/c", "code": "vital-signs"}]}],
    "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
    "subject": {"reference": "Patient/p1"},
    "effectiveDateTime": "2016-03-28T10:00:00-05:00",
    "valueQuantity": {
        "value": Decimal("185"),
        "unit": "lb",
        "system": "http://unitsofmeasure.org",
        "code": "[lb_av]",
    },
}
EXPRESSIONS: list[tuple[dict[str, Any], str]] = [
    (PATIENT, "Patient.birthDate"),
    (PATIENT, "Patient.name.given"),
    (PATIENT, "Patient.name.where(use = 'official').given.first()"),
    (PATIENT, "Patient.telecom.where(system = 'phone').value"),
    (PATIENT, "Patient.name.exists(family.exists() and given.count() > 1)"),
    (PATIENT, "hasValue() or (children().count() > id.count())"),
    (PATIENT, "contained.contained.empty()"),
    (PATIENT, "Patient.descendants().count()"),
    (PATIENT, "Patient.birthDate < today()"),
    (OBSERVATION, "Observation.value.value"),
    (OBSERVATION, "Observation.value.ofType(Quantity).value"),
    (OBSERVATION, "Observation.subject.where(reference.startsWith('Patient/'))"),
    (OBSERVATION, "Observation.value > 100 '[lb_av]'"),
    (OBSERVATION, "category.coding.exists(code in ('vital-signs' | 'laboratory'))"),
]


def main() -> None:
    arguments = _arguments()
    print(f"{'ours µs':>9} {'peer µs':>9} {'ratio':>7}  expression")
    ratios = []
    for resource, expression in EXPRESSIONS:
        mine, theirs = _both(resource, expression, arguments.seconds)
        if theirs is None:
            print(f"{mine * 1e6:9.2f} {'fails':>9} {'':>7}  {expression}")
            continue
        ratios.append(theirs / mine)
        print(f"{mine * 1e6:9.2f} {theirs * 1e6:9.1f} {theirs / mine:7.1f}  {expression}")
    ratios.sort()
    print(
        json.dumps(
            {"expressions": len(ratios), "least": round(ratios[0], 1), "median": round(_median(ratios), 1)}
        )
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=0.3, help="for each engine and expression")
    return parser.parse_args()


def _both(resource: dict[str, Any], expression: str, seconds: float) -> tuple[float, float | None]:
    """The best time of one evaluation by each, in five rounds; None for a peer that cannot."""
    ours, peer = compile(expression), fhirpathpy.compile(expression, models["r4"])
    calls: list[Callable[[], Any]] = [lambda: ours(resource), lambda: peer(resource)]
    try:
        peer(resource)
    except Exception:  # what a peer raises is its own affair; here it only means that it has no time
        del calls[1]
    best = [float("inf"), float("inf")]
    for _ in range(5):
        for at, call in enumerate(calls):
            best[at] = min(best[at], _one(call, seconds / 5))
    return best[0], best[1] if len(calls) > 1 else None


def _one(call: Callable[[], Any], seconds: float) -> float:
    calls, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds:
        for _ in range(20):
            call()
        calls += 20
    return spent / calls


def _median(ratios: list[float]) -> float:
    return ratios[len(ratios) // 2]


if __name__ == "__main__":
    main()
