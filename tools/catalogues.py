"""Is everything that people read there in both languages?

Two rules, for every TOML file under ``src``: a catalogue, which is a file whose name ends in ``words`` or
``messages``, must load (which checks that each key has both languages with the same places to fill), and any table of
any file that speaks one language must speak the other.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from passerelle.fhir.words import IncompleteCatalogueError, catalogue
from passerelle.values import LANGUAGES

SOURCE = Path(__file__).resolve().parent.parent / "src"


CATALOGUES = ("words.toml", "messages.toml")


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


def incomplete(path: Path) -> list[str]:
    """What one file lacks."""
    content = tomllib.loads(path.read_text("utf-8"))
    found = list(one_sided(content, ""))
    if not found and path.name.endswith(CATALOGUES):
        try:
            catalogue(".".join(path.relative_to(SOURCE).parent.parts), path.name)
        except IncompleteCatalogueError as lack:
            found.append(str(lack))
    return found


def main() -> int:
    """Print what is not complete; the exit status says whether anything was."""
    files = sorted(SOURCE.rglob("*.toml"))
    found = [f"{path.relative_to(SOURCE)}: {lack}" for path in files for lack in incomplete(path)]
    for lack in found:
        print(lack)
    print(f"catalogues: {len(files)} files read, {len(found)} lacks")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
