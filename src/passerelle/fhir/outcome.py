"""What went wrong, to which element, and what to do next: OperationOutcome in English and French.

The words are in ``outcome_messages.toml``, one key with both languages. A message may hold the name
of an element, a parameter or a limit; never a value that arrived.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from passerelle.fhir.words import catalogue
from passerelle.values import Json, Language

Severity = Literal["fatal", "error", "warning", "information"]


@dataclass(frozen=True)
class Issue:
    """One thing to say. ``key`` names the message, ``code`` is a FHIR issue-type code."""

    key: str
    code: str = "invalid"
    expression: str | None = None
    details: Mapping[str, str] = field(default_factory=dict)
    severity: Severity = "error"


class BadInput(Exception):  # noqa: N818  an expected outcome, not a bug
    """What arrived cannot be accepted. The edge turns it into ``status`` and an OperationOutcome."""

    def __init__(self, *issues: Issue, status: int = 400) -> None:
        super().__init__(", ".join(issue.key for issue in issues))
        self.issues = issues
        self.status = status


def say(issue: Issue, language: Language) -> str:
    """The sentence of an issue in one language."""
    return catalogue("passerelle.fhir", "outcome_messages.toml").say(issue.key, language, **issue.details)


def operation_outcome(issues: Sequence[Issue], language: Language = "en", trace: str = "") -> Json:
    """An OperationOutcome; ``trace`` lets an operator find the request without any value in the text."""
    outcome: Json = {
        "resourceType": "OperationOutcome",
        "issue": [_entry(issue, language) for issue in issues],
    }
    if trace:
        outcome["id"] = trace
    return outcome


def _entry(issue: Issue, language: Language) -> Json:
    other: Language = "fr" if language == "en" else "en"
    entry: Json = {
        "severity": issue.severity,
        "code": issue.code,
        "details": {
            "coding": [{"system": "https://passerelle.example/fhir/CodeSystem/issue", "code": issue.key}],
            "text": say(issue, language),
            "_text": {
                "extension": [
                    {
                        "url": "http://hl7.org/fhir/StructureDefinition/translation",
                        "extension": [
                            {"url": "lang", "valueCode": other},
                            {"url": "content", "valueString": say(issue, other)},
                        ],
                    }
                ]
            },
        },
        "diagnostics": say(issue, language),
    }
    if issue.expression:
        entry["expression"] = [issue.expression]
    return entry
