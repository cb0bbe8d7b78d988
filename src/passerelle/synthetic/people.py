"""People with their records: a lazy population, each person whole when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from passerelle.synthetic.chart import Chart
from passerelle.synthetic.everyday import write
from passerelle.synthetic.geography import day_text
from passerelle.synthetic.households import lives
from passerelle.synthetic.life import Life
from passerelle.synthetic.names import Name
from passerelle.synthetic.numbers import HealthNumber
from passerelle.synthetic.patient import patient
from passerelle.values import Json, NodeId

Writer = Callable[[int, Life, int], Mapping[NodeId, Chart]]
"""Writes the charts of a life: (seed, life, ordinal of today)."""


@dataclass(frozen=True)
class Person:
    """One invented person. ``records`` are written at the first look, so that demographics alone are quick.

    The resources share the objects inside them (concepts, references): copy before changing one.
    """

    life: Life
    seed: int
    today: int
    writer: Writer = write

    @property
    def key(self) -> str:
        """The person's name within the population; no patient id or number."""
        return self.life.key

    @property
    def name(self) -> Name:
        return self.life.names[0]

    @property
    def birth_date(self) -> str:
        return day_text(self.life.born)

    @property
    def identifiers(self) -> tuple[HealthNumber, ...]:
        """Every health number ever issued to them; the last one without an end is in force."""
        return self.life.numbers

    @cached_property
    def records(self) -> Mapping[NodeId, tuple[Json, ...]]:
        """Complete FHIR resources per node, the Patient first. References are relative: they resolve within the
        node, to these resources or to those of ``shared(seed, node)``."""
        charts = self.writer(self.seed, self.life, self.today)
        return {node: (self._patient(chart), *chart.resources) for node, chart in charts.items()}

    def patient(self, node: NodeId) -> Json:
        """The Patient as one node knows them. Raises KeyError where they have no record."""
        return self.records[node][0]

    def _patient(self, chart: Chart) -> Json:
        homes = [home for home in self.life.homes if home.node == chart.node]
        left = homes[-1].end if homes else None
        seen = chart.seen if homes == [] else self.today if left is None else max(left, chart.seen)
        return patient(
            self.seed, self.life, chart.node, chart.patient_id, last_seen=min(seen or self.today, self.today)
        )


def population(seed: int, people: int, *, today: date) -> Iterator[Person]:
    """``people`` invented Canadians, one after another, the same for the same seed and day."""
    for life in lives(seed, people, today):
        yield Person(life, seed, today.toordinal())
