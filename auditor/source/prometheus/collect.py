"""Asks Prometheus what accelerators did over a window, chunk by chunk, and adds it up by holder and node.

A chunk that is too much for the server is asked in halves; one that cannot be answered is named as missing, and the others count.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction

from auditor.errors import MetricsError
from auditor.source.prometheus.answers import TooMuchData
from auditor.source.prometheus.asking import Answers, Asker
from auditor.source.prometheus.lately import lately
from auditor.source.prometheus.owners import Owners
from auditor.source.prometheus.probes import Measuring, probe
from auditor.source.prometheus.queries import Queries
from auditor.source.prometheus.rows import Row, held_rows, spread
from auditor.source.prometheus.server import Server
from auditor.source.prometheus.span import HOUR, Facts, Span
from auditor.source.prometheus.sums import Sums, stretches
from auditor.usage import MissingTime, Physical, Usage

__all__ = ["collect"]

_ZERO = Fraction(0)
_MANY = 300  # namespaces: a longer list is no help to the server
_GIVES_UP = 3  # chunks in a row without an answer


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


class _Collector:
    def __init__(self, server: Server, span: Span, facts: Facts, measuring: Measuring) -> None:
        self.server, self.span, self.facts, self.measuring = server, span, facts, measuring
        self.asker = Asker(server)
        self.owners = Owners(self.asker, facts)
        self.sums = Sums()
        self.labels: dict[str, dict[str, str]] = {}
        self.missing: list[MissingTime] = []
        self.orphans = _ZERO
        self.shared: set[str] = set()

    # -- a chunk ------------------------------------------------------------------------------------------------------------------------

    def chunk(self, start: datetime.datetime, end: datetime.datetime) -> bool:
        """Add what happened between two instants. Whether anything was answered."""
        seconds = int((end - start).total_seconds())
        try:
            self._allocation(start, end, seconds)
        except TooMuchData as error:
            half = seconds // 2 // self.span.step * self.span.step
            if seconds <= HOUR or not half:
                self.missing.append(MissingTime(start, end, "allocation", str(error)))
                return True
            middle = start + datetime.timedelta(seconds=half)
            return all([self.chunk(start, middle), self.chunk(middle, end)])
        except MetricsError as error:
            self.missing.append(MissingTime(start, end, "allocation", str(error)))
            return False
        return True

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
        answers = self.asker.ask(questions, end)
        for error in answers.failed.values():
            raise error
        physical = self._nodes(answers, end, queries)
        rows = held_rows(answers)
        telemetry = self._telemetry(queries, rows, physical, start, end) if rows else {}
        owners = self.owners.of({row[:2] for row in rows}, end, queries)
        self.sums.add(answers, physical, rows, telemetry, owners, end, queries)

    def _nodes(self, answers: Answers, end: datetime.datetime, queries: Queries) -> dict[str, Physical]:
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
            for sample in self.asker.noted("labels of nodes", {"labels": queries.node_labels(unknown)}, end).said.get("labels", ()):
                self.labels[sample.labels.get("node", "")] = dict(sample.labels)
        found = {node: self.facts.physical(node, of, self.labels[node]) for node, of in units.items()}
        self.shared |= {node for node, one in found.items() if one.shared}
        return found

    def _telemetry(
        self, queries: Queries, rows: Mapping[Row, Mapping[str, Fraction]], physical: Mapping[str, Physical],
        start: datetime.datetime, end: datetime.datetime,
    ) -> dict[Row, dict[str, Fraction]]:  # fmt: skip
        """Measured units of each row: covered, idle, used and warm."""
        found: dict[Row, dict[str, Fraction]] = {}
        for exporter, labels in self.measuring.exporters:
            mine = {row: held for row, held in rows.items() if re.fullmatch(exporter.resources, row[3])}
            shared = sorted({row[2] for row in mine if row[2] in physical and physical[row[2]].shared})
            short = _told_apart(physical)
            questions = {
                f"shared {what}": queries.shared(exporter, what, shared, short=short) for what in ("covered", "idle", "used") if shared
            }
            if labels and any(row[2] not in shared for row in mine):
                for what, ask in (("covered", queries.covered), ("idle", queries.idling), ("used", queries.used)):
                    questions[what] = ask(exporter, labels)
                questions["orphans"] = queries.orphans(exporter, labels)
                if exporter.memory:
                    questions["warm"] = queries.warm(exporter, labels)
            answers = self.asker.ask(questions, end)
            for error in answers.failed.values():
                if isinstance(error, TooMuchData):
                    raise error
                self.missing.append(MissingTime(start, end, "telemetry", str(error)))
                break
            else:
                self.orphans += sum(answers.rows("orphans").values(), _ZERO)
                spread(answers, mine, physical, shared, found)
        return found

    # -- the whole ----------------------------------------------------------------------------------------------------------------------

    def usage(self) -> Usage:
        """What was added up."""
        look = Fraction(self.span.step, HOUR)
        idling = lately(self.asker, self.span, self.measuring, self.facts, self.sums.holders_on(self.shared))
        remarks = self._remarks()
        return Usage(
            start=self.span.start,
            end=self.span.end,
            step=self.span.step,
            nodes=tuple(self.sums.nodes(look)),
            held=tuple(self.sums.held(look)),
            labels=self.labels,
            idling=idling,
            timeline=self.sums.timeline(),
            exporters=tuple(exporter.name for exporter, _ in self.measuring.exporters),
            unattributed=tuple(exporter.name for exporter, labels in self.measuring.exporters if not labels),
            profiling=self.measuring.profiling,
            memory=any(exporter.memory for exporter, _ in self.measuring.exporters),
            queries=self._evidence(),
            notes=tuple(sorted({*self.measuring.notes, *self.asker.notes, *remarks})),
            missing=tuple(sorted(stretches(self.missing))),
            measured=min(self.sums.looks * look * HOUR / self.span.seconds, Fraction(1)),
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
        queries = self.span.queries(HOUR, "$namespace")
        found = {"held": queries.running()}
        for exporter, labels in self.measuring.exporters:
            if labels:
                found["idle"] = queries.idle_devices(exporter, labels)
                break
        return found


def _told_apart(names: Iterable[str]) -> bool:
    """Whether nodes differ in their names up to the first dot, so that short and full names can be taken for each other."""
    short = [name.partition(".")[0] for name in names]
    return len(set(short)) == len(short) and not any(name.isdigit() for name in short)  # 10.0.0.1 and 10.0.0.2 are addresses
