"""What one workload could cost: its pods, what their devices cost, and how long they may run."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from fractions import Fraction

from auditor.cost.potential.span import Span, together
from auditor.cost.potential.term import Term
from auditor.document import ObjectRef
from auditor.finding import Confidence

__all__ = ["DevicePrice", "PotentialLine", "PotentialPart"]


@dataclass(frozen=True, slots=True)
class DevicePrice:
    """What a device of a workload costs.

    Attributes:
        what: what was priced: ``p5.48xlarge, us-east-1, on-demand``.
        hour: US dollars for a device and hour; a range where nodes of several sorts would do.
        basis, source, date, confidence: where it is from; see `auditor.cost.prices.Price`.
        cash: stopping it would save money that is paid out.
        notes: what else to know about it.
    """

    what: str
    hour: Span
    basis: str
    source: str
    date: datetime.date | None
    confidence: Confidence
    cash: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PotentialPart:
    """The pods of one sort of a workload, as far as they hold devices of one sort.

    Attributes:
        component: what the operator calls the pods; empty where there is one sort.
        device: resource name, or the DeviceClass of a claim.
        model: canonical name; empty where unknown.
        units: what one pod asks for, as the scheduler counts it; None where unknown.
        share: devices behind one unit: a seventh for a partition of that size; None where unknown.
        pods: how many.
        price: of a device; None where unknown.
    """

    component: str
    device: str
    model: str
    units: int | None
    share: Fraction | None
    pods: Span
    price: DevicePrice | None

    @property
    def devices(self) -> Span | None:
        """Physical devices of all the pods."""
        return None if self.units is None or self.share is None else self.pods.times(self.units * self.share)

    @property
    def hour(self) -> Span | None:
        """US dollars for an hour; None where it has no price."""
        return None if self.devices is None or self.price is None else self.devices * self.price.hour


@dataclass(frozen=True, slots=True)
class PotentialLine:
    """What one workload could cost.

    Attributes:
        ref, file, line: which.
        role: what it is there for.
        team: who owns it; empty where nothing says.
        parts: its pods.
        term: how long it may run.
        per: ``node`` or ``pod`` where it is not known how many there are: amounts are then of one; else empty.
        scaler: the object that moves the number of pods; empty where none in view does.
        notes: what to know about it, in sentences.
    """

    ref: ObjectRef
    file: str
    line: int
    role: str
    team: str
    parts: tuple[PotentialPart, ...]
    term: Term
    per: str = ""
    scaler: str = ""
    notes: tuple[str, ...] = ()

    @property
    def devices(self) -> Span | None:
        """Physical devices; None where a part of them is not known."""
        return together(part.devices for part in self.parts)

    @property
    def priced(self) -> bool:
        """All of it has a price."""
        return all(part.hour is not None for part in self.parts)

    @property
    def hour(self) -> Span | None:
        """US dollars for an hour in which it runs, of what has a price; None where nothing has."""
        return together(part.hour for part in self.parts if part.hour is not None)

    @property
    def run(self) -> Span | None:
        """US dollars for one run to its end; None where it has none, or it is not known when."""
        return None if self.hour is None or self.term.hours is None else self.hour.times(self.term.hours)

    @property
    def month(self) -> Span | None:
        """US dollars for a month; None where there is no price, or nothing bounds how long it runs."""
        return None if self.hour is None or self.term.month is None else self.hour.times(self.term.month)

    @property
    def endless(self) -> bool:
        """It is meant to end, and nothing says when."""
        return self.term.month is None

    @property
    def counted(self) -> Span | None:
        """What it adds to the total; None where it cannot be added, be it because it is of one node."""
        return None if self.per else self.month

    @property
    def confidence(self) -> Confidence | None:
        """In the prices; None where there is none."""
        return min((part.price.confidence for part in self.parts if part.price is not None), default=None)
