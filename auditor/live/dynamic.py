"""Devices that DRA drivers offer on nodes, counted as whole devices, and who holds them.

A driver may offer one device in several shapes: whole, as each of its partitions, and passed through to virtual machines. Shapes of one
device draw from one counter set, name one parent or stand on one PCI address, and here they are one device. It is taken as soon as a claim
holds one of its shapes. A device that draws from several counter sets is a group of devices (a slice of a TPU, say): it takes each of them.

Sources: https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/ · ``ResourceSliceSpec``, ``Device`` and
``DeviceRequestAllocationResult`` in https://github.com/kubernetes/api/blob/master/resource/v1/types.go · attributes of NVIDIA's driver
(``type``: gpu, mig, vfio): https://github.com/kubernetes-sigs/dra-driver-nvidia-gpu/blob/main/cmd/gpu-kubelet-plugin/deviceinfo.go ·
of AMD's (amdgpu, amdgpu-partition): https://github.com/ROCm/k8s-gpu-dra-driver/blob/main/docs/driver-attributes.md. Read in November 2026.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from auditor.accelerators import is_accelerator_class
from auditor.document import Document, mapping, sequence

__all__ = ["BRIDGED", "Offer", "held_by_pod", "offers"]

# On a claim that Kubernetes made for a pod that asks for an extended resource: the pod says the same thing twice.
BRIDGED = "resource.kubernetes.io/extended-resource-claim"

# Attributes that two shapes of one device have in common, without their domain.
_MARKS = ("uuid", "parentUUID", "pcieBusID", "pciBusID", "pciAddr", "pciAddress", "parentPciAddr")
_PARTITION = re.compile(r"mig|.*partition")
_HARD = ("NoSchedule", "NoExecute")

_Allocated = tuple[str, str, str]  # driver, pool, device


@dataclass(frozen=True, slots=True)
class Offer:
    """What one driver offers on one node.

    Attributes:
        driver: its name.
        devices: how many whole devices there are.
        usable: of them, those that are not tainted in all their shapes.
        taken: of them, those of which a claim holds something.
        partitioned: one of them is cut into parts, now or by what is allocated.
        product: the model of the first that names one.
    """

    driver: str
    devices: int
    usable: int
    taken: int
    partitioned: bool
    product: str


@dataclass(slots=True)
class _Shape:
    """One entry of a ResourceSlice."""

    marks: frozenset[str]
    sets: frozenset[str]
    taken: bool
    usable: bool
    partition: bool
    product: str


@dataclass(slots=True)
class _Device:
    """One device, with the shapes that it is offered in."""

    marks: set[str]
    shapes: list[_Shape] = field(default_factory=list)
    taken: bool = False


def offers(slices: Iterable[Document], claims: Iterable[Document]) -> Mapping[str, tuple[Offer, ...]]:
    """By node, what drivers of accelerators offer there, by the driver's name.

    Args:
        slices: ResourceSlices. Of a pool, those of its newest generation count. Devices that several nodes share are left out.
        claims: ResourceClaims.
    """
    taken = {one for claim in claims for one in _allocated(claim)}
    shapes: dict[tuple[str, str], list[_Shape]] = {}
    for driver, pool, slice_node, entry in _entries(slices):
        node = slice_node or entry.get("nodeName")
        if isinstance(node, str) and node:
            shapes.setdefault((node, driver), []).append(_shape(pool, entry, taken=(driver, pool, entry["name"]) in taken))
    found: dict[str, list[Offer]] = {}
    for (node, driver), members in sorted(shapes.items()):
        found.setdefault(node, []).append(_offer(driver, members))
    return {node: tuple(several) for node, several in found.items()}


def _entries(slices: Iterable[Document]) -> Iterator[tuple[str, str, object, dict[str, Any]]]:
    """Driver, pool, node and fields of every device that counts."""
    newest: dict[tuple[str, str], int] = {}
    known = []
    for document in slices:
        spec = mapping(document.raw.get("spec"))
        pool = mapping(spec.get("pool"))
        driver, name, generation = spec.get("driver"), pool.get("name"), pool.get("generation")
        if isinstance(driver, str) and is_accelerator_class(driver):
            key, number = (driver, str(name)), generation if isinstance(generation, int) else 0
            newest[key] = max(newest.get(key, number), number)
            known.append((key, number, spec))
    for key, number, spec in known:
        if number == newest[key]:
            for one in map(mapping, sequence(spec.get("devices"))):
                fields = {**one, **mapping(one.get("basic"))}  # the fields stood under `basic` in v1beta1
                yield *key, spec.get("nodeName"), {**fields, "name": str(one.get("name"))}


def _shape(pool: str, entry: Mapping[str, Any], *, taken: bool) -> _Shape:
    attributes = {key.rpartition("/")[2]: mapping(value).get("string") for key, value in mapping(entry.get("attributes")).items()}
    sets = frozenset(f"{pool} {one.get('counterSet')}" for one in map(mapping, sequence(entry.get("consumesCounters"))))
    marks = {text for key in _MARKS if isinstance(text := attributes.get(key), str) and text}
    tainted = any(one.get("effect") in _HARD for one in map(mapping, sequence(entry.get("taints"))))
    kind, product = attributes.get("type"), attributes.get("productName")
    return _Shape(
        marks=frozenset(marks or ({f"{pool}/{entry['name']}"} if not sets else ())),
        sets=sets,
        taken=taken,
        usable=not tainted,
        partition=isinstance(kind, str) and _PARTITION.fullmatch(kind) is not None,
        product=product if isinstance(product, str) else "",
    )


def _offer(driver: str, shapes: list[_Shape]) -> Offer:
    devices: list[_Device] = []
    groups = [shape for shape in shapes if len(shape.sets) > 1]
    for shape in shapes:
        if len(shape.sets) <= 1:
            _join(devices, {*shape.marks, *shape.sets}).shapes.append(shape)
    for shape in groups:
        for one in sorted(shape.sets):
            _join(devices, {one}).taken |= shape.taken
    for device in devices:
        device.taken |= any(shape.taken for shape in device.shapes)
    return Offer(
        driver=driver,
        devices=len(devices),
        usable=sum(not device.shapes or any(shape.usable for shape in device.shapes) for device in devices),
        taken=sum(device.taken for device in devices),
        partitioned=any(map(_is_cut, devices)),
        product=next((shape.product for shape in shapes if shape.product), ""),
    )


def _join(devices: list[_Device], marks: set[str]) -> _Device:
    """The device with one of these marks, which has all of them from now on; what turns out to be one device becomes one."""
    same = [device for device in devices if device.marks & marks]
    if not same:
        same = [_Device(set())]
        devices.append(same[0])
    first = same[0]
    for other in same[1:]:
        first.shapes += other.shapes
        first.marks |= other.marks
        first.taken |= other.taken
        devices.remove(other)
    first.marks |= marks
    return first


def _is_cut(device: _Device) -> bool:
    parts = [shape for shape in device.shapes if shape.partition]
    return bool(parts) and (len(parts) == len(device.shapes) or any(shape.taken for shape in parts))


def _allocated(claim: Document) -> Iterator[_Allocated]:
    """What a claim holds. Who has administrative access looks at a device that others hold."""
    allocation = mapping(mapping(claim.raw.get("status")).get("allocation"))
    for result in map(mapping, sequence(mapping(allocation.get("devices")).get("results"))):
        if result.get("adminAccess") is not True:
            yield str(result.get("driver")), str(result.get("pool")), str(result.get("device"))


def held_by_pod(claims: Iterable[Document]) -> Mapping[tuple[str, str], Mapping[str, int]]:
    """By namespace and name of a pod, how many devices of each driver its claims hold, in whatever shape.

    A claim that several pods share counts for each of them. Claims that stand for an extended resource are left out: the pod asks for that.
    """
    found: dict[tuple[str, str], dict[str, set[_Allocated]]] = {}
    for claim in claims:
        if BRIDGED in mapping(mapping(claim.raw.get("metadata")).get("annotations")):
            continue
        held = [one for one in _allocated(claim) if is_accelerator_class(one[0])]
        for consumer in map(mapping, sequence(mapping(claim.raw.get("status")).get("reservedFor"))):
            if held and consumer.get("resource") == "pods" and not consumer.get("apiGroup"):
                drivers = found.setdefault((claim.ref.namespace, str(consumer.get("name"))), {})
                for one in held:
                    drivers.setdefault(one[0], set()).add(one)
    return {pod: {driver: len(several) for driver, several in drivers.items()} for pod, drivers in found.items()}
