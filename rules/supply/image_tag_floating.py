"""An image is named by a tag that moves, so that the same manifest runs different code tomorrow.

## Why it matters
A tag such as `latest` is whatever was pushed last. A pod that restarts, a node that joins and an autoscaler that adds a replica pull at
different times, so that replicas of one server, or the workers of one training job, may run different versions of the framework, of
CUDA and of NCCL; collective operations between them then hang or fail. A rollback brings nothing back, because the old manifest names
the same tag. An image without a tag and without a digest means `latest`.

## Bad
```yaml
apiVersion: batch/v1
kind: Job
metadata: {name: train}
spec:
  template:
    spec:
      restartPolicy: Never
      initContainers:
      - name: fetch
        image: registry.example.com:5000/tools/fetch  # finding
      containers:
      - name: train
        image: my-training-image:latest  # finding
      - name: exporter
        image: ghcr.io/example/exporter:nightly  # finding
      - name: server
        image: rayproject/ray:latest-gpu  # finding
```

```yaml
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: cluster}
spec:
  headGroupSpec:
    template:
      spec:
        containers:
        - name: ray-head
          image: rayproject/ray:2.46.0
  workerGroupSpecs:
  - groupName: gpu
    template:
      spec:
        containers:
        - name: ray-worker
          image: ghcr.io/example/ray:stable  # finding
          imagePullPolicy: Never
```

## Good
A digest decides, whatever the tag beside it says. A port is no tag.
```yaml
apiVersion: v1
kind: Pod
metadata: {name: server}
spec:
  initContainers:
  - name: pinned
    image: ghcr.io/example/fetch:latest@sha256:5f3a1c7f0c3e3ac9b1f7a8fce3a1c7f0c3e3ac9b1f7a8fce3a1c7f0c3e3ac9b1
  containers:
  - name: server
    image: registry.example.com:5000/models/server:1.4
  - name: training
    image: nvcr.io/nvidia/pytorch:24.05-py3
  - name: template
    image: ghcr.io/example/server:${TAG}
  - name: istio-proxy
    image: auto
  - name: built-by-ko
    image: ko://github.com/example/server/cmd/manager
```

A kustomization that draws the file in sets the tag:
```yaml file=manager.yaml
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [manager.yaml]
images:
- name: controller
  newName: ghcr.io/example/controller
  newTag: v1.4.2
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: controller}
spec:
  template:
    spec:
      containers:
      - name: manager
        image: controller:latest
```

What an operator supplies is not missing:
```yaml
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: iris}
spec:
  predictor:
    model:
      modelFormat: {name: sklearn}
      storageUri: gs://kfserving-examples/models/sklearn/1.0/model
```

## When to ignore
In a development cluster whose images are built on the node (`imagePullPolicy: Never`, reported as info), and where something that is
not in view sets the tag: an image updater, or an admission webhook that resolves tags to digests.

## References
- https://kubernetes.io/docs/concepts/containers/images/#image-names
- https://kubernetes.io/docs/concepts/configuration/overview/
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.rule import RECOMMENDED, Fault, Severity, rule
from auditor.snapshot import Snapshot
from auditor.workload import Container, ContainerRole, Image

_FLOATING = re.compile(r"latest|nightly|main|master|dev|edge|stable|.+-latest|latest-.+", re.IGNORECASE)
_FILLED_IN = re.compile(r"auto|\w+://.+")  # by Istio's injector, and by ko (ko://…), before anything is pulled


@rule("image-tag-floating", title="Image tag that moves", severity=Severity.MEDIUM, profiles={RECOMMENDED})
def check(container: Container, snapshot: Snapshot) -> Iterator[Fault]:
    image = container.image
    if not isinstance(image, Image) or image.digest or container.role is ContainerRole.EPHEMERAL:
        return
    if image.tag and not _FLOATING.fullmatch(image.tag):
        return
    document = container.template.workload.document
    if _FILLED_IN.fullmatch(image.text) or image.repository in snapshot.kustomized_images.get(document.file, ()):
        return
    local = container.raw.get("imagePullPolicy") == "Never"
    what = f"the tag `{image.tag}` of {image} moves" if image.tag else f"{image} has no tag, which means `latest`"
    yield container.fault(
        f"{what}; it is not known which version runs",
        at=container.at("image"),
        remediation=f"write a version, or better the digest: `{image.repository}@sha256:…`",
        severity=Severity.INFO if local else None,
    )
