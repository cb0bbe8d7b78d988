"""A Binary is bytes of any type, and a resource for who asks for one."""

from __future__ import annotations

import base64
import json

import pytest

from passerelle.fhir.xml import from_xml, to_xml
from tests.spec.over_http import JSON, XML, Node

PDF = b"%PDF-1.7\x00\xff\xfe invented"


@pytest.fixture
def node():
    return Node()


@pytest.fixture
def stored(node):
    made = node.ask("POST", "/Binary", PDF, content_type="application/pdf")
    assert made.status == 201
    return "/Binary/" + made.headers["location"].split("/")[-3]


def test_bytes_of_any_type_become_a_binary(node, stored):
    resource = node.ask("GET", stored, accept=JSON).json
    assert (resource["resourceType"], resource["contentType"]) == ("Binary", "application/pdf")
    assert base64.b64decode(resource["data"]) == PDF


@pytest.mark.parametrize("accept", ["", "*/*", "application/pdf", "image/png", "text/html,*/*;q=0.8"])
def test_a_binary_is_given_back_as_the_bytes_that_it_is(node, stored, accept):
    answer = node.ask("GET", stored, accept=accept)
    assert (answer.status, answer.headers["content-type"], answer.body) == (200, "application/pdf", PDF)
    assert answer.headers["etag"] == 'W/"1"'
    assert node.ask("GET", f"{stored}/_history/1", accept=accept).body == PDF


def test_a_browser_neither_runs_nor_guesses_what_somebody_uploaded(node):
    node.ask("PUT", "/Binary/evil", b"<script>alert(1)</script>", content_type="text/html")
    answer = node.ask("GET", "/Binary/evil", accept="text/html")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert answer.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(("accept", "read"), [(JSON, json.loads), (XML, from_xml)])
def test_a_binary_is_a_resource_for_who_asks_for_fhir(node, stored, accept, read):
    answer = node.ask("GET", stored, accept=accept)
    assert (answer.kind, read(answer.body)["contentType"]) == (accept, "application/pdf")
    assert node.ask("GET", f"{stored}?_format={'xml' if accept == XML else 'json'}").kind == accept


def test_a_part_of_a_binary_is_a_part_of_the_resource(node, stored):
    assert node.ask("GET", f"{stored}?_elements=contentType").json["contentType"] == "application/pdf"


@pytest.mark.parametrize("kind", [JSON, XML, "application/json"])
def test_a_binary_may_be_written_as_a_resource(node, kind):
    resource = {"resourceType": "Binary", "id": "b1", "contentType": "text/plain", "data": "YWJj"}
    body = to_xml(resource) if kind == XML else json.dumps(resource).encode()
    assert node.ask("PUT", "/Binary/b1", body, content_type=kind).status == 201
    answer = node.ask("GET", "/Binary/b1", accept="*/*")
    assert (answer.headers["content-type"], answer.body) == ("text/plain", b"abc")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (JSON, b'{"resourceType":"Patient"}'),
        (XML, b'<Patient xmlns="http://hl7.org/fhir"/>'),
        ("application/json", b"[1]"),
    ],
)
def test_fhir_content_that_is_no_binary_is_content_like_any_other(node, kind, body):
    assert node.ask("PUT", "/Binary/b1", body, content_type=kind).status == 201
    answer = node.ask("GET", "/Binary/b1", accept="text/plain")
    assert (answer.headers["content-type"], answer.body) == (kind, body)


def test_a_binary_names_whose_rules_it_is_under(node):
    context = {"content_type": "text/plain", "x_security_context": "Patient/p1"}
    node.ask("PUT", "/Binary/b1", b"x", **context)
    assert node.ask("GET", "/Binary/b1", accept=JSON).json["securityContext"] == {"reference": "Patient/p1"}


def test_a_content_type_that_would_add_a_header_is_refused(node):
    assert node.ask("POST", "/Binary", b"x", content_type="text/plain\r\nx: y").status == 415
    resource = {"resourceType": "Binary", "id": "b1", "contentType": "no type at all", "data": "YWJj"}
    node.country.put("on", resource)
    assert node.ask("GET", "/Binary/b1", accept="*/*").headers["content-type"] == "application/octet-stream"


def test_a_binary_that_is_known_already_is_not_sent_again(node, stored):
    assert node.ask("GET", stored, if_none_match='W/"1"').status == 304
