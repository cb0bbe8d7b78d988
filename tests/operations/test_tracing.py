"""The trace that came in goes out again, and a span tells nothing of anybody."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from passerelle.node import tracing
from passerelle.node.metrics import interaction

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(autouse=True)
def nobody_collects() -> Iterator[None]:
    tracing.collect(False)
    yield
    tracing.collect(False)


def passed_on(*headers: tuple[bytes, bytes]) -> dict[str, str]:
    """What a node that is asked with these headers tells the nodes that it asks."""
    found: dict[str, str] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found.update(tracing.passed_on())
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def nothing(*_: Any) -> Any:
        return {}

    scope = {"type": "http", "method": "GET", "path": "/fhir/Patient/1", "headers": list(headers)}
    asyncio.run(tracing.around(app, interaction)(scope, nothing, nothing))
    return found


def test_a_trace_is_passed_on() -> None:
    given = (b"traceparent", PARENT.encode()), (b"tracestate", b"a=b")
    assert passed_on(*given) == {"traceparent": PARENT, "tracestate": "a=b"}
    assert tracing.passed_on() == {}


@pytest.mark.parametrize(
    "wrong", [b"", b"00-0-0-01", PARENT.upper().encode(), b"00-" + b"0" * 32 + PARENT[35:].encode()]
)
def test_a_malformed_trace_is_as_if_it_had_not_been_sent(wrong: bytes) -> None:
    assert passed_on((b"traceparent", wrong)) == {}


def test_with_the_api_alone_the_trace_is_passed_on_too() -> None:
    tracing.collect(True)
    assert passed_on((b"traceparent", PARENT.encode())) == {"traceparent": PARENT}


def test_spans_are_made_when_an_exporter_is_configured() -> None:
    assert not tracing.is_wanted({})
    assert tracing.is_wanted({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"})
    assert not tracing.is_wanted({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "true"})


def test_a_span_says_the_interaction_and_the_status_and_no_address() -> None:
    said: dict[str, Any] = {}

    class Span:
        def set_attribute(self, name: str, value: Any) -> None:
            said[name] = value

    class Tracer:
        def start_as_current_span(self, name: str, *args: Any, **more: Any) -> Any:
            from contextlib import nullcontext

            said["name"] = name
            return nullcontext(Span())

    tracing.collect(True)
    assert tracing._spans is not None
    tracing._spans._tracer = Tracer()  # type: ignore[assignment]
    passed_on()
    assert said == {"name": "read", "fhir.interaction": "read", "http.response.status_code": 200}
