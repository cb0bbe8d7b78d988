"""The engines mean what the definitions say: on invented resources and questions they answer as memory does."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from passerelle.fhir.outcome import BadInput
from passerelle.fhir.resource import decode
from passerelle.fhir.search import Query, Scope, matches, parse
from passerelle.store.memory import MemoryStore
from passerelle.store.postgres import PostgresStore
from passerelle.store.sqlite import SqliteStore
from passerelle.store.tables import metadata
from tests.engines.conftest import Store

PEOPLE = ("a", "b", "c")
IDS = some.sampled_from(["1", "2", "3", "x-4"])
CODES = some.sampled_from(["A", "B", "flu", "fl"])
SYSTEMS = some.sampled_from(["urn:s", "urn:t"])
DATES = some.sampled_from(
    ["2019", "2020-02", "2020-02-29", "2020-02-29T10:00:00-05:00", "2021-01-01T00:00:00.123Z"]
)
NAMES = some.sampled_from(["Roy", "Rôyer", "O'Brien", "roy", "Tŝilhqot'in", "ᐃᓄᒃ", "100%", "a_b", "日本"])
NUMBERS = some.sampled_from([0, 1, 5, 5.4, -3, 120])

codings = some.fixed_dictionaries({"code": CODES}, optional={"system": SYSTEMS, "display": NAMES})
concepts = some.fixed_dictionaries(
    {}, optional={"coding": some.lists(codings, min_size=1, max_size=2), "text": NAMES}
)
labels = some.lists(
    some.fixed_dictionaries({"code": some.sampled_from(["R", "V"])}, optional={"system": SYSTEMS}), max_size=2
)
metas = some.fixed_dictionaries({}, optional={"security": labels, "tag": some.lists(codings, max_size=1)})
subjects = some.sampled_from(PEOPLE).map(lambda id: {"reference": f"Patient/{id}"})
organizations = some.sampled_from(
    ["Organization/1", "Organization/2", "http://elsewhere.example/Organization/1"]
).map(lambda reference: {"reference": reference})
quantities = some.fixed_dictionaries(
    {"value": NUMBERS},
    optional={
        "unit": some.just("mg"),
        "code": some.just("mg"),
        "system": SYSTEMS,
        "comparator": some.sampled_from(["<", ">="]),
    },
)
periods = some.fixed_dictionaries({}, optional={"start": DATES, "end": DATES}).filter(bool)
identifiers = some.fixed_dictionaries({"value": CODES}, optional={"system": SYSTEMS})


def resources(type: str, **fields: some.SearchStrategy[Any]) -> some.SearchStrategy[dict[str, Any]]:
    """With and without each element, mostly with."""
    maybe = {
        name: some.integers(0, 3).flatmap(_mostly(values))
        for name, values in {"meta": metas, **fields}.items()
    }
    whole = some.fixed_dictionaries({"resourceType": some.just(type), **maybe})
    return whole.map(lambda resource: {name: value for name, value in resource.items() if value is not None})


def _mostly(values: some.SearchStrategy[Any]) -> Callable[[int], some.SearchStrategy[Any]]:
    return lambda number: values if number else some.none()


PATIENTS, OBSERVATIONS, *OTHERS = (
    resources(
        "Patient",
        name=some.lists(
            some.fixed_dictionaries({"family": NAMES}, optional={"given": some.lists(NAMES, max_size=2)}),
            max_size=2,
        ),
        birthDate=some.sampled_from(["1980", "1980-05", "1980-05-06"]),
        identifier=some.lists(identifiers, max_size=2),
        active=some.booleans(),
        managingOrganization=organizations,
    ),
    resources(
        "Observation",
        subject=subjects,
        code=concepts,
        effectiveDateTime=DATES,
        valueQuantity=quantities,
        performer=some.lists(organizations, max_size=2),
        status=some.sampled_from(["final", "amended"]),
    ),
    resources("Encounter", subject=subjects, period=periods, serviceProvider=organizations),
    resources(
        "Appointment", participant=some.lists(some.fixed_dictionaries({"actor": subjects}), max_size=3)
    ),
    resources("Organization", name=NAMES, partOf=organizations),
)
RESOURCES = some.one_of(PATIENTS, OBSERVATIONS, PATIENTS, OBSERVATIONS, *OTHERS)
STEPS = some.tuples(
    some.one_of(IDS, some.sampled_from(PEOPLE)), some.one_of(RESOURCES, RESOURCES, some.none())
)

PREFIXES = some.sampled_from(["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"])


def pairs(names: list[str], values: some.SearchStrategy[str]) -> some.SearchStrategy[tuple[str, str]]:
    several = some.lists(values, min_size=1, max_size=2, unique=True).map(",".join)
    return some.tuples(some.sampled_from(names), several)


tokens = some.one_of(
    CODES,
    some.tuples(SYSTEMS, CODES).map("|".join),
    SYSTEMS.map(lambda s: f"{s}|"),
    CODES.map(lambda c: f"|{c}"),
)
prefixed_dates = some.tuples(PREFIXES, DATES).map("".join)
people = some.one_of(some.sampled_from(PEOPLE), some.sampled_from(PEOPLE).map(lambda id: f"Patient/{id}"))
amounts = some.tuples(PREFIXES, NUMBERS.map(str), some.sampled_from(["", "||mg", "|urn:s|mg"])).map("".join)
missing = some.sampled_from(["true", "false"])
COMMON = some.one_of(
    some.tuples(some.sampled_from(["_id", "_id:not"]), IDS),
    pairs(["_security", "_tag", "_tag:not"], tokens),
    some.tuples(
        some.just("_lastUpdated"),
        some.tuples(PREFIXES, some.sampled_from(["2020", "2023-11-14T22:13:21Z"])).map("".join),
    ),
    some.tuples(some.just("_id:missing"), missing),
)
PARAMETERS = {
    "Patient": some.one_of(
        pairs(["family", "family:exact", "family:contains", "name"], NAMES),
        pairs(["identifier", "identifier:not"], tokens),
        pairs(["birthdate"], prefixed_dates),
        some.tuples(
            some.sampled_from(["family:missing", "birthdate:missing", "identifier:missing"]), missing
        ),
        some.tuples(some.just("active"), missing),
        pairs(
            ["organization"],
            some.sampled_from(["1", "Organization/2", "http://elsewhere.example/Organization/1"]),
        ),
    ),
    "Observation": some.one_of(
        pairs(["code", "code:not", "status", "combo-code"], tokens),
        pairs(["code:text"], NAMES),
        pairs(["patient", "subject"], people),
        pairs(["date"], prefixed_dates),
        pairs(["value-quantity"], amounts),
        some.tuples(some.just("code-value-quantity"), some.tuples(tokens, amounts).map("$".join)),
        some.tuples(
            some.sampled_from(["date:missing", "value-quantity:missing", "performer:missing"]), missing
        ),
    ),
    "Encounter": some.one_of(pairs(["date"], prefixed_dates), pairs(["patient"], people)),
    "Appointment": some.one_of(pairs(["patient", "actor"], people.filter(lambda text: "/" in text))),
    "Organization": some.one_of(pairs(["name"], NAMES), pairs(["partof"], IDS)),
}
SORTS = {
    "Patient": ["family", "-family", "birthdate", "-birthdate,family", "_id", "-_lastUpdated"],
    "Observation": ["date", "-date", "code,-date", "value-quantity", "patient", "-_id"],
    "Encounter": ["date", "-date"],
    "Appointment": ["patient"],
    "Organization": ["name", "-name,_lastUpdated"],
}
INCLUDES = [
    ("_include", "Observation:subject"),
    ("_include", "Observation:*"),
    ("_include", "Patient:organization"),
    ("_revinclude", "Observation:subject"),
    ("_revinclude", "Observation:*"),
    ("_revinclude", "Patient:organization"),
]
SCOPES = some.builds(
    Scope,
    compartment=some.one_of(some.none(), some.sampled_from(PEOPLE)),
    hidden=some.frozensets(some.sampled_from(["|R", "urn:s|R", "urn:s|V"]), max_size=2),
    types=some.one_of(some.none(), some.none(), some.frozensets(some.sampled_from(sorted(PARAMETERS)))),
)
MOSTLY_ALL = some.integers(0, 3).flatmap(lambda number: some.just(Scope()) if number else SCOPES)


@some.composite
def queries(draw: some.DrawFn) -> Query:
    type = draw(some.sampled_from(["Observation", "Patient", "Observation", "Patient", *sorted(PARAMETERS)]))
    clause = some.integers(0, 3).flatmap(lambda number: PARAMETERS[type] if number else COMMON)
    asked = draw(some.lists(clause, min_size=1, max_size=2))
    asked += draw(
        some.one_of(some.just([]), some.sampled_from(SORTS[type]).map(lambda sort: [("_sort", sort)]))
    )
    asked += draw(some.lists(some.sampled_from(INCLUDES), max_size=1))
    asked += [
        ("_count", str(draw(some.sampled_from([4, 4, 2, 1, 0])))),
        ("_offset", str(draw(some.sampled_from([0, 0, 0, 1])))),
    ]
    try:
        return parse(type, asked).within(draw(MOSTLY_ALL))
    except BadInput:  # this parameter does not exist with this value: another question
        return Query(type, scope=draw(SCOPES))


Wipe = Callable[[], None]
_NOW = [1_700_000_000_000]


@pytest.fixture(scope="module")
def sqlite_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Wipe]]:
    path = tmp_path_factory.mktemp("agreement") / "node.sqlite"
    store = SqliteStore.open(path, clock=lambda: _NOW[0])
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    yield store, lambda: [connection.execute(f"DELETE FROM {table}") for table in metadata.tables] and None
    connection.close()
    asyncio.run(store.close())


@pytest.fixture(scope="module")
def postgres_engine(migrated_postgres: str) -> Iterator[tuple[Store, Wipe]]:
    with psycopg.connect(migrated_postgres, autocommit=True) as connection:
        connection.execute("CREATE DATABASE agreement TEMPLATE migrated")
    address = migrated_postgres.rpartition("/")[0] + "/agreement"
    store = PostgresStore.open(address, clock=lambda: _NOW[0])
    with psycopg.connect(address, autocommit=True) as connection:
        yield (
            store,
            lambda: (
                connection.execute("; ".join(f"DELETE FROM {table}" for table in metadata.tables)) and None
            ),
        )
    asyncio.run(store.close())


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_an_engine_answers_as_memory_does(engine: str, request: pytest.FixtureRequest) -> None:
    store, wipe = request.getfixturevalue(f"{engine}_engine")

    @settings(
        max_examples=60 if engine == "sqlite" else 30,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(some.lists(STEPS, min_size=6, max_size=14), some.lists(queries(), min_size=2, max_size=6), SCOPES)
    def agree(steps: list[Any], asked: list[Query], scope: Scope) -> None:
        wipe()
        asyncio.run(_compare(store, steps, asked, scope))

    agree()


async def _compare(store: Store, steps: list[Any], asked: list[Query], scope: Scope) -> None:
    memory = MemoryStore(clock=lambda: _NOW[0])
    for half in (steps[:4], steps[4:]):
        _NOW[0] += 1000
        assert await store.change(lambda change, s=half: _take(change, s)) == await memory.change(
            lambda change, s=half: _take(change, s)
        )
    questions: list[Callable[[Any], Any]] = [
        *(lambda view, q=query: view.search(q) for query in asked),
        *(
            lambda view, p=patient, s=inside: view.everything(p, scope=s)
            for patient in PEOPLE
            for inside in (scope, Scope())
        ),
        lambda view: view.history(scope=scope),
        lambda view: view.history("Observation", scope=scope, count=2, offset=1),
        lambda view: [view.history("Patient", id, scope=scope) for id in PEOPLE],
        lambda view: [view.read("Observation", id, scope) for id in ("1", "2", "3")],
        lambda view: [view.vread("Observation", id, 1, scope) for id in ("1", "2", "3")],
    ]
    for question in questions:
        assert await store.look(question) == await memory.look(question)


def _take(change: Any, steps: list[Any]) -> list[Any]:
    """Put each resource; none deletes the Patient or the Observation of that id."""
    done = []
    for id, resource in steps:
        if resource is not None:
            done.append(change.put(resource["resourceType"], id, resource, created=False))
        else:
            done += [change.delete(type, id) for type in ("Patient", "Observation") if change.read(type, id)]
    return done


@settings(max_examples=50, deadline=None)
@given(some.lists(STEPS, min_size=6, max_size=10), queries())
def test_memory_answers_with_exactly_what_matches(steps: list[Any], query: Query) -> None:
    memory = MemoryStore()
    asyncio.run(memory.change(lambda change: _take(change, steps)))
    everyone = Query(query.type, count=1000)
    bodies = [
        decode(one.body or b"")
        for one in asyncio.run(memory.look(lambda view: view.search(everyone))).matches
    ]
    expected = {body["id"] for body in bodies if matches(body, query)}
    whole = Query(query.type, query.clauses, count=1000, scope=query.scope)
    found = asyncio.run(memory.look(lambda view: view.search(whole)))
    assert {one.id for one in found.matches} == expected
    assert found.total == len(expected)
