"""May this caller do this, and within what? Five stages in a fixed order; what no stage allows is refused.

Not decided here yet: the law of each province and territory, licences, evidence of a care relationship, security
labels, patient directives and break-glass (the purpose BTG is no role's, so it is refused). They become further
stages between the agreement and the patient, each giving a scope or a reason; the order and ``Decision`` stay.
"""

from __future__ import annotations

from dataclasses import dataclass

from passerelle.fhir.search import Scope
from passerelle.fhir.words import catalogue
from passerelle.policy.roles import Role, Types, both, roles, types_beside_one_patient
from passerelle.policy.scopes import covered
from passerelle.values import Access, NodeId, Purpose, Words

NOTHING = Scope(types=frozenset())

LOOKS = frozenset(
    {
        "read",
        "vread",
        "search-type",
        "search-system",
        "history-instance",
        "history-type",
        "history-system",
        "$match",
        "$meta",
        "$validate",
    }
)
"""Interactions that a scope can keep inside one patient's compartment."""
ABOUT_ONE = frozenset({"$everything", "$summary", "$record"})
"""Operations about one patient, who must be named for a caller who may only see one."""


@dataclass(frozen=True)
class Terms:
    """An agreement in force, as far as a decision needs it: who may ask whom, for what, and how."""

    id: str
    asker: NodeId
    responder: NodeId
    purposes: frozenset[Purpose]
    interactions: frozenset[str]
    types: frozenset[str] | None = None
    """None is all types."""


@dataclass(frozen=True)
class Decision:
    """What a caller may do and see, and which rules said so."""

    allowed: bool
    scope: Scope
    reasons: tuple[str, ...]
    """Ids of the rules that decided, in the order in which they did; the last one of a refusal refused."""
    key: str = "allowed"
    """The sentence of ``words.toml`` that explains it."""
    absent: bool = False
    """A refusal that must look as if nothing were there, because even its existence is private."""


@dataclass(frozen=True)
class Refusal:
    """One stage's no."""

    rule: str
    key: str
    absent: bool = False


@dataclass(frozen=True)
class Pass:
    """One stage's yes: the rule, and the types (or the patient) that it leaves."""

    rule: str
    types: Types = None
    patient: str | None = None


def decide(access: Access, *, here: NodeId, agreement: Terms | None = None) -> Decision:
    """May this caller do this here? ``agreement`` is the one in force between the caller's node and this one."""
    role = roles().get(access.caller.role)
    known = _known(access, role)
    if isinstance(known, Refusal) or role is None:
        return _refused(known, ())
    reasons: tuple[str, ...] = (known.rule,)
    types, patient = known.types, None
    for stage in (_scope, _role, _agreement, _patient):
        said = stage(access, role, here, agreement)
        if isinstance(said, Refusal):
            return _refused(said, reasons)
        reasons, types, patient = (*reasons, said.rule), both(types, said.types), said.patient
    if (types is not None and not types) or not _touches(access, types):
        return _refused(Refusal("types.none-left", "type-refused"), reasons)
    return Decision(True, Scope(compartment=patient, types=types), reasons)


def explained(decision: Decision) -> Words:
    """The decision in one sentence, in both languages."""
    return catalogue("passerelle.policy", "words.toml").both(decision.key)


def _refused(refusal: Refusal | Pass, reasons: tuple[str, ...]) -> Decision:
    if isinstance(refusal, Pass):  # pragma: no cover  only the type checker thinks so
        raise TypeError("A pass refuses nothing.")
    return Decision(False, NOTHING, (*reasons, refusal.rule), refusal.key, refusal.absent)


def _touches(access: Access, types: Types) -> bool:
    return types is None or access.type is None or access.type in types


def _known(access: Access, role: Role | None) -> Pass | Refusal:
    caller = access.caller
    if not caller.id or not caller.node or role is None or caller.kind not in role.kinds:
        return Refusal("caller.unknown", "caller-unknown")
    return Pass("caller.known")


