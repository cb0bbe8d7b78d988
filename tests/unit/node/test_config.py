"""A configuration that cannot be used says which key, and what it needs; the environment goes before the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from passerelle.node.config import ConfigurationError, load

GOOD = 'id = "on"\nname = { en = "Clinic", fr = "Clinique" }\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "node.toml"


def test_what_is_not_said_has_a_value_of_its_own(file: Path) -> None:
    file.write_text(GOOD)
    settings = load(file)
    assert (settings.port, settings.limits.max_depth, settings.home) == (8800, 64, file.parent)


def test_the_environment_goes_before_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(GOOD + "port = 9000\n[limits]\nmax_depth = 8\nmax_entries = 7\n")
    monkeypatch.setenv("PASSERELLE_PORT", "9001")
    monkeypatch.setenv("PASSERELLE_LIMITS__MAX_DEPTH", "5")
    monkeypatch.setenv("PASSERELLE_NAME__EN", "Other")
    monkeypatch.setenv("PASSERELLE_JOBS__IMPORT_FROM", '["file:///drop"]')
    monkeypatch.setenv("PASSERELLE_NETWORK", "is somebody else's")
    settings = load(file)
    assert (settings.port, settings.limits.max_depth, settings.limits.max_entries) == (9001, 5, 7)
    assert (settings.name.en, settings.name.fr) == ("Other", "Clinique")
    assert settings.jobs.import_from == ("file:///drop",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + 'port = "x"', "port: Expected `int`"),
        (GOOD + "prot = 1", "prot: Object contains unknown field"),
        ('id = "on"', "name: Object missing required field"),
        ('id = "on"\nname = { en = "a" }', "name.fr: Object missing required field"),
        ('id = "A B"\nname = { en = "a", fr = "b" }', "id: Expected `str` matching"),
        (GOOD + "[limits]\nmax_depth = 1.5", "limits.max_depth: Expected `int`"),
        (GOOD + "limits = 5", "limits: Expected `object`"),
        (GOOD + "[crowd]\nothers = 2", "crowd.others: Expected `float` <= 1"),
        ("id = ", "is not TOML"),
    ],
)
def test_a_wrong_key_is_named_with_what_it_needs(file: Path, text: str, said: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        load(file)
    assert said in str(raised.value)


def test_a_list_in_the_environment_is_json(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(GOOD)
    monkeypatch.setenv("PASSERELLE_JOBS__IMPORT_FROM", "drop")
    with pytest.raises(ConfigurationError, match="PASSERELLE_JOBS__IMPORT_FROM must be JSON"):
        load(file)


def test_a_missing_file_says_where_to_read_on(file: Path) -> None:
    with pytest.raises(ConfigurationError, match="run-a-node"):
        load(file)
