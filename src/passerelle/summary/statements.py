"""What must the reader know of how the summary came about? Who answered, what may be missing, where sources differ.

Every statement is given twice: as a sentence in the narrative, and as a ``note`` extension
(http://hl7.org/fhir/StructureDefinition/note) whose Annotation carries the same sentence and, for machines, one
of our extensions: ``coverage``, ``gap``, ``conflict`` or ``left-out``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from passerelle.fhir.clinical import called
from passerelle.fhir.record import Conflict, Gap, Record, State
from passerelle.summary.wording import count, say, words
from passerelle.values import Json, Language

NOTE = "http://hl7.org/fhir/StructureDefinition/note"
OURS = "https://passerelle.example/fhir/StructureDefinition/"
COVERAGE, GAP, CONFLICT, LEFT_OUT, WITHHELD = (
    OURS + name
    for name in (
        "summary-coverage",
        "summary-gap",
        "summary-conflict",
        "summary-left-out",
        "summary-withheld",
    )
)
NOT_ANSWERS = frozenset({State.SILENT, State.REFUSED, State.FAULTY, State.UNCERTAIN, State.WAITING})
"""The states of a source that leave something possibly missing."""


@dataclass(frozen=True)
class Statement:
    """One sentence, the extension that says the same to a machine, and the entries that it is about."""

    text: str
    url: str
    parts: Json = field(default_factory=dict)
    about: tuple[int, ...] = ()
    """Indexes into ``Record.entries``."""


def coverage(record: Record, language: Language) -> Statement:
    """How many were asked, how many answered, how many hold a record."""
    numbers = {"asked": len(record.sources), "answered": record.answered, "holding": record.holding}
    parts = {f"{name}:valueUnsignedInt": number for name, number in numbers.items()}
    return Statement(say("coverage", language, **numbers), COVERAGE, parts)


def gaps(record: Record) -> tuple[Gap, ...]:
    """Every gap of the record; a source that did not really answer is one, whether or not the merge said so."""
    stated = {gap.node for gap in record.gaps}
    unstated = (
        source for source in record.sources if source.state in NOT_ANSWERS and source.node not in stated
    )
    return record.gaps + tuple(Gap(source.node, source.name, source.state.value) for source in unstated)


def gap_statements(record: Record, language: Language) -> tuple[Statement, ...]:
    """One sentence for each gap."""
    states = {source.node: source.state.value for source in record.sources if source.state in NOT_ANSWERS}
    return tuple(_gap_statement(gap, states.get(gap.node, ""), language) for gap in gaps(record))


def _gap_statement(gap: Gap, state: str, language: Language) -> Statement:
    known = (f"gap-{reason}" for reason in (gap.reason, state, "other"))
    key = next(key for key in known if key in words().messages)
    parts: Json = {"source:valueCode": gap.node, "reason:valueCode": gap.reason or state or "other"}
    parts["retryable:valueBoolean"] = gap.retryable
    return Statement(say(key, language, name=gap.name[language]), GAP, parts)


def conflict_statements(record: Record, language: Language) -> tuple[Statement, ...]:
    """One sentence for each disagreement."""
    return tuple(_conflict_statement(conflict, record, language) for conflict in record.conflicts)


def _conflict_statement(conflict: Conflict, record: Record, language: Language) -> Statement:
    key = f"conflict-{conflict.kind}"
    key = key if key in words().messages else "conflict-other"
    parts = {"kind:valueCode": conflict.kind, "about:valueString": conflict.about}
    said = say(key, language, about=_about(conflict, record, language))
    return Statement(said, CONFLICT, parts, conflict.entries)


def _about(conflict: Conflict, record: Record, language: Language) -> str:
    """What a conflict is about, in the reader's language where one of its entries has that."""
    named = (called(record.entries[index].resource, language) for index in conflict.entries)
    known = (phrase.text for phrase in named if phrase.lang == language and not phrase.weak)
    return next(known, conflict.about)


def left_out(key: str, number: int, language: Language) -> tuple[Statement, ...]:
    """How many facts exist that are not listed; nothing where there are none."""
    if not number:
        return ()
    return (Statement(count(key, number, language), LEFT_OUT, {"count:valueUnsignedInt": number}),)


def note(statement: Statement, now: str, url_of: Callable[[int], str | None]) -> Json:
    """The ``note`` extension that says this statement; ``url_of`` finds an entry of the document by its index."""
    said_parts = [(name.split(":"), value) for name, value in statement.parts.items() if value != ""]
    parts: list[Json] = [{"url": name, kind: value} for (name, kind), value in said_parts]
    entries = [url for index in statement.about if (url := url_of(index))]
    parts += [{"url": "entry", "valueReference": {"reference": url}} for url in entries]
    said: Json = {"url": statement.url, **({"extension": parts} if parts else {"valueBoolean": True})}
    return {"url": NOTE, "valueAnnotation": {"extension": [said], "time": now, "text": statement.text}}
