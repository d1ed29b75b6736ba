"""What manifests could cost, as values that reports show: an upper bound for what runs as it is written, never waste.

Money is in US dollars and exact, as in `auditor.cost.model`. What is not known is None, never 0.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from auditor.cost.model import rounded
from auditor.cost.potential.change import Change, ChangeLine, How
from auditor.cost.potential.lines import DevicePrice, PotentialLine, PotentialPart
from auditor.cost.potential.span import Span
from auditor.cost.potential.term import Term, TermKind

if TYPE_CHECKING:
    from auditor.cost.prices import Currency

__all__ = ["Change", "ChangeLine", "DevicePrice", "How", "Money", "Potential", "PotentialLine", "PotentialPart", "Span", "Term", "TermKind"]


@dataclass(frozen=True, slots=True)
class Money:
    """An amount as it is shown, in the currency that is shown.

    Attributes:
        low: at the lower end.
        high: at the upper end; None where nothing bounds it.
    """

    low: Decimal
    high: Decimal | None

    @property
    def fixed(self) -> bool:
        """It is one amount."""
        return self.low == self.high


@dataclass(frozen=True, slots=True)
class Potential:
    """What everything in view could cost.

    Attributes:
        lines: accelerated workloads, the most expensive first.
        on: the day of the prices.
        region: what was assumed where a manifest does not say; empty for nothing.
        currency: in which money is shown.
        templates: accelerated objects that make no pods by themselves, and are not in the lines.
        change: the difference to another version; None where none was asked for.
    """

    lines: tuple[PotentialLine, ...]
    on: datetime.date
    region: str
    currency: Currency
    templates: int = 0
    change: Change | None = None

    @property
    def month(self) -> Span:
        """US dollars for a month, of all that can be added up."""
        return sum((line.counted for line in self.lines if line.counted is not None), Span())

    @property
    def unpriced(self) -> tuple[PotentialLine, ...]:
        """Those that have no price, or only in part."""
        return tuple(line for line in self.lines if not line.priced)

    @property
    def endless(self) -> tuple[PotentialLine, ...]:
        """Those that are meant to end while nothing says when; they are not in the total."""
        return tuple(line for line in self.lines if line.endless)

    @property
    def endless_hour(self) -> Span:
        """US dollars for an hour of those together."""
        return sum((line.hour for line in self.endless if line.hour is not None), Span())

    @property
    def uncounted(self) -> tuple[PotentialLine, ...]:
        """Those of which it is not known how many pods there are; they are not in the total."""
        return tuple(line for line in self.lines if line.per)

    def compared(self, change: Change) -> Potential:
        """The same with the difference to another version."""
        return replace(self, change=change)

    def shown(self, money: Fraction) -> Fraction:
        """US dollars in the currency that is shown."""
        return money * self.currency.per_usd

    def money(self, span: Span, places: int = 2) -> Money:
        """An amount as it is shown; it may be negative."""
        return Money(_shown(self.shown(span.low), places), None if span.high is None else _shown(self.shown(span.high), places))

    @property
    def months(self) -> tuple[Money | None, ...]:
        """What each of the lines adds to the total, as it is shown; None for what adds nothing known. They add up to `total`."""
        counted = [line.counted for line in self.lines]
        lows = iter(rounded([self.shown(span.low) for span in counted if span is not None]))
        highs = iter(rounded([self.shown(span.high) for span in counted if span is not None and span.high is not None]))
        return tuple(None if span is None else Money(next(lows), None if span.high is None else next(highs)) for span in counted)

    @property
    def total(self) -> Money:
        """The total of a month as it is shown."""
        return self.money(self.month)


def _shown(amount: Fraction, places: int) -> Decimal:
    """Rounded half up, away from zero."""
    found = rounded([abs(amount)], places)[0]
    return -found if amount < 0 and found else found
