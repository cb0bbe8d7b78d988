"""Who answered, who did not, and what may therefore be missing, in words with a next step."""

from __future__ import annotations

from dataclasses import dataclass

from passerelle.fhir.record import Gap, Source, State
from passerelle.portals.reading import Badge, Reading, badge
from passerelle.portals.speech import Speech

STATE_WORDS = {
    State.ANSWERED: "state-answered",
    State.EMPTY: "state-empty",
    State.UNCERTAIN: "state-uncertain",
    State.SILENT: "state-silent",
    State.REFUSED: "state-refused",
    State.FAULTY: "state-faulty",
    State.WAITING: "state-waiting",
}
"""The badge of each state."""

STATE_TONES = {
    State.ANSWERED: "good",
    State.EMPTY: "quiet",
    State.UNCERTAIN: "care",
    State.SILENT: "bad",
    State.REFUSED: "care",
    State.FAULTY: "bad",
    State.WAITING: "quiet",
}

_STATE_REASONS = {
    State.UNCERTAIN: ("gap-uncertain", "next-uncertain"),
    State.SILENT: ("gap-silent", "next-silent"),
    State.REFUSED: ("gap-refused", "next-refused"),
    State.FAULTY: ("gap-faulty", "next-faulty"),
}
_OTHER = ("gap-other", "next-other")

_REASONS = {
    "deadline": ("gap-deadline", "next-silent"),
    "connection": ("gap-connection", "next-silent"),
    "uncertain-match": ("gap-uncertain", "next-uncertain"),
    "refused-here": ("gap-refused", "next-refused"),
    "no-agreement": ("gap-no-agreement", "next-no-agreement"),
    "not-a-record": ("gap-faulty", "next-faulty"),
    "error-there": ("gap-error-there", "next-faulty"),
    "too-large": ("gap-too-large", "next-too-large"),
    "another-patient": ("gap-another-patient", "next-faulty"),
    "withheld": ("gap-withheld", "next-withheld"),
    "incomplete": ("gap-incomplete", "next-faulty"),
}
"""What a gap's reason means to a reader, and what they can do; the state of the source speaks for the rest."""


@dataclass(frozen=True)
class SourceRow:
    """One line of the source table. ``seconds`` and ``items`` are already words, or empty."""

    badge: Badge
    state: str
    tone: str
    seconds: str
    items: str


@dataclass(frozen=True)
class MissingRow:
    """One thing that may be missing: where, why, what to do, and whether asking again can help."""

    name: str
    reason: str
    next_step: str
    retryable: bool


def source_rows(reading: Reading) -> tuple[SourceRow, ...]:
    return tuple(_source_row(reading, source) for source in reading.sources)


def _source_row(reading: Reading, source: Source) -> SourceRow:
    speech = reading.speech
    holds = source.state is State.ANSWERED
    return SourceRow(
        badge(source.node, reading.names[source.node]),
        speech(STATE_WORDS[source.state]),
        STATE_TONES[source.state],
        speech.seconds(source.seconds) if source.seconds is not None else "",
        speech.number(source.items) if holds or source.state is State.EMPTY else "–",
    )


def missing_rows(reading: Reading) -> tuple[MissingRow, ...]:
    """Every gap of the record, those that can be tried again first."""
    states = {source.node: source.state for source in reading.sources}
    own = reading.viewer.kind == "patient"
    rows = (missing_row(gap, reading.speech, states.get(gap.node), own=own) for gap in reading.record.gaps)
    return tuple(sorted(rows, key=lambda row: not row.retryable))


def missing_row(gap: Gap, speech: Speech, state: State | None = None, *, own: bool = False) -> MissingRow:
    """A gap in words; a patient reading their ``own`` record is not told to ask the patient."""
    reason, next_step = _REASONS.get(gap.reason) or _STATE_REASONS.get(state or State.WAITING) or _OTHER
    if own:
        next_step = "next-own-retry" if gap.retryable else "next-own"
    return MissingRow(gap.name[speech.language], speech(reason), speech(next_step), gap.retryable)


def waiting_names(reading: Reading) -> tuple[str, ...]:
    return tuple(reading.names[source.node] for source in reading.sources if source.state is State.WAITING)
