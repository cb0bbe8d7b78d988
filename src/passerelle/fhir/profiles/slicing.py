"""To which slice does an element belong? Its discriminators tell: value, pattern, exists, type, profile.

https://hl7.org/fhir/R4/profiling.html#discriminator
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from passerelle.fhir.profiles import targets
from passerelle.fhir.profiles.items import Item, children
from passerelle.fhir.profiles.model import Demand, Profile, Slicing
from passerelle.fhir.profiles.values import among, holds

if TYPE_CHECKING:
    from passerelle.fhir.profiles.walk import Walk

_TYPES, _URLS = Slicing((("type", "$this"),)), Slicing((("value", "url"),))


def of(demand: Demand) -> Slicing:
    """How an element is sliced; of a choice or extension it goes without saying."""
    if demand.slicing is not None and (demand.slicing.by or not demand.name.endswith("[x]")):
        return demand.slicing
    if demand.name.endswith("[x]"):
        return _TYPES
    return _URLS if demand.name in ("extension", "modifierExtension") else Slicing(())


def slice_of(walk: Walk, demand: Demand, how: Slicing, item: Item) -> str | None:
    """The name of the first slice that an element belongs to; without discriminators the first that it satisfies."""
    if not how.by:
        return next((name for name, each in demand.slices.items() if walk.fits(each, item)), None)
    fits = (
        name
        for name, each in demand.slices.items()
        if all(_matches(walk, each, kind, path, item) for kind, path in how.by)
    )
    return next(fits, None)


Step = tuple[str, str]


@cache
def steps(path: str) -> tuple[Step, ...]:
    """A discriminator's path as (what, argument) steps: ``extension('url').value``, ``resolve().code``, ``$this``."""
    found = re.findall(r"(\w+)\(\s*'?([^')]*)'?\s*\)|([\w$]+)", path)
    named = [("name", name) if name else (call, argument) for call, argument, name in found]
    return tuple(step for step in named if step != ("name", "$this") and step[1] != "this")


def _matches(walk: Walk, demand: Demand, kind: str, path: str, item: Item) -> bool:
    way = steps(path)
    items = _follow(walk, item, way)
    if kind in ("value", "pattern"):
        return _value(walk, demand, way, items)
    last = _demands(walk, demand, way)
    if kind == "exists":
        return bool(items) != any(each.most == 0 for each in last)
    kinds = [each for one in last for each in one.kinds]
    if kind == "type":
        codes = {name for each in kinds for name in (targets.types(walk, each.targets) or (each.code,))}
        return any(each.type in codes for each in items)
    urls = [url for each in kinds for url in (each.profiles or each.targets)]
    if not items and way and way[-1][0] == "resolve":
        return targets.likely(walk, _follow(walk, item, way[:-1]), urls)
    return any(walk.conforms(each, url) for each in items for url in urls)


def near(walk: Walk, demand: Demand, how: Slicing, items: Iterable[Item]) -> Iterator[tuple[Profile, Item]]:
    """Who has the type of a slice but not its profile, so that a person can be told why it is not the slice."""
    for path in (path for kind, path in how.by if kind == "profile"):
        way = steps(path)
        kinds = (each for one in _demands(walk, demand, way) for each in one.kinds)
        urls = [url for each in kinds for url in (each.profiles or each.targets)]
        profiles = [found for url in urls if (found := walk.profiles.profile(url))]
        for item in items:
            for each in _follow(walk, item, way):
                yield from ((found, each) for found in profiles if found.type == each.type)


def _follow(walk: Walk, item: Item, way: tuple[Step, ...]) -> list[Item]:
    """The elements at the end of a discriminator's path."""
    items = [item]
    for what, argument in way:
        if what == "resolve":
            found = (targets.resolved(walk, each) for each in items)
            items = [each for each in found if each is not None]
        elif what == "extension":
            below = [one for each in items for one in children(each, "extension")]
            items = [one for one in below if one.value.get("url") == argument]
        elif what == "ofType":
            items = [each for each in items if each.type == argument]
        else:
            items = [one for each in items for one in children(each, argument)]
    return items


def _demands(walk: Walk, demand: Demand, way: tuple[Step, ...]) -> list[Demand]:
    """What a slice asks for at the end of a path, in the slices on the way too."""
    here = [demand]
    for what, argument in way:
        if what not in ("resolve", "ofType"):
            here = [one for each in here for one in _step(walk, each, what, argument)]
    return here


def _step(walk: Walk, demand: Demand, what: str, argument: str) -> Iterator[Demand]:
    if what == "extension":
        below = demand.inner.get("extension")
        slices = below.slices.values() if below else ()
        yield from (each for each in slices if _of_extension(each) == argument)
        return
    below = demand.inner.get(argument) or demand.inner.get(f"{argument}[x]")
    if below is not None:
        yield below
        yield from (each for each in below.slices.values() if each.least)
    else:
        yield from _from_profiles(walk, demand, argument)


def _of_extension(demand: Demand) -> str | None:
    return next((url for kind in demand.kinds for url in kind.profiles), None)


def _from_profiles(walk: Walk, demand: Demand, name: str) -> Iterator[Demand]:
    """What the profile of an element's type asks for below it."""
    for url in (url for kind in demand.kinds for url in kind.profiles):
        found = walk.profiles.profile(url)
        if found is not None and name in found.root.inner:
            yield found.root.inner[name]


def _value(walk: Walk, demand: Demand, way: tuple[Step, ...], items: list[Item]) -> bool:
    names = [argument for _, argument in way]
    if names == ["url"] and (url := _of_extension(demand)) and "url" not in demand.inner:
        return any(each.value == url for each in items)
    for at in range(len(way), -1, -1):
        demands = _demands(walk, demand, way[:at])
        wanted = [part for each in demands for part in _wanted(each, names[at:])]
        if wanted:
            return any(holds(each.value, part) for each in items for part in wanted)
        urls = [each.binding[0] for each in demands if each.binding] if at == len(way) else []
        if urls:
            codes = walk.profiles.codes(urls[0])
            return codes is None or any(among(each, codes) for each in items)
    return False


def _wanted(demand: Demand, names: list[str]) -> list[Any]:
    value = demand.fixed if demand.fixed is not None else demand.pattern
    return [] if value is None else list(_within(value, names))


def _within(value: Any, names: list[str]) -> Iterator[Any]:
    """The parts of a pattern that lie below it."""
    if isinstance(value, list):
        for each in value:
            yield from _within(each, names)
    elif not names:
        yield value
    elif isinstance(value, dict) and names[0] in value:
        yield from _within(value[names[0]], names[1:])
