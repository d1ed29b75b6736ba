"""Which devices a pod of a manifest asks for, and how much of a physical device a unit of each is.

A unit is a device, a hardware partition (sevenths of a GPU), a share that HAMi, Volcano or KAI cut off, or a core of a chip; or one of as
many shares as the nodes that the pod chooses make of each device. What none of that tells is unknown, never a whole device.

Sources: https://docs.nvidia.com/datacenter/tesla/mig-user-guide/ · https://github.com/Project-HAMi/HAMi/blob/master/docs/config.md ·
https://github.com/NVIDIA/KAI-Scheduler/tree/main/docs/gpu-sharing
https://cloud.google.com/kubernetes-engine/docs/concepts/timesharing-gpus ·
https://instinct.docs.amd.com/projects/k8s-device-plugin/en/latest/user-guide/configuration.html
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from auditor.accelerators import device, is_accelerator_class
from auditor.cost.selection import Labels
from auditor.document import mapping, sequence
from auditor.kinds.paths import number
from auditor.snapshot import Snapshot, listed
from auditor.workload import AcceleratorRequest, Container, ContainerRole, PodTemplate

__all__ = ["Asked", "asked_by", "share_of_nodes"]

_SEVENTHS = re.compile(r"(?:.*[-.])?(?P<sevenths>[1-7])g\.\d+gb.*", re.IGNORECASE)
_AMD_PARTS = {"dpx": 2, "tpx": 3, "qpx": 4, "cpx": 8}
_AMD_PART = re.compile(r"amd\.com/(?P<mode>[a-z]+)_nps\d")
# Cores of a chip: https://awsdocs-neuron.readthedocs-hosted.com/en/latest/about-neuron/arch/index.html
_CORES = {"Inferentia": 4, "Inferentia2": 2, "Trainium": 2}
_CORE = "aws.amazon.com/neuroncore"

# How HAMi and Volcano say which part of a device a container gets: percent of its cores, percent of its memory, memory.
# https://github.com/Project-HAMi/HAMi/blob/master/docs/config.md
_HAMI = ("nvidia.com/gpucores", "nvidia.com/gpumem-percentage", "nvidia.com/gpumem")
_VOLCANO = ("volcano.sh/vgpu-cores", "volcano.sh/vgpu-memory-percentage", "volcano.sh/vgpu-memory")
_COMPANIONS = {"nvidia.com/gpu": _HAMI, "volcano.sh/vgpu-number": _VOLCANO}

# Labels of nodes whose units are parts of devices: one over so many, or sevenths.
_BY_NUMBER = ("nvidia.com/gpu.replicas", "cloud.google.com/gke-max-shared-clients-per-gpu")
_BY_STRATEGY = ("nvidia.com/gpu.sharing-strategy", "cloud.google.com/gke-gpu-sharing-strategy")
_BY_PARTITION = ("cloud.google.com/gke-gpu-partition-size", "nvidia.com/gpu.product")


@dataclass(frozen=True, slots=True)
class Asked:
    """What one pod asks for of one sort of device.

    Attributes:
        key: resource name, or the DeviceClass of a claim.
        units: how many; None where unknown.
        share: devices behind one unit, as far as the manifest of the pod itself tells; None where unknown.
        each: every pod has its own; else all of them share it.
    """

    key: str
    units: int | None
    share: Fraction | None
    each: bool = True


def asked_by(template: PodTemplate, snapshot: Snapshot) -> Iterator[Asked]:
    """What one pod asks for, by resource name and then by claim."""
    requests: dict[str, list[tuple[Container, AcceleratorRequest]]] = {}
    for container in template.containers:
        for request in container.accelerators:
            if container.role is not ContainerRole.EPHEMERAL:
                requests.setdefault(request.key, []).append((container, request))
    for key, found in sorted(requests.items()):
        units = template.accelerators.get(key)
        if any(request.count is None for _, request in found):
            yield Asked(key, None, None)
        elif units:
            yield Asked(key, units, _share_of_unit(key, found))
    if not requests and template.has_accelerator_fraction:
        yield Asked("nvidia.com/gpu", *_fraction(template.annotations))
    yield from _claimed(template, snapshot)


def _share_of_unit(key: str, found: list[tuple[Container, AcceleratorRequest]]) -> Fraction | None:
    """Devices behind one unit of a resource, by its name and by what goes along with it; None where they do not tell."""
    known = found[0][1].device if found else device(key)
    shares = {_share_of_container(container, key) for container, _ in found if key in _COMPANIONS} - {Fraction(1)}
    if shares:  # where containers of one pod have different shares, the largest
        return None if None in shares else max(share for share in shares if share is not None)
    if known is None or known.shared:
        return None
    if not known.partition:
        return Fraction(1)
    sevenths, amd = _SEVENTHS.fullmatch(key), _AMD_PART.fullmatch(key)
    if sevenths:
        return Fraction(int(sevenths["sevenths"]), 7)
    return Fraction(1, _AMD_PARTS[amd["mode"]]) if amd and amd["mode"] in _AMD_PARTS else None


def _share_of_container(container: Container, key: str) -> Fraction | None:
    """The part of a device that HAMi or Volcano gives a container; 1 where it asks for whole ones, None where it cannot be known."""
    cores, percent, memory = (container.effective_request(name) for name in _COMPANIONS[key])
    if cores is None and percent is None and memory is None:
        return Fraction(1) if key == "nvidia.com/gpu" else None
    for part in (cores, percent):
        if isinstance(part, Fraction) and 0 < part <= 100:
            return Fraction(part) / 100
    return None


def _fraction(annotations: Mapping[str, Any]) -> tuple[int | None, Fraction | None]:
    """The units of a pod that asks for a part of a GPU by annotation, and the part."""
    share = annotations.get("gpu-fraction")
    several = number(annotations, "gpu-fraction-num-devices", default=1)
    if not isinstance(share, str | int) or not re.fullmatch(r"(0?\.\d{1,9}|1(\.0{1,9})?)", str(share)):
        return several, None
    return several, Fraction(str(share))


def _claimed(template: PodTemplate, snapshot: Snapshot) -> Iterator[Asked]:
    """Devices that the pod claims by dynamic resource allocation, as far as they are in view. A named claim is one for all pods."""
    document = template.workload.document
    counted: Counter[tuple[str, bool]] = Counter()
    unknown: set[tuple[str, bool]] = set()
    for claim in template.resource_claims:
        source = {**mapping(claim.get("source")), **claim}
        for kind, field, path, each in (
            ("ResourceClaimTemplate", "resourceClaimTemplateName", ("spec", "spec", "devices", "requests"), True),
            ("ResourceClaim", "resourceClaimName", ("spec", "devices", "requests"), False),
        ):
            name = source.get(field)
            found = snapshot.get(kind, name, document, "resource.k8s.io") if isinstance(name, str) else None
            for request in listed(found, *path) if found else ():
                exact = mapping(next(iter(sequence(request.get("firstAvailable"))), None) or request.get("exactly") or request)
                who = exact.get("deviceClassName")
                if isinstance(who, str) and is_accelerator_class(who):
                    count = None if exact.get("allocationMode") == "All" else number(exact, "count", default=1)
                    counted[who, each] += count or 0
                    unknown |= {(who, each)} if count is None else set()
    for who, each in sorted(counted):
        units = None if (who, each) in unknown else counted[who, each]
        yield Asked(who, units, None if "mig" in who.split(".") else Fraction(1), each)


def share_of_nodes(key: str, share: Fraction, sorts: tuple[Labels, ...], models: tuple[str, ...]) -> Fraction | None:
    """Devices behind one unit, given the nodes that the pod chooses; None where they hold shares of unknown size."""
    known = device(key)
    if key == _CORE:
        cores = {_CORES.get(model) for model in models}
        only = cores.pop() if len(cores) == 1 else None
        return Fraction(1, only) if only else None
    if known is None or known.partition or share != 1:
        return share
    found = {_share_of_node(labels) for labels in sorts}
    return found.pop() if len(found) == 1 else None


def _share_of_node(labels: Labels) -> Fraction | None:
    sevenths = next((found for key in _BY_PARTITION if (found := _SEVENTHS.fullmatch(labels.get(key, "")))), None)
    share = Fraction(int(sevenths["sevenths"]), 7) if sevenths else Fraction(1)
    text = next((labels[key] for key in _BY_NUMBER if labels.get(key)), "")
    if text.isascii() and text.isdigit() and int(text[:6]) > 0:
        return share / int(text[:6])
    shared = any(labels.get(key, "none") != "none" for key in _BY_STRATEGY) or labels.get("nvidia.com/gpu.product", "").endswith("-SHARED")
    return None if shared else share
