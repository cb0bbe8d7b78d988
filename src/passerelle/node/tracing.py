"""Which request led to which? W3C trace context taken over and passed on, and spans where somebody collects them.

https://www.w3.org/TR/trace-context/. Without an OpenTelemetry SDK nothing is imported and nothing is made: the trace that
came in goes out to other nodes as it is. A span says the interaction and the status; never an address, for an address
holds ids and what was searched for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PARENT = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_STATE_MOST = 512

_current: ContextVar[tuple[str, str]] = ContextVar("trace", default=("", ""))
"""``traceparent`` and ``tracestate`` of the request that is being answered."""


def passed_on() -> dict[str, str]:
    """The headers that carry the trace to another node."""
    if _spans is not None:
        carrier: dict[str, str] = {}
        _spans.inject(carrier)
        if carrier:
            return carrier
    parent, state = _current.get()
    if not parent:
        return {}
    return {"traceparent": parent, **({"tracestate": state} if state else {})}


def around(app: ASGIApp, named: Callable[[str, str], str]) -> ASGIApp:
    """Take over the trace of each request that ``app`` answers. ``named`` gives its interaction."""

    async def traced(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        parent, state = heard(scope["headers"])
        token = _current.set((parent, state)) if parent else None
        try:
            if _spans is None:
                await app(scope, receive, send)
            else:
                await _spans.serve(app, named(scope["method"], scope["path"]), scope, receive, send)
        finally:
            if token is not None:
                _current.reset(token)

    return traced


def heard(headers: list[tuple[bytes, bytes]]) -> tuple[str, str]:
    """The trace that a request belongs to; what is malformed is as if it had not been sent."""
    parent = state = b""
    for name, value in headers:
        if name == b"traceparent":
            parent = value
        elif name == b"tracestate" and len(value) <= _STATE_MOST:
            state = value
    if not parent or not _PARENT.fullmatch(parent):
        return "", ""
    return parent.decode(), state.decode("latin-1")


class Spans:
    """Spans by the OpenTelemetry API; an SDK that the operator installed collects them."""

    def __init__(self) -> None:
        from opentelemetry import propagate, trace

        self._propagate = propagate
        self._trace = trace
        self._tracer = trace.get_tracer("passerelle")

    def inject(self, carrier: dict[str, str]) -> None:
        self._propagate.inject(carrier)

    async def serve(self, app: ASGIApp, name: str, scope: Scope, receive: Receive, send: Send) -> None:
        parent, state = _current.get()
        said: Mapping[str, str] = {"traceparent": parent, "tracestate": state} if parent else {}
        context = self._propagate.extract(said)
        kind = self._trace.SpanKind.SERVER
        with self._tracer.start_as_current_span(name, context, kind, record_exception=False) as span:
            span.set_attribute("fhir.interaction", name)

            async def speak(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                await send(message)

            await app(scope, receive, speak)

    def part(self, name: str) -> AbstractContextManager[Any]:
        return self._tracer.start_as_current_span(name, record_exception=False)


_spans: Spans | None = None


def collect(wanted: bool) -> None:
    """Make spans from here on, or do not. They are wanted when an exporter is configured."""
    global _spans
    _spans = Spans() if wanted else None


def is_wanted(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process was configured to send spans somewhere, in OpenTelemetry's own words."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    return any(name.startswith("OTEL_EXPORTER_") or name == "OTEL_TRACES_EXPORTER" for name in environment)


def part(name: str) -> AbstractContextManager[Any]:
    """A span for a part of the work; nothing when nobody collects."""
    return nullcontext() if _spans is None else _spans.part(name)
