"""Does this resource keep the promises of its profiles? StructureDefinitions compiled to checks.

In the box are the profiles of base R4, the Canadian Baseline and the International Patient Summary; ``load`` adds those
of other packages. https://hl7.org/fhir/R4/profiling.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from passerelle.fhir.outcome import Issue
from passerelle.fhir.profiles.items import Item, root
from passerelle.fhir.profiles.packages import IN_THE_BOX, Profiles, load
from passerelle.fhir.profiles.surroundings import Surroundings
from passerelle.fhir.profiles.walk import Walk, of_profile
from passerelle.values import Json

__all__ = [
    "IN_THE_BOX",
    "Profiles",
    "Surroundings",
    "Walk",
    "check",
    "declared",
    "inner_resources",
    "load",
    "of_profile",
]

MOST_ISSUES = 100


def declared(resource: Json) -> tuple[str, ...]:
    """The profiles that a resource says it keeps."""
    meta = resource.get("meta")
    found = meta.get("profile") if isinstance(meta, dict) else None
    return tuple(url for url in found if isinstance(url, str)) if isinstance(found, list) else ()


def check(
    resource: Json,
    profiles: Profiles = IN_THE_BOX,
    *,
    asked: Iterable[str] | None = None,
    resolve: Callable[[str], Json | None] | None = None,
    path: str = "",
) -> tuple[Issue, ...]:
    """What a resource that is good R4 does not keep of its declared profiles, or of those asked for.

    A profile that nobody here knows is a warning. ``resolve`` finds what a reference leads to outside of the resource;
    ``path`` is where the resource itself stands.
    """
    around = Surroundings(resource, resolve)
    walk = Walk.at(resource, profiles, around.resolve)
    found: dict[tuple[str, str | None, str], Issue] = {}
    for issue in _issues(walk, root(resource, path), asked):
        found.setdefault((issue.key, issue.expression, str(issue.details)), issue)
        if len(found) == MOST_ISSUES:
            break
    return tuple(found.values())


def _issues(walk: Walk, top: Item, asked: Iterable[str] | None) -> Iterator[Issue]:
    yield from _of_one(walk, top, declared(top.value) if asked is None else asked)
    for item in inner_resources(top):
        yield from _of_one(walk, item, declared(item.value))


def _of_one(walk: Walk, item: Item, urls: Iterable[str]) -> Iterator[Issue]:
    for url in urls:
        profile = walk.profiles.profile(url)
        if profile is not None:
            yield from of_profile(walk, profile, item)
        elif not _plain_type(url, item.type):
            yield Issue("profile-unknown", "not-found", f"{item.path}.meta.profile", {}, "warning")


def inner_resources(item: Item) -> Iterator[Item]:
    """The resources inside a resource, at any depth: contained, entries of a Bundle, parameters."""
    for name, value in item.value.items():
        for at, each in enumerate(value) if isinstance(value, list) else ():
            if isinstance(each, dict):
                yield from _inside(each, f"{item.path}.{name}[{at}]")
        if isinstance(value, dict):
            yield from _inside(value, f"{item.path}.{name}")


def _inside(value: Json, path: str) -> Iterator[Item]:
    if isinstance(value.get("resourceType"), str):
        yield root(value, path)
    yield from inner_resources(Item(value, "", path))


def _plain_type(url: str, kind: str) -> bool:
    return url.split("|")[0] == f"http://hl7.org/fhir/StructureDefinition/{kind}"
