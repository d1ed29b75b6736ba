"""A device claim that nobody can use, that does not exist, or that many pods share.

## Why it matters
A pod gets devices by dynamic resource allocation in two steps: `spec.resourceClaims` asks for them, `resources.claims` of a container hands
them over. Without the second the device is allocated and stays idle until the pod ends. A container that names a claim which the pod does
not declare is rejected; a claim, a template or a DeviceClass that does not exist leaves the pod Pending. And a ResourceClaim, unlike a
ResourceClaimTemplate, is one object: all replicas that name it share its devices, on one node.

## Bad
```yaml
apiVersion: batch/v1
kind: Job
metadata: {name: train}
spec:
  template:
    spec:
      restartPolicy: Never
      resourceClaims:
      - name: gpu  # finding
        resourceClaimTemplateName: one-gpu
      containers:
      - name: main
        image: ghcr.io/example/train:2.0
        resources:
          claims:
          - name: gpus  # finding
```

```yaml complete
apiVersion: resource.k8s.io/v1
kind: ResourceClaim
metadata: {name: shared}
spec:
  devices:
    requests:
    - name: gpu
      exactly:
        deviceClassName: gpu.example.com  # finding
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: llm}
spec:
  replicas: 3
  selector: {matchLabels: {app: llm}}
  template:
    metadata: {labels: {app: llm}}
    spec:
      resourceClaims:
      - name: gpu
        resourceClaimName: shared  # finding
      - name: nic
        resourceClaimTemplateName: one-nic  # finding
      containers:
      - name: server
        image: vllm/vllm-openai:v0.19.0
        resources: {claims: [{name: gpu}, {name: nic}]}
```

## Good
```yaml complete
apiVersion: resource.k8s.io/v1
kind: DeviceClass
metadata: {name: gpu.example.com}
spec: {}
---
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: one-gpu}
spec:
  spec:
    devices:
      requests:
      - {name: gpu, exactly: {deviceClassName: gpu.example.com}}
---
apiVersion: resource.k8s.io/v1
kind: ResourceClaim
metadata: {name: all-of-a-node}
spec:
  devices:
    requests:
    - {name: gpu, exactly: {deviceClassName: gpu.example.com, allocationMode: All}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: llm}
spec:
  replicas: 3
  selector: {matchLabels: {app: llm}}
  template:
    metadata: {labels: {app: llm}}
    spec:
      resourceClaims:
      - {name: gpu, resourceClaimTemplateName: one-gpu}
      - {name: node, resourceClaimName: all-of-a-node}
      initContainers:
      - name: warm-up
        image: ghcr.io/example/warm-up:1.0
        resources: {claims: [{name: node, request: gpu}]}
      containers:
      - name: server
        image: vllm/vllm-openai:v0.19.0
        resources: {claims: [{name: gpu}]}
```

## When to ignore
Where one device is meant to be shared by all replicas, or where something that is not in view makes the claim or its class.

## References
- https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from auditor.accelerators import is_accelerator_class
from auditor.document import Document
from auditor.rule import COST, RECOMMENDED, Fault, Path, Result, Severity, is_placeholder, mapping, rule, sequence, skip
from auditor.snapshot import Snapshot, same_namespace
from auditor.workload import PodTemplate

_GROUP = "resource.k8s.io"
_SOURCES = (("resourceClaimName", "ResourceClaim"), ("resourceClaimTemplateName", "ResourceClaimTemplate"))
# The resource name by which a container asks for a device of a class without a claim.
_IMPLICIT = "deviceclass.resource.kubernetes.io/"
# Classes that the drivers of vendors bring along, so that files do not hold them.
_OF_DRIVERS = re.compile(r"(.+\.)?(nvidia|amd|intel|google|aws|huawei|furiosa|rebellions|tenstorrent)\.(com|ai)")
_CLAIM = ("spec", "devices", "requests")


@rule(
    "dra-claim-broken",
    title="Device claim is unused, undeclared, missing or shared",
    severity=Severity.HIGH,
    profiles={RECOMMENDED, COST},
    mentions={"laims", _IMPLICIT, "deviceClassName"},
    needs={"ResourceClaim", "ResourceClaimTemplate", "DeviceClass"},
)
def check(document: Document, snapshot: Snapshot) -> Iterator[Result]:
    if document.ref.group == _GROUP:
        at = {"ResourceClaim": _CLAIM, "ResourceClaimTemplate": ("spec", *_CLAIM)}.get(document.ref.kind, ())
        for name, path in _classes(_at(document.raw, at), at) if at else ():
            yield from _class_missing(document, name, path, snapshot)
        return
    workload = snapshot.workload_of(document)
    for template in () if workload is None else workload.templates:
        declared = {name: index for index, entry in enumerate(sequence(template.get("resourceClaims"))) if (name := _name(entry, "name"))}
        complete = len(declared) == len(sequence(template.get("resourceClaims"))) and not template.incomplete
        if complete:
            yield from _unmatched(template, declared)
        for index in declared.values():
            yield from _referenced(template, index, snapshot)
        for container in template.containers:
            for key in mapping(mapping(container.raw.get("resources")).get("limits")):
                if str(key).startswith(_IMPLICIT):
                    path = container.at("resources", "limits", key)
                    yield from _class_missing(document, key.removeprefix(_IMPLICIT), path, snapshot)


def _unmatched(template: PodTemplate, declared: Mapping[str, int]) -> Iterator[Fault]:
    """Claims that no container uses, and claims of containers that the pod does not declare."""
    used = {_name(entry, "name") for entry in sequence(template.resources.get("claims"))}
    for container in template.containers:
        for index, entry in enumerate(sequence(mapping(container.raw.get("resources")).get("claims"))):
            name = _name(entry, "name")
            used.add(name)
            if name and name not in declared:
                effect = "the API server rejects it" if template.workload.validated else "none of its pods is ever created"
                near = next(iter(difflib.get_close_matches(name, declared, 1)), "")
                yield container.fault(
                    f'container {container.name} uses the claim "{name}", which the pod does not declare: {effect}',
                    at=container.at("resources", "claims", index, "name"),
                    remediation=f'write "{near}"' if near else f'declare "{name}" in `resourceClaims` of the pod',
                )
    for name, index in declared.items() if "" not in used else ():
        if name not in used and template.containers:
            yield template.fault(
                f'declares the claim "{name}", but no container uses it: the device is allocated and stays idle',
                at=template.at("resourceClaims", index, "name"),
                remediation=f"add `claims: [{{name: {name}}}]` to the resources of the container that needs it, or remove the claim",
            )


def _referenced(template: PodTemplate, index: int, snapshot: Snapshot) -> Iterator[Result]:
    """What one claim of a pod names: it may not exist, or be one for many pods."""
    entry, document = mapping(sequence(template.get("resourceClaims"))[index]), template.workload.document
    inner = mapping(entry.get("source"))  # the names stood under source before Kubernetes 1.31
    for field, kind in _SOURCES:
        name = _name(entry, field) or _name(inner, field)
        if not name:
            continue
        at = template.at("resourceClaims", index, *(() if field in entry else ("source",)), field)
        found = snapshot.get(kind, name, document, _GROUP)
        if found is not None:
            if kind == "ResourceClaim":
                yield from _shared(template, found, at)
        elif _made(name, document, snapshot):
            continue
        elif not snapshot.complete_for(kind, document):
            yield skip(f"the {kind}s of the namespace")
        else:
            yield template.fault(
                f'names the {kind} "{name}", which does not exist in the namespace: the pods stay Pending',
                at=at,
                remediation=f"create the {kind}, or correct the name",
            )


def _made(name: str, document: Document, snapshot: Snapshot) -> bool:
    """Whether a ComputeDomain in view has its driver make the template of that name."""
    return any(
        _name(_at(other.raw, ("spec", "channel", "resourceClaimTemplate")), "name") == name
        for other in snapshot.by_kind("ComputeDomain")
        if same_namespace(document, other)
    )


def _shared(template: PodTemplate, claim: Document, at: Path) -> Iterator[Fault]:
    """One claim with fewer devices than there are pods. A configuration of its sharing says that this is intended."""
    pods = template.pods.low
    devices = 0
    for request in sequence(_at(claim.raw, _CLAIM)):
        exact = mapping(mapping(request).get("exactly")) or mapping(request)
        count = exact.get("count", 1)
        if not is_accelerator_class(_name(exact, "deviceClassName")):
            continue  # channels of an interconnect and network cards are there to be shared
        if exact.get("allocationMode", "ExactCount") != "ExactCount" or exact.get("adminAccess") or not isinstance(count, int):
            return
        devices += count
    configured = any(
        "sharing" in mapping(_at(one, ("opaque", "parameters"))) for one in sequence(_at(claim.raw, ("spec", "devices", "config")))
    )
    if pods is not None and pods > 1 and 0 < devices < pods and not configured and not template.workload.incomplete:
        yield template.fault(
            f"{pods} pods share the {'one device' if devices == 1 else f'{devices} devices'} of the ResourceClaim {claim.ref.name}: "
            "is that intended",
            at=at,
            remediation="name a ResourceClaimTemplate with `resourceClaimTemplateName`, so that each pod gets a claim of its own",
            severity=Severity.MEDIUM,
        )


def _classes(requests: object, at: Path) -> Iterator[tuple[str, Path]]:
    """The DeviceClasses that requests name, in every version of the API, and where."""
    for index, request in enumerate(sequence(requests)):
        places: list[tuple[object, Path]] = [(request, ()), (mapping(request).get("exactly"), ("exactly",))]
        places += [(one, ("firstAvailable", number)) for number, one in enumerate(sequence(mapping(request).get("firstAvailable")))]
        for place, steps in places:
            if name := _name(place, "deviceClassName"):
                yield name, (*at, index, *steps, "deviceClassName")


def _class_missing(document: Document, name: str, at: Path, snapshot: Snapshot) -> Iterator[Result]:
    provided = bool(document.line) and _OF_DRIVERS.fullmatch(name) is not None
    if provided or is_placeholder(name) or snapshot.get("DeviceClass", name, document, _GROUP) is not None:
        return
    near = next(iter(difflib.get_close_matches(name, [one.ref.name for one in snapshot.by_kind("DeviceClass", _GROUP)], 1, 0.8)), "")
    # Drivers bring their classes: files that hold one of them need not hold the others.
    if not snapshot.complete_for("DeviceClass", document) or (document.line and not snapshot.complete and not near):
        yield skip("the DeviceClasses of the cluster")
        return
    yield Fault(
        document, at, f'names the DeviceClass "{name}", which does not exist: nothing is ever allocated',
        f'write "{near}"' if near else "name a class of a driver that is installed, or install the driver",
    )  # fmt: skip


def _at(node: Any, path: Path) -> Any:
    for step in path:
        node = mapping(node).get(str(step))
    return node


def _name(entry: object, field: str) -> str:
    """A name at a field; empty where there is none, or it is to be filled in."""
    value = mapping(entry).get(field)
    return value if isinstance(value, str) and not is_placeholder(value) else ""
