"""Which rows does a ViewDefinition make of resources? SQL on FHIR v2: the view checked, its plain meaning, its SQL.

``read_view`` checks a ViewDefinition, ``rows`` is what it means, ``sql`` says the same to an engine.
Source: https://build.fhir.org/ig/HL7/sql-on-fhir/en/StructureDefinition-ViewDefinition.html
"""

from passerelle.fhir.view.definition import Column, Constant, Select, View, read_view
from passerelle.fhir.view.rows import rows

__all__ = ["Column", "Constant", "Select", "View", "read_view", "rows"]
