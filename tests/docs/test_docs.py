"""The pages say what the code says, in words that do not betray where they were written."""

from __future__ import annotations

import re
import shlex
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from passerelle.node.cli import app
from tools import architecture, catalogues
from tools.layers import Module, modules

ROOT = Path(__file__).resolve().parent.parent.parent


@cache
def tracked() -> tuple[Path, ...]:
    """The files of the repository that exist now; every file outside the ignored folders if this is no checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        names = listed.stdout.decode().split("\0")
        return tuple(path for name in sorted(set(names)) if name and (path := ROOT / name).is_file())
    return tuple(path for path in sorted(ROOT.rglob("*")) if path.is_file() and not _ignored(path))


def _ignored(path: Path) -> bool:
    return any(
        part.startswith(".venv") or part in {"var", "__pycache__"} for part in path.relative_to(ROOT).parts
    )


def written(suffix: str) -> list[Path]:
    return [path for path in tracked() if path.suffix == suffix]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_the_architecture_page_is_what_the_code_says() -> None:
    assert architecture.PAGE.read_text("utf-8") == architecture.page(modules()), "run `make docs`"


# --- links ---------------------------------------------------------------------------------------------------------

LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors(text: str) -> set[str]:
    """The anchors that a forge gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path, text: str) -> list[str]:
    """The relative links of a page that lead nowhere."""
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    found = []
    for target in LINK.findall(prose):
        place, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        there = (page.parent / place).resolve() if place else page
        if not there.exists() or (
            anchor and there.suffix == ".md" and anchor not in anchors(there.read_text("utf-8"))
        ):
            found.append(target)
    return found


@pytest.mark.parametrize("page", written(".md"), ids=name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    assert broken_links(page, page.read_text("utf-8")) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One thing\n")
    text = "[a](gone.md) [b](page.md) [c](page.md#one-thing) [d](#no-such) [e](https://example.org/x)"
    assert broken_links(page, text) == ["gone.md", "#no-such"]


# --- words in both languages ---------------------------------------------------------------------------------------


def test_what_people_read_is_there_in_both_languages() -> None:
    assert list(catalogues.lacks(modules())) == []


def test_words_in_one_language_are_found_at_any_depth() -> None:
    content = {
        "good": {"en": "a", "fr": "b"},
        "deep": {"list": [{"en": "only"}]},
        "empty": {"en": "", "fr": "c"},
    }
    assert list(catalogues.one_sided(content, "")) == ["deep.list[0] speaks only en", "empty speaks only fr"]


def test_the_catalogues_are_found_where_the_code_loads_them() -> None:
    assert ("passerelle.fhir", "outcome_messages.toml") in catalogues.loaded(modules())
    missing = Module("passerelle.fhir.gone", 'catalogue("passerelle.fhir", "gone.toml")')
    assert len(list(catalogues.lacks([missing]))) == 1
    with pytest.raises(ValueError, match="write it out"):
        catalogues.loaded([Module("passerelle.fhir.any", "catalogue(package, file)")])


# --- words that do not belong in a repository ----------------------------------------------------------------------


def joined(*parts: str) -> str:
    """A word that this file must not hold whole."""
    return "".join(parts)


FOREIGN = {
    "a path of one machine": [
        joined("/wo", "rk/"),
        joined("/ro", "ot/"),
        joined("/tmp/", "bash"),
        joined("/ho", "me/"),
        joined("/Us", "ers/"),
    ],
    "a package index": [
        joined("pypi", ".org"),
        joined("files.python", "hosted"),
        joined("registry.", "npmjs"),
        joined("index", "-url ="),
        joined("extra-index", "-url"),
    ],
    "a private key": [joined("-----BEGIN ", "PRIVATE KEY"), joined("-----BEGIN RSA ", "PRIVATE KEY")],
}


def foreign_words(text: str) -> list[str]:
    """The kinds of words in a text that only make sense on one machine."""
    return [f"{kind}: {word}" for kind, words in FOREIGN.items() for word in words if word in text]


def test_no_file_names_a_machine_an_index_or_a_key() -> None:
    found = []
    for path in tracked():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{name(path)}: {word}" for word in foreign_words(text)]
    assert found == []


@pytest.mark.parametrize("words", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_foreign_word_is_found(words: list[str]) -> None:
    for word in words:
        assert foreign_words(f"see {word}x") != []


# --- commands ------------------------------------------------------------------------------------------------------


def make_commands(text: str) -> set[str]:
    """The ``make`` commands that a page tells its reader to type."""
    code = re.findall(r"```.*?```|`[^`]+`", text, re.DOTALL)
    return {word for part in code for word in re.findall(r"(?<![\w./-])make ([a-z][\w-]*)", part)}


def targets() -> set[str]:
    return set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("page", written(".md"), ids=name)
def test_every_make_command_on_a_page_is_in_the_makefile(page: Path) -> None:
    assert make_commands(page.read_text("utf-8")) - targets() == set()


def typed_commands(text: str) -> list[list[str]]:
    """The lines of code on a page that start the ``passerelle`` command, as words without comments and prompts."""
    blocks = re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    started = [line for line in lines if re.match(r"\S*bin/passerelle\b", line)]
    return [shlex.split(line, comments=True)[1:] for line in started]


def unknown_words(words: list[str], command: Any) -> list[str]:
    """The subcommands and options of a typed command that the command line does not have."""
    options = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h"}
    if hasattr(command, "commands") and words and not words[0].startswith("-"):
        below = command.commands.get(words[0])
        return [words[0]] if below is None else unknown_words(words[1:], below)
    return [word for word in words if word.startswith("-") and word not in options]


@pytest.mark.parametrize("page", written(".md"), ids=name)
def test_every_passerelle_command_on_a_page_is_one_that_can_be_typed(page: Path) -> None:
    typed = typed_commands(page.read_text("utf-8"))
    assert [unknown_words(words, get_command(app)) for words in typed] == [[] for _ in typed]


def test_a_command_that_cannot_be_typed_is_found() -> None:
    page = "```\n.venv/bin/passerelle node fly\n.venv/bin/passerelle demo --sideways  # no\n```"
    assert [unknown_words(words, get_command(app)) for words in typed_commands(page)] == [
        ["fly"],
        ["--sideways"],
    ]


def test_the_readme_names_the_two_commands_that_start_everything() -> None:
    assert {"demo", "test"} <= make_commands((ROOT / "README.md").read_text("utf-8"))


def test_both_locks_agree_and_say_when_they_were_made() -> None:
    run, dev = ((ROOT / file).read_text("utf-8") for file in ("requirements.lock", "requirements-dev.lock"))
    assert run.splitlines()[0] == dev.splitlines()[0]
    assert re.fullmatch(r"# Locked on \d{4}-\d\d-\d\d by make lock", run.splitlines()[0])
    assert set(pins(run)) <= set(pins(dev))
    assert len(pins(run)) > 20


def pins(lock: str) -> list[str]:
    return re.findall(r"^([a-z0-9._-]+==\S+)", lock, re.MULTILINE)


def test_every_locked_package_has_a_hash() -> None:
    for file in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / file).read_text("utf-8")
        blocks = re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]
        assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []
