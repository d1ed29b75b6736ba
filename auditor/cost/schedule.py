"""How often a schedule starts something, as Kubernetes' CronJobs and the operators that copied them write it.

Source: https://github.com/robfig/cron/blob/v3.0.1/parser.go, which Kubernetes, Argo, KubeRay and the Spark operator read schedules with. A
day must suit both the day of the month and that of the week where one of them is ``*``; else one of the two is enough.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

__all__ = ["runs_per_month"]

_MONTHS = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
}  # fmt: skip
_DAYS = {"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}
_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_WORDS = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0", "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip
_FIELDS: tuple[tuple[int, int, dict[str, int]], ...] = ((0, 59, {}), (0, 23, {}), (1, 31, {}), (1, 12, _MONTHS), (0, 7, _DAYS))
_ZONE = re.compile(r"(CRON_)?TZ=\S+\s+")
_EVERY = re.compile(r"@every\s+(?=\d)(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?")
_PART = re.compile(r"(\*|\?|\w+)(?:-(\w+))?(?:/(\d{1,4}))?")
_SECONDS_OF_A_MONTH = 730 * 3600


@lru_cache(maxsize=512)
def runs_per_month(schedule: str) -> Fraction | None:
    """How often a schedule comes round in a twelfth of a year of 365 days, whatever weekday that begins with; None where it cannot be read.

    Six fields begin with seconds, which say how often within the minute.
    """
    text = _ZONE.sub("", schedule.strip(), count=1).strip()
    every = _EVERY.fullmatch(text)
    if every:
        seconds = sum(int(amount or 0) * unit for amount, unit in zip(every.groups(), (3600, 60, 1), strict=True))
        return Fraction(_SECONDS_OF_A_MONTH, seconds) if seconds else None
    fields = _WORDS.get(text.lower(), text).split()
    within_minute = 1
    if len(fields) == 6:
        seconds_field = _numbers(fields.pop(0), 0, 59, {})
        if seconds_field is None:
            return None
        within_minute = len(seconds_field)
    if len(fields) != len(_FIELDS):
        return None
    sets = [_numbers(field, *limits) for field, limits in zip(fields, _FIELDS, strict=True)]
    known = [found for found in sets if found is not None]
    if len(known) < len(sets):
        return None
    minutes, hours, days, months, weekdays = known
    either = not any(part in ("*", "?", "*/1") for field in (fields[2], fields[4]) for part in field.split(","))
    matching = _days(days, months, frozenset(day % 7 for day in weekdays), either=either)
    return Fraction(matching * len(minutes) * len(hours) * within_minute, 7 * 12)


def _days(days: frozenset[int], months: frozenset[int], weekdays: frozenset[int], *, either: bool) -> int:
    """On how many days of the seven years of 365 days that begin with each of the weekdays it comes round."""
    found = 0
    for first in range(7):
        weekday = first
        for month, length in enumerate(_LENGTHS, start=1):
            for day in range(1, length + 1):
                in_month, in_week = day in days, weekday in weekdays
                found += month in months and (in_month or in_week if either else in_month and in_week)
                weekday = (weekday + 1) % 7
    return found


def _numbers(field: str, low: int, high: int, names: dict[str, int]) -> frozenset[int] | None:
    """The numbers that one field stands for."""
    found: set[int] = set()
    for text in field.split(","):
        part = _PART.fullmatch(text)
        if part is None:
            return None
        first, last, step = part.groups()
        every = first in ("*", "?")
        start = low if every else _number(first, names)
        # `5/10` goes from 5 to the end; a week ends with Saturday, although Sunday may be written as 7
        end = _number(last, names) if last else (high - (high == 7) if every or step else start)
        if start is None or end is None or not low <= start <= end <= high or step == "0":
            return None
        found.update(range(start, end + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str, names: dict[str, int]) -> int | None:
    named = names.get(text.lower())
    if named is not None:
        return named
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else None
