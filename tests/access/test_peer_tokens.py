"""A request from another node: only the true pair of token and proof opens the door, and only once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import RSAKey
from starlette.datastructures import Headers

from passerelle.fhir.words import catalogue
from passerelle.node.claims import Rejected, Verified, sign
from passerelle.node.keys import SigningKey, make_key
from passerelle.node.peer_tokens import Asking, ReplayGuard, mint, prove, sign_request, verify
from passerelle.values import Caller, NodeId, Purpose

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HERE = "https://on.example/fhir"
URL = f"{HERE}/Patient/p1/$everything?_type=Condition"
BC, ON = NodeId("bc"), NodeId("on")
KEY = make_key()
OTHER_KEY = make_key()
KEYS = {"bc": (KEY.public,), "qc": (OTHER_KEY.public,)}
CLINICIAN = Caller(
    "dr-test", "person", "physician", BC, "Invented Clinic", "Invented Person", None, ("user/*.rs", "ITI-119")
)
ids = count()

Change = Callable[[dict[str, Any]], None]


def unchanged(claims: dict[str, Any]) -> None:
    """Leave the claims as they are."""


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, claims, _ = (base64.urlsafe_b64decode(part + "==") for part in token.split("."))
    return json.loads(header), json.loads(claims)


def minted(key: SigningKey = KEY, caller: Caller = CLINICIAN, node: NodeId = BC) -> str:
    return mint(caller, Purpose.TREAT, asking=Asking(node, key), audience=HERE, now=NOW, jti=f"t{next(ids)}")


def forged_token(change: Change = unchanged, key: SigningKey = KEY, typ: str = "at+jwt") -> str:
    """A token that the node's own key signs, after one change."""
    _, claims = parts(minted())
    change(claims)
    return sign(typ, claims, key)


def proved(token: str, key: SigningKey = KEY, **more: Any) -> str:
    given: dict[str, Any] = {"method": "GET", "url": URL, "now": NOW, "jti": f"p{next(ids)}", **more}
    return prove(token, key=key, **given)


def forged_proof(token: str, change: Change, typ: str = "dpop+jwt") -> str:
    header, claims = parts(proved(token))
    change(claims)
    return sign(typ, claims, KEY, {"jwk": header["jwk"]})


def shown(
    token: str, proof: str | None = None, *, now: datetime = NOW, seen: ReplayGuard | None = None, **more: Any
) -> Verified | Rejected:
    headers = {"authorization": f"DPoP {token}", "dpop": proof if proof is not None else proved(token)}
    where = {"method": "GET", "url": URL, "here": HERE, "keys": KEYS, **more}
    return verify(headers, now=now, seen=seen if seen is not None else ReplayGuard(), **where)


def setting(claim: str, value: object) -> Change:
    return lambda claims: claims.__setitem__(claim, value)


def without(claim: str) -> Change:
    return lambda claims: claims.pop(claim)


def test_the_true_pair_says_who_asks_and_why() -> None:
    said = shown(minted())
    assert isinstance(said, Verified)
    assert said.caller == CLINICIAN
    assert said.purpose is Purpose.TREAT


def test_the_two_headers_of_a_signed_request_are_accepted_as_they_travel() -> None:
    sent = sign_request(
        CLINICIAN,
        Purpose.ETREAT,
        asking=Asking(BC, KEY),
        audience=HERE,
        method="GET",
        url=URL,
        now=NOW,
        new_id=lambda: f"n{next(ids)}",
    )
    said = verify(Headers(sent), "GET", URL, here=HERE, keys=KEYS, now=NOW, seen=ReplayGuard())
    assert isinstance(said, Verified)
    assert said.purpose is Purpose.ETREAT


def test_an_ed25519_key_serves_as_well() -> None:
    key = make_key("Ed25519")
    token = minted(key)
    assert isinstance(shown(token, proved(token, key), keys={"bc": (key.public,)}), Verified)


