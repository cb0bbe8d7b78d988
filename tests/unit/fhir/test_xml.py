"""A resource is the same resource in XML."""

from __future__ import annotations

import tarfile
from decimal import Decimal

import pytest
from lxml import etree

from passerelle.fhir.intake import Limits, read_json
from passerelle.fhir.outcome import BadInput, say
from passerelle.fhir.resource import encode
from passerelle.fhir.xml import from_xml, to_xml

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">'


def written(**elements):
    text = to_xml({"resourceType": "Patient", **elements}).decode()
    assert text.startswith(f'{HEAD}<Patient xmlns="http://hl7.org/fhir">')
    return text.partition('fhir">')[2].removesuffix("</Patient>")


def read(inside, head=""):
    return from_xml(f'{head}<Patient xmlns="http://hl7.org/fhir">{inside}</Patient>'.encode())


def refusal(body, **limits):
    with pytest.raises(BadInput) as refused:
        from_xml(
            body
            if isinstance(body, bytes)
            else f'<Patient xmlns="http://hl7.org/fhir">{body}</Patient>'.encode(),
            Limits(**limits),
        )
    [issue] = refused.value.issues
    assert say(issue, "en") != say(issue, "fr")
    return issue.key, issue.expression


def test_elements_stand_in_the_order_of_their_definition():
    text = written(birthDate="2001-02-03", gender="male", active=True, meta={"source": "urn:x"}, id="p1")
    assert text == (
        '<id value="p1"/><meta><source value="urn:x"/></meta><active value="true"/><gender value="male"/>'
        '<birthDate value="2001-02-03"/>'
    )


def test_the_id_of_an_element_is_an_attribute_and_so_is_the_url_of_an_extension():
    extension = {"id": "e", "url": "urn:x", "valueDecimal": Decimal("1.50")}
    assert (
        written(extension=[extension])
        == '<extension id="e" url="urn:x"><valueDecimal value="1.50"/></extension>'
    )


def test_extensions_come_before_everything_else_in_an_element():
    name = {"family": "Roy", "extension": [{"url": "urn:x", "valueBoolean": False}], "id": "n"}
    assert written(name=[name]) == (
        '<name id="n"><extension url="urn:x"><valueBoolean value="false"/></extension><family value="Roy"/></name>'
    )


def test_a_primitive_carries_its_own_id_and_extensions():
    name = {
        "given": ["Ann", None],
        "_given": [{"id": "g"}, {"extension": [{"url": "urn:x", "valueCode": "y"}]}],
    }
    text = written(name=[name])
    assert text == (
        '<name><given id="g" value="Ann"></given>'
        '<given><extension url="urn:x"><valueCode value="y"/></extension></given></name>'
    )
    assert read(text) == {"resourceType": "Patient", "name": [name]}


def test_white_space_and_markup_in_a_value_survive():
    value = 'a\n\tb\r <c> & "d" \'é 💡'
    assert read(written(implicitRules=value))["implicitRules"] == value


def test_a_contained_resource_and_an_entry_are_resources_of_their_own():
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {
                "fullUrl": "urn:x",
                "resource": {
                    "resourceType": "Patient",
                    "contained": [{"resourceType": "Organization", "id": "o"}],
                },
            }
        ],
    }
    text = to_xml(bundle)
    assert (
        b'<resource><Patient><contained><Organization><id value="o"/></Organization></contained></Patient>'
        in text
    )
    assert from_xml(text) == bundle


def test_an_element_that_happens_to_be_called_resource_type_is_an_element():
    scenario = {
        "resourceType": "ExampleScenario",
        "instance": [{"resourceId": "1", "resourceType": "Patient"}],
    }
    assert from_xml(to_xml(scenario)) == scenario


@pytest.mark.parametrize(
    "digits", ["1.0", "1.50", "-0.00", "0.1000000000000000000001", "0.0000005", "100000000000000000000.5"]
)
def test_a_decimal_keeps_its_digits(digits):
    value = read(f'<extension url="urn:x"><valueDecimal value="{digits}"/></extension>')
    assert encode(value).endswith(b'"valueDecimal":' + digits.encode() + b"}]}")


