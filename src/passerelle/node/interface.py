"""The description of this node's interface for programs and people: OpenAPI, and a page of it in both languages."""

from __future__ import annotations

import asyncio
from functools import cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from passerelle.fhir import openapi
from passerelle.fhir.resource import encode
from passerelle.node.desk import html
from passerelle.node.edge import language_of
from passerelle.portals.interface import page
from passerelle.values import Json, Language

AN_HOUR = {"Cache-Control": "public, max-age=3600"}


def described(statement: Json) -> list[Route]:
    """The routes of the description. It is made when somebody first asks for it, beside the event loop."""

    @cache
    def document() -> bytes:
        return encode(openapi.description(statement))

    @cache
    def shown(language: Language) -> str:
        return page(statement, language)

    async def json(http: Request) -> Response:
        return Response(await asyncio.to_thread(document), media_type="application/json", headers=AN_HOUR)

    async def read(http: Request) -> Response:
        wished = http.query_params.get("lang", "")
        language = language_of(wished or http.headers.get("accept-language", ""))
        return html(await asyncio.to_thread(shown, language))

    return [Route("/fhir/openapi.json", json), Route("/fhir/openapi.html", read)]