def test_a_service_stays_a_service() -> None:
    service = Caller("lab-feed", "service", "service", BC, scopes=("system/*.rs",))
    said = shown(minted(caller=service))
    assert isinstance(said, Verified)
    assert said.caller.kind == "service"


def test_a_person_cannot_pass_for_the_node_itself() -> None:
    with pytest.raises(ValueError, match="cannot have the id of the node"):
        minted(caller=Caller("bc", "person", "physician", BC))


def test_the_patient_id_of_another_node_does_not_travel() -> None:
    said = shown(
        minted(caller=Caller("p", "person", "patient", BC, patient="their-id", scopes=("patient/*.rs",)))
    )
    assert isinstance(said, Verified)
    assert said.caller.patient is None


FORGED_TOKENS: list[tuple[str, str, Callable[[], str]]] = [
    (
        "is for another node",
        "token-audience",
        lambda: forged_token(setting("aud", "https://qc.example/fhir")),
    ),
    (
        "is for this node and others",
        "token-audience",
        lambda: forged_token(setting("aud", [HERE, "https://x"])),
    ),
    (
        "is for an address that begins the same",
        "token-audience",
        lambda: forged_token(setting("aud", HERE + "/")),
    ),
    ("comes from an unknown node", "token-issuer", lambda: forged_token(setting("iss", "zz"))),
    ("names no issuer", "token-issuer", lambda: forged_token(without("iss"))),
    ("names an issuer that is not a name", "token-issuer", lambda: forged_token(setting("iss", ["bc"]))),
    ("claims another node's name with its own key", "token-key", lambda: forged_token(setting("iss", "qc"))),
    ("is signed by a key outside the directory", "token-key", lambda: forged_token(key=make_key())),
    ("has expired", "token-expired", lambda: forged_token(setting("exp", int(NOW.timestamp()) - 31))),
    ("never expires", "token-claims", lambda: forged_token(without("exp"))),
    (
        "expires at a time that is no number",
        "token-claims",
        lambda: forged_token(setting("exp", float("nan"))),
    ),
    ("expires at true", "token-claims", lambda: forged_token(setting("exp", True))),
    (
        "lives longer than five minutes",
        "token-lifetime",
        lambda: forged_token(setting("exp", NOW.timestamp() + 301)),
    ),
    ("ends before it begins", "token-lifetime", lambda: forged_token(setting("exp", NOW.timestamp() - 1))),
    ("was issued in the future", "token-early", lambda: forged_token(setting("iat", NOW.timestamp() + 31))),
    ("is not valid yet", "token-early", lambda: forged_token(setting("nbf", NOW.timestamp() + 31))),
    ("has no time of issue", "token-claims", lambda: forged_token(without("iat"))),
    ("has no id", "token-claims", lambda: forged_token(without("jti"))),
    ("has an id that is no text", "token-claims", lambda: forged_token(setting("jti", {"a": 1}))),
    ("has an endless id", "token-claims", lambda: forged_token(setting("jti", "x" * 300))),
    ("names nobody", "token-claims", lambda: forged_token(without("sub"))),
    ("says nothing of role and purpose", "token-claims", lambda: forged_token(without("extensions"))),
    ("is of another type", "token-type", lambda: forged_token(typ="JWT")),
    ("is a proof", "token-type", lambda: forged_token(typ="dpop+jwt")),
    ("is not bound to a key", "proof-key", lambda: forged_token(without("cnf"))),
    ("is bound to another key", "proof-key", lambda: forged_token(setting("cnf", {"jkt": OTHER_KEY.kid}))),
    ("is no token at all", "token-malformed", lambda: "a.b.c"),
    ("is endless", "token-malformed", lambda: "x" * 10_000),
]


@pytest.mark.parametrize(("what", "reason", "make"), FORGED_TOKENS, ids=[row[0] for row in FORGED_TOKENS])
def test_a_token_is_refused_that(what: str, reason: str, make: Callable[[], str]) -> None:
    assert shown(make()) == Rejected(reason)


