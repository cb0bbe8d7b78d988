"""Runs FHIR TestScripts (https://hl7.org/fhir/R4/testscript.html) against a node, as a conformance engine would."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from passerelle.fhir.fhirpath import compile as fhirpath
from tests.network.wire import FHIR, Heard, call

Json = dict[str, Any]

METHODS = {"create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE", "updateCreate": "PUT"}
"""By the code of an operation; all others read."""

# https://hl7.org/fhir/R4/valueset-assert-response-code-types.html
NAMED = {
    "okay": 200, "created": 201, "noContent": 204, "notModified": 304, "bad": 400, "forbidden": 403, "notFound": 404,
    "methodNotAllowed": 405, "conflict": 409, "gone": 410, "preconditionFailed": 412, "unprocessable": 422,
}  # fmt: skip


@dataclass
class Run:
    """One script under way."""

    script: Json
    base: str
    token: str
    fixtures: dict[str, Json] = field(default_factory=dict)
    heard: dict[str, Heard] = field(default_factory=dict)
    last: Heard | None = None
    faults: list[str] = field(default_factory=list)
    passed: int = 0

    def all(self) -> Run:
        """The set-up, every test, the clean-up."""
        for contained in self.script.get("contained", ()):
            self.fixtures[contained["id"]] = contained
        for one in self.script.get("fixture", ()):
            reference = one.get("resource", {}).get("reference", "")
            self.fixtures[one["id"]] = self.fixtures.get(reference.removeprefix("#"), {})
        for part in (self.script.get("setup"), *self.script.get("test", ()), self.script.get("teardown")):
            for action in (part or {}).get("action", ()):
                if "operation" in action:
                    self.operate(action["operation"])
                if "assert" in action:
                    self.check(action["assert"])
        return self

    # --- operations ---

    def operate(self, operation: Json) -> None:
        code = operation.get("type", {}).get("code", "")
        method = operation.get("method", "").upper() or METHODS.get(code, "GET")
        body = self.fixtures.get(operation.get("sourceId", ""))
        headers = {"accept": self._mime(operation.get("accept")) or FHIR}
        if body is not None and method in ("POST", "PUT", "PATCH"):
            headers["content-type"] = self._mime(operation.get("contentType")) or FHIR
        for header in operation.get("requestHeader", ()):
            headers[header["field"].lower()] = self.filled(header["value"])
        address = self._address(operation, code)
        if operation.get("encodeRequestUrl", True):
            address = quote(address, safe="/:?&=%$,|+@*!~;.-_")
        raw = json.dumps(self._filled(body)).encode() if "content-type" in headers else None
        self.last = call(
            address, method, "", raw, token=self.token, **{k.replace("-", "_"): v for k, v in headers.items()}
        )
        if "responseId" in operation:
            self.heard[operation["responseId"]] = self.last
            if "json" in self.last.headers.get("content-type", ""):
                self.fixtures[operation["responseId"]] = self.last.json

    def _address(self, operation: Json, code: str) -> str:
        if "url" in operation:
            return self.filled(operation["url"])
        if code == "capabilities":
            return f"{self.base}/metadata"
        place = f"/{operation['resource']}" if "resource" in operation else ""
        if "params" in operation:
            return f"{self.base}{place}{self.filled(operation['params'])}"
        target = self.fixtures.get(operation.get("targetId", ""), {})
        if not place and target:
            place = f"/{target.get('resourceType', '')}"
        if target and code not in ("create", "search"):
            place += f"/{target.get('id', '')}"
        return f"{self.base}{place}" + ("/_history" if code == "history" else "")

    # --- variables ---

    def filled(self, text: str) -> str:
        return re.sub(r"\$\{([^}]+)\}", lambda found: self._variable(found[1]), text)

    def _filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._filled(child) for name, child in value.items()}
        if isinstance(value, list):
            return [self._filled(child) for child in value]
        return self.filled(value) if isinstance(value, str) else value

    def _variable(self, name: str) -> str:
        known = next((one for one in self.script.get("variable", ()) if one["name"] == name), None)
        assert known is not None, f"no variable {name}"
        source = known.get("sourceId", "")
        if "headerField" in known:
            return self.heard[source].headers.get(known["headerField"].lower(), "")
        if "expression" in known:
            return str(next(iter(self._path(known["expression"], source)), ""))
        return str(known.get("defaultValue", ""))

    def _path(self, expression: str, source: str) -> list[Any]:
        resource = self.fixtures[source] if source else self.last.json if self.last else {}
        return [getattr(one, "value", one) for one in fhirpath(expression)(resource)]

    # --- assertions ---

    def check(self, asserted: Json) -> None:
        what, found, wanted = self._compared(asserted)
        good = OPERATORS[asserted.get("operator") or ("matchesRegex" if what == "body" else "equals")](
            found, wanted
        )
        self.passed += good
        if not good and not asserted.get("warningOnly"):
            self.faults.append(
                f"{asserted.get('label') or asserted.get('description') or what}: found {found[:80]!r}"
            )

    def _compared(self, asserted: Json) -> tuple[str, str, str]:
        """What is compared, what was found, what is wanted."""
        heard = self.heard.get(asserted.get("sourceId", "")) or self.last
        assert heard is not None
        value = self.filled(str(asserted.get("value", "")))
        if "responseCode" in asserted:
            return "code", str(heard.status), asserted["responseCode"]
        if "response" in asserted:
            return "response", str(heard.status), str(NAMED[asserted["response"]])
        if "contentType" in asserted:
            return "type", heard.headers.get("content-type", ""), self._mime(asserted["contentType"]) or ""
        if "headerField" in asserted:
            return "header", heard.headers.get(asserted["headerField"].lower(), ""), value
        if "resource" in asserted:
            return "resource", str(heard.json.get("resourceType")), asserted["resource"]
        if "responseBody" in asserted:
            return "body", heard.text, asserted["responseBody"]
        if "expression" in asserted:
            found = self._path(asserted["expression"], asserted.get("sourceId", ""))
            if "value" not in asserted and "operator" not in asserted:
                return "expression", str(found == [True]), "True"
            return "expression", ",".join(_text(one) for one in found), value
        raise NotImplementedError(sorted(asserted))

    def _mime(self, said: str | None) -> str | None:
        return {"json": FHIR, "xml": "application/fhir+xml"}.get(said or "", said)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    return lambda found, wanted: compare(float(found), float(wanted))


OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "equals": operator.eq,
    "notEquals": operator.ne,
    "in": lambda found, wanted: found in [one.strip() for one in wanted.split(",")],
    "notIn": lambda found, wanted: found not in [one.strip() for one in wanted.split(",")],
    "contains": lambda found, wanted: wanted in found,
    "notContains": lambda found, wanted: wanted not in found,
    "empty": lambda found, wanted: not found,
    "notEmpty": lambda found, wanted: bool(found),
    "greaterThan": _number(operator.gt),
    "lessThan": _number(operator.lt),
    "matchesRegex": lambda found, wanted: re.search(wanted, found) is not None,
}
"""https://hl7.org/fhir/R4/valueset-assert-operator-codes.html, and one that other engines have for bodies."""


def run(scripts: Iterable[Json], base: str, token: str) -> dict[str, list[str]]:
    """Every script's faults, by its id."""
    return {script["id"]: Run(script, base, token).all().faults for script in scripts}
