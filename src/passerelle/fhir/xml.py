"""A resource as FHIR XML and back, nothing lost: digits, extensions, ids, nulls in lists, and the narrative as sent."""

from passerelle.fhir.xml_read import from_xml
from passerelle.fhir.xml_write import to_xml

__all__ = ["from_xml", "to_xml"]
