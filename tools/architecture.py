"""Write ``docs/architecture.md`` from the code: the rooms, who imports whom, the roads, and every module.

python tools/architecture.py            writes the page
python tools/architecture.py --check    fails if the page is not what would be written
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.layers import FLOORS, SOURCE, Module, imports, modules, room

PAGE = SOURCE.parent.parent / "docs" / "architecture.md"

OPENING = """\
# Architecture

<!-- Written from the code by `make docs`. To change this page, change the code or tools/architecture.py. -->

Each package answers one question. Imports point down and never sideways, types included; input and output live in
`node` and `store`, and everything else is plain functions over values, tested by calling them. `make check` refuses
code that breaks this ([tools/layers.py](../tools/layers.py) is the rule).
The words are in the [glossary](glossary.md), the reasons in the [decisions](decisions/README.md).
"""


def question(module: Module) -> str:
    """The first sentence or line of a module's docstring."""
    text = ast.get_docstring(module.tree) or ""
    return " ".join(text.split("\n\n")[0].split()).replace("``", "`")


def link(module: Module) -> str:
    """The module's name, linked to its source."""
    path = module.name.replace(".", "/") + ("/__init__.py" if module.is_package else ".py")
    return f"[{module.name.split('.', 2)[-1]}](../src/{path})"


def rooms(house: list[Module]) -> list[str]:
    """The packages and top modules that exist, from the top floor down."""
    there = {module.package for module in house if module.package}
    return [name for packages in reversed(FLOORS) for name in sorted(packages) if name in there]


def the_rooms(house: list[Module]) -> Iterator[str]:
    """A table of packages with their questions."""
    yield "## The rooms\n"
    yield "| package | what it answers |"
    yield "|---|---|"
    heads = {module.package: module for module in house if module.name.count(".") == 1}
    for name in rooms(house):
        if name != "__main__":
            yield f"| `{name}` | {question(heads[name])} |"
    yield ""


def the_arrows(house: list[Module]) -> Iterator[str]:
    """Who imports whom, as it is today; an arrow that two others already imply is left out."""
    arrows: dict[str, set[str]] = {name: set() for name in rooms(house) if name != "__main__"}
    for module in house:
        for found in imports(module):
            there = room(found.name)
            if module.package in arrows and there in arrows and there != module.package:
                arrows[module.package].add(there)
    yield "## Who imports whom\n"
    yield "As the code is today. An arrow that a longer way already implies is left out.\n"
    yield "```mermaid"
    yield "graph TD"
    for name in arrows:
        yield f"  {name}"
    for name, below in arrows.items():
        implied = {far for near in below for far in _reach(near, arrows)}
        yield from (f"  {name} --> {there}" for there in sorted(below - implied))
    yield "```\n"


def _reach(start: str, arrows: dict[str, set[str]]) -> set[str]:
    """Everything below ``start``; ends because arrows point down."""
    return {far for near in arrows[start] for far in {near} | _reach(near, arrows)}


def the_roads(house: list[Module]) -> Iterator[str]:
    """The asynchronous functions of ``flows`` that others may call: what a node does, in what order."""
    yield "## The roads\n"
    yield "What a node does, each a list of steps that returns its answer together with its audit event.\n"
    for module in house:
        if module.package == "flows":
            for node in module.tree.body:
                if isinstance(node, ast.AsyncFunctionDef) and not node.name.startswith("_"):
                    yield f"- **{node.name}** ({link(module)}): {_first_line(node)}"
    yield ""


def the_ports(house: list[Module]) -> Iterator[str]:
    """Every side effect that a road may have."""
    yield "## The side effects\n"
    yield "Every one is a port on one page, [flows/ports.py](../src/passerelle/flows/ports.py).\n"
    for module in house:
        if module.name == "passerelle.flows.ports":
            for node in module.tree.body:
                if isinstance(node, ast.ClassDef):
                    described = _first_line(node)
                    yield f"- `{node.name}`{': ' + described if described else ''}"
    yield ""


def _first_line(node: ast.AsyncFunctionDef | ast.ClassDef) -> str:
    return " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split()).replace("``", "`")


def the_modules(house: list[Module]) -> Iterator[str]:
    """Every module with what it is for, and the data files beside it."""
    yield "## Every module\n"
    for name in rooms(house):
        inside = [module for module in house if module.package == name and not module.is_package]
        yield f"### {name}\n"
        yield from (f"- {link(module)}: {question(module)}" for module in inside)
        data = sorted(path.relative_to(SOURCE).as_posix() for path in (SOURCE / name).rglob("*.toml"))
        if data:
            yield "- data: " + ", ".join(
                f"[{path.split('/', 1)[1]}](../src/passerelle/{path})" for path in data
            )
        yield ""


def page(house: list[Module]) -> str:
    """The whole page."""
    parts = [the_rooms(house), the_arrows(house), the_roads(house), the_ports(house), the_modules(house)]
    return "\n".join([OPENING, *(line for part in parts for line in part)]).rstrip() + "\n"


def main(arguments: list[str]) -> int:
    """Write the page, or with ``--check`` say whether it is current."""
    written = page(modules())
    if "--check" not in arguments:
        PAGE.write_text(written, "utf-8")
        print(f"architecture: wrote {PAGE.name}")
        return 0
    if PAGE.exists() and PAGE.read_text("utf-8") == written:
        print("architecture: the page is current")
        return 0
    print("architecture: docs/architecture.md is not what the code says; run `make docs`")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
