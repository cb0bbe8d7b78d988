"""Every example that HL7 publishes is kept as it is, whichever way it came and whichever way it leaves."""

from __future__ import annotations

import tarfile
from dataclasses import replace

import pytest

from passerelle.fhir.resource import decode
from passerelle.fhir.xml import from_xml, to_xml
from tests.spec.over_http import JSON, XML, Node


@pytest.fixture(scope="module")
def examples(shared_data):
    with tarfile.open(shared_data / "fhir-r4-examples/instances.tar.xz") as archive:
        return [archive.extractfile(each).read() for each in archive if each.isfile()]


@pytest.fixture
def node():
    node = Node(max_bytes=64 * 1024 * 1024)
    # Some examples break the rules on purpose; here only their form is looked at.
    node.edge.here = replace(node.here, validate=False)
    return node


def same(sent, kept):
    """Equal but for what a server writes into meta, every digit counting."""

    def outline(value):
        if isinstance(value, dict):
            return sorted((name, outline(each)) for name, each in value.items())
        if isinstance(value, list):
            return [outline(each) for each in value]
        return f"{type(value).__name__} {value}"

    def plain(resource):
        meta = {n: v for n, v in resource.get("meta", {}).items() if n not in ("versionId", "lastUpdated")}
        return outline({**resource, "meta": meta or None})

    return plain(sent) == plain(kept)


@pytest.mark.parametrize(("sent", "asked"), [(JSON, JSON), (XML, JSON), (JSON, XML)])
def test_an_example_is_read_as_it_was_written(node, examples, sent, asked):
    wrong = []
    for body in examples:
        resource = decode(body)
        place = f"/{resource['resourceType']}/{resource['id']}"
        written = node.ask("PUT", place, body if sent == JSON else to_xml(resource), content_type=sent)
        answer = node.ask("GET", place, accept=asked)
        if written.status not in (200, 201) or answer.status != 200:
            wrong.append((place, written.status, answer.status))
        elif not same(resource, (decode if asked == JSON else from_xml)(answer.body)):
            wrong.append((place, "changed"))
    assert wrong == []
    assert len(examples) > 500
