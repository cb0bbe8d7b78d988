"""Every interaction is spoken in JSON and in XML, compressed or plain, to whoever may call."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest
import zstandard

from passerelle.fhir.resource import decode
from passerelle.fhir.xml import from_xml, to_xml
from tests.spec.country import run
from tests.spec.over_http import JSON, XML, Node

PATIENT = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Inventée", "given": ["Zoé"]}]}


@pytest.fixture
def node():
    node = Node()
    node.country.put("on", PATIENT)
    return node


# --- what is wanted ---


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("text/json", JSON),
        ("application/fhir+json; fhirVersion=4.0", JSON),
        ("application/fhir+xml", XML),
        ("application/xml", XML),
        ("text/xml;charset=utf-8", XML),
        ("application/fhir+xml;q=0.5, application/fhir+json", JSON),
        ("application/fhir+xml, application/fhir+json;q=0.9", XML),
        ("application/fhir+xml, */*;q=0.1", XML),
        ("*/*, application/fhir+xml", XML),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", JSON),
        ("application/fhir+json;fhirVersion=3.0, application/fhir+xml;fhirVersion=4.0", XML),
    ],
)
def test_the_answer_is_in_the_format_that_is_asked_for(node, accept, kind):
    answer = node.ask("GET", "/Patient/p1", accept=accept)
    assert (answer.status, answer.headers["content-type"]) == (200, f"{kind}; charset=utf-8")
    read = decode if kind == JSON else from_xml
    assert read(answer.body)["name"] == PATIENT["name"]


@pytest.mark.parametrize(
    "accept",
    ["text/html", "application/pdf", "application/fhir+json;fhirVersion=5.0", "application/json;q=0"],
)
def test_another_format_is_not_acceptable(node, accept):
    answer = node.ask("GET", "/Patient/p1", accept=accept)
    assert (answer.status, answer.kind) == (406, JSON)
    assert answer.json["issue"][0]["code"] == "not-supported"


@pytest.mark.parametrize(
    ("format", "kind"),
    [
        ("json", JSON),
        ("xml", XML),
        ("text/xml", XML),
        ("application/fhir%2Bxml", XML),
        ("application/fhir+xml", XML),
        ("application/fhir%2Bjson", JSON),
        ("application/json", JSON),
    ],
)
def test_format_goes_before_the_header(node, format, kind):
    assert node.ask("GET", f"/Patient/p1?_format={format}", accept=JSON if kind == XML else XML).kind == kind
    assert node.ask("GET", f"/Patient?_format={format}", accept="text/html").kind == kind


def test_an_unknown_format_is_not_acceptable(node):
    assert node.ask("GET", "/Patient/p1?_format=ttl", accept=JSON).status == 406


def test_a_search_that_is_posted_may_name_its_format_in_the_form(node):
    form = "application/x-www-form-urlencoded"
    answer = node.ask("POST", "/Patient/_search", b"family=Invent%C3%A9e&_format=xml", content_type=form)
    assert (answer.status, answer.kind) == (200, XML)
    assert from_xml(answer.body)["entry"][0]["resource"]["id"] == "p1"


def test_pretty_is_for_people(node):
    answer = node.ask("GET", "/Patient/p1?_pretty=true")
    assert b'\n  "name": [' in answer.body
    assert answer.json == node.ask("GET", "/Patient/p1?_pretty=false").json


# --- what arrives ---


def test_a_resource_in_xml_is_created_and_changed_like_any_other(node):
    body = to_xml({"resourceType": "Patient", "birthDate": "2001-02-03"})
    made = node.ask("POST", "/Patient", body, content_type=XML, accept=XML)
    assert (made.status, made.kind) == (201, XML)
    found = from_xml(made.body)
    assert made.headers["location"].endswith(f"/Patient/{found['id']}/_history/1")
    changed = to_xml({**PATIENT, "active": True})
    answer = node.ask("PUT", "/Patient/p1", changed, content_type="application/xml; charset=utf-8")
    assert (answer.status, answer.json["active"]) == (200, True)


def test_a_transaction_in_xml_is_answered_in_xml(node):
    entry = {"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}}
    bundle = to_xml({"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    answer = node.ask("POST", "", bundle, content_type=XML, accept=XML)
    assert from_xml(answer.body)["entry"][0]["response"]["status"] == "201 Created"


def test_a_patch_is_json_patch_or_parameters_in_either_format(node):
    patch = [{"op": "add", "path": "/active", "value": True}]
    body = json.dumps(patch).encode()
    answer = node.ask("PATCH", "/Patient/p1", body, content_type="application/json-patch+json", accept=XML)
    assert (answer.status, from_xml(answer.body)["active"]) == (200, True)
    parts = [
        {"name": "type", "valueCode": "add"},
        {"name": "path", "valueString": "Patient"},
        {"name": "name", "valueString": "gender"},
        {"name": "value", "valueCode": "female"},
    ]
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    answer = node.ask("PATCH", "/Patient/p1", to_xml(parameters), content_type=XML)
    assert (answer.status, answer.json["gender"]) == (200, "female")
    answer = node.ask("PATCH", "/Patient/p1", b"{}", content_type="application/merge-patch+json")
    assert answer.status == 415
    assert "application/json-patch+json" in answer.headers["accept-patch"]


def test_a_decimal_keeps_its_digits_in_both_formats(node):
    value = {"resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "x"}}
    text = json.dumps({**value, "valueQuantity": {"value": "@"}}).replace('"@"', "1.500")
    assert node.ask("PUT", "/Observation/o1", text.encode(), content_type=JSON).status == 201
    assert b'"value":1.500' in node.ask("GET", "/Observation/o1").body.replace(b" ", b"")
    in_xml = node.ask("GET", "/Observation/o1", accept=XML).body
    assert b'<value value="1.500"/>' in in_xml
    assert node.ask("PUT", "/Observation/o1", in_xml, content_type=XML).status == 200
    assert b'"value":1.500' in node.ask("GET", "/Observation/o1").body


def test_a_fault_in_xml_is_told_with_its_place_in_the_language_and_format_of_the_caller(node):
    body = b'<Patient xmlns="http://hl7.org/fhir"><giben value="x"/></Patient>'
    answer = node.ask("POST", "/Patient", body, content_type=XML, accept=XML, accept_language="fr-CA")
    outcome = from_xml(answer.body)
    assert answer.status == 400
    assert outcome["issue"][0]["expression"] == ["Patient.giben"]
    assert "élément giben" in outcome["issue"][0]["diagnostics"]


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/pdf",
        "application/fhir+json; fhirVersion=3.0",
        "application/fhir+json; charset=iso-8859-1",
        "application/x-www-form-urlencoded",
        "application/json-patch+json",
    ],
)
def test_another_media_type_is_not_supported(node, kind):
    assert node.ask("POST", "/Patient", b"{}", content_type=kind).status == 415


# --- what every answer says ---


def test_a_version_that_is_known_already_is_not_sent_again(node):
    etag = node.ask("GET", "/Patient/p1").headers["etag"]
    answer = node.ask("GET", "/Patient/p1", if_none_match=etag)
    assert (answer.status, answer.body) == (304, b"")
    assert "content-type" not in answer.headers
    assert node.ask("GET", "/Patient/p1", if_none_match='W/"99"').status == 200


def test_a_head_is_a_get_without_its_body(node):
    whole, head = node.ask("GET", "/Patient/p1"), node.ask("HEAD", "/Patient/p1")
    assert (head.status, head.body) == (200, b"")
    different = {"x-request-id"}
    assert {n: v for n, v in head.headers.items() if n not in different} == {
        n: v for n, v in whole.headers.items() if n not in different
    }


def test_a_request_keeps_its_id_or_is_given_one(node):
    assert node.ask("GET", "/Patient/p1", x_request_id="trace-0001").headers["x-request-id"] == "trace-0001"
    assert len(node.ask("GET", "/Patient/p1", x_request_id="a b").headers["x-request-id"]) == 24
    assert node.ask("GET", "/Patient/none", x_request_id="trace-0001").json["id"] == "trace-0001"


def test_a_method_that_is_not_allowed_is_told_with_those_that_are(node):
    answer = node.ask("PUT", "/Patient/p1/_history")
    assert (answer.status, answer.headers["allow"]) == (405, "GET")


def test_who_proves_nothing_is_told_how_to(node):
    answer = node.ask("GET", "/Patient/p1", authorization="nobody", accept=XML)
    assert (answer.status, answer.kind) == (401, XML)
    assert answer.headers["www-authenticate"].startswith("Bearer")


# --- compressed ---


@pytest.mark.parametrize(
    ("wanted", "coding"),
    [
        ("gzip", "gzip"),
        ("gzip, deflate, br", "gzip"),
        ("gzip;q=0.5, zstd;q=0.4", "gzip"),
        ("gzip, zstd", "zstd"),
        ("*", "zstd"),
        ("br", None),
        ("gzip;q=0", None),
        ("identity", None),
        ("gzip;q=x", None),
    ],
)
def test_a_body_worth_it_is_compressed_as_the_caller_wants(node, wanted, coding):
    node.country.put("on", {**PATIENT, "id": "big", "name": [{"family": "Inventée" * 500}]})
    answer = node.ask("GET", "/Patient/big", accept_encoding=wanted)
    assert answer.headers.get("content-encoding") == coding
    unpack = {"gzip": gzip.decompress, "zstd": zstandard.decompress, None: bytes}[coding]
    assert json.loads(unpack(answer.body))["id"] == "big"
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert "Accept-Encoding" in answer.headers["vary"]


def test_a_small_body_is_sent_as_it_is(node):
    assert "content-encoding" not in node.ask("GET", "/Patient/p1", accept_encoding="gzip").headers


@pytest.mark.parametrize(
    ("coding", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstandard.compress), ("identity", bytes)],
)
def test_what_arrives_compressed_is_read(node, coding, pack):
    body = pack(json.dumps({**PATIENT, "active": True}).encode())
    answer = node.ask("PUT", "/Patient/p1", body, content_type=JSON, content_encoding=coding)
    assert (answer.status, answer.json["active"]) == (200, True)


@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
def test_a_bomb_is_too_large_and_never_unpacked(node, coding, pack):
    body = pack(b" " * 50_000_000)
    assert len(body) < 100_000
    assert node.ask("POST", "/Patient", body, content_type=JSON, content_encoding=coding).status == 413


@pytest.mark.parametrize(
    ("coding", "body", "status"),
    [
        ("gzip", b"{}", 400),
        ("gzip", gzip.compress(b"{}" * 99)[:-9], 400),
        ("br", b"{}", 415),
        ("zstd", b"{}", 400),
    ],
)
def test_what_is_not_compressed_as_it_says_is_refused(node, coding, body, status):
    assert node.ask("POST", "/Patient", body, content_type=JSON, content_encoding=coding).status == status


def test_a_body_past_the_limit_is_refused_before_it_is_read(node):
    assert node.ask("POST", "/Patient", b"{}", content_type=JSON, content_length="99999999").status == 413
    assert node.ask("POST", "/Patient", b" " * 1_100_000, content_type=JSON).status == 413


# --- from another origin ---


def test_a_page_of_an_origin_that_is_let_in_may_call():
    node = Node(origins=("https://app.example",))
    asked = {"origin": "https://app.example", "access_control_request_method": "PUT"}
    answer = node.ask("OPTIONS", "/Patient/p1", authorization="nobody", **asked)
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    assert "Authorization" in answer.headers["access-control-allow-headers"]
    read = node.ask("GET", "/Patient/p1", origin="https://app.example")
    assert {"ETag", "Location", "Last-Modified", "Content-Location"} <= set(
        read.headers["access-control-expose-headers"].split(", ")
    )
    assert "Origin" in read.headers["vary"]


def test_a_page_of_another_origin_is_told_nothing():
    node = Node(origins=("https://app.example",))
    for method in ("OPTIONS", "GET"):
        answer = node.ask(method, "/Patient/p1", origin="https://other.example")
        assert "access-control-allow-origin" not in answer.headers


def test_every_origin_can_be_let_in():
    answer = Node(origins=("*",)).ask("GET", "/metadata", origin="https://other.example")
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, "*")


def test_an_application_in_a_browser_can_get_its_token():
    edge = Node(origins=("https://app.example",)).edge

    async def ask(method, path, origin):
        told = []

        async def oauth(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})

        async def send(message):
            told.append(message)

        headers = [(b"origin", origin)]
        await edge.before(oauth)(
            {"type": "http", "method": method, "path": path, "headers": headers}, None, send
        )
        return told[0]["status"], dict(told[0]["headers"]).get(b"access-control-allow-origin")

    here, elsewhere = b"https://app.example", b"https://other.example"
    assert run(ask("OPTIONS", "/oauth/token", here)) == (204, here)
    assert run(ask("POST", "/oauth/token", here)) == (200, here)
    assert run(ask("GET", "/fhir/.well-known/smart-configuration", here)) == (200, here)
    assert run(ask("POST", "/oauth/token", elsewhere)) == (200, None)
    assert run(ask("POST", "/en/sign-in", here)) == (200, None)
