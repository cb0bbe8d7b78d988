"""Does one element, with all that is below it, do what a profile asks? The walk along the tree of its demands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from passerelle.fhir.definitions import structure
from passerelle.fhir.outcome import Issue, Severity
from passerelle.fhir.profiles import slicing, targets
from passerelle.fhir.profiles.invariants import Scene, keeps
from passerelle.fhir.profiles.items import Item, children, root
from passerelle.fhir.profiles.model import MANY, Demand, Kind, Profile, Rule, base_type
from passerelle.fhir.profiles.packages import Profiles
from passerelle.fhir.profiles.values import among, claims, holds
from passerelle.values import Json

Resolve = Callable[[str], Json | None]


@dataclass
class Walk:
    """One look at one resource: what is known, where references lead, and what was found out on the way."""

    profiles: Profiles
    scene: Scene
    resolve: Resolve
    """What a reference of this resource leads to, as far as it is at hand."""
    judged: dict[tuple[int, str], bool] = field(default_factory=dict)
    """Whether a value (by identity) keeps a profile; taken to be so while that is still being found out."""

    @classmethod
    def at(cls, resource: Json, profiles: Profiles, resolve: Resolve) -> Walk:
        """A look at one resource with all that is around it."""
        return cls(profiles, Scene(resource, resolve), resolve)

    def conforms(self, item: Item, url: str) -> bool:
        """Whether a value keeps a profile, nobody being told why not."""
        kind = base_type(url)
        if kind is not None and structure(kind) is not None and not self.profiles.known(url):
            return kind in (item.type, "Resource", "DomainResource", "Element")
        place = (id(item.value), url)
        if place not in self.judged:
            self.judged[place] = True
            found = self.profiles.profile(url)
            issues = of_profile(self, found, item) if found else ()
            self.judged[place] = all(issue.severity != "error" for issue in issues)
        return self.judged[place]

    def fits(self, demand: Demand, item: Item) -> bool:
        """Whether a value does what is asked, nobody being told why not."""
        return all(issue.severity != "error" for issue in _of(self, demand, item))


def of_profile(walk: Walk, profile: Profile, item: Item) -> Iterator[Issue]:
    """What a value of a resource or datatype does not keep of a profile."""
    if profile.type != item.type and structure(profile.type) is not None:
        yield _issue("profile-other-type", item, code="invalid", type=profile.type, profile=profile.url)
        return
    yield from _of(walk, profile.root, item)


def _of(walk: Walk, demand: Demand, item: Item) -> Iterator[Issue]:
    wrong = tuple(_kinds(walk, demand, item))
    yield from wrong
    if any(issue.key == "profile-kind" for issue in wrong):
        return  # what is asked below is asked of another type
    yield from _value(walk, demand, item)
    for rule in demand.rules:
        if not keeps(rule.expression, item, walk.scene):
            yield _broken(rule, item)
    for inner in demand.inner.values():
        yield from _inner(walk, inner, item)


def _broken(rule: Rule, item: Item) -> Issue:
    severity: Severity = "error" if rule.error else "warning"
    return Issue("rule-broken", "invariant", item.path, {"rule": rule.key, "words": rule.words}, severity)


def _inner(walk: Walk, demand: Demand, holder: Item) -> Iterator[Issue]:
    """The elements of one name: how many, each by itself, and in its slice."""
    if demand.idle:
        return
    items = children(holder, demand.name)
    yield from _count(demand, items, holder)
    for item in items:
        yield from _of(walk, demand, item)
    if demand.slices:
        yield from _slices(walk, demand, items, holder)


def _count(demand: Demand, items: Sequence[Item], holder: Item) -> Iterator[Issue]:
    name = f"{demand.name}:{demand.slice}" if demand.slice else demand.name
    if len(items) < demand.least:
        yield _issue("profile-least", holder, code="required", element=name, least=str(demand.least))
    if len(items) > demand.most:
        yield _issue("profile-most", holder, element=name, most=str(demand.most))


def _slices(walk: Walk, demand: Demand, items: Sequence[Item], holder: Item) -> Iterator[Issue]:
    how = slicing.of(demand)
    members: dict[str, list[Item]] = {name: [] for name in demand.slices}
    last = -1
    names = list(demand.slices)
    loose: list[Item] = []
    for item in items:
        name = slicing.slice_of(walk, demand, how, item)
        if name is None:
            loose.append(item)
            if how.rules == "closed":
                yield _issue("profile-slice-closed", item, element=demand.name, slices=", ".join(names))
            continue
        if (how.ordered and names.index(name) < last) or (how.rules == "openAtEnd" and loose):
            yield _issue("profile-slice-order", item, element=demand.name, slices=", ".join(names))
        last = names.index(name)
        members[name].append(item)
    for name, each in demand.slices.items():
        yield from _count(each, members[name], holder)
        if len(members[name]) < each.least:
            for found, near in slicing.near(walk, each, how, loose):
                yield from of_profile(walk, found, near)
        for item in members[name]:
            yield from _of(walk, each, item)
        if each.slices:  # a slice that is sliced again
            yield from _slices(walk, each, members[name], holder)


# --- one value ----------------------------------------------------------------------------------------------


def _value(walk: Walk, demand: Demand, item: Item) -> Iterator[Issue]:
    if demand.fixed is not None and item.value != demand.fixed:
        yield _issue("profile-fixed", item, code="value")
    if demand.pattern is not None and not holds(item.value, demand.pattern):
        yield _issue("profile-pattern", item, code="value")
    if demand.longest < MANY and isinstance(item.value, str) and len(item.value) > demand.longest:
        yield _issue("profile-length", item, code="too-long", limit=str(demand.longest))
    if demand.binding and item.value is not None:
        yield from _bound(walk, *demand.binding, item)


def _bound(walk: Walk, url: str, required: bool, item: Item) -> Iterator[Issue]:
    codes = walk.profiles.codes(url)
    if codes is None or among(item, codes):
        return
    if required:
        yield _issue("profile-code", item, code="code-invalid", set=url)
    elif claims(item, codes):
        yield Issue("profile-code", "code-invalid", item.path, {"set": url}, "warning")


def _kinds(walk: Walk, demand: Demand, item: Item) -> Iterator[Issue]:
    """One of the types that the element may have, with its profile, pointing to what it may point to."""
    if not demand.kinds:
        return
    fitting = [kind for kind in demand.kinds if _is(item, kind)]
    if not fitting:
        allowed = ", ".join(sorted({kind.code for kind in demand.kinds}))
        yield _issue("profile-kind", item, kinds=allowed)
        return
    urls = [url for kind in fitting for url in kind.profiles]
    if urls and all(kind.profiles for kind in fitting):
        yield from _one_of(walk, item, urls)
    wanted = tuple(target for kind in fitting for target in kind.targets)
    if wanted and not targets.fits(walk, item, wanted):
        yield _issue("profile-target", item, code="value", targets=", ".join(_short(url) for url in wanted))


def _one_of(walk: Walk, item: Item, urls: list[str]) -> Iterator[Issue]:
    if len(urls) == 1:
        found = walk.profiles.profile(urls[0])
        if found is not None and (id(item.value), urls[0]) not in walk.judged:
            yield from of_profile(walk, found, item)
    elif not any(walk.conforms(item, url) for url in urls):
        yield _issue("profile-none", item, profiles=", ".join(_short(url) for url in urls))


def _is(item: Item, kind: Kind) -> bool:
    if item.part:  # a part of the type itself
        return True
    if kind.code in (item.type, "Resource", "DomainResource", "Element", "BackboneElement"):
        return True
    return kind.code in ("String", "Boolean", "Integer", "Decimal", "Date", "DateTime", "Time")


def _short(url: str) -> str:
    return url.rpartition("/")[2]


def _issue(key: str, item: Item, *, code: str = "structure", **details: str) -> Issue:
    return Issue(key, code, item.path, details)


__all__ = ["Resolve", "Walk", "of_profile", "root"]
