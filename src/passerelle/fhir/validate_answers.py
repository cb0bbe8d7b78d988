"""Do the answers fit the questions? A QuestionnaireResponse beside its Questionnaire, where that is at hand.

https://hl7.org/fhir/R4/questionnaireresponse.html#notes
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from passerelle.fhir.outcome import Issue
from passerelle.values import Json

_VALUES: Mapping[str, frozenset[str]] = {
    kind: frozenset(names.split())
    for kind, names in {
        "boolean": "valueBoolean",
        "decimal": "valueDecimal",
        "integer": "valueInteger",
        "date": "valueDate",
        "dateTime": "valueDateTime",
        "time": "valueTime",
        "string": "valueString",
        "text": "valueString",
        "url": "valueUri",
        "choice": "valueCoding",
        "open-choice": "valueCoding valueString",
        "attachment": "valueAttachment",
        "reference": "valueReference",
        "quantity": "valueQuantity",
    }.items()
}
"""The values that may answer each type of question."""
_WITHOUT_ANSWERS = frozenset({"group", "display"})
_FINISHED = frozenset({"completed", "amended"})


def issues(resource: Json, resolve: Callable[[str], Json | None]) -> Iterator[Issue]:
    """What does not fit in a QuestionnaireResponse; nothing for any other resource."""
    if resource.get("resourceType") != "QuestionnaireResponse":
        return
    address = resource.get("questionnaire")
    questions = resolve(address.split("|")[0]) if isinstance(address, str) else None
    if questions is None or questions.get("resourceType") != "Questionnaire":
        return
    finished = resource.get("status") in _FINISHED
    yield from _items(questions, resource, "QuestionnaireResponse", finished)


def _items(asked: Json, holder: Json, path: str, finished: bool) -> Iterator[Issue]:
    """The items below a question, or below the whole, beside those that answer them."""
    known = {each.get("linkId"): each for each in asked.get("item") or ()}
    given: dict[Any, list[Json]] = {}
    for at, item in enumerate(holder.get("item") or ()):
        place = f"{path}.item[{at}]"
        question = known.get(item.get("linkId"))
        given.setdefault(item.get("linkId"), []).append(item)
        if question is None:
            yield Issue("answer-unasked", "not-found", f"{place}.linkId")
        else:
            yield from _item(question, item, place, finished)
    for name, question in known.items():
        told = given.get(name, [])
        if finished and question.get("required") is True and not question.get("enableWhen") and not told:
            yield Issue("answer-missing", "required", path)
        if len(told) > 1 and question.get("repeats") is not True:
            yield Issue("answer-repeated", "structure", path)


def _item(question: Json, item: Json, path: str, finished: bool) -> Iterator[Issue]:
    kind, answers = question.get("type"), item.get("answer") or []
    if kind in _WITHOUT_ANSWERS:
        if answers:
            yield Issue("answer-unexpected", "structure", f"{path}.answer")
        yield from _items(question, item, path, finished)
        return
    if len(answers) > 1 and question.get("repeats") is not True:
        yield Issue("answer-repeated", "structure", f"{path}.answer")
    if finished and question.get("required") is True and not answers and not question.get("enableWhen"):
        yield Issue("answer-missing", "required", path)
    for at, answer in enumerate(answers):
        place = f"{path}.answer[{at}]"
        yield from _value(question, answer, place)
        yield from _items(question, answer, place, finished)


def _value(question: Json, answer: Json, path: str) -> Iterator[Issue]:
    """Of the type of the question, and one of its options if it has some."""
    name = next((each for each in answer if each.startswith("value")), None)
    if name is None:
        return
    options = question.get("answerOption") or ()
    allowed = _VALUES.get(str(question.get("type")), frozenset())
    allowed = allowed | {each for option in options for each in option if each.startswith("value")}
    if name not in allowed:
        yield Issue("answer-kind", "structure", path, {"kinds": ", ".join(sorted(allowed))})
    elif options and not _free(question, name) and not any(_same(option, answer, name) for option in options):
        yield Issue("answer-option", "code-invalid", path)


def _free(question: Json, name: str) -> bool:
    return question.get("type") == "open-choice" and name == "valueString"


def _same(option: Json, answer: Json, name: str) -> bool:
    one, other = option.get(name), answer[name]
    if isinstance(one, dict) and isinstance(other, dict) and name == "valueCoding":
        return (one.get("system"), one.get("code")) == (other.get("system"), other.get("code"))
    return bool(one == other)
