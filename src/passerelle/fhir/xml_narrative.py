"""The XHTML inside a FHIR document, as the text that JSON holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

from passerelle.fhir.xml_tables import XHTML

_XML = "http://www.w3.org/XML/1998/namespace"


class Narrative:
    """One div while it is read.

    It is kept as it was written when it says everything itself. When it leans on what is around it (a prefix that
    was declared outside, or a namespace that it inherits) it is written again.
    """

    def __init__(self, source: bytes, first: int) -> None:
        self.source = source
        self.first = first
        self.last = first
        self.depth = 0
        self.alone = source.startswith(b"<div", first) and _declares(source, first)
        self.again: list[str] = []

    def start(self, name: str, attributes: Mapping[str, str], at: int) -> None:
        uri, local, prefixed = _parts(name)
        inherits = self.depth and uri == XHTML and not prefixed
        self.alone = self.alone and not prefixed and (inherits or not self.depth)
        said = []
        for each, value in attributes.items():
            space, plain, foreign = _parts(each)
            if foreign and space != _XML:
                self.alone = False
            said.append(f" {'xml:' if space == _XML else ''}{plain}={quoteattr(value, _WHITE)}")
        space = "" if self.depth and uri == XHTML else f" xmlns={quoteattr(uri)}"
        self.again.append(f"<{local}{space}{''.join(said)}>")
        self.depth += 1

    def text(self, text: str) -> None:
        self.again.append(escape(text))

    def end(self, name: str, at: int) -> bool:
        """Whether the div itself has ended."""
        self.again.append(f"</{_parts(name)[1]}>")
        self.depth -= 1
        if self.depth:
            return False
        if self.source.startswith(b"</", at):
            self.last = self.source.index(b">", at) + 1
        else:  # a div that ends where it starts says nothing that could be lost
            self.alone = False
        return True

    def said(self) -> str:
        if not self.alone:
            return "".join(self.again)
        text = self.source[self.first : self.last].decode()
        return _RETURN.sub("\r", text)


_WHITE = {"\n": "&#10;", "\t": "&#9;", "\r": "&#13;"}
_RETURN = re.compile(r"&#(?:13|x0*[dD]);")
_OWN = re.compile(rb"""<div(?:\s+[^\s=>]+\s*=\s*(?:"[^"]*"|'[^']*'))*?\s+xmlns\s*=""")


def _declares(source: bytes, first: int) -> bool:
    """Whether the tag here declares its own namespace."""
    return _OWN.match(source, first) is not None


def _parts(name: str) -> tuple[str, str, bool]:
    """(namespace, local name, whether it was written with a prefix)."""
    parts = name.split(" ")
    if len(parts) == 1:
        return "", parts[0], False
    return parts[0], parts[1], len(parts) == 3
