"""Accelerators are asked for under a name that no device plugin offers.

## Why it matters
A device is asked for by the exact name under which a device plugin offers it. The API server rejects a name without a domain (`gpu`: "must
be a standard resource for containers"; executed on Kubernetes 1.36.3), and so it does an accelerator under the resources of the pod as a
whole, which know cpu, memory and hugepages only. Any other name with a domain is accepted, however it is spelled: no node offers
`nvidia.com/gpus`, or `alpha.kubernetes.io/nvidia-gpu` since Kubernetes 1.11, so that the pods stay Pending for ever.
`requests.nvidia.com/gpu` is the name of a quota, not of a resource.

## Bad
```yaml
apiVersion: v1
kind: Pod
metadata: {name: no-domain}
spec:
  containers:
  - name: train
    image: ghcr.io/example/train:2.0
    resources:
      requests:
        gpu: 1
      limits:
        gpu: 1  # finding
  - name: long-gone
    image: ghcr.io/example/train:2.0
    resources:
      limits:
        alpha.kubernetes.io/nvidia-gpu: 1  # finding
  - name: quota
    image: ghcr.io/example/train:2.0
    resources:
      requests:
        requests.nvidia.com/gpu: 1  # finding
```

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: misspelled}
spec:
  selector: {matchLabels: {app: chat}}
  template:
    metadata: {labels: {app: chat}}
    spec:
      resources:
        limits:
          memory: 16Gi
          nvidia.com/gpu: 1  # finding
      containers:
      - name: chat
        image: vllm/vllm-openai:v0.10.2
        resources:
          limits:
            nvidia.com/gpus: 1  # finding
```

## Good
```yaml
apiVersion: v1
kind: Pod
metadata: {name: by-name}
spec:
  resources:
    limits: {cpu: 4, memory: 16Gi, hugepages-2Mi: 1Gi}
  containers:
  - name: train
    image: ghcr.io/example/train:2.0
    resources:
      limits: {nvidia.com/gpu: 1, nvidia.com/gpumem: 4000, rdma/hca: 1, ephemeral-storage: 10Gi, hugepages-2Mi: 1Gi}
  - name: not-nvidia
    image: ghcr.io/example/train:2.0
    resources:
      limits: {habana.ai/gaudi: 1, example.com/gpu: 1}
```

```yaml
apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata: {name: spelled-by-its-operator}
spec:
  services:
    Worker:
      replicas: 1
      resources:
        limits: {cpu: "8", memory: 64Gi, gpu: "2"}
```

```yaml known_keys=nvidia.com/vgpu
apiVersion: v1
kind: Pod
metadata: {name: renamed}
spec:
  containers:
  - name: train
    image: ghcr.io/example/train:2.0
    resources:
      limits: {nvidia.com/vgpu: 1}
```

## When to ignore
Where a device plugin is configured to offer its devices under that name: list it in the option `known_keys`, several separated by commas.

## References
- https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/device-plugins/
- https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#extended-resources
- https://kubernetes.io/docs/tasks/configure-pod-container/assign-pod-level-resources/
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from auditor.accelerators import device, nearest_device_key
from auditor.rule import RECOMMENDED, Confidence, Fault, Options, Path, Severity, mapping, rule
from auditor.snapshot import Snapshot
from auditor.workload import PodTemplate

# A name without a domain that can only mean an accelerator.
BARE = re.compile(r"(?:[^/]*[._-])?(?:\w*gpus?|tpus?|npus?|cuda)(?:[._-][^/]*)?", re.IGNORECASE)
SECTIONS = ("limits", "requests")
NATIVE = frozenset({"cpu", "memory", "ephemeral-storage"})
QUOTA = re.compile(r"(?:requests|limits)\.(?P<key>.+/.+)")


@rule(
    "gpu-key-unknown",
    title="No device plugin offers accelerators by that name",
    severity=Severity.CRITICAL,
    profiles={RECOMMENDED},
    options={"known_keys": ""},
)
def check(template: PodTemplate, snapshot: Snapshot, options: Options) -> Iterator[Fault]:
    known: Collection[str] = NATIVE
    if options["known_keys"]:
        known = NATIVE | {key.strip() for key in options["known_keys"].split(",")}
    known = {*known, *snapshot.device_table.own}
    for container in template.containers:
        for section, key in _once({section: container.resource_keys(section) for section in SECTIONS}, known):
            if device(key) is None:
                yield from _unknown(template, key, container.at(container.resources_key, section, key))
    for section, key in _once({section: mapping(template.resources.get(section)) for section in SECTIONS}, known):
        if device(key) is not None:
            yield template.fault(
                f"the pod as a whole asks for {key}; resources of a pod are cpu, memory and hugepages, the API server rejects any other",
                at=(*template.path, "resources", section, key),
                remediation=f"move `{key}` to the resources of the container that uses it",
            )


def _once(keys: Mapping[str, Iterable[str]], known: Collection[str]) -> Iterator[tuple[str, str]]:
    """Names of resources with the section that they stand in, each once."""
    seen = set(known)
    for section, names in keys.items():
        for key in names:
            if key not in seen:
                seen.add(key)
                yield section, key


def _unknown(template: PodTemplate, key: str, path: Path) -> Iterator[Fault]:
    quota = QUOTA.fullmatch(key)
    if quota and device(quota["key"]):
        found, remedy = f"{key} is the name of a quota, not of a resource; the pod never runs", f"write `{quota['key']}`"
    elif BARE.fullmatch(key):
        found = f"{key} has no domain; Kubernetes refuses every such name but its own (cpu, memory …)"
        remedy = "write the name that the device plugin offers, such as `nvidia.com/gpu`, `amd.com/gpu` or `google.com/tpu`"
    elif key == "alpha.kubernetes.io/nvidia-gpu":
        found, remedy = f"{key} is offered by no node since Kubernetes 1.11; the pod stays Pending", "write `nvidia.com/gpu`"
    elif (nearest := nearest_device_key(key)) is not None:
        yield template.fault(
            f"{key} is accepted, but no known device plugin offers it; the pod stays Pending",
            at=path,
            remediation=f"write `{nearest}`, or list the name in the option known_keys where a device plugin offers it",
            severity=Severity.MEDIUM,
            confidence=Confidence.MEDIUM,
        )
        return
    else:
        return
    by_shape = template.workload.kind is None  # an operator that nobody listed may have a spelling of its own
    yield template.fault(found, at=path, remediation=remedy, confidence=Confidence.MEDIUM if by_shape else Confidence.HIGH)
