"""Is the narrative of a resource the plain XHTML that R4 allows? Its elements, attributes, links and words.

https://hl7.org/fhir/R4/narrative.html#xhtml
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html.entities import html5
from typing import Any
from xml.parsers.expat import ExpatError, ParserCreate

from passerelle.fhir.outcome import Issue
from passerelle.fhir.profiles.items import Item, below, root
from passerelle.values import Json

XHTML = "http://www.w3.org/1999/xhtml"
_ELEMENTS = frozenset(
    [
        "a",
        "abbr",
        "acronym",
        "address",
        "area",
        "b",
        "bdo",
        "big",
        "blockquote",
        "br",
        "caption",
        "cite",
        "code",
        "col",
        "colgroup",
        "dd",
        "dfn",
        "div",
        "dl",
        "dt",
        "em",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "img",
        "kbd",
        "li",
        "map",
        "ol",
        "p",
        "pre",
        "q",
        "samp",
        "small",
        "span",
        "strong",
        "sub",
        "sup",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "tt",
        "ul",
        "var",
    ]
)
_EVERYWHERE = frozenset(
    [
        "title",
        "style",
        "class",
        "id",
        "lang",
        "xml:lang",
        "xml:space",
        "dir",
        "accesskey",
        "tabindex",
        "span",
        "width",
        "align",
        "valign",
        "char",
        "charoff",
        "abbr",
        "axis",
        "headers",
        "scope",
        "rowspan",
        "colspan",
        "xmlns",
    ]
)
_OF_ELEMENT: Mapping[str, frozenset[str]] = {
    name: frozenset(words.split())
    for name, words in {
        "a": "href name charset type hreflang rel rev shape coords",
        "area": "shape coords href nohref alt",
        "blockquote": "cite",
        "q": "cite",
        "img": "src alt longdesc height width usemap ismap border",
        "map": "name",
        "pre": "space",
        "table": "summary border frame rules cellspacing cellpadding",
        "td": "nowrap",
        "th": "nowrap",
    }.items()
}
_BLOCKS = frozenset(["div", "blockquote", "table", "ol", "ul", "p"])
_ONLY: Mapping[str, frozenset[str]] = {
    "table": frozenset({"tbody", "tr", "caption", "thead", "tfoot", "col", "colgroup"}),
    "tr": frozenset({"td", "th"}),
    **dict.fromkeys(("tbody", "thead", "tfoot"), frozenset({"tr"})),
    **dict.fromkeys(("ul", "ol"), frozenset({"li"})),
    "dl": frozenset({"dt", "dd"}),
    "map": frozenset({"area"}),
    **dict.fromkeys(("br", "hr", "img", "area", "col"), frozenset[str]()),
}
"""The elements that hold nothing but some."""
_INSIDE: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("td", "th"), frozenset({"tr"})),
    "tr": frozenset({"table", "thead", "tfoot", "tbody"}),
    **dict.fromkeys(("tbody", "thead", "tfoot", "caption", "colgroup"), frozenset({"table"})),
    "li": frozenset({"ul", "ol"}),
    **dict.fromkeys(("dt", "dd"), frozenset({"dl"})),
}
"""The elements that stand only in some."""
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]*);")
_XML_OWN = frozenset({"amp", "lt", "gt", "quot", "apos"})


class Reader:
    """What is found in one div while it is read."""

    def __init__(self) -> None:
        self.open: list[str] = []
        self.wrong: list[tuple[str, str]] = []
        """(message, name of the element or attribute)."""
        self.links: list[str] = []
        self.names: set[str] = set()
        self.says_something = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if attributes.get("xmlns", XHTML if self.open else "") != XHTML:
            self.wrong.append(("narrative-namespace", ""))
        if name not in _ELEMENTS:
            self.wrong.append(("narrative-element", name))
        elif name in _BLOCKS and "p" in self.open:
            self.wrong.append(("narrative-block", name))
        elif self.open and not _in_place(name, self.open[-1]):
            self.wrong.append(("narrative-place", name))
        for attribute in attributes:
            known = attribute in _EVERYWHERE or attribute in _OF_ELEMENT.get(name, ())
            if not known and not attribute.startswith("xmlns"):
                self.wrong.append(("narrative-attribute", attribute))
        if name == "a":
            self._link(attributes.get("href"))
        if name == "img" and attributes.get("src", "").startswith("#"):
            self.links.append(attributes["src"][1:])
        self.names.update(value for key, value in attributes.items() if key in ("id", "name"))
        self.says_something = self.says_something or name == "img"
        self.open.append(name)

    def _link(self, href: str | None) -> None:
        """Inside the resource, or to what a person can open."""
        if href == "" or (href or "").startswith(("urn:", "cid:")):
            self.wrong.append(("narrative-address", ""))
        elif href is not None and href.startswith("#"):
            self.links.append(href[1:])

    def end(self, name: str) -> None:
        self.open.pop()

    def text(self, words: str) -> None:
        self.says_something = self.says_something or not words.isspace()


def _in_place(name: str, holder: str) -> bool:
    return name in _ONLY.get(holder, {name}) and holder in _INSIDE.get(name, {holder})


def read(div: str) -> Reader | None:
    """The div read, or None if it is not one well-formed element."""
    reader = Reader()
    parser = ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text

    def refuse(*_: Any) -> None:
        raise ValueError

    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(_ENTITY.sub(_character, div.strip()), True)
    except (ExpatError, ValueError):
        return None
    return reader


def _character(match: re.Match[str]) -> str:
    """HTML's named characters, which XML does not know."""
    name = match[1]
    return match[0] if name in _XML_OWN else html5.get(f"{name};", match[0])


def issues(resource: Json) -> Iterator[Issue]:
    """What the narratives of a resource, and of those inside it, should not have."""
    links: list[tuple[str, str]] = []
    names = set[str]()
    for item in _divs(root(resource)):
        names.update(_ids(item.value) if isinstance(item.value, dict) else ())
        if item.type != "xhtml" or not isinstance(item.value, str):
            continue
        reader = read(item.value)
        if reader is None:
            continue  # told already
        yield from _of_div(reader, item.path)
        names |= reader.names
        links += [(link, item.path) for link in reader.links]
    for link, path in links:
        if link and link not in names:
            yield Issue("narrative-link", "not-found", path)


def _of_div(reader: Reader, path: str) -> Iterator[Issue]:
    for key, name in dict.fromkeys(reader.wrong):
        yield Issue(key, "invalid", path, {"name": name[:40]} if name else {})
    if not reader.says_something:
        yield Issue("narrative-empty", "invariant", path)


def _divs(item: Item) -> Iterator[Item]:
    """Every narrative, and every object on the way to one."""
    yield item
    for element, inner in below(item):
        if inner.type == "xhtml" or isinstance(inner.value, dict):
            yield from _divs(inner)
        elif element.name == "div":
            yield inner


def _ids(value: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(value.get("id"), str):
        yield value["id"]
