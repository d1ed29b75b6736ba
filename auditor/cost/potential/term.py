"""How long what manifests describe may run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from auditor.cost.model import HOURS_OF_A_MONTH

__all__ = ["Term", "TermKind"]


class TermKind(StrEnum):
    """How long a workload runs."""

    ALWAYS = "always"  # until somebody stops it
    RUN = "run"  # once, to its end
    SCHEDULE = "schedule"  # again and again, each time to its end


@dataclass(frozen=True, slots=True)
class Term:
    """How long a workload may run.

    Attributes:
        kind: of running.
        hours: of one run at most; None where nothing bounds it, or that is not known.
        runs: how many runs a month has; None where there is no schedule, or it cannot be read.
        overlapping: runs may overlap, so that they take more than a month in a month.
        suspended: it does not run now.
    """

    kind: TermKind = TermKind.ALWAYS
    hours: Fraction | None = None
    runs: Fraction | None = None
    overlapping: bool = False
    suspended: bool = False

    @property
    def month(self) -> Fraction | None:
        """Hours of a month that it may run; None where that is not known."""
        if self.suspended:
            return Fraction(0)
        if self.kind is TermKind.ALWAYS:
            return Fraction(HOURS_OF_A_MONTH)
        runs = Fraction(1) if self.kind is TermKind.RUN else self.runs
        if self.hours is None or runs is None:
            return None
        whole = self.hours * runs
        return whole if self.overlapping else min(whole, Fraction(HOURS_OF_A_MONTH))