def _scope(access: Access, role: Role, here: NodeId, agreement: Terms | None) -> Pass | Refusal:
    types = covered(access.caller.scopes, _levels(access, role, here), access.interaction)
    if (types is not None and not types) or not _touches(access, types):
        return Refusal("scope.not-covered", "scope-refused")
    return Pass("scope.covered", types)


def _levels(access: Access, role: Role, here: NodeId) -> frozenset[str]:
    """The levels of SMART scope that count for this caller."""
    if access.caller.kind == "service":
        return _SYSTEM
    # A patient/ scope means nothing without a patient. One who asks from another node has none here until matched.
    if access.caller.patient is not None or (role.bound and access.caller.node != here):
        return _USER_AND_PATIENT
    return _USER


_SYSTEM = frozenset({"system"})
_USER = frozenset({"user"})
_USER_AND_PATIENT = frozenset({"user", "patient"})


def _role(access: Access, role: Role, here: NodeId, agreement: Terms | None) -> Pass | Refusal:
    if access.purpose not in role.purposes:
        return Refusal(f"role.{role.name}.purpose", "purpose-refused")
    types = role.types(access.interaction)
    if (types is not None and not types) or not _touches(access, types):
        return Refusal(f"role.{role.name}.not-allowed", "role-refused")
    return Pass(f"role.{role.name}", types)


def _agreement(access: Access, role: Role, here: NodeId, agreement: Terms | None) -> Pass | Refusal:
    if access.caller.node == here:
        return Pass("agreement.own-caller")
    if agreement is None or (agreement.asker, agreement.responder) != (access.caller.node, here):
        return Refusal("agreement.none", "agreement-missing")
    if access.purpose not in agreement.purposes or access.interaction not in agreement.interactions:
        return Refusal(f"agreement.{agreement.id}.not-covered", "agreement-refused")
    if not _touches(access, agreement.types):
        return Refusal(f"agreement.{agreement.id}.not-covered", "agreement-refused")
    return Pass(f"agreement.{agreement.id}", agreement.types)


def _patient(access: Access, role: Role, here: NodeId, agreement: Terms | None) -> Pass | Refusal:
    """INVARIANT: a caller who may see one patient only passes with that patient, or is only being recognised."""
    if not role.bound and access.caller.patient is None:
        return Pass("patient.not-bound")
    named = _named(access)
    if access.caller.node != here and access.caller.patient is None:
        return _patient_from_elsewhere(access, named)
    if access.caller.patient is None:
        return Refusal("patient.unknown", "patient-unknown")
    if any(id != access.caller.patient for id in named):
        return Refusal("patient.another", "absent", absent=True)
    return _kept_inside(access, access.caller.patient, named)


def _patient_from_elsewhere(access: Access, named: frozenset[str]) -> Pass | Refusal:
    """A patient who signed in at another node. That node vouches that the record it names is the caller's own:
    it matched the caller's identity and signed this very request. Until then they may only be matched."""
    if access.interaction == "$match" and not named:
        return Pass("patient.being-matched")
    if len(named) != 1:
        return Refusal("patient.unknown", "patient-unknown")
    return _kept_inside(access, next(iter(named)), named)


def _kept_inside(access: Access, patient: str, named: frozenset[str]) -> Pass | Refusal:
    if access.interaction not in LOOKS and not (access.interaction in ABOUT_ONE and named):
        return Refusal("patient.not-offered", "patient-refused")
    types = types_beside_one_patient()
    if access.type == "AuditEvent" and access.interaction == "search-type" and named:
        types |= {"AuditEvent"}
    return Pass("patient.bound", types, patient)


def _named(access: Access) -> frozenset[str]:
    """Every patient whom the request names."""
    own = access.id if access.type == "Patient" else None
    return frozenset(id for id in (access.patient, own) if id)
