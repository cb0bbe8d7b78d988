"""The outside providers of a configuration, checked: a wrong value stops the node at its start, with its key."""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

import aiohttp
from authlib.common.security import is_secure_transport

from passerelle.flows.ports import Here
from passerelle.node.config import ConfigurationError, OutsideProvider, Settings
from passerelle.node.oidc import OutsideSignIn, Provider, origin
from passerelle.policy.roles import roles


def providers(settings: Settings) -> tuple[Provider, ...]:
    """Every provider that people may sign in with, in the order of the configuration."""
    ids = [given.id for given in settings.outside_providers]
    for id_ in ids:
        if ids.count(id_) > 1:
            raise _fault(id_, "id", "two providers have it. Give each an id of its own.")
    return tuple(_provider(given, settings) for given in settings.outside_providers)


def sign_ins(
    given: Sequence[Provider], here: Here, http: aiohttp.ClientSession
) -> Mapping[str, OutsideSignIn]:
    """A sign-in for each provider, by its id."""
    return {provider.id: OutsideSignIn(provider, here.id, http, here.now) for provider in given}


def _provider(given: OutsideProvider, settings: Settings) -> Provider:
    _check_addresses(given)
    _check_roles(given)
    return Provider(
        issuer=given.issuer,
        client_id=given.client_id,
        redirect_uri=f"{settings.address}/sign-in/outside/{given.id}/back",
        client_secret=_secret(given, settings),
        scopes=given.scopes,
        roles=given.roles,
        subjects=given.subjects,
        role_claim=given.role_claim,
        name_claim=given.name_claim,
        organization=given.organization,
        organization_claim=given.organization_claim,
        patient_claim=given.patient_claim,
        id=given.id,
        name={"en": given.name.en, "fr": given.name.fr},
        also_through=tuple(map(origin, given.also_through)),
    )


def _check_addresses(given: OutsideProvider) -> None:
    for key, address in [("issuer", given.issuer), *(("also_through", a) for a in given.also_through)]:
        if not _plain(address):
            raise _fault(given.id, key, "an https address is needed (http only on this machine).")
    for address in given.also_through:
        if origin(address) != address.rstrip("/"):
            raise _fault(given.id, "also_through", "an origin is needed: scheme and host, without a path.")
    if "openid" not in given.scopes:
        raise _fault(given.id, "scopes", "openid is missing, without which there is no ID token.")


def _plain(address: str) -> bool:
    # An origin stands in a policy header, where these characters would end it.
    return (
        is_secure_transport(address) and origin(address).isprintable() and not set(address) & set(" ;,@?#'\"")
    )


def _check_roles(given: OutsideProvider) -> None:
    held = {name: role for name, role in roles().items() if "person" in role.kinds}
    for key, table in (("roles", given.roles), ("subjects", given.subjects)):
        unknown = sorted(set(table.values()) - set(held))
        if unknown:
            raise _fault(
                given.id, key, f"{unknown[0]} is no role of a person. Known: {', '.join(sorted(held))}."
            )
    if not given.roles and not given.subjects:
        raise _fault(
            given.id, "roles", "nobody could sign in. Map values of role_claim to roles, or subjects."
        )
    bound = {name for name, role in held.items() if role.bound}
    if bound & {*given.roles.values(), *given.subjects.values()} and not given.patient_claim:
        raise _fault(
            given.id, "patient_claim", "it must name the claim with the id of a patient's own Patient."
        )


def _secret(given: OutsideProvider, settings: Settings) -> str:
    if given.client_secret_file is None:
        return ""
    path: Path = settings.file(given.client_secret_file)
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise _fault(
                given.id, "client_secret_file", "others can read the file. Make it private: chmod 600."
            )
        secret = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as fault:
        raise _fault(
            given.id, "client_secret_file", f"the file cannot be read ({type(fault).__name__})."
        ) from None
    if not secret:
        raise _fault(
            given.id, "client_secret_file", "the file is empty. Leave the key out for a public client."
        )
    return secret


def _fault(id_: str, key: str, what: str) -> ConfigurationError:
    return ConfigurationError(f"outside_providers.{id_}.{key}: {what}")
