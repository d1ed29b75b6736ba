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

Names and labels are those that exporters emit:
https://github.com/NVIDIA/dcgm-exporter (etc/default-counters.csv, internal/pkg/rendermetrics) ·
https://github.com/ROCm/device-metrics-exporter ·
https://docs.cloud.google.com/kubernetes-engine/docs/how-to/tpus (duty_cycle) ·
https://awsdocs-neuron.readthedocs-hosted.com/en/latest/tools/neuron-sys-tools/neuron-monitor-user-guide.html ·
https://docs.habana.ai/en/latest/Orchestration/Prometheus_Metric_Exporter.html ·
https://github.com/kubernetes/kube-state-metrics/tree/main/docs/metrics
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from auditor.usage import GRACE_SECONDS, STUCK

__all__ = ["EXPORTERS", "RESOURCES", "Exporter", "Labels", "Queries"]

# Resource names as kube-state-metrics writes them: what is not a letter or digit is an underscore. Amounts of memory and cores of HAMi are
# no devices.
RESOURCES = (
    "nvidia_com_gpu|nvidia_com_gpu_shared|nvidia_com_mig_.+|nvidia_com_pgpu|amd_com_gpu.*|google_com_tpu|"
    "aws_amazon_com_neuron(core|device)?|habana_ai_gaudi|gpu_intel_com_(i915|xe)"
)
_STUCK = "|".join(STUCK)
_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Labels:
    """Which labels of an exporter's series name the pod that holds a device.

    Attributes:
        pod, namespace: names of labels; empty where series name none.
    """

    pod: str = ""
    namespace: str = ""

    def __bool__(self) -> bool:
        return bool(self.pod)


@dataclass(frozen=True, slots=True)
class Exporter:
    """A program that measures devices of one maker.

    Attributes:
        name: in words.
        resources: the resources whose units it measures, as a regular expression over names of kube-state-metrics.
        metrics: how busy a device is, the best first, each with the value that stands for always busy, and a matcher or nothing.
        keys: the labels that tell devices apart.
        host: the labels that may name the node.
        labels: the labels that may name the pod, the best first.
        memory: memory in use, with the amount above which a context or model is resident: 1 GiB.
    """

    name: str
    resources: str
    metrics: tuple[tuple[str, int, str], ...]
    keys: tuple[str, ...]
    host: tuple[str, ...]
    labels: tuple[Labels, ...]
    memory: tuple[str, int] | None = None


# Where a scrape does not honour labels, what the exporter says of the pod is in exported_pod, and pod is the exporter itself.
_POD = (Labels("exported_pod", "exported_namespace"), Labels("pod", "namespace"))
EXPORTERS = (
    Exporter(
        "DCGM exporter",
        "nvidia_com_.+",
        (
            ("DCGM_FI_PROF_GR_ENGINE_ACTIVE", 1, ""),
            ("DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO", 1, ""),  # its name since DCGM 4.6
            ("DCGM_FI_DEV_GPU_UTIL", 100, ""),
            ("DCGM_FI_DEV_GPU_UTIL_RATIO", 1, ""),
        ),
        ("UUID", "GPU_I_ID"),
        ("Hostname", "hostname"),
        (*_POD, Labels("pod_name", "pod_namespace")),
        ("DCGM_FI_DEV_FB_USED", 1024),  # MiB
    ),
    Exporter(
        "AMD device metrics exporter",
        "amd_com_gpu.*",
        (("gpu_gfx_activity", 100, ""), ("amd_gpu_gfx_activity", 100, "")),
        ("serial_number", "gpu_id", "gpu_partition_id"),
        ("hostname",),
        _POD,
        ("gpu_used_vram", 1074),  # MB
    ),
    Exporter("TPU device plugin", "google_com_tpu", (("duty_cycle", 100, 'make="cloud-tpu"'),), ("accelerator_id",), ("node",), _POD),
    Exporter(
        "neuron-monitor",
        "aws_amazon_com_neuron(core|device)?",
        (("neuroncore_utilization_ratio", 1, ""),),
        ("instance_id", "neuroncore"),
        ("node",),
        (Labels("pod_name", "namespace"), *_POD),
    ),
    Exporter("Gaudi exporter", "habana_ai_gaudi", (("habanalabs_utilization", 100, ""),), ("UUID", "uuid", "device"), ("node",), _POD),
    Exporter("XPU Manager", "gpu_intel_com_(i915|xe)", (("hw_gpu_utilization_ratio", 1, ""),), ("pci_bdf", "node"), ("node",), _POD),
)


