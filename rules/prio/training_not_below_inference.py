"""Training on GPUs has a priority as high as that of inference on the same GPUs, or a higher one.

## Why it matters
Priority decides who waits and who is evicted when GPUs run out. An inference pod that has to be rescheduled can only take the GPUs of pods
with a lower priority: with equal priorities it waits until a training run ends, and with training above inference the scheduler evicts
inference to start training. Training can be resumed from a checkpoint; requests of users cannot.

## Bad
```yaml
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: ml-training}
value: 2000  # finding
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: ml-inference}
value: 1000
---
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {name: finetune}
spec:
  pytorchReplicaSpecs:
    Worker:
      replicas: 4
      template:
        spec:
          priorityClassName: ml-training
          containers:
          - name: pytorch
            image: ghcr.io/example/finetune:1.4
            resources: {limits: {nvidia.com/gpu: 8}}
---
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: llm}
spec:
  predictor:
    priorityClassName: ml-inference
    containers:
    - name: kserve-container
      image: vllm/vllm-openai:v0.19.0
      resources: {limits: {nvidia.com/gpu: 1}}
```

```yaml
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: everything-else}
value: 5000
globalDefault: true
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: ml-inference}
value: 1000
---
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {name: unset}
spec:
  pytorchReplicaSpecs:
    Worker:
      template:
        spec:  # finding
          containers:
          - name: pytorch
            image: ghcr.io/example/finetune:1.4
            resources: {limits: {nvidia.com/gpu: 8}}
---
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: llm}
spec:
  predictor:
    priorityClassName: ml-inference
    containers:
    - name: kserve-container
      image: vllm/vllm-openai:v0.19.0
      resources: {limits: {nvidia.com/gpu: 1}}
```

## Good
Inference above training; training of equal priority that uses other nodes, or that Kueue preempts, is no rival either:
```yaml
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: ml-training}
value: 1000
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: ml-inference}
value: 2000
---
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {name: below}
spec:
  pytorchReplicaSpecs:
    Worker:
      template:
        spec:
          priorityClassName: ml-training
          containers:
          - name: pytorch
            image: ghcr.io/example/finetune:1.4
            resources: {limits: {nvidia.com/gpu: 8}}
---
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {name: other-nodes}
spec:
  pytorchReplicaSpecs:
    Worker:
      template:
        spec:
          priorityClassName: ml-inference
          nodeSelector: {cloud.google.com/gke-accelerator: nvidia-h100-80gb}
          containers:
          - name: pytorch
            image: ghcr.io/example/finetune:1.4
            resources: {limits: {nvidia.com/gpu: 8}}
---
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {name: queued, labels: {kueue.x-k8s.io/queue-name: research}}
spec:
  pytorchReplicaSpecs:
    Worker:
      template:
        spec:
          priorityClassName: ml-inference
          containers:
          - name: pytorch
            image: ghcr.io/example/finetune:1.4
            resources: {limits: {nvidia.com/gpu: 8}}
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: LocalQueue
metadata: {name: research}
spec: {clusterQueue: gpus}
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: ClusterQueue
metadata: {name: gpus}
spec:
  preemption: {withinClusterQueue: LowerPriority}
---
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: llm}
spec:
  predictor:
    priorityClassName: ml-inference
    nodeSelector: {cloud.google.com/gke-accelerator: nvidia-l4}
    containers:
    - name: kserve-container
      image: vllm/vllm-openai:v0.19.0
      resources: {limits: {nvidia.com/gpu: 1}}
```

## When to ignore
Where training and inference never want the same GPUs for a reason that the manifests do not show, or where training really comes first.

## References
- https://docs.aws.amazon.com/eks/latest/best-practices/aiml-compute.html
- https://docs.cloud.google.com/kubernetes-engine/docs/best-practices/optimize-ai-utilization
- https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from auditor.document import Document
from auditor.rule import RECOMMENDED, Fault, Role, Severity, is_placeholder, mapping, rule, sequence, strings
from auditor.snapshot import Snapshot
from auditor.workload import PodTemplate, Workload

_CLAIM = "a resource claim"
_KUEUE_LABEL = "kueue.x-k8s.io/queue-name"


@dataclass(frozen=True, slots=True)
class _User:
    """GPU pods of one priority: their class (None where unset), its value, what they want, and which nodes they can run on."""

    template: PodTemplate
    name: str | None
    value: int
    devices: frozenset[str]
    nodes: Mapping[str, frozenset[str]]

    @property
    def wish(self) -> object:
        """What the pods of many workloads have in common, so that one of them stands for all."""
        return self.value, self.devices, frozenset(self.nodes.items())

    def rivals(self, other: _User) -> bool:
        """Whether both can want the same device of the same node."""
        shared = self.nodes.keys() & other.nodes.keys()
        return bool(self.devices & other.devices) and all(self.nodes[key] & other.nodes[key] for key in shared)


@rule(
    "training-not-below-inference",
    title="Training priority is not below inference",
    severity=Severity.MEDIUM,
    profiles={RECOMMENDED},
    needs={"PriorityClass"},
)
def check(snapshot: Snapshot) -> Iterator[Fault]:
    classes = {c.ref.name: c for c in reversed(snapshot.by_kind("PriorityClass", "scheduling.k8s.io"))}
    if all(name.startswith("system-") for name in classes):
        return
    if not any(b"priorityClassName" in workload.document.blob for workload in snapshot.accelerated_workloads):
        return  # nobody has ordered them, which is another matter
    training: dict[str | None, dict[object, _User]] = {}
    serving: dict[str | None, dict[object, _User]] = {}
    for user in _users(snapshot):
        workload = user.template.workload
        if workload.is_role(Role.SERVING):
            serving.setdefault(user.name, {}).setdefault(user.wish, user)
        elif workload.is_role(Role.TRAINING, Role.BATCH) and not _preempted_by_kueue(workload, snapshot):
            training.setdefault(user.name, {}).setdefault(user.wish, user)
    for name, trainers in training.items():
        for other, servers in serving.items():
            if name is None and other is None:
                continue
            pair = next(((t, s) for t in trainers.values() for s in servers.values() if t.value >= s.value and t.rivals(s)), None)
            if pair is not None:
                yield _fault(*pair, None if name is None else classes[name])


def _fault(trainer: _User, server: _User, priority_class: Document | None) -> Fault:
    never = priority_class is not None and priority_class.raw.get("preemptionPolicy") == "Never"
    evicted = trainer.value > server.value and not never
    effect = "training evicts inference when GPUs run out" if evicted else "inference cannot take GPUs back from training"
    message = f"training ({_said(trainer)}) is not below inference ({_said(server)}); {effect}"
    severity = Severity.LOW if never else Severity.MEDIUM
    remedy = "give inference a class with a higher value than training has: 2000 against 1000, for example"
    if priority_class is None:
        return trainer.template.fault(message, at=trainer.template.at("priorityClassName"), remediation=remedy, severity=severity)
    return Fault(priority_class, ("value",), message, remediation=remedy, severity=severity)


def _said(user: _User) -> str:
    return f"{user.template.workload.ref}, {f'class {user.name}' if user.name else 'no class'}, priority {user.value}"


def _users(snapshot: Snapshot) -> Iterator[_User]:
    """GPU pods whose priority is known."""
    ambiguous = _ambiguous(snapshot.by_kind("PriorityClass", "scheduling.k8s.io"))
    for workload in snapshot.accelerated_workloads:
        for template in workload.templates:
            devices = {*template.accelerators, *(["nvidia.com/gpu"] if template.has_accelerator_fraction else [])}
            if snapshot.claims_accelerator(template):
                devices.add(_CLAIM)
            name = template.priority_class
            if not devices or not (name is None or isinstance(name, str)) or name in ambiguous:
                continue
            if name is None and (template.incomplete or not snapshot.complete_for("PriorityClass", workload.document)):
                continue
            value = snapshot.priority_of(template)
            if value is not None:
                yield _User(template, name, value, frozenset(devices), _nodes(template))


def _ambiguous(classes: Iterable[Document]) -> set[str]:
    """Names that several classes have, with different values: those of other clusters or overlays."""
    values: dict[str, object] = {}
    return {c.ref.name for c in classes if values.setdefault(c.ref.name, c.raw.get("value")) != c.raw.get("value")}


def _nodes(template: PodTemplate) -> Mapping[str, frozenset[str]]:
    """The values that a node's labels may have: by nodeSelector, and by required affinity where it is a single term."""
    allowed = {
        key: frozenset({value}) for key, value in template.node_selector.items() if isinstance(value, str) and not is_placeholder(value)
    }
    node_affinity = mapping(mapping(template.get("affinity")).get("nodeAffinity"))
    terms = sequence(mapping(node_affinity.get("requiredDuringSchedulingIgnoredDuringExecution")).get("nodeSelectorTerms"))
    for expression in sequence(mapping(terms[0]).get("matchExpressions")) if len(terms) == 1 else ():
        key, values = mapping(expression).get("key"), frozenset(strings(mapping(expression).get("values")))
        if mapping(expression).get("operator") == "In" and isinstance(key, str) and values and not any(map(is_placeholder, values)):
            allowed[key] = allowed.get(key, values) & values
    return allowed


def _preempted_by_kueue(workload: Workload, snapshot: Snapshot) -> bool:
    """Kueue decides who yields: the workload is queued, and its queue preempts or is not in view."""
    queue = workload.labels.get(_KUEUE_LABEL)
    if not isinstance(queue, str):
        return False
    local = snapshot.get("LocalQueue", queue, workload.document, "kueue.x-k8s.io")
    name = mapping(local.raw.get("spec")).get("clusterQueue") if local else None
    cluster = snapshot.get("ClusterQueue", name, workload.document, "kueue.x-k8s.io") if isinstance(name, str) else None
    if cluster is None:
        return True
    preemption = mapping(mapping(cluster.raw.get("spec")).get("preemption"))
    return any(preemption.get(field, "Never") != "Never" for field in ("withinClusterQueue", "reclaimWithinCohort"))
