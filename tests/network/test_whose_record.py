"""Whose record may be seen by whom: a page opens for the person who asked for it, and for nobody else."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from tests.network.country import Country
from tests.network.visitor import Visitor
from tests.network.wire import Heard, call

HER = "Tremblay Marie-Ève 1961-03-14"
HANDLE = "A" * 22


def _clinician(country: Country, node: str = "ab") -> Visitor:
    """A physician of this node who has signed in."""
    return _signed_in(country, f"dr-{node}")


def _signed_in(country: Country, login: str) -> Visitor:
    person = country.login(login)
    visitor = Visitor(country.address(person["node"]))
    visitor.open("/en/sign-in")
    visitor.sign_in(login, person["password"])
    return visitor


def _found(visitor: Visitor, text: str = HER) -> Heard:
    visitor.open("/en/find")
    (form,) = visitor.forms("find")
    return visitor.submit(form, text=text)


def _opened(visitor: Visitor) -> str:
    """The path of the record that was found."""
    (form,) = visitor.forms("open")
    assert visitor.submit(form, same_person="yes").status == 200
    path = visitor.at.removeprefix(visitor.address)
    assert re.fullmatch(r"/en/record/[\w-]{22}", path)
    return path


def _shows_her(page: Heard) -> bool:
    return "Tremblay" in page.text


@pytest.mark.parametrize(
    "path", ["/en/find", "/fr/find", "/en/mine", f"/en/record/{HANDLE}", f"/fr/record/{HANDLE}/again"]
)
def test_no_page_of_anybody_opens_without_a_session(country: Country, path: str) -> None:
    language = path[1:3]
    answer = call(country.address("ab"), "GET", path)
    assert answer.status == 303
    assert answer.headers["location"] == f"/{language}/sign-in?return_to={quote(path, safe='')}"
    assert answer.body == b""


@pytest.mark.parametrize("path", ["/en/find", "/en/open", "/fr/open"])
def test_no_form_is_taken_without_a_session(country: Country, path: str) -> None:
    form = "application/x-www-form-urlencoded"
    answer = call(country.address("ab"), "POST", path, b"text=Roy+1990-01-01&handle=x", content_type=form)
    assert (answer.status, answer.headers["location"]) == (303, f"{path[:3]}/sign-in")


def test_a_record_page_is_for_the_session_that_opened_it_only(country: Country) -> None:
    hers = _clinician(country)
    _found(hers)
    path = _opened(hers)
    assert _shows_her(hers.page)
    nobody = Visitor(country.address("ab"))
    assert not _shows_her(nobody.open(path))
    assert "/sign-in" in nobody.at
    signed_in_there = nobody.sign_in("dr-ab", country.login("dr-ab")["password"])
    assert nobody.at.endswith(path)
    assert (signed_in_there.status, _shows_her(signed_in_there)) == (404, False)
    for other in (_clinician(country), _clinician(country, "on"), _signed_in(country, "emma-kowalchuk")):
        for tail in ("", "/again"):
            page = other.open(f"{path}{tail}")
            assert not _shows_her(page)
    assert _shows_her(hers.open(path))


@pytest.mark.parametrize("ticked", ["", "no"])
def test_a_record_opens_only_once_somebody_said_that_it_is_the_same_person(
    country: Country, ticked: str
) -> None:
    visitor = _clinician(country)
    _found(visitor)
    (form,) = visitor.forms("open")
    answer = visitor.submit(form, same_person=ticked)
    assert (answer.status, _shows_her(answer)) == (400, False)
    assert visitor.submit(form, same_person="yes").status == 200


def test_a_handle_of_another_session_cannot_be_opened_by_a_form(country: Country) -> None:
    mine, hers = _clinician(country), _clinician(country)
    _found(hers)
    (stolen,) = hers.forms("open")
    _found(mine)
    (own,) = mine.forms("open")
    answer = mine.submit(own, handle=stolen.fields["handle"], same_person="yes")
    assert (answer.status, _shows_her(answer)) == (403, False)


def test_a_form_that_did_not_come_from_this_session_does_nothing(country: Country) -> None:
    visitor = _clinician(country)
    visitor.open("/en/find")
    (form,) = visitor.forms("find")
    for forged in ("", "x", _clinician(country).cookies["passerelle-ab"]):
        answer = visitor.submit(form, text=HER, csrf=forged)
        assert (answer.status, _shows_her(answer)) == (403, False)
    assert _shows_her(visitor.submit(form, text=HER))


def test_after_sign_out_the_cookie_opens_nothing(country: Country) -> None:
    visitor = _clinician(country)
    _found(visitor)
    path = _opened(visitor)
    kept = dict(visitor.cookies)
    (form,) = visitor.forms("sign-out")
    visitor.submit(form)
    assert "/sign-in" in visitor.at
    visitor.cookies = kept
    assert not _shows_her(visitor.open(path))
    assert "/sign-in" in visitor.at


def test_a_patient_sees_their_own_record_and_can_look_for_nobody(country: Country) -> None:
    ella = _signed_in(country, "ella-kowalchuk")
    assert re.search(r"/en/record/[\w-]{22}$", ella.at)
    assert "Ella Kowalchuk" in ella.page.text
    assert "Emma" not in ella.page.text
    own = ella.at
    (sign_out,) = ella.forms("sign-out")
    ella.open("/en/find")
    assert "/record/" in ella.at, "a patient's search leads to their own record"
    form = type(sign_out)("/en/find", {"csrf": sign_out.fields["csrf"]})
    answer = ella.submit(form, text="Kowalchuk Emma 2016-08-19")
    assert "Ella Kowalchuk" in answer.text
    assert "Emma" not in answer.text
    form = type(sign_out)("/en/open", {"csrf": sign_out.fields["csrf"]})
    assert ella.submit(form, handle=HANDLE, same_person="yes").status == 403
    assert ella.open(own).status == 200


def test_a_wrong_password_and_an_unknown_login_look_the_same(country: Country) -> None:
    pages = []
    for login in ("dr-mb", "nobody-at-all"):
        visitor = Visitor(country.address("mb"))
        visitor.open("/en/sign-in")
        answer = visitor.sign_in(login, "not the password")
        assert answer.status == 401
        assert "passerelle-mb" not in visitor.cookies
        pages.append(re.sub(r'value="[^"]*"', "", answer.text))
    assert pages[0] == pages[1]


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "\t//x"],
)
def test_nobody_is_led_elsewhere_after_signing_in(country: Country, elsewhere: str) -> None:
    visitor = Visitor(country.address("ab"))
    visitor.open(f"/en/sign-in?return_to={quote(elsewhere, safe='')}")
    visitor.sign_in("dr-ab", country.login("dr-ab")["password"])
    assert visitor.at == f"{country.address('ab')}/en/find"


def test_every_page_tells_the_browser_to_keep_and_to_fetch_nothing(country: Country) -> None:
    visitor = _clinician(country)
    pages = [visitor.open("/en/sign-in"), _found(visitor), visitor.open(_opened(visitor))]
    pages += [visitor.open("/en/record/unknown"), visitor.open("/xx/find")]
    for page in pages:
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    for line in visitor.page.cookies:
        assert "HttpOnly" in line


@pytest.mark.parametrize(
    "path", ["/nothing", "/en/nothing", "/fr/record", "/static/nothing.css", "/favicon.ico"]
)
def test_an_address_that_means_nothing_says_so(country: Country, path: str) -> None:
    assert call(country.address("ab"), "GET", path).status in (303, 404)
