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
from passerelle.fhir.profiles.value_sets import Terminology, listed

OUT = Path(__file__).parent.parent / "src/passerelle/fhir/profiles/data"
STRUCTURE = "http://hl7.org/fhir/StructureDefinition/"
HL7 = ("http://hl7.org/fhir/", "http://terminology.hl7.org/")
UCUM = "http://unitsofmeasure.org"  # no more of it than the units that a value set names
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
    rules, bound, canonical = [], {}, {}
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
        if targets := sorted(_canonical_targets(element)):
            canonical[part] = targets
        if any(STRUCTURE + "SimpleQuantity" in kind.get("profile", ()) for kind in element.get("type", ())):
            rules.append(
                [part, "sqty-1", 1, "comparator.empty()", "The comparator is not used on a SimpleQuantity"]
            )
    compiled: Json = {}
    if rules:
        compiled["rules"] = rules
    if bound:
        compiled["bound"] = bound
    if canonical:
        compiled["canonical"] = canonical
    return compiled


def _canonical_targets(element: Json) -> set[str]:
    """The types of resource whose canonical address an element may hold."""
    kinds = (kind for kind in element.get("type", ()) if kind["code"] == "canonical")
    found = {url.removeprefix(STRUCTURE) for kind in kinds for url in kind.get("targetProfile", ())}
    return set() if "Resource" in found else found


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


def codes(url: str, known: Terminology) -> dict[str, list[str]] | None:
    """The codes of a value set by system; None when they are not all known here, not HL7's own, or very many."""
    found = listed(known.value_sets[url], known)
    if not found or not 0 < sum(map(len, found.values())) <= MOST_CODES:
        return None
    return {system: sorted(some) for system, some in sorted(found.items())}


def code_systems(known: Terminology) -> dict[str, list[str]]:
    """Every code of the systems that R4 itself publishes whole. Those of v2 and v3 go on growing elsewhere."""
    every = {
        url: listed(_whole(url), known)
        for url in known.code_systems
        if "/v2-" not in url and "/v3-" not in url
    }
    return {
        url: sorted(found[url])
        for url, found in sorted(every.items())
        if found and 0 < len(found[url]) <= MOST_CODES
    }


def _whole(url: str) -> Json:
    return {"compose": {"include": [{"system": url}]}}


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


def mended(definition: Json) -> Json:
    """Without two slips of the publications: R4's own example of an oxygen flow has a unit outside of a binding of the
    vital signs; and a rule of the Canadian Baseline says ``and`` where its words say ``if … then``.
    """
    for element in definition["element"]:
        if (definition["url"], element["id"]) == (STRUCTURE + "vitalsigns", "Observation.component.value[x]"):
            element.pop("binding", None)
        for rule in element.get("constraint", ()):
            if rule["key"] == "ca-baseline-allergy-noallergy":
                rule["expression"] = rule["expression"].replace("exists() and ", "exists() implies ")
    return definition


def profiles(resources: Iterable[Json]) -> dict[str, Json]:
    """The constraining definitions by their address, without what only people read."""
    return {
        each["url"]: mended(trimmed(each))
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
    core, others = list(read(given["definitions"])), list(read(given["codes"]))
    baseline, ips = list(read(given["ca_baseline"])), list(read(given["ips"]))
    types = base(core)
    write("r4.jsonl", types)
    boxes = {
        "r4-profiles.jsonl": profiles([*core, *others]),
        "ca-baseline.jsonl": profiles(baseline),
        "ips.jsonl": profiles(ips),
    }
    for name, rows in boxes.items():
        write(name, rows)
    known = [*others, *baseline, *ips]
    terminology = Terminology(
        {each["url"]: each for each in known if each["resourceType"] == "ValueSet"},
        {each["url"]: each for each in known if each["resourceType"] == "CodeSystem"},
        lambda system: system.startswith((*HL7, UCUM)),
    )
    bound = wanted_sets((row for rows in boxes.values() for row in rows.values()), types.values())
    found = {url: codes(url, terminology) for url in sorted(bound & terminology.value_sets.keys())}
    write("codes.jsonl", {url: row for url, row in found.items() if row})
    write("systems.jsonl", code_systems(terminology))
    print("not enumerated here:", ", ".join(sorted(url for url in bound if not found.get(url))))


if __name__ == "__main__":
    main()
