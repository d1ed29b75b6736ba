"""Nothing stops a notebook that nobody uses.

## Why it matters
A notebook holds its accelerator from the moment it is opened until somebody stops it, and most are never stopped: people close the browser.
Culling stops a notebook whose kernels have done nothing for a while; the files on its volume stay. Kubeflow's notebook controller has it,
switched off: `ENABLE_CULLING` must be the string `true`, in exactly that spelling, and the idle time is a day (1440 minutes) by default.
The chart of JupyterHub has it switched on, after an hour, until somebody sets `cull.enabled: false`.

On a live cluster the controller's setting is often in a ConfigMap, which mlaudit does not read. Then the notebooks tell: the culler writes
the annotation `notebooks.kubeflow.org/last-activity` on every one that runs. In files with notebooks and no controller there is only a
hint, in the profile `cost`.

## Bad
```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: notebook-controller-deployment, namespace: kubeflow}
spec:
  template:
    spec:
      containers:
      - name: manager
        image: ghcr.io/kubeflow/kubeflow/notebook-controller:v1.10.0
        env:
        - {name: CULL_IDLE_TIME, value: "60"}
        - name: ENABLE_CULLING  # finding
          value: "True"
---
apiVersion: kubeflow.org/v1
kind: Notebook
metadata: {name: research, namespace: team-a}
spec:
  template:
    spec:
      containers:
      - name: research
        image: ghcr.io/kubeflow/kubeflow/notebook-servers/jupyter-pytorch-cuda-full:v1.10.0
        resources: {limits: {nvidia.com/gpu: 1}}
```

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: notebook-controller-deployment, namespace: kubeflow}
spec:
  template:
    spec:
      containers:
      - name: manager
        image: ghcr.io/kubeflow/kubeflow/notebook-controller:v1.10.0
        env:
        - name: ENABLE_CULLING  # finding
          valueFrom: {configMapKeyRef: {name: notebook-controller-config, key: ENABLE_CULLING}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: notebook-controller-config, namespace: kubeflow}
data: {ENABLE_CULLING: "false"}
---
apiVersion: kubeflow.org/v1
kind: Notebook
metadata: {name: research, namespace: team-a}
spec:
  template:
    spec:
      containers:
      - name: research
        image: ghcr.io/kubeflow/kubeflow/notebook-servers/jupyter-pytorch-cuda-full:v1.10.0
        resources: {limits: {nvidia.com/gpu: 1}}
```

```yaml
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: hub, namespace: jupyter}
spec:
  chart: {spec: {chart: jupyterhub, version: 4.1.0}}
  values:
    cull:
      enabled: false  # finding
    singleuser:
      extraResource: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: v1
kind: Secret
metadata: {name: hub, namespace: rendered}
stringData:
  values.yaml: |  # finding
    cull:
      adminUsers: true
      enabled: false
    singleuser:
      extraResource: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: v1
kind: Secret
metadata: {name: hub, namespace: rendered-by-helm}
data:
  values.yaml: Y3VsbDoKICBhZG1pblVzZXJzOiB0cnVlCiAgZW5hYmxlZDogZmFsc2UK  # finding
```

A notebook without its controller in view:

```yaml
apiVersion: kubeflow.org/v1
kind: Notebook
metadata:
  name: research  # finding
spec:
  template:
    spec:
      containers:
      - name: research
        image: ghcr.io/kubeflow/kubeflow/notebook-servers/jupyter-pytorch-cuda-full:v1.10.0
        resources: {limits: {nvidia.com/gpu: 1}}
```

A controller whose setting is not in view, and a notebook that ran for two hours without a word of the culler:

```yaml live
apiVersion: apps/v1
kind: Deployment
metadata: {name: notebook-controller-deployment, namespace: kubeflow}
spec:
  template:
    spec:
      containers:
      - name: manager
        image: ghcr.io/kubeflow/kubeflow/notebook-controller:v1.10.0
        env:
        - name: ENABLE_CULLING  # finding
          valueFrom: {configMapKeyRef: {name: notebook-controller-config-k8t5tb, key: ENABLE_CULLING}}
---
apiVersion: kubeflow.org/v1
kind: Notebook
metadata: {name: research, namespace: team-a, uid: n1}
spec:
  template:
    spec:
      containers:
      - name: research
        image: ghcr.io/kubeflow/kubeflow/notebook-servers/jupyter-pytorch-cuda-full:v1.10.0
        resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: v1
kind: Pod
metadata:
  name: research-0
  namespace: team-a
  creationTimestamp: "2026-11-25T10:00:00Z"
  ownerReferences: [{apiVersion: kubeflow.org/v1, kind: Notebook, name: research, uid: n1, controller: true}]
spec:
  nodeName: gpu-0
  containers:
  - name: research
    image: ghcr.io/kubeflow/kubeflow/notebook-servers/jupyter-pytorch-cuda-full:v1.10.0
    resources: {limits: {nvidia.com/gpu: 1}}
status: {phase: Running, startTime: "2026-11-25T10:00:00Z"}
```

## Good
```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: notebook-controller-deployment, namespace: kubeflow}
spec:
  template:
    spec:
      containers:
      - name: manager
        image: ghcr.io/kubeflow/kubeflow/notebook-controller:v1.10.0
        env:
        - {name: ENABLE_CULLING, value: "true"}
        - {name: CULL_IDLE_TIME, value: "60"}
---
apiVersion: kubeflow.org/v1
kind: Notebook
metadata: {name: research, namespace: team-a}
spec:
  template:
    spec:
      containers:
      - name: research
        image: ghcr.io/kubeflow/kubeflow/notebook-servers/jupyter-pytorch-cuda-full:v1.10.0
        resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: hub, namespace: jupyter}
spec:
  chart: {spec: {chart: jupyterhub, version: 4.1.0}}
  values:
    cull: {enabled: true, timeout: 3600}
    singleuser:
      extraResource: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: something-else}
data:
  values.yaml: |
    cull:
      enabled: false
```

The culler writes on the notebooks:

```yaml live
apiVersion: apps/v1
kind: Deployment
metadata: {name: notebook-controller-deployment, namespace: kubeflow}
spec:
  template:
    spec:
      containers:
      - name: manager
        image: ghcr.io/kubeflow/kubeflow/notebook-controller:v1.10.0
        env:
        - name: ENABLE_CULLING
          valueFrom: {configMapKeyRef: {name: notebook-controller-config-k8t5tb, key: ENABLE_CULLING}}
---
apiVersion: kubeflow.org/v1
kind: Notebook
metadata:
  name: research
  namespace: team-a
  annotations: {notebooks.kubeflow.org/last-activity: "2026-11-25T11:30:00Z"}
spec:
  template:
    spec:
      containers:
      - name: research
        image: ghcr.io/kubeflow/kubeflow/notebook-servers/jupyter-pytorch-cuda-full:v1.10.0
        resources: {limits: {nvidia.com/gpu: 1}}
```

## When to ignore
Where something else stops idle notebooks, or people compute in terminals, which the culler does not see.

## References
- https://github.com/kubeflow/notebooks/blob/notebooks-v1/components/notebook-controller/controllers/culling_controller.go
- https://www.kubeflow.org/docs/components/notebooks/
- https://z2jh.jupyter.org/en/stable/resources/reference.html#cull
- https://github.com/jupyterhub/zero-to-jupyterhub-k8s/blob/main/jupyterhub/templates/hub/secret.yaml
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any

from auditor.document import Document, Unknown, along, mapping, sequence
from auditor.live import minutes_between
from auditor.rule import COST, RECOMMENDED, Confidence, Fault, Path, Result, Severity, rule, skip
from auditor.snapshot import Snapshot
from auditor.workload import Container, Image, Workload

SWITCH = "ENABLE_CULLING"
CONTROLLER = re.compile(r"(kf-)?notebook-controller")
STOPPED = "kubeflow-resource-stopped"
WRITTEN = "notebooks.kubeflow.org/last-activity"
WAITED = 30  # minutes that a notebook ran: the culler writes within two
BOOLEANS = ("true", "false", "yes", "no", "on", "off", "1", "0")
REMEDY = f'set {SWITCH} to "true", and CULL_IDLE_TIME to the minutes that a notebook may do nothing'

# JupyterHub: where its chart keeps the values that it was given, and what says that they are of this chart.
OF_THE_HUB = re.compile(r"hub(-config)?|.+-hub(-config)?")
SWITCHED_OFF = re.compile(
    r"^cull:[ \t]*(?:\{[^}\n]*\benabled:[ \t]*false\b|\n(?:(?:[ \t].*)?\n)*?[ \t]+enabled:[ \t]*false\b)", re.MULTILINE
)
DEVICES = re.compile(r"(nvidia|amd|intel|huawei)\.com/|habana\.ai/|google\.com/tpu|aws\.amazon\.com/neuron")


@rule(
    "notebook-culling-disabled",
    title="Idle notebooks are not stopped",
    severity=Severity.MEDIUM,
    profiles={RECOMMENDED, COST},
    kinds={"Application", "ConfigMap", "Deployment", "HelmRelease", "Notebook", "Secret", "StatefulSet"},
    mentions={"notebook-controller", "Notebook", "cull", "values.yaml"},
    needs=("Notebook", "ConfigMap"),
)
def check(document: Document, snapshot: Snapshot) -> Iterator[Result]:
    match document.ref.kind:
        case "Deployment" | "StatefulSet":
            workload = snapshot.workload_of(document)
            container = None if workload is None else _controller(workload)
            if container is not None:
                yield from _of_kubeflow(container, snapshot)
        case "Notebook":
            yield from _alone(document, snapshot)
        case "Secret" | "ConfigMap":
            yield from _rendered(document)
        case _:
            yield from _released(document)


# -- Kubeflow -----------------------------------------------------------------------------------------------------------------------------


def _controller(workload: Workload) -> Container | None:
    """The container of Kubeflow's notebook controller, if this is it."""
    images = ((one, one.image) for one in workload.containers if one.is_main)
    return next((one for one, image in images if isinstance(image, Image) and CONTROLLER.fullmatch(image.name)), None)


