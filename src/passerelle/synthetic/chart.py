"""One person's record as one node keeps it, while it is being written."""

from __future__ import annotations

from passerelle.synthetic.concept import HL7, meta
from passerelle.synthetic.dice import digest
from passerelle.synthetic.geography import day_text, record_language, stamp
from passerelle.synthetic.life import Life
from passerelle.synthetic.staff import Facility, facility, sid
from passerelle.values import Json, NodeId


class Chart:
    """Collects the resources of one person at one node; ids count up from a digest of the person and the node."""

    __slots__ = (
        "_places",
        "base",
        "language",
        "life",
        "node",
        "patient_id",
        "resources",
        "seed",
        "seen",
        "subject",
        "today",
    )

    def __init__(self, seed: int, life: Life, node: NodeId, today: int) -> None:
        self.seed, self.life, self.node, self.today = seed, life, node, today
        self.base = digest("chart", life.key, node)
        self.language = record_language(node, life.language)
        self.patient_id = f"p-{self.base}"
        self.subject: Json = {"reference": f"Patient/{self.patient_id}"}
        self.resources: list[Json] = []
        self.seen = 0
        """The last day on which something of this chart happened."""
        self._places: dict[tuple[str, str], Facility] = {}

    def at(self, kind: str, city: str = "") -> Facility:
        """The facility of a kind that this person uses here: in their town where there is one."""
        found = self._places.get((kind, city))
        if found is None:
            found = facility(self.seed, self.node, kind, city or self._town())
            self._places[kind, city] = found
        return found

    def _town(self) -> str:
        return next((home.city for home in reversed(self.life.homes) if home.node == self.node), "")

    def add(self, type: str, profile: str, place: str, body: Json, identifier: Json | None = None) -> Json:
        """Add a resource and return a reference to it.

        ``place`` is the slug of the organization whose act it is: its identifier system. A copy of what another
        node knows is given that node's ``identifier``.
        """
        count = len(self.resources)
        resource: Json = {"resourceType": type, "id": f"{self.base}-{count}", "meta": meta(profile)}
        resource["language"] = self.language
        resource["identifier"] = [
            identifier
            or {"system": sid(self.node, place, type.lower()), "value": f"{self.base[:10]}-{count}"}
        ]
        resource.update(body)
        self.resources.append(resource)
        return {"reference": f"{type}/{self.base}-{count}"}

    def last(self) -> Json:
        """The resource that was added last."""
        return self.resources[-1]

    def label(self, since: int, code: str) -> None:
        """Mark what was added since there were ``since`` resources as sensitive (v3 ActCode, such as MH)."""
        for resource in self.resources[since:]:
            resource["meta"]["security"] = [{"system": f"{HL7}v3-ActCode", "code": code}]

    def time(self, day: int, minute: int = 600) -> str:
        """A FHIR dateTime of this node's local time, on a day when something happened."""
        if day > self.seen:
            self.seen = day
        return stamp(self.node, day, minute)

    def day(self, day: int) -> str:
        return day_text(day)
