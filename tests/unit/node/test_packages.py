"""The operator's packages are known beside what is in the box; a folder that cannot be read stops the node."""

from __future__ import annotations

import io
import json
import tarfile

import pytest

from passerelle.fhir.profiles import IN_THE_BOX, check
from passerelle.node.config import ConfigurationError
from passerelle.node.packages import profiles

DEFINITION = {
    "resourceType": "StructureDefinition",
    "url": "http://p.ca/patient",
    "type": "Patient",
    "derivation": "constraint",
    "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
    "differential": {"element": [{"id": "Patient.birthDate", "path": "Patient.birthDate", "min": 1}]},
}
PATIENT = {"resourceType": "Patient", "meta": {"profile": ["http://p.ca/patient"]}}


def test_without_a_folder_there_is_what_is_in_the_box():
    assert profiles(None) is IN_THE_BOX


def test_a_folder_of_json_and_a_published_package_are_read(tmp_path):
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    for folder in (plain, packed):
        folder.mkdir()
    (plain / "patient.json").write_text(json.dumps(DEFINITION))
    body = json.dumps(DEFINITION).encode()
    with tarfile.open(packed / "p.tgz", "w:gz") as package:
        member = tarfile.TarInfo("package/StructureDefinition-patient.json")
        member.size = len(body)
        package.addfile(member, io.BytesIO(body))
    for folder in (plain, packed):
        [issue] = check(PATIENT, profiles(folder))
        assert (issue.key, issue.expression) == ("profile-least", "Patient")


@pytest.mark.parametrize("name", ["x.json", "x.tgz"])
def test_what_cannot_be_read_stops_the_node_and_is_named(name, tmp_path):
    (tmp_path / name).write_text("{")
    with pytest.raises(ConfigurationError, match=name):
        profiles(tmp_path)
    with pytest.raises(ConfigurationError, match="packages"):
        profiles(tmp_path / "nowhere")
