"""The XHTML inside a FHIR document, as the text that JSON holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

_XML = "http://www.w3.org/XML/1998/namespace "


class LeaningError(Exception):
    """A div means something only with what is declared around it: the document has to be read again, slowly."""


class Narrative:
    """One div while it is read: the text that was sent. It has to stand alone, without a prefix or namespace that was
    declared around it."""

    def __init__(self, source: bytes, first: int) -> None:
        self.source = source
        self.first = first
        self.depth = 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name.count(" ") > 1 or any(" " in each and not each.startswith(_XML) for each in attributes):
            raise LeaningError
        if not self.depth and not _OWN.match(self.source, self.first):
            raise LeaningError
        self.depth += 1

    def text(self, text: str) -> None:
        pass

    def end(self, name: str) -> bool:
        """Whether the div itself has ended."""
        self.depth -= 1
        return not self.depth

    def said(self, at: int) -> str:
        """The div, whose end tag starts at this byte."""
        if not self.source.startswith(b"</", at):
            raise LeaningError  # it ends where it starts, so that there is no end tag
        text = self.source[self.first : self.source.index(b">", at) + 1].decode()
        return _RETURN.sub("\r", text)


class Rewritten(Narrative):
    """One div that does not stand alone, written again so that it does."""

    def __init__(self, source: bytes, first: int) -> None:
        super().__init__(source, first)
        self.again: list[str] = []
        self.spaces = [""]

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        uri, local = _parts(name)
        said = [] if uri == self.spaces[-1] else [f" xmlns={quoteattr(uri)}"]
        for each, value in attributes.items():
            prefix = "xml:" if each.startswith(_XML) else ""
            said.append(f" {prefix}{_parts(each)[1]}={quoteattr(value, _WHITE)}")
        self.again.append(f"<{local}{''.join(said)}>")
        self.spaces.append(uri)
        self.depth += 1

    def text(self, text: str) -> None:
        self.again.append(escape(text))

    def end(self, name: str) -> bool:
        self.again.append(f"</{_parts(name)[1]}>")
        self.spaces.pop()
        return super().end(name)

    def said(self, at: int) -> str:
        return "".join(self.again)


_WHITE = {"\n": "&#10;", "\t": "&#9;", "\r": "&#13;"}
_RETURN = re.compile(r"&#(?:13|x0*[dD]);")
_OWN = re.compile(rb"""<div(?:\s+[^\s=>]+\s*=\s*(?:"[^"]*"|'[^']*'))*?\s+xmlns\s*=""")


def _parts(name: str) -> tuple[str, str]:
    """(namespace, local name), whatever the prefix."""
    parts = name.split(" ")
    return (parts[0], parts[1]) if len(parts) > 1 else ("", parts[0])
