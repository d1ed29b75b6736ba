"""Metrics of accelerators do not say whose work they show.

## Why it matters
That a GPU was idle for a week is of use only if one can tell who held it. NVIDIA's exporter asks the kubelet which pod has which GPU only
if it is told to; of GPUs that are shared by time-slicing it names one of the pods, unless it is told to name all. kube-state-metrics says
which node and which pod that was, but not of what sort the node is and whose the pod, unless labels are allowed. And without the profiling
counters nobody can tell whether a part of a GPU (MIG) is idle.

That the exporter's ServiceMonitor leaves `honorLabels` off is no fault: the labels are then called `exported_pod`, which mlaudit knows.

## Bad
```yaml
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: dcgm-exporter, namespace: monitoring}
spec:
  selector: {matchLabels: {app: dcgm}}
  template:
    metadata: {labels: {app: dcgm}}
    spec:
      containers:
      - name: exporter
        image: nvcr.io/nvidia/k8s/dcgm-exporter:4.2.3-4.1.3-ubuntu22.04
        args: [-f, /etc/counters/counters.csv]
        env:
        - {name: DCGM_EXPORTER_KUBERNETES, value: "false"}  # finding
        volumeMounts: [{name: counters, mountPath: /etc/counters}]
      volumes: [{name: counters, configMap: {name: counters}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: counters, namespace: monitoring}
data:
  counters.csv: |  # finding
    DCGM_FI_DEV_GPU_UTIL, gauge, GPU utilization (in %).
    DCGM_FI_DEV_FB_USED, gauge, Framebuffer memory used (in MiB).
    # DCGM_FI_PROF_GR_ENGINE_ACTIVE, gauge, Ratio of time the graphics engine is active.
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: kube-state-metrics, namespace: monitoring}
spec:
  selector: {matchLabels: {app: ksm}}
  template:
    metadata: {labels: {app: ksm}}
    spec:
      containers:
      - name: kube-state-metrics
        image: registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.17.0
        args:
        - --metric-labels-allowlist=pods=[team]  # finding
```

```yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: device-plugin, namespace: gpu}
data:
  any: |
    version: v1
    sharing:
      timeSlicing:
        resources: [{name: nvidia.com/gpu, replicas: 4}]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: dcgm-exporter, namespace: gpu}
spec:
  template:
    spec:
      containers:
      - name: exporter
        image: nvcr.io/nvidia/k8s/dcgm-exporter:4.2.3-4.1.3-ubuntu22.04
        args: [--kubernetes, --kubernetes-virtual-gpus=false]  # finding
```

```yaml live
apiVersion: v1
kind: Node
metadata: {name: gpu-0, labels: {nvidia.com/gpu.sharing-strategy: time-slicing, nvidia.com/gpu.replicas: "4"}}
status: {capacity: {nvidia.com/gpu: "4"}, allocatable: {nvidia.com/gpu: "4"}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: dcgm-exporter, namespace: monitoring, uid: set-1}
spec:
  template:
    spec:
      containers:
      - name: exporter
        image: nvcr.io/nvidia/k8s/dcgm-exporter:4.2.3-4.1.3-ubuntu22.04
        args: [-k]
        env:  # finding
        - {name: DCGM_EXPORTER_LISTEN, value: ":9400"}
---
apiVersion: v1
kind: Pod
metadata:
  name: dcgm-exporter-x7k2p
  namespace: monitoring
  ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: dcgm-exporter, uid: set-1, controller: true}]
spec:
  nodeName: gpu-0
  containers:
  - name: exporter
    image: nvcr.io/nvidia/k8s/dcgm-exporter:4.2.3-4.1.3-ubuntu22.04
    args: [-k]
    env:
    - {name: DCGM_EXPORTER_LISTEN, value: ":9400"}
status: {phase: Running}
```

Prometheus was asked (`--prometheus`): it has measurements of the GPUs that pods hold, and none names such a pod. Nor does it have a
counter that tells of parts of GPUs.
```yaml live
apiVersion: v1
kind: Node
metadata: {name: gpu-0, labels: {nvidia.com/gpu.product: NVIDIA-H100-80GB-HBM3}}
status: {capacity: {nvidia.com/gpu: "8"}, allocatable: {nvidia.com/gpu: "8"}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: nvidia-dcgm-exporter  # finding
  namespace: gpu-operator
  uid: set-1
spec:
  template:
    spec:
      containers:
      - name: exporter
        image: nvcr.io/nvidia/k8s/dcgm-exporter:4.2.3-4.1.3-ubuntu22.04
        env: [{name: DCGM_EXPORTER_KUBERNETES, value: "true"}]
---
apiVersion: v1
kind: Pod
metadata:
  name: nvidia-dcgm-exporter-x7k2p
  namespace: gpu-operator
  ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: nvidia-dcgm-exporter, uid: set-1, controller: true}]
spec:
  nodeName: gpu-0
  containers: [{name: exporter, image: "nvcr.io/nvidia/k8s/dcgm-exporter:4.2.3-4.1.3-ubuntu22.04"}]
status: {phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: train, namespace: research}
spec:
  nodeName: gpu-0
  containers: [{name: main, image: "train:1.0", resources: {limits: {nvidia.com/gpu: 8}}}]
status:
  phase: Running
  startTime: "2026-11-20T08:00:00Z"
  conditions: [{type: Ready, status: "True"}]
---
measured:
  unattributed: [DCGM exporter]
  profiling: false
  held: [{holder: Pod/research/train, node: gpu-0, unknown: 992}]
```

## Good
```yaml complete
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: dcgm-exporter, namespace: monitoring}
spec:
  selector: {matchLabels: {app: dcgm}}
  template:
    metadata: {labels: {app: dcgm}}
    spec:
      containers:
      - name: exporter
        image: nvcr.io/nvidia/k8s/dcgm-exporter:4.2.3-4.1.3-ubuntu22.04
        env:
        - {name: DCGM_EXPORTER_KUBERNETES, value: "true"}
        - {name: KUBERNETES_VIRTUAL_GPUS, value: "true"}
---
apiVersion: nvidia.com/v1
kind: ClusterPolicy
metadata: {name: cluster-policy}
spec:
  dcgmExporter: {enabled: true}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: kube-state-metrics, namespace: monitoring}
spec:
  selector: {matchLabels: {app: ksm}}
  template:
    metadata: {labels: {app: ksm}}
    spec:
      containers:
      - name: kube-state-metrics
        image: registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.17.0
        args: ["--metric-labels-allowlist=nodes=[*],pods=[team,kueue.x-k8s.io/queue-name]"]
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: dcgm-exporter, namespace: monitoring}
spec:
  selector: {matchLabels: {app: dcgm}}
  endpoints: [{port: metrics, honorLabels: false}]
```

```yaml live
apiVersion: v1
kind: Node
metadata: {name: gpu-0, labels: {nvidia.com/gpu.product: NVIDIA-GeForce-RTX-4090}}
status: {capacity: {nvidia.com/gpu: "8"}, allocatable: {nvidia.com/gpu: "8"}}
---
apiVersion: v1
kind: Pod
metadata: {name: train, namespace: research}
spec:
  nodeName: gpu-0
  containers: [{name: main, image: "train:1.0", resources: {limits: {nvidia.com/gpu: 8}}}]
status:
  phase: Running
  startTime: "2026-11-20T08:00:00Z"
  conditions: [{type: Ready, status: "True"}]
---
measured:
  profiling: false
  held: [{holder: Pod/research/train, node: gpu-0, active: 992}]
```

## When to ignore
On GPUs that have no profiling counters (consumer cards), and where another system keeps the labels of nodes and pods.

## References
- https://github.com/NVIDIA/dcgm-exporter/blob/main/pkg/cmd/app.go
- https://docs.nvidia.com/datacenter/dcgm/latest/reference/command-line-reference/dcgm-exporter.html
- https://github.com/kubernetes/kube-state-metrics/blob/main/docs/metrics/workload/pod-metrics.md
- https://github.com/kubernetes/kube-state-metrics/blob/main/docs/developer/cli-arguments.md
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from auditor.document import Document, Path, Unknown
from auditor.exporters import devices_of, exporters_of, exporters_on, telemetry, vendors
from auditor.live import Node
from auditor.rule import COST, Confidence, Fault, Result, Severity, mapping, rule
from auditor.snapshot import Snapshot, same_branch
from auditor.usage import Usage
from auditor.workload import Container, Workload

DCGM = "dcgm-exporter"
OLD = re.compile(r":v?1\.")
ALLOWED = re.compile(r"([\w*]+)=\[")
PROFILING = "DCGM_FI_PROF_"
COUNTER = re.compile(r"^[ \t]*(DCGM_\w+)", re.MULTILINE)
VIRTUAL, VIRTUAL_FLAG = "KUBERNETES_VIRTUAL_GPUS", "--kubernetes-virtual-gpus"
UNPROFILED = re.compile(r"GeForce|TITAN|Quadro|RTX.A\d|\b[PKM]\d+\b", re.IGNORECASE)  # GPUs that have no profiling counters
SHARED = ("time-slicing", "mps")
SHARING = re.compile(r"^[ \t]*sharing:[ \t]*\n(?:[ \t]*\w+:.*\n)*?[ \t]*(timeSlicing|mps):", re.MULTILINE)  # of NVIDIA's device plugin
ONE_OF_MANY = "names one pod for each GPU, where several share one ({}): the others look as if they had none"
NAME_ALL = f'set the environment variable `{VIRTUAL}` of the exporter to "true"'


@rule(
    "gpu-metrics-not-attributed",
    title="GPU metrics do not say whose work they show",
    severity=Severity.LOW,
    profiles={COST},
    needs={"Node", "Pod", "ConfigMap"},
)
def check(snapshot: Snapshot) -> Iterator[Result]:
    exporters = [container for workload in snapshot.workloads for container in _dcgm_exporters(workload)]
    for container in exporters:
        yield from _of_pods(container, snapshot)
        yield from _of_counters(container, snapshot)
        yield from _of_configured_sharing(container, snapshot)
    yield from _of_shared_devices(snapshot)
    yield from _of_state_metrics(snapshot)
    if snapshot.usage is not None:
        yield from _without_pods(exporters, snapshot)
        yield from _without_profiling(exporters, snapshot.usage, snapshot)


def _dcgm_exporters(workload: Workload) -> list[Container]:
    if b"dcgm" not in workload.document.blob:
        return []
    return [one for template in workload.templates for exporter, one in exporters_of(template) if exporter.name == DCGM]


# -- the exporter -------------------------------------------------------------------------------------------------------------------------


def _of_pods(container: Container, snapshot: Snapshot) -> Iterator[Fault]:
    """An exporter that does not ask which pod has which GPU. An operator switches it on; by itself it is off."""
    if _switch(container, snapshot, "DCGM_EXPORTER_KUBERNETES", "--kubernetes", "-k") is False:
        yield container.fault(
            "does not ask the kubelet which pod has which GPU (DCGM_EXPORTER_KUBERNETES is not true): its metrics name no pod",
            at=_place(container, "DCGM_EXPORTER_KUBERNETES", "--kubernetes", "-k"),
            remediation='set the environment variable `DCGM_EXPORTER_KUBERNETES` to "true", and mount /var/lib/kubelet/pod-resources',
        )


def _switch(container: Container, snapshot: Snapshot, variable: str, *flags: str) -> bool | None:
    """Whether something is on, which is off by itself; None where that cannot be known."""
    given = container.flag(*flags)
    value = given if given is not None else snapshot.env_value(container, variable)
    if value is None:
        return None if container.template.incomplete or container.template.injects else False
    return None if isinstance(value, Unknown) else value.lower() not in ("0", "f", "false")


def _place(container: Container, variable: str, *flags: str) -> Path:
    if container.flag(*flags) is not None:
        return container.word_path(*flags)
    return container.env_path(variable)


def _of_counters(container: Container, snapshot: Snapshot) -> Iterator[Fault]:
    """A list of counters of one's own, as far as it is in view, that leaves all profiling counters out."""
    given = container.flag("--collectors", "-f") or container.env_value("DCGM_EXPORTER_COLLECTORS")
    if not isinstance(given, str):
        return
    folder, _, name = given.rpartition("/")
    for mount in container.mounts:
        volume = container.template.volume(mount.volume) if mount.mount_path.rstrip("/") in (folder, given) else None
        config = mapping(volume.source).get("name") if volume is not None and volume.kind == "configMap" else None
        found = snapshot.get("ConfigMap", config, container.template.workload.document, "") if isinstance(config, str) else None
        text = mapping(found.raw.get("data")).get(name) if found is not None else None
        if found is None or not isinstance(text, str):
            continue
        counters = COUNTER.findall(text)
        if counters and not any(counter.startswith(PROFILING) for counter in counters):
            yield Fault(
                found,
                ("data", name),
                f"lists {len(counters)} counters for {container.template.workload.ref}, none of DCGM_FI_PROF: idle parts of GPUs go unseen",
                "add `DCGM_FI_PROF_GR_ENGINE_ACTIVE, gauge, Ratio of time the graphics engine is active.`",
            )