@dataclass(frozen=True, slots=True)
class Queries:
    """The questions about one chunk of time.

    Attributes:
        chunk: its length in seconds.
        step: seconds between two looks; divides the chunk.
        idle: a device that is never busier than this part of the time is idle.
        grace: seconds after which a pod that is being deleted should be gone.
        cluster: a label matcher that chooses the cluster, such as ``cluster="prod"``; empty where the server has only one.
        namespaces: a regular expression of the namespaces that hold devices; empty for any.
    """

    chunk: int
    step: int = 300
    idle: float = 0.01
    grace: int = GRACE_SECONDS
    cluster: str = ""
    namespaces: str = ""

    # -- who held what ------------------------------------------------------------------------------------------------------------------

    def capacity(self, state: str = "capacity") -> str:
        """Unit-looks of each node's resource; ``state`` may also be ``allocatable``."""
        return self._sum(f"max by (node, resource) ({self._metric(f'kube_node_status_{state}', _OF_DEVICES)} > 0)")

    def present(self) -> str:
        """In how many looks each node has a capacity."""
        return f"count_over_time((max by (node) ({self._metric('kube_node_status_capacity', _OF_DEVICES)}))[{self.chunk}s:{self.step}s])"

    def asking(self) -> str:
        """The namespaces whose pods ask for devices."""
        requests = self._metric("kube_pod_container_resource_requests", _OF_DEVICES)
        return f"count_over_time((count by (namespace) ({requests}))[{self.chunk}s:{self.step}s])"

    def units(self) -> str:
        """The largest number of units that each node had of a resource."""
        inner = f"max by (node, resource) ({self._metric('kube_node_status_capacity', _OF_DEVICES)})"
        return f"max_over_time(({inner})[{self.chunk}s:{self.step}s])"

    def looks(self) -> str:
        """In how many looks kube-state-metrics has any node."""
        return f"count_over_time((count({self._metric('kube_node_status_capacity')}))[{self.chunk}s:{self.step}s])"

    def cordoned(self) -> str:
        """In how many looks a node took no pods."""
        unschedulable = self._metric("kube_node_spec_unschedulable")
        return f"count_over_time((max by (node) ({unschedulable}) == 1)[{self.chunk}s:{self.step}s])"

    def running(self) -> str:
        """Unit-looks of pods that run."""
        return self._by_pod(self._requests("Running"))

    def starting(self) -> str:
        """Unit-looks of pods that are bound and do not run yet."""
        return self._by_pod(self._requests("Pending"))

    def terminating(self) -> str:
        """Unit-looks of pods that run and should be gone."""
        return self._by_pod(f"{self._requests('Running')} and on (namespace, pod, uid) {self._overdue()}")

    def crashing(self) -> str:
        """Unit-looks of pods that run, and of which a container waits to be started again."""
        running, waiting, overdue = self._requests("Running"), self._waiting(), self._overdue()
        return self._by_pod(f"({running} and on (namespace, pod, uid) {waiting}) unless on (namespace, pod, uid) {overdue}")

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

    def shared(self, exporter: Exporter, what: str, nodes: Iterable[str]) -> str:
        """Unit-looks of pods times devices of their node: ``covered``, ``idle`` or ``used`` ones."""
        chosen = "|".join(name.replace(".", "\\\\.") for name in nodes)
        on_them = f'node=~"{chosen}"'
        held = f"sum by (namespace, pod, node) ({self._held(exporter, on_them)})"
        busy = self._busy(exporter, Labels())
        device = {
            "covered": f"count by (node) ({busy})",
            "idle": f"count by (node) ({busy} <= {self.idle})",
            "used": f"sum by (node) ({self._busy(exporter, Labels(), 'avg_over_time')} and {busy} > {self.idle})",
        }[what]
        return self._sum(f"{held} * on (node) group_left () {device}")

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

    # -- who is who ---------------------------------------------------------------------------------------------------------------------

    def owners(self, pods: Iterable[str]) -> str:
        """The controllers of pods."""
        chosen = self._within(f'owner_is_controller="true", pod=~"{_any(pods)}"')
        return f"max by (namespace, pod, owner_kind, owner_name) ({self._last('kube_pod_owner', chosen)})"

    def owners_of(self, kind: str, names: Iterable[str]) -> str:
        """The controllers of ReplicaSets or Jobs."""
        metric, label = {"ReplicaSet": ("kube_replicaset_owner", "replicaset"), "Job": ("kube_job_owner", "job_name")}[kind]
        chosen = self._within(f'{label}=~"{_any(names)}"')
        return f"max by (namespace, {label}, owner_kind, owner_name) ({self._last(metric, chosen)})"

    def node_labels(self, nodes: Iterable[str]) -> str:
        """The labels of nodes, as far as kube-state-metrics was told to expose them."""
        return self._last("kube_node_labels", f'node=~"{_any(nodes)}"')

    # -- pieces -------------------------------------------------------------------------------------------------------------------------

    def _metric(self, name: str, matchers: str = "", *, now: bool = False) -> str:
        """Series of a metric; states are looked at as they were at the beginning of the bucket."""
        inner = ", ".join(filter(None, (matchers, self.cluster)))
        selector = f"{name}{{{inner}}}" if inner else name
        return selector if now else f"{selector} offset {self.step}s"

    @property
    def _bucket(self) -> str:
        return f"[{self.step}s] offset 1ms"

    def _last(self, name: str, matchers: str) -> str:
        return f"last_over_time({self._metric(name, matchers, now=True)}[{self.chunk + self.step}s])"

    def _within(self, matchers: str) -> str:
        chosen = f'namespace=~"{self.namespaces}"' if self.namespaces else ""
        return ", ".join(filter(None, (matchers, chosen)))

    def _sum(self, inner: str) -> str:
        return f"sum_over_time(({inner})[{self.chunk}s:{self.step}s])"

    def _by_pod(self, inner: str) -> str:
        return f"sum by (namespace, pod, node, resource) ({self._sum(inner)})"

    def _requests(self, phase: str, resources: str = RESOURCES, extra: str = "") -> str:
        """What pods in a phase request and hold, by pod and resource. ``max`` first: a pair of replicas scrapes everything twice."""
        matchers = self._within(", ".join(filter(None, (f'resource=~"{resources}", node!=""', extra))))
        requests = self._metric("kube_pod_container_resource_requests", matchers)
        phases = self._metric("kube_pod_status_phase", self._within(f'phase="{phase}"'))
        return (
            f"sum by (namespace, pod, uid, node, resource) (max by (namespace, pod, uid, container, node, resource) ({requests})"
            f" * on (namespace, pod, uid) group_left () max by (namespace, pod, uid) ({phases} == 1))"
        )

    def _overdue(self) -> str:
        deleted = self._metric("kube_pod_deletion_timestamp", self._within(""))
        return f"max by (namespace, pod, uid) (time() - {self.step} - {deleted} > {self.grace})"

    def _waiting(self) -> str:
        waiting = self._metric("kube_pod_container_status_waiting_reason", self._within(f'reason=~"{_STUCK}"'))
        return f"max by (namespace, pod, uid) ({waiting} == 1)"

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


_OF_DEVICES = f'resource=~"{RESOURCES}"'


def _named(labels: Labels) -> str:
    return f'{labels.pod}!=""' if labels else ""


def _any(names: Iterable[str]) -> str:
    return "|".join(name.replace(".", "\\\\.") for name in sorted(names))
