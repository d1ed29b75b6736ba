"""What Prometheus is asked, in PromQL: who held accelerators, and whether they were used.

The server does the work: every query sums a chunk of the window on a grid of ``step`` seconds, so that an answer is one number for a pod or
a node, however long the chunk is.

The grid. State (requests, phases, capacity) is sampled at the beginning of each bucket, and what a device did is the maximum over the
bucket, which holds its beginning and not its end. A range ``[1h]`` holds both of its ends in Prometheus 2, and only the later one in 3
(https://prometheus.io/docs/prometheus/latest/migration/#range-selectors-and-lookback-exclude-samples-coinciding-with-the-left-boundary).
So queries are evaluated one second after the end of a chunk, which leaves exactly chunk / step multiples of the step in it; state is looked
at with ``offset``, and a bucket ends one millisecond early.

Joins. A pod's request counts while it is bound to a node and its phase is Running (or Pending: it is starting). Its devices' measurements
count while it holds them and neither terminates nor waits in a crash loop. So every bucket of a device falls into one category, and what
has no measurement is what is left.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from auditor.source.prometheus.exporters import Exporter, Labels
from auditor.source.prometheus.holding import Holding, any_of

__all__ = ["Queries"]

_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Queries(Holding):
    """All questions about one chunk of time: also whether what was held was used."""

    # -- whether it was used ------------------------------------------------------------------------------------------------------------

    def covered(self, exporter: Exporter, labels: Labels) -> str:
        """Device-looks with a measurement, by pod."""
        return self._measured(exporter, f"count by (namespace, pod) ({self._busy(exporter, labels)})")

    def idling(self, exporter: Exporter, labels: Labels) -> str:
        """Device-looks in which the device was not used, by pod."""
        return self._measured(exporter, f"count by (namespace, pod) ({self._busy(exporter, labels)} <= {self.idle})")

    def used(self, exporter: Exporter, labels: Labels) -> str:
        """The mean utilisation of device-looks in which the device was used, summed by pod.

        Where one of the samples is no number, there is no mean, and the maximum, which passes over it, stands for it.
        """
        highest = self._busy(exporter, labels)
        busy = f"({self._busy(exporter, labels, 'avg_over_time')} or {highest}) and {highest} > {self.idle}"
        return self._measured(exporter, f"sum by (namespace, pod) ({busy})")

    def warm(self, exporter: Exporter, labels: Labels) -> str:
        """Device-looks in which the device was not used, and more than a little of its memory was, by pod."""
        metric, much = exporter.memory or ("", 0)
        memory = self._devices(exporter, labels, f"max_over_time({self._metric(metric, _named(labels), now=True)}{self._bucket})")
        return self._measured(exporter, f"count by (namespace, pod) ({self._busy(exporter, labels)} <= {self.idle} and {memory} > {much})")

    def orphans(self, exporter: Exporter, labels: Labels) -> str:
        """Device-looks with a measurement for a pod that holds no device then."""
        holders = self._holds(exporter)
        return self._sum(f"count(max by (namespace, pod) ({self._busy(exporter, labels)}) unless on (namespace, pod) {holders})")

    # The same three for nodes whose devices are shared: measurements are of devices, and who of those that share one used it is not known.
    # So each holder's share of a device does what the device does. Sums over the devices of a node, to be divided by their number.

    def shared(self, exporter: Exporter, what: str, nodes: Iterable[str], *, short: bool = False) -> str:
        """Unit-looks of pods times devices of their node: ``covered``, ``idle`` or ``used`` ones.

        Args:
            exporter: what measures them.
            what: which.
            nodes: those whose devices are shared.
            short: nodes are told apart by their names up to the first dot: to some exporters, ``gpu-1.example.com`` is ``gpu-1``.
        """
        on_them = f'node=~"{any_of(nodes)}"'
        held = f"sum by (namespace, pod, node) ({self._held(exporter, on_them)})"
        busy = self._busy(exporter, Labels())
        device = {
            "covered": busy,
            "idle": f"{busy} <= {self.idle}",
            "used": f"{self._busy(exporter, Labels(), 'avg_over_time')} and {busy} > {self.idle}",
        }[what]
        key = "host" if short else "node"
        if short:
            held, device = (f'label_replace({one}, "host", "$1", "node", "([^.]+).*")' for one in (held, device))
        return self._sum(f"{held} * on ({key}) group_left () {'sum' if what == 'used' else 'count'} by ({key}) ({device})")

    # -- lately -------------------------------------------------------------------------------------------------------------------------

    def lately(self, exporter: Exporter, labels: Labels, seconds: int, *, idle: bool) -> str:
        """How many devices each pod has that were measured in the last seconds, or of those how many were not used."""
        metric = self._utilisation(exporter, labels, "max_over_time", f"[{seconds}s] offset 1001ms")
        busy = self._devices(exporter, labels, metric) + (f" <= {self.idle}" if idle else "")
        return f"count by (namespace, pod) ({busy}) and on (namespace, pod) {self._holds(exporter)}"

    def idle_devices(self, exporter: Exporter, labels: Labels) -> str:
        """The devices of the chosen namespaces that were not used in all of the chunk, for people to look at."""
        chosen = ", ".join(filter(None, (_named(labels), f'{labels.namespace}=~"{self.namespaces}"', self.cluster)))
        parts = [
            f"max_over_time({name}{{{chosen}}}[{self.chunk}s]){f' / {whole}' if whole != 1 else ''}" for name, whole, _ in exporter.metrics
        ]
        keys = ", ".join((*exporter.keys, labels.namespace, labels.pod))
        return f"max by ({keys}) ({' or '.join(parts)}) <= {self.idle}"

    def never(self, exporter: Exporter, labels: Labels, *, idle: bool, life: int = 7200) -> str:
        """How many devices each pod has that were measured two hours ago already, or of those how many were not used in all of the chunk.

        Of raw samples and not on the grid: a query that looks at each step of a whole window is the dearest of all.
        """
        seen = self._devices(exporter, labels, self._utilisation(exporter, labels, "max_over_time", f"[{_HOUR}s] offset {life}s"))
        metric = self._utilisation(exporter, labels, "max_over_time", f"[{self.chunk}s] offset 1001ms")
        counted = f"({self._devices(exporter, labels, metric)} <= {self.idle}) and {seen}" if idle else seen
        return f"count by (namespace, pod) ({counted}) and on (namespace, pod) {self._holds(exporter)}"

    # -- pieces -------------------------------------------------------------------------------------------------------------------------

    def _held(self, exporter: Exporter, extra: str = "") -> str:
        """Units that pods hold and could use."""
        on = "on (namespace, pod, uid)"
        return f"({self._requests('Running', exporter.resources, extra)} unless {on} {self._overdue()} unless {on} {self._waiting()})"

    def _holds(self, exporter: Exporter) -> str:
        return f"max by (namespace, pod) ({self._held(exporter)})"

    def _measured(self, exporter: Exporter, by_pod: str) -> str:
        """Looks at pods, as far as they hold devices then: an exporter's labels linger when a pod has gone."""
        return self._sum(f"{by_pod} and on (namespace, pod) {self._holds(exporter)}")

    def _busy(self, exporter: Exporter, labels: Labels, function: str = "max_over_time") -> str:
        """How busy each device was in the bucket, 0 to 1, by device and pod; by device and node where no labels are given."""
        return self._devices(exporter, labels, self._utilisation(exporter, labels, function, self._bucket))

    def _utilisation(self, exporter: Exporter, labels: Labels, function: str, span: str) -> str:
        """The best metric that a device has. A value above the whole is none: DCGM's blank values are of that sort."""
        parts = []
        for name, whole, matcher in exporter.metrics:
            selector = self._metric(name, ", ".join(filter(None, (matcher, _named(labels)))), now=True)
            parts.append(f"({function}({selector}{span}){f' / {whole}' if whole != 1 else ''} <= 1.01)")
        return " or ".join(parts)

    def _devices(self, exporter: Exporter, labels: Labels, inner: str) -> str:
        """One value for a device, however many replicas scrape it, with the pod in ``pod`` and ``namespace``, or the node in ``node``.

        Labels are renamed last. Before, series may differ in nothing but the label that is overwritten: where a scrape does not honour
        labels, an exporter that is replaced leaves two series of each device, with its old pod and its new one in ``pod``.
        """
        renamed = [(labels.namespace, "namespace"), (labels.pod, "pod")] if labels else [(source, "node") for source in exporter.host]
        found = f"max by ({', '.join((*exporter.keys, *(source for source, _ in renamed)))}) ({inner})"
        for source, target in renamed:
            if source != target:
                found = f'label_replace({found}, "{target}", "$1", "{source}", "(.+)")'
        return found

    @property
    def _bucket(self) -> str:
        return f"[{self.step}s] offset 1ms"


def _named(labels: Labels) -> str:
    return f'{labels.pod}!=""' if labels else ""
