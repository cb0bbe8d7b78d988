"""Laws of searching through other resources: one search finds what two or three find one after the other."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from passerelle.fhir.definitions import compartment
from passerelle.fhir.outcome import BadInput
from passerelle.fhir.search import Query, parameters, parse
from passerelle.store.memory import MemoryStore
from tests.engines.asked import Asker
from tests.engines.generated import START, case, write


@pytest.fixture(params=range(100, 112), scope="module")
def world(request):
    """A store with a seed: what is there, somebody to ask, and a way to search."""
    clock = [START]
    made, store = case(request.param, questions=0), MemoryStore(clock=lambda: clock[0])
    asyncio.run(write(store, made, clock))
    resources = [step.resource for steps in made.changes for step in steps if step.resource]

    def find(type, *params):
        query = parse(type, [*params, ("_count", "1000")])
        found = asyncio.run(store.look(lambda view: view.search(query)))
        return {one.reference for one in found.matches}

    return find, Asker(Random(request.param), resources), store


def asked(asker, type, find):
    """Some plain condition of a type that can be asked."""
    while True:
        name, value = asker.condition(type, depth=9)
        if ":in" in name or ":not-in" in name or name.endswith((":above", ":below")):
            continue
        try:
            return (name, value), find(type, (name, value))
        except BadInput:
            continue


def references(type):
    """(name, target) of each reference parameter of a type that R4 limits to some types."""
    return [(p.name, to) for p in parameters(type).values() if p.kind == "reference" for to in p.targets]


def test_a_chain_finds_what_refers_to_what_is_found(world):
    find, asker, _ = world
    for type in asker.types:
        for name, target in references(type):
            if target not in asker.types:
                continue
            (rest, value), there = asked(asker, target, find)
            expected = find(type, (name, ",".join(sorted(there)))) if there else set()
            assert find(type, (f"{name}:{target}.{rest}", value)) == expected


def test_has_finds_what_is_referred_to_by_what_is_found(world):
    find, asker, _ = world
    for source in asker.types:
        for name, type in references(source):
            if type not in asker.types:
                continue
            (rest, value), there = asked(asker, source, find)
            everyone = find(type)
            expected = {one for one in everyone if there & find(source, (f"{name}:{type}", one))}
            assert find(type, (f"_has:{source}:{name}:{rest}", value)) == expected


def test_not_and_missing_part_everything_in_two(world):
    find, asker, _ = world
    for type in asker.types:
        everyone = find(type)
        for name, parameter in parameters(type).items():
            if parameter.parts or parameter.kind == "special":
                continue
            there, absent = (find(type, (f"{name}:missing", said)) for said in ("false", "true"))
            assert (there | absent, there & absent) == (everyone, set())
            if parameter.kind == "token" and name != "_id":
                some, others = find(type, (name, "A,true")), find(type, (f"{name}:not", "A,true"))
                assert (some | others, some & others) == (everyone, set())
                assert some <= there


def test_alternatives_widen_and_parameters_narrow(world):
    find, asker, _ = world
    for type in asker.types:
        one, found = asked(asker, type, find)
        other, also = asked(asker, type, find)
        assert find(type, one, other) == found & also
        if one[0] == other[0] and ":not" not in one[0] and ":missing" not in one[0]:
            assert find(type, (one[0], f"{one[1]},{other[1]}")) == found | also


def test_a_compartment_is_what_its_parameters_point_to(world):
    find, _, store = world
    for id in ("1", "2"):
        query = parse("", [("_count", "1000")], compartment=("Patient", id))
        found = {
            one.reference for one in asyncio.run(store.look(lambda view, q=query: view.search(q))).matches
        }
        expected = find("Patient", ("_id", id))
        for type, names in compartment("Patient").items():
            for name in names:
                if name in parameters(type):
                    expected |= find(type, (name, f"Patient/{id}"))
        assert found == expected


def test_a_search_of_everything_is_all_types_together(world):
    find, _, store = world
    every = asyncio.run(store.look(lambda view: view.search(Query("", count=1000))))
    assert {one.reference for one in every.matches} == find("")
    assert find("", ("_type", "Patient,Observation")) == find("Patient") | find("Observation")
