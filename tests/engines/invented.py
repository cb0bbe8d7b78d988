"""Invented resources of many types, small in their words so that searches find some and leave some."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any

Json = dict[str, Any]

IDS = ("1", "2", "3", "x-4", "p.5", "6", "7")
CODES = ("A", "A", "B", "flu", "fl", "FLU", "a,b", "c|d", "e$f")
SYSTEMS = ("urn:s", "urn:t", "http://example.org/codes")
FAMILIES = (
    "Roy",
    "Rôyer",
    "O'Brien",
    "roy",
    "Tŝilhqot'in",
    "ᐃᓄᒃ",
    "100%",
    "a_b",
    "日本",
    "Œuvrard",
    "Van der Meer",
    "D’Arcy",
)
GIVENS = ("Anne", "anne-marie", "Zoë", "Noémie", "Li", "ᓄᓇ")
DATES = (
    "2019",
    "2020",
    "2020-02",
    "2020-02-29",
    "2020-03-01",
    "2020-02-29T10:00:00-05:00",
    "2020-02-29T15:00:00Z",
    "2020-02-29T23:30:00-08:00",
    "2021-01-01T00:00:00.123Z",
    "2021-01-01T00:00:00Z",
    "1899-12-31",
)
DAYS = tuple(date for date in DATES if "T" not in date)
NUMBERS = tuple(
    Decimal(text)
    for text in ("0", "1", "5", "5.0", "5.4", "5.44", "-3", "120", "0.002", "1e3", "1500", "37.2")
)
UNITS = ("mg", "g", "kg", "mm[Hg]", "Cel", "[degF]", "/min", "{score}", "foo", "")
UCUM = "http://unitsofmeasure.org"
URLS = (
    "http://example.org/fhir/a",
    "http://example.org/fhir/a/b",
    "http://example.org/fhir",
    "http://example.org/fhirs",
    "urn:oid:1.2.3",
    "urn:oid:1.2.3.4",
)
ELSEWHERE = "http://elsewhere.example/fhir"


class Inventor:
    """Makes values from one source of chance."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.one = chance.choice

    def some(self, make: Callable[[], Any], most: int = 2) -> list[Any]:
        return [make() for _ in range(self.chance.randint(1, most))]

    def maybe(self, **fields: Callable[[], Any]) -> Json:
        """Each field two times of three."""
        made = {name: make() for name, make in fields.items() if self.chance.random() < 0.67}
        return {name: value for name, value in made.items() if value not in (None, {}, [])}

    # --- datatypes ---

    def code(self) -> str:
        return self.one(CODES)

    def date(self) -> str:
        return self.one(DATES)

    def day(self) -> str:
        return self.one(DAYS)

    def family(self) -> str:
        return self.one(FAMILIES)

    def url(self) -> str:
        return self.one(URLS)

    def number(self) -> Decimal:
        return self.one(NUMBERS)

    def flag(self) -> bool:
        return self.one((True, False))

    def coding(self) -> Json:
        return self.maybe(system=lambda: self.one(SYSTEMS), display=self.family) | {"code": self.code()}

    def concept(self) -> Json:
        return self.maybe(coding=lambda: self.some(self.coding), text=self.family) or {"text": "Roy"}

    def concepts(self) -> list[Json]:
        return self.some(self.concept)

    def identifier(self) -> Json:
        kind = {
            "coding": [{"system": self.one(SYSTEMS), "code": self.one(("MR", "SS"))}],
            "text": self.family(),
        }
        return self.maybe(system=lambda: self.one(SYSTEMS), type=lambda: kind) | {"value": self.code()}

    def identifiers(self) -> list[Json]:
        return self.some(self.identifier)

    def quantity(self) -> Json:
        unit = self.one(UNITS)
        more = self.maybe(
            system=lambda: self.one((UCUM, UCUM, UCUM, "urn:s")),
            unit=lambda: self.one((unit, "milligram")),
            comparator=lambda: self.one(("<", ">=", None, None, None)),
        )
        return {"value": self.number(), **({"code": unit} if unit else {}), **more}

    def range(self) -> Json:
        ends = self.chance.choices((self.number(), self.number()), k=2)
        unit = {"code": "mg", "system": UCUM}
        return self.maybe(
            low=lambda: {"value": ends[0], **unit}, high=lambda: {"value": ends[1], **unit}
        ) or {"low": {"value": ends[0], **unit}}

    def period(self) -> Json:
        start, end = self.date(), self.date()
        return self.maybe(start=lambda: start, end=lambda: end) or {"start": start}

    def name(self) -> Json:
        return self.maybe(given=lambda: self.some(lambda: self.one(GIVENS))) | {"family": self.family()}

    def names(self) -> list[Json]:
        return self.some(self.name)

    def address(self) -> Json:
        return self.maybe(
            city=lambda: self.one(("Montréal", "Montreal", "Iqaluit", "St. John's")),
            state=lambda: self.one(("QC", "NU", "NL")),
            postalCode=lambda: self.one(("H2X 1Y4", "X0A 0H0")),
            line=lambda: ["12, rue Roy"],
            use=lambda: self.one(("home", "work")),
        ) or {"city": "Iqaluit"}

    def telecom(self) -> Json:
        return {
            "system": self.one(("phone", "email")),
            "value": self.one(("555-0100", "a@b.example")),
            **self.maybe(use=lambda: self.one(("home", "work"))),
        }

    def refer(self, *types: str) -> Json:
        kind = self.one(types)
        shape = self.chance.random()
        if shape < 0.08:
            return {"reference": f"{ELSEWHERE}/{kind}/{self.one(IDS)}"}
        if shape < 0.14:
            return {"identifier": self.identifier()}
        if shape < 0.18:
            return {"reference": f"{kind}/{self.one(IDS)}/_history/1"}
        if shape < 0.2:
            return self.one(({"display": "Somebody"}, {"reference": "#1"}))
        return {"reference": f"{kind}/{self.one(IDS)}"}

    def canonical(self) -> str:
        return self.url() + self.one(("", "|1", "|2"))

    def meta(self) -> Json:
        return self.maybe(
            tag=lambda: self.some(self.coding, 1),
            security=lambda: self.some(lambda: {"system": "urn:labels", "code": self.one(("R", "V"))}),
            profile=lambda: self.some(self.canonical),
            source=self.url,
        )

    def value(self) -> Json:
        """One of the kinds of values of an Observation."""
        return self.one(
            (
                lambda: {"valueQuantity": self.quantity()},
                lambda: {"valueQuantity": self.quantity()},
                lambda: {"valueCodeableConcept": self.concept()},
                lambda: {"valueString": self.family()},
                lambda: {"valueDateTime": self.date()},
                lambda: {"valuePeriod": self.period()},
                lambda: {"valueSampledData": self.sampled()},
                lambda: {"dataAbsentReason": self.concept()},
            )
        )()

    def sampled(self) -> Json:
        origin = {"value": self.number(), "code": "mg", "system": UCUM}
        return {"origin": origin, "period": 1, "dimensions": 1, "data": self.one(("1 2 3", "-2 E 5", "0"))}


