"""Accelerators: which resource names are devices, whose they are, and which names only look like devices.

Names are those of the vendors' device plugins and of the sharing layers on top of them (HAMi, Volcano, MPS, MIG).
Sources: https://kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus/ · https://github.com/NVIDIA/k8s-device-plugin ·
https://github.com/Project-HAMi/HAMi/tree/master/docs · https://github.com/intel/intel-device-plugins-for-kubernetes
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

__all__ = [
    "KNOWN_DEVICES",
    "WORDS",
    "Device",
    "DeviceTable",
    "device",
    "is_accelerator_class",
    "is_companion",
    "is_extended",
    "nearest_device_key",
]


@dataclass(frozen=True, slots=True)
class Device:
    """What a resource name stands for.

    Attributes:
        key: the resource name, for example ``nvidia.com/gpu``.
        vendor: the maker, in lower case.
        shared: the unit is a share of a device (time-slicing, MPS), so that two units may be the same device.
        partition: the unit is a hardware partition (a MIG profile).
        gpu: the device is a GPU; false for TPUs, NPUs and other accelerators.
    """

    key: str
    vendor: str
    shared: bool = False
    partition: bool = False
    gpu: bool = True


# Resource name patterns of devices, most specific first: pattern, vendor, shared, partition, gpu.
_DEVICES: tuple[tuple[str, str, bool, bool, bool], ...] = (
    (r"nvidia\.com/mig-[\w.+-]+\.shared", "nvidia", True, True, True),
    (r"nvidia\.com/mig-[\w.+-]+", "nvidia", False, True, True),
    (r"nvidia\.com/[\w.-]+\.shared", "nvidia", True, False, True),
    (r"nvidia\.com/(gpu|pgpu)", "nvidia", False, False, True),
    (r"volcano\.sh/vgpu-number", "nvidia", True, False, True),
    (r"amd\.com/gpu([.-][\w.-]+)?|amd\.com/spx_nps\d", "amd", False, False, True),
    (r"amd\.com/(dpx|tpx|qpx|cpx)_nps\d", "amd", False, True, True),
    (r"gpu\.intel\.com/(i915|xe|dxg)(?!_monitoring)[\w.-]*", "intel", False, False, True),
    (r"npu\.intel\.com/accel", "intel", False, False, False),
    (r"habana\.ai/gaudi", "habana", False, False, False),
    (r"google\.com/tpu", "google", False, False, False),
    (r"aws\.amazon\.com/neuron(core|device)?", "aws", False, False, False),
    (r"huawei\.com/Ascend[\w.-]*", "huawei", False, False, False),
    (r"cambricon\.com/[\w.-]+", "cambricon", False, False, False),
    (r"hygon\.com/dcunum", "hygon", False, False, True),
    (r"metax-tech\.com/gpu", "metax", False, False, True),
    (r"metax-tech\.com/sgpu", "metax", True, False, True),
    (r"mthreads\.com/vgpu", "mthreads", True, False, True),
    (r"iluvatar\.ai/[\w.-]*vgpu", "iluvatar", True, False, True),
    (r"enflame\.com/(gcu|vgcu)", "enflame", False, False, False),
    (r"birentech\.com/gpu", "birentech", False, False, True),
    (r"vastaitech\.com/va", "vastai", False, False, True),
    (r"kunlunxin\.com/(xpu|vxpu)", "kunlunxin", False, False, False),
)
_DEVICE_PATTERNS = tuple((re.compile(row[0]), *row[1:]) for row in _DEVICES)

# Names that go with a device and are amounts of memory or of cores, not devices.
_COMPANION = re.compile(
    r"/(gpumem|gpumem-percentage|gpucores|vmemory|vcore|dcumem|dcucores|gcu-memory|gcu-core|vgpu-memory|vgpu-cores|vgpu-memory-percentage)$"
    r"|[-.](memory|core|cores|vMem|vCore|vmemory|vcore)$"
)

# One of these stands, in UTF-8, in every object that asks for an accelerator: a word of the key, or the vendor's domain.
WORDS = (
    *(b"gpu", b"resourceClaims", b"google.com/", b"aws.amazon.com/", b"habana.ai/", b"huawei.com/", b"intel.com/", b"amd.com/"),
    *(b"nvidia.com/", b"cambricon.com/", b"hygon.com/", b"enflame.com/", b"kunlunxin.com/", b"iluvatar.ai/", b"mthreads.com/"),
    *(b"metax-tech.com/", b"vastaitech.com/", b"birentech.com/"),
)

# Device keys that a misspelling can have been meant for; what people write, not every pattern of the table.
_SPELLED = (
    "nvidia.com/gpu", "nvidia.com/gpu.shared", "amd.com/gpu", "google.com/tpu", "aws.amazon.com/neuron", "aws.amazon.com/neuroncore",
    "habana.ai/gaudi", "gpu.intel.com/i915", "gpu.intel.com/xe", "metax-tech.com/gpu", "mthreads.com/vgpu", "enflame.com/gcu",
)  # fmt: skip

_DOMAINLESS = re.compile(r"(nvidia[-_.]?)?(gpus?|tpus?|npus?|cuda)", re.IGNORECASE)


@lru_cache(maxsize=1024)
def device(key: str) -> Device | None:
    """The device that a resource name counts, or None where it counts something else."""
    if "/" not in key or is_companion(key):
        return None
    for pattern, vendor, shared, partition, gpu in _DEVICE_PATTERNS:
        if pattern.fullmatch(key):
            return Device(key, vendor, shared, partition, gpu)
    return None


@dataclass(frozen=True, slots=True)
class DeviceTable:
    """Which resource names count devices: those that are known, and those of the user's own device plugins.

    Attributes:
        own: the latter. One is taken for a GPU where its name says so.
    """

    own: frozenset[str] = frozenset()

    def device(self, key: str) -> Device | None:
        """The device that a resource name counts, or None where it counts something else."""
        if key in self.own:
            domain, _, name = key.partition("/")
            return Device(key, domain, gpu="gpu" in name.lower())
        return device(key)

    @property
    def words(self) -> tuple[bytes, ...]:
        """One of these stands, in UTF-8, in every object that asks for an accelerator."""
        return (*WORDS, *(key.encode() for key in self.own))


KNOWN_DEVICES = DeviceTable()


@lru_cache(maxsize=1024)
def is_companion(key: str) -> bool:
    """Whether a resource name is an amount of device memory or cores that goes along with a device."""
    return _COMPANION.search(key) is not None


def is_extended(key: str) -> bool:
    """Whether a resource name is an extended resource: it has a domain, which is not Kubernetes' own.

    Source: https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#extended-resources
    """
    domain, slash, _ = key.partition("/")
    return bool(slash) and not key.startswith("requests.") and not (domain == "kubernetes.io" or domain.endswith(".kubernetes.io"))


def nearest_device_key(key: str) -> str | None:
    """The device key that a wrong one was probably meant for: at most two edits away, or a bare word such as ``gpu``."""
    if device(key) is not None or is_companion(key):
        return None
    if "/" not in key:
        return "nvidia.com/gpu" if _DOMAINLESS.fullmatch(key) else None
    if key == "alpha.kubernetes.io/nvidia-gpu" or key.lower() in ("nvidia/gpu", "nvidia.com/gpu", "nvidia.com/nvidia-gpu"):
        return "nvidia.com/gpu"
    domain = key.partition("/")[0]
    for known in _SPELLED:
        if known.partition("/")[0] == domain and _edits(key.lower(), known) <= 2:
            return known
    return None


def _edits(one: str, other: str) -> int:
    """The Levenshtein distance."""
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, start=1):
        previous, row[0] = row[0], i
        for j, right in enumerate(other, start=1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (left != right))
    return row[-1]


_CLASS = re.compile(r"(^|[.-])(gpu|mig|tpu|npu|gaudi|neuron|vfio)([.-]|$)")


def is_accelerator_class(device_class: str) -> bool:
    """Whether a DRA DeviceClass stands for an accelerator. IMEX channels, compute domains and network classes do not.

    Sources: https://github.com/NVIDIA/k8s-dra-driver-gpu (``gpu.nvidia.com``, ``mig.nvidia.com``; ``compute-domain-*`` are channels) ·
    https://github.com/intel/intel-resource-drivers-for-kubernetes (``gpu.intel.com``, ``gaudi.intel.com``) · ``neuron.aws.com``:
    https://awsdocs-neuron.readthedocs-hosted.com/en/latest/containers/neuron-dra.html
    """
    return _CLASS.search(device_class) is not None