@pytest.mark.parametrize("two", [["TREAT", "HPAYMT"], [], ["NOT-A-PURPOSE"]])
def test_a_token_with_not_exactly_one_known_purpose_is_refused(two: list[str]) -> None:
    def change(claims: dict[str, Any]) -> None:
        system = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
        claims["extensions"]["ihe_iua"]["purpose_of_use"] = [{"system": system, "code": code} for code in two]

    assert shown(forged_token(change)) == Rejected("token-claims")


def test_a_token_with_no_signature_algorithm_is_refused() -> None:
    header, claims = parts(minted())
    token = ".".join([encoded({**header, "alg": "none"}), encoded(claims), ""])
    assert shown(token) == Rejected("token-algorithm")


def test_a_token_signed_with_the_public_key_as_a_shared_secret_is_refused() -> None:
    header, claims = parts(minted())
    for secret in (KEY.private.as_pem(private=False), json.dumps(KEY.public).encode()):
        assert shown(hmac_signed({**header, "alg": "HS256"}, claims, secret)) == Rejected("token-algorithm")


def test_a_token_with_another_kind_of_key_than_the_directory_has_is_refused() -> None:
    header, claims = parts(minted())
    token = jws.serialize_compact(
        {**header, "alg": "RS256"}, json.dumps(claims), RSAKey.generate_key(2048), algorithms=["RS256"]
    )
    assert shown(token) == Rejected("token-algorithm")


def test_a_token_changed_after_it_was_signed_is_refused() -> None:
    head, _, signature = minted().split(".")
    _, claims = parts(minted())
    claims["extensions"]["ihe_iua"]["subject_role"][0]["code"] = "service"
    token = ".".join([head, encoded(claims), signature])
    assert shown(token) == Rejected("token-signature")


def test_a_token_that_says_where_to_find_its_key_is_refused() -> None:
    _, claims = parts(minted())
    for header in (
        {"jku": "https://attacker.example/jwks"},
        {"jwk": KEY.public},
        {"x5u": "https://attacker.example"},
    ):
        token = sign("at+jwt", claims, KEY, {"kid": KEY.kid, **header})
        assert shown(token) == Rejected("token-malformed")


def test_a_private_or_symmetric_key_in_the_directory_verifies_nothing() -> None:
    private = {**KEY.public, "d": "AAAA"}
    symmetric = {"kty": "oct", "k": "c2VjcmV0", "kid": KEY.kid}
    for wrong in (private, symmetric, {**KEY.public, "use": "enc"}, {**KEY.public, "alg": "ES384"}):
        assert shown(minted(), keys={"bc": (wrong,)}) == Rejected("token-key")


def test_a_key_that_is_being_rotated_in_and_the_one_going_out_both_verify() -> None:
    new = make_key()
    both = {"bc": (KEY.public, new.public)}
    for key in (KEY, new):
        token = minted(key)
        assert isinstance(shown(token, proved(token, key), keys=both), Verified)


FORGED_PROOFS: list[tuple[str, str, Callable[[str], str]]] = [
    ("is for another method", "proof-method", lambda t: proved(t, method="POST")),
    ("is for another address", "proof-address", lambda t: proved(t, url=f"{HERE}/Patient/p2/$everything")),
    ("is for another host", "proof-address", lambda t: proved(t, url=URL.replace("on.", "qc."))),
    ("is for another port", "proof-address", lambda t: proved(t, url=URL.replace("example", "example:8443"))),
    ("names no address", "proof-address", lambda t: forged_proof(t, without("htu"))),
    ("belongs to another token", "proof-token", lambda t: proved(minted())),
    ("belongs to no token", "proof-token", lambda t: forged_proof(t, without("ath"))),
    ("is signed by another key", "proof-key", lambda t: proved(t, OTHER_KEY)),
    ("is old", "proof-time", lambda t: proved(t, now=NOW - timedelta(seconds=91))),
    ("is from the future", "proof-time", lambda t: proved(t, now=NOW + timedelta(seconds=91))),
    ("has no time", "proof-claims", lambda t: forged_proof(t, without("iat"))),
    ("has no id", "proof-claims", lambda t: forged_proof(t, without("jti"))),
    ("is of another type", "proof-type", lambda t: forged_proof(t, unchanged, typ="at+jwt")),
    ("is no proof at all", "proof-malformed", lambda t: "a.b.c"),
    ("is empty", "proof-malformed", lambda t: ""),
]


