"""What a search answers, and what a scope leaves out of it before anything is counted or paged."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

from passerelle.fhir.search import Clause, Scope, parse
from tests.engines.conftest import Opener, Store
from tests.engines.people import HIDDEN, condition, patient, references, restricted

NOON = 1_700_000_000_000
ORGANIZATION = {"resourceType": "Organization", "name": "Clinic"}


async def clinic(new_store: Opener) -> Store:
    """Two patients, their conditions, a practitioner with a role in an organization that is part of another."""
    now = iter(range(NOON, NOON + 100_000, 1000))
    store = new_store(clock=lambda: next(now))
    put = [
        ("Organization", "parent", ORGANIZATION),
        ("Organization", "clinic", {**ORGANIZATION, "partOf": {"reference": "Organization/parent"}}),
        ("Organization", "other", ORGANIZATION),
        ("Practitioner", "ng", {"resourceType": "Practitioner", "name": [{"family": "Ng"}]}),
        (
            "PractitionerRole",
            "role",
            {
                "resourceType": "PractitionerRole",
                "practitioner": {"reference": "Practitioner/ng"},
                "organization": {"reference": "Organization/clinic"},
            },
        ),
        (
            "Patient",
            "a",
            patient("Gagnon", birthDate="1980-02-03", identifier=[{"system": "urn:x", "value": "1"}]),
        ),
        ("Patient", "b", patient("Gagné", birthDate="1990")),
        (
            "Condition",
            "flu",
            condition("a", "flu", recordedDate="2020-01-01", asserter={"reference": "PractitionerRole/role"}),
        ),
        ("Condition", "hiv", restricted(condition("a", "hiv", recordedDate="2019-01-01"))),
        ("Condition", "flu-b", condition("b", "flu")),
    ]
    for type, id, resource in put:
        await store.change(lambda change, t=type, i=id, r=resource: change.put(t, i, r, created=True))
    return store


def ask(store: Store, type: str, query: str, scope: Scope = Scope(), **fields: int):  # type: ignore[no-untyped-def]  # noqa: B008
    pairs = [tuple(pair.split("=", 1)) for pair in query.split("&") if pair]
    return store.look(lambda view: view.search(parse(type, pairs).within(scope)))  # type: ignore[arg-type]


def test_the_roads_that_are_asked_most(new_store: Opener) -> None:
    async def story() -> None:
        store = await clinic(new_store)
        for type, query, expected in [
            ("Condition", "patient=a&code=http://example.org/codes|flu", ["Condition/flu"]),
            ("Condition", "patient=Patient/a", ["Condition/hiv", "Condition/flu"]),
            ("Patient", "identifier=urn:x|1", ["Patient/a"]),
            ("Patient", "family=gagn&birthdate=1980-02-03", ["Patient/a"]),
            ("Patient", "family=gagn", ["Patient/b", "Patient/a"]),
            ("Patient", "family:exact=Gagné", ["Patient/b"]),
            ("Patient", "birthdate=lt1985", ["Patient/a"]),
            ("Patient", "_id=b,a,nobody", ["Patient/b", "Patient/a"]),
            ("Patient", "identifier:missing=true", ["Patient/b"]),
            ("Condition", "code:not=flu", ["Condition/hiv"]),
            ("Condition", "_lastUpdated=gt2023-11-14T22:13:28Z", ["Condition/flu-b"]),
            ("Condition", "_security=R", ["Condition/hiv"]),
        ]:
            found = await ask(store, type, query)
            assert (references(found.matches), found.total) == (expected, len(expected)), query
        await store.close()

    asyncio.run(story())


def test_a_question_may_have_thousands_of_alternatives(new_store: Opener) -> None:
    async def story() -> None:
        store = await clinic(new_store)
        # More than ``parse`` lets a caller ask: a value set, or a condition of the program's own, may have as many.
        many = range(2500)
        for type, name, values in [
            ("Patient", "_id", ["a", *(f"x{n}" for n in many)]),
            ("Patient", "identifier", [f"urn:x|{n}" for n in many]),
            ("Patient", "family", [f"gagnon{n or ''}" for n in many]),
            ("Patient", "birthdate", ["1980-02-03", *(f"ge2{n:03}-01" for n in range(100, 700))]),
        ]:
            one = parse(type, [(name, values[0])])
            [clause] = one.clauses
            assert isinstance(clause, Clause)
            query = replace(one, clauses=(replace(clause, values=tuple(values)),))
            found = await store.look(lambda view, query=query: view.search(query))
            assert references(found.matches) == ["Patient/a"], name
        await store.close()

    asyncio.run(story())


def test_pages_follow_one_another_and_know_the_total(new_store: Opener) -> None:
    async def story() -> None:
        store = await clinic(new_store)
        for sort, expected in [
            ("", [["Condition/flu-b", "Condition/hiv"], ["Condition/flu"]]),
            ("&_sort=recorded-date", [["Condition/hiv", "Condition/flu"], ["Condition/flu-b"]]),
            ("&_sort=-code", [["Condition/hiv", "Condition/flu-b"], ["Condition/flu"]]),
        ]:
            first = await ask(store, "Condition", f"_count=2{sort}")
            rest = await ask(store, "Condition", f"_count=2{sort}&_cursor={first.next}")
            assert [references(page.matches) for page in (first, rest)] == expected
            assert [(page.total, page.more, bool(page.next)) for page in (first, rest)] == [
                (3, True, True),
                (3, False, False),
            ]
        counted = await ask(store, "Condition", "_summary=count")
        assert (counted.matches, counted.total) == ((), 3)
        uncounted = await ask(store, "Condition", "_total=none&_count=2")
        assert (uncounted.total, uncounted.more) == (None, True)
        await store.close()

    asyncio.run(story())


def test_a_sort_puts_what_has_no_value_last_either_way(new_store: Opener) -> None:
    async def story() -> None:
        store = await clinic(new_store)
        for query, expected in [
            ("_sort=recorded-date", ["Condition/hiv", "Condition/flu", "Condition/flu-b"]),
            ("_sort=-recorded-date", ["Condition/flu", "Condition/hiv", "Condition/flu-b"]),
            ("_sort=-code,-_id", ["Condition/hiv", "Condition/flu-b", "Condition/flu"]),
            ("_sort=_lastUpdated", ["Condition/flu", "Condition/hiv", "Condition/flu-b"]),
        ]:
            assert references((await ask(store, "Condition", query)).matches) == expected, query
        await store.close()

    asyncio.run(story())


def test_includes_go_one_step_and_name_nothing_twice(new_store: Opener) -> None:
    async def story() -> None:
        store = await clinic(new_store)
        for type, query, expected in [
            ("Condition", "patient=a&_include=Condition:subject", ["Patient/a"]),
            ("Condition", "_id=flu&_include=Condition:asserter", ["PractitionerRole/role"]),
            ("Patient", "_id=a&_revinclude=Condition:patient", ["Condition/flu", "Condition/hiv"]),
            ("Patient", "_id=a&_revinclude=Condition:*", ["Condition/flu", "Condition/hiv"]),
            ("Organization", "_id=clinic,parent&_include=Organization:partof", []),
        ]:
            assert references((await ask(store, type, query)).included) == expected, query
        await store.close()

    asyncio.run(story())


def test_a_hidden_label_is_neither_shown_nor_counted_nor_included(new_store: Opener) -> None:
    async def story() -> None:
        store = await clinic(new_store)
        scope = Scope(hidden=HIDDEN)
        found = await ask(store, "Condition", "patient=a", scope)
        assert (references(found.matches), found.total) == (["Condition/flu"], 1)
        first = await ask(store, "Condition", "_count=1", scope)
        page = await ask(store, "Condition", f"_count=1&_cursor={first.next}", scope)
        assert (references(page.matches), page.total, page.more) == (["Condition/flu"], 2, False)
        around = await ask(store, "Patient", "_id=a&_revinclude=Condition:patient", scope)
        assert references(around.included) == ["Condition/flu"]
        whole = await store.look(lambda view: view.everything("a", scope=scope))
        assert "Condition/hiv" not in references(whole)
        assert await store.look(lambda view: view.read("Condition", "hiv", scope)) is None
        await store.close()

    asyncio.run(story())


def test_one_patients_scope_holds_that_patient_and_what_is_about_none(new_store: Opener) -> None:
    async def story() -> None:
        store = await clinic(new_store)
        scope = Scope(compartment="a")
        assert references((await ask(store, "Condition", "", scope)).matches) == [
            "Condition/hiv",
            "Condition/flu",
        ]
        assert references((await ask(store, "Patient", "", scope)).matches) == ["Patient/a"]
        assert (await ask(store, "Organization", "", scope)).total == 3
        assert (await ask(store, "Condition", "code=flu", scope)).total == 1
        assert await store.look(lambda view: view.everything("b", scope=scope)) == []
        assert await store.look(lambda view: view.read("Condition", "flu-b", scope)) is None
        await store.close()

    asyncio.run(story())


def test_types_out_of_scope_are_absent_everywhere(new_store: Opener) -> None:
    async def story() -> None:
        store = await clinic(new_store)
        scope = Scope(types=frozenset({"Patient", "Condition"}))
        assert (await ask(store, "Organization", "", scope)).total == 0
        whole = await store.look(lambda view: view.everything("a", scope=scope))
        assert references(whole) == ["Patient/a", "Condition/flu", "Condition/hiv"]
        nothing = Scope(types=frozenset())
        assert await store.look(
            lambda view: (view.history(scope=nothing).total, view.everything("a", scope=nothing))
        ) == (0, [])
        await store.close()

    asyncio.run(story())


def test_everything_brings_what_the_record_refers_to_once(new_store: Opener) -> None:
    async def story() -> None:
        store = await clinic(new_store)
        whole = await store.look(lambda view: view.everything("a"))
        assert references(whole) == [
            *("Patient/a", "Condition/flu", "Condition/hiv", "PractitionerRole/role"),
            *("Organization/clinic", "Practitioner/ng", "Organization/parent"),
        ]
        hidden = await store.look(
            lambda view: view.everything("a", scope=Scope(types=frozenset({"Patient", "Organization"})))
        )
        assert references(hidden) == ["Patient/a"], "what is out of scope leads nowhere"
        await store.close()

    asyncio.run(story())


def test_everything_may_be_limited_to_types_and_to_what_is_new(new_store: Opener) -> None:
    async def story() -> None:
        store = await clinic(new_store)
        some = await store.look(
            lambda view: view.everything("a", types=frozenset({"Organization", "Condition"}))
        )
        assert references(some) == [
            "Condition/flu",
            "Condition/hiv",
            "Organization/clinic",
            "Organization/parent",
        ]
        since = datetime.fromtimestamp(NOON / 1000 + 8, UTC)
        new = await store.look(lambda view: view.everything("a", since=since))
        assert references(new) == ["Condition/hiv"]
        assert await store.look(lambda view: view.everything("nobody")) == []
        await store.change(lambda change: change.delete("Patient", "a"))
        assert await store.look(lambda view: view.everything("a")) == []
        await store.close()

    asyncio.run(story())


def test_what_is_about_two_patients_is_in_the_record_of_both(new_store: Opener) -> None:
    async def story() -> None:
        store = await clinic(new_store)
        visit = {
            "resourceType": "Appointment",
            "participant": [{"actor": {"reference": "Patient/a"}}, {"actor": {"reference": "Patient/b"}}],
        }
        await store.change(lambda change: change.put("Appointment", "v", visit, created=True))

        def both(view):  # type: ignore[no-untyped-def]
            return [
                "Appointment/v" in references(view.everything(patient, scope=Scope(compartment=scope)))
                for patient, scope in (("a", "a"), ("b", "b"), ("a", None), ("b", None))
            ]

        assert await store.look(both) == [True] * 4
        for scope in ("a", "b"):
            assert (await ask(store, "Appointment", "", Scope(compartment=scope))).total == 1
        assert (await ask(store, "Appointment", "", Scope(compartment="c"))).total == 0
        alone = {**visit, "participant": [{"actor": {"reference": "Patient/a"}}]}
        await store.change(lambda change: change.put("Appointment", "v", alone, created=False))
        assert await store.look(both) == [True, False, True, False]
        await store.close()

    asyncio.run(story())
