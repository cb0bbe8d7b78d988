"""Every issue that the code can raise has words in both languages, with the details that they need."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import passerelle
from passerelle.fhir.words import catalogue, places

SOURCE = Path(passerelle.__file__).parent
MESSAGES = catalogue("passerelle.fhir", "outcome_messages.toml").messages


def calls(*names: str) -> Iterator[tuple[str, ast.Call]]:
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                yield f"{path.relative_to(SOURCE)}:{node.lineno}", node


def keys_of(node: ast.expr) -> list[str]:
    """The message keys that an argument can be, where it is written out."""
    if isinstance(node, ast.IfExp):
        return keys_of(node.body) + keys_of(node.orelse)
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def test_every_issue_has_its_message_and_gives_the_details_that_it_says():
    wrong, seen = [], 0
    for place, call in calls("Issue"):
        details = next((k.value for k in call.keywords if k.arg == "details"), (*call.args, *[None] * 4)[3])
        for key in keys_of(call.args[0]) if call.args else ():
            seen += 1
            if key not in MESSAGES:
                wrong.append((place, key, "no message"))
            elif details is None or isinstance(details, ast.Dict):
                given = {name.value for name in details.keys} if details else set()
                if given != places(MESSAGES[key]["en"]):
                    wrong.append((place, key, "other details"))
    assert wrong == []
    assert seen > 50


def test_every_fault_of_a_validation_has_its_message_with_its_details():
    wrong, seen = [], 0
    for place, call in calls("one", "stranger"):
        for key in keys_of(call.args[0]):
            seen += 1
            given = {keyword.arg for keyword in call.keywords} | (
                {"nearest"} if call.func.id == "stranger" else set()
            )
            if key not in MESSAGES or given != places(MESSAGES[key]["en"]):
                wrong.append((place, key))
    assert wrong == []
    assert seen > 20


def test_the_search_has_words_for_each_kind_of_value():
    wanted = {
        "token",
        "date",
        "number",
        "quantity",
        "reference",
        "composite",
        "boolean",
        "integer",
        "code",
        "include",
        "empty",
    }
    assert {f"search-value-{kind}" for kind in wanted} <= set(MESSAGES)
