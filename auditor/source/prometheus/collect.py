"""Asks Prometheus what accelerators did over a window, chunk by chunk, and adds it up by holder and node.

Nothing is kept of a chunk but its sums, so memory does not grow with the window. A chunk that is too much for the server is asked in
halves; one that cannot be answered is named as missing, and the others count.

Amounts of a bucket: what runs and neither terminates nor crashes is *runnable*. Of that, what was measured is idle or active, and the rest
is unknown. A pod's measurements are spread over its rows (one for each node and resource) in proportion to what it held there; no row gets
more than it held.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from typing import Protocol

from auditor.errors import MetricsError
from auditor.source.prometheus.answers import Sample, TooMuchData
from auditor.source.prometheus.probes import Measuring, probe
from auditor.source.prometheus.queries import Queries
from auditor.source.prometheus.server import Server
from auditor.usage import Activity, Category, Held, Holder, Idling, MissingTime, NodeHours, Physical, Point, Usage

__all__ = ["Facts", "Span", "collect"]

_ZERO = Fraction(0)
_HOUR = 3600
_POINTS = 96  # of the timeline
_MANY = 300  # namespaces: a longer list is no help to the server
_GIVES_UP = 3  # chunks in a row without an answer
_Pod = tuple[str, str]
_Row = tuple[str, str, str, str]  # namespace, pod, node, resource


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
        length = next((hours for days, hours in ((3, 1), (21, 6)) if self.seconds <= days * 24 * _HOUR), 24)
        edge, edges = self.start, [self.start]
        while edge < self.end:
            edge = min(edge + datetime.timedelta(hours=length), self.end)
            edges.append(edge)
        return pairwise(edges)


def collect(server: Server, span: Span, facts: Facts, progress: Callable[[int, int], None] | None = None) -> Usage:
    """What accelerators did.

    Args:
        server: who is asked.
        span: the window.
        facts: what the API server knows.
        progress: is told how many chunks are done, of how many.

    Raises:
        MetricsError: the server cannot be asked at all.
    """
    collector = _Collector(server, span, facts, probe(server, span.start, span.end, span.cluster))
    chunks = list(span.chunks())
    silent = 0
    for number, (start, end) in enumerate(chunks):
        if silent >= _GIVES_UP:
            collector.missing.append(MissingTime(start, span.end, "allocation", collector.missing[-1].reason))  # the rest is not asked
            break
        silent = 0 if collector.chunk(start, end) else silent + 1
        if progress is not None:
            progress(number + 1, len(chunks))
    return collector.usage()


@dataclass(slots=True)
class _Node:
    """Sums of one node, in looks of devices; see `NodeHours`."""

    capacity: Fraction = _ZERO
    units: Fraction = _ZERO
    allocatable: Fraction = _ZERO
    cordoned: Fraction = _ZERO
    empty: Fraction = _ZERO


@dataclass(slots=True)
class _Answers:
    """What was said about one chunk, by question."""

    said: dict[str, list[Sample]] = field(default_factory=dict)
    failed: dict[str, MetricsError] = field(default_factory=dict)

    def rows(self, key: str, *labels: str) -> dict[tuple[str, ...], Fraction]:
        """Values by labels."""
        found: dict[tuple[str, ...], Fraction] = {}
        for sample in self.said.get(key, ()):
            name = tuple(sample.labels.get(label, "") for label in labels)
            found[name] = found.get(name, _ZERO) + exact(sample.value)
        return found


def exact(value: float) -> Fraction:
    """A number of a server as it writes it."""
    return Fraction(int(value)) if value == int(value) else Fraction(repr(value))


class _Collector:
    def __init__(self, server: Server, span: Span, facts: Facts, measuring: Measuring) -> None:
        self.server, self.span, self.facts, self.measuring = server, span, facts, measuring
        self.nodes: dict[str, _Node] = {}
        self.labels: dict[str, dict[str, str]] = {}
        self.held: dict[tuple[Holder, str], Activity] = {}
        self.holders: dict[_Pod, Holder] = {}
        self.points: list[Point] = []
        self.missing: list[MissingTime] = []
        self.looks = self.orphans = _ZERO
        self.notes: set[str] = set(measuring.notes)
        self.shared: set[str] = set()

    # -- a chunk ------------------------------------------------------------------------------------------------------------------------

    def chunk(self, start: datetime.datetime, end: datetime.datetime) -> bool:
        """Add what happened between two instants. Whether anything was answered."""
        seconds = int((end - start).total_seconds())
        try:
            self._allocation(start, end, seconds)
        except TooMuchData as error:
            half = seconds // 2 // self.span.step * self.span.step
            if seconds <= _HOUR or not half:
                self.missing.append(MissingTime(start, end, "allocation", str(error)))
                return True
            middle = start + datetime.timedelta(seconds=half)
            return all([self.chunk(start, middle), self.chunk(middle, end)])
        except MetricsError as error:
            self.missing.append(MissingTime(start, end, "allocation", str(error)))
            return False
        return True

    def _ask(self, questions: Mapping[str, str], end: datetime.datetime) -> _Answers:
        """Ask several questions at once, a second after the end of the chunk."""
        at = end.timestamp() + 1
        found = _Answers()
        for key, answer in self.server.query_many([(key, text, at) for key, text in questions.items()]):
            if isinstance(answer, MetricsError):
                found.failed[key] = answer
            else:
                found.said[key] = answer
        return found

    def _noted(self, what: str, questions: Mapping[str, str], end: datetime.datetime) -> _Answers:
        """Ask for what the amounts do not depend on: where there is no answer, it is said, and nothing else happens."""
        answers = self._ask(questions, end)
        self.notes |= {f"{what} are not known: {error}" for error in answers.failed.values()}
        return answers

    def _allocation(self, start: datetime.datetime, end: datetime.datetime, seconds: int) -> None:
        asking = self.server.query(self.span.queries(seconds).asking(), end.timestamp() + 1)
        names = sorted(sample.labels.get("namespace", "") for sample in asking)
        queries = self.span.queries(seconds, "|".join(names) if len(names) <= _MANY else "")
        questions = {
            "capacity": queries.capacity(), "allocatable": queries.capacity("allocatable"), "units": queries.units(),
            "present": queries.present(), "looks": queries.looks(), "cordoned": queries.cordoned(),
        }  # fmt: skip
        if names:
            questions |= {
                "running": queries.running(), "starting": queries.starting(), "terminating": queries.terminating(),
                "crashing": queries.crashing(),
            }  # fmt: skip
        answers = self._ask(questions, end)
        for error in answers.failed.values():
            raise error
        physical = self._nodes(answers, end, queries)
        rows = _held_rows(answers)
        telemetry = self._telemetry(queries, rows, physical, start, end) if rows else {}
        self._add(answers, physical, rows, telemetry, end, queries)

    def _nodes(self, answers: _Answers, end: datetime.datetime, queries: Queries) -> dict[str, Physical]:
        """The devices of every node that is in a chunk."""
        units: dict[str, dict[str, int]] = {}
        looks = Fraction(queries.chunk // queries.step)
        capacity = answers.rows("capacity", "node", "resource")
        for (node, resource), count in answers.rows("units", "node", "resource").items():
            units.setdefault(node, {})[resource] = int(count)
            if capacity.get((node, resource), _ZERO) > count * looks:
                raise MetricsError(
                    f"this server counts more looks than a chunk has (node {node})",
                    "its subqueries differ from Prometheus': use another one",
                )
        for (node,) in answers.rows("present", "node"):
            units.setdefault(node, {})
        unknown = units.keys() - self.labels.keys()
        if unknown:
            self.labels |= {node: {} for node in unknown}
            for sample in self._noted("labels of nodes", {"labels": queries.node_labels(unknown)}, end).said.get("labels", ()):
                self.labels[sample.labels.get("node", "")] = dict(sample.labels)
        found = {node: self.facts.physical(node, of, self.labels[node]) for node, of in units.items()}
        self.shared |= {node for node, one in found.items() if one.shared}
        return found

    def _telemetry(
        self, queries: Queries, rows: Mapping[_Row, Mapping[str, Fraction]], physical: Mapping[str, Physical],
        start: datetime.datetime, end: datetime.datetime,
    ) -> dict[_Row, dict[str, Fraction]]:  # fmt: skip
        """Measured units of each row: covered, idle, used and warm."""
        found: dict[_Row, dict[str, Fraction]] = {}
        for exporter, labels in self.measuring.exporters:
            mine = {row: held for row, held in rows.items() if re.fullmatch(exporter.resources, row[3])}
            shared = sorted({row[2] for row in mine if row[2] in physical and physical[row[2]].shared})
            questions = {f"shared {what}": queries.shared(exporter, what, shared) for what in ("covered", "idle", "used") if shared}
            if labels and any(row[2] not in shared for row in mine):
                for what, ask in (("covered", queries.covered), ("idle", queries.idling), ("used", queries.used)):
                    questions[what] = ask(exporter, labels)
                questions["orphans"] = queries.orphans(exporter, labels)
                if exporter.memory:
                    questions["warm"] = queries.warm(exporter, labels)
            answers = self._ask(questions, end)
            for error in answers.failed.values():
                if isinstance(error, TooMuchData):
                    raise error
                self.missing.append(MissingTime(start, end, "telemetry", str(error)))
                break
            else:
                self.orphans += sum(answers.rows("orphans").values(), _ZERO)
                _spread(answers, mine, physical, shared, found)
        return found

    def _add(
        self, answers: _Answers, physical: Mapping[str, Physical], rows: Mapping[_Row, Mapping[str, Fraction]],
        telemetry: Mapping[_Row, Mapping[str, Fraction]], end: datetime.datetime, queries: Queries,
    ) -> None:  # fmt: skip
        """Add a chunk to the sums, in looks of devices."""
        self.looks += sum(answers.rows("looks").values(), _ZERO)
        owners = self._owners({(row[0], row[1]) for row in rows}, end, queries)
        point, taken = Activity(), dict[str, Fraction]()
        for row, held in rows.items():
            weight = physical[row[2]].weight(row[3]) if row[2] in physical else Fraction(1)
            done = _activity(held, telemetry.get(row, {}), weight)
            key = (owners[row[0], row[1]], row[2])
            self.held.setdefault(key, Activity()).add(done)
            point.add(done)
            taken[row[2]] = taken.get(row[2], _ZERO) + done.total
        free = self._capacity(answers, physical, taken)
        categories = {category: point.of(category) for category in Category} | {Category.UNALLOCATED: free}
        hours = Fraction(queries.chunk, _HOUR)
        look = Fraction(queries.step, _HOUR)
        devices = {category: looks * look for category, looks in categories.items() if looks}
        self.points.append(Point(end - datetime.timedelta(seconds=queries.chunk), hours, devices))

    def _capacity(self, answers: _Answers, physical: Mapping[str, Physical], taken: Mapping[str, Fraction]) -> Fraction:
        """Add the capacity of a chunk; what of it nobody held."""
        free = _ZERO
        cordoned = answers.rows("cordoned", "node")
        for (node,), looks in answers.rows("present", "node").items():
            devices = physical[node].devices
            sums = self.nodes.setdefault(node, _Node())
            sums.capacity += devices * looks
            sums.cordoned += devices * min(cordoned.get((node,), _ZERO), looks)
            if not taken.get(node):
                sums.empty += devices * looks
            free += max(devices * looks - taken.get(node, _ZERO), _ZERO)
        for what in ("capacity", "allocatable"):
            for (node, resource), looks in answers.rows(what, "node", "resource").items():
                if node in self.nodes:
                    weighed = physical[node].weight(resource) * looks
                    if what == "capacity":
                        self.nodes[node].units += weighed
                    else:
                        self.nodes[node].allocatable += weighed
        return free

    # -- who ----------------------------------------------------------------------------------------------------------------------------

    def _owners(self, pods: set[_Pod], end: datetime.datetime, queries: Queries) -> Mapping[_Pod, Holder]:
        """The holders of pods: from the API server, else from monitoring, else told from the name."""
        found: dict[_Pod, Holder] = {}
        for pod in pods:
            known = self.holders.get(pod) or self.facts.holder_of(*pod)
            if known is not None:
                found[pod] = known
        gone = pods - found.keys()
        if gone:
            found |= self._owners_of_gone(gone, end, queries)
        self.holders = found  # of this chunk only: the next one has mostly the same pods
        return found

    def _owners_of_gone(self, pods: set[_Pod], end: datetime.datetime, queries: Queries) -> dict[_Pod, Holder]:
        answers = self._noted("owners of pods that are gone", {"owners": queries.owners(name for _, name in pods)}, end)
        owners = {
            (sample.labels.get("namespace", ""), sample.labels.get("pod", "")): Holder(
                sample.labels.get("namespace", ""), sample.labels.get("owner_kind", ""), sample.labels.get("owner_name", "")
            )
            for sample in answers.said.get("owners", ())
            if sample.labels.get("owner_name", "<none>") != "<none>"
        }
        above = self._owners_above(set(owners.values()), end, queries)
        found: dict[_Pod, Holder] = {}
        for namespace, name in pods:
            owner = owners.get((namespace, name))
            holder = Holder(namespace, "Pod", _stem(name), guessed=True) if owner is None else self.facts.outermost(above.get(owner, owner))
            found[namespace, name] = holder
        return found

    def _owners_above(self, owners: set[Holder], end: datetime.datetime, queries: Queries) -> dict[Holder, Holder]:
        """The Deployments of ReplicaSets, and the CronJobs and JobSets of Jobs."""
        labels = {"ReplicaSet": "replicaset", "Job": "job_name"}
        names = {kind: {owner.name for owner in owners if owner.kind == kind} for kind in labels}
        questions = {kind: queries.owners_of(kind, of) for kind, of in names.items() if of}
        answers = self._noted("owners of ReplicaSets and Jobs that are gone", questions, end)
        return {
            Holder(sample.labels.get("namespace", ""), kind, sample.labels.get(label, "")): Holder(
                sample.labels.get("namespace", ""), sample.labels.get("owner_kind", ""), sample.labels["owner_name"]
            )
            for kind, label in labels.items()
            for sample in answers.said.get(kind, ())
            if sample.labels.get("owner_name", "<none>") != "<none>"
        }

    # -- the whole ----------------------------------------------------------------------------------------------------------------------

    def usage(self) -> Usage:
        """What was added up."""
        look = Fraction(self.span.step, _HOUR)
        for activity in self.held.values():
            _scale(activity, look)
        nodes = [
            NodeHours(name, one.capacity * look, one.units * look, one.allocatable * look, one.cordoned * look, one.empty * look)
            for name, one in sorted(self.nodes.items())
        ]
        held = [Held(holder, node, activity) for (holder, node), activity in sorted(self.held.items(), key=lambda entry: entry[0])]
        remarks = self._remarks()
        return Usage(
            start=self.span.start,
            end=self.span.end,
            step=self.span.step,
            nodes=tuple(nodes),
            held=tuple(held),
            labels=self.labels,
            idling=self._idling(),
            timeline=tuple(_merged(self.points)),
            exporters=tuple(exporter.name for exporter, _ in self.measuring.exporters),
            unattributed=tuple(exporter.name for exporter, labels in self.measuring.exporters if not labels),
            profiling=self.measuring.profiling,
            memory=any(exporter.memory for exporter, _ in self.measuring.exporters),
            queries=self._evidence(),
            notes=tuple(sorted(self.notes | remarks)),
            missing=tuple(_stretches(self.missing)),
            measured=min(self.looks * look * _HOUR / self.span.seconds, Fraction(1)),
            orphans=self.orphans * look,
            metered=self.measuring.metered,
            asked=self.server.statistics.queries,
            waited=self.server.statistics.waiting,
        )

    def _remarks(self) -> set[str]:
        """What the server itself said, and what it sent that is no number."""
        statistics = self.server.statistics
        if statistics.partial:
            reason = f"the server calls {statistics.partial} of its answers incomplete"
            self.missing.append(MissingTime(self.span.start, self.span.end, "allocation", reason))
        remarks = {f"the server remarks: {notice}" for notice in statistics.notices}
        return remarks | ({f"{statistics.dropped} samples are no numbers, and are left out"} if statistics.dropped else set())

    def _evidence(self) -> dict[str, str]:
        """Queries that show what the amounts say, of a namespace that is written in for ``$namespace``."""
        queries = self.span.queries(_HOUR, "$namespace")
        found = {"held": queries.running()}
        for exporter, labels in self.measuring.exporters:
            if labels:
                found["idle"] = queries.idle_devices(exporter, labels)
                break
        return found

    def _idling(self) -> dict[Holder, Idling]:
        """What the devices of pods that are there now did lately. What is shared has no device of its own."""
        sums: dict[Holder, dict[str, int]] = {}
        queries, life = self.span.queries(self.span.seconds), min(24 * _HOUR, self.span.seconds)
        for exporter, labels in self.measuring.exporters:
            if not labels:
                continue
            questions = {
                "devices": queries.lately(exporter, labels, _HOUR, idle=False),
                "hour": queries.lately(exporter, labels, _HOUR, idle=True),
                "day": queries.lately(exporter, labels, life, idle=True),
                "observed": queries.never(exporter, labels, idle=False),
                "unused": queries.never(exporter, labels, idle=True),
            }
            answers = self._noted("the devices' last hours", questions, self.span.end)
            for what in questions:
                for pod, count in answers.rows(what, "namespace", "pod").items():
                    holder = self.facts.holder_of(pod[0], pod[1])
                    if holder is not None:
                        of = sums.setdefault(holder, dict.fromkeys(questions, 0))
                        of[what] += int(count)
        shared = {holder for holder, node in self.held if node in self.shared}
        return {
            holder: Idling(of["devices"], of["hour"], of["day"], of["unused"], of["observed"])
            for holder, of in sorted(sums.items())
            if holder not in shared
        }


# -- arithmetic -----------------------------------------------------------------------------------------------------------------------


def _held_rows(answers: _Answers) -> dict[_Row, dict[str, Fraction]]:
    """Unit-looks of pods by state."""
    rows: dict[_Row, dict[str, Fraction]] = {}
    for state in ("running", "starting", "terminating", "crashing"):
        for (namespace, pod, node, resource), count in answers.rows(state, "namespace", "pod", "node", "resource").items():
            rows.setdefault((namespace, pod, node, resource), {})[state] = count
    return rows


def _runnable(held: Mapping[str, Fraction]) -> Fraction:
    ended = held.get("terminating", _ZERO) + held.get("crashing", _ZERO)
    return max(held.get("running", _ZERO) - ended, _ZERO)


def _spread(
    answers: _Answers, mine: Mapping[_Row, Mapping[str, Fraction]], physical: Mapping[str, Physical], shared: Iterable[str],
    found: dict[_Row, dict[str, Fraction]],
) -> None:  # fmt: skip
    """Measurements of pods over their rows."""
    together = set(shared)
    whole: dict[_Pod, Fraction] = {}
    for row, held in mine.items():
        if row[2] not in together:
            whole[row[:2]] = whole.get(row[:2], _ZERO) + _runnable(held)
    for what in ("covered", "idle", "used", "warm"):
        by_pod, by_node = answers.rows(what, "namespace", "pod"), answers.rows(f"shared {what}", "namespace", "pod", "node")
        for row, held in mine.items():
            if row[2] in together:
                measured = by_node.get(row[:3], _ZERO) / physical[row[2]].devices
            elif whole[row[:2]]:
                measured = by_pod.get(row[:2], _ZERO) * _runnable(held) / whole[row[:2]]
                if row[3] in ("aws_amazon_com_neuron", "aws_amazon_com_neurondevice"):  # cores are measured, chips are held
                    cores = physical[row[2]].cores if row[2] in physical else 0
                    measured = measured / cores if cores else _ZERO
            else:
                continue
            found.setdefault(row, {})[what] = measured


def _activity(held: Mapping[str, Fraction], measured: Mapping[str, Fraction], weight: Fraction) -> Activity:
    """Looks of one row in devices. Every part is bounded by what it is part of."""
    running, runnable = held.get("running", _ZERO), _runnable(held)
    terminating = min(held.get("terminating", _ZERO), running)
    covered = min(measured.get("covered", _ZERO), runnable)
    idle = min(measured.get("idle", _ZERO), covered)
    active = covered - idle
    done = Activity(
        starting=held.get("starting", _ZERO),
        terminating=terminating,
        crashloop=running - runnable - terminating,
        unknown=runnable - covered,
        idle=idle,
        active=active,
        used=min(measured.get("used", _ZERO), active),
        warm=min(measured.get("warm", _ZERO), idle),
    )
    _scale(done, weight)
    return done


def _scale(activity: Activity, factor: Fraction) -> None:
    for name in Activity.__dataclass_fields__:
        setattr(activity, name, getattr(activity, name) * factor)


def _stretches(missing: Iterable[MissingTime]) -> Iterator[MissingTime]:
    """What is missing, chunks that follow one another for one reason as one stretch."""
    found: dict[tuple[str, str], MissingTime] = {}
    for one in sorted(missing):
        before = found.get((one.what, one.reason))
        if before and one.start <= before.end:
            one = replace(before, end=max(before.end, one.end))
        elif before:
            yield before
        found[one.what, one.reason] = one
    yield from found.values()


_HASHED = re.compile(r"(-[a-z0-9]{8,10})?-[a-z0-9]{5}$|-\d+$")


def _stem(pod: str) -> str:
    """A pod's name without what controllers append."""
    return _HASHED.sub("", pod) or pod


def _merged(points: list[Point]) -> Iterator[Point]:
    """At most `_POINTS` points: neighbours are put together."""
    many = -(-len(points) // _POINTS) or 1
    for first in range(0, len(points), many):
        group = points[first : first + many]
        devices: dict[Category, Fraction] = {}
        for point in group:
            for category, hours in point.devices.items():
                devices[category] = devices.get(category, _ZERO) + hours
        yield Point(group[0].start, sum((point.hours for point in group), _ZERO), devices)
