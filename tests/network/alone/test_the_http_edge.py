"""The HTTP edge over a real connection: what it refuses, how it answers, and that nothing brings it down."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.network.one_node import OneNode
from tests.network.wire import FHIR, Heard, call

PATIENT = {"resourceType": "Patient", "name": [{"family": "Inventé", "given": ["Zoë"]}]}
LIMIT = 20_000


def _ask(node: OneNode, method: str, path: str, body: object = None, **headers: str) -> Heard:
    sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    if sent is not None:
        headers.setdefault("content_type", FHIR)
    return call(node.fhir, method, path, sent, token=node.token, **headers)


@pytest.fixture(scope="module")
def patient(small_node: OneNode) -> str:
    """The path of a Patient that is there."""
    answer = _ask(small_node, "POST", "/Patient", PATIENT)
    assert answer.status == 201
    return f"/Patient/{answer.json['id']}"


@pytest.fixture(autouse=True)
def _still_alive(small_node: OneNode) -> Iterator[None]:
    """After every test the same process still answers."""
    yield
    assert small_node.process is not None
    assert small_node.process.poll() is None
    assert _ask(small_node, "GET", "/Patient?_count=1").status == 200


def test_a_body_beyond_the_limit_is_refused_and_one_below_it_is_not(small_node: OneNode) -> None:
    fits = {**PATIENT, "address": [{"text": "x" * (LIMIT - 200)}]}
    assert _ask(small_node, "POST", "/Patient", fits).status == 201
    answer = _ask(small_node, "POST", "/Patient", {**PATIENT, "address": [{"text": "x" * LIMIT}]})
    assert answer.status == 413
    assert answer.json["issue"][0]["code"] == "too-long"
    assert str(LIMIT) in answer.said


def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(small_node: OneNode) -> None:
    head = _raw_head(small_node, "POST", "/fhir/Patient", ("Content-Length", str(10**12)))
    assert _raw(small_node, head).startswith(b"HTTP/1.1 413 ")


def test_a_body_that_does_not_say_how_large_it_is_is_refused_where_it_passes_the_limit(
    small_node: OneNode,
) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(50):
            yield b" " * 1000

    answer = call(small_node.fhir, "POST", "/Patient", endless(), token=small_node.token, content_type=FHIR)
    assert answer.status == 413


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/merge-patch+json", "multipart/form-data", "image/png"]
)
def test_a_body_that_is_not_fhir_by_its_type_is_refused(small_node: OneNode, kind: str) -> None:
    for method, path in (("POST", "/Patient"), ("PUT", "/Patient/p1"), ("POST", "")):
        answer = _ask(small_node, method, path, PATIENT, content_type=kind)
        assert answer.status == 415
        assert answer.said


@pytest.mark.parametrize("accept", ["text/turtle", "text/html", "image/*"])
def test_an_answer_that_is_not_fhir_cannot_be_had(small_node: OneNode, patient: str, accept: str) -> None:
    assert _ask(small_node, "GET", patient, accept=accept).status == 406


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json", "application/fhir+json; fhirVersion=4.0", "text/html, */*;q=0.1"]
)
def test_any_way_of_asking_for_json_is_understood(small_node: OneNode, patient: str, accept: str) -> None:
    answer = _ask(small_node, "GET", patient, accept=accept)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith(FHIR)


def test_the_format_parameter_is_stronger_than_the_accept_header(small_node: OneNode, patient: str) -> None:
    assert _ask(small_node, "GET", f"{patient}?_format=json", accept="text/html").status == 200
    assert _ask(small_node, "GET", f"{patient}?_format=ttl", accept=FHIR).status == 406


def test_a_resource_goes_in_and_out_as_xml_and_compressed(small_node: OneNode) -> None:
    body = (
        b'<Patient xmlns="http://hl7.org/fhir"><name><text value="'
        + b"Invent\xc3\xa9 " * 500
        + b'"/></name></Patient>'
    )
    xml = "application/fhir+xml"
    made = _ask(
        small_node,
        "POST",
        "/Patient",
        gzip.compress(body),
        content_type=xml,
        content_encoding="gzip",
        accept=xml,
    )
    assert (made.status, made.headers["content-type"]) == (201, f"{xml}; charset=utf-8")
    place = made.headers["location"].partition("/fhir")[2]
    read = _ask(small_node, "GET", place, accept=xml, accept_encoding="gzip")
    assert read.headers["content-encoding"] == "gzip"
    assert gzip.decompress(read.body) == made.body
    assert len(read.body) < len(made.body) / 10


def test_bytes_go_in_and_out_as_they_are(small_node: OneNode) -> None:
    sent = bytes(range(256)) * 20
    made = _ask(small_node, "POST", "/Binary", sent, content_type="image/png")
    place = made.headers["location"].partition("/fhir")[2]
    read = _ask(small_node, "GET", place, accept="image/*")
    assert (read.headers["content-type"], read.body) == ("image/png", sent)


def test_a_page_of_another_origin_may_ask_first(small_node: OneNode) -> None:
    asked = {"origin": "https://app.example", "access_control_request_method": "GET"}
    for address in (f"{small_node.fhir}/Patient", f"{small_node.address}/oauth/token"):
        answer = call(address, "OPTIONS", **asked)
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (204, "*")


def test_head_answers_as_get_without_a_body(small_node: OneNode, patient: str) -> None:
    for path in (patient, "/Patient?family=invente", "/metadata", "/Patient/nobody"):
        got, head = _ask(small_node, "GET", path), _ask(small_node, "HEAD", path)
        assert head.status == got.status
        assert head.body == b""
        assert head.headers.get("etag") == got.headers.get("etag")
        assert head.headers["content-type"] == got.headers["content-type"]


def test_a_request_id_comes_back_and_a_strange_one_is_replaced(small_node: OneNode, patient: str) -> None:
    assert _ask(small_node, "GET", patient, x_request_id="visit-0001").headers["x-request-id"] == "visit-0001"
    for strange in ("short", "x" * 65, "two words", "a<b>c'd\"e;f"):
        given = _ask(small_node, "GET", patient, x_request_id=strange).headers["x-request-id"]
        assert given != strange
        assert len(given) >= 8


def test_a_fault_names_its_request_so_that_somebody_can_ask_about_it(small_node: OneNode) -> None:
    answer = _ask(small_node, "GET", "/Patient/nobody", x_request_id="visit-0002")
    assert answer.headers["x-request-id"] == "visit-0002"
    assert b"visit-0002" in answer.body


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/Patient/nobody", None),
        ("GET", "/Nonsense", None),
        ("GET", "/Patient?nonsense=1", None),
        ("POST", "/Patient", b"{"),
        ("POST", "/Patient", b'{"resourceType": "Patient", "nonsense": 1}'),
        ("PATCH", "/Patient/p1", b"{}"),
    ],
)
def test_what_is_wrong_is_said_in_the_language_that_was_asked_for(
    small_node: OneNode, method: str, path: str, body: bytes | None
) -> None:
    english = _ask(small_node, method, path, body)
    french = _ask(small_node, method, path, body, accept_language="fr-CA, en;q=0.5")
    assert english.status == french.status
    assert 400 <= english.status < 500
    assert english.said != french.said
    assert english.json["issue"][0]["code"] == french.json["issue"][0]["code"]


def test_nothing_of_a_person_may_be_kept_on_the_way(small_node: OneNode, patient: str) -> None:
    for path in (patient, "/Patient?family=invente", "/Patient/nobody", f"{patient}/_history"):
        assert _ask(small_node, "GET", path).headers["cache-control"] == "no-store"


def test_a_version_that_is_known_is_not_sent_again(small_node: OneNode, patient: str) -> None:
    tag = _ask(small_node, "GET", patient).headers["etag"]
    assert tag.startswith('W/"')
    for known in (tag, tag.removeprefix("W/"), f'W/"99", {tag}', "*"):
        answer = _ask(small_node, "GET", patient, if_none_match=known)
        assert (answer.status, answer.body) == (304, b"")
        assert answer.headers["etag"] == tag
    assert _ask(small_node, "GET", patient, if_none_match='W/"99"').status == 200


def test_a_change_to_a_version_that_is_no_longer_the_last_is_refused(small_node: OneNode) -> None:
    created = _ask(small_node, "POST", "/Patient", PATIENT)
    path, tag = f"/Patient/{created.json['id']}", created.headers["etag"]
    again = {**created.json, "gender": "female"}
    assert _ask(small_node, "PUT", path, again, if_match=tag).status == 200
    assert _ask(small_node, "PUT", path, again, if_match=tag).status == 412
    assert _ask(small_node, "GET", path).json["meta"]["versionId"] == "2"


BROKEN = {
    "nothing": b"",
    "half of an object": b'{"resourceType": "Patient", "name": [{',
    "two objects": b'{"resourceType": "Patient"}{"resourceType": "Patient"}',
    "not utf-8": b'{"resourceType": "Patient", "name": [{"family": "Invent\xe9"}]}',
    "a lone surrogate": b'{"resourceType": "Patient", "name": [{"family": "\\ud800"}]}',
    "a NUL as a byte": b'{"resourceType": "Patient", "name": [{"family": "a\x00b"}]}',
    "a NUL as an escape": b'{"resourceType": "Patient", "name": [{"family": "a\\u0000b"}]}',
    "a byte order mark of UTF-16": '{"resourceType": "Patient"}'.encode("utf-16"),
    "a name twice": b'{"resourceType": "Patient", "gender": "male", "gender": "female"}',
    "a list": b"[1, 2]",
    "a word": b"Patient",
    "a number without end": b'{"resourceType": "Patient", "multipleBirthInteger": 1e999999}',
    "a deep well": b'{"resourceType": "Patient", "extension": ' + b"[" * 9000 + b"]" * 9000 + b"}",
    "another type": b'{"resourceType": "Observation"}',
    "no type": b"{}",
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=list(BROKEN))
@pytest.mark.parametrize(("method", "path"), [("POST", "/Patient"), ("PUT", "/Patient/broken"), ("POST", "")])
def test_what_cannot_be_read_is_refused_and_kept_nowhere(
    small_node: OneNode, method: str, path: str, body: bytes
) -> None:
    answer = _ask(small_node, method, path, body)
    assert answer.status in (400, 422), answer.status
    assert answer.json["resourceType"] == "OperationOutcome"
    assert _ask(small_node, "GET", "/Patient/broken").status == 404


@pytest.mark.parametrize(
    "target",
    [
        *("/fhir/Patient/%00", "/fhir/Patient?name=%00", "/fhir/Patient/%ff%fe", "/fhir/Patient?name=%ff"),
        *("/fhir/Patient/" + "x" * 5000, "/fhir//Patient", "/fhir/%2e%2e/health", "/fhir/Patient?_count=-1"),
        *("/fhir/Patient?_count=99999999999999999999", "/fhir/Patient/p1/_history/" + "9" * 400),
    ],
)
def test_an_odd_address_is_answered_and_never_a_fault_of_the_node(small_node: OneNode, target: str) -> None:
    answer = call(small_node.address, "GET", target, token=small_node.token)
    assert answer.status < 500, answer.status


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\x01\x02\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /fhir/Patient HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
        b"POST /fhir HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nzz\r\n",
        b"POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    ],
)
def test_what_is_not_http_gets_no_data_and_does_no_harm(small_node: OneNode, garbage: bytes) -> None:
    answer = _raw(small_node, garbage)
    assert b" 200 " not in answer.split(b"\r\n")[0]


def test_a_caller_who_hangs_up_in_the_middle_does_no_harm(small_node: OneNode) -> None:
    head = _raw_head(small_node, "POST", "/fhir/Patient", ("Content-Length", "500"))
    parts = urlsplit(small_node.address)
    for _ in range(5):
        with socket.create_connection((parts.hostname, parts.port), 10) as connection:
            connection.sendall(head + b'{"resourceType": "Pat')
    found = _ask(small_node, "GET", "/Patient?_summary=count").json["total"]
    assert _ask(small_node, "GET", "/Patient?_summary=count").json["total"] == found


def test_nothing_that_was_sent_stands_in_the_log(small_node: OneNode) -> None:
    secret = "Motsecret"
    _ask(small_node, "POST", "/Patient", {**PATIENT, "name": [{"family": secret}], "gender": secret})
    _ask(small_node, "GET", f"/Patient?family={secret}&{secret}=1")
    _ask(small_node, "GET", f"/Patient/{secret}")
    log = (small_node.folder / "node.log").read_text("utf-8")
    assert secret not in log
    assert "Traceback" not in log
    assert "serving" in log


def _raw_head(node: OneNode, method: str, target: str, *more: tuple[str, str]) -> bytes:
    netloc = urlsplit(node.address).netloc
    lines = [f"{method} {target} HTTP/1.1", f"Host: {netloc}", f"Authorization: Bearer {node.token}"]
    lines += [f"Content-Type: {FHIR}", *(f"{name}: {value}" for name, value in more), "", ""]
    return "\r\n".join(lines).encode()


def _raw(node: OneNode, request: bytes) -> bytes:
    """What comes back for these bytes, the start of it at least; nothing when the node just hangs up."""
    parts = urlsplit(node.address)
    with socket.create_connection((parts.hostname, parts.port), 10) as connection:
        connection.settimeout(5)
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            return connection.recv(65536)
        except OSError:
            return b""
