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
    changed = _rewritten("", resource, mapping) if mapping else resource
    return changed if isinstance(changed, dict) else resource


def _rewritten(name: str, value: Any, mapping: Mapping[str, str]) -> Any:
    """The value of an element after the change; the same object when nothing changed."""
    if isinstance(value, str):
        return _renamed(name, value, mapping)
    if isinstance(value, dict):
        pairs = ((key, child, _rewritten(key, child, mapping)) for key, child in value.items())
        changes = {key: new for key, old, new in pairs if new is not old}
        return {**value, **changes} if changes else value
    if isinstance(value, list):
        items = [_rewritten(name, child, mapping) for child in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def _renamed(name: str, text: str, mapping: Mapping[str, str]) -> str:
    if name in _URIS:
        return mapping.get(text, text)
    if name == "div" and "=" in text:
        changed = _LINK.sub(lambda match: match[1] + mapping.get(match[2], match[2]), text)
        return text if changed == text else changed
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
