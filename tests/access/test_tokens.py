"""This node's own access tokens, its keys, its local accounts and its browser sessions."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.node.accounts import (
    DEMO_COST,
    Account,
    AccountFileError,
    Accounts,
    Limits,
    hash_password,
    load_accounts,
    save_accounts,
)
from passerelle.node.claims import Rejected, Verified, sign
from passerelle.node.keys import KeyFileError, KeyRing, load_key, load_or_make_key, make_key, save_key
from passerelle.node.peer_tokens import Asking, mint
from passerelle.node.sessions import Rules, Sessions
from passerelle.node.tokens import AccessTokens, Door
from passerelle.values import Caller, NodeId, Purpose

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BASE = "https://on.example/fhir"
ON = NodeId("on")
KEY = make_key()
CLINICIAN = Caller(
    "dr-test", "person", "physician", ON, "Invented Clinic", "Invented Person", None, ("user/*.rs",)
)
PATIENT = Caller("p-test", "person", "patient", ON, patient="p1", scopes=("patient/*.rs",))


def tokens(keys: KeyRing | None = None, base: str = BASE) -> AccessTokens:
    return AccessTokens(Door(ON, base, keys or KeyRing(KEY)))


def issued(by: AccessTokens, caller: Caller = CLINICIAN, lifetime: int = 300, jti: str = "t1") -> str:
    return by.issue(caller, Purpose.TREAT, client_id="app", now=NOW, jti=jti, lifetime=lifetime)


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return claims


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_a_token_says_who_asks_and_why() -> None:
    here = tokens()
    said = here.authenticate(f"Bearer {issued(here)}", now=NOW)
    assert isinstance(said, Verified)
    assert (said.caller, said.purpose, said.client_id) == (CLINICIAN, Purpose.TREAT, "app")


def test_a_patient_s_token_carries_which_patient() -> None:
    here = tokens()
    said = here.check(issued(here, PATIENT), now=NOW)
    assert isinstance(said, Verified)
    assert said.caller == PATIENT


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic eDp5", "DPoP abc"])
def test_without_a_bearer_token_nobody_is_there(header: str | None) -> None:
    assert tokens().authenticate(header, now=NOW) == Rejected("token-missing")


def test_a_token_ends_at_its_time_also_when_it_is_remembered() -> None:
    here = tokens()
    token = issued(here, lifetime=60)
    assert isinstance(here.check(token, now=after(59)), Verified)
    assert here.check(token, now=after(66)) == Rejected("token-expired")
    assert tokens().check(token, now=after(66)) == Rejected("token-expired")


def test_a_revoked_token_is_refused_from_the_next_request_on() -> None:
    here = tokens()
    token, other = issued(here), issued(here, jti="t2")
    assert isinstance(here.check(token, now=NOW), Verified)
    here.revoke(token, now=NOW)
    assert here.check(token, now=NOW) == Rejected("token-revoked")
    assert isinstance(here.check(other, now=NOW), Verified)


def test_a_revocation_is_remembered_for_as_long_as_the_token_lives() -> None:
    here = tokens()
    token = issued(here, lifetime=300)
    here.revoke(token, now=NOW)
    for later in range(0, 300, 20):
        here.revoke(issued(here, jti=f"other{later}"), now=after(later))
        assert here.check(token, now=after(later)) == Rejected("token-revoked")


def test_a_token_of_another_node_opens_nothing_here() -> None:
    there = AccessTokens(Door(NodeId("bc"), "https://bc.example/fhir", KeyRing(make_key())))
    assert tokens().check(issued(there), now=NOW) == Rejected("token-key")


def test_a_token_of_this_key_for_another_address_opens_nothing_here() -> None:
    assert tokens().check(issued(tokens(base="https://qc.example/fhir")), now=NOW) == Rejected("token-issuer")


FORGED: list[tuple[str, str, Callable[[dict[str, Any]], object]]] = [
    ("is for another audience", "token-audience", lambda c: c.update(aud="https://qc.example/fhir")),
    ("is for several audiences", "token-audience", lambda c: c.update(aud=[BASE, "https://x"])),
    ("comes from another issuer", "token-issuer", lambda c: c.update(iss="on")),
    ("is bound to a key", "token-bound", lambda c: c.update(cnf={"jkt": KEY.kid})),
    ("never ends", "token-claims", lambda c: c.pop("exp")),
    ("ends at no number", "token-claims", lambda c: c.update(exp=float("inf"))),
    ("has no id", "token-claims", lambda c: c.pop("jti")),
    ("was issued in the future", "token-early", lambda c: c.update(iat=NOW.timestamp() + 60)),
    ("names no role", "token-claims", lambda c: c["extensions"]["ihe_iua"].pop("subject_role")),
    ("names a patient that is no id", "token-claims", lambda c: c.update(patient="p1/../p2")),
    ("names two patients", "token-claims", lambda c: c.update(patient=["p1", "p2"])),
]


@pytest.mark.parametrize(("what", "reason", "change"), FORGED, ids=[row[0] for row in FORGED])
def test_a_token_is_refused_that(what: str, reason: str, change: Callable[[dict[str, Any]], object]) -> None:
    here = tokens()
    claims = claims_of(issued(here))
    change(claims)
    assert here.check(sign("at+jwt", claims, KEY), now=NOW) == Rejected(reason)


def test_a_token_of_another_type_is_refused() -> None:
    here = tokens()
    assert here.check(sign("dpop+jwt", claims_of(issued(here)), KEY), now=NOW) == Rejected("token-type")


def test_a_token_changed_after_it_was_signed_is_refused() -> None:
    here = tokens()
    head, body, signature = issued(here).split(".")
    changed = {**claims_of(f"{head}.{body}.{signature}"), "scope": "user/*.cruds"}
    forged = base64.urlsafe_b64encode(json.dumps(changed).encode()).rstrip(b"=").decode()
    assert here.check(f"{head}.{forged}.{signature}", now=NOW) == Rejected("token-signature")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt","kid":"' + KEY.kid.encode() + b'"}')
    assert here.check(f"{unsigned.rstrip(b'=').decode()}.{body}.", now=NOW) == Rejected("token-algorithm")


def test_a_token_that_this_node_made_for_another_one_opens_nothing_at_home() -> None:
    peer = mint(CLINICIAN, Purpose.TREAT, asking=Asking(ON, KEY), audience=BASE, now=NOW, jti="x")
    assert isinstance(tokens().check(peer, now=NOW), Rejected)


def test_a_service_is_its_own_client_and_a_person_never_is() -> None:
    for caller, client in ((CLINICIAN, "dr-test"), (Caller("feed", "service", "service", ON), "other")):
        with pytest.raises(ValueError, match="own client"):
            tokens().issue(caller, Purpose.TREAT, client_id=client, now=NOW, jti="x", lifetime=60)


def test_old_and_new_keys_verify_while_a_rotation_runs() -> None:
    new = make_key("Ed25519")
    old_token = issued(tokens())
    rotated = tokens(KeyRing(new, (KEY.public,)))
    assert isinstance(rotated.check(old_token, now=NOW), Verified)
    assert isinstance(rotated.check(issued(rotated), now=NOW), Verified)
    assert tokens(KeyRing(new)).check(old_token, now=NOW) == Rejected("token-key")


def test_forgetting_the_oldest_verified_tokens_changes_no_answer() -> None:
    here = AccessTokens(Door(ON, BASE, KeyRing(KEY)), remembered=2)
    several = [issued(here, jti=f"t{n}") for n in range(5)]
    for token in [*several, *several]:
        assert isinstance(here.check(token, now=NOW), Verified)


@given(st.text(max_size=300))
def test_whatever_arrives_is_refused_without_a_fault(token: str) -> None:
    assert isinstance(tokens().authenticate(f"Bearer {token}", now=NOW), Rejected)


def test_a_key_file_is_for_its_owner_only_and_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "node.pem"
    made = load_or_make_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_or_make_key(path).kid == made.kid
    with pytest.raises(FileExistsError):
        save_key(make_key(), path)
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load_key(path)


def test_the_published_keys_hold_nothing_private() -> None:
    for key in (make_key("ES256"), make_key("Ed25519")):
        ring = KeyRing(key, (KEY.public,))
        for jwk in ring.jwks()["keys"]:
            assert set(jwk) <= {"kty", "crv", "x", "y", "kid", "use", "alg"}
        assert key.public["kid"] == key.private.thumbprint()


ACCOUNTS = (
    Account(
        "dr-test", "physician", "Invented Person", hash_password("right horse", DEMO_COST), "Invented Clinic"
    ),
    Account("p-test", "patient", "Someone Invented", hash_password("battery", DEMO_COST), patient="p1"),
)


def accounts(**limits: Any) -> Accounts:
    return Accounts(ACCOUNTS, Limits(**limits))


def test_the_right_password_signs_in() -> None:
    said = accounts().check("p-test", "battery", "192.0.2.1", NOW)
    assert isinstance(said, Account)
    assert said.caller(ON, ("patient/*.rs",)).patient == "p1"


def test_an_unknown_login_and_a_wrong_password_get_the_same_answer() -> None:
    here = accounts()
    assert here.check("dr-test", "wrong", "192.0.2.1", NOW) == here.check("nobody", "wrong", "192.0.2.2", NOW)


def test_an_unknown_login_costs_a_whole_password_check(monkeypatch: pytest.MonkeyPatch) -> None:
    here, checked = accounts(), []
    monkeypatch.setattr(here, "_matches", lambda hash, password: checked.append(hash) or False)
    here.check("dr-test", "wrong", "192.0.2.1", NOW)
    here.check("nobody", "wrong", "192.0.2.1", NOW)
    known, unknown = (hash.split("$")[2:4] for hash in checked)
    assert known == unknown


def test_nobody_signs_in_with_the_hash_of_nobody_or_with_nothing() -> None:
    here = accounts()
    for login, password in (("nobody", ""), ("", ""), ("dr-test", ""), ("dr-test", "x" * 10_000)):
        assert here.check(login, password, "192.0.2.9", NOW) == Rejected("sign-in-failed")


def test_whoever_guesses_too_often_waits_even_with_the_right_password() -> None:
    here = accounts(guesses=3, seconds=60)
    for _ in range(3):
        assert here.check("dr-test", "wrong", "192.0.2.1", NOW) == Rejected("sign-in-failed")
    assert here.check("dr-test", "right horse", "192.0.2.1", NOW) == Rejected("sign-in-wait")
    assert isinstance(here.check("dr-test", "right horse", "192.0.2.1", after(61)), Account)


def test_guessing_from_one_address_does_not_lock_the_person_out_at_another() -> None:
    here = accounts(guesses=1)
    here.check("dr-test", "wrong", "192.0.2.1", NOW)
    assert isinstance(here.check("dr-test", "right horse", "198.51.100.7", NOW), Account)


def test_one_address_cannot_try_one_password_on_everyone() -> None:
    here = accounts(guesses=5, from_address=4)
    for login in ("a", "b", "c", "d"):
        here.check(login, "winter", "192.0.2.1", NOW)
    assert here.check("p-test", "battery", "192.0.2.1", NOW) == Rejected("sign-in-wait")


def test_signing_in_clears_one_s_own_wrong_guesses() -> None:
    here = accounts(guesses=2)
    for _ in range(4):
        assert here.check("dr-test", "wrong", "192.0.2.1", NOW) == Rejected("sign-in-failed")
        assert isinstance(here.check("dr-test", "right horse", "192.0.2.1", NOW), Account)


def test_the_throttle_does_not_grow_without_end() -> None:
    here = accounts(remembered=10)
    for number in range(50):
        here.check(f"login{number}", "wrong", f"192.0.2.{number}", NOW)
    assert len(here._throttle._failures) <= 10


def test_accounts_come_back_from_their_file_and_the_file_is_private(tmp_path: Path) -> None:
    path = tmp_path / "accounts.json"
    save_accounts(ACCOUNTS, path)
    save_accounts(ACCOUNTS, path)
    assert load_accounts(path) == ACCOUNTS
    path.chmod(0o644)
    with pytest.raises(AccountFileError, match="chmod 600"):
        load_accounts(path)
    path.chmod(0o600)
    path.write_text('[{"login": 5}]')
    with pytest.raises(AccountFileError, match="not a list of accounts"):
        load_accounts(path)


def test_a_hash_is_never_shown() -> None:
    assert "argon2" not in repr(ACCOUNTS[0])


def test_a_session_ends_without_use_and_after_its_longest_time() -> None:
    rules = Rules(idle=timedelta(minutes=20), longest=timedelta(hours=1))
    sessions = Sessions(rules)
    cookie, _ = sessions.open(CLINICIAN, Purpose.TREAT, NOW)
    for minutes in (19, 38, 57):
        assert sessions.find(cookie, NOW + timedelta(minutes=minutes)) is not None
    assert sessions.find(cookie, NOW + timedelta(minutes=60)) is None
    idle, _ = sessions.open(CLINICIAN, Purpose.TREAT, NOW)
    assert sessions.find(idle, NOW + timedelta(minutes=20)) is None
    assert sessions.find(idle, NOW) is None


def test_signing_out_ends_the_session_and_no_other() -> None:
    sessions = Sessions(Rules())
    one, _ = sessions.open(CLINICIAN, Purpose.TREAT, NOW)
    other, _ = sessions.open(CLINICIAN, Purpose.TREAT, NOW)
    sessions.close(one)
    assert sessions.find(one, NOW) is None
    assert sessions.find(other, NOW) is not None


@pytest.mark.parametrize("value", [None, "", "guess", "\N{SNOWMAN}"])
def test_a_cookie_that_was_not_given_out_is_nobody_s(value: str | None) -> None:
    sessions = Sessions(Rules())
    sessions.open(CLINICIAN, Purpose.TREAT, NOW)
    assert sessions.find(value, NOW) is None


def test_a_cookie_is_out_of_reach_of_scripts_and_of_other_sites() -> None:
    safe, plain = Sessions(Rules(name="on")), Sessions(Rules(name="on", secure=False))
    assert safe.set_cookie("v") == "__Host-on=v; Path=/; HttpOnly; SameSite=Lax; Secure"
    assert plain.set_cookie("v") == "on=v; Path=/; HttpOnly; SameSite=Lax"
    assert "Max-Age=0" in safe.clear_cookie()


def test_a_form_counts_only_with_its_own_session_s_secret() -> None:
    sessions = Sessions(Rules())
    _, one = sessions.open(CLINICIAN, Purpose.TREAT, NOW)
    _, other = sessions.open(CLINICIAN, Purpose.TREAT, NOW)
    assert one.meant(one.csrf)
    assert not one.meant(other.csrf)
    assert not one.meant("")
    assert not one.meant("\N{SNOWMAN}")


def test_a_handle_means_a_person_in_its_own_session_only_and_the_oldest_go_first() -> None:
    sessions = Sessions(Rules(handles=3))
    _, one = sessions.open(CLINICIAN, Purpose.TREAT, NOW)
    _, other = sessions.open(CLINICIAN, Purpose.TREAT, NOW)
    handles = [one.hold({"birthDate": f"19{n}0"}) for n in range(5)]
    assert [one.held(handle) is not None for handle in handles] == [False, False, True, True, True]
    assert other.held(handles[-1]) is None


def test_too_many_sessions_end_the_one_least_recently_used() -> None:
    sessions = Sessions(Rules(sessions=2))
    first, _ = sessions.open(CLINICIAN, Purpose.TREAT, NOW)
    second, _ = sessions.open(CLINICIAN, Purpose.TREAT, NOW)
    sessions.find(first, NOW)
    sessions.open(CLINICIAN, Purpose.TREAT, NOW)
    assert sessions.find(first, NOW) is not None
    assert sessions.find(second, NOW) is None
