"""Exporters: the pods that turn what accelerators do into metrics, by the maker of the devices.

Sources: https://docs.nvidia.com/datacenter/cloud-native/gpu-telemetry/latest/dcgm-exporter.html (also what GKE, EKS and the GPU operator
run, under other registries) · https://github.com/ROCm/device-metrics-exporter · https://github.com/amd/amd_smi_exporter ·
https://github.com/intel/xpumanager · https://docs.habana.ai/en/latest/Orchestration/Prometheus_Metric_Exporter.html ·
https://awsdocs-neuron.readthedocs-hosted.com/en/latest/tools/index.html (neuron-monitor, neuron-observer) ·
https://github.com/utkuozdemir/nvidia_gpu_exporter · https://docs.datadoghq.com/gpu_monitoring/ · AKS runs NVIDIA's on the node itself, and
says so by a label: https://learn.microsoft.com/azure/aks/aks-managed-gpu-nodes
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from auditor.accelerators import device
from auditor.document import mapping, sequence
from auditor.live import LivePod, Node, minutes_between
from auditor.snapshot import Snapshot
from auditor.usage import Usage
from auditor.workload import Container, PodTemplate

__all__ = [
    "EXPORTERS", "MEASURING", "Exporter", "Telemetry", "devices_of", "exporter_of", "exporters_of", "exporters_on", "managed", "telemetry",
    "vendors",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Exporter:
    """A program that exports metrics of accelerators.

    Attributes:
        name: as people call it.
        vendor: whose devices it sees, as in `auditor.accelerators.Device`.
    """

    name: str
    vendor: str


# The first of each vendor is the one to install.
EXPORTERS: tuple[tuple[Exporter, str], ...] = (
    (Exporter("dcgm-exporter", "nvidia"), r"dcgm-?exporter"),
    (Exporter("nvidia_gpu_exporter", "nvidia"), r"nvidia[-_]gpu[-_](prometheus[-_])?exporter|openlit/gpu-collector|otel-gpu-collector"),
    (Exporter("device-metrics-exporter", "amd"), r"device-metrics-exporter|amd[-_]smi[-_]exporter|amdgpu[-_]exporter"),
    (Exporter("xpumanager", "intel"), r"xpumanager|xpu-manager|xpumd"),
    (Exporter("Gaudi's metric exporter", "habana"), r"(gaudi|habana)\S*metrics?-exporter"),
    (Exporter("neuron-monitor", "aws"), r"neuron-(monitor|observer)"),
    (Exporter("npu-exporter", "huawei"), r"npu-exporter"),
)
# Whose devices they are that series in Prometheus tell of, by what `Usage.exporters` calls those who wrote them.
MEASURING = {
    "DCGM exporter": "nvidia", "AMD device metrics exporter": "amd", "TPU device plugin": "google", "neuron-monitor": "aws",
    "Gaudi exporter": "habana", "XPU Manager": "intel",
}  # fmt: skip
# Makers of devices at rest that have no series: that there is none says nothing about whether they are measured.
_SILENT = frozenset({"aws", "google"})
_NAMED = 3  # nodes in a sentence
_SETTLED = 60  # minutes that a pod has to hold devices until measurements must tell of it
_PATTERNS = tuple((exporter, re.compile(pattern, re.IGNORECASE)) for exporter, pattern in EXPORTERS)
_DATADOG = Exporter("Datadog's agent", "nvidia")
_DRIVERS = {"gaudi.intel": "habana", "neuron.aws": "aws", "nvidia": "nvidia", "amd": "amd", "intel": "intel"}


def exporter_of(image: str, name: str, env: Mapping[str, str] | None = None) -> Exporter | None:
    """The exporter that a container is.

    Args:
        image, name: of the container; mirrors rename images, and charts name the container after the program.
        env: its environment, which alone tells whether an agent for everything looks at GPUs too.
    """
    for text in (image.partition("@")[0], name):
        for exporter, pattern in _PATTERNS:
            if pattern.search(text):
                return exporter
    on = any(key.startswith("DD_GPU_") and value.lower() == "true" for key, value in (env or {}).items())
    return _DATADOG if on else None


def exporters_of(template: PodTemplate) -> Iterator[tuple[Exporter, Container]]:
    """The exporters among the containers of a template."""
    for container in template.containers:
        env = {one.name: one.value for one in container.env if isinstance(one.value, str)}
        image = container.image
        found = exporter_of(getattr(image, "text", "") or str(image or ""), container.name, env)
        if found is not None:
            yield found, container


def exporters_on(node: Node) -> Iterator[tuple[Exporter, LivePod]]:
    """The exporters that run on a node, or are about to."""
    for pod in node.pods:
        for container in map(mapping, sequence(mapping(pod.raw.get("spec")).get("containers"))):
            found = exporter_of(str(container.get("image") or ""), str(container.get("name") or ""), _environment(container))
            if found is not None:
                yield found, pod


def managed(node: Node) -> str:
    """The vendor whose exporter the cloud runs on the node without a pod; empty where none is known."""
    return "nvidia" if node.labels.get("kubernetes.azure.com/dcgm-exporter") == "enabled" else ""


def vendors(node: Node) -> frozenset[str]:
    """The makers of a node's accelerators for which an exporter is known. GKE itself exports what TPUs do."""
    known = {exporter.vendor for exporter, _ in EXPORTERS}
    return frozenset(vendor for one in node.devices if (vendor := _vendor(one.key)) in known)


