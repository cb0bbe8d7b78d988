"""How do two dates compare when one says less than the other? As texts, in UTC, up to what both say.

FHIRPath: two values are compared part by part; when they are equal as far as the shorter one goes, there is no answer.
https://hl7.org/fhirpath/N1/#datetime-equality . Values are kept as FHIR writes them, so that every engine can do this.
"""

from __future__ import annotations

from datetime import UTC, datetime

_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def compared(one: str, other: str) -> int | None:
    """-1, 0 or 1; None when the less precise one does not say, or a zone that is not given matters."""
    if _zoned(one) is not _zoned(other):
        first, last = canonical(moment_boundary(one, False)), canonical(moment_boundary(one, True))
        if last < canonical(moment_boundary(other, False)):
            return -1
        return 1 if first > canonical(moment_boundary(other, True)) else None
    return _ordered(canonical(one), canonical(other))


def _ordered(left: str, right: str) -> int | None:
    shared = min(len(left), len(right))
    if left[:shared] != right[:shared]:
        return -1 if left[:shared] < right[:shared] else 1
    return 0 if len(left) == len(right) else None


def _zoned(text: str) -> bool:
    return len(text) > 10 and (text[-1] == "Z" or text[-6:-5] in ("+", "-"))


def canonical(text: str) -> str:
    """A date and time in UTC with three decimals of a second; a partial one as it is."""
    if len(text) <= 10 and "T" not in text:
        return text
    if _zoned(text):
        try:
            moment = datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            return text
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
    return _padded(text)


def times_compared(one: str, other: str) -> int | None:
    """The same for times of day."""
    return _ordered(_padded(one), _padded(other))


def _padded(text: str) -> str:
    """Seconds always with three decimals: seconds and their fraction are one part."""
    head, dot, fraction = text.partition(".")
    if not dot:
        return f"{text}.000" if head.count(":") == 2 else text
    return f"{head}.{fraction[:3]:0<3}"


def date_boundary(text: str, high: bool) -> str:
    """The first or last day that a date may mean."""
    year, month = text[:4], text[5:7] or ("12" if high else "01")
    return f"{year}-{month}-{text[8:10] or (_last_day(int(year), int(month)) if high else '01')}"


def _last_day(year: int, month: int) -> int:
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return _MONTH_DAYS[month - 1] + leap


def moment_boundary(text: str, high: bool) -> str:
    """The first or last millisecond that a dateTime may mean; without a zone the earliest or latest zone counts."""
    day, _, rest = text.partition("T")
    day = date_boundary(day, high)
    zone = "-12:00" if high else "+14:00"
    if rest[-1:] == "Z":
        rest, zone = rest[:-1], "Z"
    elif rest[-6:-5] in ("+", "-"):
        rest, zone = rest[:-6], rest[-6:]
    return f"{day}T{time_boundary(rest, high)}{zone}"


def time_boundary(text: str, high: bool) -> str:
    """The first or last millisecond that a time of day may mean."""
    whole = "23:59:59.999" if high else "00:00:00.000"
    head = text[:12]
    if len(head) > 8:  # a fraction of a second, perhaps with fewer than three digits
        return f"{head:9<12}" if high else f"{head:0<12}"
    return head + whole[len(head) :]
