"""Which system does a code belong to? The URIs of the code systems and identifier systems that are used here."""

from __future__ import annotations

# --- terminologies ------------------------------------------------------------------------------------------

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
SNOMED_CT = "http://snomed.info/sct"
ICD_10_CA = "http://hl7.org/fhir/sid/icd-10-ca"
CCI = "http://cihi.ca/fhir/CodeSystem/cihi-cci"
DIN = "http://hl7.org/fhir/NamingSystem/ca-hc-din"
CCDD = "http://terminology.hl7.org/CodeSystem/hc-CCDD"
ATC = "http://www.whocc.no/atc"
CVX = "http://hl7.org/fhir/sid/cvx"
DICOM = "http://dicom.nema.org/resources/ontology/DCM"
BCP_13 = "urn:ietf:bcp:13"
BCP_47 = "urn:ietf:bcp:47"
LIST_EMPTY_REASON = "http://terminology.hl7.org/CodeSystem/list-empty-reason"
RFC_3986 = "urn:ietf:rfc:3986"
"""The system of an identifier whose value is itself a URI."""
CURRENCY = "urn:iso:std:iso:4217"
COUNTRY = "urn:iso:std:iso:3166"

# --- HL7 terminology ----------------------------------------------------------------------------------------

_THO = "http://terminology.hl7.org/CodeSystem/"

IDENTIFIER_TYPE = _THO + "v2-0203"
OBSERVATION_CATEGORY = _THO + "observation-category"
OBSERVATION_INTERPRETATION = _THO + "v3-ObservationInterpretation"
OBSERVATION_VALUE = _THO + "v3-ObservationValue"
"""SUBSETTED and other statements about a resource's data."""
DIAGNOSTIC_SERVICE = _THO + "v2-0074"
CONDITION_CLINICAL = _THO + "condition-clinical"
CONDITION_VERIFICATION = _THO + "condition-ver-status"
CONDITION_CATEGORY = _THO + "condition-category"
ALLERGY_CLINICAL = _THO + "allergyintolerance-clinical"
ALLERGY_VERIFICATION = _THO + "allergyintolerance-verification"
ACT_CODE = _THO + "v3-ActCode"
"""Encounter classes and sensitivity labels."""
ACT_CLASS = _THO + "v3-ActClass"
ACT_REASON = _THO + "v3-ActReason"
"""Purposes of use."""
CONFIDENTIALITY = _THO + "v3-Confidentiality"
ROLE_CODE = _THO + "v3-RoleCode"
MARITAL_STATUS = _THO + "v3-MaritalStatus"
PARTICIPATION_TYPE = _THO + "v3-ParticipationType"
NULL_FLAVOR = _THO + "v3-NullFlavor"
DATA_ABSENT_REASON_SYSTEM = _THO + "data-absent-reason"
PROVENANCE_PARTICIPANT = _THO + "provenance-participant-type"
DATA_OPERATION = _THO + "v3-DataOperation"
ORGANIZATION_TYPE = _THO + "organization-type"
LOCATION_TYPE = _THO + "location-physical-type"
CONSENT_SCOPE = _THO + "consentscope"
CONSENT_CATEGORY = _THO + "consentcategorycodes"
MATCH_GRADE_SYSTEM = _THO + "match-grade"
RESTFUL_SECURITY = _THO + "restful-security-service"
AUDIT_EVENT_TYPE = _THO + "audit-event-type"
AUDIT_ENTITY_TYPE = _THO + "audit-entity-type"
OBJECT_ROLE = _THO + "object-role"
SECURITY_ROLE = _THO + "extra-security-role-type"

RESTFUL_INTERACTION = "http://hl7.org/fhir/restful-interaction"
ADMINISTRATIVE_GENDER = "http://hl7.org/fhir/administrative-gender"

# --- extensions ---------------------------------------------------------------------------------------------

_DEFINITION = "http://hl7.org/fhir/StructureDefinition/"

DATA_ABSENT_REASON = _DEFINITION + "data-absent-reason"
MATCH_GRADE = _DEFINITION + "match-grade"
TRANSLATION = _DEFINITION + "translation"
"""The same text in another language, beside the text."""

# --- our own ------------------------------------------------------------------------------------------------

NODES = "https://passerelle.example/fhir/NamingSystem/node"
"""The identifier system of the nodes of a directory."""
