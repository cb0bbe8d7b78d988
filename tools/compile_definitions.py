"""Compile the official FHIR R4 definitions into the one file that `passerelle.fhir.definitions` reads.

    python tools/compile_definitions.py path/to/definitions.tar.xz

The archive holds ``Bundle-resources.json``, ``Bundle-types.json``, ``Bundle-searchParams.json`` and
``CompartmentDefinition-patient.json`` as HL7 publishes them (CC0). What cannot be lowered to simple element
paths is left out and listed on the screen.
"""

from __future__ import annotations

import json
import re
import sys
import tarfile
from pathlib import Path
from typing import Any

OUT = Path(__file__).parent.parent / "src/passerelle/fhir/definitions/r4.json"
STRUCTURE = "http://hl7.org/fhir/StructureDefinition/"
REQUIRED, MANY, SUMMARY = 1, 2, 4
MANY_TARGETS = 30  # more than this is what HL7 lists for "any resource"
EVERY_ELEMENT_HAS = {"id", "extension"}

Json = dict[str, Any]
Part = list[list[Any]]


def read(archive: Path) -> dict[str, Json]:
    """The JSON files of the archive by file name."""
    with tarfile.open(archive) as tar:
        members = [member for member in tar.getmembers() if member.name.endswith(".json")]
        return {Path(m.name).name: json.loads(tar.extractfile(m).read()) for m in members}  # type: ignore[union-attr]


def resources(bundle: Json, type: str) -> list[Json]:
    return [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == type]


# --- structure --------------------------------------------------------------------------------------------


def structure(definition: Json) -> Json:
    """One type: its kind, whether it is abstract, and its elements by backbone part ("" is the root)."""
    name = definition["type"]
    elements = [e for e in definition["snapshot"]["element"] if "." in e["path"] and e["max"] != "0"]
    parents = {e["path"].rsplit(".", 1)[0] for e in elements}
    parts: dict[str, Part] = {"": []}
    for element in elements:
        owner, _, leaf = element["path"].rpartition(".")
        at_root = owner == name
        if leaf in EVERY_ELEMENT_HAS and not (at_root and definition["kind"] == "resource"):
            continue
        entry = _element(element, name, leaf, at_root, element["path"] in parents)
        parts.setdefault(owner[len(name) + 1 :], []).append(entry)
    compiled: Json = {"kind": definition["kind"], "parts": parts}
    if definition.get("abstract"):
        compiled["abstract"] = True
    return compiled


def _element(element: Json, owner: str, leaf: str, at_root: bool, has_children: bool) -> list[Any]:
    """``[name, flags, types, reference targets]``; a type ``#part`` is a backbone part of the same definition."""
    flags = (
        REQUIRED * (element["min"] > 0)
        + MANY * (element["max"] != "1")
        + SUMMARY * bool(element.get("isSummary"))
    )
    targets: list[str] = []
    if reference := element.get("contentReference"):
        types = ["#" + reference.split(".", 1)[1]]
    elif has_children:
        types = ["#" + element["path"].split(".", 1)[1]]
    else:
        types = [_type(kind["code"], leaf, at_root) for kind in element["type"]]
        for kind in element["type"]:
            targets += [
                t.removeprefix(STRUCTURE)
                for t in kind.get("targetProfile", [])
                if kind["code"] == "Reference"
            ]
    compiled = [leaf, flags, types]
    return [*compiled, sorted(set(targets))] if targets and "Resource" not in targets else compiled


def _type(code: str, leaf: str, at_root: bool) -> str:
    if not code.startswith("http://hl7.org/fhirpath/System."):
        return code
    return "id" if at_root and leaf == "id" else "uri" if leaf == "url" else "string"


# --- search -----------------------------------------------------------------------------------------------


class NotSimpleError(Exception):
    """An expression that is more than element paths."""


Path_ = list[Any]
"""``[json path, datatype]`` or ``[json path, datatype, the one reference target]``."""


Head = tuple[list[str], str, str, str]
"""A place that a path has come to: JSON path, type, backbone part of that type, the one reference target."""


def lower(expression: str, structures: dict[str, Json], type: str, part: str = "") -> list[Path_]:
    """An expression such as ``(Observation.value as Quantity)`` as element paths of the JSON form."""
    heads = _walk(expression, structures, type, part)
    return [[".".join(path), kind, *([only] if only else [])] for path, kind, _, only in heads]


def _walk(expression: str, structures: dict[str, Json], type: str, part: str = "") -> list[Head]:
    text = expression.strip()
    text = re.sub(r"^\((\S+) as (\w+)\)", r"\1.as(\2)", text)
    text = re.sub(r"^(\S+) as (\w+)$", r"\1.as(\2)", text)
    steps = re.findall(r"(?:[^.()]|\([^()]*(?:\(\))?[^()]*\))+", text)
    if steps and steps[0] == type:
        steps = steps[1:]
    heads: list[Head] = [([], type, part, "")]
    while steps:
        step, *steps = steps
        if match := re.fullmatch(r"where\(resolve\(\) is (\w+)\)", step):
            heads = [(path, kind, inner, match[1]) for path, kind, inner, _ in heads]
        elif match := re.fullmatch(r"where\((\w+)='([\w-]+)'\)", step):
            suffix = f"[{match[1]}={match[2]}]"
            heads = [
                ([*path[:-1], path[-1] + suffix], kind, inner, only) for path, kind, inner, only in heads
            ]
        elif re.fullmatch(r"\w+", step):
            cast = None
            if steps and (match := re.fullmatch(r"as\((\w+)\)", steps[0])):
                cast, steps = match[1], steps[1:]
            heads = [new for head in heads for new in _descend(head, step, cast, structures)]
        else:
            raise NotSimpleError(expression)
    return heads


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