def resource(make: Inventor, type: str) -> Json:
    """A resource without an id; each element is there or not."""
    kept = {"resourceType": type, **make.maybe(meta=make.meta), **_BODIES[type](make)}
    return {name: value for name, value in kept.items() if value not in ({}, [])}


def _patient(make: Inventor) -> Json:
    return make.maybe(
        identifier=make.identifiers,
        active=make.flag,
        name=make.names,
        telecom=lambda: make.some(make.telecom),
        gender=lambda: make.one(("female", "male", "other")),
        birthDate=make.day,
        address=lambda: make.some(make.address),
        generalPractitioner=lambda: make.some(lambda: make.refer("Practitioner", "Organization")),
        managingOrganization=lambda: make.refer("Organization"),
        link=lambda: [{"other": make.refer("Patient"), "type": "seealso"}],
    ) | make.one(({}, {}, {"deceasedBoolean": make.flag()}, {"deceasedDateTime": make.date()}))


def _observation(make: Inventor) -> Json:
    component = lambda: {"code": make.concept(), **make.value()}  # noqa: E731
    return (
        make.maybe(
            identifier=make.identifiers,
            category=make.concepts,
            subject=lambda: make.refer("Patient", "Patient", "Patient", "Group", "Location"),
            encounter=lambda: make.refer("Encounter"),
            performer=lambda: make.some(lambda: make.refer("Practitioner", "Organization", "Patient")),
            hasMember=lambda: make.some(lambda: make.refer("Observation")),
            component=lambda: make.some(component, 3),
        )
        | {"status": make.one(("final", "amended")), "code": make.concept()}
        | make.one(({}, {"effectiveDateTime": make.date()}, {"effectivePeriod": make.period()}))
        | (make.value() if make.flag() else {})
    )


def _encounter(make: Inventor) -> Json:
    return make.maybe(
        subject=lambda: make.refer("Patient"),
        period=make.period,
        type=make.concepts,
        serviceProvider=lambda: make.refer("Organization"),
        partOf=lambda: make.refer("Encounter"),
        participant=lambda: make.some(lambda: {"individual": make.refer("Practitioner")}),
        location=lambda: make.some(lambda: {"location": make.refer("Location")}),
    ) | {"status": make.one(("finished", "planned")), "class": make.coding()}


