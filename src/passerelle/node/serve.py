"""Wire one node and serve it: the store, the ledger, the directory, the door, the FHIR edge and the pages."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import msgspec
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from passerelle import __version__
from passerelle.federation.directory import DirectoryError
from passerelle.fhir import capability
from passerelle.fhir.intake import Limits
from passerelle.fhir.resource import encode
from passerelle.flows import ports
from passerelle.flows.operations import offered
from passerelle.flows.ports import Here
from passerelle.node import accounts as local_accounts
from passerelle.node import oauth
from passerelle.node.accounts import Accounts
from passerelle.node.config import ConfigurationError, Settings
from passerelle.node.desk import Desk, html
from passerelle.node.directory_file import DirectoryFile
from passerelle.node.edge import Edge, language_of, where
from passerelle.node.gate import Door
from passerelle.node.guard import Guard
from passerelle.node.interface import described
from passerelle.node.keys import KeyRing, load_or_make_key
from passerelle.node.metrics import Timed
from passerelle.node.office import Beside, Office, office, rules
from passerelle.node.oidc import OutsideSignIn
from passerelle.node.outside import providers, sign_ins
from passerelle.node.packages import profiles
from passerelle.node.pages import Portal
from passerelle.node.peer_tokens import Asking
from passerelle.node.peers import Peers
from passerelle.node.registers import Registers, clients, people
from passerelle.node.sealing import seal
from passerelle.node.sessions import Rules, Sessions
from passerelle.node.tokens import AccessTokens
from passerelle.node.tokens import Door as TokenDoor
from passerelle.node.warm import warm
from passerelle.portals import pages
from passerelle.portals.viewing import Paths
from passerelle.store import open_store
from passerelle.store.errors import StoreError
from passerelle.store.ledger import open_ledger
from passerelle.values import Json, Language, NodeId

log = structlog.get_logger()


@dataclass(frozen=True)
class Wired:
    """One node, ready to be served."""

    here: Here
    app: ASGIApp
    peers: Peers
    directory: DirectoryFile
    registers: Registers
    http: aiohttp.ClientSession | None
    """For the outside providers, where there are any."""
    office: Office

    async def close(self) -> None:
        await self.peers.close()
        if self.http is not None:
            await self.http.close()
        await self.here.store.close()
        await self.here.ledger.close()


def now() -> datetime:
    return datetime.now(UTC)


def wire(settings: Settings) -> Wired:
    """Everything of a node, connected; nothing is listening yet. Call it in the event loop that will serve it."""
    given = providers(settings)
    keys = KeyRing(load_or_make_key(settings.file(settings.key)))
    directory = _directory(settings)
    peers = Peers(
        Asking(NodeId(settings.id), keys.current),
        now,
        settings.connections_per_node,
        settings.limits.max_bytes,
    )
    beside = Beside.of(settings)
    here = _here(settings, directory, peers, beside)
    peers.here = here
    tokens = AccessTokens(TokenDoor(NodeId(settings.id), settings.base, keys))
    server = oauth.Server(_oauth_settings(settings), tokens, now)
    door = Door(settings.address, tokens, directory, now)
    said = statement(settings)
    edge = Edge(here, door, encode(said), settings.cors_origins, beside.shedding)
    jobs = office(settings, here, door, beside)
    http = _http() if given else None
    desk = _desk(settings, here, sign_ins(given, here, http) if http else {})
    portal = Portal(desk)
    routes = [
        *jobs.watch.routes(),
        Route("/.well-known/smart-configuration", _discovery(server.settings)),
        Route("/fhir/.well-known/smart-configuration", _discovery(server.settings)),
        *described(said),
        *oauth.routes(server, _oauth_pages(desk)),
        *portal.routes(),
    ]
    registers = Registers(settings, desk.accounts, desk.sessions, server)
    pages_of_faults: Mapping[Any, Any] = {404: portal.lost, 500: portal.failed}
    served = edge.before(Starlette(routes=routes, exception_handlers=pages_of_faults))
    return Wired(here, Guard(jobs.around(served)), peers, directory, registers, http, jobs)


def _here(settings: Settings, directory: DirectoryFile, peers: Peers, beside: Beside) -> Here:
    limits = Limits(**msgspec.structs.asdict(settings.limits))
    return Here(
        id=NodeId(settings.id),
        base=settings.base,
        name={"en": settings.name.en, "fr": settings.name.fr},
        store=Timed(
            open_store(settings.database(settings.store), base=settings.base),
            beside.counted,
            settings.query_seconds,
        ),
        ledger=open_ledger(settings.database(settings.ledger), base=settings.base),
        sources=peers,
        directory=directory,
        now=now,
        timer=time.monotonic,
        new_id=lambda: str(uuid.uuid4()),
        limits=limits,
        deadline=settings.deadline,
        validate=settings.validate_resources,
        profiles=profiles(settings.file(settings.packages) if settings.packages else None),
        rules=ports.Rules(**msgspec.structs.asdict(settings.rules)),
        jobs=rules(settings),
        seal=seal(settings.file(settings.cursor_key)),
        wake=beside.awake.set,
    )


def _directory(settings: Settings) -> DirectoryFile:
    remote = settings.directory.startswith(("https://", "http://"))
    source = settings.directory if remote else str(settings.home / settings.directory)
    return DirectoryFile(source, settings.home / "directory.jws", settings.file(settings.directory_keys), now)


def _oauth_settings(settings: Settings) -> oauth.Settings:
    known = clients(settings)
    return oauth.Settings(settings.address, settings.base, known, service_lifetime=settings.token_seconds)


def _desk(settings: Settings, here: Here, outside: Mapping[str, OutsideSignIn]) -> Desk:
    limits = local_accounts.Limits(guesses=settings.sign_in_tries, seconds=settings.sign_in_window_seconds)
    rules = Rules(
        name=f"passerelle-{settings.id}",
        secure=settings.address.startswith("https://"),
        idle=timedelta(seconds=settings.session_idle_seconds),
        longest=timedelta(seconds=settings.session_seconds),
    )
    return Desk(here, Accounts(people(settings), limits), Sessions(rules), outside)


def _http() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)


def _oauth_pages(desk: Desk) -> oauth.Pages:
    def signed_in(http: Request) -> oauth.SignedIn | None:
        session = desk.session_of(http)
        return oauth.SignedIn(session.caller, session.purpose, session.csrf) if session else None

    def ask(http: Request, wish: oauth.Wish) -> Response:
        language = _wanted(http)
        page = pages.authorize(
            language,
            client_name=wish.client.name,
            scopes=wish.scopes,
            user_name=wish.signed_in.caller.name,
            csrf=wish.signed_in.csrf,
            paths=Paths(toggle="", authorize=wish.action),
        )
        return html(page, forms_to=(wish.origin,))

    def sign_in(http: Request, back: str) -> str:
        from urllib.parse import urlencode

        return f"/{_wanted(http)}/sign-in?{urlencode({'return_to': back})}"

    return oauth.Pages(signed_in, sign_in, ask)


def _wanted(http: Request) -> Language:
    """The language in which an app sends somebody here: its own wish (OpenID Connect's), else their browser's."""
    wished = http.query_params.get("ui_locales", "").replace(" ", ",")
    return language_of(wished or http.headers.get("accept-language", ""))


BULK_DATA = "http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"


def statement(settings: Settings) -> Json:
    """The CapabilityStatement of a node with these settings."""
    server = capability.Server(
        base=settings.base,
        name=f"Passerelle {settings.id}",
        version=__version__,
        date=datetime.now(UTC).date().isoformat(),
        authorize=f"{settings.address}/oauth/authorize",
        token=f"{settings.address}/oauth/token",
    )
    rules = settings.rules
    interface = capability.Interface(
        rules.require_if_match,
        rules.conditional_delete,
        rules.update_create,
        rules.strict_references,
        instantiates=(BULK_DATA,),
    )
    return capability.statement(server, offered, interface)


def _discovery(settings: oauth.Settings) -> Any:
    async def discovery(http: Request) -> Response:
        return JSONResponse(
            oauth.smart_configuration(settings), headers={"Cache-Control": "public, max-age=300"}
        )

    return discovery


def serve(settings: Settings) -> None:
    """Serve until a termination signal; requests under way are answered first."""
    prepare_logs()
    with contextlib.suppress(ImportError):
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    from granian.constants import Interfaces
    from granian.log import LogLevels
    from granian.server.embed import Server

    wired = wire(settings)
    server = Server(
        wired.app,
        settings.host,
        settings.port,
        interface=Interfaces.ASGINL,
        log_level=LogLevels.warning,
        websockets=False,
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    again = asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, again.set)
    try:
        await warm(wired.here)
    except Exception as bug:  # one page that cannot be made must not keep everything else from being served
        log.error("not everything was made ready", fault=type(bug).__name__, where=where(bug))
    # What lives as long as the process is not worth looking at again at every collection.
    gc.collect()
    gc.freeze()
    # A record of hundreds of resources is ten thousands of small objects that all live until it is said: with the
    # usual thresholds most of the time of a merge went into looking through them again and again.
    gc.set_threshold(100_000, 20, 50)
    async with _running(server, wired, settings, again):
        log.info("serving", node=settings.id, address=settings.address)
        await stop.wait()


@contextlib.asynccontextmanager
async def _running(
    server: Any, wired: Wired, settings: Settings, again: asyncio.Event
) -> AsyncIterator[None]:
    serving = asyncio.create_task(server.serve())
    beside = [
        asyncio.create_task(wired.directory.follow(settings.directory_refresh)),
        asyncio.create_task(file_when_quiet(wired.here, settings.ledger_waiting)),
        asyncio.create_task(reread(wired, again)),
        asyncio.create_task(index_again(wired.here)),
    ]
    try:
        async with wired.office.open():
            yield
            wired.office.stop_letting_in()
            await asyncio.sleep(settings.drain_seconds)
    finally:
        for task in beside:
            task.cancel()
        server.stop()
        await asyncio.wait({serving}, timeout=settings.stop_seconds)
        await wired.close()


async def index_again(here: Here) -> None:
    """When the store was indexed by an older meaning, index it again while it serves."""
    store: Any = here.store  # only what keeps its index in tables has it to make again
    if getattr(store, "indexed", True):
        return
    from passerelle.store.reindex import reindex

    log.info("indexing again")
    try:
        log.info("indexed again", changed=await reindex(store))
    except StoreError as fault:
        log.error("not indexed again", fault=type(fault).__name__)


async def reread(wired: Wired, again: asyncio.Event) -> None:
    """Read the people, the programs and the directory again whenever it is asked for; what cannot be used changes
    nothing."""
    while True:
        await again.wait()
        again.clear()
        try:
            wired.registers.reread()
            await wired.directory.refresh()
            log.info("read again")
        except (ConfigurationError, DirectoryError, OSError, aiohttp.ClientError, TimeoutError) as fault:
            log.error("not all was read again", fault=type(fault).__name__, why=_why(fault))


def _why(fault: Exception) -> str:
    # Only what was written here to be read by the operator; a message from elsewhere may hold anything.
    return str(fault) if isinstance(fault, ConfigurationError | DirectoryError) else ""


async def file_when_quiet(here: Here, most_waiting: int) -> None:
    """File audit events for searching while nobody asks for anything, a part at a time; before too many wait, even then.

    Filing an event takes longer than the request that it tells of, so that at a peak it would take most of the node.
    """
    before = 0
    while True:
        await asyncio.sleep(QUIET_SECONDS)
        quiet = here.ledger.waiting == before
        while (waiting := here.ledger.waiting) and (quiet or waiting > most_waiting):
            filed = await here.ledger.file(part=True)
            quiet = here.ledger.waiting == waiting - filed
        before = here.ledger.waiting


QUIET_SECONDS = 2.0


def prepare_logs() -> None:
    """One JSON line an event; the keys that reach a log are chosen where it is written, and none is a person's."""
    logging.basicConfig(level=logging.WARNING)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
