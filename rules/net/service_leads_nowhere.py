"""A Service is meant for an ML workload, but leads to none of its pods or to a port that they do not have.

## Why it matters
The API server accepts any selector and any port name. A Service whose selector misses by one label has no endpoints: clients are refused
or time out, while the pods are ready and hold their GPUs. A `targetPort` by name that no selected container declares leaves the Service
without that port, and nothing says so. Under a distributed job it is the rendezvous that fails: the name that the workers look up has no
address, and all of them wait until they give up. (Executed on Kubernetes 1.36.3:
the EndpointSlice has no endpoints, or lists them without the port.)

That no pod is selected is said in a live cluster and with `--complete`; for a name of a port it is enough to see the pods. Labels that an
operator adds to its pods count as matching, as long as an object is there whose pods may carry them. A numeric port is low: what
containers declare is information, and a server may listen on more.

## Bad
```yaml complete
apiVersion: v1
kind: Service
metadata: {name: chat}
spec:
  selector:
    app: model-server  # finding
  ports: [{port: 80, targetPort: 8000}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: chat}
spec:
  selector: {matchLabels: {app: inference-server}}
  template:
    metadata: {labels: {app: inference-server}}
    spec:
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.10.2
        ports: [{containerPort: 8000}]
        resources: {limits: {nvidia.com/gpu: 1}}
```

```yaml
apiVersion: v1
kind: Service
metadata: {name: embed}
spec:
  selector: {app: embed}
  ports:
  - name: http
    port: 80
    targetPort: http  # finding
  - name: metrics
    port: 9400
    targetPort: 9400  # finding
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: embed}
spec:
  selector: {matchLabels: {app: embed}}
  template:
    metadata: {labels: {app: embed}}
    spec:
      containers:
      - name: triton
        image: nvcr.io/nvidia/tritonserver:25.08-py3
        ports: [{name: api, containerPort: 8000}]
        resources: {limits: {nvidia.com/gpu: 1}}
```

```yaml complete
apiVersion: v1
kind: Service
metadata: {name: pretrain}
spec:
  clusterIP: None
  selector:
    batch.kubernetes.io/job-name: pretraining  # finding
---
apiVersion: batch/v1
kind: Job
metadata: {name: pretrain-7b}
spec:
  completionMode: Indexed
  completions: 2
  parallelism: 2
  template:
    spec:
      subdomain: pretrain
      restartPolicy: Never
      containers:
      - name: train
        image: ghcr.io/example/pretrain:1.0
        command: [torchrun, train.py]
        resources: {limits: {nvidia.com/gpu: 8}}
```

## Good
```yaml complete
apiVersion: v1
kind: Service
metadata: {name: chat}
spec:
  selector: {app: chat}
  ports:
  - {name: http, port: 80, targetPort: http}
  - {name: metrics, port: 9000}
  - {name: admin, port: 9001}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: chat}
spec:
  replicas: 0
  selector: {matchLabels: {app: chat}}
  template:
    metadata: {labels: {app: chat, model: llama}}
    spec:
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.10.2
        args: [--admin-port=9001]
        ports: [{name: http, containerPort: 8000}, {containerPort: 9000}]
        resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: v1
kind: Service
metadata: {name: ray-head}
spec:
  selector: {ray.io/cluster: tune, ray.io/node-type: head, ray.io/serve: "true"}
  ports: [{port: 10001, targetPort: client}]
---
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: tune}
spec:
  headGroupSpec:
    rayStartParams: {}
    template:
      spec:
        containers: [{name: head, image: "rayproject/ray:2.48.0"}]
---
apiVersion: v1
kind: Service
metadata: {name: rank-zero}
spec:
  selector: {training.kubeflow.org/job-name: pretrain, training.kubeflow.org/replica-index: "0"}
  ports: [{port: 23456}]
---
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {name: pretrain}
spec:
  pytorchReplicaSpecs:
    Worker:
      template:
        spec:
          containers:
          - name: pytorch
            image: ghcr.io/example/pretrain:1.0
            resources: {limits: {nvidia.com/gpu: 8}}
---
apiVersion: v1
kind: Service
metadata: {name: elsewhere}
spec: {type: ExternalName, externalName: models.example.com}
---
apiVersion: v1
kind: Service
metadata: {name: endpoints-by-hand}
spec: {ports: [{port: 8000}]}
```

```yaml
apiVersion: v1
kind: Service
metadata: {name: vllm-whose-pods-are-not-in-view}
spec:
  selector: {app: vllm}
  ports: [{port: 8000}]
```

## When to ignore
Where a program adds the label to a running pod, as an election of a leader does, or where the pods are made on demand.

## References
- https://kubernetes.io/docs/concepts/services-networking/service/
- https://kubernetes.io/docs/tasks/debug/debug-application/debug-service/#does-the-service-have-any-endpoints
- https://kubernetes.io/docs/tasks/job/job-with-pod-to-pod-communication/
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.document import Document
from auditor.exposure import may_be_selected, pod_labels
from auditor.exposure.backends import PodsByLabel
from auditor.rule import RECOMMENDED, Confidence, Fault, Result, Role, Severity, mapping, rule, sequence, skip
from auditor.selectors import Requirement, Selector, service_selector
from auditor.snapshot import Snapshot, is_system_namespace
from auditor.workload import ContainerRole, PodTemplate, Workload

ML = (Role.TRAINING, Role.SERVING, Role.NOTEBOOK, Role.BATCH)
MAKERS = ("Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job")
# Words in the name, the selector or the ports of a Service that say what it is for.
WORDS = re.compile(
    r"(?<![a-z])(v?llms?|triton|sglang|tgi|torchserve|ray|jupyter|notebook|inference|models?|model-?server|predictor|trainer|nccl)(?![a-z])"
)
INFRASTRUCTURE = re.compile(r"controller|webhook|operator|manager|scheduler")
# Frameworks whose pods have the ports that the manifest declares, and no others.
PORTS_AS_WRITTEN = ("", "lws", "jobset", "argo-rollouts")
INJECTED_PORTS = re.compile(r"(http-envoy-prom|linkerd-.*|queue-port|user-port|http-usermetric|status-port)")


@rule(
    "service-leads-nowhere",
    title="Service leads to no pod, or to a port that none has",
    severity=Severity.MEDIUM,
    profiles={RECOMMENDED},
    kinds={"Service"},
    mentions={"selector"},
    needs=set(MAKERS),
)
def check(document: Document, snapshot: Snapshot) -> Iterator[Result]:
    spec, metadata = mapping(document.raw.get("spec")), mapping(document.raw.get("metadata"))
    selector = service_selector(spec.get("selector"))
    if document.ref.group or spec.get("type") == "ExternalName" or not selector.requirements or selector.unknown:
        return
    if metadata.get("ownerReferences") or is_system_namespace(document.ref.namespace):
        return
    selected = list(snapshot.derived(PodsByLabel).of(document, mapping(spec.get("selector")), snapshot))
    if selected:
        if any(_is_ml(template.workload) for template in selected):
            for index, entry in enumerate(sequence(spec.get("ports"))):
                yield from _port(document, mapping(entry), index, selected)
        return
    yield from _without_pods(document, selector, snapshot)


def _is_ml(workload: Workload) -> bool:
    return not workload.incomplete and (workload.accelerated or workload.is_role(*ML))


# -- ports --------------------------------------------------------------------------------------------------------------------------------


def _port(document: Document, entry: Mapping[str, Any], index: int, selected: Sequence[PodTemplate]) -> Iterator[Fault]:
    """A port of the Service that none of the selected pods has."""
    target, protocol = entry.get("targetPort") or entry.get("port"), entry.get("protocol", "TCP")
    if any(template.workload.framework not in PORTS_AS_WRITTEN or template.incomplete for template in selected):
        return
    ports = [
        port
        for template in selected
        for container in template.containers
        if container.role not in (ContainerRole.INIT, ContainerRole.EPHEMERAL)
        for port in container.ports
    ]
    who = str(selected[0].workload.ref) + (f" and {len(selected) - 1} more" if len(selected) > 1 else "")
    at = ("spec", "ports", index, "targetPort" if "targetPort" in entry else "port")
    names = sorted({port.name for port in ports if port.name and port.protocol == protocol})
    if isinstance(target, str) and re.fullmatch(r"[a-z0-9-]*[a-z][a-z0-9-]*", target):
        if target not in names and not INJECTED_PORTS.fullmatch(target):
            known = f": they are named {', '.join(names)}" if names else ", where no port has a name"
            number = entry.get("port")
            fits = next((p.name or str(p.number) for p in ports if p.number == number or len(ports) == 1), "")
            yield Fault(
                document, at,
                f'targetPort "{target}" is no {protocol} port of the containers of {who}{known}; the Service has no endpoints for it',
                f'write `targetPort: {fits}`' if fits else f'name a port of the container "{target}", or write its number',
            )  # fmt: skip
    elif isinstance(target, int) and not isinstance(target, bool):
        declared = {port.number for port in ports}
        if ports and None not in declared and target not in declared and not any(_mentions(template, target) for template in selected):
            shown = ", ".join(sorted(map(str, declared)))
            yield Fault(
                document, at,
                f"port {target} is none of those that the containers of {who} declare ({shown}); "
                "clients are refused unless something listens there",
                "set `targetPort` to the port that the server listens on, or declare that port at the container",
                Severity.LOW, Confidence.MEDIUM,
            )  # fmt: skip


def _mentions(template: PodTemplate, port: int) -> bool:
    """Whether the command, the environment or a probe of a container speaks of the number, or a container declares no port at all."""
    word = re.compile(rf"(?<!\d){port}(?!\d)")
    return any(
        not container.ports
        or word.search(container.command_line)
        or any(isinstance(variable.value, str) and word.search(variable.value) for variable in container.env)
        or word.search(str([container.raw.get(field) for field in ("readinessProbe", "livenessProbe", "startupProbe")]))
        for container in template.main_containers
    )


# -- no pods ------------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Near:
    """Pods that a Service was probably meant for.

    Attributes:
        template: the pods.
        labels: theirs.
        unmet: what keeps the Service from selecting them.
        weight: how much speaks for it.
    """

    template: PodTemplate
    labels: Mapping[str, Any]
    unmet: tuple[Requirement, ...]
    weight: int


def _without_pods(document: Document, selector: Selector, snapshot: Snapshot) -> Iterator[Result]:
    near: Near | None = None
    for workload in snapshot.workloads_beside(document):
        for template in workload.templates:
            if may_be_selected(template, selector):
                return
            found = _near(document, selector, template, snapshot)
            if found is not None and (near is None or found.weight > near.weight):
                near = found
    named = WORDS.search(f"{document.ref.name} {selector} {mapping(document.raw.get('metadata')).get('labels')}".lower())
    if (near is None and (not named or INFRASTRUCTURE.search(f"{document.ref.name} {selector}"))) or _is_made_elsewhere(
        document, selector, snapshot
    ):
        return
    if not all(snapshot.complete_for(kind, document) for kind in MAKERS):
        yield skip("the pods of the namespace, to see whether a Service selects one")
    elif near is not None:
        yield _missed(document, near)
    else:
        yield Fault(
            document, ("spec", "selector"),
            f"selects {selector}, which no pod in the namespace carries: the Service has no endpoints",
            "select by the labels of the pods that it is meant for, or remove the Service",
        )  # fmt: skip


def _near(document: Document, selector: Selector, template: PodTemplate, snapshot: Snapshot) -> Near | None:
    """The pods of a template, if enough speaks for their being meant: a port that fits, by itself, is chance."""
    workload, labels, spec = template.workload, pod_labels(template), mapping(document.raw.get("spec"))
    unmet = selector.unmet(labels)
    name = document.ref.name
    ports = [mapping(entry) for entry in sequence(spec.get("ports"))]
    targets = {str(port.get("targetPort") or port.get("port")) for port in ports}
    declared = {str(value) for container in template.containers for port in container.ports for value in (port.name, port.number)}
    pointed = workload.spec.get("serviceName") == name or template.get("subdomain") == name
    links = (
        3 * pointed
        + 2 * (len(unmet) < len(selector.requirements))
        + 2 * any(_alike(one.values[0], str(labels[one.key])) for one in unmet if one.key in labels)
        + (any(one.key in labels for one in unmet) and _alike(name, workload.ref.name))
    )
    signs = bool(targets & declared - {"None", ""}) + (not snapshot.services_matching(labels, document))
    return Near(template, labels, unmet, links + signs) if links and links + signs >= 2 and _is_ml(workload) else None


def _alike(one: str, other: str) -> bool:
    return difflib.SequenceMatcher(None, one, other).ratio() > 0.7 or one.startswith(f"{other}-") or other.startswith(f"{one}-")


def _is_made_elsewhere(document: Document, selector: Selector, snapshot: Snapshot) -> bool:
    """Whether pods may come from what yields none by itself: a live pod that carries the labels, a custom resource of such a name, the
    users of a JupyterHub."""
    if any(one.key.startswith("hub.jupyter.org/") or one.values[0] == "singleuser-server" for one in selector.requirements):
        return True
    if any(
        pod.ref.namespace == document.ref.namespace and selector.matches(mapping(mapping(pod.raw.get("metadata")).get("labels")))
        for pod in snapshot.pods
    ):
        return True
    values = {one.values[0] for one in selector.requirements}
    return any(
        "." in other.ref.group and other.ref.name and any(v == other.ref.name or v.startswith(f"{other.ref.name}-") for v in values)
        for other in snapshot.documents
        if other.ref.namespace == document.ref.namespace and not other.ref.group.endswith("k8s.io")
    )


def _missed(document: Document, near: Near) -> Fault:
    """A Service that misses the pods that it is meant for."""
    pairs = {one.key: near.labels.get(one.key) for one in near.unmet}
    theirs = ", ".join(f"{key}={value}" for key, value in pairs.items() if value is not None)
    lacking = ", ".join(key for key, value in pairs.items() if value is None)
    why = " and ".join(filter(None, (f"carry {theirs}" if theirs else "", f"have no label {lacking}" if lacking else "")))
    wanted = ",".join(map(str, near.unmet))
    key = near.unmet[0].key
    return Fault(
        document,
        ("spec", "selector", key) if len(near.unmet) == 1 else ("spec", "selector"),
        f"selects {wanted}, which no pod in the namespace carries; those of {near.template.workload.ref}, which it seems meant for, {why}",
        f"write `{key}: {pairs[key]}`" if theirs and len(pairs) == 1 else "select by labels that the pods carry, or add these to the pods",
    )
