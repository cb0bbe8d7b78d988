"""A real process that does jobs: killed, stopped, full, and asked how it is."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.network.country import free_ports
from tests.network.one_node import OneNode
from tests.network.wire import FHIR, Heard, call

MANY = 3000


def fill(node: OneNode, count: int = MANY, start: int = 0) -> None:
    """Write patients, in transactions of five hundred."""
    for first in range(start, start + count, 500):
        entries = [
            {
                "resource": {"resourceType": "Patient", "id": f"p{n}", "birthDate": "1970-05-06"},
                "request": {"method": "PUT", "url": f"Patient/p{n}"},
            }
            for n in range(first, first + 500)
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        answer = call(node.fhir, "POST", "", json.dumps(bundle).encode(), token=node.token, content_type=FHIR)
        assert answer.status == 200, answer.text


def kick_off(node: OneNode, path: str = "/$export") -> str:
    answer = call(node.fhir, "GET", path, token=node.token, prefer="respond-async", accept=FHIR)
    assert answer.status == 202, answer.text
    return answer.headers["content-location"]


def done(node: OneNode, place: str, seconds: float = 30.0) -> Any:
    """The manifest, when it is there."""
    until = time.monotonic() + seconds
    while (answer := call(place, "GET", token=node.token)).status == 202:
        assert time.monotonic() < until, "the job did not end"
        time.sleep(0.02)
    assert answer.status == 200, answer.text
    return answer.json


def lines(node: OneNode, manifest: Any, type: str = "Patient") -> list[str]:
    found = []
    for file in manifest["output"]:
        if file["type"] == type:
            answer = call(file["url"], "GET", token=node.token)
            assert answer.headers["content-type"].startswith("application/fhir+ndjson")
            found += [json.loads(line)["id"] for line in answer.body.splitlines()]
    return found


QUICK = {"PASSERELLE_JOBS__LEASE": "1", "PASSERELLE_JOBS__POLL": "0.1"}


def test_an_export_outlives_kill_9(tmp_path: Path) -> None:
    node = OneNode(tmp_path, QUICK)
    node.start()
    fill(node)
    place = kick_off(node)
    time.sleep(0.01)
    node.kill()
    node.start()
    assert sorted(lines(node, done(node, place))) == sorted(f"p{n}" for n in range(MANY))
    assert node.stop() == 0


def test_an_import_outlives_kill_9_and_loses_nothing(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    text = "".join(json.dumps({"resourceType": "Patient", "id": f"p{n}"}) + "\n" for n in range(MANY))
    (source / "patients.ndjson").write_text(text)
    node = OneNode(
        tmp_path / "node", {**QUICK, "PASSERELLE_JOBS__IMPORT_FROM": json.dumps([source.as_uri()])}
    )
    node.start()
    url = {"name": "url", "valueUrl": (source / "patients.ndjson").as_uri()}
    asked = {"resourceType": "Parameters", "parameter": [{"name": "input", "part": [url]}]}
    answer = call(
        node.fhir,
        "POST",
        "/$import",
        json.dumps(asked).encode(),
        token=node.token,
        prefer="respond-async",
        content_type=FHIR,
    )
    assert answer.status == 202, answer.text
    place = answer.headers["content-location"]
    for pause in (0.05, 0.2):
        time.sleep(pause)
        node.kill()
        node.start()
    manifest = done(node, place)
    assert [one["count"] for one in manifest["output"]] == [MANY]
    history = call(node.fhir, "GET", "/Patient/_history?_count=1", token=node.token).json
    assert history["total"] == MANY
    assert node.stop() == 0


def test_a_node_that_stops_answers_what_it_has_begun_and_lets_its_jobs_go(tmp_path: Path) -> None:
    node = OneNode(tmp_path, {"PASSERELLE_JOBS__LEASE": "600", "PASSERELLE_STOP_SECONDS": "10"})
    node.start()
    fill(node)
    place = kick_off(node)
    answers: list[Heard] = []
    asking = threading.Thread(target=lambda: answers.append(slow_request(node)))
    asking.start()
    time.sleep(0.3)
    assert node.stop() == 0
    asking.join(10)
    assert [one.status for one in answers] == [201]
    # The lease would last ten minutes: that the job goes on at once shows that it was given back.
    node.start()
    assert len(lines(node, done(node, place))) == MANY
    assert call(node.fhir, "GET", "/Basic", token=node.token).json["total"] == 1
    assert node.stop() == 0


def slow_request(node: OneNode) -> Heard:
    """A create whose body comes slowly: it is begun before the node is told to stop, and ends after."""

    def body() -> Any:
        yield b'{"resourceType":"Basic",'
        time.sleep(1.0)
        yield b'"code":{"text":"slow"}}'

    return call(node.fhir, "POST", "/Basic", body(), token=node.token, content_type=FHIR)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A small node with an instrument panel of its own."""
    home = tmp_path_factory.mktemp("watched")
    port = free_ports(1)
    (home / "token").write_text("a-token-that-is-long-enough")
    settings = {
        "PASSERELLE_WATCH__PORT": str(port),
        "PASSERELLE_WATCH__TOKEN_FILE": str(home / "token"),
        "PASSERELLE_LIMITS__MAX_DEPTH": "5",
        "PASSERELLE_LIMITS__MAX_ENTRIES": "3",
        "PASSERELLE_LIMITS__MAX_BYTES": "5000",
    }
    node = OneNode(home, settings)
    node.start()
    yield node, f"http://127.0.0.1:{port}"
    assert node.stop() == 0