def _of_shared_devices(snapshot: Snapshot) -> Iterator[Fault]:
    """Exporters on nodes whose GPUs several pods share, as their pods are; one finding an object."""
    seen: set[int] = set()
    for node in snapshot.nodes:
        for exporter, pod in exporters_on(node) if any(sharing in node.sharing for sharing in SHARED) else ():
            root = snapshot.root_of(pod)
            runs = _dcgm_exporters(Workload(pod.document)) if exporter.name == DCGM and id(root) not in seen else []
            if runs and _switch(runs[0], snapshot, VIRTUAL, VIRTUAL_FLAG) is False:
                seen.add(id(root))
                workload = snapshot.workload_of(root)
                written = _dcgm_exporters(workload) if workload else []
                path = _place(written[0], VIRTUAL, VIRTUAL_FLAG) if written else ("metadata", "name")
                yield Fault(root, path, ONE_OF_MANY.format(f"{node.sharing} on {node.name}"), NAME_ALL)


def _of_configured_sharing(container: Container, snapshot: Snapshot) -> Iterator[Fault]:
    """Files: the exporter beside a configuration of the device plugin that shares GPUs."""
    if snapshot.listing is not None or _switch(container, snapshot, VIRTUAL, VIRTUAL_FLAG) is not False:
        return
    for config in snapshot.by_kind("ConfigMap", ""):
        shares = any(SHARING.search(str(text)) for text in mapping(config.raw.get("data")).values())
        if shares and (snapshot.complete or same_branch(config, container.template.workload.document)):
            message = ONE_OF_MANY.format(str(config.ref))
            yield container.fault(message, at=_place(container, VIRTUAL, VIRTUAL_FLAG), remediation=NAME_ALL, confidence=Confidence.MEDIUM)
            return


