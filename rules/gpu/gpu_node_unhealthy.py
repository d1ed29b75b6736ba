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
  - {type: DiskPressure, status: "True"}
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

from auditor.live import Node, minutes_between
from auditor.rule import COST, RECOMMENDED, Options, Result, Severity, rule
from auditor.snapshot import Snapshot

# Conditions that node problem detectors set about accelerators, and those of them that are good when true.
ABOUT_DEVICES = re.compile(r"gpu|xid|nvlink|nvswitch|nvidia|accelerat|neuron|gaudi|tpu", re.IGNORECASE)
GOOD = re.compile(r".*(ready|healthy|ok|available)", re.IGNORECASE)


@rule(
    "gpu-node-unhealthy",
    title="Node has accelerators that are broken",
    severity=Severity.HIGH,
    profiles={RECOMMENDED, COST},
    live=True,
    options={"minutes": 10},
)
def check(node: Node, snapshot: Snapshot, options: Options) -> Iterator[Result]:
    listing = snapshot.listing
    if listing is None or not node.accelerated:
        return
    if minutes_between(node.created, listing.taken) >= options["minutes"]:  # before, its plugins are still starting
        for devices in node.devices:
            lost = devices.capacity - devices.allocatable
            if lost > 0:
                yield node.fault(
                    f"{lost} of {devices.capacity} {devices.key} cannot be allocated: the device plugin calls them unhealthy",
                    at=("status", "allocatable", devices.key) if devices.key in node.allocatable else ("status", "capacity", devices.key),
                    remediation="drain the node and look at its driver's log (`nvidia-smi -q`, `dmesg | grep -i xid`), or have it replaced",
                )
    for index, (kind, condition) in enumerate(node.conditions.items()):
        bad = "False" if GOOD.fullmatch(kind) else "True"
        if ABOUT_DEVICES.search(kind) and condition.get("status") == bad:
            details = ": ".join(str(condition[field]) for field in ("reason", "message") if condition.get(field))
            yield node.fault(
                f"reports {kind}={bad}{f' ({details[:120]})' if details else ''}: pods that are placed here may fail",
                at=("status", "conditions", index),
                remediation=f"cordon the node (`kubectl cordon {node.name}`), move its pods away, and have it repaired or replaced",
            )
