"""Do the values of a resource mean something? Addresses, systems, units, attachments, and what definitions define.

Each look is a function over one element; a table says at which types it looks.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from passerelle.fhir import ucum
from passerelle.fhir.definitions import resource_types
from passerelle.fhir.outcome import Issue
from passerelle.fhir.profiles.data import canonical_targets, system_codes
from passerelle.fhir.profiles.items import Item, below, root
from passerelle.fhir.profiles.surroundings import Surroundings
from passerelle.fhir.validate_definitions import DEFINITIONS
from passerelle.values import Json

Look = Callable[[Item], Iterator[Issue]]
UCUM = "http://unitsofmeasure.org"
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+")
_EXAMPLE = re.compile(r"https?://(?:[A-Za-z0-9\-]+\.)*(?:example\.org|acme\.com|acme\.org)(?:[:/?#]|$)")
_LITERAL = re.compile(
    r"(?:https?://.+/)?([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?"
)
_R4_CANONICAL = re.compile(r"http://hl7\.org/fhir/([A-Z][A-Za-z]+)/[^|#]+.*")


def issues(resource: Json) -> Iterator[Issue]:
    """What the values of a resource should not be, those of the resources inside it too."""
    yield from _visit(root(resource), Surroundings(resource))


def _visit(item: Item, around: Surroundings) -> Iterator[Issue]:
    if isinstance(item.value, dict) and not item.part:
        for look in _LOOKS.get(item.type, ()):
            yield from look(item)
        if "resourceType" in item.value:
            yield from _own_address(item)
            yield from DEFINITIONS.get(item.type, _nothing)(item)
    for element, inner in below(item):
        if inner.type in _ADDRESSES and isinstance(inner.value, str):
            path = f"{item.part}.{element.name}" if item.part else element.name
            yield from _address(inner, canonical_targets(item.type).get(path, ()), around)
        elif isinstance(inner.value, dict):
            if inner.type == "Reference" and element.targets:
                yield from _target(inner, element.targets, around)
            yield from _visit(inner, around)


def _nothing(item: Item) -> Iterator[Issue]:
    yield from ()


# --- addresses ----------------------------------------------------------------------------------------------


_ADDRESSES = frozenset({"uri", "url", "canonical"})
_UUID = re.compile(r"urn:uuid:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?:[|#].*)?")
_OID = re.compile(r"urn:oid:[0-2](?:\.(?:0|[1-9]\d*))+(?:[|#].*)?")


def _address(item: Item, targets: Any, around: Surroundings) -> Iterator[Issue]:
    """Well formed; inside the resource, of what is there; nobody's own example."""
    address: str = item.value
    if address.startswith(("oid:", "uuid:")) or not _well_formed(address):
        yield Issue("address-malformed", "value", item.path)
    elif address.startswith("#") and len(address) > 1 and not around.names(address[1:]):
        yield Issue("contained-missing", "not-found", item.path)
    elif item.type == "url" and _EXAMPLE.match(address):
        yield Issue("example-address", "value", item.path)
    elif item.type == "canonical":
        yield from _canonical(item, targets)


def _well_formed(address: str) -> bool:
    if address.startswith("urn:uuid:"):
        return _UUID.fullmatch(address) is not None
    return not address.startswith("urn:oid:") or _OID.fullmatch(address) is not None


def _canonical(item: Item, targets: Any) -> Iterator[Issue]:
    """Absolute, or of a contained resource; R4's own say by their address what they are."""
    if not (_ABSOLUTE.fullmatch(item.value) or item.value.startswith("#")):
        yield Issue("canonical-relative", "value", item.path)
        return
    match = _R4_CANONICAL.fullmatch(item.value)
    if match and targets and match[1] in resource_types() and match[1] not in targets:
        yield Issue("canonical-target", "value", item.path, {"targets": ", ".join(targets)})


def _target(item: Item, targets: tuple[str, ...], around: Surroundings) -> Iterator[Issue]:
    """What is at hand has one of the types that the reference may lead to."""
    literal = item.value.get("reference")
    if not isinstance(literal, str) or _LITERAL.fullmatch(literal):
        return  # its words say the type, which is checked elsewhere
    found = around.resolve(literal)
    if found and found.get("resourceType") not in targets:
        yield Issue("reference-target", "value", f"{item.path}.reference", {"targets": ", ".join(targets)})


def _own_address(item: Item) -> Iterator[Issue]:
    url = item.value.get("url")
    if isinstance(url, str) and item.type in _DEFINING and not _ABSOLUTE.fullmatch(url):
        yield Issue("canonical-relative", "value", f"{item.path}.url")


