"""No network policy selects the ML pods of a namespace, so that every pod of the cluster may connect to them.

## Why it matters
Without a policy that selects it for ingress, a pod takes connections from everywhere. Model servers, notebooks and trackers seldom ask who
calls, and the programs of a distributed job never do: PyTorch's rendezvous and NCCL, Ray's GCS, vLLM across nodes and MPI's daemons speak
without authentication and without encryption, and run what they are sent. One pod that is taken over, in any namespace, then has them all.
High for a distributed workload, else medium. A policy does something only where the network plugin enforces it.

Asked in a live cluster, with `--complete`, and of files where a NetworkPolicy stands beside the workloads. Where files hold the Namespace
but no policy, the finding belongs to the profile `production`. One finding for each namespace: at the Namespace if it is in view, else at a
workload. Policies of Cilium and Calico, administrators' policies and KubeRay's `spec.networkPolicy` count; one that admits everybody does
not.

## Bad
```yaml
apiVersion: v1
kind: Namespace
metadata:
  name: research  # finding
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web-only, namespace: research}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress: [{from: [{podSelector: {}}]}]
---
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {name: pretrain, namespace: research}
spec:
  pytorchReplicaSpecs:
    Worker:
      replicas: 4
      template:
        spec:
          containers:
          - name: pytorch
            image: ghcr.io/example/pretrain:1.0
            resources: {limits: {nvidia.com/gpu: 8}}
```

```yaml complete
apiVersion: apps/v1
kind: Deployment
metadata:  # finding
  name: chat
  namespace: demo
spec:
  template:
    metadata: {labels: {app: chat}}
    spec:
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.10.2
        resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: egress-only, namespace: demo}
spec:
  podSelector: {}
  policyTypes: [Egress]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: everybody-may, namespace: demo}
spec:
  podSelector: {}
  ingress: [{}]
```

## Good
```yaml complete
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: own-namespace-only, namespace: research}
spec:
  podSelector: {}
  policyTypes: [Ingress]
  ingress: [{from: [{podSelector: {}}]}]
---
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {name: pretrain, namespace: research}
spec:
  pytorchReplicaSpecs:
    Worker:
      replicas: 4
      template:
        spec:
          containers:
          - name: pytorch
            image: ghcr.io/example/pretrain:1.0
            resources: {limits: {nvidia.com/gpu: 8}}
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: chat, namespace: demo}
spec:
  endpointSelector: {matchLabels: {"k8s:app": chat}}
  ingress: [{fromEndpoints: [{matchLabels: {app: gateway}}]}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: chat, namespace: demo}
spec:
  template:
    metadata: {labels: {app: chat}}
    spec:
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.10.2
        resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: no-ml-here, namespace: shop}
spec:
  template:
    spec:
      containers: [{name: web, image: "nginx:1.29"}]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: on-the-nodes-network, namespace: nodes}
spec:
  template:
    spec:
      hostNetwork: true
      containers:
      - name: warm
        image: vllm/vllm-openai:v0.10.2
        resources: {limits: {nvidia.com/gpu: 1}}
```

```yaml
apiVersion: v1
kind: Pod
metadata: {name: policies-are-not-in-view, namespace: research}
spec:
  containers:
  - name: train
    image: ghcr.io/example/train:1.0
    resources: {limits: {nvidia.com/gpu: 1}}
```

## When to ignore
Where a service mesh with strict mutual TLS and authorization policies decides who may connect, or the cluster has one tenant and no way in.

## References
- https://kubernetes.io/docs/concepts/services-networking/network-policies/
- https://github.com/pytorch/pytorch/security/policy#using-distributed-features
- https://docs.vllm.ai/en/stable/usage/security/
- https://learn.microsoft.com/azure/aks/best-practices-gpu
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from auditor.document import Document, Path, along
from auditor.exposure import may_be_selected
from auditor.rule import (
    MULTI_TENANT,
    PRODUCTION,
    RECOMMENDED,
    Confidence,
    Fault,
    Result,
    Role,
    Severity,
    mapping,
    rule,
    sequence,
    skip,
)
from auditor.selectors import EVERYTHING, Requirement, Selector, label_selector
from auditor.snapshot import Namespace, Snapshot, same_branch
from auditor.workload import PodTemplate, Workload

POLICIES = ("NetworkPolicy", "CiliumNetworkPolicy")
ASKED_WHERE = (*POLICIES, "Namespace")
ML = (Role.TRAINING, Role.SERVING, Role.NOTEBOOK)
RENDEZVOUS = re.compile(r"MASTER_ADDR|NCCL_\w+|GLOO_\w+|RAY_ADDRESS|VLLM_HOST_IP")


@rule(
    "namespace-without-network-policy",
    title="No network policy selects the namespace's ML pods",
    severity=Severity.MEDIUM,
    profiles={RECOMMENDED},
    tags={MULTI_TENANT},
    needs={"NetworkPolicy", "Namespace"},
)
def check(namespace: Namespace, snapshot: Snapshot) -> Iterator[Result]:
    if not namespace.workloads or namespace.system or not (snapshot.complete or any(map(snapshot.by_kind, ASKED_WHERE))):
        return
    anchor = namespace.workloads[0].document
    if not any(snapshot.complete_for(kind, anchor) for kind in POLICIES) and _itself(namespace, anchor, snapshot) is None:
        # What it takes to say more is not in view; so only what is plainly ML is counted as not checked, without deriving roles.
        if any(_is_plainly_ml(workload, snapshot) for workload in namespace.workloads):
            yield skip("the network policies of the namespace")
        return
    exposed = _unselected(namespace, snapshot)
    if not exposed:
        return
    document = exposed[0].document
    own = _itself(namespace, document, snapshot)
    complete = any(snapshot.complete_for(kind, document) for kind in POLICIES)
    if not complete and own is None:
        yield skip("the network policies of the namespace")
        return
    path: Path = ("metadata", "name") if own else ("metadata",)
    distributed = next((workload for workload in exposed if _is_distributed(workload)), None)
    who = f"{(distributed or exposed[0]).ref}" + (f" and {len(exposed) - 1} more" if len(exposed) > 1 else "")
    effect = "connect to them, and their protocols ask nobody for a password" if distributed else "connect to them"
    yield Fault(
        own or document,
        path,
        f"no network policy selects the pods of {who} for ingress: all pods of the cluster can {effect}",
        remediation="add a NetworkPolicy with `podSelector: {}`, `policyTypes: [Ingress]` and `ingress: [{from: [{podSelector: {}}]}]`, "
        "and make sure that the network plugin enforces policies",
        severity=Severity.HIGH if distributed else Severity.MEDIUM,
        confidence=Confidence.HIGH if complete else Confidence.MEDIUM,
        profiles=() if complete else (PRODUCTION,),
    )


def _itself(namespace: Namespace, document: Document, snapshot: Snapshot) -> Document | None:
    """The Namespace object, if it stands in the same part of the tree as one that says it lives in it."""
    found = snapshot.get("Namespace", namespace.name, document, "") if namespace.name else None
    return found if found is not None and (snapshot.complete or same_branch(found, document)) else None


def _unselected(namespace: Namespace, snapshot: Snapshot) -> list[Workload]:
    """ML workloads with pods that no policy selects: all whose kind or accelerators show what they are, or else the first one that its
    image or command shows, which takes longer to find out."""
    known: dict[str, list[Selector]] = {}
    left: list[tuple[Workload, list[Selector]]] = []
    found: list[Workload] = []
    for workload in namespace.workloads:
        folder = workload.document.folder
        if folder not in known:
            known[folder] = _policies(workload.document, snapshot)
        policies = known[folder]
        if workload.incomplete or any(policy.everything for policy in policies):
            continue
        if _is_plainly_ml(workload, snapshot):
            found += [workload] if _is_open(workload, policies) else []
            workload.release()  # so that memory stays flat over many workloads
        else:
            left.append((workload, policies))
    for workload, policies in [] if found else left:
        if workload.is_role(*ML) and _is_open(workload, policies):
            return [workload]
        workload.release()
    return found


def _is_plainly_ml(workload: Workload, snapshot: Snapshot) -> bool:
    """Whether accelerators or the kind alone show it."""
    return snapshot.asks_for_accelerator(workload) or (workload.kind is not None and workload.kind.role in ML)


def _is_open(workload: Workload, policies: Sequence[Selector]) -> bool:
    """Whether pods of a workload are selected by no policy. Policies do not hold for pods in the network of their node."""
    return any(
        template.get("hostNetwork") is not True
        and not any(may_be_selected(template, policy) for policy in policies)
        and not (workload.framework == "kuberay" and _has_own_policy(template))
        for template in workload.templates
    )


def _has_own_policy(template: PodTemplate) -> bool:
    """KubeRay makes a policy for a cluster that has ``networkPolicy`` in its spec."""
    return any(mapping(node).get("networkPolicy") for node in along(template.workload.raw, template.path)[:-1])


def _is_distributed(workload: Workload) -> bool:
    """Whether its pods talk to each other as one program."""
    return workload.framework == "kuberay" or any(
        (template.row.scale_out and (template.accelerated or workload.role is Role.TRAINING))
        or any(RENDEZVOUS.fullmatch(variable.name) for container in template.main_containers for variable in container.env)
        for template in workload.templates
    )


# -- policies -----------------------------------------------------------------------------------------------------------------------------


def _policies(document: Document, snapshot: Snapshot) -> list[Selector]:
    """The policies for ingress where an object lives. What a policy says in a language of its own is taken to select everything."""
    found: list[Selector] = []
    for policy in snapshot.beside(document, "NetworkPolicy"):
        spec = mapping(policy.raw.get("spec"))
        if policy.ref.group == "networking.k8s.io":
            if "Ingress" in sequence(spec.get("policyTypes", ["Ingress"])) and not any(map(_admits_all, sequence(spec.get("ingress")))):
                found.append(_selector(spec.get("podSelector")))
        elif _of_calico(spec):
            found.append(EVERYTHING)
    for kind in ("CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy"):
        for policy in snapshot.beside(document, kind, "cilium.io") if kind in POLICIES else snapshot.by_kind(kind, "cilium.io"):
            for spec in map(mapping, (policy.raw.get("spec"), *sequence(policy.raw.get("specs")))):
                if "ingress" in spec or "ingressDeny" in spec:
                    found.append(_selector(spec.get("endpointSelector"), document.ref.namespace))
    wide = [
        *snapshot.by_kind("GlobalNetworkPolicy"),
        *snapshot.by_kind("AdminNetworkPolicy"),
        *snapshot.by_kind("BaselineAdminNetworkPolicy"),
    ]
    return [*found, *(EVERYTHING for policy in wide if _of_calico(mapping(policy.raw.get("spec"))))]


def _of_calico(spec: Mapping[str, Any]) -> bool:
    """Whether a policy of Calico, or an administrator's, is about ingress: by its types, else unless it has rules for egress alone."""
    types = sequence(spec.get("types"))
    return "Ingress" in types if types else "ingress" in spec or "egress" not in spec


def _admits_all(rule_: object) -> bool:
    return isinstance(rule_, dict) and not rule_.get("from") and not rule_.get("ports")


def _selector(raw: object, namespace: str = "") -> Selector:
    """Whom a policy selects. Cilium writes the source of a label before it, and may select by the namespace."""
    found, own = label_selector(raw or {}), Requirement("io.kubernetes.pod.namespace", "In", (namespace,))
    named = (replace(one, key=one.key.removeprefix("k8s:").removeprefix("any:")) for one in found.requirements)
    return replace(found, requirements=tuple(one for one in named if one != own))
