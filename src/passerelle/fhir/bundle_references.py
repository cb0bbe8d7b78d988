"""Where do the references inside a transaction lead? Found, named and made literal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from passerelle.values import Json

_URIS = frozenset(
    [
        "reference",
        "url",
        "uri",
        "valueUri",
        "valueUrl",
        "valueOid",
        "valueUuid",
        "instantiatesUri",
        "definitionUri",
        "derivedFromUri",
        "sourceUri",
        "targetUri",
        "source",
        "target",
        "address",
        "endpoint",
        "authorizationUrl",
    ]
)
"""Elements of R4 that are a uri, url, oid or uuid and may point into a transaction. An Identifier's value is a
string and stays, even when it looks the same."""

_LINK = re.compile(r"""((?:href|src)\s*=\s*["'])([^"']+)""")
_CONDITIONAL = re.compile(r"[A-Z][A-Za-z]{2,63}\?.+", re.DOTALL)


def rewrite(resource: Json, mapping: Mapping[str, str]) -> Json:
    """The resource with references, uris and links of the narrative replaced as ``mapping`` says.

    https://hl7.org/fhir/R4/http.html#trules. The resource given stays as it is; unchanged parts are shared.
    """
    return linked(resource, mapping)[0]


def linked(resource: Json, mapping: Mapping[str, str]) -> tuple[Json, bool]:
    """The same, and whether a reference is left that has to be looked at: a conditional one, or one to a ``urn:``."""
    left: list[str] = []
    return _in_object(resource, mapping, left), bool(left)


def _in_object(value: Json, mapping: Mapping[str, str], left: list[str]) -> Json:
    """An object after the change; the same one when nothing in it changed. Every byte of a transaction passes here."""
    changes: Json = {}
    for name, child in value.items():
        kind = type(child)
        if kind is str:
            new: Any = _renamed(name, child, mapping, left) if name in _TOUCHED else child
        elif kind is dict:
            new = _in_object(child, mapping, left)
        elif kind is list:
            new = _in_list(name, child, mapping, left)
        else:
            continue
        if new is not child:
            changes[name] = new
    return {**value, **changes} if changes else value


def _in_list(name: str, values: list[Any], mapping: Mapping[str, str], left: list[str]) -> list[Any]:
    changed: list[Any] | None = None
    for at, child in enumerate(values):
        kind = type(child)
        if kind is dict:
            new: Any = _in_object(child, mapping, left)
        elif kind is str and name in _TOUCHED:
            new = _renamed(name, child, mapping, left)
        elif kind is list:
            new = _in_list(name, child, mapping, left)
        else:
            continue
        if new is not child:
            changed = changed if changed is not None else list(values)
            changed[at] = new
    return values if changed is None else changed


_TOUCHED = _URIS | {"div"}


def _renamed(name: str, text: str, mapping: Mapping[str, str], left: list[str]) -> str:
    if name == "div":
        if not mapping or ("href" not in text and "src" not in text):
            return text
        changed = _LINK.sub(lambda match: match[1] + mapping.get(match[2], match[2]), text)
        return text if changed == text else changed
    found = mapping.get(text)
    if found is not None:
        return found
    if name == "reference" and (text.startswith("urn:") or "?" in text):
        left.append(text)
    return text


def literal(resource: Json) -> Iterator[tuple[str, str]]:
    """(expression, literal reference) of every Reference."""
    stack: list[tuple[str, Any]] = [(str(resource.get("resourceType", "Resource")), resource)]
    while stack:
        path, here = stack.pop()
        if isinstance(here, dict):
            literal = here.get("reference")
            if isinstance(literal, str):
                yield f"{path}.reference", literal
            stack += [
                (f"{path}.{name}", child)
                for name, child in reversed(here.items())
                if isinstance(child, dict | list)
            ]
        elif isinstance(here, list):
            stack += [(f"{path}[{at}]", child) for at, child in reversed(list(enumerate(here)))]


def unresolved(resource: Json, mapping: Mapping[str, str]) -> list[str]:
    """The expressions of references to a ``urn:uuid:`` or ``urn:oid:`` that nothing in ``mapping`` stands for."""
    return [
        expression
        for expression, text in literal(resource)
        if text.startswith(("urn:uuid:", "urn:oid:")) and text not in mapping
    ]


def conditional(resource: Json) -> list[tuple[str, str]]:
    """(expression, reference) of every conditional reference, such as ``Patient?identifier=system|value``."""
    return [
        (expression, text)
        for expression, text in literal(resource)
        if "?" in text and _CONDITIONAL.fullmatch(text)
    ]


PINNING = "http://hl7.org/fhir/StructureDefinition/resolve-as-version-specific"
"""The extension of a reference that is to name the version that the transaction writes."""


def pinned(resource: Json, versions: Mapping[str, int]) -> Json:
    """The resource with every reference that asks for it made version specific, and the request for it taken away.

    ``versions`` are those of what the transaction writes, by ``Type/id``; any other reference stays as it is.
    """
    changed = _pinned(resource, versions)
    return changed if isinstance(changed, dict) else resource


def _pinned(value: Any, versions: Mapping[str, int]) -> Any:
    if isinstance(value, dict):
        text = value.get("reference")
        if isinstance(text, str) and text in versions and any(map(_asks, value.get("extension") or ())):
            kept = [one for one in value["extension"] if not _asks(one)]
            rest = {name: child for name, child in value.items() if name != "extension"}
            return {
                **({"extension": kept} if kept else {}),
                **rest,
                "reference": f"{text}/_history/{versions[text]}",
            }
        return {name: _pinned(child, versions) for name, child in value.items()}
    return [_pinned(child, versions) for child in value] if isinstance(value, list) else value


def _asks(extension: Any) -> bool:
    return (
        isinstance(extension, dict)
        and extension.get("url") == PINNING
        and extension.get("valueBoolean") is True
    )
