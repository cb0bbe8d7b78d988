"""Reads a page strictly: every element closed where it must be, every id once, every reference answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset(("meta", "link", "input", "img", "br", "hr"))
# Drawings: these close themselves.
SHAPES = frozenset(("circle", "rect", "path", "use", "line"))
POINTERS = ("aria-labelledby", "aria-describedby", "for")
LINKS = ("href", "action", "src", "hx-get", "hx-post")


@dataclass
class Element:
    name: str
    attributes: dict[str, str | None]


@dataclass
class Markup(HTMLParser):
    """What a page consists of, and what is wrong with it."""

    elements: list[Element] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, dict(attrs)))
        if len(dict(attrs)) != len(attrs):
            self.wrong.append(f"<{tag}> has an attribute twice")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, dict(attrs)))
        if tag not in SHAPES:
            self.wrong.append(f"<{tag}/> does not close itself")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes what is not open")

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("script", "style", "title"):
            self.text.append(data)

    @property
    def words(self) -> str:
        """What a person can read, with single blanks."""
        return " ".join("".join(self.text).split(" ")).replace("\n", " ")

    @property
    def ids(self) -> list[str]:
        return [str(each.attributes["id"]) for each in self.elements if "id" in each.attributes]

    @property
    def links(self) -> list[str]:
        return [
            str(each.attributes[name])
            for each in self.elements
            for name in LINKS
            if each.attributes.get(name)
        ]

    def named(self, name: str) -> list[Element]:
        return [each for each in self.elements if each.name == name]


def read(html: str) -> Markup:
    """Read a page to its end; ``wrong`` then says what is not well formed."""
    markup = Markup()
    markup.feed(html)
    markup.close()
    if markup.open:
        markup.wrong.append(f"left open: {', '.join(markup.open)}")
    markup.wrong += [f"id {one} stands twice" for one in set(markup.ids) if markup.ids.count(one) > 1]
    known = set(markup.ids)
    for element in markup.elements:
        for name in POINTERS:
            missing = set((element.attributes.get(name) or "").split()) - known
            markup.wrong += [f"{name} leads to no element: {one}" for one in missing]
        href = element.attributes.get("href") or ""
        if href.startswith("#") and href[1:] not in known:
            markup.wrong.append(f"href leads to no element: {href}")
    return markup
