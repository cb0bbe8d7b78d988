"""What goes into an address is sealed: neither read nor changed by who carries it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from passerelle.node.sealing import seal


def test_a_word_is_opened_as_it_was_closed_by_every_process_of_the_node(tmp_path: Path) -> None:
    closed = seal(tmp_path / "key").close("Tremblay, née Côté")
    assert seal(tmp_path / "key").open(closed) == "Tremblay, née Côté"


def test_nothing_of_a_word_can_be_seen_and_no_two_are_alike(tmp_path: Path) -> None:
    one = seal(tmp_path / "key")
    first, second = one.close("Tremblay"), one.close("Tremblay")
    assert first != second
    assert "Tremblay" not in first


@pytest.mark.parametrize(
    "change",
    [lambda word: word[5:], lambda word: word[:-2], lambda word: "", lambda word: "é", lambda word: word * 2],
)
def test_a_word_that_was_changed_is_not_opened(tmp_path: Path, change: Callable[[str], str]) -> None:
    one = seal(tmp_path / "key")
    with pytest.raises(ValueError, match="not sealed here"):
        one.open(change(one.close("Tremblay")))


def test_another_nodes_seal_opens_nothing(tmp_path: Path) -> None:
    closed = seal(tmp_path / "a").close("Tremblay")
    with pytest.raises(ValueError, match="not sealed here"):
        seal(tmp_path / "b").open(closed)


def test_the_key_is_its_owners_alone(tmp_path: Path) -> None:
    seal(tmp_path / "key")
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0
