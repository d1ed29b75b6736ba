"""Ranges of amounts, with an end that may be open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

__all__ = ["Span", "together"]


@dataclass(frozen=True, slots=True)
class Span:
    """A range of amounts.

    Attributes:
        low: at the lower end.
        high: at the upper end; None where nothing bounds it.
    """

    low: Fraction = Fraction(0)
    high: Fraction | None = Fraction(0)

    @classmethod
    def of(cls, value: Fraction | int) -> Span:
        """One known amount."""
        return cls(Fraction(value), Fraction(value))

    @property
    def fixed(self) -> bool:
        """It is one known amount."""
        return self.low == self.high

    def __add__(self, other: Span) -> Span:
        return Span(self.low + other.low, None if self.high is None or other.high is None else self.high + other.high)

    def __sub__(self, other: Span) -> Span:
        """The difference at the lower and at the upper end, of which the second may be the smaller one."""
        return Span(self.low - other.low, None if self.high is None or other.high is None else self.high - other.high)

    def __mul__(self, other: Span) -> Span:
        return Span(self.low * other.low, None if self.high is None or other.high is None else self.high * other.high)

    def times(self, factor: Fraction | int) -> Span:
        """Both ends times a factor; nothing of what is unbounded is still nothing."""
        return self * Span.of(factor) if factor else Span()


def together(spans: Iterable[Span | None]) -> Span | None:
    """The sum; None where nothing is added, or a part is unknown."""
    total: Span | None = None
    for span in spans:
        if span is None:
            return None
        total = span if total is None else total + span
    return total
