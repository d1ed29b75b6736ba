"""The devices behind a node's units: a unit may be a device, a hardware partition, or a share of one that others hold, too.

Sources: labels of GPU feature discovery, where ``gpu.replicas`` is the number of shares of each device (0 or 1: none), ``gpu.count`` counts
whole GPUs unless the MIG strategy is ``single``, and then its partitions: https://github.com/NVIDIA/k8s-device-plugin (internal/lm) ·
sevenths of a GPU: https://docs.nvidia.com/datacenter/tesla/mig-user-guide/ · AMD's partitions and their names:
https://instinct.docs.amd.com/projects/k8s-device-plugin/en/latest/user-guide/configuration.html,
https://rocm.docs.amd.com/projects/amdsmi/en/latest/conceptual/partition.html · ``shared-dev-num`` of Intel's plugin and
``device.count``: https://github.com/intel/intel-device-plugins-for-kubernetes/blob/main/cmd/gpu_plugin/labels.md · HAMi:
https://github.com/Project-HAMi/HAMi/blob/master/docs/develop/protocol.md · counts of the machine:
https://karpenter.sh/docs/concepts/scheduling/ · GKE, which shares without GPU feature discovery:
https://cloud.google.com/kubernetes-engine/docs/how-to/timesharing-gpus, https://cloud.google.com/kubernetes-engine/docs/how-to/gpus-multi
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from auditor.accelerators import device

__all__ = ["is_shared", "physical_devices", "sharing_of"]

# What the cloud says of the machine.
_OF_THE_MACHINE = (
    "karpenter.k8s.aws/instance-gpu-count", "karpenter.k8s.aws/instance-accelerator-count", "karpenter.azure.com/sku-gpu-count",
    "karpenter.k8s.gcp/instance-gpu-count", "cloud.google.com/gke-accelerator-count",
)  # fmt: skip
_SHARES = ("time-slicing", "mps", "hami", "shares")
_STRATEGIES = {"time-slicing": "time-slicing", "time-sharing": "time-slicing", "mps": "mps"}
_BY_STRATEGY = ("nvidia.com/gpu.sharing-strategy", "cloud.google.com/gke-gpu-sharing-strategy")
_BY_NUMBER = ("nvidia.com/gpu.replicas", "cloud.google.com/gke-max-shared-clients-per-gpu")
_GKE_PARTITION = "cloud.google.com/gke-gpu-partition-size"
_HAMI = "hami.io/node-nvidia-register"
_PROFILE = re.compile(r"(?P<sevenths>[1-7])g\..+")
_MIG = re.compile(r"nvidia\.com/mig-(?P<sevenths>[1-7])g\..+")
_SEVENTHS = 7
_AMD_MODE = re.compile(r"(amd\.com/)?(?P<mode>spx|dpx|tpx|qpx|cpx)_nps\d+", re.IGNORECASE)
_AMD_PARTS = {"spx": 1, "dpx": 2, "tpx": 3, "qpx": 4, "cpx": 8}
_INTEL_DEVICES = "gpu.intel.com/device.count"
_AMD_PARTITIONING = "amd.com/compute-memory-partition"


def sharing_of(units: Mapping[str, int], labels: Mapping[str, str], annotations: Mapping[str, Any], *, partitioned: bool = False) -> str:
    """How the devices of a node are shared, in words that `is_shared` knows.

    Args:
        units: by resource name what the node has of it, and by DRA driver how many devices.
        labels, annotations: of the node.
        partitioned: a DRA driver has cut one of them.
    """
    known = [found for key in units if (found := device(key)) is not None]
    nvidia = any(one.vendor == "nvidia" for one in known)
    words = []
    if nvidia and (labels.get("nvidia.com/mig.strategy") == "single" or labels.get(_GKE_PARTITION)):
        words.append("mig")
    if partitioned or any(one.partition for one in known) or any(_amd_parts(key, labels) > 1 for key in units):
        words.append("mig" if any(_maker(key) == "nvidia" for key in units) else "partitions")
    strategy = next((word for key in _BY_STRATEGY if (word := _STRATEGIES.get(labels.get(key, "")))), "")
    intel = _number(labels, _INTEL_DEVICES)
    if strategy:
        words.append(strategy)
    elif nvidia and _hami_devices(annotations):
        words.append("hami")
    elif nvidia and _first_number(labels, _BY_NUMBER) > 1:  # labels of before MPS came
        words.append("time-slicing")
    elif any(one.shared for one in known) or 0 < intel < sum(count for key, count in units.items() if _maker(key) == "intel"):
        words.append("shares")
    return " + ".join(dict.fromkeys(words))


def is_shared(sharing: str) -> bool:
    """Whether units are shares of devices with no hardware between them."""
    return any(word in _SHARES for word in sharing.split(" + "))


def physical_devices(units: Mapping[str, int], labels: Mapping[str, str], annotations: Mapping[str, Any]) -> int:
    """How many devices there are behind units; where labels leave that open, the least that there must be.

    Args:
        units: by resource name what the node has of it, and by DRA driver how many devices.
        labels, annotations: of the node.
    """
    makers: dict[str, dict[str, int]] = {}
    for key, count in units.items():
        if count > 0:
            makers.setdefault(_maker(key), {})[key] = count
    if len(makers) == 1:
        machine = _first_number(labels, _OF_THE_MACHINE)
        if machine:
            return machine
    return sum(_of_maker(maker, counted, labels, annotations) for maker, counted in makers.items())


def _maker(key: str) -> str:
    known = device(key)
    if known is not None:
        return known.vendor
    return next((maker for maker in ("nvidia", "amd", "intel", "google", "aws") if maker in key.split(".")), key)


def _of_maker(maker: str, units: Mapping[str, int], labels: Mapping[str, str], annotations: Mapping[str, Any]) -> int:
    """The devices of one maker. Where a plugin and a driver both offer them, they are the same ones."""
    offered = sum(count for key, count in units.items() if device(key) is None)
    counted = {key: count for key, count in units.items() if device(key) is not None}
    if not counted:
        return offered
    if maker == "nvidia":
        found = _nvidia(counted, labels, annotations)
    elif maker == "amd":
        found = math.ceil(sum((Fraction(count, _amd_parts(key, labels)) for key, count in counted.items()), Fraction(0)))
    else:
        found = _number(labels, _INTEL_DEVICES) if maker == "intel" else 0
    return max(found or sum(counted.values()), offered)


def _nvidia(units: Mapping[str, int], labels: Mapping[str, str], annotations: Mapping[str, Any]) -> int:
    strategy, total = labels.get("nvidia.com/mig.strategy", ""), _number(labels, "nvidia.com/gpu.count")
    if total and strategy != "single":
        return total
    if _hami_devices(annotations):
        return _hami_devices(annotations)
    whole = 0
    if strategy == "single":
        whole = _number(labels, "nvidia.com/gpu.slices.gi")
    elif gke := _PROFILE.fullmatch(labels.get(_GKE_PARTITION, "")):
        whole = int(gke["sevenths"])
    weights = Fraction(0)
    for key, count in units.items():
        part = _MIG.fullmatch(key)
        shares = _number(labels, f"{key.removesuffix('.shared')}.replicas") if part else _first_number(labels, _BY_NUMBER)
        sevenths = int(part["sevenths"]) if part else whole
        weights += Fraction(count, max(shares, 1)) * Fraction(min(sevenths or _SEVENTHS, _SEVENTHS), _SEVENTHS)
    return math.ceil(weights)


def _amd_parts(key: str, labels: Mapping[str, str]) -> int:
    """Into how many parts a GPU behind such a unit is cut. The label is there where all GPUs of the node are cut alike."""
    found = _AMD_MODE.fullmatch(key) or (_AMD_MODE.fullmatch(labels.get(_AMD_PARTITIONING, "")) if key == "amd.com/gpu" else None)
    return _AMD_PARTS[found["mode"].lower()] if found else 1


def _hami_devices(annotations: Mapping[str, Any]) -> int:
    """How many GPUs HAMi has registered: a list in JSON, or entries that end in a colon."""
    text = annotations.get(_HAMI)
    if not isinstance(text, str):
        return 0
    if text.lstrip().startswith("["):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return 0
        return len(found) if isinstance(found, list) else 0
    return sum("," in entry for entry in text.split(":"))


def _first_number(labels: Mapping[str, str], keys: Iterable[str]) -> int:
    return next((count for key in keys if (count := _number(labels, key))), 0)


def _number(labels: Mapping[str, str], key: str) -> int:
    text = labels.get(key, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0
