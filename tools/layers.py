"""Does the code keep to the shape of the house? Which way imports point, where I/O lives, how long functions are.

Everything is read from the source text, so type-only, lazy, relative and literal dynamic imports count too.
Run as a program it prints one line per offence and fails if there is one.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = "passerelle"
SOURCE = Path(__file__).resolve().parent.parent / "src" / ROOT

FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"values"}),
    frozenset({"fhir"}),
    frozenset({"jurisdictions"}),  # data: facts that any package above may load
    frozenset(
        ["identity", "policy", "audit", "mapping", "federation", "summary", "research", "store", "synthetic"],
    ),
    frozenset({"flows"}),
    frozenset({"portals"}),
    frozenset({"node", "__main__"}),
)
"""From the ground up. A module may import from its own package and from any floor below."""

OUTSIDE_WORLD: dict[str, frozenset[str]] = {
    "the web": frozenset(
        [
            "aiohttp",
            "starlette",
            "granian",
            "uvloop",
            "http.client",
            "http.server",
            "urllib.request",
            "urllib3",
            "requests",
        ]
    ),
    "a database": frozenset(["sqlite3", "psycopg", "psycopg_pool", "sqlalchemy", "alembic"]),
    "the machine": frozenset(
        [
            "socket",
            "ssl",
            "select",
            "subprocess",
            "multiprocessing",
            "threading",
            "shutil",
            "tempfile",
            "os",
            "glob",
        ]
    ),
    "a mailbox": frozenset(["smtplib", "ftplib", "imaplib"]),
    "secrets": frozenset(["secrets", "getpass"]),
    "the command line": frozenset(["typer", "click", "rich", "argparse", "pydantic_settings"]),
}
"""What only ``node`` and ``store`` may import."""

EFFECTS: dict[str, str] = {
    "open": "opens a file",
    "input": "asks the terminal",
    "print": "prints",
    "pathlib.Path": "reaches the machine",
    "datetime.datetime.now": "reads the clock",
    "datetime.datetime.utcnow": "reads the clock",
    "datetime.datetime.today": "reads the clock",
    "datetime.date.today": "reads the clock",
    "time.time": "reads the clock",
    "time.time_ns": "reads the clock",
    "time.monotonic": "reads the clock",
    "time.perf_counter": "reads the clock",
    "time.sleep": "waits",
    "uuid.uuid1": "is random",
    "uuid.uuid4": "is random",
    "random.random": "is random",
    "random.choice": "is random",
    "random.choices": "is random",
    "random.randint": "is random",
    "random.sample": "is random",
    "random.shuffle": "is random",
    "random.uniform": "is random",
}
"""What only ``node`` and ``store`` may call or hand on; elsewhere its result arrives as an argument."""

CLOCK = "passerelle.fhir.fhirpath.clock"
"""The one exception: FHIRPath has ``now()``, which has an answer also where nobody gives a clock."""

DYNAMIC = frozenset({"import_module", "__import__"})
UNREADABLE = "?"
IO_PACKAGES = frozenset({"node", "store", "__main__"})
VAGUE_NAMES = frozenset(["utils", "util", "helpers", "helper", "manager", "managers", "common", "misc"])
LONGEST_FUNCTION = 60


@dataclass(frozen=True)
class Offence:
    """One place where the code leaves the shape of the house."""

    module: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {self.what}"


@dataclass(frozen=True)
class Module:
    """The source of one module. ``is_package`` is true for an ``__init__``."""

    name: str
    source: str
    is_package: bool = False

    @property
    def package(self) -> str:
        """The name of its room: ``fhir`` for ``passerelle.fhir.search``, empty for ``passerelle`` itself."""
        return room(self.name)

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)


@dataclass(frozen=True)
class Import:
    """One imported name, made absolute."""

    name: str
    line: int


def room(name: str) -> str:
    """The package of this house that a dotted name lies in; empty for the root or a stranger."""
    parts = name.split(".")
    return parts[1] if parts[0] == ROOT and len(parts) > 1 else ""


def floor(package: str) -> int | None:
    """How high a package lies; None if the plan of the house does not name it."""
    return next((height for height, packages in enumerate(FLOORS) if package in packages), None)


def imports(module: Module) -> Iterator[Import]:
    """Everything that a module imports, wherever in the text the import stands."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(module, node)
            yield from (Import(f"{origin}.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call) and _dotted(node.func).split(".")[-1] in DYNAMIC:
            yield _dynamic(module, node)


def _origin(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    above = node.level - 1 if module.is_package else node.level
    base = parts[: len(parts) - above]
    return ".".join([*base, *([node.module] if node.module else [])])


def _dynamic(module: Module, node: ast.Call) -> Import:
    literals = [
        arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
    ]
    if not literals:
        return Import(UNREADABLE, node.lineno)
    name = literals[0]
    level = len(name) - len(name.lstrip("."))
    if level:
        anchor = (literals[1] if len(literals) > 1 else module.name).split(".")
        name = ".".join([*anchor[: len(anchor) - level + 1], name.lstrip(".")])
    return Import(name, node.lineno)


def _dotted(node: ast.expr) -> str:
    """A chain of names as written, such as ``datetime.now``; empty if it is anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def references(module: Module) -> Iterator[Import]:
    """Every name that the code uses from an import, made absolute, and every built-in that it calls."""
    known = _aliases(module)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name | ast.Attribute):
            first, _, rest = _dotted(node).partition(".")
            if first in known:
                yield Import(f"{known[first]}.{rest}" if rest else known[first], node.lineno)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id not in known:
            yield Import(node.func.id, node.lineno)


def _aliases(module: Module) -> dict[str, str]:
    """Local name to absolute name, for everything that is imported."""
    known: dict[str, str] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                known[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(module, node)
            known |= {alias.asname or alias.name: f"{origin}.{alias.name}" for alias in node.names}
    return known


def offences(module: Module) -> Iterator[Offence]:
    """Everything about one module that does not keep to the shape of the house."""
    yield from wrong_way(module)
    yield from effects(module)
    yield from overlong(module)
    yield from vague(module)
    yield from unasked(module)


def wrong_way(module: Module) -> Iterator[Offence]:
    """Imports that point up or sideways."""
    here = floor(module.package)
    if module.package and here is None:
        yield Offence(module.name, 1, f"the plan of the house has no room called {module.package}")
        return
    for found in imports(module):
        there = room(found.name)
        height = floor(there)
        if found.name == UNREADABLE:
            yield Offence(module.name, found.line, "imports what only a run can tell")
        elif height is None or there == module.package:
            continue
        elif here is None or height > here:
            yield Offence(module.name, found.line, f"imports upward: {found.name}")
        elif height == here:
            yield Offence(module.name, found.line, f"imports sideways: {found.name}")


def effects(module: Module) -> Iterator[Offence]:
    """Imports of the outside world and calls with effects, outside ``node`` and ``store``."""
    if module.package in IO_PACKAGES:
        return
    for found in imports(module):
        for world, names in OUTSIDE_WORLD.items():
            if any(found.name == name or found.name.startswith(f"{name}.") for name in names):
                yield Offence(module.name, found.line, f"reaches {world}: {found.name}")
    for used in references(module):
        if (effect := EFFECTS.get(used.name)) and (module.name, effect) != (CLOCK, "reads the clock"):
            yield Offence(module.name, used.line, f"{effect}: {used.name}")


def overlong(module: Module) -> Iterator[Offence]:
    """Functions that do not fit on a page."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LONGEST_FUNCTION:
                yield Offence(module.name, node.lineno, f"{node.name} has {lines} lines, more than a page")


def vague(module: Module) -> Iterator[Offence]:
    """Modules whose name does not say what they answer."""
    if any(part in VAGUE_NAMES for part in module.name.split(".")):
        yield Offence(module.name, 1, "the name says nothing: give the idea its own")


def unasked(module: Module) -> Iterator[Offence]:
    """Packages whose docstring does not open with the question that they answer."""
    is_room = module.is_package and module.name.count(".") == 1
    if is_room and "?" not in (ast.get_docstring(module.tree) or "").split("\n\n")[0]:
        yield Offence(module.name, 1, "the package does not open with its question")


def modules(source: Path = SOURCE) -> list[Module]:
    """Every module below a source folder, in order of name."""
    found = []
    for path in sorted(source.rglob("*.py")):
        parts = path.relative_to(source.parent).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        found.append(Module(name, path.read_text("utf-8"), is_package))
    return found


def main() -> int:
    """Print what offends; the exit status says whether anything did."""
    house = modules()
    found = [offence for module in house for offence in offences(module)]
    for offence in found:
        print(offence)
    print(f"layers: {len(house)} modules read, {len(found)} offences")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
