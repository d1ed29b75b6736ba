"""Charts as plain numbers for inline SVG. Widths are percentages and heights are pixels: charts stretch, patterns and letters do not."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby

from auditor.report import Amount, Category, Costs, Point

from .amounts import ORDER

__all__ = ["Band", "Bar", "Tick", "Timeline", "bar", "buckets", "timeline"]

HEIGHT = 240  # of the timeline, in pixels
_MOST = 168  # stretches of a timeline: a week of hours
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_ZERO = Fraction(0)


@dataclass(frozen=True, slots=True)
class Bar:
    """A piece of a horizontal bar: a class of the stylesheet, and percentages."""

    style: str
    x: str
    width: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: a percentage or a pixel, and what stands there."""

    at: str
    label: str


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of time that nothing is known of."""

    x: str
    width: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """Devices by category over the window.

    Attributes:
        areas: for each category that occurs, from the bottom up, the outline of it and of what is below, as a path in a square of 1 by 1.
        times, levels: marks of the axes.
        bands: what is missing.
        points: the same in numbers.
        daily: each of them is a day.
    """

    areas: tuple[tuple[Category, str], ...]
    times: tuple[Tick, ...]
    levels: tuple[Tick, ...]
    bands: tuple[Band, ...]
    points: tuple[Point, ...]
    daily: bool


def bar(amounts: Mapping[Category, Amount], whole: Fraction, *, by_hours: bool, used: Fraction | None = None) -> tuple[Bar, ...]:
    """A bar of all categories, side by side.

    Args:
        amounts: of each category.
        whole: what the full width stands for.
        by_hours: draw hours, because nothing has a price.
        used: of what is active, the part that utilisation makes of it, to be told apart.
    """
    pieces: list[tuple[str, Fraction]] = []
    for category in ORDER:
        amount = amounts.get(category, Amount())
        value = amount.hours if by_hours else amount.money
        if category is Category.ACTIVE and used is not None:
            pieces += [("active", used), ("unused", value - used)]
        else:
            pieces.append((category.value, value))
    found, x = [], _ZERO
    for style, value in pieces:
        if value > 0 and whole:
            found.append(Bar(style, _share(x, whole), _share(value, whole)))
        x += value
    return tuple(found)


def timeline(costs: Costs) -> Timeline | None:
    """The window as stacks of steps; None for one look."""
    lasting = [point for point in costs.timeline if point.hours]
    if not lasting or not costs.hours:
        return None
    points = _merged(lasting, -(-len(lasting) // _MOST))
    step, highest = _scale(max(sum(point.devices.values(), _ZERO) / point.hours for point in points))
    daily = costs.hours > 48
    return Timeline(
        areas=tuple(
            (category, _outline(costs, points, ORDER[: index + 1], highest))
            for index, category in enumerate(ORDER)
            if any(point.devices.get(category) for point in points)
        ),
        times=tuple(_times(costs)),
        levels=tuple(Tick(_short(HEIGHT - level / highest * HEIGHT, 2), f"{level:,}") for level in range(0, int(highest) + 1, step)),
        bands=tuple(_bands(costs)),
        points=tuple(buckets(lasting) if daily else points),
        daily=daily,
    )


def _outline(costs: Costs, points: Iterable[Point], stack: Sequence[Category], highest: Fraction) -> str:
    """The area below the last category of a stack, with all that is below it; only where that category occurs. What is below is drawn over
    it later, so that no line of the ground shows between two of them.
    """
    steps: list[tuple[Fraction, Fraction, Fraction]] = []
    for point in points:
        if point.devices.get(stack[-1]):
            begin = _hours(point.start - costs.start)
            top = sum((point.devices.get(category, _ZERO) for category in stack), _ZERO) / point.hours / highest
            if steps and steps[-1][1:] == (begin, top):
                begin, _, _ = steps.pop()
            steps.append((begin, _hours(point.start - costs.start) + point.hours, top))
    drawn, last = [], None
    for begin, end, top in steps:
        if begin != last:
            drawn.append(f"{'' if last is None else 'V1'}M{_short(begin / costs.hours, 5)} 1")
        drawn.append(f"V{_short(1 - top, 4)}H{_short(end / costs.hours, 5)}")
        last = end
    return "".join(drawn) + "V1Z"


def buckets(points: Iterable[Point]) -> list[Point]:
    """Points of one day (in UTC) together."""
    return [_sum(list(group)) for _, group in groupby(points, lambda point: point.start.date())]


def _merged(points: Sequence[Point], number: int) -> list[Point]:
    return [_sum(points[index : index + number]) for index in range(0, len(points), number)]


def _sum(points: Sequence[Point]) -> Point:
    devices: dict[Category, Fraction] = {}
    for point in points:
        for category, value in point.devices.items():
            devices[category] = devices.get(category, _ZERO) + value
    return Point(points[0].start, sum((point.hours for point in points), _ZERO), devices)


def _scale(highest: Fraction) -> tuple[int, Fraction]:
    """The distance of marks, of which there are at most five, and the uppermost of them."""
    step, factors = 1, (2, Fraction(5, 2), 2)  # 1, 2, 5, 10, 20 …
    number = 0
    while highest > 4 * step:
        step = int(step * factors[number % 3])
        number += 1
    return step, Fraction(max(-(-highest // step), 1) * step)


def _times(costs: Costs) -> Iterable[Tick]:
    """Midnights in a long window, full hours in a short one; at most seven."""
    long = costs.hours > 48
    every = -(-costs.hours // 24 // 7) if long else max(-(-costs.hours // 6), 1)
    unit = datetime.timedelta(days=1) if long else datetime.timedelta(hours=1)
    first = costs.start.replace(hour=0 if long else costs.start.hour, minute=0, second=0, microsecond=0)
    if first < costs.start:
        first += unit
    while first < costs.end:
        at = _hours(first - costs.start)
        if at / costs.hours <= Fraction(93, 100):
            yield Tick(_share(at, costs.hours), f"{_DAYS[first.weekday()]} {first.day}" if long else f"{first:%H:%M}")
        first += unit * every


def _bands(costs: Costs) -> Iterable[Band]:
    for missing in costs.missing:
        start, end = max(missing.start, costs.start), min(missing.end, costs.end)
        if start < end:
            yield Band(_share(_hours(start - costs.start), costs.hours), _share(_hours(end - start), costs.hours))


def _hours(time: datetime.timedelta) -> Fraction:
    return Fraction(int(time.total_seconds()), 3600)


def _share(part: Fraction, whole: Fraction) -> str:
    return f"{_short(part / whole * 100, 3)}%"


def _short(value: Fraction, places: int) -> str:
    return f"{float(value):.{places}f}".rstrip("0").rstrip(".")