def test_pretty_is_one_element_a_line_and_the_same_resource():
    text = {"status": "generated", "div": f"{DIV}a<br/>\n b</div>"}
    patient = {"resourceType": "Patient", "text": text, "name": [{"family": "Roy", "_family": {"id": "f"}}]}
    body = to_xml(patient, pretty=True)
    assert body.decode().splitlines()[1:4] == [
        '<Patient xmlns="http://hl7.org/fhir">',
        "  <text>",
        '    <status value="generated"/>',
    ]
    assert b"\n  <name>\n    <family id=" in body
    assert from_xml(body) == patient


# --- narrative ---


@pytest.mark.parametrize(
    "inside",
    ["a<br/>b<br />", "&#160;&lt;&amp;", "<!-- c --><p class='x'>é</p>", "<p title='a>b'>\n\t</p>", "a\r\nb"],
)
def test_a_narrative_is_kept_as_it_was_written(inside):
    text = {"status": "generated", "div": f"{DIV}{inside}</div>"}
    assert read(written(text=text))["text"] == text


def test_a_narrative_with_a_prefix_is_written_again_without_it():
    h = "http://www.w3.org/1999/xhtml"
    div = read(f'<text><h:div xmlns:h="{h}"><h:p class="a">x &lt; y</h:p></h:div></text>')["text"]["div"]
    assert div == f'{DIV}<p class="a">x &lt; y</p></div>'


def test_a_picture_in_a_narrative_keeps_its_namespaces():
    inside = '<svg xmlns="http://www.w3.org/2000/svg"><text>a</text></svg><p xml:lang="fr">b</p>'
    text = {"status": "generated", "div": f"{DIV}{inside}</div>"}
    assert read(written(text=text))["text"] == text
    declared = 'xmlns:s="http://www.w3.org/2000/svg" xmlns="http://www.w3.org/1999/xhtml"'
    div = read(f"<text><div {declared}><s:svg><s:text>a</s:text><p>b</p></s:svg></div></text>")["text"]["div"]
    svg, p = 'xmlns="http://www.w3.org/2000/svg"', 'xmlns="http://www.w3.org/1999/xhtml"'
    assert div == f"{DIV}<svg {svg}><text>a</text><p {p}>b</p></svg></div>"


def test_an_entity_that_only_html_knows_becomes_its_character():
    assert written(text={"div": "<div>a&nbsp;b</div>"}) == f"<text>{DIV}a\u00a0b</div></text>"


@pytest.mark.parametrize(
    "div", ["<div>a", "<div>a</div><script/>", "</text>", "<div>&nothing;</div", "<p/>", "<!DOCTYPE a><div/>"]
)
def test_a_narrative_that_is_not_xhtml_stays_within_its_place(div):
    root = etree.fromstring(to_xml({"resourceType": "Patient", "text": {"div": div}, "active": True}))
    assert [etree.QName(child).localname for child in root] == ["text", "active"]
    assert "".join(root[0][0].itertext()) == div
    assert len(root[0][0]) == 0


# --- what is refused ---


