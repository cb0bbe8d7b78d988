"""Which codes may stand in the elements that everything else depends on: statuses, intents, genders, uses.

Only bindings of strength ``required`` in R4, of the elements that a decision, a merge or a summary reads. A code
element names its codes; a CodeableConcept also the system in which they are meant.
"""

from __future__ import annotations

from collections.abc import Mapping

_REQUEST_STATUS = "draft active on-hold revoked completed entered-in-error unknown"
_REQUEST_INTENT = (
    "proposal plan directive order original-order reflex-order filler-order instance-order option"
)
_EVENT_STATUS = "preparation in-progress not-done on-hold stopped completed entered-in-error unknown"
_FINANCIAL = "active cancelled draft entered-in-error"
_GENDER = "male female other unknown"
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"

_CODES = {
    "Address.type": "postal physical both",
    "Address.use": "home work temp old billing",
    "AllergyIntolerance.category": "food medication environment biologic",
    "AllergyIntolerance.criticality": "low high unable-to-assess",
    "AllergyIntolerance.reaction.severity": "mild moderate severe",
    "AllergyIntolerance.type": "allergy intolerance",
    "Appointment.status": (
        "proposed pending booked arrived fulfilled cancelled noshow entered-in-error checked-in waitlist"
    ),
    "AuditEvent.action": "C R U D E",
    "AuditEvent.outcome": "0 4 8 12",
    "Bundle.entry.request.method": "GET HEAD POST PUT DELETE PATCH",
    "Bundle.entry.search.mode": "match include outcome",
    "Bundle.type": (
        "document message transaction transaction-response batch batch-response history searchset collection"
    ),
    "CarePlan.intent": "proposal plan order option",
    "CarePlan.status": _REQUEST_STATUS,
    "CareTeam.status": "proposed active suspended inactive entered-in-error",
    "Claim.status": _FINANCIAL,
    "Claim.use": "claim preauthorization predetermination",
    "Communication.status": _EVENT_STATUS,
    "Composition.relatesTo.code": "replaces transforms signs appends",
    "Composition.section.mode": "working snapshot changes",
    "Composition.status": "preliminary final amended entered-in-error",
    "Consent.provision.type": "deny permit",
    "Consent.status": "draft proposed active rejected inactive entered-in-error",
    "ContactPoint.system": "phone fax email pager url sms other",
    "ContactPoint.use": "home work temp old mobile",
    "Coverage.status": _FINANCIAL,
    "DetectedIssue.severity": "high moderate low",
    "Device.status": "active inactive entered-in-error unknown",
    "DiagnosticReport.status": (
        "registered partial preliminary final amended corrected appended cancelled entered-in-error unknown"
    ),
    "DocumentReference.docStatus": "preliminary final amended entered-in-error",
    "DocumentReference.relatesTo.code": "replaces transforms signs appends",
    "DocumentReference.status": "current superseded entered-in-error",
    "Encounter.location.status": "planned active reserved completed",
    "Encounter.status": (
        "planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown"
    ),
    "EpisodeOfCare.status": "planned waitlist active onhold finished cancelled entered-in-error",
    "ExplanationOfBenefit.outcome": "queued complete error partial",
    "ExplanationOfBenefit.status": _FINANCIAL,
    "ExplanationOfBenefit.use": "claim preauthorization predetermination",
    "FamilyMemberHistory.status": "partial completed entered-in-error health-unknown",
    "Flag.status": "active inactive entered-in-error",
    "Goal.lifecycleStatus": (
        "proposed planned accepted active on-hold completed cancelled entered-in-error rejected"
    ),
    "HumanName.use": "usual official temp nickname anonymous old maiden",
    "Identifier.use": "usual official temp secondary old",
    "ImagingStudy.status": "registered available cancelled entered-in-error unknown",
    "Immunization.status": "completed entered-in-error not-done",
    "List.mode": "working snapshot changes",
    "List.status": "current retired entered-in-error",
    "Location.mode": "instance kind",
    "Location.status": "active suspended inactive",
    "Medication.status": "active inactive entered-in-error",
    "MedicationAdministration.status": "in-progress not-done on-hold completed entered-in-error stopped unknown",
    "MedicationDispense.status": (
        "preparation in-progress cancelled on-hold completed entered-in-error stopped declined unknown"
    ),
    "MedicationRequest.intent": (
        "proposal plan order original-order reflex-order filler-order instance-order option"
    ),
    "MedicationRequest.priority": "routine urgent asap stat",
    "MedicationRequest.status": ("active on-hold cancelled completed entered-in-error stopped draft unknown"),
    "MedicationStatement.status": (
        "active completed entered-in-error intended stopped on-hold unknown not-taken"
    ),
    "Narrative.status": "generated extensions additional empty",
    "NutritionOrder.status": _REQUEST_STATUS,
    "Observation.status": (
        "registered preliminary final amended corrected cancelled entered-in-error unknown"
    ),
    "OperationOutcome.issue.severity": "fatal error warning information",
    "Patient.contact.gender": _GENDER,
    "Patient.gender": _GENDER,
    "Patient.link.type": "replaced-by replaces refer seealso",
    "Person.gender": _GENDER,
    "Person.link.assurance": "level1 level2 level3 level4",
    "Practitioner.gender": _GENDER,
    "Procedure.status": _EVENT_STATUS,
    "Provenance.entity.role": "derivation revision quotation source removal",
    "Quantity.comparator": "< <= >= >",
    "QuestionnaireResponse.status": "in-progress completed amended entered-in-error stopped",
    "RelatedPerson.gender": _GENDER,
    "ServiceRequest.intent": _REQUEST_INTENT,
    "ServiceRequest.priority": "routine urgent asap stat",
    "ServiceRequest.status": _REQUEST_STATUS,
    "Slot.status": "busy free busy-unavailable busy-tentative entered-in-error",
    "Specimen.status": "available unavailable unsatisfactory entered-in-error",
    "Task.priority": "routine urgent asap stat",
    "Task.status": (
        "draft requested received accepted rejected ready cancelled in-progress on-hold failed completed "
        "entered-in-error"
    ),
    "Timing.repeat.durationUnit": "s min h d wk mo a",
    "Timing.repeat.periodUnit": "s min h d wk mo a",
}

_CONCEPTS = {
    "AllergyIntolerance.clinicalStatus": ("allergyintolerance-clinical", "active inactive resolved"),
    "AllergyIntolerance.verificationStatus": (
        "allergyintolerance-verification",
        "unconfirmed confirmed refuted entered-in-error",
    ),
    "Condition.clinicalStatus": (
        "condition-clinical",
        "active recurrence relapse inactive remission resolved",
    ),
    "Condition.verificationStatus": (
        "condition-ver-status",
        "unconfirmed provisional differential confirmed refuted entered-in-error",
    ),
}

CODES: Mapping[str, frozenset[str]] = {path: frozenset(codes.split()) for path, codes in _CODES.items()}
"""The allowed codes of a code element, by ``Type.element``."""

CONCEPTS: Mapping[str, tuple[str, frozenset[str]]] = {
    path: (_TERMINOLOGY + system, frozenset(codes.split())) for path, (system, codes) in _CONCEPTS.items()
}
"""(system, allowed codes) of a CodeableConcept element."""