# -- kube-state-metrics -------------------------------------------------------------------------------------------------------------------


def _is_state_metrics(container: Container) -> bool:
    """Version 1 exposes all labels; what the cloud runs is not the user's to set."""
    image = str(getattr(container.image, "text", ""))
    named = "kube-state-metrics" in image or container.name == "kube-state-metrics"
    workload = container.template.workload
    return named and not OLD.search(image) and not workload.job and not workload.ref.namespace.startswith("gke-managed-")


def _of_state_metrics(snapshot: Snapshot) -> Iterator[Fault]:
    """kube-state-metrics that keeps the labels of nodes and pods to itself, where there are accelerators; several may share the work."""
    speaking = (one for one in snapshot.workloads if b"kube-state-metrics" in one.document.blob)
    containers = [container for workload in speaking for container in workload.containers if _is_state_metrics(container)]
    given = [one.flag("--metric-labels-allowlist", "--labels-metric-allow-list") for one in containers]
    unknown = any(isinstance(value, Unknown) for value in given) or any(one.flag("--config") is not None for one in containers)
    allowed = {kind for value in given for kind in ALLOWED.findall(str(value or ""))}
    missing = [kind for kind in ("nodes", "pods") if not {kind, "*"} & allowed]
    if containers and missing and not unknown and _has_devices(containers[0].template.workload, snapshot):
        first = containers[0]
        yield first.fault(
            f"exposes no labels of {' and '.join(missing)}: what a node was, or whose a pod that is gone, cannot be told afterwards",
            at=first.word_path("--metric-labels-allowlist", "--labels-metric-allow-list") if given[0] else first.at("args"),
            remediation="set `--metric-labels-allowlist=nodes=[*],pods=[team,owner,kueue.x-k8s.io/queue-name]`",
        )


