"""What does a person read? XHTML of the subset that FHIR R4 allows, with everything that came from outside escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from xml.parsers import expat

from passerelle.fhir.speech import tag
from passerelle.summary.details import Row
from passerelle.summary.vocabulary import vocabulary
from passerelle.summary.wording import say
from passerelle.values import Json, Language

XHTML = "http://www.w3.org/1999/xhtml"

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Markup(str):
    """A piece of XHTML that is already escaped."""

    __slots__ = ()


def text(value: str) -> Markup:
    """Text from anywhere, escaped, without the characters that XML 1.0 cannot hold."""
    return Markup(escape(_NOT_XML.sub("", value), quote=True))


def element(name: str, *children: str, **attributes: str) -> Markup:
    """An element of the allowed subset; a child that is not Markup is escaped."""
    inside = "".join(child if isinstance(child, Markup) else text(child) for child in children)
    given = "".join(f' {key.replace("_", ":")}="{text(value)}"' for key, value in attributes.items())
    return Markup(f"<{name}{given}>{inside}</{name}>")


def narrative(language: Language, *blocks: Markup) -> Json:
    """A Narrative in one language."""
    div = element("div", *blocks, xmlns=XHTML, xml_lang=tag(language), lang=tag(language))
    return {"status": "generated", "div": str(div)}


def paragraphs(sentences: Iterable[str]) -> list[Markup]:
    return [element("p", sentence) for sentence in sentences]


def bullets(sentences: Sequence[str]) -> list[Markup]:
    """A list, or nothing for no sentences."""
    return [element("ul", *(element("li", sentence) for sentence in sentences))] if sentences else []


def table(rows: Iterable[tuple[Row, str]], language: Language) -> Markup:
    """One line for each fact, with the names of the sources that state it."""
    columns = ("what", "details", "status", "when", "source")
    head = element("tr", *(element("th", say(f"column-{column}", language)) for column in columns))
    lines = [
        element(
            "tr", _name(row), *(element("td", cell) for cell in (row.details, row.status, row.when, told))
        )
        for row, told in rows
    ]
    return element("table", element("thead", head), element("tbody", *lines))


def _name(row: Row) -> Markup:
    if not row.lang:
        return element("td", row.what)
    return element("td", element("span", row.what, xml_lang=row.lang, lang=row.lang))


def fault(div: str) -> str | None:
    """Why this is not an R4 narrative (``malformed``, ``forbidden`` or ``empty``), or None if it is one."""
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=None)
    parser.StartDoctypeDeclHandler = reader.doctype
    parser.StartElementHandler = reader.start
    parser.CharacterDataHandler = reader.characters
    try:
        parser.Parse(div, True)
    except _DoctypeError:
        return "forbidden"
    except (expat.ExpatError, UnicodeEncodeError):
        return "malformed"
    return reader.verdict()


def _allowed(name: str, attributes: Mapping[str, str]) -> bool:
    """The basic formatting of https://hl7.org/fhir/R4/narrative.html#rules; no script, form, frame or event."""
    return name in vocabulary("xhtml_elements") and attributes.keys() <= vocabulary("xhtml_attributes")


class _DoctypeError(Exception):
    """A document type could declare entities that grow without end: reading stops there."""


class _Reader:
    """What the parser met on its way through one div."""

    def __init__(self) -> None:
        self.root = ""
        self.namespace = ""
        self.forbidden = False
        self.content = False

    def doctype(self, *_: object) -> None:
        raise _DoctypeError

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if not self.root:
            self.root, self.namespace = name, attributes.get("xmlns", "")
        self.content = self.content or name == "img"
        active = any(value.strip().lower().startswith("javascript:") for value in attributes.values())
        self.forbidden = self.forbidden or active or not _allowed(name, attributes)

    def characters(self, data: str) -> None:
        self.content = self.content or bool(data.strip())

    def verdict(self) -> str | None:
        if self.root != "div" or self.namespace != XHTML:
            return "malformed"
        if self.forbidden:
            return "forbidden"
        return None if self.content else "empty"
