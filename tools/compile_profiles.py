"""Compile rules, codes and profiles into the files that `passerelle.fhir.profiles` reads.

    python tools/compile_profiles.py --definitions R4 --codes CODES --ca-baseline FOLDER --ips FOLDER

Each argument is a folder or an archive of JSON files. ``--definitions`` holds the StructureDefinitions of R4 as HL7
publishes them (CC0); ``--codes`` the ``valuesets.json``, ``v3-codesystems.json`` and ``extension-definitions.json`` of
the same publication; the other two are the packages of the profiles. Only codes that HL7 itself defines are kept.
"""

from __future__ import annotations

import argparse
import json
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from passerelle.fhir.profiles.snapshot import trimmed

OUT = Path(__file__).parent.parent / "src/passerelle/fhir/profiles/data"
STRUCTURE = "http://hl7.org/fhir/StructureDefinition/"
HL7 = ("http://hl7.org/fhir/", "http://terminology.hl7.org/")
NATIVE = frozenset({"ele-1", "ext-1", "dom-2", "dom-3", "dom-4", "dom-5", "dom-6", "ref-1", "txt-1", "txt-2"})
"""The rules that are checked by plain code and not by their expression."""
MOST_CODES = 1500

Json = dict[str, Any]


def read(place: Path) -> Iterator[Json]:
    """Every resource of a folder or archive; a Bundle gives what it holds."""
    for body in _bodies(place):
        found = json.loads(body)
        if not isinstance(found, dict):
            continue
        yield from (entry["resource"] for entry in found.get("entry", ())) if found.get("entry") else [found]


def _bodies(place: Path) -> Iterator[bytes]:
    if place.is_dir():
        yield from (path.read_bytes() for path in sorted(place.rglob("*.json")))
        return
    with tarfile.open(place) as tar:
        for member in sorted(tar.getmembers(), key=lambda each: each.name):
            if member.name.endswith(".json"):
                yield tar.extractfile(member).read()  # type: ignore[union-attr]


# --- base R4 ------------------------------------------------------------------------------------------------


def base_type(definition: Json) -> Json:
    """The rules and bound elements of one type: ``rules`` rows are (part, key, is error, expression, words)."""
    name = definition["type"]
    rules, bound = [], {}
    for element in definition["snapshot"]["element"]:
        part = element["path"][len(name) + 1 :]
        rules += [
            [part, rule["key"], int(rule["severity"] == "error"), rule["expression"], rule["human"]]
            for rule in element.get("constraint", ())
            if rule["key"] not in NATIVE
        ]
        binding = element.get("binding", {})
        if binding.get("strength") == "required" and "valueSet" in binding:
            bound[part] = binding["valueSet"].split("|")[0]
        if any(STRUCTURE + "SimpleQuantity" in kind.get("profile", ()) for kind in element.get("type", ())):
            rules.append(
                [part, "sqty-1", 1, "comparator.empty()", "The comparator is not used on a SimpleQuantity"]
            )
    compiled: Json = {}
    if rules:
        compiled["rules"] = rules
    if bound:
        compiled["bound"] = bound
    return compiled


def base(definitions: Iterable[Json]) -> dict[str, Json]:
    """The concrete types of R4 by name."""
    return {
        each["type"]: base_type(each)
        for each in definitions
        if each["resourceType"] == "StructureDefinition"
        and each["kind"] in {"resource", "complex-type"}
        and each.get("derivation") != "constraint"
        and not (each.get("abstract") and each["kind"] == "resource")
    }


# --- codes --------------------------------------------------------------------------------------------------


def value_set(resource: Json, systems: dict[str, Json], sets: dict[str, Json]) -> Json | None:
    """Codes by system; None when they are not all known here or not HL7's own."""
    if resource.get("compose", {}).get("exclude"):
        return None
    codes: dict[str, list[str]] = {}
    for include in resource.get("compose", {}).get("include", ()):
        found = _included(include, systems, sets)
        if found is None:
            return None
        for system, some in found.items():
            codes[system] = sorted({*codes.get(system, ()), *some})
    return codes if 0 < sum(map(len, codes.values())) <= MOST_CODES else None


def _included(include: Json, systems: dict[str, Json], sets: dict[str, Json]) -> Json | None:
    system = include.get("system", "")
    if include.get("valueSet"):
        if system or len(include["valueSet"]) != 1:
            return None
        other = sets.get(include["valueSet"][0].split("|")[0])
        return value_set(other, systems, sets) if other else None
    if not system.startswith(HL7):
        return None
    if "concept" in include:
        return {system: [concept["code"] for concept in include["concept"]]}
    known = systems.get(system, {})
    if known.get("content") != "complete":
        return None
    concepts = known.get("concept", [])
    for row in include.get("filter", ()):
        if (row["property"], row["op"]) != ("concept", "is-a"):
            return None
        root = next((each for each in _all(concepts) if each["code"] == row["value"]), None)
        if root is None:
            return None
        concepts = [root]
    return {system: [each["code"] for each in _all(concepts)]}


def _all(concepts: Iterable[Json]) -> Iterator[Json]:
    for concept in concepts:
        yield concept
        yield from _all(concept.get("concept", ()))


# --- files --------------------------------------------------------------------------------------------------


def write(name: str, rows: dict[str, Any]) -> None:
    """One line for each key, so that a reader can go to the one that it wants."""
    lines = (
        f"{key}\t{json.dumps(row, separators=(',', ':'), ensure_ascii=False)}"
        for key, row in sorted(rows.items())
    )
    path = OUT / name
    path.write_text("\n".join(lines) + "\n", "utf-8")
    print(f"wrote {path.name}: {len(rows)} rows, {path.stat().st_size:,} bytes")


def profiles(resources: Iterable[Json]) -> dict[str, Json]:
    """The constraining definitions by their address, without what only people read."""
    return {
        each["url"]: trimmed(each)
        for each in resources
        if each["resourceType"] == "StructureDefinition" and each.get("derivation") == "constraint"
    }


def wanted_sets(rows: Iterable[Json], base_rows: Iterable[Json]) -> set[str]:
    """The value sets that something here binds to, required or extensible."""
    bound = {url for row in base_rows for url in row.get("bound", {}).values()}
    for row in rows:
        for element in row["element"]:
            binding = element.get("binding", {})
            if binding.get("strength") in {"required", "extensible"}:
                bound.add(binding["valueSet"].split("|")[0])
    return bound


def main() -> None:
    arguments = argparse.ArgumentParser()
    for name in ("definitions", "codes", "ca-baseline", "ips"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    given = vars(arguments.parse_args())
    core, codes = list(read(given["definitions"])), list(read(given["codes"]))
    baseline, ips = list(read(given["ca_baseline"])), list(read(given["ips"]))
    types = base(core)
    write("r4.jsonl", types)
    boxes = {
        "r4-profiles.jsonl": profiles([*core, *codes]),
        "ca-baseline.jsonl": profiles(baseline),
        "ips.jsonl": profiles(ips),
    }
    for name, rows in boxes.items():
        write(name, rows)
    known = [*codes, *baseline, *ips]
    sets = {each["url"]: each for each in known if each["resourceType"] == "ValueSet"}
    systems = {each["url"]: each for each in known if each["resourceType"] == "CodeSystem"}
    bound = wanted_sets((row for rows in boxes.values() for row in rows.values()), types.values())
    found = {url: value_set(sets[url], systems, sets) for url in sorted(bound & sets.keys())}
    write("codes.jsonl", {url: row for url, row in found.items() if row})
    print("not enumerated here:", ", ".join(sorted(url for url in bound if not found.get(url))))


if __name__ == "__main__":
    main()
