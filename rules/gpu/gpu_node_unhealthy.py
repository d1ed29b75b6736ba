"""A node has accelerators that no pod can get, because one of them is broken or its driver is.

## Why it matters
A device that the driver or its plugin calls unhealthy leaves the node's `allocatable` and stays in its `capacity`: it is paid for, and no
pod is ever placed on it. A node that reports XID errors or broken NVLinks goes on taking pods, and jobs fail there after hours, or compute
wrong numbers. Nothing else tells: the node is Ready.

## Bad
```yaml live
apiVersion: v1
kind: Node
metadata: {name: gpu-7, creationTimestamp: "2026-11-20T08:00:00Z"}
status:
  capacity: {nvidia.com/gpu: "8", cpu: "96"}
  allocatable:
    nvidia.com/gpu: "7"  # finding
    cpu: "95"
  conditions:
  - {type: Ready, status: "True"}
  - {type: GpuXidError, status: "True", reason: Xid79, message: GPU has fallen off the bus}  # finding
  - {type: GpuUnhealthy, status: "True"}  # finding
```

The machine has eight, and the driver found seven:
```yaml live
apiVersion: v1
kind: Node
metadata:
  name: gpu-6  # finding
  creationTimestamp: "2026-11-20T08:00:00Z"
  labels: {karpenter.k8s.aws/instance-gpu-count: "8"}
status:
  capacity: {nvidia.com/gpu: "7"}
  allocatable: {nvidia.com/gpu: "7"}
```

A DRA driver taints what is broken:
```yaml live
apiVersion: v1
kind: Node
metadata:
  name: gpu-5  # finding
  creationTimestamp: "2026-11-20T08:00:00Z"
status: {capacity: {cpu: "96"}, allocatable: {cpu: "95"}}
---
apiVersion: resource.k8s.io/v1
kind: ResourceSlice
metadata: {name: gpu-5-gpu.nvidia.com-x7k2p}
spec:
  driver: gpu.nvidia.com
  nodeName: gpu-5
  pool: {name: gpu-5, generation: 1, resourceSliceCount: 1}
  devices:
  - {name: gpu-0, attributes: {type: {string: gpu}}}
  - {name: gpu-1, attributes: {type: {string: gpu}}, taints: [{key: gpu.nvidia.com/unhealthy, effect: NoSchedule}]}
```

## Good
```yaml live
apiVersion: v1
kind: Node
metadata: {name: gpu-8, creationTimestamp: "2026-11-20T08:00:00Z"}
status:
  capacity: {nvidia.com/gpu: "8", cpu: "96"}
  allocatable: {nvidia.com/gpu: "8", cpu: "95"}
  conditions:
  - {type: Ready, status: "True"}
  - {type: GpuXidError, status: "False"}
  - {type: AcceleratedHardwareReady, status: "True"}
  - {type: GpuUnhealthy, status: "False"}
  - {type: NVLinkStatusInactive, status: "False"}
  - {type: NVSwitchNonFatalError, status: "True"}
  - {type: DiskPressure, status: "True"}
---
apiVersion: v1
kind: Node
metadata:
  name: cut-into-parts
  creationTimestamp: "2026-11-20T08:00:00Z"
  labels: {nvidia.com/mig.strategy: mixed, nvidia.com/gpu.count: "8"}
status:
  capacity: {nvidia.com/gpu: "4", nvidia.com/mig-3g.40gb: "8"}
  allocatable: {nvidia.com/gpu: "4", nvidia.com/mig-3g.40gb: "8"}
---
apiVersion: v1
kind: Node
metadata: {name: just-started, creationTimestamp: "2026-11-25T11:55:00Z"}
status:
  capacity: {nvidia.com/gpu: "8"}
  allocatable: {nvidia.com/gpu: "0"}
  conditions: [{type: Ready, status: "True"}]
```

## When to ignore
While the node is being repaired, or its MIG profiles are being changed.

## References
- https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/device-plugins/
- https://docs.nvidia.com/deploy/xid-errors/
- https://docs.aws.amazon.com/eks/latest/userguide/node-health.html
- https://learn.microsoft.com/azure/aks/gpu-health-monitoring
- https://github.com/NVIDIA/NVSentinel
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.live import Devices, Node, minutes_between
from auditor.rule import COST, RECOMMENDED, Confidence, Options, Result, Severity, rule
from auditor.snapshot import Snapshot

# Conditions that node problem detectors set about accelerators, and those of them that are good when true. What is not fatal is a warning.
ABOUT_DEVICES = re.compile(r"(?!.*non-?fatal).*(gpu|xid|dcgm|nvlink|nvswitch|nvidia|accelerat|neuron|gaudi|\btpu)", re.IGNORECASE)
GOOD = re.compile(r".*(?<!un)(?<!not)(?<!in)(ready|healthy|ok|available|active|present|installed|loaded)", re.IGNORECASE)


@rule(
    "gpu-node-unhealthy",
    title="Node has accelerators that are broken",
    severity=Severity.HIGH,
    profiles={RECOMMENDED, COST},
    live=True,
    needs={"Node"},
    options={"minutes": 10},
)
def check(node: Node, snapshot: Snapshot, options: Options) -> Iterator[Result]:
    listing = snapshot.listing
    if listing is None or not node.accelerated:
        return
    if minutes_between(node.created, listing.taken) >= options["minutes"]:  # before, its plugins are still starting
        for devices in node.devices:
            if devices.allocatable < devices.capacity:
                yield _lost(node, devices)
        yield from _missing(node)
    for index, (kind, condition) in enumerate(node.conditions.items()):
        bad = "False" if GOOD.fullmatch(kind) else "True"
        if ABOUT_DEVICES.match(kind) and condition.get("status") == bad:
            details = ": ".join(str(condition[field]) for field in ("reason", "message") if condition.get(field))
            yield node.fault(
                f"reports {kind}={bad}{f' ({details[:120]})' if details else ''}: pods that are placed here may fail",
                at=("status", "conditions", index),
                remediation=f"cordon the node (`kubectl cordon {node.name}`), move its pods away, and have it repaired or replaced",
            )


def _lost(node: Node, devices: Devices) -> Result:
    """Units that the node has and that nobody can get."""
    lost, key = devices.capacity - devices.allocatable, devices.key
    by_driver = "/" not in key
    why = "its driver has tainted them" if by_driver else "the device plugin calls them unhealthy"
    if devices.allocatable == 0 and not by_driver:
        why = "the device plugin calls all of them unhealthy, or does not run"
    where = "allocatable" if key in node.allocatable else "capacity"
    return node.fault(
        f"{lost} of {devices.capacity} {key} cannot be allocated: {why}",
        at="metadata.name" if by_driver else ("status", where, key),
        remediation="drain the node and look at its driver's log (`nvidia-smi -q`, `dmesg | grep -i xid`), or have it replaced",
        confidence=None if devices.allocatable else Confidence.MEDIUM,  # a plugin that is being updated looks the same
    )


def _missing(node: Node) -> Iterator[Result]:
    """Devices of the machine that the node does not even know of. Where units are not devices, numbers cannot be compared."""
    shown = sum(devices.capacity for devices in node.devices)
    if not node.sharing and shown < node.physical_devices:
        yield node.fault(
            f"shows {shown} of the {node.physical_devices} accelerators that its labels speak of",
            at="metadata.name",
            remediation="look for the others in the kernel's log (`dmesg | grep -i xid`, `lspci`), or have the node replaced",
            confidence=Confidence.MEDIUM,
        )
