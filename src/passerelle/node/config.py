"""A node's configuration: one TOML file, every limit in it, nothing secret in it.

Secrets are files that the configuration names (the signing key, the accounts); relative paths are relative to the
file. Any value can be overridden by an environment variable such as ``PASSERELLE_PORT=9000``.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Slug = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,32}$")]
Some = Annotated[str, Meta(min_length=1)]
Positive = Annotated[int, Meta(ge=1)]


class ConfigurationError(Exception):
    """The configuration cannot be used: which key, and what it needs."""


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the configuration: a key that it does not have is a mistake, and is named."""


class Name(Section, frozen=True):
    """A name in both languages."""

    en: Some
    fr: Some


class IntakeLimits(Section, frozen=True):
    """What may arrive; see ``fhir.intake.Limits`` for the units."""

    max_bytes: int = 64 * 1024 * 1024
    max_depth: int = 64
    max_entries: int = 10_000
    max_string: int = 16 * 1024 * 1024


class InterfaceRules(Section, frozen=True):
    """What R4 leaves to the server; see ``flows.ports.Rules``."""

    require_if_match: bool = False
    conditional_delete: Literal["single", "multiple"] = "single"
    most_conditional: Positive = 1000
    update_create: bool = True
    strict_references: bool = False
    most_in_page: Positive = 1000


class CrowdLimits(Section, frozen=True):
    """How many requests may come at once; see ``node.shedding.Crowd``."""

    running: Positive = 256
    waiting: Annotated[int, Meta(ge=0)] = 1024
    others: Annotated[float, Meta(ge=0, le=1)] = 0.5
    seconds: float = 5.0
    retry_after: int = 5


class JobSettings(Section, frozen=True):
    """Work that outlives its request; see ``flows.ports.JobRules`` for the first six."""

    lives: float = 86_400.0
    most: int = 20
    file_bytes: int = 256 * 1024 * 1024
    import_from: tuple[str, ...] = ()
    retry_after: int = 2
    query_seconds: float = 600.0
    folder: Path = Path("jobs")
    """Where jobs keep their files; processes that share a database share this folder too."""
    lease: Annotated[float, Meta(ge=1)] = 30.0
    """Seconds after which the job of a process that gives no sign of life is claimed by another."""
    poll: float = 1.0
    """Seconds between looks for a job that another process was asked for."""


class WatchSettings(Section, frozen=True):
    """Who may read the metrics; see ``node.watch``. Without any of these, nobody."""

    host: str = "127.0.0.1"
    port: int = 0
    """A listener of its own for health and metrics; zero is none."""
    token_file: Path | None = None
    """The token that lets a caller read them on the node's own listener."""
    loopback: bool = False
    """Whether this machine may read them there, unless a proxy stands in between."""
    least_disk: int = 256 * 1024 * 1024
    """Bytes that must be free for the node to be ready."""
    most_unfiled: int = 1024 * 1024 * 1024
    """Bytes of audit events that may wait to be filed for the node to be ready."""


class OutsideProvider(Section, frozen=True):
    """An outside OpenID Connect provider that people may sign in with (see ``node.oidc`` and ``node.outside``)."""

    id: Slug
    name: Name
    issuer: str
    client_id: Some
    client_secret_file: Path | None = None
    """Left out for a public client."""
    scopes: tuple[str, ...] = ("openid", "profile")
    role_claim: str = "roles"
    roles: dict[str, str] = {}
    """From a value of ``role_claim`` to a role of ``policy/roles.toml``; the first that fits, in this order."""
    subjects: dict[str, str] = {}
    """From one person's ``sub`` to a role; goes before ``roles``."""
    name_claim: str = "name"
    organization: str = ""
    organization_claim: str = ""
    patient_claim: str = ""
    """The claim with the id of a patient's own Patient here."""
    also_through: tuple[str, ...] = ()
    """Origins that a browser passes on its way beside the issuer's, such as a provider behind this one."""