def devices_of(nodes: Sequence[Node], vendor: str) -> str:
    """The devices of nodes, in words: ``2 nodes (gpu-0, gpu-1) with 16 nvidia devices``."""
    names = ", ".join(node.name for node in nodes[:_NAMED]) + (" …" if len(nodes) > _NAMED else "")
    devices = sum(node.physical_devices for node in nodes)
    of_nodes = f"{len(nodes)} nodes ({names})" if len(nodes) > 1 else names
    return f"{of_nodes} with {devices} {vendor} device{'' if devices == 1 else 's'}"


def _vendor(key: str) -> str:
    """The maker of a device, by its resource name or its DRA driver."""
    found = device(key)
    return found.vendor if found else next((vendor for part, vendor in _DRIVERS.items() if part in key), "")


def _environment(container: Mapping[str, Any]) -> dict[str, str]:
    entries = map(mapping, sequence(container.get("env")))
    return {str(one.get("name")): one["value"] for one in entries if isinstance(one.get("value"), str)}


# -- what of it arrives in Prometheus ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What Prometheus knew of the devices of one maker that pods held in the window.

    Attributes:
        vendor: whose devices they are.
        measured: nodes of which it has measurements.
        unmeasured: nodes of which it has none, though pods have held devices there for an hour.
        names_pods: its measurements name the pods that held the devices; None where it has none of such devices.
    """

    vendor: str
    measured: tuple[Node, ...]
    unmeasured: tuple[Node, ...]
    names_pods: bool | None


def telemetry(snapshot: Snapshot) -> tuple[Telemetry, ...]:
    """What Prometheus knew of devices, by maker; nothing where it was not asked, or did not answer all of it.

    Measurements that name only pods without devices name the exporter itself: then every one of them is an orphan.
    """
    usage = snapshot.usage
    if usage is None or any(one.what == "telemetry" for one in usage.missing):
        return ()
    known: dict[str, Fraction] = {}
    unknown: dict[str, Fraction] = {}
    for one in usage.held:
        known[one.node] = known.get(one.node, Fraction(0)) + one.activity.idle + one.activity.active
        unknown[one.node] = unknown.get(one.node, Fraction(0)) + one.activity.unknown
    found = []
    seen = {MEASURING[name] for name in usage.exporters if name in MEASURING}
    nameless = {MEASURING[name] for name in usage.unattributed if name in MEASURING}
    there = [node for node in snapshot.nodes if node.name in known]
    for vendor in sorted({vendor for node in there for vendor in vendors(node)}):
        nodes = [node for node in there if vendor in vendors(node)]
        measured = tuple(node for node in nodes if known[node.name])
        dark = [node for node in nodes if not known[node.name] and unknown[node.name] >= 1 and vendor not in _SILENT]
        without = tuple(node for node in dark if _must_be_seen(node, usage, seen))
        strange = not measured and bool(without) and usage.orphans > 0
        found.append(Telemetry(vendor, measured, without, vendor not in nameless and not strange if vendor in seen else None))
    return tuple(found)


def _must_be_seen(node: Node, usage: Usage, seen: set[str]) -> bool:
    """Whether a pod has held devices for so long that measurements must tell of it.

    Of parts of a GPU only profiling counters tell, and of shared ones only where the exporter calls the node as Kubernetes does.
    """
    if (node.shared and vendors(node) & seen) or ("mig" in node.sharing and not usage.profiling):
        return False
    return any(pod.devices and pod.ready and minutes_between(pod.bound, usage.end) >= _SETTLED for pod in node.pods)
