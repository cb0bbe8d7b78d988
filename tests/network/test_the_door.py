"""The door: without a good token nothing opens but what everybody may read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc.jwk import ECKey

from passerelle.node.keys import load_key
from passerelle.node.peer_tokens import Asking, sign_request
from passerelle.values import Caller, NodeId, Purpose
from tests.network.country import Country
from tests.network.tokens import read, signed
from tests.network.wire import FHIR, Heard, call

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
PLACES = (
    *("", "/", "/Patient", "/Patient/p1", "/Patient/_search", "/Patient/_history", "/_history", "/_search"),
    *(
        "/Patient/p1/_history",
        "/Patient/p1/_history/1",
        "/Patient/$match",
        "/Patient/$find",
        "/Patient/$record",
    ),
    *("/Patient/p1/$everything", "/Patient/p1/$summary", "/Patient/p1/$record", "/Patient/$summary"),
    *("/AuditEvent", "/Nonsense", "/Patient/p1/Observation", "/$export", "/metadata/more", "/../health"),
)
OPEN = (
    *("/fhir/metadata", "/.well-known/smart-configuration", "/fhir/.well-known/smart-configuration"),
    *("/health", "/en/sign-in", "/fr/sign-in", "/oauth/jwks"),
)


@pytest.mark.parametrize("place", PLACES)
def test_every_method_of_every_place_asks_for_a_token(country: Country, place: str) -> None:
    for method in METHODS:
        body = b"{}" if method in ("POST", "PUT", "PATCH") else None
        answer = call(country.fhir("on"), method, place, body, content_type=FHIR)
        _is_refused(answer, head=method == "HEAD")


def test_every_resource_type_asks_for_a_token(country: Country) -> None:
    statement = call(country.fhir("on"), "GET", "/metadata").json
    types = [resource["type"] for resource in statement["rest"][0]["resource"]]
    assert len(types) > 140
    for type in types:
        assert call(country.fhir("on"), "GET", f"/{type}").status == 401, type


@pytest.mark.parametrize("place", OPEN)
def test_what_everybody_may_read_needs_no_token(country: Country, place: str) -> None:
    answer = call(country.address("on"), "GET", place)
    assert answer.status == 200
    assert answer.body


def test_both_discovery_addresses_say_the_same_and_name_what_is_really_there(country: Country) -> None:
    at = country.address("qc")
    said = call(at, "GET", "/.well-known/smart-configuration").json
    assert said == call(at, "GET", "/fhir/.well-known/smart-configuration").json
    for name in ("authorization_endpoint", "token_endpoint", "introspection_endpoint", "revocation_endpoint"):
        assert said[name].startswith(f"{at}/oauth/")
        assert call(said[name], "GET").status != 404
    assert call(said["jwks_uri"], "GET").json["keys"]


def test_whether_somebody_exists_cannot_be_told_without_a_token(country: Country) -> None:
    found = call(country.fhir("on"), "GET", "/Patient?_count=1", token=country.token("on")).json
    known = found["entry"][0]["resource"]["id"]
    there = call(country.fhir("on"), "GET", f"/Patient/{known}", x_request_id="same-request")
    not_there = call(country.fhir("on"), "GET", "/Patient/nobody", x_request_id="same-request")
    assert (there.status, there.body) == (not_there.status, not_there.body)


def test_no_other_token_endpoint_speaks_without_proof(country: Country) -> None:
    form = "application/x-www-form-urlencoded"
    for path in ("/oauth/token", "/oauth/introspect"):
        answer = call(country.address("on"), "POST", path, b"token=x", content_type=form)
        assert answer.status in (400, 401)
        assert set(answer.json) <= {"error", "error_description"}


@pytest.fixture(scope="module")
def token(country: Country) -> Iterator[str]:
    """A good token of Ontario; it opens, so that what is made of it is refused for its own fault."""
    good = country.token("on")
    assert _with(country, good).status == 200
    yield good
    assert _with(country, good).status == 200


def _with(country: Country, token: str, node: str = "on") -> Heard:
    return call(country.fhir(node), "GET", "/Patient?_count=1", token=token)


def _node_key(country: Country) -> ECKey:
    return ECKey.import_key((country.home / "nodes" / "on" / "node-key.pem").read_bytes())


def _made_again(country: Country, token: str, key: ECKey | None = None, **changed: Any) -> str:
    header, claims = read(token)
    return signed({**claims, **changed}, key or _node_key(country), typ=header["typ"], kid=header["kid"])


def test_a_token_of_the_nodes_own_key_is_the_measure_of_the_next_ones(country: Country, token: str) -> None:
    assert _with(country, _made_again(country, token, jti="made-again")).status == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": int(time.time()) - 3600, "iat": int(time.time()) - 7200, "nbf": int(time.time()) - 7200},
        {"nbf": int(time.time()) + 7200, "iat": int(time.time()) + 7200, "exp": int(time.time()) + 7500},
        {"aud": "http://127.0.0.1:1/fhir"},
        {"iss": "qc"},
        {"exp": None},
        {"scope": 7},
        {"extensions": {}},
    ],
    ids=["expired", "not yet", "for another", "of another", "endless", "odd scope", "no reason"],
)
def test_a_token_that_the_node_signed_is_refused_when_one_claim_is_wrong(
    country: Country, token: str, changed: dict[str, Any]
) -> None:
    _is_refused(_with(country, _made_again(country, token, **changed)))


def test_a_forged_token_is_refused(country: Country, token: str) -> None:
    other = ECKey.generate_key("P-256")
    head, payload, signature = token.split(".")
    forged = [
        _made_again(country, token, other),
        f"{head}.{payload}.",
        f"{head}.{payload}.{'A' * len(signature)}",
        f"eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{payload}.",
        f"{head}.{payload}.{signature}x",
        "not-a-token",
        "",
        "é",
    ]
    for one in forged:
        _is_refused(call(country.fhir("on"), "GET", "/Patient", authorization=f"Bearer {one}"))


@pytest.mark.parametrize("scheme", ["Basic", "bearer-ish", "Token", "DPoP", ""])
def test_a_good_token_in_another_scheme_is_refused(country: Country, token: str, scheme: str) -> None:
    header = f"{scheme} {token}".strip()
    _is_refused(call(country.fhir("on"), "GET", "/Patient", authorization=header))


def test_a_token_of_one_node_opens_no_other(country: Country, token: str) -> None:
    _is_refused(_with(country, token, "qc"))


MATCH = b'{"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": {"resourceType": "Patient"}}]}'


def _from_quebec(country: Country, audience: str, url: str) -> dict[str, str]:
    """What Québec would send with a question for this audience."""
    key = load_key(country.home / "nodes" / "qc" / "node-key.pem")
    caller = Caller("dr-qc", "person", "physician", NodeId("qc"), "", "Dr.", scopes=("user/*.rs",))
    return sign_request(
        caller,
        Purpose.TREAT,
        asking=Asking(NodeId("qc"), key),
        audience=audience,
        method="POST",
        url=url,
        now=datetime.now(UTC),
        new_id=lambda: str(time.perf_counter_ns()),
    )


def _match(country: Country, headers: dict[str, str], node: str = "on") -> Heard:
    named = {name.replace("-", "_"): value for name, value in headers.items()}
    return call(country.fhir(node), "POST", "/Patient/$match", MATCH, content_type=FHIR, **named)


def test_another_nodes_proof_opens_once_and_only_where_it_is_meant_for(country: Country) -> None:
    here = f"{country.fhir('on')}/Patient/$match"
    proof = _from_quebec(country, country.fhir("on"), here)
    assert _match(country, proof).status in (200, 400, 422)  # heard: what it asks is another matter
    _is_refused(_match(country, proof))
    for_another = _from_quebec(country, country.fhir("bc"), here)
    _is_refused(_match(country, for_another))
    elsewhere = _from_quebec(country, country.fhir("on"), f"{country.fhir('bc')}/Patient/$match")
    _is_refused(_match(country, elsewhere))


def test_another_nodes_token_without_its_proof_is_refused(country: Country) -> None:
    proof = _from_quebec(country, country.fhir("on"), f"{country.fhir('on')}/Patient/$match")
    bare = {name: value for name, value in proof.items() if name.lower() == "authorization"}
    assert len(bare) < len(proof)
    _is_refused(_match(country, bare))
    as_bearer = {name: value.replace("DPoP ", "Bearer ") for name, value in bare.items()}
    _is_refused(_match(country, as_bearer))


def _is_refused(answer: Heard, *, head: bool = False) -> None:
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["cache-control"] == "no-store"
    if head:
        assert answer.body == b""
    else:
        assert answer.headers["content-type"].startswith(FHIR)
        outcome = answer.json
        assert (outcome["resourceType"], outcome["issue"][0]["code"]) == ("OperationOutcome", "login")
