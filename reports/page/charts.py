"""Charts as plain numbers for inline SVG. Widths are percentages and heights are pixels: charts stretch, patterns and letters do not."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby

from auditor.report import Amount, Category, Costs, Point

from .amounts import ORDER

__all__ = ["Band", "Bar", "Block", "Tick", "Timeline", "bar", "buckets", "timeline"]

HEIGHT = 240  # of the timeline, in pixels
_OVERLAP = Fraction(3, 10_000)  # of a block with the next, or the ground shows between them as a line
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
class Block:
    """A piece of a stack: percentages across, pixels down."""

    x: str
    y: str
    width: str
    height: str


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
        stacks: for each category that occurs, from the bottom up, its blocks.
        times, levels: marks of the axes.
        bands: what is missing.
        points: the same in numbers.
        daily: each of them is a day.
    """

    stacks: tuple[tuple[Category, tuple[Block, ...]], ...]
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
    stacks: dict[Category, list[tuple[Fraction, Fraction, Fraction, Fraction]]] = {}
    for point in points:
        y = _ZERO
        for category in ORDER:
            height = point.devices.get(category, _ZERO) / point.hours / highest * HEIGHT
            if height:
                blocks = stacks.setdefault(category, [])
                x, width = _hours(point.start - costs.start), point.hours
                if blocks and blocks[-1][1] == y and blocks[-1][3] == height and blocks[-1][0] + blocks[-1][2] == x:
                    x, width = blocks[-1][0], blocks.pop()[2] + width
                blocks.append((x, y, width, height))
            y += height
    daily = costs.hours > 48
    return Timeline(
        stacks=tuple(
            (category, tuple(_block(*piece, costs.hours) for piece in stacks[category])) for category in ORDER if category in stacks
        ),
        times=tuple(_times(costs)),
        levels=tuple(Tick(_pixel(HEIGHT - level / highest * HEIGHT), f"{level:,}") for level in range(0, int(highest) + 1, step)),
        bands=tuple(_bands(costs)),
        points=tuple(buckets(lasting) if daily else points),
        daily=daily,
    )


def _block(x: Fraction, y: Fraction, width: Fraction, height: Fraction, whole: Fraction) -> Block:
    return Block(_share(x, whole), _pixel(HEIGHT - y - height), _share(width + whole * _OVERLAP, whole), _pixel(height))


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


def _pixel(value: Fraction) -> str:
    return _short(value, 2)


def _short(value: Fraction, places: int) -> str:
    return f"{float(value):.{places}f}".rstrip("0").rstrip(".")
