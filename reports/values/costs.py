"""Costs as plain values, for programs.

Hours and money have six digits after the point, as those of the report itself have, and every sum is one of what lines say: whatever is
added up, it is the total, and no digit is lost on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from auditor.report import (
    DIMENSIONS,
    HOURS_OF_A_MONTH,
    WASTE,
    Action,
    Amount,
    Category,
    CostLine,
    Costs,
    MissingTime,
    Point,
    Potential,
    PriceUse,
    rounded,
)

from .numbers import PLACES, day, exact, moment, number

__all__ = ["currency_of", "fields"]

_PLURALS = {"team": "teams", "namespace": "namespaces", "workload": "workloads", "pool": "pools", "model": "models"}
_ZERO = Decimal()


@dataclass(frozen=True, slots=True)
class _Row:
    """A line, rounded: what was used and what was not, of hours and of money; money is None where there is no price."""

    line: CostLine
    used: Decimal
    rest: Decimal
    used_money: Decimal | None
    rest_money: Decimal | None


def fields(costs: Costs) -> dict[str, Any]:
    """Costs, in the order in which they are written."""
    rows = [_row(costs, line) for line in costs.lines]
    return {
        "basis": str(costs.basis),
        "start": moment(costs.start),
        "end": moment(costs.end),
        "window_hours": number(costs.hours),
        "month_hours": HOURS_OF_A_MONTH,
        "currency": currency_of(costs),
        "total": {**_sum(rows), "money_per_month": _month(costs, costs.total())},
        "wasted": {**_sum(_wasted(rows)), "money_per_month": _month(costs, costs.wasted)},
        "categories": [_category(category, [row for row in rows if row.line.category is category]) for category in Category],
        **{plural: _groups(rows, DIMENSIONS[name]) for name, plural in _PLURALS.items()},
        "lines": [_line(row) for row in rows],
        "actions": [_action(costs, action) for action in costs.actions],
        "prices": [_price(costs, use) for use in costs.prices],
        "timeline": [_point(point) for point in costs.timeline],
        "coverage": {
            "telemetry": None if costs.coverage.telemetry is None else number(costs.coverage.telemetry),
            "capacity": number(costs.coverage.capacity),
            "exporters": list(costs.coverage.exporters),
            "orphan_hours": number(costs.coverage.orphans),
            "queries": costs.coverage.queries,
            "waited_seconds": round(costs.coverage.waited, 3),
        },
        "notes": list(costs.notes),
        "missing": [_missing(entry) for entry in costs.missing],
    }


def currency_of(report: Costs | Potential) -> dict[str, Any]:
    """The currency that is shown, and its rate."""
    currency, rate = report.currency, report.currency.per_usd
    return {
        "code": currency.code,
        "per_usd": number(rate),
        "date": day(currency.date),
        "source": currency.source,
        **exact(per_usd=rate),
    }


def _row(costs: Costs, line: CostLine) -> _Row:
    used, hours = rounded([line.used], PLACES)[0], rounded([line.hours], PLACES)[0]
    if line.money is None or line.used_money is None:
        return _Row(line, used, hours - used, None, None)
    paid, worked = rounded([costs.shown(line.money)], PLACES)[0], rounded([costs.shown(line.used_money)], PLACES)[0]
    return _Row(line, used, hours - used, worked, paid - worked)


def _wasted(rows: Iterable[_Row]) -> list[_Row]:
    return [row for row in rows if row.line.category in WASTE]


def _figure(parts: Iterable[tuple[Decimal, Decimal | None]]) -> dict[str, Any]:
    """Hours and money; money is null where none of the hours has a price."""
    found = list(parts)
    hours = sum((hour for hour, _ in found), _ZERO)
    unpriced = sum((hour for hour, money in found if money is None), _ZERO)
    money = sum((money for _, money in found if money is not None), _ZERO)
    return {"hours": float(hours), "money": None if unpriced and unpriced == hours else float(money), "unpriced_hours": float(unpriced)}


def _both(row: _Row) -> tuple[Decimal, Decimal | None]:
    money = None if row.used_money is None or row.rest_money is None else row.used_money + row.rest_money
    return row.used + row.rest, money


def _sum(rows: Iterable[_Row]) -> dict[str, Any]:
    return _figure(map(_both, rows))


def _category(category: Category, rows: Sequence[_Row]) -> dict[str, Any]:
    if category is Category.ACTIVE:
        parts = {"used": [(row.used, row.used_money) for row in rows], "under-used": [(row.rest, row.rest_money) for row in rows]}
    else:
        parts = {detail: [_both(row) for row in rows if row.line.detail == detail] for detail in sorted({row.line.detail for row in rows})}
    return {
        "category": str(category),
        "wasted": category in WASTE,
        **_sum(rows),
        "details": [{"detail": name, **_figure(found)} for name, found in parts.items() if found],
    }


def _groups(rows: Sequence[_Row], key: Callable[[CostLine], str]) -> list[dict[str, Any]]:
    """What each team (namespace, workload, …) cost, who wasted most first."""
    members: dict[str, list[_Row]] = {}
    for row in rows:
        members.setdefault(key(row.line), []).append(row)
    found = [
        {
            "name": name,
            **_sum(own),
            "wasted": _sum(_wasted(own)),
            "categories": {
                str(category): _sum(row for row in own if row.line.category is category)
                for category in Category
                if any(row.line.category is category for row in own)
            },
        }
        for name, own in members.items()
    ]
    return sorted(
        found, key=lambda group: (-(group["wasted"]["money"] or 0), -group["wasted"]["hours"], -(group["money"] or 0), group["name"])
    )


def _line(row: _Row) -> dict[str, Any]:
    line = row.line
    hours, money = _both(row)
    return {
        "category": str(line.category),
        "detail": line.detail,
        "namespace": line.namespace,
        "kind": line.kind,
        "name": line.name,
        "team": line.team,
        "role": line.role,
        "pool": line.pool,
        "model": line.model,
        "capacity_type": line.capacity_type,
        "hours": float(hours),
        "money": None if money is None else float(money),
        "used_hours": float(row.used),
        "used_money": None if row.used_money is None else float(row.used_money),
        "cash": line.cash,
        "confidence": str(line.confidence),
        "price_basis": line.basis,
    }


def _action(costs: Costs, action: Action) -> dict[str, Any]:
    amount = action.amount
    return {
        "kind": action.kind,
        "title": action.title,
        "remedy": action.remedy,
        "namespace": action.namespace,
        "team": action.team,
        "target": action.target,
        "hours": number(amount.hours),
        "money": number(costs.shown(amount.money)) if amount.priced or not amount.hours else None,
        "unpriced_hours": number(amount.unpriced),
        "saving_per_month": None if action.month is None else number(costs.shown(action.month)),
        "cash": action.cash,
        "confidence": str(action.confidence),
        "evidence": list(action.evidence),
        "query": action.query,
    }


def _price(costs: Costs, use: PriceUse) -> dict[str, Any]:
    return {
        "what": use.what,
        "model": use.model,
        "device_hour": None if use.device_hour is None else number(costs.shown(use.device_hour)),
        "basis": use.basis,
        "source": use.source,
        "date": day(use.date),
        "confidence": None if use.confidence is None else str(use.confidence),
        "hours": number(use.hours),
        "cash": use.cash,
        "notes": list(use.notes),
    }


def _point(point: Point) -> dict[str, Any]:
    return {
        "start": moment(point.start),
        "hours": number(point.hours),
        "devices": {str(category): number(hours) for category, hours in point.devices.items()},
    }


def _missing(entry: MissingTime) -> dict[str, Any]:
    return {"start": moment(entry.start), "end": moment(entry.end), "what": entry.what, "reason": entry.reason}


def _month(costs: Costs, amount: Amount) -> float | None:
    return number(costs.shown(costs.per_month(amount.money))) if amount.priced or not amount.hours else None
