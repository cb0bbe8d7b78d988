"""What each role may do, for which purposes: ``roles.toml`` as values."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from passerelle.fhir.definitions import patient_compartment
from passerelle.values import Purpose

Types = frozenset[str] | None
"""Resource types; None is all, an empty set is none."""

NO_TYPES: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Role:
    """One role: who can hold it, why they may ask, and the types that each interaction may touch."""

    name: str
    kinds: frozenset[str]
    purposes: tuple[Purpose, ...]
    scopes: tuple[str, ...]
    bound: bool
    """Whether the role only ever sees one patient."""
    may: Mapping[str, Types]

    def types(self, interaction: str) -> Types:
        """The types that this role may touch in this way; none when the interaction is not the role's."""
        return self.may.get(interaction, NO_TYPES)


@cache
def roles() -> Mapping[str, Role]:
    """Every role, by name."""
    table = _table()
    return MappingProxyType({name: _role(name, row, table["types"]) for name, row in table["roles"].items()})


@cache
def types_beside_one_patient() -> frozenset[str]:
    """The types that a scope of one patient truly keeps to that patient: those of R4's Patient compartment, and those
    that are about nobody. An AuditEvent is not here: one without a patient still says what others did."""
    table = _table()["types"]
    return (frozenset(patient_compartment()) - frozenset(table["trail"])) | frozenset(table["shared"])


def purpose_of(role: str) -> Purpose | None:
    """The purpose that is assumed when someone with this role names none."""
    known = roles().get(role)
    return known.purposes[0] if known else None


def scopes_of(role: str) -> tuple[str, ...]:
    """What the role's own sign-in to a portal carries."""
    known = roles().get(role)
    return known.scopes if known else ()


def both(one: Types, other: Types) -> Types:
    """What both allow."""
    if one is None:
        return other
    return one if other is None else one & other


def either(one: Types, other: Types) -> Types:
    """What one of them allows."""
    return None if one is None or other is None else one | other


def _table() -> dict[str, Any]:
    return tomllib.loads(files("passerelle.policy").joinpath("roles.toml").read_text("utf-8"))


def _role(name: str, row: Mapping[str, Any], groups: Mapping[str, list[str]]) -> Role:
    may: dict[str, Types] = {}
    for rule in row["may"]:
        types = _types(rule["types"], groups)
        for interaction in rule["do"]:
            may[interaction] = either(may.get(interaction, NO_TYPES), types)
    return Role(
        name,
        frozenset(row["kinds"]),
        tuple(Purpose(code) for code in row["purposes"]),
        tuple(row["scopes"]),
        row.get("bound", False),
        MappingProxyType(may),
    )


def _types(names: list[str], groups: Mapping[str, list[str]]) -> Types:
    return None if "*" in names else frozenset(type for name in names for type in groups[name])
