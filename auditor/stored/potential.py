"""Reads what manifests could cost from a stored report: workloads and their prices. Sums are made of them again."""

from __future__ import annotations

from typing import Any

from auditor.cost.potential import DevicePrice, Term
from auditor.report import Change, ChangeLine, How, Potential, PotentialLine, PotentialPart, Span, TermKind
from auditor.stored.costs import confidence, currency
from auditor.stored.findings import object_ref
from auditor.stored.values import Entry, Kind, Wrong, amount, count, day, flag, maybe, named, one_of, several, text

__all__ = ["potential"]

_kind = one_of(TermKind)
_how = one_of(How)
_texts = several(text)
_per = named({"": "", "node": "node", "pod": "pod"})


def potential(value: Any) -> Potential:
    """All of it, in US dollars."""
    it = Entry(value)
    shown = it.get("currency", currency)

    def price(value: Any) -> DevicePrice:
        return _price(value, lambda value: _span(value).times(1 / shown.per_usd))

    def line(value: Any) -> PotentialLine:
        return _line(value, price)

    return Potential(
        lines=it.get("lines", several(line)),
        on=it.get("date", day),
        region=it.get("region", text),
        currency=shown,
        templates=it.get("templates", count),
        change=it.get("change", maybe(lambda value: _change(value, line))),
    )


def _line(value: Any, price: Kind[DevicePrice]) -> PotentialLine:
    it = Entry(value)
    return PotentialLine(
        ref=it.get("object", object_ref),
        file=it.get("file", text),
        line=it.get("line", count),
        role=it.get("role", text),
        team=it.get("team", text),
        parts=it.get("parts", several(lambda value: _part(value, price))),
        term=it.get("term", _term),
        per=it.get("per", _per),
        scaler=it.get("scaler", text),
        notes=it.get("notes", _texts),
    )


def _term(value: Any) -> Term:
    it = Entry(value)
    return Term(
        kind=it.get("kind", _kind),
        hours=it.maybe_exact("hours", amount),
        runs=it.maybe_exact("runs_per_month", amount),
        overlapping=it.get("overlapping", flag),
        suspended=it.get("suspended", flag),
    )


def _part(value: Any, price: Kind[DevicePrice]) -> PotentialPart:
    it = Entry(value)
    return PotentialPart(
        component=it.get("component", text),
        device=it.get("device", text),
        model=it.get("model", text),
        units=it.get("units", maybe(count)),
        share=it.maybe_exact("share", amount),
        pods=it.get("pods", _span),
        price=it.get("price", maybe(price)),
    )


def _price(value: Any, hour: Kind[Span]) -> DevicePrice:
    it = Entry(value)
    return DevicePrice(
        what=it.get("what", text),
        hour=it.get("device_hour", hour),
        basis=it.get("basis", text),
        source=it.get("source", text),
        date=it.get("date", maybe(day)),
        confidence=it.get("confidence", confidence),
        cash=it.get("cash", flag),
        notes=it.get("notes", _texts),
    )


def _change(value: Any, line: Kind[PotentialLine]) -> Change:
    it = Entry(value)
    return Change(
        base=it.get("base", text),
        commit=it.get("commit", text),
        lines=it.get("lines", several(lambda value: _changed(value, line))),
        notes=it.get("notes", _texts),
    )


def _changed(value: Any, line: Kind[PotentialLine]) -> ChangeLine:
    it = Entry(value)
    before, after = it.get("before", maybe(line)), it.get("after", maybe(line))
    if before is None and after is None:
        raise Wrong("a change of something")
    return ChangeLine(it.get("how", _how), before, after)


def _span(value: Any) -> Span:
    it = Entry(value)
    low, high = it.exact("low", amount), it.maybe_exact("high", amount)
    if high is not None and high < low:
        raise Wrong("a range: its end is below its beginning")
    return Span(low, high)
