"""A bug somewhere: the process lives, nothing that is only a part passes for the whole, and no log says a value."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from passerelle.fhir.record import Source, State
from passerelle.flows.federate import Said
from passerelle.node.guard import BrokenOffError, Guard
from passerelle.node.pages import moments
from passerelle.node.serve import prepare_logs
from passerelle.values import NodeId
from tests.network.one_node import OneNode
from tests.network.wire import call

SECRET = "Tremblay"


async def _fails(http: Request) -> Response:
    raise KeyError(SECRET)


async def _fails_halfway(http: Request) -> Response:
    async def body() -> AsyncIterator[str]:
        yield "half"
        raise ValueError(SECRET)

    return StreamingResponse(body())


async def _sorry(http: Request, _: Exception) -> Response:
    return PlainTextResponse("sorry", 500)


def _guarded(road: Callable[[Request], Awaitable[Response]]) -> list[dict[str, Any]]:
    """What is sent when this road is asked for."""
    app = Guard(Starlette(routes=[Route("/", road)], exception_handlers={500: _sorry}))
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [],
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.05)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent


def test_a_bug_ends_one_answer_and_only_its_place_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    prepare_logs()
    start, body = _guarded(_fails)
    assert (start["status"], body["body"]) == (500, b"sorry")
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["fault"] == "KeyError"
    assert re.fullmatch(r"test_when_something_breaks.py:\d+", json.loads(line)["where"])
    assert SECRET not in line


def test_half_an_answer_is_broken_off_and_never_ended_as_if_it_were_whole() -> None:
    with pytest.raises(BrokenOffError) as broken:
        _guarded(_fails_halfway)
    assert SECRET not in str(broken.value)
    assert broken.value.__suppress_context__


def test_a_bug_while_sources_are_asked_never_leaves_some_of_them_out_in_silence() -> None:
    source = Source(NodeId("on"), {"en": "Ontario", "fr": "Ontario"}, State.EMPTY)

    async def answers() -> AsyncIterator[Said]:
        yield Said(source)
        raise RuntimeError

    async def shown() -> list[Any]:
        return [said async for said in moments(answers())]

    with pytest.raises(RuntimeError):
        asyncio.run(shown())


@pytest.mark.parametrize(
    ("path", "accept", "said"),
    [
        ("/nothing", "en", "This page does not exist"),
        ("/nothing", "fr-CA", "Cette page n’existe pas"),
        ("/fr/nothing", "en", "Cette page n’existe pas"),
        ("/xx/find", "fr", "Cette page n’existe pas"),
        ("/en/record", "fr", "This page does not exist"),
    ],
)
def test_an_address_where_nothing_is_says_so_in_the_readers_language(
    small_node: OneNode, path: str, accept: str, said: str
) -> None:
    answer = call(small_node.address, "GET", path, accept_language=accept)
    assert answer.status == 404
    assert said in answer.text
    assert "content-security-policy" in answer.headers


def test_a_method_that_a_page_does_not_have_is_not_a_page_that_does_not_exist(small_node: OneNode) -> None:
    assert call(small_node.address, "DELETE", "/en/sign-in").status == 405
    assert call(small_node.address, "GET", "/oauth/token").status == 405
