"""Which places are near a point? ``Location?near=45.4|-75.7|10|km``, as a box around the point.

https://hl7.org/fhir/R4/location.html#positional: a server may search with less accuracy than a circle.
"""

from __future__ import annotations

from math import cos, radians

from passerelle.fhir.search_known import bad_value
from passerelle.fhir.search_terms import All, Clause, Condition, Either, Parameter
from passerelle.fhir.search_tests import split, unescape
from passerelle.fhir.search_values import written_number

_KILOMETRES = {"": 1.0, "km": 1.0, "m": 0.001, "[mi_us]": 1.609347, "[mi_i]": 1.609344, "mi": 1.609344}
_DEGREE = 111.195
"""Kilometres of one degree of latitude, on a sphere of the mean radius of the earth."""
_USUAL = "50"
"""Kilometres when no distance is given, which R4 leaves to the server."""


def near(parameter: Parameter, value: str) -> Condition:
    """Latitude and longitude within the distance; several points are alternatives."""
    boxes = [_box(parameter, [unescape(piece) for piece in split(one, "|")]) for one in split(value, ",")]
    return boxes[0] if len(boxes) == 1 else Either(tuple(boxes))


def _box(parameter: Parameter, pieces: list[str]) -> Condition:
    latitude, longitude, *rest = [*pieces, "", ""] if len(pieces) < 2 else pieces
    distance, unit = [*rest, "", ""][:2]
    read = [written_number(text) for text in (latitude, longitude, distance or _USUAL)]
    if len(rest) > 2 or unit not in _KILOMETRES or None in read:
        raise bad_value(parameter.name, "near")
    north, east, far = (float(one[0]) for one in read if one is not None)
    if not (-90 <= north <= 90 and -180 <= east <= 180 and far >= 0):
        raise bad_value(parameter.name, "near")
    high = far * (_KILOMETRES[unit] if distance else 1.0) / _DEGREE
    wide = min(180.0, high / max(cos(radians(min(90.0, abs(north) + high))), 1e-6))
    up, along = parameter.rows
    return All((_between(up, north - high, north + high), _around(along, east - wide, east + wide)))


def _around(row: str, west: float, east: float) -> Condition:
    """Where the box crosses the date line it lies on both sides of it."""
    if east - west >= 360:
        return _between(row, -180.0, 180.0)
    if west < -180:
        return Either((_between(row, west + 360, 180.0), _between(row, -180.0, east)))
    if east > 180:
        return Either((_between(row, west, 180.0), _between(row, -180.0, east - 360)))
    return _between(row, west, east)


def _between(row: str, low: float, high: float) -> Condition:
    ends = (f"ge{low:.9f}", f"le{high:.9f}")
    return All(tuple(Clause("near", "number", (end,), rows=(row,)) for end in ends))
