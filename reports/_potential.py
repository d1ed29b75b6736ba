"""What the manifests could cost, in the words and the fields that formats share."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from auditor.report import Change, ChangeLine, How, Money, Potential, PotentialLine, PotentialPart, Span, TermKind

__all__ = ["amount_of", "change_of", "closing", "described", "fields", "signed", "spelled", "where"]


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
        runs = f"{float(line.term.runs):.4g} runs a month of at most {_hours(line.term.hours or 0)}"
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


def _hours(hours: Any) -> str:
    minutes = hours * 60
    if minutes < 60:
        return f"{float(minutes):.4g} minutes"
    return "1 hour" if hours == 1 else f"{float(hours):,.4g} hours"


def closing(potential: Potential) -> Iterator[str]:
    """The total, and what is not in it, a sentence each."""
    code = potential.currency.code
    yield f"Total: {ranged(potential.total)} {code} a month for {_number(len(potential.lines), 'accelerated workload')}"
    without = potential.unpriced
    if without:
        yield f"No price: {len(without)} of them. A node selector, a NodePool in view or --prices would tell what their devices cost"
    if potential.endless:
        hour = ranged(potential.money(potential.endless_hour))
        yield f"Not in the total: {_number(len(potential.endless), 'job')} without a deadline, {hour} {code} an hour if all run at once"
    if potential.uncounted:
        yield f"Not in the total: {len(potential.uncounted)} whose number of pods is not known"
    if potential.templates:
        yield f"Not in the list: {_number(potential.templates, 'template')} that other objects make pods from"
    days = sorted({part.price.date for line in potential.lines for part in line.parts if part.price and part.price.date})
    if days:
        yield f"Prices of {_days(days)}"


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


# -- for programs -------------------------------------------------------------------------------------------------------------------------


def fields(potential: Potential | None) -> dict[str, Any] | None:
    """All of it as plain values; amounts are texts, so that no reader rounds them."""
    if potential is None:
        return None
    months = potential.months
    return {
        "meaning": "an upper bound for what runs as it is written, if it runs all month; not waste",
        "currency": potential.currency.code,
        "date": potential.on.isoformat(),
        "region": potential.region,
        "month": _money(potential.total),
        "workloads": len(potential.lines),
        "unpriced": len(potential.unpriced),
        "endless": len(potential.endless),
        "endless_hour": _money(potential.money(potential.endless_hour)),
        "uncounted": len(potential.uncounted),
        "templates": potential.templates,
        "lines": [_line(potential, line, month) for line, month in zip(potential.lines, months, strict=True)],
        "change": _change(potential, potential.change),
    }


def _line(potential: Potential, line: PotentialLine, month: Money | None) -> dict[str, Any]:
    shown = month or (potential.money(line.month) if line.month is not None else None)
    return {
        "object": _object(line),
        "file": line.file,
        "line": line.line,
        "role": line.role,
        "team": line.team,
        "devices": _quantity(line.devices),
        "per": line.per,
        "hour": None if line.hour is None else _money(potential.money(line.hour)),
        "run": None if line.run is None else _money(potential.money(line.run)),
        "month": None if shown is None else _money(shown),
        "priced": line.priced,
        "confidence": None if line.confidence is None else str(line.confidence),
        "term": {
            "kind": str(line.term.kind),
            "hours": _decimal(line.term.hours),
            "runs_per_month": _decimal(line.term.runs),
            "suspended": line.term.suspended,
            "endless": line.endless,
        },
        "scaler": line.scaler,
        "parts": [_part_fields(potential, part) for part in line.parts],
        "notes": list(line.notes),
    }


def _part_fields(potential: Potential, part: PotentialPart) -> dict[str, Any]:
    price = part.price
    return {
        "component": part.component,
        "device": part.device,
        "model": part.model,
        "units": part.units,
        "share": _decimal(part.share),
        "pods": _quantity(part.pods),
        "price": None
        if price is None
        else {
            "what": price.what,
            "device_hour": _money(potential.money(price.hour, 6)),
            "basis": price.basis,
            "source": price.source,
            "date": price.date.isoformat() if price.date else None,
            "confidence": str(price.confidence),
            "cash": price.cash,
            "notes": list(price.notes),
        },
    }


def _change(potential: Potential, change: Change | None) -> dict[str, Any] | None:
    if change is None:
        return None
    return {
        "base": change.base,
        "commit": change.commit,
        "month": _money(potential.money(change.month)),
        "unknown": change.unknown,
        "lines": [
            {
                "how": str(line.how),
                "object": _object(line.line),
                "file": line.line.file,
                "line": 0 if line.how is How.REMOVED else line.line.line,
                "devices": _quantity(line.devices),
                "month": None if line.month is None else _money(potential.money(line.month)),
                "before": _line(potential, line.before, None) if line.before else None,
                "after": _line(potential, line.after, None) if line.after else None,
            }
            for line in change.lines
        ],
        "notes": list(change.notes),
    }


def _object(line: PotentialLine) -> dict[str, str]:
    ref = line.ref
    return {"group": ref.group, "version": ref.version, "kind": ref.kind, "namespace": ref.namespace, "name": ref.name}


def _money(money: Money) -> dict[str, str | None]:
    return {"low": str(money.low), "high": None if money.high is None else str(money.high)}


def _quantity(span: Span | None) -> dict[str, str | None] | None:
    return None if span is None else {"low": _decimal(span.low), "high": _decimal(span.high)}


def _decimal(value: Any) -> str | None:
    """A number with at most six places, without those that say nothing."""
    if value is None:
        return None
    text = f"{Decimal(value.numerator) / Decimal(value.denominator):.6f}"
    return text.rstrip("0").rstrip(".")
