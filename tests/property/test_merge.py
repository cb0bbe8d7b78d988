"""Laws of the merge, whatever the sources send."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle.federation.merge import merge
from passerelle.federation.wire import read_record, record_bundle
from passerelle.fhir.record import Record, Reply, State
from passerelle.fhir.resource import decode
from passerelle.values import Json
from tests.unit.federation.world import (
    ATC,
    LAB,
    LOINC,
    NOW,
    allergy,
    base,
    concept,
    condition,
    glucose,
    prescription,
    reply,
    source,
)

NODES = ("on", "qc", "bc", "ab")

observations = st.builds(
    glucose,
    st.just("id"),
    st.sampled_from([5.5, 6.1]),
    st.sampled_from(["2026-03-01", "2026-03-01T10:00:00-05:00", "2026-03-01T15:00:00Z", "2025-01-01"]),
    status=st.sampled_from(["final", "amended"]),
    code=st.sampled_from(
        [
            concept(LOINC, "2345-7"),
            concept(LOINC, "2345-7", "", ("local", "G")),
            concept("local", "G"),
            {"text": "G"},
        ]
    ),
    note=st.sampled_from([[], [{"text": "one"}], [{"text": "one"}, {"text": "two"}]]),
    identifier=st.sampled_from([[], [{"system": LAB, "value": "1"}], [{"system": LAB, "value": "2"}]]),
)
prescriptions = st.builds(
    prescription,
    st.just("id"),
    st.sampled_from(["Metformin 500 mg", "metformine 850 mg", "Ramipril 5 mg"]),
    st.sampled_from([1, 2]),
    status=st.sampled_from(["active", "stopped"]),
    authoredOn=st.sampled_from(["2026-01-15", "2026-02-15"]),
)
coded = st.builds(prescription, st.just("id"), medicationCodeableConcept=st.just(concept(ATC, "A10BA02")))
conditions = st.builds(condition, st.just("id"), st.sampled_from(["active", "resolved"]))
allergies = st.builds(
    allergy,
    st.just("id"),
    st.sampled_from(["Penicillin", "Peanut", "no-known-allergies"]),
    criticality=st.sampled_from(["low", "high"]),
)
clinics = st.builds(
    lambda name: {"resourceType": "Organization", "id": "id", "name": name}, st.sampled_from("AB")
)
facts = st.one_of(observations, prescriptions, coded, conditions, allergies, clinics)


@st.composite
def some_replies(draw: st.DrawFn) -> list[Reply]:
    nodes = draw(st.lists(st.sampled_from(NODES), unique=True, max_size=4))
    return [draw(a_reply(node)) for node in nodes]


@st.composite
def a_reply(draw: st.DrawFn, node: str) -> Reply:
    listed = draw(st.lists(facts, max_size=6))
    person = {
        "resourceType": "Patient",
        "id": "p",
        "birthDate": draw(st.sampled_from(["1980-02-03", "1980-03-02"])),
    }
    return reply(node, *({**fact, "id": f"{index}"} for index, fact in enumerate(listed)), patient=person)


def merge_of(replies: list[Reply]) -> Record:
    return merge(replies, [source(each.node) for each in replies] + [source("yt", State.SILENT)], now=NOW)


def by_address(replies: list[Reply]) -> dict[str, Json]:
    return {full_url: decode(body) for each in replies for full_url, body in each.entries}


@given(some_replies(), st.randoms(use_true_random=False))
def test_the_order_of_the_replies_changes_nothing(replies: list[Reply], random: object) -> None:
    shuffled = list(replies)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    turned = [Reply(r.node, r.base, r.seconds, tuple(reversed(r.entries)), r.partial) for r in shuffled]
    assert merge_of(turned) == merge_of(replies)


@given(some_replies())
def test_every_resource_is_the_origin_of_exactly_one_entry(replies: list[Reply]) -> None:
    record = merge_of(replies)
    kept = Counter(
        origin.full_url for entry in (*record.patients, *record.entries) for origin in entry.origins
    )
    assert kept == Counter(by_address(replies).keys())


@given(some_replies())
def test_no_entry_has_two_origins_in_one_source(replies: list[Reply]) -> None:
    for entry in merge_of(replies).entries:
        assert len({origin.node for origin in entry.origins}) == len(entry.origins)


ACTED = ("status", "valueQuantity", "clinicalStatus", "criticality", "dosageInstruction")


@given(some_replies())
def test_an_entry_says_what_each_of_its_origins_says(replies: list[Reply]) -> None:
    sent = by_address(replies)
    for entry in merge_of(replies).entries:
        for origin in entry.origins:
            said = sent[origin.full_url]
            assert [said.get(name) for name in ACTED] == [entry.resource.get(name) for name in ACTED]
            assert all(note in entry.resource["note"] for note in said.get("note", ()))


@given(some_replies())
def test_the_bytes_of_an_entry_are_those_of_its_first_origin(replies: list[Reply]) -> None:
    sent = {full_url: body for each in replies for full_url, body in each.entries}
    assert all(entry.body == sent[entry.origins[0].full_url] for entry in merge_of(replies).entries)


@given(st.lists(st.one_of(observations, prescriptions, conditions, allergies), max_size=6))
def test_a_copy_of_a_whole_source_doubles_nothing(listed: list[Json]) -> None:
    here = reply("on", *({**fact, "id": f"a{index}"} for index, fact in enumerate(listed)))
    there = reply("qc", *({**fact, "id": f"b{index}"} for index, fact in enumerate(listed)))
    record = merge_of([here, there])
    assert len(record.entries) == len(listed)
    assert [conflict for conflict in record.conflicts if conflict.kind in ("birth-date", "gender")] == []


@given(some_replies())
def test_a_conflict_is_between_two_entries_and_two_sources(replies: list[Reply]) -> None:
    record = merge_of(replies)
    for conflict in record.conflicts:
        if conflict.kind != "birth-date":
            nodes = {origin.node for index in conflict.entries for origin in record.entries[index].origins}
            assert len(conflict.entries) > 1 and len(nodes) > 1


@given(some_replies())
def test_a_record_crosses_the_wire_whole(replies: list[Reply]) -> None:
    record = merge_of(replies)
    assert (
        read_record(record_bundle(record, base=base("on"), author={"name": "X"}, now=NOW, language="fr"))
        == record
    )


junk = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["coding", "code", "system", "value", "text", "reference", "start", "unit", "repeat"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
TYPES = (
    "Observation",
    "MedicationRequest",
    "Condition",
    "AllergyIntolerance",
    "Encounter",
    "Organization",
    "Medication",
)
ELEMENTS = (
    *("code", "status", "identifier", "effectiveDateTime", "valueQuantity", "dosageInstruction", "contained"),
    *(
        "medicationCodeableConcept",
        "medicationReference",
        "clinicalStatus",
        "onsetDateTime",
        "note",
        "ingredient",
    ),
    *("abatementDateTime", "criticality", "category", "verificationStatus", "period", "type", "authoredOn"),
)
untidy = st.builds(
    lambda kind, elements: {**elements, "resourceType": kind, "id": "x"},
    st.sampled_from(TYPES),
    st.dictionaries(st.sampled_from(ELEMENTS), junk, max_size=5),
)
PATIENT = (
    "identifier",
    "name",
    "telecom",
    "address",
    "birthDate",
    "gender",
    "meta",
    "communication",
    "deceasedDateTime",
)
somebody = st.builds(
    lambda elements: {**elements, "resourceType": "Patient", "id": "p"},
    st.dictionaries(st.sampled_from(PATIENT), junk, max_size=5),
)


@settings(max_examples=300)
@given(untidy, untidy, somebody, somebody)
def test_whatever_a_source_sends_the_others_are_still_shown(
    one: Json, other: Json, here: Json, there: Json
) -> None:
    record = merge_of(
        [reply("on", one, patient=here), reply("qc", other, patient=there), reply("bc", glucose("a"))]
    )
    assert "https://bc.example/fhir/Observation/a" in {o.full_url for e in record.entries for o in e.origins}
