"""What readers of fields have in common; see `auditor.custom.fields`."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from auditor.document import Unknown
from auditor.quantity import Quantity

__all__ = ["NOT_KNOWN", "amount", "attribute", "number"]

NOT_KNOWN = Unknown("", "not known")

_LARGEST = 1 << 63


def attribute(name: str) -> Callable[[Any], object]:
    """A reader of an attribute."""
    return lambda thing: getattr(thing, name)


def number(name: str) -> Callable[[Any], object]:
    """A reader of a number that may be missing: 0 then."""
    return lambda thing: getattr(thing, name) or 0


def amount(value: Fraction | Quantity | Unknown | None) -> object:
    """A quantity as CEL can compare it: a whole number, or a double; unknown where it is too large for either."""
    if not isinstance(value, Fraction):
        return value
    if abs(value) >= _LARGEST:
        return NOT_KNOWN
    return value.numerator if value.denominator == 1 else float(value)
