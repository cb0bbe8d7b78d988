"""What does a patch make of a resource? JSON Patch and FHIRPath Patch; the resource that is given is never changed."""

from passerelle.fhir.patch_fhirpath import fhirpath_patch
from passerelle.fhir.patch_json import json_patch

__all__ = ["fhirpath_patch", "json_patch"]