class Settings(Section, frozen=True):
    """Everything that one node needs to know to run."""

    id: Slug
    name: Name
    host: str = "127.0.0.1"
    port: int = 8800
    url: str = ""
    """The address that others use; made of host and port when empty."""
    store: str = "sqlite:///records.sqlite"
    ledger: str = "sqlite:///audit.sqlite"
    ledger_waiting: int = 512 * 1024 * 1024
    """Bytes of audit events that may wait to be filed for searching while the node is busy; whoever looks for events
    waits until all are filed."""
    directory: str = "directory.jws"
    """A file or an https address of the signed directory."""
    directory_keys: Path = Path("publisher.jwks")
    directory_refresh: float = 300.0
    """Seconds between looks for a newer directory; the last good one goes on serving."""
    key: Path = Path("node-key.pem")
    cursor_key: Path = Path("cursor.key")
    """Seals where a page of a search ended; made on the first start, and shared by processes of one node."""
    accounts: Path = Path("accounts.json")
    clients: Path = Path("clients.json")
    packages: Path | None = None
    """A folder of FHIR packages whose profiles ``$validate`` knows besides those in the box."""
    outside_providers: tuple[OutsideProvider, ...] = ()
    limits: IntakeLimits = IntakeLimits()
    rules: InterfaceRules = InterfaceRules()
    deadline: float = 1.0
    """Seconds that the whole network has to answer one question."""
    connections_per_node: int = 16
    cors_origins: tuple[str, ...] = ("*",)
    """The origins whose pages may call the FHIR interface from a browser; ``*`` is every one. A page proves who asks by
    a token and never by a cookie, so that letting it in gives it nothing."""
    token_seconds: int = 300
    session_idle_seconds: int = 1800
    session_seconds: int = 8 * 3600
    sign_in_tries: int = 5
    sign_in_window_seconds: int = 300
    query_seconds: Annotated[float, Meta(gt=0)] = 30.0
    """The longest that one question to the store may take; then it is given up, and who asked is told to ask for less."""
    crowd: CrowdLimits = CrowdLimits()
    jobs: JobSettings = JobSettings()
    watch: WatchSettings = WatchSettings()
    drain_seconds: float = 0.0
    """How long a node that is told to stop says so at /health/ready before it lets nobody in any more."""
    stop_seconds: float = 10.0
    """How long a node that is told to stop goes on with the requests under way."""
    validate_resources: bool = True
    readers: int = 2
    home: Path = Path(".")

    @property
    def address(self) -> str:
        return self.url.rstrip("/") or f"http://{self.host}:{self.port}"

    @property
    def base(self) -> str:
        """The FHIR base address."""
        return f"{self.address}/fhir"

    def file(self, path: Path) -> Path:
        return path if path.is_absolute() else self.home / path

    def database(self, url: str) -> str:
        """A store's address, a relative SQLite file made relative to the configuration."""
        prefix, rest = url[: len("sqlite:///")], url[len("sqlite:///") :]
        if prefix != "sqlite:///" or rest.startswith("/"):
            return url
        return f"{prefix}{(self.home / rest).absolute()}"


def load(path: Path) -> Settings:
    """Read a configuration file; a wrong or unknown key is named."""
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(
            f"There is no configuration at {path}. See docs/guides/run-a-node.md."
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path} is not TOML: {error}") from None
    values = _overridden(Settings, {"home": path.parent, **values}, "PASSERELLE_", os.environ)
    try:
        return msgspec.convert(values, Settings, strict=False, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{path}: {_fault(str(error))}") from None


def _fault(said: str) -> str:
    """The key, with the sections that it is in, and what is wrong with it."""
    fault, _, place = said.partition(" - at `$")
    keys = [place.rstrip("`").lstrip(".")]
    if named := re.search(r"(?:missing required|unknown) field `(\w+)`", fault):
        keys.append(named[1])
    where = ".".join(filter(None, keys))
    return f"{where}: {fault}" if where else fault


def _path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str | Path):
        return Path(value)
    raise ValueError("Expected a path")


def _overridden(
    kind: type[Section], values: Mapping[str, Any], prefix: str, environment: Mapping[str, str]
) -> dict[str, Any]:
    """The values with those of the environment in their place: a deployment overrides the file that it ships.

    A part of a section is named with two underscores (``PASSERELLE_LIMITS__MAX_DEPTH``); a list or a section is JSON.
    """
    found = dict(values)
    for field in msgspec.structs.fields(kind):
        name = f"{prefix}{field.name.upper()}"
        if name in environment:
            found[field.name] = _written(name, environment[name], field.type)
        given = found.get(field.name, {})
        if isinstance(field.type, type) and issubclass(field.type, Section) and isinstance(given, dict):
            inside = _overridden(field.type, given, f"{name}__", environment)
            if inside or field.name in found:
                found[field.name] = inside
    return found


def _written(name: str, text: str, kind: Any) -> Any:
    """A text is itself; what is made of several values is JSON."""
    if getattr(kind, "__origin__", None) not in (tuple, dict) and not (
        isinstance(kind, type) and issubclass(kind, Section)
    ):
        return text
    try:
        return json.loads(text)
    except ValueError:
        raise ConfigurationError(f"The environment cannot be used: {name} must be JSON.") from None
