"""The command line against the running country: one record from everywhere, and who was silent."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

from tests.network.country import COMMAND, Country

HER = "Marie-Ève Tremblay"
HOLDING = {"British Columbia", "Manitoba", "Nova Scotia", "Ontario", "Québec"}
EN_FRANCAIS = {"Colombie-Britannique", "Manitoba", "Nouvelle-Écosse", "Ontario", "Québec"}
INCOMPLETE = 3
"""The exit code that says: this may not be all."""


def _run(country: Country, *words: str, code: int = 0) -> str:
    environment = {**os.environ, "COLUMNS": "160", "NO_COLOR": "1", "TERM": "dumb"}
    command = [COMMAND, *words, "--network", str(country.file)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == code, done.stderr
    return done.stdout


def _sources(shown: str, answer: str) -> set[str]:
    """The sources whose line in the table of sources says this."""
    return {match[1] for match in re.finditer(rf"^(\S.*?) {{2,}}{answer} {{2,}}", shown, re.MULTILINE)}


def _missing(shown: str, heading: str) -> list[str]:
    """The lines that say what may be missing."""
    after = shown.split(f"\n{heading}\n", 1)[1]
    return [line.strip() for line in after.split("\n\n")[0].splitlines()]


def test_one_command_prints_what_five_provinces_know_as_one_record(country: Country) -> None:
    shown = _run(country, "record", HER)
    assert shown.count(HER) == 1
    assert "13 of 13 sources answered, 5 hold a record" in shown
    assert _sources(shown, "Answered") == HOLDING
    assert len(_sources(shown, "No record")) == 8
    assert "every source that was asked" in _missing(shown, "What may be missing")[0].casefold()
    assert "Dose differs between sources" in shown
    assert "Only in Québec" in shown


def test_a_silent_source_is_named_first_and_the_others_are_shown(country: Country) -> None:
    with country.paused("ns"):
        shown = _run(country, "record", HER, code=INCOMPLETE)
    assert _sources(shown, "Answered") == HOLDING - {"Nova Scotia"}
    assert _sources(shown, "No answer") == {"Nova Scotia"}
    (said,) = _missing(shown, "What may be missing")
    assert said.startswith("• Nova Scotia: ")
    assert shown.index("What may be missing") < shown.index("Problems")
    assert _sources(_run(country, "record", HER), "Answered") == HOLDING


def test_in_french_every_word_of_it_is_french(country: Country) -> None:
    with country.paused("ns"):
        shown = _run(country, "record", HER, "--language", "fr", code=INCOMPLETE)
    assert "12 sources sur 13 ont répondu, 4 ont un dossier" in shown
    assert _sources(shown, "A répondu") == EN_FRANCAIS - {"Nouvelle-Écosse"}
    (said,) = _missing(shown, "Ce qui peut manquer")
    assert said.startswith("• Nouvelle-Écosse\u00a0: ")
    assert not re.search(r"\b(sources answered|Answered|No record|Problems|Medications|years)\b", shown)


def test_as_json_it_is_a_searchset_with_one_outcome_for_each_silent_source(country: Country) -> None:
    whole = json.loads(_run(country, "record", HER, "--json"))
    assert (whole["resourceType"], whole["type"]) == ("Bundle", "searchset")
    assert _outcomes(whole) == []
    with country.paused("ns", "mb"):
        bundle = json.loads(_run(country, "record", HER, "--json"))
    outcomes = _outcomes(bundle)
    assert len(outcomes) == 2
    assert {issue["code"] for outcome in outcomes for issue in outcome["issue"]} == {"timeout"}
    said = " ".join(outcome["issue"][0]["details"]["text"] for outcome in outcomes)
    assert "Nova Scotia" in said
    assert "Manitoba" in said
    assert len(_matches(bundle)) < len(_matches(whole))
    assert bundle["total"] == len(_matches(bundle))


def _outcomes(bundle: dict) -> list[dict]:
    return [entry["resource"] for entry in bundle["entry"] if entry["search"]["mode"] == "outcome"]


def _matches(bundle: dict) -> list[str]:
    return [entry["fullUrl"] for entry in bundle["entry"] if entry["search"]["mode"] == "match"]


def test_every_fact_of_the_json_says_where_it_comes_from(country: Country) -> None:
    bundle = json.loads(_run(country, "record", HER, "--json"))
    named = {
        target["reference"]
        for entry in bundle["entry"]
        if entry["resource"]["resourceType"] == "Provenance"
        for target in entry["resource"]["target"]
    }
    facts = set(_matches(bundle))
    assert facts
    assert facts <= named


def test_a_summary_is_a_document_that_says_what_it_lacks(country: Country) -> None:
    with country.paused("ns"):
        document = json.loads(_run(country, "record", HER, "--summary", "--json"))
    assert (document["resourceType"], document["type"]) == ("Bundle", "document")
    composition = document["entry"][0]["resource"]
    assert composition["resourceType"] == "Composition"
    assert "Nova Scotia" in json.dumps(composition, ensure_ascii=False)


def test_what_somebody_would_type_finds_the_same_person_from_any_node(country: Country) -> None:
    typed = _run(country, "record", "tremblay marie-eve 1961-03-14", "--node", "ns")
    assert _sources(typed, "Answered") == HOLDING


def test_nobody_is_nobody_and_two_are_not_one(country: Country) -> None:
    assert _run(country, "record", "Zzyzx Qwertz 1901-01-01", code=1) == ""


def test_the_status_of_the_network_says_who_does_not_answer(country: Country) -> None:
    everyone = {node["name"]["en"] for node in country.network["nodes"]}
    assert _sources(_run(country, "network", "status"), "up") == everyone
    with country.paused("ns"):
        shown = _run(country, "network", "status", code=INCOMPLETE)
        states = {
            state["id"]: state
            for state in json.loads(_run(country, "network", "status", "--json", code=INCOMPLETE))
        }
    assert _sources(shown, "up") == everyone - {"Nova Scotia"}
    assert "Nova Scotia" in shown
    assert "no answer" in shown
    assert states["ns"]["state"] == "down"
    assert states["on"]["state"] == "up"
    assert states["on"]["patients"] > 0


def test_what_cannot_work_is_one_line_that_says_what_to_do(country: Country, tmp_path: Path) -> None:
    nowhere = [COMMAND, "record", HER, "--network", str(tmp_path / "none.json")]
    done = subprocess.run(nowhere, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.strip().splitlines()) == 1
    assert "make demo" in done.stderr