def _of_kubeflow(container: Container, snapshot: Snapshot) -> Iterator[Result]:
    value = snapshot.env_value(container, SWITCH)
    if value == "true":
        return
    notebooks = _notebooks(snapshot)
    accelerated = [one for one in notebooks if snapshot.asks_for_accelerator(one)]
    if not notebooks:
        if not snapshot.complete_for("Notebook", container.template.workload.document, "kubeflow.org"):
            yield skip("the Notebooks whose controller does not stop them")
        return
    who = f"{len(accelerated)} with accelerators" if accelerated else "none of them with an accelerator"
    count = f"{len(notebooks)} notebook{'s' if len(notebooks) > 1 else ''} in view, {who}"
    severity = None if accelerated else Severity.LOW
    if not isinstance(value, Unknown):
        shown = f'"{value}"' if value and value.lower() in BOOLEANS else "something else"  # values of variables are not for reports
        said = f'is {shown}, not "true"' if value else "is not set, and off by default"
        yield container.fault(f"{SWITCH} {said}: nothing stops idle notebooks ({count})", at=container.env_path(SWITCH), remediation=REMEDY,
                              severity=severity)  # fmt: skip
    elif _untouched(notebooks, snapshot):
        message = f"the culler has not written {WRITTEN} on a notebook that runs: nothing stops idle ones ({count})"
        yield container.fault(message, at=container.env_path(SWITCH), remediation=REMEDY, severity=severity, confidence=Confidence.MEDIUM)
    elif not any(WRITTEN in one.annotations for one in notebooks):
        yield skip(f"where the notebook controller's {SWITCH} comes from")


