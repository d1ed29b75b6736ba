"""Reads costs of a stored report: lines, actions, prices and the timeline. Sums are made of lines again."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from auditor.cost.prices import Currency
from auditor.finding import Confidence
from auditor.report import Action, Amount, Basis, Category, CostLine, Costs, Coverage, MissingTime, Point, PriceUse
from auditor.stored.values import Entry, Kind, Wrong, amount, count, day, flag, maybe, moment, named, one_of, several, share, text

__all__ = ["confidence", "costs", "currency"]

_CATEGORIES = {str(category): category for category in Category}
_category = named(_CATEGORIES)
_basis = one_of(Basis)
_texts = several(text)
confidence = one_of(Confidence)


def currency(value: Any) -> Currency:
    """A currency and its rate."""
    it = Entry(value)
    rate = it.exact("per_usd", amount)
    if not rate:
        raise Wrong("a currency with a rate")
    return Currency(it.get("code", text), rate, it.get("date", maybe(day)), it.get("source", text))


def costs(value: Any) -> Costs:
    """All of them, in US dollars."""
    it = Entry(value)
    shown = it.get("currency", currency)

    def paid(value: Any) -> Fraction:
        return shown.to_usd(amount(value))

    start, end = it.get("start", moment), it.get("end", moment)
    if not start < end:
        raise Wrong("a window of time: its end is before its start")
    return Costs(
        basis=it.get("basis", _basis),
        start=start,
        end=end,
        lines=it.get("lines", several(lambda line: _line(line, paid))),
        actions=it.get("actions", several(lambda action: _action(action, paid))),
        prices=it.get("prices", several(lambda price: _price(price, paid))),
        timeline=it.get("timeline", several(_point)),
        coverage=it.get("coverage", _coverage),
        currency=shown,
        notes=it.get("notes", _texts),
        missing=it.get("missing", several(_missing)),
    )


def _line(value: Any, paid: Kind[Fraction]) -> CostLine:
    it = Entry(value)
    hours, used = it.get("hours", amount), it.get("used_hours", amount)
    if used > hours:
        raise Wrong("a line whose used hours are among its hours")
    return CostLine(
        category=it.get("category", _category),
        detail=it.get("detail", text),
        namespace=it.get("namespace", text),
        kind=it.get("kind", text),
        name=it.get("name", text),
        team=it.get("team", text),
        role=it.get("role", text),
        pool=it.get("pool", text),
        model=it.get("model", text),
        capacity_type=it.get("capacity_type", text),
        hours=hours,
        money=it.get("money", maybe(paid)),
        used=used,
        cash=it.get("cash", flag),
        confidence=it.get("confidence", confidence),
        basis=it.get("price_basis", text),
    )


def _action(value: Any, paid: Kind[Fraction]) -> Action:
    it = Entry(value)
    hours, unpriced = it.get("hours", amount), it.get("unpriced_hours", amount)
    if unpriced > hours:
        raise Wrong("an action whose hours without price are among its hours")
    return Action(
        kind=it.get("kind", text),
        title=it.get("title", text),
        remedy=it.get("remedy", text),
        namespace=it.get("namespace", text),
        team=it.get("team", text),
        target=it.get("target", text),
        amount=Amount(hours, it.get("money", maybe(paid)) or Fraction(), unpriced),
        month=it.get("saving_per_month", maybe(paid)),
        cash=it.get("cash", flag),
        confidence=it.get("confidence", confidence),
        evidence=it.get("evidence", _texts),
        query=it.get("query", text),
    )


def _price(value: Any, paid: Kind[Fraction]) -> PriceUse:
    it = Entry(value)
    return PriceUse(
        what=it.get("what", text),
        model=it.get("model", text),
        device_hour=it.get("device_hour", maybe(paid)),
        basis=it.get("basis", text),
        source=it.get("source", text),
        date=it.get("date", maybe(day)),
        confidence=it.get("confidence", maybe(confidence)),
        hours=it.get("hours", amount),
        cash=it.get("cash", flag),
        notes=it.get("notes", _texts),
    )


def _point(value: Any) -> Point:
    it = Entry(value)
    return Point(it.get("start", moment), it.get("hours", amount), it.get("devices", _devices))


def _devices(value: Any) -> dict[Category, Fraction]:
    it = Entry(value)
    return {_CATEGORIES[name]: it.get(name, amount) for name in it.values if name in _CATEGORIES}


def _coverage(value: Any) -> Coverage:
    it = Entry(value)
    return Coverage(
        telemetry=it.get("telemetry", maybe(share)),
        capacity=it.get("capacity", share),
        exporters=it.get("exporters", _texts),
        orphans=it.get("orphan_hours", amount),
        queries=it.get("queries", count),
        waited=float(it.get("waited_seconds", amount)),
    )


def _missing(value: Any) -> MissingTime:
    it = Entry(value)
    return MissingTime(it.get("start", moment), it.get("end", moment), it.get("what", text), it.get("reason", text))