def test_metrics_are_read_on_their_own_listener_or_with_the_token(watched: Any) -> None:
    node, apart = watched
    call(node.fhir, "GET", "/Patient/nobody", token=node.token)
    text = call(apart, "GET", "/metrics").text
    assert 'passerelle_request_seconds_count{interaction="read",status="404"}' in text
    assert "nobody" not in text
    assert call(node.address, "GET", "/metrics").status == 404
    assert call(node.address, "GET", "/metrics", token="a-token-that-is-long-enough").text[:6] == "# HELP"


def test_health_says_which_part_is_missing(watched: Any) -> None:
    node, apart = watched
    for address in (node.address, apart):
        assert call(address, "GET", "/health/live").json["status"] == "up"
        ready = call(address, "GET", "/health/ready")
        assert (ready.status, set(ready.json["parts"].values())) == (200, {"ok"})


def test_a_node_without_room_is_alive_and_not_ready(tmp_path: Path) -> None:
    node = OneNode(tmp_path, {"PASSERELLE_WATCH__LEAST_DISK": str(10**18)})
    node.start()
    ready = call(node.address, "GET", "/health/ready")
    assert (ready.status, ready.json["parts"]["disk"]) == (503, "missing")
    assert call(node.address, "GET", "/health/live").status == 200
    assert node.stop() == 0


@pytest.mark.parametrize(
    ("body", "status", "key"),
    [
        (b'{"resourceType":"Basic","text":{"div":"' + b"x" * 6000 + b'"}}', 413, "too-large"),
        (
            b'{"resourceType":"Basic","extension":[' + b'{"extension":[' * 6 + b"{}" + b"]}" * 6 + b"]}",
            400,
            "json-too-deep",
        ),
    ],
)
def test_what_is_too_much_is_refused(watched: Any, body: bytes, status: int, key: str) -> None:
    node, _ = watched
    answer = call(node.fhir, "POST", "/Basic", body, token=node.token, content_type=FHIR)
    assert (answer.status, answer.json["issue"][0]["details"]["coding"][0]["code"]) == (status, key)


def test_a_bundle_of_too_many_entries_is_refused(watched: Any) -> None:
    node, _ = watched
    entries = [{"request": {"method": "GET", "url": "Patient/x"}}] * 4
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}
    answer = call(node.fhir, "POST", "", json.dumps(bundle).encode(), token=node.token, content_type=FHIR)
    assert answer.status in (400, 413), answer.text


def test_files_are_sent_compressed_where_that_is_accepted(watched: Any) -> None:
    import gzip

    node, _ = watched
    call(
        node.fhir,
        "PUT",
        "/Patient/g1",
        b'{"resourceType":"Patient","id":"g1"}',
        token=node.token,
        content_type=FHIR,
    )
    (file,) = [one for one in done(node, kick_off(node))["output"] if one["type"] == "Patient"]
    plain = call(file["url"], "GET", token=node.token)
    packed = call(file["url"], "GET", token=node.token, accept_encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert call(file["url"], "GET").status == 401


def test_strangers_learn_nothing_of_jobs(watched: Any) -> None:
    node, _ = watched
    place = kick_off(node)
    assert call(place, "GET").status == 401
    assert call(place, "DELETE").status == 401
    assert call(place, "POST", token=node.token).status == 405
    assert call(f"{place}/../../x", "GET", token=node.token).status in (400, 404)
    assert call(place, "DELETE", token=node.token).status == 202
    assert call(place, "GET", token=node.token).status == 404


def test_a_page_of_another_origin_may_follow_its_job(watched: Any) -> None:
    node, _ = watched
    place = kick_off(node)
    page = "https://app.example"
    first = call(place, "OPTIONS", origin=page, access_control_request_method="GET")
    assert (first.status, first.headers["access-control-allow-origin"]) == (204, "*")
    answer = call(place, "GET", token=node.token, origin=page)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "X-Progress" in answer.headers["access-control-expose-headers"]


def test_the_panel_understands_nothing_else(watched: Any) -> None:
    _, apart = watched
    assert call(apart, "GET", "/fhir/Patient").status == 404
    with socket.create_connection(
        (urlsplit(apart).hostname or "", urlsplit(apart).port or 0), timeout=5
    ) as line:
        line.sendall(b"nonsense\r\n\r\n")
        assert line.recv(100).startswith(b"HTTP/1.1 404")


def test_ndjson_files_are_loaded_from_the_command_line(tmp_path: Path) -> None:
    from passerelle.node.load_lines import load_lines

    node = OneNode(tmp_path / "node")
    node.start()
    file = tmp_path / "patients.ndjson"
    good = [json.dumps({"resourceType": "Patient", "id": f"p{n}"}) for n in range(10)]
    file.write_text("\n".join([*good, "{", ""]))
    network = {
        "nodes": [{"id": "on", "fhir": node.fhir}],
        "clients": [
            {
                "client_id": "on-service",
                "node": "on",
                "grant": "client_credentials",
                "private_key": str(node.home / "keys" / "on-service.pem"),
                "scope": "system/*.cruds",
            }
        ],
    }
    described = node.home / "network.json"
    described.write_text(json.dumps(network))
    loaded = load_lines([file], "on", described, lambda key, done, of: None)
    assert (loaded.kept, loaded.bad) == (10, 1)
    assert loaded.told is not None
    (told,) = loaded.told.read_text().splitlines()
    assert "11" in json.loads(told)["issue"][0]["diagnostics"]
    assert list((node.home / "import").iterdir()) == []
    assert node.stop() == 0
