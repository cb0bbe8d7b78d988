"""Who is in the network, and who may ask whom: a list that only its publisher can write."""

from __future__ import annotations

import base64
import json
import warnings
from datetime import timedelta

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey

from passerelle.federation.directory import (
    TYPE,
    Agreement,
    Directory,
    ExpiredDirectoryError,
    MalformedDirectoryError,
    NodeEntry,
    UntrustedDirectoryError,
    agreement,
    open_directory,
    sign,
)
from passerelle.federation.locate import locate
from passerelle.fhir.record import State
from passerelle.fhir.resource import encode
from passerelle.values import NodeId, Purpose
from tests.unit.federation.world import NOW, base, name

KEY = ECKey.generate_key("P-256")
PUBLIC = [KEY.as_dict(private=False)]


def entry(node: str) -> NodeEntry:
    return NodeEntry(NodeId(node), name(node), name(node), base(node), ({"kty": "OKP"},), node)


def directory(*agreements: Agreement) -> Directory:
    nodes = tuple(map(entry, ("ab", "on", "qc")))
    return Directory("demo", nodes, agreements, NOW, NOW + timedelta(days=7))


CARE = Agreement("care", "*", "*", (Purpose.TREAT,))


@pytest.mark.parametrize("key", [KEY, OKPKey.generate_key("Ed25519")], ids=["ES256", "Ed25519"])
def test_what_was_signed_is_what_is_opened(key: ECKey | OKPKey) -> None:
    token = sign(directory(CARE), key)
    assert open_directory(token, [key.as_dict(private=False)], NOW) == directory(CARE)


def test_a_signature_under_the_older_name_of_ed25519_is_accepted() -> None:
    key = OKPKey.generate_key("Ed25519")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        token = jws.serialize_compact(
            {"alg": "EdDSA", "typ": TYPE}, encode(directory().to_json()), key, ["EdDSA"]
        )
        assert open_directory(token, [key.as_dict(private=False)], NOW) == directory()


def test_another_key_is_not_trusted() -> None:
    with pytest.raises(UntrustedDirectoryError):
        open_directory(sign(directory(CARE), ECKey.generate_key("P-256")), PUBLIC, NOW)


def test_a_changed_directory_is_not_trusted() -> None:
    head, body, signature = sign(directory(CARE), KEY).split(".")
    changed = body[:-8] + ("A" if body[-8] != "A" else "B") + body[-7:]
    with pytest.raises(UntrustedDirectoryError):
        open_directory(f"{head}.{changed}.{signature}", PUBLIC, NOW)


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_directory_without_a_signature_is_not_trusted() -> None:
    token = f"{part({'alg': 'none', 'typ': TYPE})}.{part(directory().to_json())}."
    with pytest.raises(UntrustedDirectoryError):
        open_directory(token, PUBLIC, NOW)


def test_a_mac_made_with_the_public_key_is_not_trusted() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        secret = OctKey.import_key(encode(PUBLIC[0]))
        token = jws.serialize_compact(
            {"alg": "HS256", "typ": TYPE}, encode(directory().to_json()), secret, ["HS256"]
        )
    with pytest.raises(UntrustedDirectoryError):
        open_directory(token, PUBLIC, NOW)


@pytest.mark.parametrize("token", ["", "a.b.c", "not a token", "é.é.é"])
def test_what_is_no_token_is_not_trusted(token: str) -> None:
    with pytest.raises(UntrustedDirectoryError):
        open_directory(token, PUBLIC, NOW)


def signed(payload: bytes, type: str = TYPE) -> str:
    return jws.serialize_compact({"alg": "ES256", "typ": type}, payload, KEY)


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"{", b"{}", encode({**directory().to_json(), "nodes": [{"id": "x"}]}), b'"\xff"'],
)
def test_a_signature_on_something_else_does_not_make_it_a_directory(payload: bytes) -> None:
    with pytest.raises(MalformedDirectoryError):
        open_directory(signed(payload), PUBLIC, NOW)


def test_a_token_for_another_use_is_not_a_directory() -> None:
    with pytest.raises(MalformedDirectoryError):
        open_directory(signed(encode(directory().to_json()), "at+jwt"), PUBLIC, NOW)


def test_two_nodes_of_one_id_are_not_a_directory() -> None:
    twice = directory().to_json()
    twice["nodes"].append(twice["nodes"][0])
    with pytest.raises(MalformedDirectoryError):
        Directory.from_json(twice)


@pytest.mark.parametrize("days", [7, 8, -1])
def test_a_directory_out_of_its_time_is_refused(days: int) -> None:
    with pytest.raises(ExpiredDirectoryError):
        open_directory(sign(directory(), KEY), PUBLIC, NOW + timedelta(days=days))


def test_an_agreement_that_has_expired_is_gone_when_the_directory_is_opened() -> None:
    past = Agreement("past", "*", "*", (Purpose.TREAT,), expires=NOW - timedelta(seconds=1))
    assert open_directory(sign(directory(past), KEY), PUBLIC, NOW).agreements == ()


def test_an_agreement_covers_its_parties_in_its_direction_for_its_purposes() -> None:
    held = directory(Agreement("a", "on", "qc", (Purpose.TREAT,)))
    assert agreement(held, "on", "qc", Purpose.TREAT)
    assert agreement(held, "qc", "on", Purpose.TREAT) is None
    assert agreement(held, "on", "qc", Purpose.HRESCH) is None
    assert agreement(held, "on", "ab", Purpose.TREAT) is None


def test_a_stranger_is_covered_by_no_agreement_for_everyone() -> None:
    assert agreement(directory(CARE), "xx", "on", Purpose.TREAT) is None


def test_the_agreement_that_names_both_goes_before_the_general_one() -> None:
    own = Agreement("z-own", "on", "qc", (Purpose.TREAT,))
    found = agreement(directory(CARE, own), "on", "qc", Purpose.TREAT)
    assert found is not None and found.id == "z-own"


def test_an_agreement_without_purposes_permits_nothing() -> None:
    assert agreement(directory(Agreement("a", "*", "*", ())), "on", "qc", Purpose.TREAT) is None


def test_with_the_time_at_hand_an_agreement_ends_when_it_says() -> None:
    held = directory(Agreement("a", "*", "*", (Purpose.TREAT,), expires=NOW))
    assert agreement(held, "on", "qc", Purpose.TREAT, NOW - timedelta(seconds=1))
    assert agreement(held, "on", "qc", Purpose.TREAT, NOW) is None


def test_the_asking_node_comes_first_and_needs_no_agreement() -> None:
    asked, not_asked = locate(directory(CARE), "on", Purpose.TREAT)
    assert [each.id for each in asked] == ["on", "ab", "qc"]
    assert not_asked == ()


def test_a_node_without_an_agreement_is_not_asked_and_that_is_said() -> None:
    asked, not_asked = locate(directory(Agreement("a", "on", "qc", (Purpose.TREAT,))), "on", Purpose.TREAT)
    assert [each.id for each in asked] == ["on", "qc"]
    assert [(each.node, each.state, each.reason) for each in not_asked] == [
        ("ab", State.REFUSED, "no-agreement")
    ]
