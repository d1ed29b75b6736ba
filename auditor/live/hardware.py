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

__all__ = ["LABELS", "is_shared", "physical_devices", "sharing_of", "weights"]

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

# All labels that are read here, but those that hold a MIG profile in their name.
LABELS = (
    *_OF_THE_MACHINE, *_BY_STRATEGY, *_BY_NUMBER, _GKE_PARTITION, _INTEL_DEVICES, _AMD_PARTITIONING, "nvidia.com/mig.strategy",
    "nvidia.com/gpu.count", "nvidia.com/gpu.slices.gi",
)  # fmt: skip


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


def weights(units: Mapping[str, int], labels: Mapping[str, str], annotations: Mapping[str, Any]) -> dict[str, Fraction]:
    """What a unit of each resource is of a physical device: 1/4 of one that four pods share, 2/7 of one for a MIG instance of two slices.

    MIG instances are weighed by compute slices, of which a GPU has seven; see `physical_devices` for the arguments.
    """
    makers: dict[str, list[str]] = {}
    for key, count in units.items():
        if count > 0:
            makers.setdefault(_maker(key), []).append(key)
    found = {key: _weight(key, labels) for keys in makers.values() for key in keys}
    for keys in makers.values():
        if len(keys) == 1 and found[keys[0]] == 1:  # shares that no label counts: HAMi, Intel's shared-dev-num, old plugins
            found[keys[0]] = min(Fraction(physical_devices({keys[0]: units[keys[0]]}, labels, annotations), units[keys[0]]), Fraction(1))
    return found


def _weight(key: str, labels: Mapping[str, str]) -> Fraction:
    maker, part = _maker(key), _MIG.fullmatch(key)
    if maker == "amd":
        return Fraction(1, _amd_parts(key, labels))
    if maker != "nvidia" or device(key) is None:  # a DRA driver's devices are counted whole
        return Fraction(1)
    sevenths = int(part["sevenths"]) if part else _whole_slices(labels)
    shares = _number(labels, f"{key.removesuffix('.shared')}.replicas") if part else _first_number(labels, _BY_NUMBER)
    return Fraction(min(sevenths or _SEVENTHS, _SEVENTHS), _SEVENTHS) / max(shares, 1)


def _whole_slices(labels: Mapping[str, str]) -> int:
    """Of how many sevenths a GPU is that is named like a whole one; 0 where it is whole."""
    if labels.get("nvidia.com/mig.strategy") == "single":
        return _number(labels, "nvidia.com/gpu.slices.gi")
    gke = _PROFILE.fullmatch(labels.get(_GKE_PARTITION, ""))
    return int(gke["sevenths"]) if gke else 0


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
    return math.ceil(sum((count * _weight(key, labels) for key, count in units.items()), Fraction(0)))


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
