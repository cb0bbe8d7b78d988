"""A Binary over HTTP: bytes of any type in and out, a resource only for who asks for one (https://hl7.org/fhir/R4/binary.html).

What somebody uploaded is served from this node's own address, so a browser must neither run it nor guess what it is.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping

import msgspec

from passerelle.fhir.intake import Limits
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.resource import encode
from passerelle.node.formats import FHIR_JSON, JSON_TYPES, XML_TYPES, is_resource
from passerelle.values import FHIR_ID, Json

_TYPE = re.compile(
    r"[A-Za-z0-9!#$&^_.+\-]{1,127}/[A-Za-z0-9!#$&^_.+\-]{1,127}(?:\s*;\s*[A-Za-z0-9_\-]+=[A-Za-z0-9_.\-\"]+)*"
)
_XML_BINARY = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?[^>]*\?>\s*|<!--(?:[^-]|-[^-])*-->\s*)*<(?:\w+:)?Binary[\s/>]"
)

SAFE = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"sandbox; default-src 'none'"),
    (b"content-disposition", b'attachment; filename="binary"'),
)


def wrapped(method: str, path: str, body: bytes, headers: Mapping[str, str], limits: Limits) -> bytes | None:
    """A Binary resource around the bytes that are written to ``/Binary``; None when they are a resource already.

    FHIR content of another type is content like any other: only what is a Binary is taken as one.
    """
    type, _, id = path.strip("/").partition("/")
    if type != "Binary" or (method, bool(id)) not in (("POST", False), ("PUT", True)):
        return None
    given = headers.get("content-type", "").strip()
    if not given or _is_binary(given, body, limits):
        return None
    if not _TYPE.fullmatch(given):
        raise BadInput(Issue("unsupported-media-type", "not-supported"), status=415)
    resource: Json = {"resourceType": "Binary", "contentType": given}
    if id and FHIR_ID.fullmatch(id):
        resource["id"] = id
    if context := headers.get("x-security-context"):
        resource["securityContext"] = {"reference": context}
    if body:
        resource["data"] = b64encode(body).decode()
    return encode(resource)


def _is_binary(content_type: str, body: bytes, limits: Limits) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    if kind in JSON_TYPES:
        return is_resource(body, "Binary", limits) or (kind == FHIR_JSON and not body)
    return kind in XML_TYPES and _XML_BINARY.match(body) is not None


class _Binary(msgspec.Struct):
    contentType: str = "application/octet-stream"  # noqa: N815  FHIR's name
    data: str = ""


def bytes_of(body: bytes) -> tuple[bytes, bytes]:
    """(content type, bytes) of a stored Binary."""
    binary = msgspec.json.decode(body, type=_Binary)
    try:
        data = b64decode(binary.data)
    except binascii.Error:
        data = b""
    kind = binary.contentType if _TYPE.fullmatch(binary.contentType) else "application/octet-stream"
    return kind.encode(), data
