"""Whatever R4 can say, XML says too: resources made at random from the definitions come back the same."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle.fhir.definitions import resource_types, structure
from passerelle.fhir.resource import encode
from passerelle.fhir.xml import from_xml, to_xml

TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=8
)
SPACED = st.one_of(TEXT, st.sampled_from(["a\nb", "\t", "x\r\ny", "<a b='c'>&amp;\"", "]]>"]))
DECIMALS = st.tuples(st.integers(-(10**20), 10**20), st.integers(0, 15)).map(
    lambda parts: Decimal(parts[0]).scaleb(-parts[1]) if parts[1] else parts[0]
)
NARRATIVES = st.sampled_from(["", "a &lt; b", "<p>é<br/></p>", "<!-- x --><a href='urn:y'>z</a>\n"]).map(
    lambda inside: f'<div xmlns="http://www.w3.org/1999/xhtml">{inside}.</div>'
)
VALUES = {
    "boolean": st.booleans(),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "unsignedInt": st.integers(0, 2**31 - 1),
    "positiveInt": st.integers(1, 2**31 - 1),
    "decimal": DECIMALS,
    "xhtml": NARRATIVES,
}
RESOURCES = sorted(resource_types())


@st.composite
def elements(draw, type, part="", depth=0):
    """A few elements of a type, each with or without a value, an id and extensions."""
    found = structure(type)
    resource = found.kind == "resource" and not part
    value = {"resourceType": type} if resource else {}
    if type == "Extension":
        value["url"] = draw(TEXT)
    rows = [row for row in found.parts[part] if row.name not in ("url", "contained") or type != "Extension"]
    chosen = draw(st.lists(st.sampled_from(rows), max_size=4, unique_by=lambda row: row.name)) if rows else []
    for row in chosen:
        name, kind = draw(st.sampled_from(row.json_names()))
        if structure(kind.lstrip("#")) is None and not kind.startswith("#"):
            value |= draw(primitives(name, kind, row.many, depth))
        elif depth < 3:
            one = content(type, kind, depth)
            value[name] = draw(st.lists(one, min_size=1, max_size=2)) if row.many else draw(one)
    if not resource and (not value or draw(st.integers(0, 5)) == 0):
        value["id"] = draw(TEXT)
    return value


def content(owner, kind, depth):
    if kind == "Resource":
        return st.sampled_from(RESOURCES).flatmap(lambda type: elements(type, "", depth + 1))
    if kind.startswith("#"):
        return elements(owner, kind[1:], depth + 1)
    return elements(kind, "", depth + 1)


@st.composite
def primitives(draw, name, kind, many, depth):
    one = VALUES.get(kind, SPACED)
    if kind == "xhtml":
        return {name: draw(one)}
    shadow = st.fixed_dictionaries(
        {"id": TEXT}, optional={"extension": st.just([{"url": "urn:x", "valueCode": "y"}])}
    )
    pairs = draw(
        st.lists(st.tuples(st.none() | one, st.none() | shadow), min_size=1, max_size=3 if many else 1)
    )
    pairs = [pair if pair != (None, None) else (draw(one), None) for pair in pairs]
    values, shadows = [value for value, _ in pairs], [its for _, its in pairs]
    said = {}
    if any(value is not None for value in values):
        said[name] = values if many else values[0]
    if any(its is not None for its in shadows):
        said[f"_{name}"] = shadows if many else shadows[0]
    return said


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(RESOURCES).flatmap(elements))
def test_a_resource_is_the_same_after_xml(resource):
    again = from_xml(to_xml(resource))
    assert again == resource
    assert to_xml(again) == to_xml(resource)
    assert sorted(encode(again)) == sorted(encode(resource))
