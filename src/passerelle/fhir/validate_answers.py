"""Do the answers fit the questions? A QuestionnaireResponse beside its Questionnaire, where that is at hand.

https://hl7.org/fhir/R4/questionnaireresponse.html#notes
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt, ne
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
    form = Form(resource.get("status") in _FINISHED, _told(resource))
    yield from _items(questions, resource, "QuestionnaireResponse", form)


@dataclass(frozen=True)
class Form:
    """One response as a whole: whether it is finished, and what was answered to each question in it."""

    finished: bool
    told: Mapping[Any, list[Any]]

    def asks(self, question: Json) -> bool:
        """Whether what was answered elsewhere enables a question."""
        conditions = question.get("enableWhen") or ()
        held = [self._holds(condition) for condition in conditions]
        return not held or (any(held) if question.get("enableBehavior") == "any" else all(held))

    def _holds(self, condition: Json) -> bool:
        answers = self.told.get(condition.get("question"), [])
        wanted = next((condition[name] for name in condition if name.startswith("answer")), None)
        operator = condition.get("operator")
        if operator == "exists":
            return bool(answers) == wanted
        return any(_compares(answer, operator, wanted) for answer in answers)

    def missing(self, question: Json, answers: list[Any]) -> bool:
        return self.finished and question.get("required") is True and not answers and self.asks(question)


def _told(value: Any) -> dict[Any, list[Any]]:
    """The answers of every item at any depth, by its linkId."""
    found: dict[Any, list[Any]] = {}
    waiting = [value]
    while waiting:
        here = waiting.pop()
        for item in here.get("item") or ():
            waiting.append(item)
            for answer in item.get("answer") or ():
                waiting.append(answer)
                values = [answer[name] for name in answer if name.startswith("value")]
                found.setdefault(item.get("linkId"), []).extend(values)
    return found


def _compares(answer: Any, operator: Any, wanted: Any) -> bool:
    if isinstance(answer, dict) and isinstance(wanted, dict):
        names = ("value", "code") if "value" in wanted else ("system", "code")
        same = all(answer.get(name) == wanted.get(name) for name in names)
        return same if operator == "=" else not same if operator == "!=" else False
    try:
        return bool(_OPERATORS[operator](answer, wanted))
    except (KeyError, TypeError):
        return False


_OPERATORS: Mapping[Any, Callable[[Any, Any], Any]] = {
    "=": eq,
    "!=": ne,
    ">": gt,
    "<": lt,
    ">=": ge,
    "<=": le,
}


def _items(asked: Json, holder: Json, path: str, form: Form) -> Iterator[Issue]:
    """The items below a question, or below the whole, beside those that answer them, in the same order."""
    known = {each.get("linkId"): each for each in asked.get("item") or ()}
    order, last = list(known), 0
    given: dict[Any, list[Json]] = {}
    for at, item in enumerate(holder.get("item") or ()):
        place = f"{path}.item[{at}]"
        question = known.get(item.get("linkId"))
        given.setdefault(item.get("linkId"), []).append(item)
        if question is None:
            yield Issue("answer-unasked", "not-found", f"{place}.linkId")
            continue
        if order.index(item["linkId"]) < last:
            yield Issue("answer-order", "structure", place)
        last = order.index(item["linkId"])
        yield from _item(question, item, place, form)
    for name, question in known.items():
        told = given.get(name, [])
        if not told and question.get("type") != "group" and form.missing(question, told):
            yield Issue("answer-missing", "required", path)
        if len(told) > 1 and question.get("repeats") is not True:
            yield Issue("answer-repeated", "structure", path)


def _item(question: Json, item: Json, path: str, form: Form) -> Iterator[Issue]:
    kind, answers = question.get("type"), item.get("answer") or []
    if "text" in item and item["text"] != question.get("text"):
        yield Issue("answer-text", "value", f"{path}.text")
    if kind in _WITHOUT_ANSWERS:
        if answers:
            yield Issue("answer-unexpected", "structure", f"{path}.answer")
        yield from _items(question, item, path, form)
        return
    if item.get("item"):
        yield Issue("answer-below", "structure", f"{path}.item")
    if answers and not form.asks(question):
        yield Issue("answer-disabled", "business-rule", path)
    if len(answers) > 1 and question.get("repeats") is not True:
        yield Issue("answer-repeated", "structure", f"{path}.answer")
    if form.missing(question, answers):
        yield Issue("answer-missing", "required", path)
    for at, answer in enumerate(answers):
        place = f"{path}.answer[{at}]"
        yield from _value(question, answer, place)
        yield from _items(question, answer, place, form)


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
