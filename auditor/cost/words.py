"""Costs in words: what all formats for people say alike."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from auditor.cost.model import Basis, Costs, rounded
from auditor.cost.shown import percentages
from auditor.usage import Category, MissingTime

__all__ = ["BASES", "MEANINGS", "as_money", "gap", "oldest_price", "price_mix", "span", "standing"]

MEANINGS: Mapping[Category, str] = {
    Category.UNALLOCATED: "no pod asks for it",
    Category.STARTING: "held, containers do not run yet",
    Category.TERMINATING: "held by pods that should be gone",
    Category.CRASHLOOP: "held, waits to be started again",
    Category.IDLE: "held, measured, not used",
    Category.UNKNOWN: "held, not measured",
    Category.ACTIVE: "held and used",
}
BASES: Mapping[Basis, str] = {
    Basis.NOW: "one look: what an hour costs, if it stays like this",
    Basis.ALLOCATION: "who held what over the window; nothing says whether it was used",
    Basis.USAGE: "who held what over the window, and what was used",
}


def as_money(value: Decimal | None, currency: str) -> str:
    """``$1,320.96``, ``1,320.96 EUR``, and ``-`` for what is not known."""
    if value is None:
        return "-"
    return f"${value:,}" if currency == "USD" else f"{value:,} {currency}"


def price_mix(costs: Costs) -> dict[str, Decimal]:
    """How many percent of the hours have a price of which confidence; ``none`` for those without."""
    found = dict.fromkeys(("high", "medium", "low", "none"), Fraction())
    for price in costs.prices:
        found["none" if price.device_hour is None or price.confidence is None else str(price.confidence)] += price.hours
    shown = dict(zip(found, percentages(list(found.values())), strict=True))
    return {name: share for name, share in shown.items() if found[name]}


def oldest_price(costs: Costs) -> datetime.date | None:
    """The date of the oldest price that was used."""
    return min((price.date for price in costs.prices if price.date and price.device_hour is not None), default=None)


def span(costs: Costs) -> str:
    """The window: ``18 Nov 2026 – 25 Nov 2026 UTC, 7 days``."""
    start, end = costs.start, costs.end
    if costs.basis is Basis.NOW:
        return f"{start:%d %b %Y %H:%M} UTC, for an hour"
    days = costs.hours / 24
    long = f"{days} day{'s' if days != 1 else ''}" if days.denominator == 1 else f"{float(costs.hours):g} hours"
    shape = "%d %b %Y" if start.time() == end.time() == datetime.time() else "%d %b %Y %H:%M"
    return f"{start:{shape}} – {end:{shape}} UTC, {long}"


def gap(missing: MissingTime) -> str:
    """A stretch of time of which nothing is known, and why."""
    return f"{missing.what}, {missing.start:%d %b %H:%M} – {missing.end:%d %b %H:%M}: {missing.reason}"


def standing(costs: Costs) -> list[str]:
    """What the amounts stand on, a fact each: basis, coverage, prices and rate."""
    facts = [f"Basis: {BASES[costs.basis]}"]
    cover = costs.coverage
    if cover.telemetry is not None:
        by = f" by {', '.join(cover.exporters)}" if cover.exporters else ""
        facts.append(f"{_percent(cover.telemetry)} % of what ran was measured{by}")
    if cover.capacity < 1:
        facts.append(f"{_percent(cover.capacity)} % of the window has samples")
    if mix := price_mix(costs):
        oldest = oldest_price(costs)
        words = ", ".join(f"{name} {share} %" for name, share in mix.items())
        facts.append(f"confidence in prices, by hours: {words}" + (f"; the oldest is of {oldest}" if oldest else ""))
    currency = costs.currency
    if currency.code != "USD":
        of = "".join(f", {text}" for text in (str(currency.date or ""), currency.source) if text)
        facts.append(f"rate: {float(currency.per_usd):g} {currency.code} for a US dollar{of}")
    return facts


def _percent(part: Fraction) -> Decimal:
    """In whole percent; all of it only where nothing is missing."""
    (shown,) = rounded([part * 100], 0)
    return min(shown, Decimal(99)) if part < 1 else shown
