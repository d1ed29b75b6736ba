"""What manifests could cost as plain values, for programs.

Money has the digits that people read, and adds up to the total. What it is made of (prices, devices, hours) has six after the point, and
``exact`` beside where that is not all of it.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from auditor.report import Change, ChangeLine, How, Money, Potential, PotentialLine, PotentialPart, Span

from .costs import currency_of
from .numbers import day, exact, number

__all__ = ["fields"]


def fields(potential: Potential) -> dict[str, Any]:
    """All of it, in the order in which it is written."""
    return {
        "meaning": "an upper bound for what runs as it is written, if it runs all month; not waste",
        "currency": currency_of(potential),
        "date": day(potential.on),
        "region": potential.region,
        "month": _money(potential.total),
        "workloads": len(potential.lines),
        "unpriced": len(potential.unpriced),
        "endless": len(potential.endless),
        "endless_hour": _money(potential.money(potential.endless_hour)),
        "uncounted": len(potential.uncounted),
        "templates": potential.templates,
        "lines": [_line(potential, line, month) for line, month in zip(potential.lines, potential.months, strict=True)],
        "change": None if potential.change is None else _change(potential, potential.change),
    }


def _line(potential: Potential, line: PotentialLine, month: Money | None) -> dict[str, Any]:
    shown = month or (potential.money(line.month) if line.month is not None else None)
    term = line.term
    return {
        "object": _object(line),
        "file": line.file,
        "line": line.line,
        "role": line.role,
        "team": line.team,
        "devices": _maybe(line.devices),
        "per": line.per,
        "hour": None if line.hour is None else _money(potential.money(line.hour)),
        "run": None if line.run is None else _money(potential.money(line.run)),
        "month": None if shown is None else _money(shown),
        "priced": line.priced,
        "confidence": None if line.confidence is None else str(line.confidence),
        "term": {
            "kind": str(term.kind),
            "hours": None if term.hours is None else number(term.hours),
            "runs_per_month": None if term.runs is None else number(term.runs),
            "overlapping": term.overlapping,
            "suspended": term.suspended,
            "endless": line.endless,
            **exact(hours=term.hours, runs_per_month=term.runs),
        },
        "scaler": line.scaler,
        "parts": [_part(potential, part) for part in line.parts],
        "notes": list(line.notes),
    }


def _part(potential: Potential, part: PotentialPart) -> dict[str, Any]:
    price = part.price
    return {
        "component": part.component,
        "device": part.device,
        "model": part.model,
        "units": part.units,
        "share": None if part.share is None else number(part.share),
        "pods": _span(part.pods),
        "price": None
        if price is None
        else {
            "what": price.what,
            "device_hour": _span(price.hour.times(potential.currency.per_usd)),
            "basis": price.basis,
            "source": price.source,
            "date": day(price.date),
            "confidence": str(price.confidence),
            "cash": price.cash,
            "notes": list(price.notes),
        },
        **exact(share=part.share),
    }


def _change(potential: Potential, change: Change) -> dict[str, Any]:
    return {
        "base": change.base,
        "commit": change.commit,
        "month": _money(potential.money(change.month)),
        "unknown": change.unknown,
        "lines": [_changed(potential, line) for line in change.lines],
        "notes": list(change.notes),
    }


def _changed(potential: Potential, line: ChangeLine) -> dict[str, Any]:
    return {
        "how": str(line.how),
        "object": _object(line.line),
        "file": line.line.file,
        "line": 0 if line.how is How.REMOVED else line.line.line,
        "devices": _maybe(line.devices),
        "month": None if line.month is None else _money(potential.money(line.month)),
        "before": _line(potential, line.before, None) if line.before else None,
        "after": _line(potential, line.after, None) if line.after else None,
    }


def _object(line: PotentialLine) -> dict[str, str]:
    ref = line.ref
    return {"group": ref.group, "version": ref.version, "kind": ref.kind, "namespace": ref.namespace, "name": ref.name}


def _money(money: Money) -> dict[str, float | None]:
    return {"low": float(money.low), "high": None if money.high is None else float(money.high)}


def _maybe(span: Span | None) -> dict[str, Any] | None:
    return None if span is None else _span(span)


def _span(span: Span) -> dict[str, Any]:
    return {"low": number(span.low), "high": _bound(span.high), **exact(low=span.low, high=span.high)}


def _bound(value: Fraction | None) -> float | None:
    return None if value is None else number(value)
