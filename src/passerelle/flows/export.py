"""What is to be exported? The kick-off of FHIR Bulk Data (https://hl7.org/fhir/uv/bulkdata/export.html), read and checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from passerelle.fhir import compartment, intake
from passerelle.fhir.definitions import resource_types
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.resource import decode
from passerelle.fhir.search import Query, Scope, parse
from passerelle.flows.deciding import Asked
from passerelle.flows.jobs import start
from passerelle.flows.operation import Result
from passerelle.flows.ports import Here
from passerelle.flows.reach import Reach, bad_value, not_found
from passerelle.flows.requests import Params, Request, parameters
from passerelle.store.job import Job
from passerelle.values import FHIR_ID, instant

Level = Literal["system", "patient", "group"]

LEVELS: dict[tuple[str | None, bool], Level] = {
    (None, False): "system",
    ("Patient", False): "patient",
    ("Group", True): "group",
}
"""From the type of the address, and whether it has an id."""

FORMATS = frozenset({"application/fhir+ndjson", "application/ndjson", "ndjson"})
KNOWN = ("_outputFormat", "_since", "_until", "_type", "_typeFilter", "_elements", "patient")
# https://hl7.org/fhir/uv/bulkdata/export.html#query-parameters: what is not kept is refused, unless one is lenient.
LEFT_OUT = frozenset({"includeAssociatedData", "organizeOutputBy", "allowPartialManifests"})

NOT_EXPORTED = frozenset({"AuditEvent"})
"""What is kept apart from the records, and looked at one by one."""


@dataclass(frozen=True)
class Export:
    """One export as it was asked for, narrowed to what a decision lets through."""

    level: Level
    types: tuple[str, ...]
    refused: tuple[str, ...] = ()
    """The types that were asked for by name and cannot be exported to this caller in this way."""
    group: str | None = None
    patients: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None
    filters: tuple[str, ...] = ()
    elements: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    moment: str = ""
    """The transactionTime: everything is exported as it was then."""

    @classmethod
    def of(cls, job: Job) -> Export:
        """The export that a job carries."""
        said = decode(job.request)["export"]
        values: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in said.items()}
        return cls(**values)

    @property
    def scope(self) -> Scope:
        """What is hidden. The types are not in it: each is asked for by name, and a patient's whether or not Patient is."""
        return Scope(hidden=frozenset(self.hidden))

    def queries(self, type: str) -> list[Query]:
        """The searches of which a resource of a type must meet one; none means that all are exported."""
        found = (one.partition("?") for one in self.filters)
        return [_query(kind, query) for kind, _, query in found if kind == type]


async def export(asked: Asked, reach: Reach, here: Here) -> Result:
    """``$export``: read the request, fix the moment, and write the job down."""
    if not asked.request.prefer.later:
        raise BadInput(Issue("export-needs-async", "required"))
    wanted = read(asked.request, reach.scope, here)
    if wanted.group is not None and not await _is_there(wanted.group, reach.scope, here):
        raise not_found(f"Group/{wanted.group}")
    moment = await here.store.change(lambda change: change.settled())
    wanted = replace(wanted, moment=instant(moment))
    started = await start("export", asked, {"export": asdict(wanted)}, here)
    return Result(b"", status=202, headers=started.headers(here))


async def _is_there(group: str, scope: Scope, here: Here) -> bool:
    found = await here.store.look(lambda view: view.read("Group", group, replace(scope, types=None)))
    return found is not None and not found.deleted


def read(request: Request, scope: Scope, here: Here) -> Export:
    """The export that a request asks for, within a scope; BadInput names the parameter that cannot be used."""
    level = LEVELS.get((request.type, request.id is not None))
    if level is None:
        raise BadInput(Issue("unknown-operation", "not-supported"), status=404)
    params = _params(request, here)
    said: dict[str, list[str]] = {name: [] for name in KNOWN}
    for name, value in params:
        if name in said:
            said[name].append(value)
        elif not request.prefer.lenient:
            known = ", ".join(KNOWN)
            raise BadInput(Issue("unknown-operation-parameter", "not-supported", details={"known": known}))
    if any(one not in FORMATS for one in said["_outputFormat"]):
        raise bad_value("_outputFormat")
    types, refused = _types(level, _listed(said["_type"]), scope, request.prefer.lenient)
    since, until = _moment("_since", said["_since"]), _moment("_until", said["_until"])
    return Export(
        level,
        types,
        refused,
        group=request.id if level == "group" else None,
        patients=tuple(_patients(said["patient"], level)),
        since=since,
        until=until,
        filters=tuple(_filters(said["_typeFilter"], types)),
        elements=tuple(_listed(said["_elements"])),
        hidden=tuple(sorted(scope.hidden)),
    )


