"""The invariants that a JSON Schema can hold: for each the demand that implies it, never one that is more lenient.

Whoever breaks the demand may still keep the rule; then its expression decides. A rule without a demand here keeps the
part that it belongs to off the fast road.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from passerelle.values import Json

Names = Callable[[str], list[str]]
"""The JSON names of an element: one, or one for each type of a choice."""

Demand = Callable[[Names], Json]

UCUM = "http://unitsofmeasure.org"
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"


def some(*elements: str) -> Demand:
    """At least one of the elements is there."""
    return lambda names: {"anyOf": [{"required": [name]} for each in elements for name in names(each)]}


def without(*elements: str) -> Demand:
    """None of the elements is there, not even as an extension in its place."""
    return lambda names: {
        "properties": {
            prefix + name: False for each in elements for name in names(each) for prefix in ("", "_")
        }
    }


def when(element: str, schema: Json) -> Demand:
    """If the element is there, the schema holds."""
    return lambda names: {
        "dependentSchemas": {prefix + name: schema for name in names(element) for prefix in ("", "_")}
    }


def needs(element: str, *others: str) -> Demand:
    """If the element is there, so are others."""
    return when(element, {"required": list(others)})


def apart(one: str, other: str) -> Demand:
    """Not both."""
    return lambda names: when(one, without(other)(names))(names)


def plain(schema: Json) -> Demand:
    return lambda names: schema


def _no_coding(element: str, code: str) -> Demand:
    coding = {"not": {"contains": {"properties": {"code": {"const": code}}, "required": ["code"]}}}
    return plain({"properties": {element: {"properties": {"coding": coding}}}})


def _coding(element: str, system: str, codes: Iterable[str]) -> Json:
    item = {
        "properties": {"system": {"const": system}, "code": {"enum": list(codes)}},
        "required": ["system", "code"],
    }
    return {
        "properties": {element: {"properties": {"coding": {"contains": item}}, "required": ["coding"]}},
        "required": [element],
    }


def _fixed(element: str, value: Any) -> Json:
    return {"properties": {element: {"const": value}}, "required": [element]}


_NOT_HOME = plain({"properties": {"use": {"not": {"const": "home"}}, "_use": False}})
_OVER = _coding("clinicalStatus", _TERMINOLOGY + "condition-clinical", ("resolved", "remission", "inactive"))
_PATIENT = plain({"required": ["patient"]})
_ERROR = "entered-in-error"

DEMANDS: Mapping[str, tuple[Demand, ...]] = {
    # datatypes
    "qty-3": (needs("code", "system"),),
    "sqty-1": (without("comparator"),),
    "cpt-2": (needs("value", "system"),),
    "att-1": (needs("data", "contentType"),),
    "per-1": (plain({"x-order": ["start", "end"]}),),
    "rng-2": (apart("low", "high"),),
    "rat-1": (plain({"required": ["numerator", "denominator"]}),),
    "exp-1": (some("expression", "reference"),),
    "drt-1": (when("code", {**_fixed("system", UCUM), "required": ["system", "value"]}),),
    "age-1": (
        needs("value", "code"),
        plain({"properties": {"system": {"const": UCUM}, "value": {"exclusiveMinimum": 0}, "_value": False}}),
    ),
    "tim-1": (needs("duration", "durationUnit"),),
    "tim-2": (needs("period", "periodUnit"),),
    "tim-4": (plain({"properties": {"duration": {"minimum": 0}, "_duration": False}}),),
    "tim-5": (plain({"properties": {"period": {"minimum": 0}, "_period": False}}),),
    "tim-6": (needs("periodMax", "period"),),
    "tim-7": (needs("durationMax", "duration"),),
    "tim-8": (needs("countMax", "count"),),
    "tim-9": (without("offset"),),
    "tim-10": (apart("timeOfDay", "when"),),
    # resources
    "ait-1": (plain({"required": ["clinicalStatus"]}),),
    "ait-2": (_no_coding("verificationStatus", _ERROR),),
    "app-1": (some("type", "actor"),),
    "app-2": (plain({"required": ["start", "end"]}),),
    "app-3": (plain({"required": ["start", "end"]}),),
    "app-4": (without("cancelationReason"),),
    "cmp-1": (some("text", "entry", "section"),),
    "cmp-2": (apart("emptyReason", "entry"),),
    "con-1": (some("summary", "assessment"),),
    "con-2": (some("code", "detail"),),
    "con-4": (when("abatement[x]", _OVER),),
    "con-5": (_no_coding("verificationStatus", _ERROR),),
    "cpl-3": (apart("detail", "reference"),),
    "ctm-1": (without("onBehalfOf"),),
    "fhs-1": (apart("age[x]", "born[x]"),),
    "fhs-2": (without("estimatedAge"),),
    "gol-1": (needs("detail[x]", "measure"),),
    "grp-1": (when("member", _fixed("actual", True)),),
    "imm-1": (some("documentType", "reference"),),
    "imr-1": (some("vaccineCode", "targetDisease"),),
    "lst-1": (apart("emptyReason", "entry"),),
    "lst-2": (
        plain({"properties": {"entry": {"items": {"properties": {"deleted": False, "_deleted": False}}}}}),
    ),
    "lst-3": (plain({"properties": {"entry": {"items": {"properties": {"date": False, "_date": False}}}}}),),
    "mad-1": (some("dose", "rate[x]"),),
    "mdd-1": (plain({"x-order": ["whenPrepared", "whenHandedOver"]}),),
    "obs-3": (some("low", "high", "text"),),
    "obs-6": (apart("dataAbsentReason", "value[x]"),),
    "obs-7": (apart("component", "value[x]"),),
    "org-1": (some("identifier", "name"),),
    "org-2": (_NOT_HOME,),
    "org-3": (_NOT_HOME,),
    "pat-1": (some("name", "telecom", "address", "organization"),),
    "ppc-1": (some("policy", "policyRule"),),
    **dict.fromkeys(("ppc-2", "ppc-3", "ppc-4", "ppc-5"), (_PATIENT,)),
    "prr-1": (needs("orderDetail", "code"),),
    "qrs-1": (apart("answer", "item"),),
    "Task inv-1": (
        plain({"x-order": ["authoredOn", "lastModified"]}),
    ),  # other types use the key for other rules
    "sev-1": (apart("name", "query"),),
}