def _notebooks(snapshot: Snapshot) -> list[Workload]:
    """Kubeflow's notebooks that are not stopped and not exempt: no annotation of theirs speaks of culling."""
    found = (snapshot.workload_of(document) for document in snapshot.by_kind("Notebook", "kubeflow.org"))
    return [one for one in found if one is not None and _may_be_culled(one)]


def _may_be_culled(notebook: Workload) -> bool:
    return STOPPED not in notebook.annotations and not any("cull" in str(key) for key in notebook.annotations)


def _untouched(notebooks: list[Workload], snapshot: Snapshot) -> bool:
    """Whether notebooks ran for long without a word of the culler, and it wrote on none."""
    listing = snapshot.listing
    if listing is None or any(WRITTEN in one.annotations for one in notebooks):
        return False
    started = (pod.started for one in notebooks for pod in one.pods if pod.phase == "Running" and pod.started is not None)
    return any(minutes_between(since, listing.taken) >= WAITED for since in started)


def _alone(document: Document, snapshot: Snapshot) -> Iterator[Result]:
    """A notebook in files, without its controller: nobody can say more than that there is something to check."""
    workload = snapshot.workload_of(document)
    if document.ref.group != "kubeflow.org" or workload is None or snapshot.listing is not None or not _may_be_culled(workload):
        return
    if snapshot.asks_for_accelerator(workload) and not snapshot.derived(_has_controller):
        yield workload.fault(
            "holds an accelerator until somebody stops it, unless the notebook controller of the cluster stops idle notebooks",
            at="metadata.name",
            remediation=f'see that {SWITCH} of the cluster\'s notebook controller is "true"; it is off by default',
            severity=Severity.INFO,
            confidence=Confidence.LOW,
            profiles={COST},
        )