def _params(request: Request, here: Here) -> Params:
    """The parameters, of the address or of a posted Parameters resource."""
    if not request.body:
        return tuple((name, value) for name, value in request.params if name not in ("_format", "_pretty"))
    resource = intake.read_json(request.body, here.limits)
    if resource.get("resourceType") != "Parameters":
        raise BadInput(Issue("parameters-expected", "structure", "Parameters"))
    found = resource.get("parameter") or []
    if not isinstance(found, list):
        raise BadInput(Issue("parameters-expected", "structure", "Parameters.parameter"))
    return (*request.params, *(_parameter(one, place) for place, one in enumerate(found)))


def _parameter(one: Any, place: int) -> tuple[str, str]:
    at = f"Parameters.parameter[{place}]"
    if not isinstance(one, dict) or not isinstance(one.get("name"), str):
        raise BadInput(Issue("parameters-expected", "structure", at))
    value = next((value for name, value in one.items() if name.startswith("value")), None)
    if isinstance(value, dict):
        value = value.get("reference")
    if not isinstance(value, str):
        raise BadInput(Issue("parameters-expected", "structure", at))
    return one["name"], value


def _listed(values: Iterable[str]) -> list[str]:
    """Values that may be repeated or joined by commas, each once."""
    return list(dict.fromkeys(part.strip() for value in values for part in value.split(",") if part.strip()))


def _types(
    level: Level, asked: list[str], scope: Scope, lenient: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The types to export, and those that were asked for and are not."""
    unknown = [type for type in asked if type not in resource_types()]
    if unknown and not lenient:
        raise bad_value("_type")
    possible = resource_types() - NOT_EXPORTED
    if level != "system":
        possible &= compartment.types() | {"Patient"}
    if scope.types is not None:
        possible &= scope.types
    wanted = [type for type in asked if type not in unknown] or sorted(possible)
    return (
        tuple(type for type in wanted if type in possible),
        tuple(type for type in wanted if type not in possible),
    )


def _moment(name: str, values: list[str]) -> str | None:
    if not values:
        return None
    try:
        # A plus sign that nobody encoded arrives as a space.
        at = datetime.fromisoformat(values[-1].replace(" ", "+"))
    except ValueError:
        raise bad_value(name) from None
    return instant(at if at.tzinfo else at.replace(tzinfo=UTC))


def _patients(values: list[str], level: Level) -> Iterable[str]:
    for value in _listed(values):
        type, _, id = value.rpartition("/")
        if level == "system" or type not in ("", "Patient") or not FHIR_ID.fullmatch(id):
            raise bad_value("patient")
        yield id


def _filters(values: list[str], types: tuple[str, ...]) -> Iterable[str]:
    """``Type?query``, several joined by commas where a query has none of its own."""
    for value in values:
        for one in _split(value):
            type, mark, query = one.partition("?")
            if not mark or type not in resource_types():
                raise bad_value("_typeFilter")
            if type in types:
                _query(type, query)
                yield one


def _split(value: str) -> list[str]:
    """Filters that were joined by commas: each begins with a type and a question mark."""
    parts: list[str] = []
    for part in value.split(","):
        if parts and "?" not in part:
            parts[-1] += f",{part}"
        else:
            parts.append(part)
    return parts


def _query(type: str, query: str) -> Query:
    """One filter as a search; what shapes an answer and selects nothing is no filter."""
    params = parameters(query)
    if not params or any(name.partition(":")[0] in _SHAPING for name, _ in params):
        raise bad_value("_typeFilter")
    return _parse(type, params)


_SHAPING = frozenset({"_sort", "_count", "_include", "_revinclude", "_summary", "_elements", "_total"})
_parse: Callable[[str, Params], Query] = parse


def at(text: str) -> datetime:
    """A moment that an export carries."""
    return datetime.fromisoformat(text)
