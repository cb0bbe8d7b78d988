"""The shape of the house: imports point down, I/O lives in two rooms, a function fits on a page."""

from __future__ import annotations

import pytest

from tools.layers import LONGEST_FUNCTION, Module, imports, modules, offences

HOUSE = modules()


def what_offends(name: str, source: str, *, is_package: bool = False) -> list[str]:
    return [offence.what for offence in offences(Module(name, source, is_package))]


@pytest.mark.parametrize("module", HOUSE, ids=[module.name for module in HOUSE])
def test_every_module_keeps_to_the_shape_of_the_house(module: Module) -> None:
    assert [str(offence) for offence in offences(module)] == []


def test_the_whole_house_is_read() -> None:
    names = {module.name for module in HOUSE}
    assert {"passerelle.values", "passerelle.fhir", "passerelle.flows.ports", "passerelle.node"} <= names


UPWARD = {
    "plain": "import passerelle.node.http",
    "renamed": "import passerelle.node.http as web",
    "from the package": "from passerelle.node import http",
    "from the root": "from passerelle import node",
    "relative": "from ..node import http",
    "relative to the root": "from .. import node",
    "type only": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from passerelle.node.http import App",
    "lazy": "def answer():\n    from passerelle.node import http\n    return http",
    "in a class": "class Rule:\n    from passerelle.node import http",
    "guarded": "try:\n    import passerelle.node\nexcept ImportError:\n    pass",
    "dynamic": "import importlib\nimportlib.import_module('passerelle.node.http')",
    "dynamic by bare name": "from importlib import import_module\nimport_module('passerelle.node')",
    "dynamic and relative": "from importlib import import_module\nimport_module('..node', 'passerelle.policy')",
    "dynamic built-in": "__import__('passerelle.node')",
}


@pytest.mark.parametrize("source", UPWARD.values(), ids=UPWARD.keys())
def test_an_import_that_points_up_is_found_however_it_is_written(source: str) -> None:
    (found,) = {what.split(":")[0] for what in what_offends("passerelle.policy.rules", source)}
    assert found == "imports upward"


@pytest.mark.parametrize("source", UPWARD.values(), ids=UPWARD.keys())
def test_the_same_import_is_free_where_it_points_down(source: str) -> None:
    lowered = source.replace("node", "fhir")
    assert what_offends("passerelle.policy.rules", lowered) == []


MIDDLE = ["identity", "policy", "audit", "mapping", "federation", "summary", "research", "store", "synthetic"]


@pytest.mark.parametrize("here", MIDDLE)
@pytest.mark.parametrize("there", MIDDLE)
def test_the_middle_packages_do_not_know_one_another(here: str, there: str) -> None:
    found = what_offends(f"passerelle.{here}.thing", f"from passerelle.{there} import thing")
    assert found == ([] if here == there else [f"imports sideways: passerelle.{there}.thing"])


@pytest.mark.parametrize(
    "higher, lower",
    [
        ("node", "portals"),
        ("portals", "flows"),
        ("flows", "policy"),
        ("policy", "jurisdictions"),
        ("jurisdictions", "fhir"),
        ("fhir", "values"),
    ],
)
def test_each_floor_sees_the_one_below_and_not_the_one_above(higher: str, lower: str) -> None:
    assert what_offends(f"passerelle.{higher}.thing", f"import passerelle.{lower}.thing") == []
    found = what_offends(f"passerelle.{lower}.thing", f"import passerelle.{higher}.thing")
    assert found == [f"imports upward: passerelle.{higher}.thing"]


def test_the_root_imports_from_no_room() -> None:
    assert what_offends("passerelle", "from passerelle.fhir import words") == [
        "imports upward: passerelle.fhir.words"
    ]


def test_a_room_that_is_not_in_the_plan_is_found() -> None:
    assert what_offends("passerelle.attic.box", "") == ["the plan of the house has no room called attic"]


def test_a_dynamic_import_that_cannot_be_read_is_found() -> None:
    source = "from importlib import import_module\ndef load(name):\n    return import_module(name)"
    assert what_offends("passerelle.flows.load", source) == ["imports what only a run can tell"]


@pytest.mark.parametrize(
    "source, what",
    [
        ("import sqlite3", "reaches a database: sqlite3"),
        ("from psycopg import rows", "reaches a database: psycopg.rows"),
        ("def ask():\n    import aiohttp", "reaches the web: aiohttp"),
        ("from starlette.responses import Response", "reaches the web: starlette.responses.Response"),
        ("import urllib.request", "reaches the web: urllib.request"),
        ("import subprocess", "reaches the machine: subprocess"),
        ("import os.path", "reaches the machine: os.path"),
        ("from pathlib import Path\nhere = Path('x')", "reaches the machine: pathlib.Path"),
        ("import pathlib\nhere = pathlib.Path('x')", "reaches the machine: pathlib.Path"),
        ("text = open('x').read()", "opens a file: open"),
        ("from datetime import datetime\nnow = datetime.now()", "reads the clock: datetime.datetime.now"),
        ("import datetime as d\nnow = d.datetime.now()", "reads the clock: datetime.datetime.now"),
        ("from time import monotonic as tick\nnow = tick()", "reads the clock: time.monotonic"),
        ("from uuid import uuid4\nnew = field(default_factory=uuid4)", "is random: uuid.uuid4"),
        ("import random\npick = random.choice([1])", "is random: random.choice"),
    ],
)
def test_effects_live_in_node_and_store_only(source: str, what: str) -> None:
    assert set(what_offends("passerelle.flows.exchange", source)) == {what}
    assert what_offends("passerelle.node.http", source) == []
    assert what_offends("passerelle.store.sqlite", source) == []


def test_what_only_looks_like_an_effect_is_free() -> None:
    source = (
        "from random import Random\nfrom pathlib import PurePosixPath\nfrom urllib.parse import urlsplit\n"
        "def read(now, open):\n    return now(), Random(7), PurePosixPath('a'), urlsplit('b'), files('c').read_text()"
    )
    assert what_offends("passerelle.synthetic.people", source) == []


def test_a_function_longer_than_a_page_is_found() -> None:
    page = "def f():\n" + "    x = 1\n" * (LONGEST_FUNCTION - 1)
    assert what_offends("passerelle.fhir.long", page) == []
    found = what_offends("passerelle.fhir.long", page + "    x = 2\n")
    assert found == [f"f has {LONGEST_FUNCTION + 1} lines, more than a page"]


@pytest.mark.parametrize("name", ["utils", "helpers", "manager"])
def test_a_name_that_says_nothing_is_found(name: str) -> None:
    assert len(what_offends(f"passerelle.fhir.{name}", "")) == 1


def test_a_package_opens_with_its_question() -> None:
    assert what_offends("passerelle.audit", '"""Audit things."""', is_package=True) == [
        "the package does not open with its question"
    ]
    assert what_offends("passerelle.audit", '"""Can we prove what happened?"""', is_package=True) == []


def test_a_relative_import_in_a_package_is_read_from_the_package_itself() -> None:
    inside = Module("passerelle.policy", '"""Why?"""\nfrom . import rules', is_package=True)
    assert [found.name for found in imports(inside)] == ["passerelle.policy.rules"]
