"""Costs as a report holds them: each amount with six digits after the point, in the currency that is shown.

Until then amounts are exact, and have as many digits as sevenths of GPUs and averages of samples make of them. From then on what a report
holds is what its JSON says, so that a stored report is the report: no format can tell the two apart.

Amounts that are parts of one whole are rounded together, so that they add up to it: nothing is lost on the way.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from fractions import Fraction

from auditor.cost.model import Action, Amount, CostLine, Costs, Coverage, PriceUse, rounded
from auditor.usage import Point

__all__ = ["PLACES", "settled"]

PLACES = 6
_LEAST = Fraction(1, 10**PLACES)


def settled(costs: Costs) -> Costs:
    """The same costs with six digits after the point; those that have no more are left as they are."""
    return dataclasses.replace(
        costs,
        lines=_lines(costs),
        actions=tuple(_action(costs, action) for action in costs.actions),
        prices=tuple(_price(costs, use) for use in costs.prices),
        timeline=tuple(_point(point) for point in costs.timeline),
        coverage=_coverage(costs.coverage),
    )


def _together(parts: Sequence[Fraction]) -> list[Fraction]:
    """Parts of one whole, with six digits; as few as a floating point number keeps of them, since programs read JSON into such."""
    return [Fraction(repr(float(part))) for part in rounded(parts, PLACES)]


def _alone(value: Fraction) -> Fraction:
    return _together([value])[0]


def _paid(costs: Costs, money: Sequence[Fraction]) -> list[Fraction]:
    """US dollars that are six digits of what is shown."""
    return [costs.currency.to_usd(part) for part in _together([costs.shown(part) for part in money])]


def _lines(costs: Costs) -> tuple[CostLine, ...]:
    hours = _together([part for line in costs.lines for part in (line.used, line.hours - line.used)])
    money = iter(_paid(costs, [line.money for line in costs.lines if line.money is not None]))
    return tuple(
        dataclasses.replace(line, used=used, hours=used + rest, money=None if line.money is None else next(money))
        for line, used, rest in zip(costs.lines, hours[::2], hours[1::2], strict=True)
    )


def _action(costs: Costs, action: Action) -> Action:
    hours, unpriced = _alone(action.amount.hours), _alone(action.amount.unpriced)
    priced = unpriced < hours or not hours
    money = _paid(costs, [action.amount.money])[0] if priced else Fraction()
    month = None if action.month is None else _paid(costs, [action.month])[0]
    return dataclasses.replace(action, amount=Amount(hours, money, unpriced), month=month)


def _price(costs: Costs, use: PriceUse) -> PriceUse:
    rate = None if use.device_hour is None else _paid(costs, [use.device_hour])[0]
    return dataclasses.replace(use, device_hour=rate, hours=_alone(use.hours))


def _point(point: Point) -> Point:
    devices = _together(list(point.devices.values()))
    return Point(point.start, _alone(point.hours), dict(zip(point.devices, devices, strict=True)))


def _coverage(coverage: Coverage) -> Coverage:
    return dataclasses.replace(
        coverage,
        telemetry=None if coverage.telemetry is None else _share(coverage.telemetry),
        capacity=_share(coverage.capacity),
        orphans=_alone(coverage.orphans),
        waited=round(coverage.waited, 3),
    )


def _share(part: Fraction) -> Fraction:
    """A part of a whole: what is missing a little is not all, and a little is not nothing."""
    return min(max(_alone(part), _LEAST), 1 - _LEAST) if 0 < part < 1 else part
