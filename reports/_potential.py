"""What the manifests could cost, in the words that formats for people share."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from decimal import Decimal
from fractions import Fraction

from auditor.report import ChangeLine, Money, Potential, PotentialLine, PotentialPart, Span, TermKind

__all__ = ["amount_of", "change_of", "closing", "described", "ranged", "signed", "spelled", "where"]


def spelled(amount: Decimal) -> str:
    """An amount for people: ``30,134.40``; further places only where they say something."""
    whole, _, places = f"{amount:,f}".partition(".")
    return f"{whole}.{places.rstrip('0'):0<2}"


def signed(money: Money) -> str:
    """A difference for people: ``+1,200.00``; of a range both ends."""
    low = f"{money.low:+,f}" if money.low else "0.00"
    if money.fixed:
        return low
    return f"from {low}, unbounded" if money.high is None else f"{low} to {money.high:+,f}"


def ranged(money: Money) -> str:
    """An amount or a range for people."""
    if money.fixed:
        return spelled(money.low)
    return f"{spelled(money.low)} or more" if money.high is None else f"{spelled(money.low)} to {spelled(money.high)}"


def where(line: PotentialLine) -> str:
    """The place of a workload."""
    return f"{line.file}:{line.line}" if line.line else line.file


def amount_of(potential: Potential, line: PotentialLine, month: Money | None) -> str:
    """What a workload could cost, for people: in a month, else in the time that is known."""
    if line.term.suspended:
        return "0.00, suspended"
    if line.hour is None:
        return "no price"
    more = "" if line.priced else " and more"
    if line.per and line.month is not None:
        return f"{ranged(potential.money(line.month))}{more} for each {line.per}"
    if month is None:
        each = f" for each {line.per}" if line.per else ""
        return f"{ranged(potential.money(line.hour))}{more} an hour{each}, unbounded"
    return ranged(month) + more


def described(potential: Potential, line: PotentialLine) -> Iterator[str]:
    """What it consists of, a sentence each."""
    for part in line.parts:
        yield _part(potential, line, part)
    if line.term.kind is TermKind.RUN and line.run is not None and line.term.hours is not None:
        yield f"a job: one run of at most {_hours(line.term.hours)}"
    elif line.term.kind is TermKind.SCHEDULE and line.run is not None and line.term.runs is not None:
        runs = f"{float(line.term.runs):.4g} runs a month of at most {_hours(line.term.hours or Fraction())}"
        yield f"{runs}, {ranged(potential.money(line.run))} each"
    if line.scaler:
        yield f"{line.scaler} moves the number of pods"
    yield from line.notes


def _part(potential: Potential, line: PotentialLine, part: PotentialPart) -> str:
    who = f"{part.component}: " if part.component and len(line.parts) > 1 else ""
    model = part.model or part.device
    units = "an unknown number of" if part.units is None else str(part.units)
    share = f" (each {part.share} of a device)" if part.share not in (None, 1) else ""
    if part.share is None and part.units is not None:
        share = " (shares of unknown size)"
    pods = f" in each of {_count(part.pods)} pods" if not line.per and part.pods != Span.of(1) else ""
    price = part.price
    if price is None:
        return f"{who}{units} {model}{share}{pods}; no price is known"
    hour = ranged(potential.money(price.hour, 4))
    return f"{who}{units} {model}{share}{pods} at {hour} an hour: {price.what}; {price.basis}, {price.confidence} confidence"


def _count(pods: Span) -> str:
    if pods.high is None:
        return f"{pods.low} or more"
    return str(pods.low) if pods.fixed else f"{pods.low} to {pods.high}"


def _hours(hours: Fraction) -> str:
    minutes = hours * 60
    if minutes < 60:
        return f"{float(minutes):.4g} minutes"
    return "1 hour" if hours == 1 else f"{float(hours):,.4g} hours"


def closing(potential: Potential) -> Iterator[str]:
    """The total, and what is not in it, a sentence each."""
    code = potential.currency.code
    whole = f"{ranged(potential.total)} {code} a month" if priced(potential.lines) or not potential.lines else "not known"
    yield f"Total: {whole} for {_number(len(potential.lines), 'accelerated workload')}"
    without = potential.unpriced
    if without:
        yield f"No price: {len(without)} of them. A node selector, a NodePool in view or --prices would tell what their devices cost"
    if potential.endless:
        hour = f"{ranged(potential.money(potential.endless_hour))} {code} an hour if all run at once"
        known = hour if priced(potential.endless) else "at a price that is not known"
        yield f"Not in the total: {_number(len(potential.endless), 'job')} without a deadline, {known}"
    if potential.uncounted:
        yield f"Not in the total: {len(potential.uncounted)} whose number of pods is not known"
    if potential.templates:
        yield f"Not in the list: {_number(potential.templates, 'template')} that other objects make pods from"
    days = sorted({part.price.date for line in potential.lines for part in line.parts if part.price and part.price.date})
    if days:
        yield f"Prices of {_days(days)}"


def priced(lines: Iterable[PotentialLine]) -> bool:
    """Whether the price of any of them is known: what has none is not 0."""
    return any(line.hour is not None for line in lines)


def _days(days: list[datetime.date]) -> str:
    return str(days[0]) if len(days) == 1 else f"{days[0]} to {days[-1]}"


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def change_of(potential: Potential, line: ChangeLine) -> str:
    """What a change does to one workload, for people."""
    if line.month is not None:
        return signed(potential.money(line.month))
    if line.devices is not None and (line.after or line.before) and line.line.hour is None:
        return f"no price, {_devices(line.devices)} devices"
    before = amount_of(potential, line.before, _month(potential, line.before)) if line.before else "nothing"
    after = amount_of(potential, line.after, _month(potential, line.after)) if line.after else "nothing"
    return f"{before} → {after}"


def _month(potential: Potential, line: PotentialLine) -> Money | None:
    return None if line.counted is None else potential.money(line.counted)


def _devices(span: Span) -> str:
    low, high = f"{float(span.low):+.4g}", None if span.high is None else f"{float(span.high):+.4g}"
    return low if low == high else f"{low} or more" if high is None else f"{low} to {high}"