@pytest.mark.parametrize(("what", "reason", "make"), FORGED_PROOFS, ids=[row[0] for row in FORGED_PROOFS])
def test_a_proof_is_refused_that(what: str, reason: str, make: Callable[[str], str]) -> None:
    token = minted()
    assert shown(token, make(token)) == Rejected(reason)


def test_a_proof_that_carries_a_private_key_is_refused() -> None:
    token = minted()
    header, claims = parts(proved(token))
    private = KEY.private.as_dict(private=True)
    assert shown(
        token, sign("dpop+jwt", claims, KEY, {"jwk": {**header["jwk"], "d": private["d"]}})
    ) == Rejected("proof-algorithm")


def test_a_proof_that_shows_the_bound_key_but_is_signed_by_another_is_refused() -> None:
    token = minted()
    header, claims = parts(proved(token))
    assert shown(token, sign("dpop+jwt", claims, OTHER_KEY, {"jwk": header["jwk"]})) == Rejected(
        "proof-signature"
    )


def test_a_proof_signed_with_a_shared_secret_or_nothing_is_refused() -> None:
    token = minted()
    header, claims = parts(proved(token))
    shared = hmac_signed({**header, "alg": "HS256"}, claims, KEY.private.as_pem(private=False))
    nothing = ".".join([encoded({**header, "alg": "none"}), encoded(claims), ""])
    assert shown(token, shared) == Rejected("proof-algorithm")
    assert shown(token, nothing) == Rejected("proof-algorithm")


def test_the_query_and_the_host_s_case_are_no_part_of_the_proven_address() -> None:
    token = minted()
    proof = proved(token, url="HTTPS://ON.example:443/fhir/Patient/p1/$everything")
    assert isinstance(shown(token, proof), Verified)


def test_a_token_is_used_once_even_with_a_fresh_proof() -> None:
    seen, token = ReplayGuard(), minted()
    assert isinstance(shown(token, proved(token), seen=seen), Verified)
    assert shown(token, proved(token), seen=seen) == Rejected("token-replayed")


def test_a_proof_id_is_used_once_even_with_a_fresh_token() -> None:
    seen, first, second = ReplayGuard(), minted(), minted()
    assert isinstance(shown(first, proved(first, jti="the-same"), seen=seen), Verified)
    assert shown(second, proved(second, jti="the-same"), seen=seen) == Rejected("token-replayed")


def test_the_same_id_from_another_node_is_another_token() -> None:
    seen = ReplayGuard()
    for node, key in ((BC, KEY), (NodeId("qc"), OTHER_KEY)):
        token = mint(CLINICIAN, Purpose.TREAT, asking=Asking(node, key), audience=HERE, now=NOW, jti="same")
        assert isinstance(shown(token, proved(token, key, jti="same"), seen=seen), Verified)


def test_a_refused_request_does_not_use_up_the_token() -> None:
    seen, token = ReplayGuard(), minted()
    assert shown(token, proved(token, method="POST"), seen=seen) == Rejected("proof-method")
    assert isinstance(shown(token, proved(token), seen=seen), Verified)


def test_a_token_can_not_come_back_when_its_id_is_forgotten() -> None:
    seen, token = ReplayGuard(), minted()
    assert isinstance(shown(token, seen=seen), Verified)
    for later in range(0, 2 * ReplayGuard.KEEP, 7):
        said = shown(
            token,
            proved(token, now=NOW + timedelta(seconds=later)),
            now=NOW + timedelta(seconds=later),
            seen=seen,
        )
        assert isinstance(said, Rejected)


