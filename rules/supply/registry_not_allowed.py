"""An image comes from a registry that is not on the list of those allowed.

## Why it matters
What a registry serves runs with the rights of the pod: on GPU nodes, beside models and data. Registries that an organisation has chosen
are scanned, mirrored and there tomorrow; any other may be rate-limited, be taken over, or serve another image under the same tag. The
name of an image decides: `nginx` alone means `docker.io/library/nginx`, and one letter more in the host is somebody else's registry.

Nothing is reported before there is a list: `allowed_registries` in `mlaudit.yaml`, or the option `allowed`. An entry is a registry, or
one with the beginning of a path in it; `*` stands for any part of a name: `ghcr.io/example`, `*.dkr.ecr.*.amazonaws.com`.

## Bad
```yaml allowed=ghcr.io/example,*.pkg.dev
apiVersion: v1
kind: Pod
metadata: {name: server}
spec:
  initContainers:
  - name: fetch
    image: busybox:1.36  # finding
  containers:
  - name: server
    image: ghcr.io/example-labs/server:1.4  # finding
  - name: exporter
    image: ghcr.io.example.net/example/exporter@sha256:5f3a1c7f0c3e3ac9b1f7a8fce3a1c7f0c3e3ac9b1f7a8fce3a1c7f0c3e3ac9b1  # finding
  volumes:
  - name: model
    image:
      reference: quay.io/example/model:2  # finding
```

## Good
```yaml allowed=ghcr.io/example,*.pkg.dev,docker.io/library,registry.example.com:5000
apiVersion: v1
kind: Pod
metadata: {name: server}
spec:
  initContainers:
  - name: fetch
    image: busybox:1.36
  containers:
  - name: server
    image: ghcr.io/example/serving/server:1.4
  - name: trainer
    image: europe-docker.pkg.dev/example/ml/trainer:2.0
  - name: mirrored
    image: registry.example.com:5000/mirror/pytorch:2.5
  - name: to-be-filled-in
    image: ${REGISTRY}/exporter:1.0
  volumes:
  - name: model
    image: {reference: "ghcr.io/example/model:2"}
```

Without a list, nothing is said:
```yaml
apiVersion: v1
kind: Pod
metadata: {name: server}
spec:
  containers:
  - name: server
    image: quay.io/example/server:1.4
```

## When to ignore
Where a mirror on the nodes serves other registries' images, or a webhook that is not in view rewrites their names. An image that a
kustomization in view sets is not judged: it may get another name there.

## References
- https://kubernetes.io/docs/concepts/containers/images/#image-names
- https://github.com/distribution/reference/blob/main/normalize.go (what a short name stands for)
- https://kyverno.io/policies/best-practices/restrict-image-registries/restrict-image-registries/ (the same idea at admission)
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator

from auditor.rule import RECOMMENDED, Options, Path, Result, Severity, is_placeholder, rule, skip
from auditor.snapshot import Snapshot
from auditor.workload import Image, PodTemplate
from auditor.workload.values import parse_image

_FILLED_IN = re.compile(r"auto|\w+://.+")  # by Istio's injector, and by ko (ko://…), before anything is pulled


@rule(
    "registry-not-allowed",
    title="Image from a registry that is not on the list",
    severity=Severity.MEDIUM,
    profiles={RECOMMENDED},
    options={"allowed": ()},
)
def check(template: PodTemplate, snapshot: Snapshot, options: Options) -> Iterator[Result]:
    allowed = [_entry(text.lower().strip("/").split("/")) for text in options["allowed"]]
    if not allowed:
        return
    kustomized = snapshot.kustomized_images.get(template.workload.document.file, ())
    for image, path in _images(template):
        parts = _parts(image.repository)
        if _FILLED_IN.fullmatch(image.text) or any(_covers(entry, parts) for entry in allowed):
            continue
        if image.repository in kustomized:
            yield skip("what a kustomization makes of an image")
            continue
        yield template.fault(
            f"{image} comes from {'/'.join(parts[:-1])}, which is not among the registries allowed",
            at=path,
            remediation=f"take it from {' or '.join(options['allowed'][:3])}, or add its registry to `allowed_registries`",
        )


def _images(template: PodTemplate) -> Iterator[tuple[Image, Path]]:
    """Every image that is pulled for a pod, with its place."""
    for container in template.containers:
        if isinstance(container.image, Image):
            yield container.image, container.at("image")
    for volume in template.volumes:
        reference = volume.source.get("reference") if volume.kind == "image" else None
        if isinstance(reference, str) and reference and not is_placeholder(reference):
            yield parse_image(reference), (*volume.path, "image", "reference")


def _parts(repository: str) -> list[str]:
    """The registry and the steps of the path in it, of an image's whole name."""
    parts = repository.strip("/").split("/")
    return ["docker.io", "library", *parts] if len(parts) == 1 else _entry(parts)


def _entry(parts: list[str]) -> list[str]:
    """The same of the beginning of a name. A first part without a dot and a port is no registry, but a path in Docker's."""
    if parts[0] == "localhost" or set(".:*") & set(parts[0]):
        return ["docker.io", *parts[1:]] if parts[0] == "index.docker.io" else parts
    return ["docker.io", *parts]


def _covers(entry: list[str], parts: list[str]) -> bool:
    """Whether an entry of the list is the beginning of an image's name."""
    return len(entry) <= len(parts) and all(map(fnmatch.fnmatchcase, parts, entry))