def _has_devices(workload: Workload, snapshot: Snapshot) -> bool:
    """Whether accelerators are in view where a workload lives."""
    if snapshot.listing is not None:
        return any(node.accelerated for node in snapshot.nodes)
    near = (one.document for one in snapshot.workloads if snapshot.asks_for_accelerator(one) or b"dcgm" in one.document.blob)
    return any(snapshot.complete or same_branch(workload.document, other) for other in near)


# -- what Prometheus has ------------------------------------------------------------------------------------------------------------------


def _without_pods(exporters: list[Container], snapshot: Snapshot) -> Iterator[Fault]:
    """Measurements of devices that pods hold, none of which names such a pod; not where the exporter's own settings explain it."""
    explained = {"nvidia"} if any(True for one in exporters for _ in _of_pods(one, snapshot)) else set()
    for known in telemetry(snapshot):
        if known.unmeasured and known.names_pods is False and known.vendor not in explained:
            devices = devices_of(known.unmeasured, known.vendor)
            yield Fault(
                _measuring(known.unmeasured, known.vendor, snapshot),
                ("metadata", "name"),
                f"its metrics in Prometheus name no pod that holds a device: who leaves {devices} idle cannot be told",
                "let it ask the kubelet which pod has which device, and its scrape keep the labels (exported_pod, or pod with honorLabels)",
            )


def _without_profiling(exporters: list[Container], usage: Usage, snapshot: Snapshot) -> Iterator[Fault]:
    """No profiling counter of GPUs that have them; not where the exporter's own list of counters explains it."""
    nodes = [node for node in snapshot.nodes if "nvidia" in vendors(node) and node.product and not UNPROFILED.search(node.product)]
    explained = any(True for one in exporters for _ in _of_counters(one, snapshot))
    if nodes and not usage.profiling and not explained:
        yield Fault(
            _measuring(nodes, "nvidia", snapshot),
            ("metadata", "name"),
            f"Prometheus has no DCGM_FI_PROF counter of {devices_of(nodes, 'nvidia')}: idle parts of GPUs go unseen",
            "let the exporter collect DCGM_FI_PROF_GR_ENGINE_ACTIVE, for which it needs the capability SYS_ADMIN",
        )


def _measuring(nodes: Sequence[Node], vendor: str, snapshot: Snapshot) -> Document:
    """The exporter of the first node that has one in view, as a person edits it; else the first node."""
    pods = (pod for node in nodes for exporter, pod in exporters_on(node) if exporter.vendor == vendor)
    first = next(pods, None)
    return snapshot.root_of(first) if first else nodes[0].document
