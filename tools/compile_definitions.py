"""Compile the official FHIR R4 definitions into the one file that `passerelle.fhir.definitions` reads.

    python -m tools.compile_definitions path/to/definitions.tar.xz

The archive holds ``Bundle-resources.json``, ``Bundle-types.json``, ``Bundle-searchParams.json`` and
the ``CompartmentDefinition-….json`` as HL7 publishes them (CC0). What of a search parameter cannot be lowered
to element paths is left out and listed on the screen.
"""

from __future__ import annotations

import json
import sys
import tarfile
from pathlib import Path
from typing import Any

from tools.compile_search import search

OUT = Path(__file__).parent.parent / "src/passerelle/fhir/definitions/r4.json"
STRUCTURE = "http://hl7.org/fhir/StructureDefinition/"
REQUIRED, MANY, SUMMARY = 1, 2, 4
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


# --- all of it --------------------------------------------------------------------------------------------


def compile_all(files: dict[str, Json]) -> Json:
    known = resources(files["Bundle-types.json"], "StructureDefinition")
    known += resources(files["Bundle-resources.json"], "StructureDefinition")
    wanted = [
        d for d in known if d["kind"] in {"complex-type", "resource"} and d.get("derivation") != "constraint"
    ]
    structures = {definition["type"]: structure(definition) for definition in wanted}
    return {
        "structures": dict(sorted(structures.items())),
        "search": search(resources(files["Bundle-searchParams.json"], "SearchParameter"), structures),
        "compartments": compartments(files),
    }


def compartments(files: dict[str, Json]) -> Json:
    """For each compartment the reference parameters that put each type in it; ``{def}`` is the type itself."""
    found = [content for name, content in files.items() if name.startswith("CompartmentDefinition-")]
    return {
        definition["code"]: {row["code"]: row["param"] for row in definition["resource"] if row.get("param")}
        for definition in sorted(found, key=lambda one: one["code"])
        if definition["id"] != "example"
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
