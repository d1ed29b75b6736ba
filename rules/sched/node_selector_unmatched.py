"""A pod chooses its nodes by labels that no node has, or by labels that only nodes have which do not let it in.

## Why it matters
Labels of accelerators are written by discovery agents and clouds, each in its own spelling: `NVIDIA-A100-SXM4-80GB` is not
`nvidia-a100-80gb` is not `A100`. A selector that no node satisfies is no error for Kubernetes: the pod stays Pending with "didn't match
Pod's node affinity/selector", for ever unless somebody adds a node. What is judged is a pod that waits, with what admission and queues
added to it; without pods it is the template. Pods that a queue holds back are not judged: their selector is completed when they are let in.

## Bad
```yaml live
apiVersion: v1
kind: Node
metadata: {name: gpu-0, labels: {nvidia.com/gpu.product: NVIDIA-A100-SXM4-80GB, zone: a}}
status:
  allocatable: {cpu: "96", memory: 1Ti, pods: "110", nvidia.com/gpu: "8"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: llm, namespace: team-a}
spec:
  replicas: 1
  selector: {matchLabels: {app: llm}}
  template:
    metadata: {labels: {app: llm}}
    spec:
      nodeSelector:
        zone: a
        nvidia.com/gpu.product: NVIDIA-A100-SXM-80GB  # finding
      containers:
      - name: server
        image: vllm/vllm-openai:v0.19.0
        resources:
          limits: {nvidia.com/gpu: 1}
---
apiVersion: v1
kind: Pod
metadata: {name: train, namespace: team-a}
spec:
  affinity:
    nodeAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        nodeSelectorTerms:
        - matchExpressions:
          - {key: zone, operator: Exists}
          - {key: nvidia.com/gpu.family, operator: In, values: [hopper]}  # finding
  containers:
  - {name: main, image: "ghcr.io/example/train:2.0"}
status: {phase: Pending}
```

## Good
```yaml live
apiVersion: v1
kind: Node
metadata: {name: gpu-0, labels: {nvidia.com/gpu.product: NVIDIA-A100-SXM4-80GB}}
status:
  allocatable: {cpu: "96", memory: 1Ti, pods: "110", nvidia.com/gpu: "8"}
---
apiVersion: v1
kind: Pod
metadata: {name: train, namespace: team-a}
spec:
  nodeSelector:
    nvidia.com/gpu.product: NVIDIA-A100-SXM4-80GB
  containers:
  - {name: main, image: "ghcr.io/example/train:2.0"}
status: {phase: Pending}
```

A NodePool of Karpenter adds a node with the label:
```yaml live
apiVersion: v1
kind: Node
metadata: {name: system-0}
status:
  allocatable: {cpu: "4", memory: 16Gi, pods: "110"}
---
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: gpus}
spec:
  template:
    metadata: {labels: {accelerator: h100}}
    spec:
      taints: [{key: nvidia.com/gpu, effect: NoSchedule}]
---
apiVersion: v1
kind: Pod
metadata: {name: train, namespace: team-a}
spec:
  nodeSelector: {accelerator: h100}
  tolerations: [{key: nvidia.com/gpu, operator: Exists}]
  containers:
  - {name: main, image: "ghcr.io/example/train:2.0"}
status: {phase: Pending}
```

## When to ignore
Where an autoscaler has a pool with these labels that is scaled to zero: the finding then has medium confidence.

## References
- https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/
- https://karpenter.sh/docs/concepts/scheduling/
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from auditor.placement import Cause, Unplaceable, nodes_known, unplaceable
from auditor.rule import RECOMMENDED, Path, Result, Severity, mapping, rule, sequence, skip
from auditor.selectors import Requirement
from auditor.snapshot import Snapshot
from auditor.workload import PodTemplate

_REQUIRED = ("nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")
_NAMED = 4


@rule(
    "node-selector-unmatched",
    title="Node selector leads to no node",
    severity=Severity.HIGH,
    profiles={RECOMMENDED},
    live=True,
    needs={"Node", "Pod", "NodePool"},
)
def check(template: PodTemplate, snapshot: Snapshot) -> Iterator[Result]:
    if not nodes_known(snapshot):
        yield skip("the nodes and the pods of the cluster")
        return
    found = unplaceable(template, snapshot)
    if found is None or found.cause is Cause.SIZE:
        return
    if found.cause is Cause.LABELS:
        path, message, remedy = _unmatched(found, template)
    elif found.needs.chooses and not found.for_accelerators(template, snapshot):
        path, message, remedy = _kept_off(found, template)
    else:
        return
    yield template.fault(message + found.growth, at=path, remediation=remedy, severity=found.severity, confidence=found.confidence)


def _unmatched(found: Unplaceable, template: PodTemplate) -> tuple[Path, str, str]:
    """Place, message and remedy where no node has the labels."""
    needs = found.needs
    if needs.node_name and all(node.name != needs.node_name for node in found.nodes):
        return template.at("nodeName"), f"names the node {needs.node_name}, which does not exist", "leave nodeName to the scheduler"
    culprit = _culprit(found)
    where = _where(template, culprit)
    if culprit is None:
        wanted = " and ".join(filter(None, (str(needs.selector), _alternatives(found))))
        return where, f"chooses nodes with {wanted}, and no node has all of that", "ask for labels that one node has together"
    message = f"chooses nodes with {culprit}, which no node is"
    if culprit.key == "metadata.name":
        return where, message, "name a node that exists, or choose by another label"
    values = sorted({node.labels[culprit.key] for node in found.nodes if culprit.key in node.labels})
    if not values:
        return where, f"chooses nodes with {culprit}, and no node has a label of that key", "choose by a label that nodes have"
    listed = ", ".join(values[:_NAMED]) + (" …" if len(values) > _NAMED else "")
    near = [one for value in culprit.values for one in difflib.get_close_matches(value, values, 1, 0.5)]
    instead = f"write `{near[0]}`" if near else f"choose one of the values that nodes have ({listed})"
    return where, f"chooses nodes with {culprit}, and the nodes have {listed} there", instead


def _culprit(found: Unplaceable) -> Requirement | None:
    """A requirement that no node satisfies, for all its other labels: of the selector, or of the only term."""
    terms = found.needs.terms or ()
    affinity = (*terms[0].labels.requirements, *terms[0].fields.requirements) if len(terms) == 1 else ()
    for one in (*found.needs.selector.requirements, *affinity):
        if not any(one.holds({"metadata.name": node.name} if one.key == "metadata.name" else node.labels) for node in found.nodes):
            return one
    return None


def _alternatives(found: Unplaceable) -> str:
    texts = [",".join(filter(None, (str(term.labels), str(term.fields)))) for term in found.needs.terms or ()]
    return " or ".join(texts[:_NAMED]) + (" …" if len(texts) > _NAMED else "")


def _where(template: PodTemplate, culprit: Requirement | None) -> Path:
    """Where a requirement is written; where admission added it to the pods, where it would be."""
    selector = template.node_selector
    if culprit is not None and culprit.key in selector:
        return template.at("nodeSelector", culprit.key)
    terms = mapping(mapping(template.get("affinity")).get(_REQUIRED[0])).get(_REQUIRED[1])
    for index, term in enumerate(sequence(mapping(terms).get(_REQUIRED[2]))):
        for field in ("matchExpressions", "matchFields"):
            for position, entry in enumerate(sequence(mapping(term).get(field))):
                if culprit is not None and mapping(entry).get("key") == culprit.key and mapping(entry).get("operator") == culprit.operator:
                    return template.at("affinity", *_REQUIRED, index, field, position)
    return template.at("affinity", *_REQUIRED) if terms and not (culprit is None and selector) else template.at("nodeSelector")


def _kept_off(found: Unplaceable, template: PodTemplate) -> tuple[Path, str, str]:
    """Place, message and remedy where the nodes that it chooses have taints."""
    taints = list({str(taint): None for node in found.nodes for taint in found.untolerated(node)})
    names = ", ".join(node.name for node in found.nodes[:_NAMED]) + (" …" if len(found.nodes) > _NAMED else "")
    tolerations = ", ".join(f"`{{key: {taint.key}, operator: Exists, effect: {taint.effect}}}`" for taint in found.fewest_taints())
    message = f"chooses by its labels only nodes ({names}) with the taint {', '.join(taints[:_NAMED])}, which it does not tolerate"
    return _where(template, None), message, f"choose other nodes or, if it is meant for these, add to tolerations: {tolerations}"