USABLE = {
    "token": "boolean code id string uri Coding CodeableConcept Identifier ContactPoint markdown",
    "string": "string markdown HumanName Address",
    "date": "date dateTime instant Period Timing",
    "reference": "Reference canonical uri",
    "quantity": "Quantity Age Duration Distance Count Money Range",
    "number": "integer decimal positiveInt unsignedInt Range",
    "uri": "uri url canonical oid uuid",
}


def parameters(bundle: Json, structures: dict[str, Json]) -> dict[str, list[list[Any]]]:
    """Per resource type the list of ``[name, kind, paths, targets]``, or for a composite its parts."""
    known = resources(bundle, "SearchParameter")
    kinds = {parameter["url"]: parameter["type"] for parameter in known}
    compiled: dict[str, list[list[Any]]] = {}
    for parameter in known:
        for type in parameter["base"]:
            if structures.get(type, {}).get("abstract"):
                continue  # the parameters of every type are the reader's own
            try:
                compiled.setdefault(type, []).append(_parameter(parameter, type, structures, kinds))
            except NotSimpleError as problem:
                print(f"left out: {type} {parameter['code']}: {problem}")
    return {type: sorted(rows) for type, rows in sorted(compiled.items())}


def _parameter(parameter: Json, type: str, structures: dict[str, Json], kinds: dict[str, str]) -> list[Any]:
    name, kind = parameter["code"], parameter["type"]
    expression = parameter.get("expression", "")
    if f"{type}.deceased.exists()" in expression:
        return [name, kind, [["deceasedBoolean", "Deceased"], ["deceasedDateTime", "Deceased"]], []]
    pieces = [piece.strip() for piece in expression.split("|")]
    mine = [piece for piece in pieces if re.match(rf"\(?{type}\b", piece) or re.match(r"[a-z]", piece)]
    if kind == "composite":
        return [name, kind, _composite(parameter, mine, type, structures, kinds), []]
    paths = [path for piece in mine for path in lower(piece, structures, type)]
    usable = [path for path in paths if path[1] in USABLE.get(kind, "").split()]
    for path in paths:
        if path not in usable:
            print(f"left out: {type} {name}: {kind} on {path}")
    if not usable:
        raise NotSimpleError(expression or "no expression")
    only = {path[2] for path in usable if len(path) > 2}
    targets = sorted(only) or sorted(parameter.get("target", []))
    return [name, kind, usable, [] if len(targets) > MANY_TARGETS else targets]


def _composite(
    parameter: Json, bases: list[str], type: str, structures: dict[str, Json], kinds: dict[str, str]
) -> list[Any]:
    """``[[base path, [kind, paths], [kind, paths]], …]``: only a token first and one more is supported."""
    if len(parameter["component"]) != 2:
        raise NotSimpleError("composite of three")
    compiled = []
    for base in bases:
        [(path, inner, part, _)] = _walk(base, structures, type)
        row: list[Any] = [".".join(path)]
        for component in parameter["component"]:
            kind = kinds[component["definition"]]
            pieces = component["expression"].split("|")
            found = [p for piece in pieces for p in lower(piece.strip(), structures, inner, part)]
            row.append([kind, [p for p in found if p[1] in USABLE.get(kind, "").split()]])
            if not row[-1][1]:
                raise NotSimpleError(f"composite of {component['expression']} as {kind}")
        if row[1][0] != "token" or row[2][0] not in {"token", "string", "date", "quantity"}:
            raise NotSimpleError(f"composite of {row[1][0]} and {row[2][0]}")
        compiled.append(row)
    return compiled


# --- all of it --------------------------------------------------------------------------------------------


def compile_all(files: dict[str, Json]) -> Json:
    known = resources(files["Bundle-types.json"], "StructureDefinition")
    known += resources(files["Bundle-resources.json"], "StructureDefinition")
    wanted = [
        d for d in known if d["kind"] in {"complex-type", "resource"} and d.get("derivation") != "constraint"
    ]
    structures = {definition["type"]: structure(definition) for definition in wanted}
    compartment = files["CompartmentDefinition-patient.json"]["resource"]
    return {
        "structures": dict(sorted(structures.items())),
        "search": parameters(files["Bundle-searchParams.json"], structures),
        "compartment": {row["code"]: row["param"] for row in compartment if row.get("param")},
    }


def write(compiled: Json, out: Path) -> None:
    """One line per type, so that a change shows as the lines that changed."""

    def line(value: Any) -> str:
        return json.dumps(value, separators=(",", ":"))

    sections = []
    for section, rows in compiled.items():
        body = ",\n".join(f"{line(key)}:{line(value)}" for key, value in rows.items())
        sections.append(f"{line(section)}:{{\n{body}\n}}")
    out.write_text("{" + ",\n".join(sections) + "}\n", "utf-8")


def main() -> None:
    write(compile_all(read(Path(sys.argv[1]))), OUT)
    print(f"wrote {OUT} ({OUT.stat().st_size:,} bytes)")


if __name__ == "__main__":
    main()
