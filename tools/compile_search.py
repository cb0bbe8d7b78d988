"""Lower the official SearchParameters to what is indexed (sources) and what each parameter reads of it.

A value that several parameters share (``code`` and ``combo-code``, ``subject`` and ``patient``) becomes one source,
so that it is indexed once; a parameter is then a list of names of sources. Composites have none of their own: they
are asked of the sources of their parts.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import count
from typing import Any

MANY_TARGETS = 30  # more than this is what HL7 lists for "any resource"

Json = dict[str, Any]
Path = list[Any]
"""``[json path, datatype]`` or ``[json path, datatype, the one reference target]``."""

Place = tuple[str, str, str]
"""kind, json path, datatype: what is indexed once."""


class NotSimpleError(Exception):
    """An expression that is more than element paths."""


# --- an expression as paths -------------------------------------------------------------------------------------

Head = tuple[list[str], str, str, str]
"""A place that a path has come to: JSON path, type, backbone part of that type, the one reference target."""


def lower(expression: str, structures: dict[str, Json], type: str, part: str = "") -> list[Path]:
    """An expression such as ``(Observation.value as Quantity)`` as element paths of the JSON form."""
    heads = _walk(expression, structures, type, part)
    return [[".".join(path), kind, *([only] if only else [])] for path, kind, _, only in heads]


def _walk(expression: str, structures: dict[str, Json], type: str, part: str = "") -> list[Head]:
    text = expression.strip()
    text = re.sub(r"^\((\S+) as (\w+)\)", r"\1.as(\2)", text)
    text = re.sub(r"^(\S+) as (\w+)$", r"\1.as(\2)", text)
    if text == f"{type}.deceased.exists() and {type}.deceased != false":
        return [([f"deceased{kind}"], "Deceased", "", "") for kind in ("Boolean", "DateTime")]
    steps = re.findall(r"(?:[^.()]|\([^()]*(?:\(\))?[^()]*\))+", text)
    if steps and steps[0] == type:
        steps = steps[1:]
    heads: list[Head] = [([], type, part, "")]
    while steps:
        step, *steps = steps
        if match := re.fullmatch(r"where\(resolve\(\) is (\w+)\)", step):
            heads = [(path, kind, inner, match[1]) for path, kind, inner, _ in heads]
        elif match := re.fullmatch(r"where\((\w+)='([\w-]+)'\)", step):
            heads = [_marked(head, f"[{match[1]}={match[2]}]") for head in heads]
        elif match := re.fullmatch(r"(\w+)(\[0\])?", step):
            cast = None
            if steps and (cast_ := re.fullmatch(r"(?:as|ofType)\((\w+)\)", steps[0])):
                cast, steps = cast_[1], steps[1:]
            heads = [new for head in heads for new in _descend(head, match[1], cast, structures)]
            heads = [_marked(head, match[2]) for head in heads] if match[2] else heads
        else:
            raise NotSimpleError(expression)
    return heads


def _marked(head: Head, suffix: str) -> Head:
    path, kind, inner, only = head
    return [*path[:-1], path[-1] + suffix], kind, inner, only


def _descend(head: Head, step: str, cast: str | None, structures: dict[str, Json]) -> list[Head]:
    path, type, part, only = head
    found: list[Head] = []
    for name, _, types, *_ in structures[type]["parts"].get(part, []):
        if name == step:
            kind = types[0]
            here = (type, kind[1:]) if kind.startswith("#") else (kind, "")
            found.append(([*path, name], *here, only))
        elif name == step + "[x]":
            found += [
                ([*path, step + kind[0].upper() + kind[1:]], kind, "", only)
                for kind in types
                if cast is None or kind.lower() == cast.lower()
            ]
    if not found:
        raise NotSimpleError(".".join([*path, step]))
    return found


# --- which of them say something --------------------------------------------------------------------------------

USABLE = {
    "token": "boolean code id string uri Coding CodeableConcept Identifier ContactPoint markdown Deceased",
    "string": "string markdown HumanName Address",
    "date": "date dateTime instant Period Timing",
    "reference": "Reference canonical uri Resource",
    "quantity": "Quantity Age Duration Distance Count Money Range SampledData",
    "number": "integer decimal positiveInt unsignedInt Range",
    "uri": "uri url canonical oid uuid",
    "special": "",
}
WORDS = {
    "HumanName": ("family", "given", "prefix", "suffix", "text"),
    "Address": ("line", "city", "district", "state", "postalCode", "country", "text"),
}
"""The parts of a name or an address that a search for a string looks at: each is a value of its own."""


def _usable(kind: str, paths: list[Path], said: str) -> list[Path]:
    kept: list[Path] = []
    for path, datatype, *only in paths:
        if datatype not in USABLE[kind].split():
            print(f"left out: {said}: {kind} on {path} ({datatype})")
        elif kind == "string" and datatype in WORDS:
            kept += [[f"{path}.{word}", "string"] for word in WORDS[datatype]]
        else:
            kept.append([path, datatype, *only])
    return kept


# --- one type ---------------------------------------------------------------------------------------------------


@dataclass
class Draft:
    """The parameters of one type while they are read: which asks for which places."""

    type: str
    readers: dict[Place, set[str]] = field(default_factory=lambda: defaultdict(set))
    parameters: list[Json] = field(default_factory=list)
    slots: set[str] = field(default_factory=set)

    def reads(self, reader: str, kind: str, paths: list[Path]) -> None:
        for path, datatype, *_ in paths:
            self.readers[kind, path, datatype].add(reader)


def search(known: list[Json], structures: dict[str, Json]) -> dict[str, Json]:
    """For each resource type its sources and its parameters."""
    kinds = {parameter["url"]: parameter["type"] for parameter in known}
    drafts: dict[str, Draft] = {}
    for parameter in sorted(known, key=lambda one: (one["type"] == "composite", one["code"])):
        for type in parameter["base"]:
            if structures.get(type, {}).get("abstract"):
                continue  # the parameters of every type are the reader's own
            draft = drafts.setdefault(type, Draft(type))
            try:
                _read(parameter, draft, structures, kinds)
            except NotSimpleError as problem:
                print(f"left out: {type} {parameter['code']}: {problem}")
    return {type: _written(draft) for type, draft in sorted(drafts.items())}


def _read(parameter: Json, draft: Draft, structures: dict[str, Json], kinds: dict[str, str]) -> None:
    name, kind, type = parameter["code"], parameter["type"], draft.type
    pieces = [piece.strip() for piece in parameter.get("expression", "").split("|")]
    mine = [piece for piece in pieces if re.match(rf"\(?{type}\b", piece) or re.match(r"[a-z]", piece)]
    if kind == "composite":
        ways = [_way(parameter, base, draft, structures, kinds) for base in mine]
        # R4 gives two parts of `relationship` the definitions of each other: both orders are meant by somebody.
        asked = [kinds[component["definition"]] for component in parameter["component"]]
        ways += [way[::-1] for way in ways if [part[0] for part in way] != asked]
        draft.parameters.append({"name": name, "kind": kind, "ways": ways})
        return
    if name == "near":
        kind, mine = "number", ["Location.position.latitude", "Location.position.longitude"]
    paths = _usable(
        kind, [path for piece in mine for path in lower(piece, structures, type)], f"{type} {name}"
    )
    if not paths:
        raise NotSimpleError(parameter.get("expression", "no expression"))
    only = {path[2] if len(path) > 2 else "" for path in paths}
    if kind == "reference" and paths[0][1] == "Resource":
        only = set(parameter["target"])
    targets = sorted(only - {""}) or sorted(parameter.get("target", []))
    draft.reads(name, kind, paths)
    draft.parameters.append(
        {
            "name": name,
            "kind": "special" if name == "near" else kind,
            "targets": [] if len(targets) > MANY_TARGETS else targets,
            "start": f"{min(only)}/" if len(only) == 1 and "" not in only else "",
        }
    )


def _way(
    parameter: Json, base: str, draft: Draft, structures: dict[str, Json], kinds: dict[str, str]
) -> list[tuple[str, str, bool]]:
    """One way to pass a composite: for each part its kind, who reads it, and whether it is paired by slot."""
    [(path, _, _, _)] = _walk(base, structures, draft.type)
    parts = []
    for number, component in enumerate(parameter["component"]):
        kind = kinds[component["definition"]]
        pieces = [piece.strip() for piece in component["expression"].split("|")]
        outside = all(piece.startswith("%resource.") for piece in pieces)
        start = draft.type if outside else base
        expressions = [f"{start}.{piece.removeprefix('%resource.')}" for piece in pieces]
        paths = [path for each in expressions for path in lower(each, structures, draft.type)]
        if not any(path[1] in USABLE[kind].split() for path in paths):
            kind = "reference" if paths[0][1] == "Reference" else "token"  # two definitions are interchanged
        reader = f"{parameter['code']}#{'.'.join(path)}#{number}"
        draft.reads(reader, kind, _usable(kind, paths, f"{draft.type} {parameter['code']}"))
        parts.append((kind, reader, bool(path) and not outside))
    if path:
        draft.slots.add(path[0])
    return parts


def _written(draft: Draft) -> Json:
    """Sources ``[name, kind, path, datatype, slotted]``; parameters ``[name, kind, rows, targets, start]``, or for
    a composite ``[name, "composite", [[[kind, rows, paired], …], …]]``."""
    names = _named(draft)
    rows: dict[str, list[str]] = defaultdict(list)
    for place, readers in sorted(draft.readers.items()):
        for reader in readers:
            if names[place] not in rows[reader]:
                rows[reader].append(names[place])
    sources = [
        [names[kind, path, datatype], kind, path, datatype, re.split(r"[.\[]", path)[0] in draft.slots]
        for kind, path, datatype in sorted(draft.readers)
    ]
    parameters = []
    for one in sorted(draft.parameters, key=lambda one: one["name"]):
        if "ways" in one:
            ways = [[[kind, rows[reader], paired] for kind, reader, paired in way] for way in one["ways"]]
            parameters.append([one["name"], "composite", ways])
        else:
            parameters.append([one["name"], one["kind"], rows[one["name"]], one["targets"], one["start"]])
    return {"sources": sources, "parameters": parameters}


def _first_served(group: tuple[tuple[str, frozenset[str]], list[Place]]) -> tuple[int, int, Place]:
    """The fewest parameters first; of those that have the same, what composites ask for too."""
    (_, readers), places = group
    return len([one for one in readers if "#" not in one]), -len(readers), min(places)


def _named(draft: Draft) -> dict[Place, str]:
    """A name for each place: places with the same readers share one, after the parameter that reads least."""
    groups: dict[tuple[str, frozenset[str]], list[Place]] = defaultdict(list)
    reach: dict[str, int] = defaultdict(int)
    for place, readers in draft.readers.items():
        whole = place[1] if "near" in readers else ""  # latitude and longitude are not the same number
        groups[f"{place[0]} {whole}", frozenset(readers)].append(place)
        for reader in readers:
            reach[reader] += 1
    names: dict[Place, str] = {}
    taken: set[str] = set()
    limited = {one["name"] for one in draft.parameters if one.get("start")}
    for (_, readers), places in sorted(groups.items(), key=_first_served):
        wanted = sorted(readers, key=lambda one: ("#" in one, one in limited, reach[one], one))
        free = [one for one in wanted if "#" not in one and one not in taken]
        spare = (f"{wanted[0].partition('#')[0]}.{number}" for number in count(2))
        name = free[0] if free else next(one for one in spare if one not in taken)
        taken.add(name)
        names |= dict.fromkeys(places, name)
    return names
