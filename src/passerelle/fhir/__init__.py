"""What do the words mean? FHIR R4 as plain functions over values."""
