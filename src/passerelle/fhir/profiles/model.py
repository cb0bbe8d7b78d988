"""A profile as a tree of what it asks for: for each element its limits, its slices and its own elements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from passerelle.fhir.profiles.snapshot import STRUCTURE
from passerelle.values import Json

MANY = 2**31


@dataclass(frozen=True, slots=True)
class Kind:
    """One type that an element may have: its profiles, and for a reference what it may point to."""

    code: str
    profiles: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Slicing:
    """How the slices of an element are told apart: (kind, path) pairs; ``rules`` is open, closed or openAtEnd."""

    by: tuple[tuple[str, str], ...]
    rules: str = "open"
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    key: str
    expression: str
    words: str
    error: bool


@dataclass(slots=True)
class Demand:
    """What is asked of one element, or of one slice of it. It is filled while it is read and never changed after."""

    name: str
    slice: str = ""
    least: int = 0
    most: int = MANY
    kinds: tuple[Kind, ...] = ()
    fixed: Any = None
    pattern: Any = None
    longest: int = MANY
    binding: tuple[str, bool] | None = None
    """(value set, whether it is required)."""
    rules: tuple[Rule, ...] = ()
    slicing: Slicing | None = None
    slices: dict[str, Demand] = field(default_factory=dict)
    inner: dict[str, Demand] = field(default_factory=dict)

    @property
    def idle(self) -> bool:
        """It asks for nothing."""
        return (
            not (
                self.least
                or self.most < MANY
                or self.kinds
                or self.rules
                or self.slices
                or self.inner
                or self.binding
            )
            and self.fixed is None
            and self.pattern is None
            and self.longest == MANY
        )


@dataclass(frozen=True, slots=True)
class Profile:
    url: str
    type: str
    root: Demand
    contexts: tuple[tuple[str, str], ...] = ()
    """For an extension: the (kind, expression) of the places where it may stand."""
    modifier: bool = False
    """For an extension: whether it is for ``modifierExtension`` alone."""


def profile(definition: Json, elements: Iterable[Json]) -> Profile:
    """The tree of a profile from the list of its elements, whose ids say where each belongs."""
    top = Demand(definition["type"])
    for element in elements:
        _, *steps = element["id"].split(".")
        _fill(_place(top, steps), element)
    contexts = tuple((kind, expression) for kind, expression in definition.get("context", ()))
    return Profile(definition["url"], definition["type"], top, contexts, definition.get("modifier", False))


def _place(here: Demand, steps: list[str]) -> Demand:
    for step in steps:
        name, *slices = step.replace("/", ":").split(":")
        here = here.inner.setdefault(name, Demand(name))
        for each in slices:
            here = here.slices.setdefault(each, Demand(name, each))
    return here


def _fill(demand: Demand, element: Json) -> None:
    at_root = "." not in element["path"]
    if not at_root:
        demand.least = element.get("min", demand.least)
        most = element.get("max", "*")
        demand.most = MANY if most == "*" else int(most)
    demand.longest = element.get("maxLength", MANY)
    demand.kinds = tuple(_kind(kind) for kind in element.get("type", ())) if not at_root else ()
    for name, value in element.items():
        if name.startswith("fixed"):
            demand.fixed = value
        elif name.startswith("pattern"):
            demand.pattern = value
    if binding := element.get("binding"):
        demand.binding = (binding["valueSet"].split("|")[0], binding["strength"] == "required")
    demand.rules = tuple(_rule(rule) for rule in element.get("constraint", ()))
    if slicing := element.get("slicing"):
        by = tuple((kind, path) for kind, path in slicing["discriminator"])
        demand.slicing = Slicing(by, slicing["rules"], slicing.get("ordered", False))


def _kind(kind: Mapping[str, Any]) -> Kind:
    code = kind.get("code", "").removeprefix("http://hl7.org/fhirpath/System.")
    profiles = tuple(_plain(url) for url in kind.get("profile", ()))
    return Kind(code, profiles, tuple(_plain(url) for url in kind.get("targetProfile", ())))


def _plain(url: str) -> str:
    return url.split("|")[0]


def _rule(rule: Mapping[str, Any]) -> Rule:
    return Rule(rule["key"], rule["expression"], rule.get("human", ""), rule.get("severity") != "warning")


def base_type(url: str) -> str | None:
    """The R4 type that an address stands for, if it is not a profile."""
    name = url.removeprefix(STRUCTURE)
    return name if name != url and name.isalpha() and name[0].isupper() else None
