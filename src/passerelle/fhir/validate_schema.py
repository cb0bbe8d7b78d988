"""The JSON Schema of one resource type that accepts only what the thorough check accepts too.

It is made from the same definitions and kept small: rare datatypes, nested resources and rules that a schema cannot
hold are simply not accepted, and go the thorough way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

from passerelle.fhir.definitions import Element, Structure, structure
from passerelle.fhir.primitives import PRIMITIVES
from passerelle.fhir.profiles.data import bound, rules
from passerelle.fhir.required_codes import codes_of, pattern_of
from passerelle.fhir.validate_lowered import DEMANDS
from passerelle.values import Json

_ID = r"[A-Za-z0-9\-.]{1,64}"
_YEAR, _MONTH = "[12][0-9]{3}", "(?:0[1-9]|1[0-2])"
_DAY = "(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
_LEAP = "[12][0-9](?:0[48]|[2468][048]|[13579][26])-02-29"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,18})?"
_ZONE = "(?:Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)"
_WORD = {"type": "string", "pattern": "^[!-~]+$"}
_CODE = {"type": "string", "pattern": "^[!-~]+(?: [!-~]+)*$"}
_TEXT = {"type": "string", "maxLength": 1024 * 1024, "pattern": "[!-~\u00c0-\u167f\u3001-\ud7ff]"}


def _matching(pattern: str) -> Json:
    return {"type": "string", "pattern": f"^(?:{pattern})$"}


_UUID = "urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_PRIMITIVES: Mapping[str, Json] = {
    "boolean": {"type": "boolean"},
    "integer": {"x-whole": -(2**31)},
    "unsignedInt": {"x-whole": 0},
    "positiveInt": {"x-whole": 1},
    "decimal": {"type": "number"},
    "string": _TEXT,
    "markdown": _TEXT,
    "code": _CODE,
    "id": _matching(_ID),
    **dict.fromkeys(("uri", "url", "canonical"), _WORD),
    "base64Binary": _matching("(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"),
    "date": _matching(f"{_YEAR}(?:-{_MONTH}|-{_DAY})?|{_LEAP}"),
    "dateTime": _matching(f"{_YEAR}(?:-{_MONTH})?|(?:{_YEAR}-{_DAY}|{_LEAP})(?:T{_CLOCK}{_ZONE})?"),
    "instant": _matching(f"(?:{_YEAR}-{_DAY}|{_LEAP})T{_CLOCK}{_ZONE}"),
    "time": _matching(_CLOCK),
    "xhtml": {"type": "string", "x-xhtml": True},
}
_COMMON = frozenset(
    [
        "Address",
        "Age",
        "Annotation",
        "Attachment",
        "CodeableConcept",
        "Coding",
        "ContactPoint",
        "Dosage",
        "Duration",
        "Extension",
        "HumanName",
        "Identifier",
        "Meta",
        "Money",
        "Narrative",
        "Period",
        "Quantity",
        "Range",
        "Ratio",
        "Reference",
        "Signature",
        "Timing",
    ]
)
_IN_EXTENSIONS = frozenset(
    ["Address", "Coding", "CodeableConcept", "Quantity", "Reference", "Period", "Identifier"]
)
_ANY_TARGET = [
    "AllergyIntolerance",
    "CarePlan",
    "CareTeam",
    "Composition",
    "Condition",
    "Coverage",
    "Device",
    "DiagnosticReport",
    "DocumentReference",
    "Encounter",
    "Group",
    "Immunization",
    "Location",
    "Medication",
    "MedicationRequest",
    "MedicationStatement",
    "Observation",
    "Organization",
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "Procedure",
    "Provenance",
    "RelatedPerson",
    "ServiceRequest",
    "Specimen",
]


class Builder:
    """One schema under way. With ``local``, references to contained resources are taken, to be looked up later."""

    def __init__(self, kind: str, *, local: bool) -> None:
        self.kind, self.local = kind, local
        self.definitions: dict[str, Json | bool] = {}

    def schema(self) -> Json | None:
        """The schema of the type, or None if some rule of the type as a whole cannot be in it."""
        root = self.object(self.kind, "")
        if not isinstance(root, dict):
            return None
        root["properties"]["resourceType"] = {"const": self.kind}
        if self.local:
            root["properties"]["contained"] = {"type": "array", "minItems": 1}
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": self.definitions, **root}

    def object(self, kind: str, part: str) -> Json | bool:
        """One type, or one part of it."""
        found = structure(kind)
        demands = _demanded(kind, part)
        if found is None or demands is None:
            return False
        elements = found.parts[part]
        properties: dict[str, Any] = {}
        if kind == "Extension":
            return self.extension(elements)
        if found.kind != "resource" or part:
            properties = {"id": _TEXT, "extension": _many(self.reference("Extension", ""))}
        for element in elements:
            properties.update(self.properties(found, part, element))
        schema: Json = {
            "type": "object",
            "minProperties": 1,
            "properties": properties,
            "additionalProperties": False,
        }
        schema.update(_presence(elements))
        names = {element.name: [name for name, _ in element.json_names()] for element in elements}
        others = [demand(lambda name: names[name]) for demand in demands]
        return {**schema, "allOf": [*schema.get("allOf", ()), *others]} if others else schema

    def properties(self, found: Structure, part: str, element: Element) -> dict[str, Any]:
        """The JSON names of an element; the ``_name`` of a repeating primitive goes the thorough way."""
        properties: dict[str, Any] = {}
        for name, kind in element.json_names():
            item = self.item(found, part, element, kind)
            if item is False:
                continue  # nothing else is accepted anyway
            properties[name] = _many(item) if element.many else item
            if kind in PRIMITIVES and not element.many and not element.choice:
                properties[f"_{name}"] = self.reference("Element", "")
        return properties

    def item(self, found: Structure, part: str, element: Element, kind: str) -> Json | bool:
        path = f"{part}.{element.name}" if part else element.name
        schema: Json | bool
        if kind.startswith("#"):
            schema = self.reference(found.name, kind[1:])
        elif kind == "Reference":
            schema = self.target(element.targets)
        elif kind in PRIMITIVES:
            schema = self.primitive(found.name, path, kind)
        else:
            schema = self.reference(kind, "") if kind in _COMMON else False
        others = _demanded(found.name, path) if not kind.startswith("#") else ()
        if others is None or (kind == "CodeableConcept" and path in bound(found.name)):
            return self.concept(found.name, path) if others == () else False
        return {"allOf": [schema, *(demand(lambda name: [name]) for demand in others)]} if others else schema

    def primitive(self, type: str, path: str, kind: str) -> Json | bool:
        if path in bound(type):
            codes, pattern = codes_of(type, path), pattern_of(type, path)
            if pattern:
                return _matching(pattern)
            return {"enum": sorted(code for some in codes.values() for code in some)} if codes else False
        if (type, path) == ("Bundle", "entry.fullUrl"):
            return False
        if kind not in _PRIMITIVES:
            return False
        self.definitions[kind] = _PRIMITIVES[kind]
        return {"$ref": f"#/$defs/{kind}"}

    def concept(self, type: str, path: str) -> Json | bool:
        """A CodeableConcept of which one coding must be of the bound codes."""
        codes = codes_of(type, path)
        if codes is None:
            return False
        fitting = [
            {
                "properties": {"system": {"const": system}, "code": {"enum": sorted(some)}},
                "required": ["system", "code"],
            }
            for system, some in codes.items()
        ]
        coding = {"properties": {"coding": {"contains": {"anyOf": fitting}}}, "required": ["coding"]}
        return {"allOf": [self.reference("CodeableConcept", ""), coding]}

    def reference(self, kind: str, part: str) -> Json:
        name = f"{kind}.{part}" if part else kind
        if name not in self.definitions:
            self.definitions[name] = False  # it refers to itself
            self.definitions[name] = self.object(kind, part) if kind != "Element" else self.element()
        return {"$ref": f"#/$defs/{name}"}

    def element(self) -> Json:
        properties = {"id": _TEXT, "extension": _many(self.reference("Extension", ""))}
        return {"type": "object", "minProperties": 1, "properties": properties, "additionalProperties": False}

    def extension(self, elements: Iterable[Element]) -> Json:
        """An address and one more: a value of a common kind, or extensions."""
        properties: dict[str, Any] = {"url": _WORD, "extension": _many(self.reference("Extension", ""))}
        for name, kind in next(each for each in elements if each.choice).json_names():
            if kind in PRIMITIVES:
                properties[name] = _PRIMITIVES.get(kind, False)
            elif kind in _IN_EXTENSIONS:
                properties[name] = self.target(()) if kind == "Reference" else self.reference(kind, "")
        sizes = {"minProperties": 2, "maxProperties": 2}
        return {
            "type": "object",
            **sizes,
            "required": ["url"],
            "properties": properties,
            "additionalProperties": False,
        }

    def target(self, targets: tuple[str, ...]) -> Json:
        """A Reference to one of some types."""
        types = targets or _ANY_TARGET
        name = "Reference:" + ",".join(types)
        if name not in self.definitions:
            self.definitions[name] = False
            schema = self.object("Reference", "")
            if isinstance(schema, dict):
                schema["properties"]["reference"] = _matching(self._literal(types))
            self.definitions[name] = schema
        return {"$ref": "#/$defs/" + name}

    def _literal(self, types: Iterable[str]) -> str:
        local = f"#{_ID}|" if self.local else ""
        some = "|".join(types)
        literal = rf"(?:https?://[!-~]+/)?(?:{some})/{_ID}(?:/_history/{_ID})?"
        return rf"{local}{_UUID}|{literal}|(?:{some})\?[!-~]+"


def _many(item: Json | bool) -> Json:
    return {"type": "array", "minItems": 1, "items": item}


def _demanded(kind: str, path: str) -> list[Any] | tuple[()] | None:
    """The demands of the rules of a part, or None if a rule has none here."""
    keys = [key for part, key, error, _, _ in rules(kind) if part == path and error]
    found = [DEMANDS.get(f"{kind} {key}") or DEMANDS.get(key) for key in keys]
    if any(each is None for each in found):
        return None
    return [demand for each in found for demand in each or ()] if found else ()


_FEW = 3


def _presence(elements: Iterable[Element]) -> Json:
    """What must be there, and that of each choice only one is. Few names are cheaper to compare one by one."""
    required = [each.name for each in elements if each.required and not each.choice]
    chosen, every = [], list[Json]()
    for element in elements:
        names = [name for name, _ in element.json_names()]
        if element.choice and len(names) > _FEW:
            chosen.append([int(element.required), names])
        elif element.choice:
            every += [{"not": {"required": list(pair)}} for pair in combinations(names, 2)]
            every += [{"anyOf": [{"required": [name]} for name in names]}] if element.required else []
    schema: Json = {"required": required} if required else {}
    if every:
        schema["allOf"] = every
    return {**schema, "x-choices": chosen} if chosen else schema
