"""What chunks add up to: by node, by holder, and over time. Nothing else is kept of them, so that memory does not grow with the window."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from auditor.source.prometheus.asking import Answers
from auditor.source.prometheus.queries import Queries
from auditor.source.prometheus.rows import Pod, Row, activity, scale
from auditor.source.prometheus.span import HOUR
from auditor.usage import Activity, Category, Held, Holder, MissingTime, NodeHours, Physical, Point

__all__ = ["Sums", "stretches"]

_ZERO = Fraction(0)
_POINTS = 96  # of the timeline


@dataclass(slots=True)
class _Node:
    """Sums of one node, in looks of devices; see `NodeHours`."""

    capacity: Fraction = _ZERO
    units: Fraction = _ZERO
    allocatable: Fraction = _ZERO
    cordoned: Fraction = _ZERO
    empty: Fraction = _ZERO


class Sums:
    """Sums over chunks.

    Attributes:
        looks: in how many looks kube-state-metrics has any node.
    """

    def __init__(self) -> None:
        self.looks = _ZERO
        self._nodes: dict[str, _Node] = {}
        self._held: dict[tuple[Holder, str], Activity] = {}
        self._points: list[Point] = []

    def add(
        self, answers: Answers, physical: Mapping[str, Physical], rows: Mapping[Row, Mapping[str, Fraction]],
        telemetry: Mapping[Row, Mapping[str, Fraction]], owners: Mapping[Pod, Holder], end: datetime.datetime, queries: Queries,
    ) -> None:  # fmt: skip
        """Add a chunk to the sums, in looks of devices."""
        self.looks += sum(answers.rows("looks").values(), _ZERO)
        point, taken = Activity(), dict[str, Fraction]()
        for row, held in rows.items():
            weight = physical[row[2]].weight(row[3]) if row[2] in physical else Fraction(1)
            done = activity(held, telemetry.get(row, {}), weight)
            key = (owners[row[0], row[1]], row[2])
            self._held.setdefault(key, Activity()).add(done)
            point.add(done)
            taken[row[2]] = taken.get(row[2], _ZERO) + done.total
        free = self._capacity(answers, physical, taken)
        categories = {category: point.of(category) for category in Category} | {Category.UNALLOCATED: free}
        hours = Fraction(queries.chunk, HOUR)
        look = Fraction(queries.step, HOUR)
        devices = {category: looks * look for category, looks in categories.items() if looks}
        self._points.append(Point(end - datetime.timedelta(seconds=queries.chunk), hours, devices))

    def _capacity(self, answers: Answers, physical: Mapping[str, Physical], taken: Mapping[str, Fraction]) -> Fraction:
        """Add the capacity of a chunk; what of it nobody held."""
        free = _ZERO
        cordoned = answers.rows("cordoned", "node")
        for (node,), looks in answers.rows("present", "node").items():
            devices = physical[node].devices
            sums = self._nodes.setdefault(node, _Node())
            sums.capacity += devices * looks
            sums.cordoned += devices * min(cordoned.get((node,), _ZERO), looks)
            if not taken.get(node):
                sums.empty += devices * looks
            free += max(devices * looks - taken.get(node, _ZERO), _ZERO)
        for what in ("capacity", "allocatable"):
            for (node, resource), looks in answers.rows(what, "node", "resource").items():
                if node in self._nodes:
                    weighed = physical[node].weight(resource) * looks
                    if what == "capacity":
                        self._nodes[node].units += weighed
                    else:
                        self._nodes[node].allocatable += weighed
        return free

    # -- the whole ----------------------------------------------------------------------------------------------------------------------

    def nodes(self, look: Fraction) -> Iterator[NodeHours]:
        """Capacity by node, sorted. A look is so many hours."""
        for name, one in sorted(self._nodes.items()):
            yield NodeHours(name, one.capacity * look, one.units * look, one.allocatable * look, one.cordoned * look, one.empty * look)

    def held(self, look: Fraction) -> Iterator[Held]:
        """Who held what, sorted. A look is so many hours."""
        for (holder, node), done in sorted(self._held.items(), key=lambda entry: entry[0]):
            hours = replace(done)
            scale(hours, look)
            yield Held(holder, node, hours)

    def holders_on(self, nodes: Iterable[str]) -> set[Holder]:
        """Who held devices of these nodes."""
        chosen = set(nodes)
        return {holder for holder, node in self._held if node in chosen}

    def timeline(self) -> tuple[Point, ...]:
        """From the beginning to the end."""
        return tuple(_merged(self._points))


def stretches(missing: Iterable[MissingTime]) -> Iterator[MissingTime]:
    """What is missing, chunks that follow one another for one reason as one stretch."""
    found: dict[tuple[str, str], MissingTime] = {}
    for one in sorted(missing):
        before = found.get((one.what, one.reason))
        if before and one.start <= before.end:
            one = replace(before, end=max(before.end, one.end))
        elif before:
            yield before
        found[one.what, one.reason] = one
    yield from found.values()


def _merged(points: list[Point]) -> Iterator[Point]:
    """At most `_POINTS` points: neighbours are put together."""
    many = -(-len(points) // _POINTS) or 1
    for first in range(0, len(points), many):
        group = points[first : first + many]
        devices: dict[Category, Fraction] = {}
        for point in group:
            for category, hours in point.devices.items():
                devices[category] = devices.get(category, _ZERO) + hours
        yield Point(group[0].start, sum((point.hours for point in group), _ZERO), devices)