@pytest.mark.parametrize(
    ("inside", "key", "place"),
    [
        ('<foo value="1"/>', "xml-unknown-element", "Patient.foo"),
        ('<name/><name><giben value="A"/></name>', "empty-value", "Patient.name[0]"),
        ('<name><given value="A"/><giben value="A"/></name>', "xml-unknown-element", "Patient.name[0].giben"),
        ('<active value="yes"/>', "primitive-format", "Patient.active"),
        ('<multipleBirthInteger value="1.5"/>', "primitive-format", "Patient.multipleBirthInteger"),
        ('<active value="true"/><active value="true"/>', "xml-twice", "Patient.active"),
        ('<active value="true" other="x"/>', "xml-unknown-attribute", "Patient.active"),
        ("<active>true</active>", "xml-text", "Patient.active"),
        ("<contained><Foo/></contained>", "xml-unknown-type", "Patient.contained[0]"),
        ("<contained><Patient/><Patient/></contained>", "single-expected", "Patient.contained[0]"),
        ("<text><div>a</div></text>", "xml-unknown-element", "Patient.text.div"),
        ('<active xmlns="urn:other" value="true"/>', "xml-namespace", "Patient.active"),
    ],
)
def test_what_does_not_belong_is_refused_with_its_place(inside, key, place):
    assert refusal(inside) == (key, place)


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b"", "xml-malformed"),
        (b"{}", "xml-malformed"),
        (b"<Patient>", "xml-namespace"),
        (b'<Patient xmlns="http://hl7.org/fhir">', "xml-malformed"),
        (b'<?xml version="1.0" encoding="ebcdic"?><a/>', "xml-encoding"),
        (b"<a>\xff</a>", "xml-encoding"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><Patient xmlns="http://hl7.org/fhir"/>', "xml-doctype"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><Patient xmlns="http://hl7.org/fhir"/>', "xml-doctype"),
        (b'<Patient xmlns="http://hl7.org/fhir"><id value="&amp;&b;"/></Patient>', "xml-malformed"),
    ],
)
def test_what_is_not_fhir_xml_is_refused(body, key):
    assert refusal(body)[0] == key


def test_what_is_too_big_or_too_deep_is_refused():
    assert refusal("<extension url='x'>" * 9000)[0] == "xml-too-deep"
    assert refusal(f"<text>{DIV}{'<p>' * 9000}")[0] == "xml-too-deep"
    assert refusal("<active value='true'/>", max_bytes=10)[0] == "too-large"


def test_a_place_for_a_schema_is_no_content():
    xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://hl7.org/fhir ../p.xsd"'
    assert from_xml(f'<Patient xmlns="http://hl7.org/fhir" {xsi}/>'.encode()) == {"resourceType": "Patient"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1"])
def test_the_encoding_that_a_document_declares_is_read(encoding):
    head = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>'
    body = f'{head}<Patient xmlns="http://hl7.org/fhir"><id value="é"/></Patient>'.encode(encoding)
    assert from_xml(body)["id"] == "é"


@pytest.mark.parametrize(
    ("elements", "key", "place"),
    [
        ({"foo": 1}, "xml-unknown-element", "Patient.foo"),
        ({"name": [{"given": "A"}]}, "list-expected", "Patient.name[0].given"),
        ({"contained": [{"id": "x"}]}, "element-required", "Patient.contained[0].resourceType"),
    ],
)
def test_json_that_has_no_place_in_xml_is_refused_with_its_place(elements, key, place):
    with pytest.raises(BadInput) as refused:
        to_xml({"resourceType": "Patient", **elements})
    assert [(i.key, i.expression) for i in refused.value.issues] == [(key, place)]


# --- what HL7 publishes ---


def test_every_official_example_is_the_same_after_xml(shared_data):
    with tarfile.open(shared_data / "fhir-r4-examples/instances.tar.xz") as archive:
        bodies = [archive.extractfile(each).read() for each in archive if each.isfile()]
    assert len(bodies) > 500
    for body in bodies:
        resource = read_json(body, Limits())
        again = from_xml(to_xml(resource))
        # Written again, so that every digit counts; the order of names in an object does not.
        assert _sorted(again) == _sorted(resource)


def test_elements_stand_as_in_the_xml_that_hl7_writes(shared_data):
    for path in sorted((shared_data / "fhirpath-r4/input").glob("*.xml")):
        if path.name == "observation-example.xml":
            continue  # it has its extension at the end, against the schema: it is read, and put in order
        ours = etree.fromstring(to_xml(from_xml(path.read_bytes())))
        theirs = etree.fromstring(path.read_bytes())
        assert _outline(ours) == _outline(theirs), path.name


def _sorted(value):
    if isinstance(value, dict):
        return sorted((name, _sorted(each)) for name, each in value.items())
    if isinstance(value, list):
        return [_sorted(each) for each in value]
    return f"{type(value).__name__} {value}"


def _outline(root):
    return [(each.tag, {k: v for k, v in each.items() if k[0] != "{"}) for each in root.iter(etree.Element)]
