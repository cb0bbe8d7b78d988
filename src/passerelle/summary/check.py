"""Is this a Canadian patient summary? Every rule of PS-CA 2.1.1-DFT that we know, and one of our own.

The rules read any document Bundle, ours or another's. A fault has a stable key, a path and words in both languages.
Whether each resource is R4 at all is the question of ``fhir.validate``; here only what has the wrong shape is told
(key ``shape``), and then the rules, which could not read it, wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from passerelle.summary import rules_document, rules_entries, rules_sections
from passerelle.summary.faults import Document, Fault
from passerelle.summary.shape import misshapen
from passerelle.values import Json

__all__ = ["RULES", "Fault", "check"]

RULES: tuple[Callable[[Document], Iterator[Fault]], ...] = (
    rules_document.bundle,
    rules_document.addresses,
    rules_document.first,
    rules_document.composition,
    rules_document.links,
    rules_document.reach,
    rules_sections.presence,
    rules_sections.words,
    rules_sections.emptiness,
    rules_sections.honesty,
    rules_entries.kinds,
    rules_entries.profiles_kept,
    rules_entries.person,
)


def check(bundle: Json) -> tuple[Fault, ...]:
    """Everything that is wrong with a summary, in the order of the rules; nothing for a good one."""
    issues = misshapen(bundle)
    if issues:
        return tuple(Fault("shape", issue.expression or "Bundle") for issue in issues)
    document = Document(bundle)
    return tuple(fault for rule in RULES for fault in rule(document))
