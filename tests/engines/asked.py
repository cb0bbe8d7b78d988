"""Questions about the invented resources: every kind of parameter, modifier and way through other resources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from passerelle.fhir.definitions import compartment, search_parameters
from passerelle.fhir.outcome import BadInput
from passerelle.fhir.search import (
    EVERYTHING,
    IndexRow,
    Parameter,
    Query,
    Scope,
    index,
    parameters,
    parse,
    resolve,
)
from tests.engines.invented import (
    CODES,
    COMMON,
    DATES,
    ELSEWHERE,
    FAMILIES,
    GIVENS,
    IDS,
    NUMBERS,
    SYSTEMS,
    TYPES,
    UCUM,
    UNITS,
    URLS,
    Json,
)

Params = list[tuple[str, str]]
PREFIXES = ("", "", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
WORDS = (*FAMILIES, *GIVENS, "Montr", "MONTREAL", "st. john", "qc", "h2x", "o'", "an", "12, rue", "long")
CLASSES = (
    "A",
    "B",
    "flu",
    "final",
    "amended",
    "true",
    "false",
    "female",
    "finished",
    "current",
    "person",
    "MR",
)


@dataclass(frozen=True)
class Question:
    """A search as it could arrive, and the query that it means."""

    type: str
    params: tuple[tuple[str, str], ...]
    compartment: tuple[str, str] | None
    query: Query

    def __str__(self) -> str:
        said = "&".join("=".join(pair) for pair in self.params)
        return f"{'/'.join(self.compartment or ())} {self.type}?{said} within {self.query.scope}"


class Asker:
    """Makes questions from one source of chance; mostly about values that some of the resources have."""

    def __init__(self, chance: Random, resources: Sequence[Json] = ()) -> None:
        self.chance = chance
        self.one = chance.choice
        self.there: dict[str, dict[str, list[IndexRow]]] = {}
        self.whole: dict[str, list[tuple[IndexRow, ...]]] = {}
        for resource in resources:
            rows = index(resource)
            self.whole.setdefault(resource["resourceType"], []).append(rows)
            named = self.there.setdefault(resource["resourceType"], {})
            for row in rows:
                named.setdefault(row.name, []).append(row)
        self.types = tuple(sorted(self.there)) or TYPES

    def likely(self, share: float) -> bool:
        return self.chance.random() < share

    def question(self) -> Question:
        """What cannot be asked is asked differently."""
        while True:
            type, params, within = self._asked()
            try:
                query = resolve(parse(type, params, compartment=within), value_set)
            except BadInput:
                continue
            return Question(type, tuple(params), within, query.within(self.scope()))

    def _asked(self) -> tuple[str, Params, tuple[str, str] | None]:
        within = None
        type = self.one((*self.types, *self.types, "Patient", "Observation", self.one(TYPES)))
        if self.likely(0.08):
            name = self.one(("Patient", "Patient", "Practitioner", "Encounter"))
            within = name, self.one(IDS)
            type = self.one([one for one in self.types if one in (compartment(name) or ())] + [""])
        elif self.likely(0.05):
            type = ""
        params: Params = [self.condition(type) for _ in range(self.one((0, 1, 1, 1, 1, 1, 2, 2)))]
        if not type and not within and self.likely(0.7):
            params.append(("_type", ",".join(self.chance.sample(self.types, min(2, len(self.types))))))
        return type, [*params, *self.governing(type)], within

    def scope(self) -> Scope:
        if self.likely(0.75):
            return EVERYTHING
        return Scope(
            compartment=self.one((None, *IDS)),
            hidden=frozenset(self.chance.sample(("urn:labels|R", "urn:labels|V"), self.one((0, 0, 1, 2)))),
            types=self.one((None, None, None, frozenset((*COMMON, *self.chance.sample(TYPES, 6))))),
        )

    # --- conditions ---

    def condition(self, type: str, depth: int = 0) -> tuple[str, str]:
        known = parameters(type or "Basic")
        if not type or self.likely(0.12):
            return self.common(type)
        if depth < 2 and self.likely(0.12):
            return self.chain(type, depth)
        if depth < 2 and self.likely(0.1):
            return self.has(type, depth)
        there = self.there.get(type, {})
        living = [one for one in known.values() if any(row in there for row in one.rows) or one.parts]
        one = self.one(living if living and self.likely(0.85) else list(known.values()))
        if one.parts and self.likely(0.8):
            return one.name, self.together(type, one)
        return self.plain(one, [row for name in one.rows for row in there.get(name, ())])

    def common(self, type: str = "") -> tuple[str, str]:
        name = self.one(("_tag", "_security", "_profile", "_source"))
        if (rows := self.there.get(type, {}).get(name)) and self.likely(0.6):
            return name, self.known(parameters(type)[name], rows)
        return self.one(
            (
                lambda: (self.one(("_id", "_id", "_id:not")), self.several(lambda: self.one(IDS))),
                lambda: (self.one(("_tag", "_tag:not", "_tag:missing")), self.one((self.token(), "true"))),
                lambda: ("_security", self.one(("urn:labels|R", "V", "urn:labels|"))),
                lambda: (self.one(("_profile", "_profile:below", "_source")), self.url()),
                lambda: (
                    "_lastUpdated",
                    self.one(PREFIXES) + self.one(("2023", "2023-11-14T22:13:21Z", "2024")),
                ),
                lambda: ("_list", self.one(IDS)),
            )
        )()

    def plain(self, one: Parameter, rows: Sequence[IndexRow] = ()) -> tuple[str, str]:
        if self.likely(0.1) and not one.parts:
            return f"{one.name}:missing", self.one(("true", "false"))
        if one.parts:
            pieces = [self.value(kind, one) for kind in one.parts]
            return one.name, "$".join(pieces)
        if one.kind == "special":
            return one.name, self.one(("45|-75|100", "63|-179.9|500|km", "45.5|-75.5|20"))
        modifier = self.one(_MODIFIERS.get(one.kind, ("",)))
        if one.kind == "reference" and modifier == "[type]":
            modifier = self.one(one.targets or ("Patient",))
        if modifier == "identifier":
            return f"{one.name}:identifier", self.several(self.token)
        if modifier == "of-type":
            return f"{one.name}:of-type", f"{self.one(SYSTEMS)}|MR|{self.escaped(self.one(CODES))}"
        if modifier in ("in", "not-in"):
            return f"{one.name}:{modifier}", self.one(tuple(_VALUE_SETS))
        if modifier == "below" and one.kind == "token":
            return f"{one.name}:below", f"{SYSTEMS[0]}|A"
        if modifier == "text":
            return f"{one.name}:text", self.several(self.word)
        name = f"{one.name}:{modifier}" if modifier else one.name
        if one.kind == "reference" and modifier:
            return name, self.target(one)
        return name, self.several(lambda: self.known(one, rows))

    def together(self, type: str, one: Parameter) -> str:
        """The parts of a composite from one resource, mostly from one element of it."""
        [ways] = [each.ways for each in search_parameters(type) if each.name == one.name]
        way = self.one(ways)
        whole = self.whole.get(type, ())
        full = [rows for rows in whole if all(any(row.name in part.rows for row in rows) for part in way)]
        rows = self.one(full or whole or [()])
        slot = self.one((1, 1, 2))
        pieces = []
        for part in way:
            there = [row for row in rows if row.name in part.rows and row.slot in (0, slot, self.one((1, 2)))]
            alone = Parameter(one.name, part.kind, ("Patient",), (), False, part.rows)
            if there and part.kind == "quantity" and self.likely(0.7):
                low = self.one(there).low
                pieces.append(self.one(("ge", "le", "ap", "sa")) + (f"{low:.3f}" if abs(low) < 1e6 else "5"))
            else:
                pieces.append(self.known(alone, there))
        return "$".join(pieces)

    def known(self, one: Parameter, rows: Sequence[IndexRow]) -> str:
        """Mostly a value that is there."""
        row = self.one(rows) if rows and self.likely(0.8) else None
        if row and one.kind == "token" and (row.text or row.system):
            code = self.escaped(row.text)
            return self.one((code or f"{row.system}|", f"{row.system}|{code}"))
        if row and one.kind == "string":
            return self.escaped(row.exact[: self.one((1, 2, 3, 50))])
        if row and one.kind in ("reference", "uri") and row.text:
            return self.escaped(row.text)
        if row and row.low is not None and one.kind == "number" and abs(row.low) < 1e6:
            return self.one(PREFIXES) + f"{row.low:.3f}"
        return self.value(one.kind, one)

    def chain(self, type: str, depth: int) -> tuple[str, str]:
        references = [one for one in parameters(type).values() if one.kind == "reference"]
        living = [one for one in references if any(row in self.there.get(type, {}) for row in one.rows)]
        if not references:
            return self.common(type)
        one = self.one(living if living and self.likely(0.9) else references)
        target = self.one([each for each in one.targets if each in self.types] or ["Patient"])
        rest, value = self.condition(target, depth + 1)
        return f"{one.name}{self.one((f':{target}', f':{target}', ''))}.{rest}", value

    def has(self, type: str, depth: int) -> tuple[str, str]:
        sources = [
            (source, one.name)
            for source in self.types
            for one in parameters(source).values()
            if one.kind == "reference" and (type in one.targets or not one.targets)
            if any(row in self.there.get(source, {}) for row in one.rows) or self.likely(0.05)
        ]
        if not sources:
            return self.common(type)
        source, name = self.one(sources)
        rest, value = self.condition(source, depth + 1)
        return f"_has:{source}:{name}:{rest}", value

    # --- values ---

    def several(self, make: Callable[[], str]) -> str:
        return ",".join(make() for _ in range(self.one((1, 1, 1, 2, 3))))

    def value(self, kind: str, one: Parameter) -> str:
        makers: dict[str, Callable[[], str]] = {
            "token": self.token,
            "string": self.word,
            "date": lambda: self.one(PREFIXES) + self.one(DATES).replace("+", "%2B"),
            "number": lambda: self.one(PREFIXES) + str(self.one(NUMBERS)),
            "quantity": self.quantity,
            "reference": lambda: self.target(one),
            "uri": self.url,
        }
        return makers[kind]()

    def token(self) -> str:
        code, system = self.escaped(self.one((*CODES, *CLASSES))), self.one(SYSTEMS)
        return self.one((code, code, f"{system}|{code}", f"{system}|", f"|{code}"))

    def word(self) -> str:
        return self.escaped(self.one(WORDS))

    def quantity(self) -> str:
        amount = self.one(PREFIXES) + str(self.one(NUMBERS))
        unit = self.one(UNITS)
        return self.one((amount, f"{amount}||{unit}", f"{amount}|{UCUM}|{unit}", f"{amount}|{UCUM}|{unit}"))

    def target(self, one: Parameter) -> str:
        id = self.one(IDS)
        type = self.one([each for each in one.targets if each in self.types] or ["Patient"])
        return self.one((id, f"{type}/{id}", f"{type}/{id}", f"{ELSEWHERE}/{type}/{id}", self.url()))

    def url(self) -> str:
        return self.one(URLS) + self.one(("", "", "|1"))

    @staticmethod
    def escaped(text: str) -> str:
        for mark in "\\,|$":
            text = text.replace(mark, "\\" + mark)
        return text

    # --- what governs the result ---

    def governing(self, type: str) -> Params:
        made: Params = []
        known = [
            name
            for name, one in parameters(type or "Basic").items()
            if not one.parts and one.kind != "special"
        ]
        if type == "":
            known = ["_id", "_lastUpdated", "_tag"]
        if self.likely(0.45):
            keys = self.chance.sample(known, min(len(known), self.one((1, 1, 2, 3))))
            made.append(("_sort", ",".join(self.one(("", "-")) + key for key in keys)))
        made.append(("_count", self.one(("1", "2", "3", "5", "50", "50", "0"))))
        if self.likely(0.1):
            made.append(self.one((("_total", "none"), ("_summary", "count"), ("_total", "accurate"))))
        for _ in range(self.one((0, 0, 0, 0, 1, 2))):
            made.append(self.include(type))
        return made

    def include(self, type: str) -> tuple[str, str]:
        iterate = self.one(("", "", ":iterate"))
        source = self.one((type or "Observation", self.one(self.types)))
        names = [one.name for one in parameters(source).values() if one.kind == "reference"] or ["*"]
        target = self.one(("", "", ":Patient", ":Organization"))
        if self.likely(0.5):
            return f"_include{iterate}", self.one((f"{source}:{self.one(names)}{target}", f"{source}:*", "*"))
        return f"_revinclude{iterate}", self.one((f"{source}:{self.one(names)}", f"{source}:*", "*"))


_MODIFIERS: dict[str, tuple[str, ...]] = {
    "token": ("", "", "", "", "not", "text", "in", "not-in", "of-type", "below"),
    "string": ("", "", "exact", "contains"),
    "reference": ("", "", "", "", "[type]", "identifier", "below", "above"),
    "uri": ("", "", "above", "below"),
}

_VALUE_SETS: dict[str, dict[str, Any]] = {
    "http://example.org/vs/some": {
        "resourceType": "ValueSet",
        "compose": {"include": [{"system": "urn:s", "concept": [{"code": "A"}, {"code": "flu"}]}]},
    },
    "http://example.org/vs/whole": {
        "resourceType": "ValueSet",
        "compose": {"include": [{"system": "urn:t"}]},
    },
    "http://example.org/vs/both": {
        "resourceType": "ValueSet",
        "compose": {"include": [{"valueSet": ["http://example.org/vs/some"]}, {"system": "urn:t"}]},
    },
    "http://example.org/vs/none": {"resourceType": "ValueSet", "compose": {"include": []}},
    "urn:s": {
        "resourceType": "CodeSystem",
        "content": "complete",
        "concept": [{"code": "A", "concept": [{"code": "B"}, {"code": "fl", "concept": [{"code": "flu"}]}]}],
    },
}


def value_set(url: str) -> dict[str, Any] | None:
    return _VALUE_SETS.get(url)
