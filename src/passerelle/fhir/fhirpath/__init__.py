"""What does an expression say about a resource? FHIRPath for R4, compiled once to closures."""

from passerelle.fhir.fhirpath.errors import FhirPathError
from passerelle.fhir.fhirpath.parse import parse

__all__ = ["FhirPathError", "parse"]
