"""How does a program that knows no FHIR ask here? An OpenAPI 3.1 description, made from the CapabilityStatement.

https://spec.openapis.org/oas/v3.1.0. The statement is made from what is implemented, so what is not there is not here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from passerelle.fhir.openapi_parts import (
    COMPARTMENTS,
    CONTROLS,
    ID,
    PAGES,
    SCHEMAS,
    TYPE,
    VERSION,
    schema,
    search_parameter,
)
from passerelle.values import Json

JSON_TYPE = "application/fhir+json"


def description(statement: Json) -> Json:
    """The description of the server that this CapabilityStatement is of."""
    (rest,) = statement["rest"]
    described = _Described(statement, rest)
    paths: dict[str, Json] = {}
    for resource in rest["resource"]:
        paths |= described.of_type(resource)
    paths |= described.of_system()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": statement["title"],
            "version": statement["software"]["version"],
            "description": f"FHIR R4 ({statement['fhirVersion']}). See /metadata for the CapabilityStatement.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": statement["implementation"]["url"]}],
        "security": [{"token": []}],
        "paths": paths,
        "components": described.components(),
    }


class _Described:
    """One description under way: the paths so far and the parameters that they share."""

    def __init__(self, statement: Json, rest: Json) -> None:
        self.rest = rest
        self.common = {each["name"] for each in rest.get("searchParam", ())}
        self.shared: dict[str, Json] = {
            each["name"]: search_parameter(each) for each in rest.get("searchParam", ())
        }
        self.shared |= CONTROLS
        self.types = sorted(each["type"] for each in rest["resource"])
        self.patches = [format for format in statement["patchFormat"] if "json" in format]

    def of_type(self, resource: Json) -> dict[str, Json]:
        """The paths of one resource type."""
        type = resource["type"]
        can = {each["code"] for each in resource["interaction"]}
        paths = {
            f"/{type}": self._type_path(resource, can),
            f"/{type}/_search": {"post": self._posted_search(resource)},
            f"/{type}/_history": {"get": self._history(type, "history-type")},
            f"/{type}/{{id}}": self._instance_path(resource, can),
            f"/{type}/{{id}}/_history": {"parameters": [ID], "get": self._history(type, "history-instance")},
            f"/{type}/{{id}}/_history/{{vid}}": {
                "parameters": [ID, VERSION],
                "get": _operation(f"vread-{type}", type, f"Read one version of {_a(type)}.", _resource(type)),
            },
        }
        if type in COMPARTMENTS:
            paths[f"/{type}/{{id}}/{{type}}"] = {
                "parameters": [ID, TYPE],
                "get": _operation(
                    f"search-compartment-{type}",
                    type,
                    f"Search the compartment of {_a(type)}.",
                    _bundle(),
                    parameters=self._controls(),
                ),
            }
        for each in resource.get("operation", ()):
            paths |= self._operation(type, each["name"], each["definition"])
        return paths

    def of_system(self) -> dict[str, Json]:
        """The paths of the whole server."""
        search = _operation(
            "search-system",
            "System",
            "Search across types.",
            _bundle(),
            parameters=[*self._controls(), _ref("_type")],
        )
        whole = _operation(
            "batch-or-transaction", "System", "Do what a Bundle asks for.", _bundle(), body=_schema("Bundle")
        )
        paths: dict[str, Json] = {
            "/": {"get": search, "post": whole},
            "/_history": {"get": self._history("System", "history-system")},
            "/metadata": {
                "get": _operation(
                    "capabilities", "System", "What this server can do.", _resource("CapabilityStatement")
                )
            },
        }
        for each in self.rest.get("operation", ()):
            paths[f"/${each['name']}"] = {
                "get": _operation(f"system-{each['name']}", "System", each["definition"], _any())
            }
        return paths

    def components(self) -> Json:
        """Everything that the paths refer to."""
        return {
            "parameters": self.shared,
            "schemas": {**{type: schema(type) for type in self.types}, **SCHEMAS},
            "responses": {
                "refused": _answer("Why it was refused, and what to do next.", _schema("OperationOutcome"))
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        }

    def _type_path(self, resource: Json, can: set[str]) -> Json:
        type = resource["type"]
        path: Json = {
            "get": _operation(
                f"search-{type}", type, f"Search {type}.", _bundle(), parameters=self._search(resource)
            )
        }
        if "create" in can:
            path["post"] = _operation(
                f"create-{type}",
                type,
                f"Create {_a(type)}.",
                _resource(type),
                body=_schema(type),
                parameters=[_ref("If-None-Exist"), _ref("Prefer")],
                created=True,
            )
            path["put"] = _operation(
                f"conditional-update-{type}",
                type,
                f"Update the {type} that matches.",
                _resource(type),
                body=_schema(type),
                parameters=self._search(resource),
                created=True,
            )
            path["patch"] = self._patch(type, "conditional-patch", self._search(resource))
            path["delete"] = _operation(
                f"conditional-delete-{type}",
                type,
                f"Delete the {type} that matches.",
                None,
                parameters=self._search(resource),
            )
        return path

    def _instance_path(self, resource: Json, can: set[str]) -> Json:
        type = resource["type"]
        reading = [_ref("If-None-Match"), _ref("If-Modified-Since"), _ref("_summary"), _ref("_elements")]
        writing = [_ref("If-Match"), _ref("Prefer")]
        path: Json = {
            "parameters": [ID],
            "get": _operation(f"read-{type}", type, f"Read {_a(type)}.", _resource(type), parameters=reading),
        }
        if "update" in can:
            path["put"] = _operation(
                f"update-{type}",
                type,
                f"Update {_a(type)}, or create it under this id.",
                _resource(type),
                body=_schema(type),
                parameters=writing,
                created=True,
            )
            path["patch"] = self._patch(type, "patch", writing)
            path["delete"] = _operation(
                f"delete-{type}", type, f"Delete {_a(type)}.", None, parameters=[_ref("If-Match")]
            )
        return path

    def _patch(self, type: str, name: str, parameters: Sequence[Json]) -> Json:
        made = _operation(
            f"{name}-{type}", type, f"Change a part of {_a(type)}.", _resource(type), parameters=parameters
        )
        shapes = {"application/json-patch+json": _schema("JsonPatch"), JSON_TYPE: _schema("Parameters")}
        content = {format: {"schema": shapes[format]} for format in self.patches if format in shapes}
        return {**made, "requestBody": {"required": True, "content": content}}

    def _posted_search(self, resource: Json) -> Json:
        type = resource["type"]
        form = {
            "application/x-www-form-urlencoded": {
                "schema": {"type": "object", "additionalProperties": {"type": "string"}}
            }
        }
        made = _operation(
            f"posted-search-{type}", type, f"Search {type}, the parameters in the body.", _bundle()
        )
        return {**made, "requestBody": {"content": form}}

    def _history(self, type: str, name: str) -> Json:
        parameters = [_ref(each) for each in ("_count", "_since", "_at", "_cursor")]
        return _operation(f"{name}-{type}", type, "Versions, newest first.", _bundle(), parameters=parameters)

    def _operation(self, type: str, name: str, definition: str) -> dict[str, Json]:
        """An operation is offered at the type and at the instance; where it is not, the answer says so."""
        asked = {JSON_TYPE: {"schema": _schema("Parameters")}}
        post = {**_operation(f"${name}-{type}", type, definition, _any()), "requestBody": {"content": asked}}
        one = {
            **_operation(f"${name}-one-{type}", type, definition, _any()),
            "requestBody": {"content": asked},
        }
        return {
            f"/{type}/${name}": {"post": post},
            f"/{type}/{{id}}/${name}": {
                "parameters": [ID],
                "post": one,
                "get": _operation(f"get-${name}-{type}", type, definition, _any()),
            },
        }

    def _search(self, resource: Json) -> list[Json]:
        type = resource["type"]
        found = []
        for each in resource["searchParam"]:
            if each["name"] in self.common:
                found.append(_ref(each["name"]))
                continue
            # Many types have the same parameter: it is described once.
            key = each["name"]
            made = search_parameter(each)
            if self.shared.setdefault(key, made) != made:
                key = f"{type}.{each['name']}"
                self.shared[key] = made
            found.append(_ref(key))
        return [*found, *self._controls()]

    def _controls(self) -> list[Json]:
        return [_ref(name) for name in PAGES]


def _a(type: str) -> str:
    return f"{'an' if type[0] in 'AEIOU' else 'a'} {type}"


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/parameters/{name}"}


def _schema(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _answer(text: str, shape: Json) -> Json:
    return {"description": text, "content": {JSON_TYPE: {"schema": shape}}}


def _resource(type: str) -> Json:
    return _answer(f"{_a(type)}.".capitalize(), _schema(type))


def _bundle() -> Json:
    return _answer("A Bundle.", _schema("Bundle"))


def _any() -> Json:
    return _answer("A resource.", _schema("Any"))


def _operation(
    id: str,
    tag: str,
    summary: str,
    answer: Json | None,
    *,
    parameters: Sequence[Json] = (),
    body: Json | None = None,
    created: bool = False,
) -> Json:
    """One method of one path."""
    responses: dict[str, Any] = {"200": answer} if answer else {"204": {"description": "Done."}}
    if created and answer:
        responses["201"] = answer
    made: Json = {
        "operationId": id,
        "tags": [tag],
        "summary": summary,
        "responses": {**responses, "4XX": {"$ref": "#/components/responses/refused"}},
    }
    if parameters:
        made["parameters"] = list(parameters)
    if body is not None:
        made["requestBody"] = {"required": True, "content": {JSON_TYPE: {"schema": body}}}
    return made
