"""What is indexed is what the FHIRPath expressions of the official SearchParameters say, over the official examples."""

from __future__ import annotations

import json
import re
import tarfile
from decimal import Decimal

import pytest

from passerelle.fhir.definitions import search_parameters, sources
from passerelle.fhir.fhirpath import compile
from passerelle.fhir.path import walker
from passerelle.fhir.search import Alone, Seen, index, parameters, parse, passes
from tools.compile_definitions import read, resources
from tools.compile_search import USABLE, WORDS


@pytest.fixture(scope="module")
def examples(shared_data):
    with tarfile.open(shared_data / "fhir-r4-examples" / "instances.tar.xz") as tar:
        files = [tar.extractfile(member) for member in tar.getmembers() if member.name.endswith(".json")]
        found = [json.loads(file.read(), parse_float=Decimal) for file in files]
    return [one for one in found if one.get("resourceType") != "Parameters"]


@pytest.fixture(scope="module")
def expressions(shared_data):
    """(type, parameter) to the expression that R4 publishes."""
    bundle = read(shared_data / "fhir-r4-examples" / "definitions.tar.xz")["Bundle-searchParams.json"]
    return {
        (type, one["code"]): one.get("expression", "")
        for one in resources(bundle, "SearchParameter")
        for type in one["base"]
    }


def resolve(reference):
    """Nothing need be there to know the type of a reference."""
    match = re.search(r"([A-Z][A-Za-z]+)/[A-Za-z0-9.-]+(/_history/.+)?$", str(reference))
    return {"resourceType": match[1]} if match else None


def said(resource, expression, kind):
    """The values of an expression, of the datatypes that its kind of parameter can compare."""
    mine = [
        piece
        for piece in expression.split("|")
        if re.match(rf"\s*\(?{resource['resourceType']}\b", piece) or re.match(r"\s*[a-z]", piece)
    ]
    found = []
    for piece in mine:
        if "resolve()" in piece:  # what is contained or logical is nothing that a search could point to
            target = re.search(r"resolve\(\) is (\w+)", piece)[1]
            nodes = compile(piece.partition(".where(")[0])(resource)
            nodes = [
                n for n in nodes if (resolve(n.value.get("reference")) or {}).get("resourceType") == target
            ]
        else:
            nodes = compile(piece)(resource)
        for node in nodes:
            if kind == "string" and node.type in WORDS:
                found += [
                    value
                    for word in WORDS[node.type]
                    for value in walker((word,))(node.value)
                    if value is not None
                ]
            elif node.type in USABLE[kind].split() or (kind, node.type) == ("token", "boolean"):
                found.append(node.value)
    return found


def reached(resource, parameter):
    values = []
    for source in sources(resource["resourceType"]):
        if source.name in parameter.rows and "[0]" not in "".join(source.path.steps):
            values += walker(source.path.steps)(resource)
    if parameter.start:
        values = [v for v in values if f"/{parameter.start}" in "/" + v.get("reference", "")]
    return values


def test_every_parameter_reaches_what_its_expression_says(examples, expressions):
    wrong, compared = [], 0
    for resource in examples:
        type = resource["resourceType"]
        for parameter in search_parameters(type):
            expression = expressions[type, parameter.name]
            if (
                parameter.ways
                or parameter.kind == "special"
                or "entry[0]" in expression
                or ".exists()" in expression
            ):
                continue
            expected = said(resource, expression, parameter.kind)
            actual = reached(resource, parameter)
            if sorted(map(repr, expected)) != sorted(map(repr, actual)):
                wrong.append((type, resource.get("id"), parameter.name, expected, actual))
            compared += bool(expected)
    assert wrong == []
    assert compared > 2000


def test_every_example_can_be_indexed(examples):
    for resource in examples:
        rows = index(resource, "http://hl7.org/fhir")
        assert len(rows) >= 1, resource["resourceType"]


def test_who_is_not_said_to_be_deceased_is_not(examples, expressions):
    people = [one for one in examples if one["resourceType"] == "Patient"]
    for person in people:
        [said] = compile(expressions["Patient", "deceased"])(person)
        [row] = [row for row in index(person) if row.name == "deceased"]
        assert row.text == str(said.value).lower()
    assert people


def escaped(text):
    return re.sub(r"([\\,|$])", r"\\\1", text)


def question(row):
    """How somebody would ask for what a row holds; None for what has no words."""
    match row.kind:
        case "token":
            return (
                f"{escaped(row.system)}|{escaped(row.text)}" if row.text and row.system else escaped(row.text)
            )
        case "string":
            return escaped(row.exact)
        case "reference" if not row.text:
            return None
        case "reference" | "uri":
            return escaped(row.text) + (f"|{escaped(row.exact)}" if row.exact and not row.system else "")
        case "quantity":
            unit = f"|{escaped(row.system)}|{escaped(row.text)}" if row.system and row.text else ""
            return f"ap{row.low:.6f}{unit}" if abs(row.low) < 1e9 and row.high - row.low < 1 else None
        case "number":
            return f"ge{row.low:.9f}" if abs(row.low) < 1e9 and row.low == round(row.low, 6) else None
    return None


def test_everything_in_an_example_is_found_by_its_own_words(examples):
    lost, asked = [], 0
    for resource in examples:
        rows = index(resource)
        seen = Seen(resource["resourceType"], resource.get("id", ""), rows)
        for parameter in parameters(resource["resourceType"]).values():
            if parameter.parts or parameter.kind == "special":
                continue
            for row in rows:
                value = question(row) if row.name in parameter.rows else None
                if not value or not row.text.startswith(parameter.start) or value.startswith("urn:uuid"):
                    continue
                asked += 1
                [clause] = parse(seen.type, [(parameter.name, value)]).clauses
                if not passes(seen, clause, Alone()):
                    lost.append((seen.reference, parameter.name, value))
    assert lost == []
    assert asked > 4000
