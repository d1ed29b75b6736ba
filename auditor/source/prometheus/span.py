"""The window of time that is asked about, and what has to be known of the cluster to make sense of the answers."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from auditor.source.prometheus.queries import Queries
from auditor.usage import Holder, Physical

__all__ = ["HOUR", "Facts", "Span"]

HOUR = 3600


class Facts(Protocol):
    """What the API server knows, for what monitoring does not."""

    def holder_of(self, namespace: str, pod: str) -> Holder | None:
        """The object that a pod which is there now was folded into."""

    def outermost(self, holder: Holder) -> Holder:
        """The object that a person edits, for one that a controller made."""

    def physical(self, node: str, units: Mapping[str, int], labels: Mapping[str, str]) -> Physical:
        """The devices behind the units of a node, which may be gone."""


@dataclass(frozen=True, slots=True)
class Span:
    """The window, and how it is looked at.

    Attributes:
        start, end: in UTC, on multiples of the step.
        step: seconds.
        idle: see `Queries`.
        cluster: see `Queries`.
    """

    start: datetime.datetime
    end: datetime.datetime
    step: int = 300
    idle: float = 0.01
    cluster: str = ""

    @property
    def seconds(self) -> int:
        """How long it is."""
        return int((self.end - self.start).total_seconds())

    def queries(self, seconds: int, namespaces: str = "") -> Queries:
        """The questions about a chunk of that many seconds."""
        return Queries(seconds, self.step, self.idle, cluster=self.cluster, namespaces=namespaces)

    def chunks(self) -> Iterator[tuple[datetime.datetime, datetime.datetime]]:
        """Hours, quarters of a day or days, by how long the window is."""
        length = next((hours for days, hours in ((3, 1), (21, 6)) if self.seconds <= days * 24 * HOUR), 24)
        edge, edges = self.start, [self.start]
        while edge < self.end:
            edge = min(edge + datetime.timedelta(hours=length), self.end)
            edges.append(edge)
        return pairwise(edges)
