"""What a change to manifests does to what they could cost."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from auditor.cost.potential.lines import PotentialLine
from auditor.cost.potential.span import Span

__all__ = ["Change", "ChangeLine", "How"]


class How(StrEnum):
    """What happened to a workload between two versions."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """What a change does to one workload.

    Attributes:
        how: what happened.
        before, after: what it could cost; None where it is not there.
    """

    how: How
    before: PotentialLine | None
    after: PotentialLine | None

    @property
    def line(self) -> PotentialLine:
        """The workload as it is now; as it was, where it is gone."""
        line = self.after or self.before
        if line is None:
            raise ValueError("a change of nothing")
        return line

    @property
    def month(self) -> Span | None:
        """US dollars more in a month; None where one of the two amounts is not known."""
        before = self.before.counted if self.before else Span()
        after = self.after.counted if self.after else Span()
        return None if before is None or after is None else after - before

    @property
    def devices(self) -> Span | None:
        """Devices more; None where one of the two numbers is not known."""
        before = self.before.devices if self.before else Span()
        after = self.after.devices if self.after else Span()
        return None if before is None or after is None else after - before


@dataclass(frozen=True, slots=True)
class Change:
    """The difference to another version of the same paths.

    Attributes:
        base: the revision as given.
        commit: what it was compared with: where the branches parted.
        lines: workloads whose amounts differ, the largest increase first.
        notes: what could not be compared, in sentences.
    """

    base: str
    commit: str
    lines: tuple[ChangeLine, ...]
    notes: tuple[str, ...] = ()

    @property
    def month(self) -> Span:
        """US dollars more in a month, of all that is known."""
        return sum((line.month for line in self.lines if line.month is not None), Span())

    @property
    def unknown(self) -> int:
        """Workloads whose difference is not known."""
        return sum(line.month is None or not line.line.priced for line in self.lines)
