"""Which functions does FHIR add? https://hl7.org/fhir/R4/fhirpath.html#functions , and the keys of SQL on FHIR."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from passerelle.fhir.fhirpath.errors import FhirPathError
from passerelle.fhir.fhirpath.evaluation import Evaluation
from passerelle.fhir.fhirpath.functions import Arguments, Function
from passerelle.fhir.fhirpath.model import PRIMITIVE_NAMES, ancestors, is_fhir_type
from passerelle.fhir.fhirpath.moments import Date, DateTime, Time
from passerelle.fhir.fhirpath.node import Collection, Item, Node
from passerelle.fhir.fhirpath.steps import member, root_node
from passerelle.fhir.fhirpath.values import EMPTY, boolean, one, simple, text
from passerelle.fhir.primitives import PRIMITIVES

_BASE = "http://hl7.org/fhir/StructureDefinition/"
_extensions, _contained, _entries, _resource, _full_url = map(
    member, ("extension", "contained", "entry", "resource", "fullUrl")
)
_REFERENCE_ID = re.compile(r"([A-Z][A-Za-z]*)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")
"""A relative reference: the same id on another server is another resource."""


def _extension(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    url = text(arguments[0])
    if url is None:
        return EMPTY
    return [node for node in _extensions(focus, evaluation) if _inside(node, "url") == url]


def _has_value(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    return boolean(len(focus) == 1 and _is_primitive(focus[0]))


def _is_primitive(item: Item) -> bool:
    if item.__class__ is not Node:
        return True
    return item.value is not None and item.type in PRIMITIVE_NAMES


def _get_value(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    return [simple(focus[0])] if len(focus) == 1 and _is_primitive(focus[0]) else EMPTY


def _resolve(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    found: Collection = []
    for item in focus:
        target = simple(item)
        if target.__class__ is Node:
            target = _inside(target, "reference")
        if target.__class__ is str:
            resource = _resolved(target, item, evaluation)
            if resource is not None:
                found.append(resource)
    return found


def _resolved(reference: str, item: Item, evaluation: Evaluation) -> Node | None:
    """A contained resource, an entry of the same Bundle, or what the caller finds."""
    top = _top(item if item.__class__ is Node else evaluation.root)
    if reference.startswith("#"):
        return _contained_in(item, reference[1:], evaluation)
    if top.type == "Bundle":
        for entry in _entries([top], evaluation):
            for resource in _resource([entry], evaluation):
                if reference in (_inside(entry, "fullUrl"), f"{resource.type}/{_inside(resource, 'id')}"):
                    return resource  # type: ignore[no-any-return]
    found = evaluation.resolve(reference) if evaluation.resolve is not None else None
    return None if found is None else root_node(found)


def _contained_in(item: Item, id: str, evaluation: Evaluation) -> Node | None:
    """The contained resource of that id in the resource around an element, or that resource itself for ``#``."""
    around = container(item if item.__class__ is Node else evaluation.root)
    while around is not None and around.key == "contained" and around.parent is not None:
        around = around.parent
    if around is None or not id:
        return around
    matching = (node for node in _contained([around], evaluation) if _inside(node, "id") == id)
    return next(matching, None)


def _top(node: Node) -> Node:
    while node.parent is not None:
        node = node.parent
    return node


def container(node: Node | None) -> Node | None:
    """The nearest resource around an element, the element itself included."""
    while node is not None and not (node.value.__class__ is dict and "resourceType" in node.value):
        node = node.parent
    return node