def _has_controller(snapshot: Snapshot) -> bool:
    return any(b"notebook-controller" in one.document.blob and _controller(one) is not None for one in snapshot.workloads)


# -- JupyterHub ---------------------------------------------------------------------------------------------------------------------------


def _rendered(document: Document) -> Iterator[Fault]:
    """The values that a rendered chart hands to its hub: in a Secret, or in a ConfigMap in the first releases."""
    if document.ref.group or not OF_THE_HUB.fullmatch(document.ref.name):
        return
    for section in ("data", "stringData"):
        text = mapping(document.raw.get(section)).get("values.yaml")
        if isinstance(text, str):
            encoded = document.ref.kind == "Secret" and section == "data"
            yield from _of_values(document, (section, "values.yaml"), _decoded(text) if encoded else text)


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return ""


def _of_values(document: Document, path: Path, text: str) -> Iterator[Fault]:
    if SWITCHED_OFF.search(text):
        yield _off(document, path, accelerated=DEVICES.search(text) is not None)


def _released(document: Document) -> Iterator[Fault]:
    """Values that Flux or Argo CD hands to the chart."""
    spec = mapping(document.raw.get("spec"))
    places: list[tuple[Mapping[str, Any], Path]] = []
    if document.ref.kind == "HelmRelease":
        places.append((mapping(along(spec, ("chart", "spec"))[-1]), ("spec", "values")))
    for field in ("source", "sources"):
        value = spec.get(field)
        for index, source in enumerate([value] if field == "source" else sequence(value)):
            at: Path = ("spec", field) if field == "source" else ("spec", field, index)
            places += [(mapping(source), (*at, "helm", name)) for name in ("valuesObject", "values")]
    for chart, path in places:
        if "jupyterhub" not in str(chart.get("chart")):
            continue
        values = along(document.raw, path)[-1]
        if isinstance(values, str):
            yield from _of_values(document, path, values)
        elif mapping(mapping(values).get("cull")).get("enabled") is False:
            yield _off(document, (*path, "cull", "enabled"), accelerated=DEVICES.search(str(values)) is not None)


def _off(document: Document, path: Path, *, accelerated: bool) -> Fault:
    return Fault(
        document,
        path,
        "cull.enabled is false: JupyterHub never stops a server that nobody uses",
        "drop it, and set cull.timeout to the seconds that a server may do nothing (3600 is the default)",
        severity=None if accelerated else Severity.LOW,
    )
