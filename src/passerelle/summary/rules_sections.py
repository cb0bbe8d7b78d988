"""Does every section say what it must? Presence, words, reasons for being empty, and the entries that it may hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from passerelle.summary.emptiness import EMPTY_REASON, REASONS
from passerelle.summary.faults import Document, Fault, loinc
from passerelle.summary.narrative import fault
from passerelle.summary.sections import codes, sections
from passerelle.summary.statements import GAP, WITHHELD
from passerelle.values import Json

OTHERS = frozenset({"81338-6", "104605-1"})
"""Patient story, and the alerts of IPS 2.0: allowed, though we do not make them."""


def presence(document: Document) -> Iterator[Fault]:
    """The required sections are there; none is there twice; each has a code that a summary knows."""
    present = Counter(loinc(section.get("code")) for _, section in document.sections)
    for known in sections():
        if known.required and not present[known.loinc] and document.composition:
            yield Fault("section-missing", "Composition.section", {"section": known.key})
    for path, section in document.sections:
        code = loinc(section.get("code"))
        if not code:
            yield Fault("section-code", f"{path}.code")
        elif code not in {known.loinc for known in sections()} | OTHERS:
            yield Fault("section-unknown", f"{path}.code")
        elif present[code] > 1:
            yield Fault("section-twice", f"{path}.code")


def words(document: Document) -> Iterator[Fault]:
    """A title and a narrative for each section, no section inside a section, and a narrative for the whole."""
    for path, section in document.sections:
        if not section.get("title"):
            yield Fault("section-title", f"{path}.title")
        if not (section.get("text") or {}).get("div"):
            yield Fault("section-text", f"{path}.text")
        if section.get("section"):
            yield Fault("section-nested", f"{path}.section")
    narratives = [(f"{path}.text", section.get("text")) for path, section in document.sections]
    narratives += [(f"{path}.resource.text", resource.get("text")) for path, _, resource in document.entries]
    for path, text in narratives:
        verdict = fault(text["div"]) if isinstance(text, dict) and text.get("div") else None
        if verdict:
            yield Fault(f"narrative-{verdict}", path)


def emptiness(document: Document) -> Iterator[Fault]:
    """ips-comp-1 and cmp-2: entries or a reason why there are none, never both; the reason is one of the six."""
    for path, section in document.sections:
        empty = not section.get("entry")
        reason = section.get("emptyReason")
        if empty and not reason and (_is_required(section) or not section.get("text")):
            yield Fault("section-empty", path)
        if reason and not empty:
            yield Fault("section-both", f"{path}.emptyReason")
        said = {code for code in codes(reason) if code.startswith(f"{EMPTY_REASON}|")}
        if reason and not said & {f"{EMPTY_REASON}|{code}" for code in REASONS}:
            yield Fault("section-reason", f"{path}.emptyReason")


def honesty(document: Document) -> Iterator[Fault]:
    """Our own rule: "none known" never stands in a document that states a gap, or that something is withheld."""
    stated = _extensions(document.composition) | {
        url for _, section in document.sections for url in _extensions(section)
    }
    withheld = any("withheld" in codes(section.get("emptyReason")) for _, section in document.sections)
    for path, section in document.sections:
        if "nilknown" in codes(section.get("emptyReason")) and (withheld or stated & {GAP, WITHHELD}):
            yield Fault("section-nilknown-gap", f"{path}.emptyReason")


def _is_required(section: Json) -> bool:
    return loinc(section.get("code")) in {known.loinc for known in sections() if known.required}


def _extensions(element: Json) -> set[str]:
    """The urls of the extensions of an element, and of those inside its notes."""
    own = element.get("extension") or ()
    inner = [part for each in own for part in (each.get("valueAnnotation") or {}).get("extension") or ()]
    return {str(each.get("url")) for each in [*own, *inner]}
