"""Numbers, days and moments as programs read them.

A number has as many digits after the point as say something: six, or two where it is money that people read. Where that is not the number
itself (a seventh of a GPU, a rate of exchange), ``exact`` beside it has it as a fraction, so that nothing is lost by storing a report.
"""

from __future__ import annotations

import datetime
from fractions import Fraction
from typing import Any

from auditor.report import rounded

__all__ = ["PLACES", "day", "exact", "moment", "number"]

PLACES = 6


def number(value: Fraction, places: int = PLACES) -> float:
    """A number for JSON; negative ones are rounded as positive ones are."""
    found = float(rounded([abs(value)], places)[0])
    return -found if value < 0 and found else found


def exact(**values: Fraction | None) -> dict[str, Any]:
    """``exact`` with those of the values that their numbers are not; nothing where all of them are."""
    lost = {name: str(value) for name, value in values.items() if value is not None and Fraction(repr(number(value))) != value}
    return {"exact": lost} if lost else {}


def day(date: datetime.date | None) -> str | None:
    """``2026-11-25``."""
    return None if date is None else date.isoformat()


def moment(time: datetime.datetime) -> str:
    """``2026-11-25T12:00:00+00:00``."""
    return time.isoformat()
