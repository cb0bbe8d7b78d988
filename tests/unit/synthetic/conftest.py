"""The invented people that the tests of this chapter look at, made once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from passerelle.synthetic import CastMember, Person, cast, population

TODAY = date(2026, 3, 2)


@pytest.fixture(scope="session")
def people() -> tuple[Person, ...]:
    return tuple(population(7, 400, today=TODAY))


@pytest.fixture(scope="session")
def players() -> dict[str, CastMember]:
    return {member.key: member for member in cast(today=TODAY)}


@pytest.fixture(scope="session")
def everyone(people: tuple[Person, ...], players: dict[str, CastMember]) -> tuple[Person, ...]:
    return (*people, *(member.person for member in players.values()))


@pytest.fixture(scope="session")
def resources(everyone: tuple[Person, ...]) -> tuple[tuple[str, dict[str, Any]], ...]:
    """Every resource with the node that holds it."""
    return tuple(_each(everyone))


def _each(everyone: tuple[Person, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    for person in everyone:
        for node, listed in person.records.items():
            for resource in listed:
                yield node, resource
