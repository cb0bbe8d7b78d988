"""Whatever arrives is understood or refused with a message in both languages; nothing is a fault of the server."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as some

from passerelle.fhir.outcome import BadInput, say
from passerelle.fhir.search import matches, parameters, parse, resolve, sort_key
from tests.engines.asked import value_set

TYPES = some.sampled_from(
    ["Patient", "Observation", "Location", "MolecularSequence", "DocumentReference", "Bundle", ""]
)
PIECES = some.sampled_from(
    [
        *(
            "_has",
            "_include",
            "_sort",
            "_list",
            "_type",
            "_cursor",
            "_elements",
            "_count",
            "_id",
            "_lastUpdated",
        ),
        *(
            "name",
            "subject",
            "code",
            "date",
            "near",
            "value-quantity",
            "identifier",
            "patient",
            "relationship",
        ),
        *(
            "code-value-quantity",
            "chromosome-variant-coordinate",
            "partof",
            "missing",
            "not",
            "in",
            "below",
            "above",
        ),
        *(
            "of-type",
            "iterate",
            "Patient",
            "Observation",
            "Location",
            "*",
            ":",
            ":",
            ".",
            ".",
            "|",
            "$",
            ",",
            "\\",
        ),
        *(
            "ge",
            "ap",
            "2024",
            "2024-02-30",
            "9999-12-31T23:59:60Z",
            "0001",
            "1e99",
            "-0",
            "5.40",
            "true",
            "45",
            "-75",
        ),
        *(
            "http://unitsofmeasure.org",
            "mg",
            "[degF]",
            "%",
            "urn:s",
            "http://example.org/vs/some",
            "é",
            "\x00",
            "\ud800",
        ),
    ]
)
WORDS = some.lists(PIECES, max_size=8).map("".join)
VALUES = some.one_of(WORDS, some.text(max_size=20))


@some.composite
def params(draw):
    type = draw(TYPES)
    known = some.sampled_from(sorted(parameters(type or "Basic")))
    names = some.one_of(
        WORDS, known, some.tuples(known, PIECES).map(":".join), some.tuples(known, known).map(".".join)
    )
    return type, draw(some.lists(some.tuples(names, VALUES), max_size=3))


@settings(max_examples=400, deadline=None)
@given(params(), some.booleans())
def test_a_search_is_understood_or_refused(asked, lenient):
    type, pairs = asked
    resource = {
        "resourceType": type or "Patient",
        "id": "x",
        "name": [{"family": "Roy"}],
        "code": {"text": "é"},
    }
    try:
        query = resolve(parse(type, pairs, lenient=lenient), value_set)
        assert matches(resource, query) in (True, False)
        assert sort_key(resource, query)
    except BadInput as refused:
        for issue in refused.issues:
            assert say(issue, "en")
            assert say(issue, "fr")
