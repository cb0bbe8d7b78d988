"""What stands for what in the tables: numbers for types and methods, fingerprints for references and values.

# INVARIANT: nothing here may ever change, because databases hold it: a new type takes the next number.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

import msgspec

_TYPES = """
Account ActivityDefinition AdverseEvent AllergyIntolerance Appointment AppointmentResponse AuditEvent Basic Binary
BiologicallyDerivedProduct BodyStructure Bundle CapabilityStatement CarePlan CareTeam CatalogEntry ChargeItem
ChargeItemDefinition Claim ClaimResponse ClinicalImpression CodeSystem Communication CommunicationRequest
CompartmentDefinition Composition ConceptMap Condition Consent Contract Coverage CoverageEligibilityRequest
CoverageEligibilityResponse DetectedIssue Device DeviceDefinition DeviceMetric DeviceRequest DeviceUseStatement
DiagnosticReport DocumentManifest DocumentReference EffectEvidenceSynthesis Encounter Endpoint EnrollmentRequest
EnrollmentResponse EpisodeOfCare EventDefinition Evidence EvidenceVariable ExampleScenario ExplanationOfBenefit
FamilyMemberHistory Flag Goal GraphDefinition Group GuidanceResponse HealthcareService ImagingStudy Immunization
ImmunizationEvaluation ImmunizationRecommendation ImplementationGuide InsurancePlan Invoice Library Linkage List
Location Measure MeasureReport Media Medication MedicationAdministration MedicationDispense MedicationKnowledge
MedicationRequest MedicationStatement MedicinalProduct MedicinalProductAuthorization
MedicinalProductContraindication MedicinalProductIndication MedicinalProductIngredient
MedicinalProductInteraction MedicinalProductManufactured MedicinalProductPackaged MedicinalProductPharmaceutical
MedicinalProductUndesirableEffect MessageDefinition MessageHeader MolecularSequence NamingSystem NutritionOrder
Observation ObservationDefinition OperationDefinition OperationOutcome Organization OrganizationAffiliation
Parameters Patient PaymentNotice PaymentReconciliation Person PlanDefinition Practitioner PractitionerRole
Procedure Provenance Questionnaire QuestionnaireResponse RelatedPerson RequestGroup ResearchDefinition
ResearchElementDefinition ResearchStudy ResearchSubject RiskAssessment RiskEvidenceSynthesis Schedule
SearchParameter ServiceRequest Slot Specimen SpecimenDefinition StructureDefinition StructureMap Subscription
Substance SubstanceNucleicAcid SubstancePolymer SubstanceProtein SubstanceReferenceInformation
SubstanceSourceMaterial SubstanceSpecification SupplyDelivery SupplyRequest Task TerminologyCapabilities
TestReport TestScript ValueSet VerificationResult VisionPrescription
"""

TYPES = (None, *_TYPES.split())
"""The R4 resource types; the place of each is its number."""

NUMBERS = {name: number for number, name in enumerate(TYPES) if name}

METHODS = (None, "POST", "PUT", "DELETE", "PURGE")
"""How a version was written. What was purged is told as deleted."""

METHOD_NUMBERS = {name: number for number, name in enumerate(METHODS) if name}


def bucket(type: str) -> int:
    """The compartment of what is of this type and about no patient; those of patients are above zero."""
    return -NUMBERS[type]


def number_of(type: str) -> int:
    """The number of a type; one that nothing has for what is no type."""
    return NUMBERS.get(type, 0)


@lru_cache(16384)
def whereabouts(reference: str) -> tuple[int, int]:
    """The key of ``Type/id`` in ``locator``: 128 bits of a hash that nobody finds twice, as two numbers."""
    found = blake2b(reference.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return _signed(found[:8]), _signed(found[8:])


def fingerprint(parts: tuple[object, ...]) -> bytes:
    """What stands for a value wherever it occurs: 128 bits; SQLite keeps the first 80."""
    return blake2b(msgspec.json.encode(parts), digest_size=16).digest()


def _signed(found: bytes) -> int:
    return int.from_bytes(found, "big", signed=True)
