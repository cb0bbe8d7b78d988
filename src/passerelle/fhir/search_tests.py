"""How does a clause compare with an index row? ``tests`` lowers it, ``holds`` is what a test means."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import lru_cache

from passerelle.fhir import ucum
from passerelle.fhir.outcome import BadInput, Issue
from passerelle.fhir.search_measure import CANONICAL, UCUM, canonical_number
from passerelle.fhir.search_terms import Clause, IndexRow, Kind, Operator, Test
from passerelle.fhir.search_values import Interval, fold, moments, number, reference, written_number

_PREFIX = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?(.+)", re.DOTALL)
_DAY = 86_400_000.0


@lru_cache(4096)
def tests(clause: Clause) -> tuple[Test, ...]:
    """The alternatives of a clause: a row that passes any of them is a match.

    ``missing`` has none: it asks whether there are rows. With ``not`` a resource matches when no row passes.
    Raises BadInput for a value that its kind cannot read.
    """
    if clause.modifier == "missing":
        return ()
    read = _READERS[clause.kind]
    if clause.kind == "quantity" and clause.names[0].endswith(CANONICAL):
        read = _canonical_quantity
    return tuple(test for value in clause.values for test in read(value, clause.modifier, clause.name))


tests.__test__ = False  # type: ignore[attr-defined]  # not a test case, whatever pytest thinks of the name

Reader = Callable[[str, str | None, str], Iterator[Test]]


def split(text: str, mark: str) -> list[str]:
    r"""Split at each ``mark`` that is not escaped by a backslash; escapes stay."""
    if "\\" not in text:
        return text.split(mark)
    parts, start, at = [], 0, 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == mark:
            parts.append(text[start:at])
            start = at + 1
        at += 1
    return [*parts, text[start:]]


def unescape(text: str) -> str:
    return re.sub(r"\\([\\,|$])", r"\1", text)


def _bad(name: str, expected: str) -> BadInput:
    return BadInput(Issue(f"search-value-{expected}", "value", details={"parameter": name}))


# --- each kind ----------------------------------------------------------------------------------------------


def _token(value: str, modifier: str | None, name: str) -> Iterator[Test]:
    if modifier == "text":
        yield Test("named", exact=fold(unescape(value)))
        return
    pieces = [unescape(piece) for piece in split(value, "|")]
    if modifier == "of-type":
        if len(pieces) != 3 or not (pieces[1] and pieces[2]):
            raise _bad(name, "of-type")
        yield Test("is", text=pieces[2], system=pieces[0] or None, exact=pieces[1])
        return
    if modifier in ("in", "not-in", "above", "below"):
        raise BadInput(Issue("search-codes-unresolved", "not-supported", details={"parameter": name}))
    if len(pieces) > 2 or not any(pieces):
        raise _bad(name, "token")
    system = pieces[0] if len(pieces) == 2 else None
    yield Test("is", text=pieces[-1] or None, system=system)


def _string(value: str, modifier: str | None, name: str) -> Iterator[Test]:
    text = unescape(value)
    if modifier == "exact":
        yield Test("exact", exact=text)
    else:
        yield Test("contains" if modifier == "contains" else "starts", text=fold(text))


def _prefixed(value: str) -> tuple[Operator, str]:
    match = _PREFIX.fullmatch(value)
    if match is None or (match[1] is None):
        return "eq", value
    return match[1], match[2]  # type: ignore[return-value]  # the pattern admits only operators


def _date(value: str, modifier: str | None, name: str) -> Iterator[Test]:
    operator, text = _prefixed(value)
    covered = moments(text.replace(" ", "+"))  # a "+" that a sloppy client did not escape arrives as a space
    if covered is None:
        raise _bad(name, "date")
    low, high = covered
    match operator:
        case "eq":  # the two overlap: see docs/decisions/0012
            yield Test("ap", low=low, high=high)
        case "ge":  # gt or eq
            yield Test("gt", low=low, high=low)
        case "le":  # lt or eq
            yield Test("lt", low=high, high=high)
        case "ap":
            # R4 leaves the width to the server; its advice needs a clock, and the same question should give the
            # same answer tomorrow: the length of what was written on each side, at least a day.
            margin = max(high - low, _DAY)
            yield Test("ap", low=low - margin, high=high + margin)
        case _:
            yield Test(operator, low=low, high=high)


def _number(value: str, modifier: str | None, name: str) -> Iterator[Test]:
    operator, text = _prefixed(value)
    low, high = _around(operator, text, name)
    yield Test(operator, low=low, high=high)


def _around(operator: Operator, text: str, name: str) -> Interval:
    """Equality uses the implied precision of what was written, order takes it as exact (R4, prefixes)."""
    written = written_number(text)
    if written is None:
        raise _bad(name, "number")
    value, half = written
    if operator in ("eq", "ne"):
        return float(value - half), float(value + half)
    if operator == "ap":
        margin = max(abs(value) / Decimal(10), half)
        return float(value - margin), float(value + margin)
    exact = number(value)
    if exact is None:
        raise _bad(name, "number")
    return exact


def _quantity(value: str, modifier: str | None, name: str) -> Iterator[Test]:
    pieces = [unescape(piece) for piece in split(value, "|")]
    if len(pieces) > 3:
        raise _bad(name, "quantity")
    operator, text = _prefixed(pieces[0])
    low, high = _around(operator, text, name)
    system = pieces[1] if len(pieces) > 1 and pieces[1] else None
    unit = pieces[2] if len(pieces) > 2 and pieces[2] else None
    yield Test(operator, text=unit, system=system, low=low, high=high)
    if unit and system is None:
        yield Test(operator, exact=unit, low=low, high=high)  # "||mmol/L" may mean the unit as displayed


def _canonical_quantity(value: str, modifier: str | None, name: str) -> Iterator[Test]:
    """The same limits in canonical units (``fhir.ucum``), so that 5 g finds 5000 mg."""
    amount, _, unit = (unescape(piece) for piece in split(value, "|"))
    operator, text = _prefixed(amount)
    written = written_number(text)
    known = canonical_number(written[0], unit) if written else None
    if written is None or known is None:
        raise _bad(name, "quantity")
    low, high = known[0]
    if operator in ("eq", "ne", "ap"):
        number_, half = written
        margin = max(abs(number_) / Decimal(10), half) if operator == "ap" else half
        ends = [ucum.canonical(number_ + end, unit) for end in (-margin, margin)]
        low, high = sorted(float(end[0]) for end in ends if end is not None)
    yield Test(operator, text=known[1], system=UCUM, low=low, high=high)


def is_canonical(value: str) -> bool:
    """Whether a quantity of a query is in UCUM units that are understood, so that its unit can be converted."""
    pieces = [unescape(piece) for piece in split(value, "|")]
    return len(pieces) == 3 and pieces[1] == UCUM and ucum.understand(pieces[2]) is not None


def _reference(value: str, modifier: str | None, name: str) -> Iterator[Test]:
    if modifier == "identifier":
        pieces = [unescape(piece) for piece in split(value, "|")]
        if len(pieces) > 2 or not any(pieces):
            raise _bad(name, "token")
        yield Test("is", system=pieces[0] if len(pieces) == 2 else None, exact=pieces[-1] or None)
        return
    url, _, version = unescape(value).partition("|")
    yield Test("is", text=reference(url), exact=version or None)


def _uri(value: str, modifier: str | None, name: str) -> Iterator[Test]:
    text = unescape(value)
    url, _, version = text.partition("|")
    if modifier is None and version:  # a canonical in one version, or an address with a bar in it
        yield Test("is", text=url, exact=version)
    if modifier is None or text.startswith("urn:"):  # only the parts of a URL lie in one another (R4, uri)
        yield Test("is", text=text)
    elif modifier == "below":
        yield Test("starts", text=text)
    else:
        ends = [at for at, mark in enumerate(text) if mark == "/"]
        above = [text, *(text[:at] for at in ends), *(text[: at + 1] for at in ends)]
        yield from (Test("is", text=each) for each in dict.fromkeys(above) if each)


_READERS: dict[Kind, Reader] = {
    "token": _token,
    "string": _string,
    "date": _date,
    "number": _number,
    "quantity": _quantity,
    "reference": _reference,
    "uri": _uri,
}


# --- what a test means --------------------------------------------------------------------------------------


def holds(test: Test, row: IndexRow) -> bool:
    """Whether one index row passes one test: the definition that every engine must agree with."""
    return _words_hold(test, row) and (test.operator in _WORDS or _interval_holds(test, row))


_WORDS = frozenset({"is", "starts", "contains", "named", "exact"})


def _words_hold(test: Test, row: IndexRow) -> bool:
    if test.system is not None and test.system != row.system:
        return False
    if test.text is not None:
        if test.operator == "starts":
            return row.text.startswith(test.text) and test.exact in (None, row.exact)
        if test.operator == "contains":
            return test.text in row.text and test.exact in (None, row.exact)
        if test.text != row.text:
            return False
    if test.exact is None:
        return True
    return row.exact.startswith(test.exact) if test.operator == "named" else test.exact == row.exact


def _interval_holds(test: Test, row: IndexRow) -> bool:
    if row.low is None or row.high is None or test.low is None or test.high is None:
        return False
    match test.operator:
        case "eq":
            return test.low <= row.low and row.high <= test.high
        case "ne":
            return not (test.low <= row.low and row.high <= test.high)
        case "gt":
            return row.high > test.high
        case "lt":
            return row.low < test.low
        case "ge":
            return row.high > test.high or (test.low <= row.low and row.high <= test.high)
        case "le":
            return row.low < test.low or (test.low <= row.low and row.high <= test.high)
        case "sa":
            return row.low >= test.high
        case "eb":
            return row.high <= test.low
        case _:
            return row.low < test.high and test.low < row.high
