"""Our check reads the summaries that others exchanged at connectathons, and finds in them what is there."""

from __future__ import annotations

import tarfile
from collections import Counter
from pathlib import Path

import pytest

from passerelle.fhir.resource import decode
from passerelle.summary.check import check
from passerelle.values import LANGUAGES, Json


@pytest.fixture(scope="module")
def summaries(shared_data: Path) -> dict[str, Json]:
    with tarfile.open(shared_data / "ips" / "world-samples.tar.xz") as members:
        streams = {member.name: members.extractfile(member) for member in members}
        return {
            name: decode(stream.read().removeprefix(b"\xef\xbb\xbf"))
            for name, stream in streams.items()
            if stream
        }


def keys(summaries: dict[str, Json], name: str) -> Counter[str]:
    return Counter(
        fault.key for fault in check(next(each for file, each in summaries.items() if name in file))
    )


@pytest.mark.parametrize("name", ["CA-IPS-Bundle1Example", "AU-example-sparked"])
def test_a_summary_that_keeps_the_rules_has_no_fault(summaries: dict[str, Json], name: str) -> None:
    assert keys(summaries, name) == {}


def test_a_search_result_is_no_document(summaries: dict[str, Json]) -> None:
    assert keys(summaries, "US_MEDITECH")["bundle-type"] == 1


def test_an_entry_that_is_missing_from_a_summary_is_found(summaries: dict[str, Json]) -> None:
    assert keys(summaries, "CA_VeroSource")["section-entry-missing"] == 1


def test_every_summary_gets_an_answer_in_both_languages(summaries: dict[str, Json]) -> None:
    assert len(summaries) == 18
    for bundle in summaries.values():
        assert all(fault.say(language) for fault in check(bundle) for language in LANGUAGES)