def _condition(make: Inventor) -> Json:
    return make.maybe(
        code=make.concept,
        subject=lambda: make.refer("Patient"),
        encounter=lambda: make.refer("Encounter"),
        clinicalStatus=make.concept,
        recordedDate=make.date,
    ) | make.one(
        ({"onsetDateTime": make.date()}, {"onsetPeriod": make.period()}, {"onsetString": "long ago"}, {})
    )


def _appointment(make: Inventor) -> Json:
    who = lambda: {"actor": make.refer("Patient", "Practitioner", "Location"), "status": "accepted"}  # noqa: E731
    return {"status": "booked", "participant": make.some(who, 3)}


def _document(make: Inventor) -> Json:
    related = lambda: {"code": make.one(("replaces", "appends")), "target": make.refer("DocumentReference")}  # noqa: E731
    return make.maybe(
        subject=lambda: make.refer("Patient", "Practitioner"),
        relatesTo=lambda: make.some(related, 3),
        author=lambda: make.some(lambda: make.refer("Practitioner", "Organization")),
        date=lambda: make.one([date for date in DATES if "T" in date]),
        type=make.concept,
        content=lambda: [{"attachment": {"url": make.url(), "contentType": "text/plain"}}],
    ) | {"status": "current"}


def _risk(make: Inventor) -> Json:
    chance = lambda: make.one(({"probabilityDecimal": make.number()}, {"probabilityRange": make.range()}))  # noqa: E731
    return make.maybe(subject=lambda: make.refer("Patient"), prediction=lambda: make.some(chance)) | {
        "status": "final"
    }


def _group(make: Inventor) -> Json:
    valued = lambda: make.one(({"valueCodeableConcept": make.concept()}, {"valueBoolean": make.flag()}))  # noqa: E731
    trait = lambda: {"code": make.concept(), "exclude": make.flag(), **valued()}  # noqa: E731
    return make.maybe(
        characteristic=lambda: make.some(trait, 3),
        member=lambda: make.some(lambda: {"entity": make.refer("Patient", "Practitioner")}),
    ) | {"type": "person", "actual": make.flag()}


def _sequence(make: Inventor) -> Json:
    variant = lambda: {"start": make.one((1, 5, 120)), "end": make.one((5, 120, 1500))}  # noqa: E731
    return make.maybe(
        patient=lambda: make.refer("Patient"),
        referenceSeq=lambda: {
            "chromosome": make.concept(),
            "windowStart": 1,
            "windowEnd": make.one((5, 120)),
        },
        variant=lambda: make.some(variant, 3),
    )


_BODIES: dict[str, Callable[[Inventor], Json]] = {
    "Patient": _patient,
    "Observation": _observation,
    "Encounter": _encounter,
    "Condition": _condition,
    "Appointment": _appointment,
    "DocumentReference": _document,
    "RiskAssessment": _risk,
    "Group": _group,
    "MolecularSequence": _sequence,
    "Practitioner": lambda make: make.maybe(name=make.names, identifier=make.identifiers, active=make.flag),
    "Organization": lambda make: make.maybe(
        name=make.family, partOf=lambda: make.refer("Organization"), type=make.concepts, active=make.flag
    ),
    "Location": lambda make: make.maybe(
        name=make.family,
        partOf=lambda: make.refer("Location"),
        managingOrganization=lambda: make.refer("Organization"),
        position=lambda: {"latitude": make.one((45, 63)), "longitude": make.one((-75, 179))},
    ),
    "ValueSet": lambda make: (
        make.maybe(url=make.url, version=make.code, name=make.family) | {"status": "active"}
    ),
    "QuestionnaireResponse": lambda make: (
        make.maybe(questionnaire=make.canonical, subject=lambda: make.refer("Patient"), authored=make.date)
        | {"status": "completed"}
    ),
    "List": lambda make: (
        make.maybe(
            subject=lambda: make.refer("Patient"),
            entry=lambda: make.some(lambda: {"item": make.refer("Condition", "Observation", "Patient")}, 3),
        )
        | {"status": "current", "mode": "working"}
    ),
    "Provenance": lambda make: {
        "target": make.some(lambda: make.refer("Observation", "Patient", "Condition")),
        "recorded": "2020-02-29T15:00:00Z",
        "agent": [{"who": make.refer("Practitioner")}],
    },
}

TYPES = tuple(_BODIES)
COMMON = (
    "Patient",
    "Patient",
    "Patient",
    "Observation",
    "Observation",
    "Observation",
    "Encounter",
    "Condition",
)
