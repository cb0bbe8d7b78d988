"""A node's configuration: one TOML file, every limit in it, nothing secret in it.

Secrets are files that the configuration names (the signing key, the accounts); relative paths are relative to the
file. Any value can be overridden by an environment variable such as ``PASSERELLE_PORT=9000``.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError


class ConfigurationError(Exception):
    """The configuration cannot be used: which key, and what it needs."""


class Name(BaseModel):
    """A name in both languages."""

    model_config = ConfigDict(extra="forbid")

    en: str = Field(min_length=1)
    fr: str = Field(min_length=1)


class IntakeLimits(BaseModel):
    """What may arrive; see ``fhir.intake.Limits`` for the units."""

    model_config = ConfigDict(extra="forbid")

    max_bytes: int = 64 * 1024 * 1024
    max_depth: int = 64
    max_entries: int = 10_000
    max_string: int = 16 * 1024 * 1024


class InterfaceRules(BaseModel):
    """What R4 leaves to the server; see ``flows.ports.Rules``."""

    model_config = ConfigDict(extra="forbid")

    require_if_match: bool = False
    conditional_delete: Literal["single", "multiple"] = "single"
    most_conditional: int = Field(default=1000, ge=1)
    update_create: bool = True
    strict_references: bool = False
    most_in_page: int = Field(default=1000, ge=1)


class CrowdLimits(BaseModel):
    """How many requests may come at once; see ``node.shedding.Crowd``."""

    model_config = ConfigDict(extra="forbid")

    running: int = Field(default=256, ge=1)
    waiting: int = Field(default=1024, ge=0)
    others: float = Field(default=0.5, ge=0, le=1)
    seconds: float = 5.0
    retry_after: int = 5


class JobSettings(BaseModel):
    """Work that outlives its request; see ``flows.ports.JobRules`` for the first six."""

    model_config = ConfigDict(extra="forbid")

    lives: float = 86_400.0
    most: int = 20
    file_bytes: int = 256 * 1024 * 1024
    import_from: tuple[str, ...] = ()
    retry_after: int = 2
    query_seconds: float = 600.0
    folder: Path = Path("jobs")
    """Where jobs keep their files; processes that share a database share this folder too."""
    lease: float = Field(default=30.0, ge=1)
    """Seconds after which the job of a process that gives no sign of life is claimed by another."""
    poll: float = 1.0
    """Seconds between looks for a job that another process was asked for."""


class WatchSettings(BaseModel):
    """Who may read the metrics; see ``node.watch``. Without any of these, nobody."""

    model_config = ConfigDict(extra="forbid")

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


class OutsideProvider(BaseModel):
    """An outside OpenID Connect provider that people may sign in with (see ``node.oidc`` and ``node.outside``)."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    name: Name
    issuer: str
    client_id: str = Field(min_length=1)
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


class Settings(BaseSettings):
    """Everything that one node needs to know to run."""

    model_config = SettingsConfigDict(env_prefix="PASSERELLE_", env_nested_delimiter="__", extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    name: Name
    host: str = "127.0.0.1"
    port: int = 8800
    url: str = ""
    """The address that others use; made of host and port when empty."""
    store: str = "sqlite:///records.sqlite"
    ledger: str = "sqlite:///audit.sqlite"
    directory: str = "directory.jws"
    """A file or an https address of the signed directory."""
    directory_keys: Path = Path("publisher.jwks")
    directory_refresh: float = 300.0
    """Seconds between looks for a newer directory; the last good one goes on serving."""
    key: Path = Path("node-key.pem")
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
    query_seconds: float = Field(default=30.0, gt=0)
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

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # The environment of a deployment overrides the file that it ships.
        return env_settings, init_settings

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
    try:
        return Settings(**{"home": path.parent, **values})
    except SettingsError as error:
        raise ConfigurationError(f"The environment cannot be used: {error}") from None
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise ConfigurationError(f"{path}: {faults}") from None
