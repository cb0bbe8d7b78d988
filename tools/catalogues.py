"""Is everything that people read there in both languages?

Two rules: every catalogue that the code loads must load (which checks that each key has both languages with the same
places to fill), and in any other TOML file under ``src`` a table that speaks one language must speak the other.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from passerelle.fhir.words import IncompleteCatalogueError, catalogue
from passerelle.values import LANGUAGES
from tools.layers import SOURCE, Module, modules


def loaded(house: Iterable[Module]) -> set[tuple[str, str]]:
    """The package and file of every ``catalogue("package", "file")`` in the code; both must be written out."""
    calls = [
        node
        for module in house
        if module.name != catalogue.__module__
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "catalogue"
    ]
    return {(_literal(call.args[0]), _literal(call.args[1])) for call in calls}


def _literal(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise ValueError("catalogue() is called with a name that only a run can tell: write it out")


def one_sided(content: Any, where: str) -> Iterator[str]:
    """The tables at any depth that have words in one language and not in the other."""
    if isinstance(content, list):
        for number, item in enumerate(content):
            yield from one_sided(item, f"{where}[{number}]")
    elif isinstance(content, dict):
        spoken = [language for language in LANGUAGES if content.get(language)]
        if spoken and len(spoken) < len(LANGUAGES):
            yield f"{where} speaks only {spoken[0]}"
        for key, value in content.items():
            yield from one_sided(value, f"{where}.{key}" if where else key)


def lacks(house: Iterable[Module]) -> Iterator[str]:
    """Everything that is not there in both languages."""
    for package, file in sorted(loaded(house)):
        try:
            catalogue(package, file)
        except (IncompleteCatalogueError, FileNotFoundError) as lack:
            yield str(lack)
    for path in sorted(SOURCE.rglob("*.toml")):
        content = tomllib.loads(path.read_text("utf-8"))
        yield from (f"{path.relative_to(SOURCE)}: {lack}" for lack in one_sided(content, ""))


def main() -> int:
    """Print what is not complete; the exit status says whether anything was."""
    house = modules()
    found = list(lacks(house))
    for lack in found:
        print(lack)
    print(f"catalogues: {len(loaded(house))} catalogues loaded, {len(found)} lacks")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
