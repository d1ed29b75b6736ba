"""What manifests could cost, without any cluster: devices × price × hours of a month, for each workload that asks for accelerators.

It is an upper bound for what runs as written: pods that an autoscaler adds make a range, a job counts until its deadline, and what has no
deadline is not bounded by anything. Nothing here says that any of it is wasted.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from auditor.accelerators import device
from auditor.cost.devices import Asked, asked_by, share_of_nodes
from auditor.cost.potential import DevicePrice, Potential, PotentialLine, PotentialPart, Span, Term, TermKind
from auditor.cost.prices import USD, Currency, Price, Prices, Subject, model_of
from auditor.cost.schedule import runs_per_month
from auditor.cost.selection import Labels, node_labels, subjects
from auditor.document import Document, Unknown, sequence
from auditor.finding import Confidence
from auditor.jobs import bounds
from auditor.kinds import PodCount
from auditor.kinds.paths import number, value_at
from auditor.queues import KUEUE, queue_names
from auditor.snapshot import Snapshot
from auditor.teams import OWNER_KEYS, owner_of
from auditor.workload import PodTemplate, Workload
from auditor.workload.values import integer

__all__ = ["estimate"]

_SCHEDULES = {
    ("batch", "CronJob"): "spec.schedule",
    ("batch.volcano.sh", "CronJob"): "spec.schedule",
    ("ray.io", "RayCronJob"): "spec.schedule",
    ("sparkoperator.k8s.io", "ScheduledSparkApplication"): "spec.schedule",
    ("argoproj.io", "CronWorkflow"): "spec.schedules|spec.schedule",
    ("kubeflow.org", "ScheduledWorkflow"): "spec.trigger.cronSchedule.cron",
}
_KSERVE = "serving.kserve.io"
# Jobs that are started for as long as there is work.
_NEVER_DONE = frozenset({("keda.sh", "ScaledJob")})
# Annotations that keep a workload from running: Kubeflow's notebooks, KServe's services.
_STOPPED = {"kubeflow-resource-stopped": None, "serving.kserve.io/stop": "true"}


def estimate(
    snapshot: Snapshot,
    prices: Prices,
    on: datetime.date,
    region: str = "",
    currency: Currency = USD,
    owners: tuple[str, ...] = OWNER_KEYS,
) -> Potential:
    """What the workloads in view could cost.

    Args:
        snapshot: what is in view.
        prices: what devices cost.
        on: the day of the prices.
        region: where nodes are of which no manifest says it.
        currency: in which money is shown.
        owners: labels that name who owns a workload, the best first.
    """
    asking = [workload for workload in snapshot.accelerated_workloads if snapshot.selects(workload.document)]
    runtimes = {id(workload): runtime for workload in snapshot.workloads if (runtime := _runtime_of(workload, snapshot)) is not None}
    served = [workload for workload in snapshot.workloads if id(workload) in runtimes and snapshot.selects(workload.document)]
    lines = []
    for workload in (*asking, *served):
        if not workload.incomplete:
            line = _Estimate(workload, snapshot, prices, on, region, runtimes.get(id(workload))).line(owners)
            lines += [line] if line.parts else []
            workload.release()
    lines.sort(key=_rank)
    return Potential(tuple(lines), on, region, currency, templates=sum(workload.incomplete for workload in asking))


def _rank(line: PotentialLine) -> tuple[Any, ...]:
    """The most expensive first: by what is counted, then by the hour, then by devices; then by name."""

    def end(span: Span | None) -> Fraction:
        return Fraction(-1) if span is None else span.low if span.high is None else span.high

    return (-end(line.counted), -end(line.hour), -end(line.devices), str(line.ref), line.file, line.line, line.ref.group, line.ref.version)


class _Estimate:
    """What is worked out of one workload."""

    def __init__(
        self, workload: Workload, snapshot: Snapshot, prices: Prices, on: datetime.date, region: str, runtime: Workload | None
    ) -> None:
        self.workload, self.snapshot, self.prices, self.on, self.region = workload, snapshot, prices, on, region
        self.runtime = runtime
        self.notes: list[str] = []
        self.per = ""
        self.scaler = ""

    def line(self, owners: tuple[str, ...]) -> PotentialLine:
        """All of it.

        Args:
            owners: labels that name who owns it.
        """
        workload = self.workload
        parts = tuple(self._parts())
        owner = owner_of(workload, self.snapshot, owners)
        term = self._term()
        return PotentialLine(
            ref=workload.ref,
            file=workload.document.file,
            line=workload.document.line,
            role=str(workload.role),
            team=owner[1] if owner else "",
            parts=parts,
            term=term,
            per=self.per,
            scaler=self.scaler,
            notes=tuple(dict.fromkeys(self.notes)),
        )

    # -- pods ---------------------------------------------------------------------------------------------------------------------------

    def _parts(self) -> Iterator[PotentialPart]:
        templates = self.workload.templates
        for template, count in zip(templates, self._counts(templates), strict=True):
            source = template
            asked = list(asked_by(template, self.snapshot))
            if not asked and self.runtime is not None and template.component == "predictor":
                source = next(iter(self.runtime.templates), template)
                asked = list(asked_by(source, self.snapshot))
                self.notes.append(f"{self.runtime.ref.kind}/{self.runtime.ref.name} asks for them")
            if asked:
                pods = self._pods(count)
                yield from (self._part(template, source, one, pods if one.each else Span.of(1)) for one in asked)

    def _part(self, template: PodTemplate, source: PodTemplate, asked: Asked, pods: Span) -> PotentialPart:
        """Devices of one sort.

        Args:
            template: whose pods hold them.
            source: what asks for them: the template itself, or that of a runtime.
            asked: what one pod asks for.
            pods: how many.
        """
        sorts = node_labels(template, self.snapshot, self.prices, asked.key)
        if source is not template and not any(sorts):
            sorts = node_labels(source, self.snapshot, self.prices, asked.key)
        models, price = self._price(asked.key, sorts, asked.units)
        share = asked.share if asked.share is None else share_of_nodes(asked.key, asked.share, sorts, models)
        if asked.share is not None and share is None:
            self.notes.append("a unit is a part of a device, and the manifest does not say which")
        return PotentialPart(template.component, asked.key, models[0] if len(models) == 1 else "", asked.units, share, pods, price)

    def _counts(self, templates: tuple[PodTemplate, ...]) -> list[PodCount]:
        """Pods of each template, as far as an autoscaler in view moves them."""
        counts = [template.pods for template in templates]
        bounds = sorted((_bounds(scaler), f"{scaler.ref.kind}/{scaler.ref.name}") for scaler in self.snapshot.scalers_of(self.workload))
        if not bounds:
            return counts
        if self.workload.spec.get("replicas") == 0 and all("Horizontal" in name for _, name in bounds):
            self.notes.append("an autoscaler does not move what has 0 replicas")
            return counts
        self.scaler = bounds[0][1]
        lowest = min(low for (low, _), _ in bounds)
        highest = max(high for (_, high), _ in bounds)
        low, high = self._replicated(lowest), self._replicated(highest) if highest < _UNBOUNDED else None
        if len(low) != len(templates):
            return counts
        return [PodCount(one.low, high[index].high if high else None) for index, one in enumerate(low)]

    def _replicated(self, replicas: int) -> list[PodCount]:
        """Pods of each template, if the workload had so many replicas."""
        document = self.workload.document
        raw = {**document.raw, "spec": {**self.workload.spec, "replicas": replicas}}
        return [template.pods for template in Workload(document.rewritten(raw, document.ref, document.comments)).derive()]

    def _pods(self, count: PodCount) -> Span:
        if count.low is None and count.high is None:
            self.per = "node" if self.workload.ref.kind == "DaemonSet" else self.per or "pod"
            return Span.of(1)
        return Span(Fraction(count.low or 0), None if count.high is None else Fraction(count.high))

    # -- prices -------------------------------------------------------------------------------------------------------------------------

    def _price(self, key: str, sorts: tuple[Labels, ...], units: int | None) -> tuple[tuple[str, ...], DevicePrice | None]:
        """The models that the nodes would have, and what a device costs there."""
        known = device(key)
        wanted = list(subjects(sorts, self.prices, None if known and (known.partition or known.shared) else units, self.region))
        found = [(subject, price) for subject in wanted if (price := self.prices.of(subject, self.on)) is not None]
        models = {price.model for _, price in found if price.model} | {
            model for subject in wanted if (model := model_of(subject.product, subject.memory))
        }
        if not found:
            return tuple(sorted(models)), None
        if len(found) < len(wanted):
            self.notes.append(f"{len(wanted) - len(found)} of {len(wanted)} sorts of nodes that would do have no price")
        found.sort(key=lambda pair: (pair[1].device_hour, _what(*pair)))
        subject, dearest = found[-1]
        others = len(found) - 1
        confidence = min(price.confidence for _, price in found) if len(found) == len(wanted) else Confidence.LOW
        return tuple(sorted(models)), DevicePrice(
            what=_what(subject, dearest) + (f" and {others} more" if others else ""),
            hour=Span(found[0][1].device_hour, dearest.device_hour),
            basis=dearest.basis,
            source=dearest.source,
            date=dearest.date,
            confidence=confidence,
            cash=all(price.cash for _, price in found),
            notes=dearest.notes,
        )

    # -- time ---------------------------------------------------------------------------------------------------------------------------

    def _term(self) -> Term:
        workload = self.workload
        who = (workload.ref.group, workload.ref.kind)
        suspended = self._suspended()
        if who in _NEVER_DONE:
            return Term(suspended=suspended)
        if who == ("", "Pod"):
            if workload.spec.get("restartPolicy") not in ("Never", "OnFailure"):
                return Term()
            return Term(TermKind.RUN, self._hours(integer(workload.spec.get("activeDeadlineSeconds"))))
        if not workload.job:
            return Term(suspended=suspended)
        hours = self._run()
        if who not in _SCHEDULES:
            return Term(TermKind.RUN, hours, suspended=suspended)
        policy = workload.spec.get("concurrencyPolicy", "Allow")
        return Term(TermKind.SCHEDULE, hours, self._runs(_SCHEDULES[who]), policy not in ("Forbid", "Replace"), suspended)

    def _run(self) -> Fraction | None:
        """Hours of one run at most."""
        found = bounds(self.workload)
        hours = self._hours(found.deadline_seconds.effective if found else None)
        if self.workload.ref.kind in ("RayJob", "RayCronJob") and found is not None and hours is not None:
            if found.cleanup != "shutdownAfterJobFinishes":
                self.notes.append("its cluster stays when the job has ended, until somebody deletes it (shutdownAfterJobFinishes)")
                return None
            stays = found.ttl_seconds.effective
            hours += Fraction(stays, 3600) if isinstance(stays, int) else 0
        return hours

    def _hours(self, seconds: int | Unknown | None) -> Fraction | None:
        if isinstance(seconds, Unknown):
            self.notes.append("its deadline is not known")
            return None
        if seconds is None or seconds < 0:
            self.notes.append("it has no deadline: nothing bounds how long it runs")
            return None
        return Fraction(seconds, 3600)

    def _runs(self, field: str) -> Fraction | None:
        value = value_at(self.workload.raw, field)
        found = [runs_per_month(one) for one in ([value] if isinstance(value, str) else sequence(value)) if isinstance(one, str)]
        known = [runs for runs in found if runs is not None]
        if not found or len(known) < len(found):
            self.notes.append("its schedule cannot be read")
            return None
        return sum(known, Fraction(0))

    def _suspended(self) -> bool:
        """Whether nothing of it runs now. What a queue suspends it also resumes."""
        notes = self.workload.annotations
        if any(key in notes and wanted in (None, notes[key]) for key, wanted in _STOPPED.items()):
            return True
        if not self.workload.suspended:
            return False
        if any(name.group == KUEUE for name in queue_names(self.workload)):
            self.notes.append("a queue decides when it starts")
            return False
        return True


def _runtime_of(workload: Workload, snapshot: Snapshot) -> Workload | None:
    """The runtime in view that asks for the accelerators of a service which names it and asks for none itself.

    Source: https://kserve.github.io/website/docs/concepts/resources/servingruntime
    """
    if (workload.ref.group, workload.ref.kind) != (_KSERVE, "InferenceService") or snapshot.asks_for_accelerator(workload):
        return None
    name = value_at(workload.raw, "spec.predictor.model.runtime")
    if not isinstance(name, str):
        return None
    kinds = ("ServingRuntime", "ClusterServingRuntime")
    found = next((one for kind in kinds if (one := snapshot.get(kind, name, workload.document, _KSERVE)) is not None), None)
    runtime = snapshot.workload_of(found) if found else None
    return runtime if runtime is not None and snapshot.asks_for_accelerator(runtime) else None


def _what(subject: Subject, price: Price) -> str:
    parts = (subject.instance_type or price.model or subject.product, subject.region, price.capacity_type)
    return ", ".join(part for part in parts if part)


# -- autoscalers --------------------------------------------------------------------------------------------------------------------------

_UNBOUNDED = 2**31


def _bounds(scaler: Document) -> tuple[int, int]:
    """Between how many replicas an autoscaler moves: as written, else by its defaults.

    Sources: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/ ·
    https://keda.sh/docs/latest/reference/scaledobject-spec/
    """
    raw = scaler.raw
    if scaler.ref.group == "autoscaling":
        low, high = number(raw, "spec.minReplicas", default=1), number(raw, "spec.maxReplicas")
    else:
        paused = number(raw, 'metadata.annotations["autoscaling.keda.sh/paused-replicas"]')
        if paused is not None:
            return paused, paused
        low, high = number(raw, "spec.minReplicaCount", default=0), number(raw, "spec.maxReplicaCount", default=100)
        idle = number(raw, "spec.idleReplicaCount")
        low = low if idle is None or low is None else min(low, idle)
    return low or 0, _UNBOUNDED if high is None else max(high, low or 0)
