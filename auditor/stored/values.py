"""Reads values of JSON as what they have to be: a stored report may be from anywhere, and nothing in it is taken for granted.

A kind of value is a function from what was read to what it means; it raises `Wrong` for anything else. `Entry` reads the fields of an
object, and says where a wrong one stands.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable, Mapping
from enum import Enum
from fractions import Fraction
from typing import Any, TypeVar

__all__ = [
    "Entry",
    "Wrong",
    "amount",
    "count",
    "day",
    "field",
    "fixed",
    "flag",
    "maybe",
    "moment",
    "named",
    "numbers",
    "one_of",
    "several",
    "share",
    "text",
]

Value = TypeVar("Value")
Member = TypeVar("Member", bound=Enum)
Kind = Callable[[Any], Value]

_LARGEST = 2**53  # from here on, programs that read JSON into floating point numbers lose digits
_FIRST, _LAST = 1970, 2999  # years that a window of time can be in
_FRACTION = re.compile(r"(\d{1,200})(?:/(\d{1,200}))?")
_NEEDED: Any = object()


class Wrong(Exception):
    """A value that is not what it has to be.

    Args:
        expected: what it has to be: ``a text``.
    """

    def __init__(self, expected: str) -> None:
        super().__init__(expected)
        self.expected = expected
        self.trail: list[str] = []

    def __str__(self) -> str:
        where = "".join(reversed(self.trail)).removeprefix(".")
        return f"{where} is not {self.expected}" if where else f"it is not {self.expected}"


class Entry:
    """The fields of a JSON object. Those that nobody asks for may be there: a later version may have added them."""

    __slots__ = ("values",)

    def __init__(self, value: Any) -> None:
        if not isinstance(value, dict):
            raise Wrong("an object")
        self.values = value

    def get(self, name: str, kind: Kind[Value], default: Any = _NEEDED) -> Value:
        """A field; the default, where it has one and is absent."""
        value = self.values.get(name, _NEEDED)
        try:
            if value is not _NEEDED:
                return kind(value)
            if default is _NEEDED:
                raise Wrong("there")
        except Wrong as wrong:
            wrong.trail.append(f".{name}")
            raise
        found: Value = default
        return found

    def exact(self, name: str, kind: Kind[Fraction]) -> Fraction:
        """A number, as ``exact`` has it where the number is not all of it."""
        shown = self.get(name, kind)
        return self.get("exact", field(name, _fraction, shown), shown)

    def maybe_exact(self, name: str, kind: Kind[Fraction]) -> Fraction | None:
        """Likewise, where it may be null."""
        return None if self.get(name, lambda value: value) is None else self.exact(name, kind)


def field(name: str, kind: Kind[Value], default: Any = _NEEDED) -> Kind[Value]:
    """A field of an object of which nothing else is asked."""
    return lambda value: Entry(value).get(name, kind, default)


def text(value: Any) -> str:
    """A text."""
    if not isinstance(value, str):
        raise Wrong("a text")
    return value


def flag(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise Wrong("true or false")
    return value


def count(value: Any) -> int:
    """A whole number that is not negative."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _LARGEST:
        raise Wrong("a whole number that is not negative")
    return value


def amount(value: Any) -> Fraction:
    """A number that is not negative, with the digits with which it is written."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value) or not 0 <= value < _LARGEST:
        raise Wrong("a number that is not negative")
    return Fraction(repr(value))


def share(value: Any) -> Fraction:
    """A part of a whole, 0 to 1."""
    found = amount(value)
    if found > 1:
        raise Wrong("a number from 0 to 1")
    return found


def _fraction(value: Any) -> Fraction:
    match = _FRACTION.fullmatch(value) if isinstance(value, str) else None
    if match is None or (match[2] and not int(match[2])) or not Fraction(value) < _LARGEST:
        raise Wrong("a fraction such as 1/7")
    return Fraction(value)


def day(value: Any) -> datetime.date:
    """``2026-11-25``."""
    try:
        return datetime.date.fromisoformat(text(value))
    except ValueError:
        raise Wrong("a date such as 2026-11-25") from None


def moment(value: Any) -> datetime.datetime:
    """``2026-11-25T12:00:00+00:00``."""
    try:
        found = datetime.datetime.fromisoformat(text(value))
    except ValueError:
        found = None
    if found is None or found.utcoffset() is None or not _FIRST <= found.year <= _LAST:
        raise Wrong("a time such as 2026-11-25T12:00:00+00:00")
    return found


def one_of(members: type[Member]) -> Kind[Member]:
    """A member of an enumeration, by what reports write of it."""
    return named({str(member): member for member in members})


def named(members: Mapping[str, Value]) -> Kind[Value]:
    """One of several values, by name."""

    def read(value: Any) -> Value:
        if not isinstance(value, str) or value not in members:
            raise Wrong(f"one of {', '.join(members)}")
        return members[value]

    return read


def fixed(expected: str) -> Kind[str]:
    """That text, and no other."""
    return named({expected: expected})


def maybe(kind: Kind[Value]) -> Kind[Value | None]:
    """A value, or null."""
    return lambda value: None if value is None else kind(value)


def several(kind: Kind[Value]) -> Kind[tuple[Value, ...]]:
    """A list of values."""

    def read(value: Any) -> tuple[Value, ...]:
        if not isinstance(value, list):
            raise Wrong("a list")
        found = []
        for number, one in enumerate(value):
            try:
                found.append(kind(one))
            except Wrong as wrong:
                wrong.trail.append(f"[{number}]")
                raise
        return tuple(found)

    return read


def numbers(value: Any) -> dict[str, int]:
    """Whole numbers by name."""
    entry = Entry(value)
    return {name: entry.get(name, count) for name in entry.values}
