"""What manifests could cost, as the page draws it: the change of a pull request, then workload by workload."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from auditor.report import Change, Money, Potential, PotentialLine

from .. import _potential
from .charts import Bar

__all__ = ["Changed", "Changes", "Drawn", "Row", "potential"]

_ZERO = Fraction(0)


@dataclass(frozen=True, slots=True)
class Row:
    """A workload.

    Attributes:
        name, place: which, and where it stands.
        note: its role and its team.
        amount: a month, or what is known instead.
        bar: up to the lower end, and from there to the upper one.
        parts: what it consists of, a sentence each.
    """

    name: str
    place: str
    note: str
    amount: str
    bar: tuple[Bar, ...]
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """A workload that costs more or less: how it changed, which it is, where it stands, and how much that is."""

    how: str
    name: str
    place: str
    amount: str


@dataclass(frozen=True, slots=True)
class Changes:
    """The difference to another version.

    Attributes:
        total: more or less in a month, with its sign; a dash where none of it is known.
        more: it costs more, at the upper end.
        base, commit: what it was compared with.
        rows: workloads, the largest increase first.
        notes: what is not in the total.
    """

    total: str
    more: bool
    base: str
    commit: str
    rows: tuple[Changed, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """All of it.

    Attributes:
        code: of the currency.
        total: of a month; a dash where nothing has a price.
        number: of workloads.
        rows: the most expensive first.
        closing: what is not in the total, and how old prices are, a sentence each.
        change: the difference to another version; None where none was asked for.
    """

    code: str
    total: str
    number: int
    rows: tuple[Row, ...]
    closing: tuple[str, ...]
    change: Changes | None


def potential(it: Potential) -> Drawn:
    """What the template draws."""
    ends = [_ends(line) for line in it.lines]
    largest = max((high for _, high in ends), default=_ZERO)
    _, *closing = _potential.closing(it)  # the first is the total, which has a place of its own
    return Drawn(
        code=it.currency.code,
        total=_potential.ranged(it.total) if _potential.priced(it.lines) or not it.lines else "–",
        number=len(it.lines),
        rows=tuple(_row(it, line, month, _bar(*span, largest)) for line, month, span in zip(it.lines, it.months, ends, strict=True)),
        closing=tuple(closing),
        change=None if it.change is None else _change(it, it.change),
    )


def _row(it: Potential, line: PotentialLine, month: Money | None, bar: tuple[Bar, ...]) -> Row:
    return Row(
        name=str(line.ref),
        place=_potential.where(line),
        note=" · ".join(word for word in (line.role, line.team) if word),
        amount=_potential.amount_of(it, line, month),
        bar=bar,
        parts=tuple(_potential.described(it, line)),
    )


def _change(it: Potential, change: Change) -> Changes:
    total = it.money(change.month)
    known = any(line.month is not None for line in change.lines)
    unknown = [f"{change.unknown} of them without a known price or end are not in the sum"] if change.unknown else []
    return Changes(
        total=_potential.signed(total) if known or not change.lines else "–",
        more=total.high is None or total.high > 0,
        base=change.base,
        commit=change.commit[:12],
        rows=tuple(
            Changed(str(line.how), str(line.line.ref), _potential.where(line.line), _potential.change_of(it, line)) for line in change.lines
        ),
        notes=(*unknown, *change.notes),
    )


def _ends(line: PotentialLine) -> tuple[Fraction, Fraction]:
    """What the bar of a workload shows; nothing of what is not in the total, or has no end."""
    span = line.counted
    return (_ZERO, _ZERO) if span is None else (span.low, span.low if span.high is None else span.high)


def _bar(low: Fraction, high: Fraction, largest: Fraction) -> tuple[Bar, ...]:
    if not largest:
        return ()
    begin, end = (f"{float(value / largest * 100):.3f}%" for value in (low, high - low))
    pieces = (Bar("active", "0%", begin), Bar("unused", begin, end))
    return tuple(piece for piece, value in zip(pieces, (low, high - low), strict=True) if value > 0)