def _conforms_to(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    profile, item = text(arguments[0]), one(focus)
    if profile is None or item is None or item.__class__ is not Node:
        return EMPTY
    name = profile.partition("|")[0].removeprefix(_BASE)
    if profile.startswith(_BASE) and is_fhir_type(name):
        return boolean(name in ancestors(item.type))
    asked = evaluation.services.conforms
    found = asked(item, profile) if asked is not None else None
    if found is None:
        raise FhirPathError("conformsTo() asks for a profile that is not known here")
    return boolean(found)


def _member_of(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    value_set = text(arguments[0])
    asked = evaluation.services.member_of
    if (
        value_set is None
        or not focus
        or asked is None
        or focus[0].__class__ is not Node
        or one(focus) is None
    ):
        return EMPTY
    return boolean(asked(focus[0], value_set))


def _subsumes(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    return _asked_subsumes(one(focus), one(arguments[0]), evaluation)


def _subsumed_by(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    return _asked_subsumes(one(arguments[0]), one(focus), evaluation)


def _asked_subsumes(wide: Item | None, narrow: Item | None, evaluation: Evaluation) -> Collection:
    asked = evaluation.services.subsumes
    if wide is None or narrow is None:
        return EMPTY
    first, second = (item.value if item.__class__ is Node else item for item in (wide, narrow))
    if first == second:
        return boolean(True)
    return EMPTY if asked is None else boolean(asked(first, second))


def _html_checks(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    """Whether a narrative holds only what R4 allows there."""
    value = one(focus)
    return EMPTY if value is None else boolean(PRIMITIVES["xhtml"](value))


def _nothing(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    return EMPTY


def _check_modifiers(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    known = {text([url]) for argument in arguments for url in argument}
    for node in _modifiers(focus, evaluation):
        if _inside(node, "url") not in known:
            raise FhirPathError("an element has a modifier extension that is not expected")
    return focus


_modifiers = member("modifierExtension")


def _inside(item: Item, key: str) -> str | None:
    """A text inside an element."""
    found = item.value.get(key) if item.__class__ is Node and item.value.__class__ is dict else None
    return found if found.__class__ is str else None


def _resource_key(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    return [id for node in focus if (id := _inside(node, "id")) is not None]


def _reference_key(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    """The id that a reference points to, if it points to the type that is asked for."""
    wanted = text(arguments[0]) if arguments else None
    found: Collection = []
    for node in focus:
        reference = _inside(node, "reference")
        match = _REFERENCE_ID.fullmatch(reference) if reference else None
        if match and wanted in (None, match[1]):
            found.append(match[2])
    return found


def _clock(evaluation: Evaluation) -> tuple[int | Decimal, ...]:
    moment = evaluation.now()
    return (moment.hour, moment.minute, Decimal(f"{moment.second}.{moment.microsecond // 1000:03}"))


def _now(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    moment = evaluation.now()
    zone = moment.utcoffset()
    minutes = None if zone is None else int(zone.total_seconds() // 60)
    return [DateTime((moment.year, moment.month, moment.day), _clock(evaluation), minutes)]


def _today(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    moment = evaluation.now()
    return [Date((moment.year, moment.month, moment.day))]


def _time_of_day(focus: Collection, arguments: Arguments, evaluation: Evaluation) -> Collection:
    return [Time(_clock(evaluation))]


FHIR_FUNCTIONS: Mapping[str, Function] = {
    "extension": Function(_extension, 1, 1),
    "hasValue": Function(_has_value),
    "getValue": Function(_get_value),
    "resolve": Function(_resolve),
    "conformsTo": Function(_conforms_to, 1, 1),
    "memberOf": Function(_member_of, 1, 1),
    "subsumes": Function(_subsumes, 1, 1),
    "subsumedBy": Function(_subsumed_by, 1, 1),
    "htmlChecks": Function(_html_checks),
    "htmlChecks2": Function(_html_checks),
    "elementDefinition": Function(_nothing),
    "slice": Function(_nothing, 2, 2),
    "checkModifiers": Function(_check_modifiers, 0, 50),
    "getResourceKey": Function(_resource_key),
    "getReferenceKey": Function(_reference_key, 0, 1),
    "now": Function(_now),
    "today": Function(_today),
    "timeOfDay": Function(_time_of_day),
}