_DEFINING = frozenset(
    [
        "ActivityDefinition",
        "CapabilityStatement",
        "ChargeItemDefinition",
        "CodeSystem",
        "CompartmentDefinition",
        "ConceptMap",
        "EventDefinition",
        "Evidence",
        "EvidenceVariable",
        "ExampleScenario",
        "GraphDefinition",
        "ImplementationGuide",
        "Library",
        "Measure",
        "MessageDefinition",
        "OperationDefinition",
        "PlanDefinition",
        "Questionnaire",
        "ResearchDefinition",
        "SearchParameter",
        "StructureDefinition",
        "StructureMap",
        "TerminologyCapabilities",
        "TestScript",
        "ValueSet",
    ]
)


def _extension(item: Item) -> Iterator[Issue]:
    url = item.value.get("url")
    if isinstance(url, str) and _EXAMPLE.match(url):
        yield Issue("example-address", "value", f"{item.path}.url")


def _system(item: Item) -> Iterator[Issue]:
    """A code system or register has an absolute address, which is not that of a value set."""
    system = item.value.get("system")
    if isinstance(system, str) and not _ABSOLUTE.fullmatch(system):
        yield Issue("system-relative", "value", f"{item.path}.system")
    elif isinstance(system, str) and system.startswith(_VALUE_SETS):
        yield Issue("system-value-set", "value", f"{item.path}.system")


_VALUE_SETS = ("http://hl7.org/fhir/ValueSet/", "http://terminology.hl7.org/ValueSet/")


def _coding(item: Item) -> Iterator[Issue]:
    """A code that its system has, where R4 publishes the system whole."""
    yield from _system(item)
    system, code = item.value.get("system"), item.value.get("code")
    if isinstance(system, str) and isinstance(code, str) and "version" not in item.value:
        codes = system_codes(system)
        if codes is not None and code not in codes:
            yield Issue("code-unknown", "code-invalid", f"{item.path}.code")


def _identifier(item: Item) -> Iterator[Issue]:
    """An identifier that is an address is one."""
    yield from _system(item)
    value = item.value.get("value")
    address = item.value.get("system") == "urn:ietf:rfc:3986" and isinstance(value, str)
    if address and not _ABSOLUTE.fullmatch(value):
        yield Issue("identifier-address", "value", f"{item.path}.value")


_QUERY = re.compile(r"[A-Z][A-Za-z]+\?[_A-Za-z][^=&?]*=[^=&]*(?:&[_A-Za-z][^=&]*=[^=&]*)*")


def _reference(item: Item) -> Iterator[Issue]:
    """What a reference says of the type of its target, it says once; a search for one is a search."""
    literal, kind = item.value.get("reference"), item.value.get("type")
    search = isinstance(literal, str) and "?" in literal and literal.partition("?")[0] in resource_types()
    if search and not _QUERY.fullmatch(literal):
        yield Issue("reference-query", "value", f"{item.path}.reference")
    match = _LITERAL.fullmatch(literal) if isinstance(literal, str) else None
    if match and kind != match[1] and {kind, match[1]} <= resource_types():
        yield Issue("reference-type", "value", f"{item.path}.type")


# --- measures and content -----------------------------------------------------------------------------------


def _quantity(item: Item) -> Iterator[Issue]:
    """A UCUM unit that can be read."""
    code = item.value.get("code")
    measured = item.value.get("system") == UCUM and isinstance(code, str)
    if measured and ucum.canonical(Decimal(1), code) is None:
        yield Issue("unit-unknown", "code-invalid", f"{item.path}.code", {}, "warning")


def _attachment(item: Item) -> Iterator[Issue]:
    """Its size is that of its data."""
    data, size = item.value.get("data"), item.value.get("size")
    if not isinstance(data, str) or type(size) is not int:
        return
    try:
        length = len(base64.b64decode("".join(data.split()), validate=True))
    except (binascii.Error, ValueError):
        return
    if length != size:
        yield Issue("attachment-size", "value", f"{item.path}.size")


def _meta(item: Item) -> Iterator[Issue]:
    """Each security label is there once."""
    seen = set[tuple[Any, Any]]()
    for at, label in enumerate(item.value.get("security") or ()):
        named = (label.get("system"), label.get("code"))
        if named in seen:
            yield Issue("label-twice", "duplicate", f"{item.path}.security[{at}]")
        seen.add(named)


_LOOKS: Mapping[str, tuple[Look, ...]] = {
    "Extension": (_extension,),
    "Coding": (_coding,),
    "Identifier": (_identifier,),
    "Reference": (_reference,),
    "Attachment": (_attachment,),
    "Meta": (_meta,),
    **dict.fromkeys(("Quantity", "Age", "Count", "Distance", "Duration"), (_system, _quantity)),
}
