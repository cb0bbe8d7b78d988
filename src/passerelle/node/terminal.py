"""What the command line shows: progress, a record with its gaps first, and the state of the network."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from passerelle.federation.wire import read_record
from passerelle.fhir.resource import encode
from passerelle.fhir.words import catalogue
from passerelle.node.client import Client, Unreachable, read_network
from passerelle.node.record_text import console, print_wave
from passerelle.portals.asking import parse_find
from passerelle.portals.reading import Reading
from passerelle.portals.speech import Speech
from passerelle.portals.viewing import Viewer
from passerelle.portals.wave import wave
from passerelle.values import Json, Language

if TYPE_CHECKING:
    from passerelle.node.demo import Plan


def words(key: str, language: Language = "en", **details: object) -> str:
    return catalogue("passerelle.node", "words.toml").say(key, language, **details)


class Steps:
    """A progress bar for each long step, by the step's message key."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Steps:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, key: str, done: int, total: int) -> None:
        if key not in self._tasks:
            self._tasks[key] = self._progress.add_task(words(key), total=total)
        self._progress.update(self._tasks[key], completed=done, total=total)


def welcome(console: Console, plan: Plan) -> None:
    """Where everything is, once the country stands."""
    network = read_network(plan.network)
    table = Table(title=words("demo-ready"), title_justify="left", box=None, pad_edge=False)
    for column in ("demo-node", "demo-portal", "demo-login", "demo-password"):
        table.add_column(words(column))
    physicians = {p["node"]: p for p in network["people"] if p["role"] == "physician"}
    for node in network["nodes"]:
        person = physicians.get(node["id"], {})
        table.add_row(node["name"]["en"], node["portal"], person.get("login", ""), person.get("password", ""))
    console.print(table)
    console.print(words("demo-next", file=plan.network))


def print_record(
    person: str, node: str, network: Path, language: Language, as_json: bool, summary: bool
) -> int:
    """Print one record; 0 when it is complete, 3 when something may be missing, 1 when nobody was found."""
    client = Client.of_demo(network, node, seconds=30.0)
    question = _question(_demographics(person, network, client, language))
    operation = "Patient/$summary" if summary else "Patient/$record"
    answer = client.ask("POST", operation, encode(question), language=language)
    if answer.status != 200:
        issue = answer.json()["issue"][0]["details"]["text"]
        raise Unreachable(f"{node} answered {answer.status}: {issue}")
    if as_json or summary:
        sys.stdout.write(answer.body.decode())
        sys.stdout.write("\n")
        return 0
    record = read_record(answer.body)
    if record.patient is None and record.complete:
        Console(stderr=True).print(words("record-nobody", language))
        return 1
    shown = wave(Reading(record, Speech(language), Viewer(name="")))
    print_wave(console(), shown, Speech(language))
    return 0 if record.complete else 3


def _question(patient: Json) -> Json:
    return {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": patient}]}


def _demographics(person: str, network: Path, client: Client, language: Language) -> Json:
    """One of the demo's people by name; or the only person whom the sources know by these words.

    Who has no health number is looked for as well: the sources know more of them, and then they can be certain.
    """
    wanted = person.casefold().strip()
    cast = (
        known for known in read_network(network).get("patients", ()) if known["name"].casefold() == wanted
    )
    described = next((_patient(known) for known in cast), None) or _typed(person, language)
    if described.get("identifier"):
        return described
    answer = client.ask("POST", "Patient/$find", encode(_question(described)), language=language)
    people = [e["resource"] for e in answer.json().get("entry", ()) if e["search"]["mode"] == "match"]
    if len(people) > 1:
        raise Unreachable(words("record-several", language, n=len(people)))
    return people[0] if people else described


def _typed(person: str, language: Language) -> Json:
    typed = parse_find(person)
    if typed.patient is None:
        said = catalogue("passerelle.portals", "words.toml")
        raise Unreachable(said.say(typed.error or "find-empty", language))
    return typed.patient


def _patient(known: Mapping[str, Any]) -> Json:
    typed = parse_find(f"{known['name']} {known['birthDate']}").patient
    patient: Json = typed or {"resourceType": "Patient", "birthDate": known["birthDate"]}
    patient = {"name": [{"text": known["name"]}], **patient}
    if known["identifiers"]:
        patient["identifier"] = known["identifiers"]
    return patient


def print_status(network: Path, as_json: bool) -> int:
    """Which nodes answer, how fast, and how many patients they hold; 3 when one does not answer."""
    described = read_network(network)
    with ThreadPoolExecutor(len(described["nodes"])) as pool:
        states = list(pool.map(lambda node: _status(network, node), described["nodes"]))
    if as_json:
        sys.stdout.write(encode(states).decode() + "\n")
    else:
        table = Table(box=None, pad_edge=False)
        for key in ("demo-node", "status-answer", "status-seconds", "status-patients"):
            table.add_column(words(key))
        for state in states:
            answer = Text(
                words(f"status-{state['state']}"), style="green" if state["state"] == "up" else "bold red"
            )
            table.add_row(state["name"], answer, state["seconds"], str(state["patients"]))
        Console().print(table)
    return 0 if all(state["state"] == "up" for state in states) else 3


def _status(network: Path, node: Mapping[str, Any]) -> Json:
    started = time.perf_counter()
    state: Json = {
        "id": node["id"],
        "name": node["name"]["en"],
        "state": "down",
        "seconds": "",
        "patients": "",
    }
    try:
        client = Client.of_demo(network, node["id"], seconds=2.0)
        answer = client.ask("GET", "Patient?_summary=count")
    except Unreachable:
        return state
    if answer.status != 200:
        return {**state, "state": "refusing"}
    seconds = f"{time.perf_counter() - started:.2f}"
    return {**state, "state": "up", "seconds": seconds, "patients": answer.json().get("total", "")}
