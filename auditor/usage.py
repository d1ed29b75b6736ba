"""What accelerators did over a window of time, as monitoring has it: plain data, whoever measured it.

Every amount is in device-hours: hours of physical devices, of which a MIG instance, or a share of a time-sliced device, is a part. Amounts
are exact (`Fraction`): they are counts of samples on a grid, and their sums have to be the whole.

Nothing here is guessed. A device that is held and has no sample is *unknown*; a chunk of time that could not be asked about is *missing*.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from fractions import Fraction

__all__ = [
    "GRACE_SECONDS",
    "STUCK",
    "Activity",
    "Category",
    "Held",
    "Holder",
    "Idling",
    "MissingTime",
    "NodeHours",
    "Physical",
    "Point",
    "Usage",
    "coverage",
]

_ZERO = Fraction(0)

# Seconds after its deletionTimestamp from which a pod should be gone, and reasons for which a container waits that make it do no work.
GRACE_SECONDS = 300
STUCK = ("CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "CreateContainerConfigError", "CreateContainerError")


class Category(StrEnum):
    """What a device did. Each device and moment is in one of them: they add up to what there is."""

    UNALLOCATED = "unallocated"  # no scheduled pod asks for it
    STARTING = "starting"  # held by a pod on a node, whose containers do not run yet
    TERMINATING = "terminating"  # held by a pod that should be gone
    CRASHLOOP = "crashloop"  # held by a pod whose container waits to be started again, or for its image
    UNKNOWN = "unknown"  # held, and nothing says whether it is used
    IDLE = "idle"  # held, measured, not used
    ACTIVE = "active"  # held, measured, used


@dataclass(frozen=True, slots=True, order=True)
class Holder:
    """Who held devices: the object that a person edits, as far as it is known.

    Attributes:
        namespace, kind, name: of it.
        guessed: the object is gone, and its name was told from the pods' names.
    """

    namespace: str
    kind: str
    name: str
    guessed: bool = False

    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}" if self.namespace else f"{self.kind}/{self.name}"


@dataclass(slots=True)
class Activity:
    """What held devices did, in device-hours.

    Attributes:
        starting, terminating, crashloop, unknown, idle, active: see `Category`.
        used: the part of ``active`` that utilisation makes of it.
        warm: the part of ``idle`` in which more than a little device memory was taken.
    """

    starting: Fraction = _ZERO
    terminating: Fraction = _ZERO
    crashloop: Fraction = _ZERO
    unknown: Fraction = _ZERO
    idle: Fraction = _ZERO
    active: Fraction = _ZERO
    used: Fraction = _ZERO
    warm: Fraction = _ZERO

    @property
    def total(self) -> Fraction:
        """All that was held."""
        return self.starting + self.terminating + self.crashloop + self.unknown + self.idle + self.active

    @property
    def running(self) -> Fraction:
        """What could have worked: measured or not."""
        return self.unknown + self.idle + self.active

    @property
    def measured(self) -> Fraction:
        """What ran and was measured."""
        return self.idle + self.active

    @property
    def idle_part(self) -> str:
        """How much of what was measured was idle, in words: ``40 of 48 measured device-hours (83 %)``."""
        share = self.idle / self.measured if self.measured else _ZERO
        return f"{float(self.idle):,.0f} of {float(self.measured):,.0f} measured device-hours ({float(share * 100):.0f} %)"

    def of(self, category: Category) -> Fraction:
        """The hours of one category; what is not held is in none of these."""
        return _ZERO if category is Category.UNALLOCATED else Fraction(getattr(self, category.value))

    def add(self, other: Activity) -> None:
        """Add what others did."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


@dataclass(frozen=True, slots=True)
class Held:
    """What one holder did with devices of one node.

    Attributes:
        holder: who.
        node: the node's name.
        activity: device-hours.
    """

    holder: Holder
    node: str
    activity: Activity


@dataclass(frozen=True, slots=True)
class NodeHours:
    """How many device-hours a node had.

    Attributes:
        node: its name.
        capacity: of all its devices, while it was there.
        units: of those that its resources stand for; less where devices are not partitioned, or have left the node.
        allocatable: of those that pods may get.
        cordoned: of all devices, while the node took no pods.
        empty: of all devices, in stretches of time in which nobody held any of them.
        stranded: of those that were free, but of no use to the pods that there are.
    """

    node: str
    capacity: Fraction
    units: Fraction
    allocatable: Fraction
    cordoned: Fraction = _ZERO
    empty: Fraction = _ZERO
    stranded: Fraction = _ZERO