def test_a_full_memory_refuses_rather_than_forgets_and_only_for_that_node() -> None:
    seen = ReplayGuard(capacity=4)
    for _ in range(2):
        assert isinstance(shown(minted(), seen=seen), Verified)
    assert shown(minted(), seen=seen) == Rejected("token-replayed")
    token = minted(OTHER_KEY, node=NodeId("qc"))
    assert isinstance(shown(token, proved(token, OTHER_KEY), seen=seen), Verified)
    later = NOW.timestamp() + ReplayGuard.KEEP
    assert seen.first("bc", ("fresh",), later)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5), st.floats(0, 300)), max_size=60))
def test_no_id_passes_the_guard_twice_while_it_could_be_used(uses: list[tuple[str, int, float]]) -> None:
    guard, passed, clock = ReplayGuard(), {}, 0.0
    for issuer, number, step in uses:
        clock += step
        key = (issuer, number)
        first = guard.first(issuer, (str(number),), clock)
        assert first == (key not in passed or clock - passed[key] >= ReplayGuard.KEEP)
        if first:
            passed[key] = clock


def test_the_door_needs_exactly_one_token_and_one_proof() -> None:
    token = minted()
    proof = proved(token)

    def ask(*headers: tuple[str, str]) -> Verified | Rejected:
        raw = Headers(raw=[(key.encode(), value.encode()) for key, value in headers])
        return verify(raw, "GET", URL, here=HERE, keys=KEYS, now=NOW, seen=ReplayGuard())

    assert ask(("dpop", proof)) == Rejected("token-missing")
    assert ask(("authorization", f"Bearer {token}"), ("dpop", proof)) == Rejected("token-missing")
    assert ask(("authorization", f"DPoP {token}")) == Rejected("proof-missing")
    assert ask(("authorization", f"DPoP {token}"), ("dpop", proof), ("dpop", proof)) == Rejected(
        "proof-missing"
    )
    assert isinstance(ask(("Authorization", f"dpop {token}"), ("DPoP", proof)), Verified)


@settings(max_examples=200)
@given(st.text(max_size=200), st.text(max_size=200), st.sampled_from(["", "DPoP ", "Bearer "]))
def test_whatever_arrives_is_refused_without_a_fault(token: str, proof: str, scheme: str) -> None:
    headers = {"authorization": scheme + token, "dpop": proof}
    said = verify(headers, "GET", URL, here=HERE, keys=KEYS, now=NOW, seen=ReplayGuard())
    assert isinstance(said, Rejected)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150)
@given(
    st.sampled_from(
        ["sub", "client_id", "aud", "iss", "jti", "iat", "nbf", "exp", "scope", "cnf", "extensions"]
    ),
    json_values,
)
def test_a_signed_token_with_any_claim_of_any_shape_is_answered_without_a_fault(
    claim: str, value: object
) -> None:
    said = shown(forged_token(setting(claim, value)))
    assert isinstance(said, Rejected) or claim in ("sub", "client_id", "scope", "jti", "iat", "nbf")


def test_every_reason_has_words_in_both_languages() -> None:
    words = catalogue("passerelle.node", "words.toml")
    reasons = {reason for _, reason, _ in FORGED_TOKENS} | {reason for _, reason, _ in FORGED_PROOFS}
    reasons |= {
        "token-missing",
        "token-signature",
        "token-algorithm",
        "token-replayed",
        "proof-missing",
        "proof-signature",
    }
    assert reasons <= set(words.messages)


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def hmac_signed(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    """What an attacker makes who has no private key; the library itself refuses to make it."""
    signing = f"{encoded(header)}.{encoded(claims)}"
    signature = hmac.new(secret, signing.encode(), hashlib.sha256).digest()
    return f"{signing}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
