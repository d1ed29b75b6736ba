"""Who measures what devices do, and the names and labels that their series have.

Names and labels are those that exporters emit:
https://github.com/NVIDIA/dcgm-exporter (etc/default-counters.csv, internal/pkg/rendermetrics) ·
https://github.com/ROCm/device-metrics-exporter ·
https://docs.cloud.google.com/kubernetes-engine/docs/how-to/tpus (duty_cycle) ·
https://awsdocs-neuron.readthedocs-hosted.com/en/latest/tools/neuron-sys-tools/neuron-monitor-user-guide.html ·
https://docs.habana.ai/en/latest/Orchestration/Prometheus_Metric_Exporter.html
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["EXPORTERS", "RESOURCES", "Exporter", "Labels"]

# Resource names as kube-state-metrics writes them: what is not a letter or digit is an underscore. Amounts of memory and cores of HAMi are
# no devices.
RESOURCES = (
    "nvidia_com_gpu|nvidia_com_gpu_shared|nvidia_com_mig_.+|nvidia_com_pgpu|amd_com_gpu.*|google_com_tpu|"
    "aws_amazon_com_neuron(core|device)?|habana_ai_gaudi|gpu_intel_com_(i915|xe)"
)


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
        (Labels("pod_name", "exported_namespace"), Labels("pod_name", "namespace"), *_POD),  # nothing else has pod_name
    ),
    Exporter("Gaudi exporter", "habana_ai_gaudi", (("habanalabs_utilization", 100, ""),), ("UUID", "uuid", "device"), ("node",), _POD),
    Exporter("XPU Manager", "gpu_intel_com_(i915|xe)", (("hw_gpu_utilization_ratio", 1, ""),), ("pci_bdf", "node"), ("node",), _POD),
)
