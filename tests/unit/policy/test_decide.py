"""Who may do what, and within what: what no rule allows is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from passerelle.fhir.words import catalogue
from passerelle.policy import Decision, Terms, decide, explained, purpose_of, scopes_of
from passerelle.policy.decide import NOTHING
from passerelle.policy.roles import roles, types_beside_one_patient
from passerelle.policy.scopes import LETTERS, covered, narrowed
from passerelle.values import Access, Caller, NodeId, Purpose

BC, ON, QC = NodeId("bc"), NodeId("on"), NodeId("qc")
CLINICIAN = Caller("dr-test", "person", "physician", ON, scopes=("user/*.cruds",))
PATIENT = Caller("p-test", "person", "patient", ON, patient="p1", scopes=("patient/*.rs",))
SERVICE = Caller("feed", "service", "service", ON, scopes=("system/*.cruds",))
CARE = Terms(
    "bc-on",
    BC,
    ON,
    frozenset({Purpose.TREAT, Purpose.PATRQT}),
    frozenset({"$match", "read", "search-type", "$everything"}),
)


def asked(
    caller: Caller,
    interaction: str,
    type: str | None = None,
    id: str | None = None,
    patient: str | None = None,
    purpose: Purpose | None = None,
    agreement: Terms | None = None,
) -> Decision:
    purpose = purpose or purpose_of(caller.role) or Purpose.TREAT
    return decide(Access(caller, purpose, interaction, type, id, patient), here=ON, agreement=agreement)


def test_a_clinician_reads_what_care_needs() -> None:
    decision = asked(CLINICIAN, "search-type", "Condition")
    assert decision.allowed
    assert decision.scope.compartment is None
    assert decision.scope.types is not None
    assert "Condition" in decision.scope.types
    assert decision.reasons[:3] == ("caller.known", "scope.covered", "role.physician")


def test_a_clinician_does_not_read_who_looked() -> None:
    decision = asked(CLINICIAN, "search-type", "AuditEvent")
    assert not decision.allowed
    assert "AuditEvent" not in (asked(CLINICIAN, "search-type", "Condition").scope.types or ())


def test_a_service_with_full_scope_does_everything() -> None:
    for interaction in LETTERS:
        decision = asked(SERVICE, interaction, "Observation")
        assert decision.allowed, interaction
        assert decision.scope.types is None


def test_an_operator_keeps_the_directory_and_sees_no_care() -> None:
    operator = replace(CLINICIAN, role="operator")
    assert asked(operator, "update", "Organization", "o1").allowed
    assert not asked(operator, "read", "Patient", "p1").allowed


def test_a_clerk_finds_patients_and_reads_no_results() -> None:
    clerk = replace(CLINICIAN, role="clerk")
    assert asked(clerk, "$match", "Patient").allowed
    assert not asked(clerk, "search-type", "Observation").allowed
    assert not asked(clerk, "$record", "Patient", "p1", "p1").allowed


def test_a_pharmacist_s_whole_record_keeps_to_what_medicines_need() -> None:
    types = asked(replace(CLINICIAN, role="pharmacist"), "$everything", "Patient", "p1", "p1").scope.types
    assert types is not None
    assert "MedicationRequest" in types
    assert "ImagingStudy" not in types


@pytest.mark.parametrize(
    ("caller", "purpose"),
    [
        (CLINICIAN, Purpose.HRESCH),
        (CLINICIAN, Purpose.BTG),
        (PATIENT, Purpose.TREAT),
        (SERVICE, Purpose.HRESCH),
    ],
)
def test_a_purpose_that_is_not_the_role_s_is_refused(caller: Caller, purpose: Purpose) -> None:
    decision = asked(caller, "read", "Patient", "p1", purpose=purpose)
    assert (decision.allowed, decision.key) == (False, "purpose-refused")


def test_a_service_cannot_hold_a_person_s_role_nor_a_person_a_service_s() -> None:
    assert not asked(replace(SERVICE, role="physician"), "read", "Patient", "p1").allowed
    assert not asked(replace(CLINICIAN, role="service"), "read", "Patient", "p1").allowed


@pytest.mark.parametrize(
    ("scopes", "interaction", "type", "allowed"),
    [
        (("user/*.rs",), "read", "Observation", True),
        (("user/Observation.r",), "read", "Observation", True),
        (("user/Observation.r",), "search-type", "Observation", False),
        (("user/Observation.s",), "read", "Observation", False),
        (("user/Condition.rs",), "read", "Observation", False),
        (("user/*.read",), "search-type", "Observation", True),
        (("user/*.read",), "create", "Observation", False),
        (("user/*.write",), "create", "Observation", True),
        (("user/*.write",), "read", "Observation", False),
        (("user/*.*",), "update", "Observation", True),
        (("user/Observation.sr",), "read", "Observation", False),  # letters out of order are no scope
        (("user/Observation.rs?category=laboratory",), "read", "Observation", False),
        (("system/*.cruds",), "read", "Observation", False),
        (("patient/*.cruds",), "read", "Observation", False),
        ((), "read", "Observation", False),
        (("openid", "fhirUser", "launch", "*"), "read", "Observation", False),
        (("ITI-119",), "$match", "Patient", True),
        (("ITI-119",), "search-type", "Patient", False),
        (("ITI-67",), "search-type", "DocumentReference", True),
        (("CAFEX-3",), "$summary", "Patient", True),
        (("user/Patient.rs",), "$everything", "Patient", True),
        (("user/Patient.r",), "$everything", "Patient", False),
    ],
)
def test_a_token_covers_just_what_its_scope_says(
    scopes: tuple[str, ...], interaction: str, type: str, allowed: bool
) -> None:
    decision = asked(
        replace(CLINICIAN, scopes=scopes), interaction, type, "x1", "x1" if type == "Patient" else None
    )
    assert decision.allowed is allowed
    if not allowed:
        assert decision.key == "scope-refused"


def test_what_the_scope_does_not_cover_is_not_seen_on_the_way_either() -> None:
    narrow = replace(CLINICIAN, scopes=("user/Patient.rs", "user/Condition.rs", "user/Observation.r"))
    assert asked(narrow, "$everything", "Patient", "p1", "p1").scope.types == {"Patient", "Condition"}


def test_a_patient_sees_their_own_compartment() -> None:
    for interaction, type, id in (
        ("search-type", "Condition", None),
        ("read", "Patient", "p1"),
        ("$match", "Patient", None),
    ):
        decision = asked(PATIENT, interaction, type, id)
        assert decision.allowed
        assert decision.scope.compartment == "p1"


def test_another_patient_looks_absent_to_a_patient() -> None:
    for decision in (
        asked(PATIENT, "read", "Patient", "p2"),
        asked(PATIENT, "search-type", "Condition", patient="p2"),
        asked(PATIENT, "$everything", "Patient", "p2", "p2"),
        asked(PATIENT, "$record", "Patient", "p1", "p2"),
    ):
        assert (decision.allowed, decision.absent, decision.key) == (False, True, "absent")


def test_a_patient_does_not_ask_for_the_record_of_someone_described() -> None:
    assert not asked(PATIENT, "$record", "Patient").allowed
    assert asked(PATIENT, "$record", "Patient", "p1", "p1").allowed


def test_a_patient_sees_nothing_that_can_lie_outside_every_compartment() -> None:
    types = asked(PATIENT, "search-type", "Condition").scope.types
    assert types is not None
    assert not types & {"Binary", "Bundle", "Device", "Task", "AuditEvent"}
    for type in ("Binary", "Bundle", "Task", "AuditEvent"):
        assert not asked(PATIENT, "search-type", type).allowed


def test_a_patient_sees_who_looked_at_their_own_record_only() -> None:
    assert asked(PATIENT, "search-type", "AuditEvent", patient="p1").allowed
    assert not asked(PATIENT, "search-type", "AuditEvent", patient="p2").allowed
    assert not asked(PATIENT, "read", "AuditEvent", "a1", "p1").allowed


def test_a_patient_s_login_without_a_patient_sees_nothing() -> None:
    decision = asked(replace(PATIENT, patient=None, scopes=("user/*.rs",)), "search-type", "Condition")
    assert (decision.allowed, decision.key) == (False, "patient-unknown")


def test_a_clinician_s_app_bound_to_one_patient_stays_with_that_patient() -> None:
    bound = replace(CLINICIAN, patient="p1", scopes=("patient/*.rs", "user/*.rs"))
    assert asked(bound, "search-type", "Condition").scope.compartment == "p1"
    assert asked(bound, "read", "Patient", "p2").absent
    assert not asked(replace(bound, scopes=("user/*.cruds",)), "create", "Condition").allowed


def test_without_an_agreement_another_node_s_callers_see_nothing() -> None:
    there = replace(CLINICIAN, node=BC)
    assert asked(there, "read", "Condition", "c1").key == "agreement-missing"
    assert asked(there, "read", "Condition", "c1", agreement=CARE).allowed


@pytest.mark.parametrize(
    "terms",
    [
        replace(CARE, asker=QC),
        replace(CARE, responder=QC),
        replace(CARE, asker=ON, responder=BC),
        replace(CARE, purposes=frozenset({Purpose.PUBHLTH})),
        replace(CARE, interactions=frozenset({"$match"})),
        replace(CARE, types=frozenset({"Patient"})),
        replace(CARE, purposes=frozenset()),
        replace(CARE, interactions=frozenset()),
        replace(CARE, types=frozenset()),
    ],
)
def test_an_agreement_of_others_or_for_something_else_allows_nothing(terms: Terms) -> None:
    decision = asked(replace(CLINICIAN, node=BC), "read", "Condition", "c1", agreement=terms)
    assert not decision.allowed
    assert decision.scope == NOTHING


def test_an_agreement_narrows_what_is_seen() -> None:
    terms = replace(CARE, types=frozenset({"Patient", "Immunization"}))
    decision = asked(replace(CLINICIAN, node=BC), "$everything", "Patient", "p1", "p1", agreement=terms)
    assert decision.scope.types == {"Patient", "Immunization"}


def test_a_patient_from_another_node_is_matched_first_and_then_kept_to_that_record() -> None:
    there = replace(PATIENT, node=BC, patient=None)
    assert asked(there, "$match", "Patient", agreement=CARE).allowed
    assert not asked(there, "search-type", "Patient", agreement=CARE).allowed
    assert not asked(there, "search-type", "Condition", agreement=CARE).allowed
    decision = asked(there, "$everything", "Patient", "x9", "x9", agreement=CARE)
    assert (decision.allowed, decision.scope.compartment) == (True, "x9")
    assert not asked(there, "$match", "Patient").allowed


def test_every_role_s_own_sign_in_lets_it_do_something() -> None:
    for role in roles().values():
        kind = "service" if "service" in role.kinds else "person"
        patient = "p1" if role.bound else None
        caller = Caller("x", kind, role.name, ON, patient=patient, scopes=scopes_of(role.name))  # type: ignore[arg-type]
        assert any(asked(caller, interaction).allowed for interaction in role.may), role.name


def test_a_role_has_only_interactions_that_a_scope_can_cover() -> None:
    for role in roles().values():
        assert set(role.may) <= set(LETTERS), role.name


def test_every_decision_can_be_said_in_both_languages() -> None:
    words = catalogue("passerelle.policy", "words.toml").messages
    assert explained(asked(PATIENT, "read", "Patient", "p2"))["fr"] == words["absent"]["fr"]


ROLES = [*roles(), "surgeon", ""]
INTERACTIONS = [*LETTERS, "$unknown", "capabilities", ""]
TYPES = [None, "Patient", "Condition", "Binary", "AuditEvent", "Organization", "Device", "NotAType"]
PEOPLE = [None, "p1", "p2"]
SCOPES = [
    "user/*.cruds",
    "user/*.rs",
    "user/Patient.r",
    "user/Condition.s",
    "patient/*.rs",
    "patient/Condition.r",
    "system/*.cruds",
    "system/Condition.rs",
    "ITI-119",
    "CAFEX-2",
    "nonsense",
    "user/Condition.rs?code=1",
]
callers = st.builds(
    Caller,
    id=st.sampled_from(["someone", ""]),
    kind=st.sampled_from(["person", "service"]),
    role=st.sampled_from(ROLES),
    node=st.sampled_from([ON, BC]),
    patient=st.sampled_from(PEOPLE),
    scopes=st.lists(st.sampled_from(SCOPES), max_size=4, unique=True).map(tuple),
)
accesses = st.builds(
    Access,
    caller=callers,
    purpose=st.sampled_from(list(Purpose)),
    interaction=st.sampled_from(INTERACTIONS),
    type=st.sampled_from(TYPES),
    id=st.sampled_from(PEOPLE),
    patient=st.sampled_from(PEOPLE),
)
agreements = st.none() | st.builds(
    Terms,
    id=st.just("a"),
    asker=st.sampled_from([BC, QC]),
    responder=st.sampled_from([ON, QC]),
    purposes=st.frozensets(st.sampled_from(list(Purpose))),
    interactions=st.frozensets(st.sampled_from(INTERACTIONS)),
    types=st.none() | st.frozensets(st.sampled_from([t for t in TYPES if t])),
)
likely = st.builds(
    lambda access, role: replace(
        access,
        purpose=role.purposes[0],
        caller=replace(access.caller, id="someone", role=role.name, kind=min(role.kinds)),
    ),
    accesses,
    st.sampled_from(list(roles().values())),
)


@given(accesses, agreements)
def test_the_unknown_is_never_allowed(access: Access, terms: Terms | None) -> None:
    decision = decide(access, here=ON, agreement=terms)
    role = roles().get(access.caller.role)
    unknown = (
        role is None
        or not access.caller.id
        or access.interaction not in LETTERS
        or access.purpose not in role.purposes
        or access.caller.kind not in role.kinds
    )
    if unknown:
        assert not decision.allowed
    if not decision.allowed:
        assert decision.scope == NOTHING
        assert decision.key != "allowed"
        assert decision.reasons


@given(likely, agreements, st.data())
def test_a_scope_less_never_allows_more(access: Access, terms: Terms | None, data: st.DataObject) -> None:
    assume(access.caller.scopes)
    gone = data.draw(st.sampled_from(access.caller.scopes))
    fewer = tuple(scope for scope in access.caller.scopes if scope != gone)
    narrow = replace(access, caller=replace(access.caller, scopes=fewer))
    assert_no_more(decide(narrow, here=ON, agreement=terms), decide(access, here=ON, agreement=terms))


@given(likely, agreements, st.data())
def test_an_agreement_less_or_a_narrower_one_never_allows_more(
    access: Access, terms: Terms | None, data: st.DataObject
) -> None:
    wide = decide(access, here=ON, agreement=terms)
    assert_no_more(decide(access, here=ON, agreement=None), wide)
    if terms is not None:
        narrower = replace(
            terms,
            purposes=terms.purposes - data.draw(st.frozensets(st.sampled_from(list(Purpose)))),
            interactions=terms.interactions - data.draw(st.frozensets(st.sampled_from(INTERACTIONS))),
            types=data.draw(st.frozensets(st.sampled_from([t for t in TYPES if t])))
            & (terms.types or frozenset(TYPES)),
        )
        assert_no_more(decide(access, here=ON, agreement=narrower), wide)


@given(likely, agreements)
def test_who_may_see_one_patient_never_gets_more_than_that_patient(
    access: Access, terms: Terms | None
) -> None:
    decision = decide(access, here=ON, agreement=terms)
    caller = access.caller
    bound = caller.patient is not None or caller.role == "patient"
    if decision.allowed and bound:
        being_matched = caller.node != ON and caller.patient is None and access.interaction == "$match"
        assert decision.scope.compartment is not None or being_matched
        assert caller.patient is None or decision.scope.compartment == caller.patient
        assert access.patient in (None, decision.scope.compartment)
        if not being_matched:
            assert decision.scope.types is not None
            assert decision.scope.types <= types_beside_one_patient() | {"AuditEvent"}


@given(likely, agreements)
def test_what_is_allowed_lies_within_the_scope_that_it_gives(access: Access, terms: Terms | None) -> None:
    decision = decide(access, here=ON, agreement=terms)
    if decision.allowed and access.type is not None and decision.scope.types is not None:
        assert access.type in decision.scope.types


@given(
    st.lists(st.sampled_from(SCOPES), max_size=4).map(tuple),
    st.lists(st.sampled_from(SCOPES), max_size=4).map(tuple),
    st.sampled_from(list(LETTERS)),
)
def test_what_is_narrowed_to_a_registration_covers_no_more_than_it(
    requested: tuple[str, ...], registered: tuple[str, ...], interaction: str
) -> None:
    kept = narrowed(requested, registered)
    assert set(kept) <= set(requested)
    for level in ("user", "patient", "system"):
        levels = frozenset({level})
        small, large = covered(kept, levels, interaction), covered(registered, levels, interaction)
        assert large is None or (small is not None and small <= large)


def assert_no_more(narrow: Decision, wide: Decision) -> None:
    if narrow.allowed:
        assert wide.allowed
        assert narrow.scope.compartment == wide.scope.compartment
        assert wide.scope.types is None or (
            narrow.scope.types is not None and narrow.scope.types <= wide.scope.types
        )