@dataclass(frozen=True, slots=True)
class Idling:
    """What one holder's devices did lately.

    Attributes:
        devices: with measurements, at the end of the window.
        idle_hour, idle_day: of those, not used in the last 60 minutes, and in the last 24 hours.
        unused: not used since they were first seen in the window, by pods that have been there for two hours at least.
        observed: devices that `unused` was counted among.
    """

    devices: int
    idle_hour: int
    idle_day: int
    unused: int = 0
    observed: int = 0


@dataclass(frozen=True, slots=True)
class Physical:
    """The devices behind a node's units.

    Attributes:
        devices: how many there are.
        weights: what a unit of a resource is of a device, by resource as kube-state-metrics names it; 1 where it is not named.
        shared: units are shares of devices, without hardware between them.
        cores: Neuron cores of a chip, where both are counted.
    """

    devices: Fraction
    weights: Mapping[str, Fraction] = field(default_factory=dict)
    shared: bool = False
    cores: int = 0

    def weight(self, resource: str) -> Fraction:
        """What a unit of a resource is of a device."""
        return self.weights.get(resource, Fraction(1))


@dataclass(frozen=True, slots=True, order=True)
class MissingTime:
    """A stretch of the window of which nothing is known.

    Attributes:
        start, end: in UTC.
        what: ``allocation`` (who held what) or ``telemetry`` (whether it was used).
        reason: why, in one sentence.
    """

    start: datetime.datetime
    end: datetime.datetime
    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Point:
    """One stretch of the timeline.

    Attributes:
        start: in UTC.
        hours: how long it lasts.
        devices: device-hours in it, by category; those that are 0 are left out.
    """

    start: datetime.datetime
    hours: Fraction
    devices: Mapping[Category, Fraction]


@dataclass(frozen=True, slots=True)
class Usage:
    """A window of measurements.

    Attributes:
        start, end: of the window, in UTC.
        step: seconds between two looks.
        nodes: capacity, sorted.
        held: who held what, sorted.
        labels: labels of nodes as monitoring has them, by node; of nodes that are gone, all that is known.
        idling: what holders' devices did lately.
        timeline: from the beginning to the end.
        exporters: what measures utilisation, in words: ``DCGM exporter``.
        unattributed: those of them whose measurements name no pods.
        profiling: GPUs are measured by profiling counters, which know MIG instances.
        memory: they measure the devices' memory, too, so that idle hours are warm or cold.
        queries: by what it says, a query that shows the evidence.
        notes: what to know about the measurements, sorted.
        missing: stretches of the window that could not be asked about.
        measured: the part of the window in which kube-state-metrics has samples, 0 to 1.
        orphans: device-hours of measurements for pods that held nothing.
        metered: what billing software says a node costs, in USD per hour, by node.
        asked: how many queries it took.
        waited: seconds spent waiting for the server.
    """

    start: datetime.datetime
    end: datetime.datetime
    step: int
    nodes: tuple[NodeHours, ...] = ()
    held: tuple[Held, ...] = ()
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    idling: Mapping[Holder, Idling] = field(default_factory=dict)
    timeline: tuple[Point, ...] = ()
    exporters: tuple[str, ...] = ()
    unattributed: tuple[str, ...] = ()
    profiling: bool = True
    memory: bool = False
    queries: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    missing: tuple[MissingTime, ...] = ()
    measured: Fraction = Fraction(1)
    orphans: Fraction = _ZERO
    metered: Mapping[str, Fraction] = field(default_factory=dict)
    asked: int = 0
    waited: float = 0.0

    @property
    def hours(self) -> Fraction:
        """How long the window is."""
        return Fraction(int((self.end - self.start).total_seconds()), 3600)

    @property
    def coverage(self) -> Fraction | None:
        """Of what ran, the part that was measured; None where nothing ran."""
        return coverage(one.activity for one in self.held)


def coverage(activities: Iterable[Activity]) -> Fraction | None:
    """Of what ran, the part that was measured; None where nothing ran."""
    known = running = _ZERO
    for activity in activities:
        known += activity.idle + activity.active
        running += activity.running
    return known / running if running else None
