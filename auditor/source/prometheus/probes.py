"""What a Prometheus has: which exporters feed it, and which labels name the pod that holds a device.

Every probe is a query that counts series. Endpoints for metadata are not there on every server that speaks PromQL.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from auditor.errors import MetricsError
from auditor.source.prometheus.answers import TooMuchData
from auditor.source.prometheus.exporters import EXPORTERS, RESOURCES, Exporter, Labels
from auditor.source.prometheus.server import Server

__all__ = ["Measuring", "probe"]

_HOUR = 3600
_LOOKS = 100  # at the window, to see whether something was there at any time
_LOOK = 300  # seconds from one look to the next, at least: for so long a sample is seen
_NARROWER = 8  # times less of the window is looked at, where it is too much


@dataclass(frozen=True, slots=True)
class Measuring:
    """Who measures.

    Attributes:
        exporters: those with series in the window, each with the labels that name pods (none: its measurements name no pod).
        profiling: where GPUs of NVIDIA are measured, profiling counters are.
        metered: what OpenCost says that a node costs, in USD per hour, by node.
        notes: what to know about the measurements.
    """

    exporters: tuple[tuple[Exporter, Labels], ...] = ()
    profiling: bool = True
    metered: Mapping[str, Fraction] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def probe(server: Server, start: datetime.datetime, end: datetime.datetime, cluster: str = "") -> Measuring:
    """Look at what is there.

    Args:
        server: who is asked.
        start, end: of the window.
        cluster: a label matcher that chooses the cluster; empty for the only one.

    Raises:
        MetricsError: it cannot be asked, or has nothing of kube-state-metrics.
    """
    at, seconds = end.timestamp(), int((end - start).total_seconds())
    seen, looked = _seen(server, at, seconds, cluster)
    if not {("kube-state-metrics", ""), ("requests", "")} <= seen:
        where = f" with {cluster}" if cluster else ""
        raise MetricsError(
            f"{server.host} has no accelerators of kube-state-metrics{where} in the window",
            "let it scrape kube-state-metrics, or choose the cluster with --prometheus-label",
        )
    found, profiling = [], True
    notes = (
        []
        if looked == seconds
        else [f"exporters were looked for in the last {looked // 60} minutes only: more was too much for the server"]
    )
    for exporter in EXPORTERS:
        names = [name for name, *_ in exporter.metrics if (name, "") in seen]
        if not names:
            continue
        labels = next((one for one in exporter.labels if any((name, _naming(one)) in seen for name in names)), Labels())
        remembers = exporter.memory is not None and (exporter.memory[0], "") in seen
        found.append((exporter if remembers else dataclasses.replace(exporter, memory=None), labels))
        profiling = profiling and not _without_profiling(names)
        notes += _notes(exporter, names, labels)
    if not found:
        notes.append("no exporter measures accelerators: whether they are used is not known")
    return Measuring(tuple(found), profiling, _metered(server, at, cluster), tuple(notes))


def _seen(server: Server, at: float, seconds: int, cluster: str) -> tuple[set[tuple[str, str]], int]:
    """Which metrics have series, each also with the matchers that they have to have, and how many seconds before were looked at.

    As many as are asked for, or fewer, if that is too much for the server.

    Raises:
        MetricsError: it cannot be asked, or the last hour is too much for it, too.
    """
    seen: set[tuple[str, str]] = set()
    try:
        for key, answer in server.query_many([(key, text, at) for key, text in _questions(seconds, cluster).items()]):
            if isinstance(answer, MetricsError):
                raise answer
            if any(sample.value > 0 for sample in answer):
                seen.add(key)
    except TooMuchData:
        if seconds <= _HOUR:
            raise
        return _seen(server, at, max(seconds // _NARROWER, _HOUR), cluster)
    return seen, seconds


def _questions(seconds: int, cluster: str) -> dict[tuple[str, str], str]:
    """A query for each metric, and for the labels in which it may name pods, that says how many series there were."""

    def count(name: str, *matchers: str) -> str:
        chosen = ", ".join(filter(None, (*matchers, cluster)))
        return f"max_over_time((count({name}{{{chosen}}}))[{seconds}s:{max(seconds // _LOOKS, _LOOK)}s])"

    questions = {("kube-state-metrics", ""): count("kube_node_status_capacity", f'resource=~"{RESOURCES}"')}
    questions[("requests", "")] = count("kube_pod_container_resource_requests", f'resource=~"{RESOURCES}"')
    for exporter in EXPORTERS:
        if exporter.memory:
            questions[exporter.memory[0], ""] = count(exporter.memory[0])
        for name, _, matcher in exporter.metrics:
            questions[name, ""] = count(name, matcher)
            for labels in exporter.labels:
                questions[name, _naming(labels)] = count(name, matcher, _naming(labels))
    return questions


def _naming(labels: Labels) -> str:
    """Matchers of series that name a pod."""
    return f'{labels.pod}!="", {labels.namespace}!=""'


def _notes(exporter: Exporter, names: list[str], labels: Labels) -> list[str]:
    found = []
    if not labels:
        found.append(f"measurements of the {exporter.name} name no pods: only of shared devices is it known whether they are used")
    elif labels.namespace.startswith("exported_"):
        where = f"{labels.namespace} and {labels.pod}"
        found.append(f"the scrape of the {exporter.name} does not honour labels: pods are taken from {where}")
    if _without_profiling(names):
        found.append("the DCGM exporter has no profiling counters (DCGM_FI_PROF_GR_ENGINE_ACTIVE): MIG instances are not measured")
    return found


def _without_profiling(names: list[str]) -> bool:
    return any(name.startswith("DCGM_FI_DEV_") for name in names) and not any(name.startswith("DCGM_FI_PROF_") for name in names)


def _metered(server: Server, at: float, cluster: str) -> dict[str, Fraction]:
    """Nodes' prices from OpenCost. Source: https://www.opencost.io/docs/integrations/metrics/ (node_total_hourly_cost)."""
    selector = f"node_total_hourly_cost{{{cluster}}}" if cluster else "node_total_hourly_cost"
    try:
        answer = server.query(f"avg by (node) (avg_over_time({selector}[1d]))", at)
    except MetricsError:
        return {}
    return {sample.labels.get("node", ""): Fraction(repr(sample.value)) for sample in answer if sample.value > 0}
