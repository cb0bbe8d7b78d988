"""The compiled definitions are those that HL7 publishes, and nothing had to be written by hand."""

from __future__ import annotations

import pytest

from passerelle.fhir import definitions
from tools.compile_definitions import compile_all, read, write
from tools.compile_search import NotSimpleError, lower


@pytest.fixture(scope="module")
def compiled(shared_data):
    return compile_all(read(shared_data / "fhir-r4-examples" / "definitions.tar.xz"))


def test_the_file_in_the_tree_is_what_the_compiler_makes(compiled, tmp_path):
    write(compiled, tmp_path / "r4.json")
    made = (tmp_path / "r4.json").read_bytes()
    kept = definitions.files(definitions.__package__).joinpath("r4.json").read_bytes()
    assert made == kept


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Observation.subject", [["subject", "Reference"]]),
        ("Observation.component.code", [["component.code", "CodeableConcept"]]),
        ("(Observation.value as Quantity)", [["valueQuantity", "Quantity"]]),
        ("Observation.value.as(Quantity)", [["valueQuantity", "Quantity"]]),
        ("Observation.subject.where(resolve() is Patient)", [["subject", "Reference", "Patient"]]),
        ("(Observation.value as CodeableConcept).text", [["valueCodeableConcept.text", "string"]]),
    ],
)
def test_an_expression_becomes_element_paths(expression, expected, compiled):
    assert lower(expression, compiled["structures"], "Observation") == expected


@pytest.mark.parametrize(
    "expression", ["Observation.component[1].code", "Observation.nothing", "Observation.code.exists()"]
)
def test_what_is_more_than_a_path_is_not_guessed_at(expression, compiled):
    with pytest.raises(NotSimpleError):
        lower(expression, compiled["structures"], "Observation")


def test_there_are_146_types_of_resource():
    assert len(definitions.resource_types()) == 146
    assert definitions.resource_types().isdisjoint({"Resource", "DomainResource", "HumanName"})


def test_every_element_has_a_type_that_can_be_checked():
    from passerelle.fhir.primitives import PRIMITIVES

    for name in sorted(definitions.resource_types()):
        structure = definitions.structure(name)
        for elements in structure.parts.values():
            for kind in (kind for element in elements for kind in element.types):
                known = (
                    kind[1:] in structure.parts
                    if kind[0] == "#"
                    else kind in PRIMITIVES or definitions.structure(kind)
                )
                assert known, f"{name} {kind}"
