"""The population: the same for the same seed, spread as Canada is, and as untidy as real demographics."""

from __future__ import annotations

from collections import Counter
from datetime import date
from hashlib import sha256
from itertools import islice

from passerelle.fhir.health_number import Verdict, check
from passerelle.fhir.resource import encode
from passerelle.synthetic import NODES, Person, cast, population, shared

TODAY = date(2026, 3, 2)


def _digest(people: tuple[Person, ...]) -> str:
    seen = sha256()
    for person in people:
        for node, resources in person.records.items():
            seen.update(node.encode())
            for resource in resources:
                seen.update(encode(resource))
    return seen.hexdigest()


def test_a_seed_gives_the_same_bytes_on_every_machine_and_python() -> None:
    people = (*population(2026, 40, today=TODAY), *(member.person for member in cast(today=TODAY)))
    assert _digest(people) == "aaca1f75d85a93b2ea1830ec7df4ee1dd32cae65cf32f9d5c338ef87ff02ff40"


def test_another_seed_gives_other_people() -> None:
    assert _digest(tuple(population(1, 3, today=TODAY))) != _digest(tuple(population(2, 3, today=TODAY)))


def test_asking_for_more_people_does_not_change_the_first_ones() -> None:
    few, many = tuple(population(5, 12, today=TODAY)), population(5, 5_000_000, today=TODAY)
    assert _digest(few) == _digest(tuple(islice(many, 12)))


def test_the_provinces_have_their_share_and_each_territory_a_few() -> None:
    homes = Counter(person.life.home.node for person in population(3, 2000, today=TODAY))
    assert homes["on"] > homes["qc"] > homes["bc"] > homes["ab"] > homes["mb"]
    assert 0.30 < homes["on"] / 2000 < 0.46
    assert min(homes[node] for node in NODES) >= 3


def test_a_person_has_about_fifty_resources(people: tuple[Person, ...]) -> None:
    counts = [sum(map(len, person.records.values())) for person in people]
    assert 45 <= sum(counts) / len(counts) <= 65
    assert max(counts) > 250


def test_no_two_people_have_the_same_health_number(everyone: tuple[Person, ...]) -> None:
    numbers = Counter((each.system, each.value) for person in everyone for each in person.identifiers)
    assert [number for number, times in numbers.items() if times > 1] == []


def test_every_number_holds_its_check_unless_it_is_temporary(everyone: tuple[Person, ...]) -> None:
    for person in everyone:
        for number in person.identifiers:
            verdict = check(number.system, number.value)
            assert verdict is not Verdict.MALFORMED
            assert (verdict is Verdict.FAILED) == (number.temporary and number.node in {"on", "bc", "qc"})


def test_who_moved_keeps_the_old_number_with_its_end(people: tuple[Person, ...]) -> None:
    movers = [person for person in people if len({home.node for home in person.life.homes}) > 1]
    assert len(movers) > 20
    for person in (each for each in movers if each.identifiers):
        old, new = person.identifiers[0], person.identifiers[-1]
        identifiers = person.patient(new.node)["identifier"]
        former = next(each for each in identifiers if each["value"] == old.value)
        assert former["use"] == "old"
        assert former["period"]["end"]


def test_a_married_name_comes_with_the_maiden_name(people: tuple[Person, ...]) -> None:
    changed = [
        person for person in people if len({name.family for name in person.life.names if not name.script}) > 1
    ]
    assert changed
    for person in changed:
        names = person.patient(person.life.home.node)["name"]
        assert [name["use"] for name in names] == ["official", "maiden"]
        assert names[0]["period"]["start"] == names[1]["period"]["end"]


def test_twins_share_birth_date_and_address_and_differ_in_number() -> None:
    born: dict[tuple[str, str], list[Person]] = {}
    for person in population(11, 2500, today=TODAY):
        if person.life.multiple is not None:
            born.setdefault((person.birth_date, person.life.homes[-1].street), []).append(person)
    pairs = [pair for pair in born.values() if len(pair) == 2]
    assert len(pairs) >= 3
    for first, second in pairs:
        assert {first.life.multiple, second.life.multiple} == {1, 2}
        assert {each.value for each in first.identifiers}.isdisjoint(
            each.value for each in second.identifiers
        )


def test_names_come_in_many_cultures_and_scripts() -> None:
    people = tuple(population(9, 1500, today=TODAY))
    languages = {person.life.language for person in people}
    scripts = {name.script for person in people for name in person.life.names}
    assert languages >= {"en", "fr", "iu", "cr", "zh", "pa", "ar"}
    assert scripts >= {"", "SYL", "IDE"}
    assert any(person.name.family == "" for person in people)


def test_some_have_died_some_have_no_number_some_are_mistyped() -> None:
    people = tuple(population(13, 1500, today=TODAY))
    dead = [person for person in people if person.life.died is not None]
    assert dead
    assert all("deceasedDateTime" in person.patient(person.life.home.node) for person in dead)
    assert any(not person.identifiers for person in people)
    assert any(number.temporary for person in people for number in person.identifiers)
    slipped = [(person, node, slip) for person in people for node, slip in person.life.slips.items()]
    dates = [each for each in slipped if each[2].element == "birth-date"]
    assert dates
    assert all(person.patient(node)["birthDate"] != person.birth_date for person, node, _ in dates)


def test_nothing_happens_after_today_or_after_death(people: tuple[Person, ...]) -> None:
    for person in people:
        last = TODAY if person.life.died is None else date.fromordinal(person.life.died)
        for resources in person.records.values():
            for resource in resources:
                if resource["resourceType"] == "Encounter":
                    assert resource["period"]["end"][:10] <= last.isoformat() or person.life.died is not None
                    assert resource["period"]["start"][:10] <= last.isoformat()


def test_the_staff_has_the_same_ids_for_every_seed() -> None:
    for node in NODES:
        assert [each["id"] for each in shared(1, node)] == [each["id"] for each in shared(2, node)]
