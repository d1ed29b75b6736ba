"""A pod mounts a folder of its node.

## Why it matters
A hostPath volume is a hole in the wall between pod and node: files are written with the container's user, seen by every pod that mounts the
same path, never cleaned up, and counted against no quota. It also pins the work to what one node happens to hold: after a reschedule the
data set or the checkpoint is gone. Pod Security admission forbids it at level baseline. Paths that give the node away
(`/var/run/docker.sock`, `/etc`, `/proc` …) and device files of accelerators, which go past scheduler and quota, are high.

## Bad
```yaml
apiVersion: batch/v1
kind: Job
metadata: {name: pretrain}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: ghcr.io/example/pretrain:1.0
        volumeMounts:
        - {name: data, mountPath: /data}
        - {name: shm, mountPath: /dev/shm}
      volumes:
      - name: work
        emptyDir: {}
      - name: data
        hostPath: {path: /mnt/datasets}  # finding
      - name: shm
        hostPath: {path: /dev/shm}
```

```yaml
apiVersion: v1
kind: Pod
metadata: {name: image-build}
spec:
  containers:
  - name: build
    image: ghcr.io/example/build:1.0
  volumes:
  - name: docker
    hostPath: {path: /var/run/docker.sock}  # finding
```

## Good
```yaml
apiVersion: batch/v1
kind: Job
metadata: {name: pretrain}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: ghcr.io/example/pretrain:1.0
        volumeMounts:
        - {name: data, mountPath: /data, readOnly: true}
        - {name: scratch, mountPath: /scratch}
        - {name: shm, mountPath: /dev/shm}
      volumes:
      - name: data
        persistentVolumeClaim: {claimName: datasets}
      - name: scratch
        ephemeral:
          volumeClaimTemplate:
            spec:
              accessModes: [ReadWriteOnce]
              storageClassName: local-nvme
              resources: {requests: {storage: 500Gi}}
      - name: shm
        emptyDir: {medium: Memory, sizeLimit: 16Gi}
```

```yaml
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: nvidia-device-plugin, namespace: kube-system}
spec:
  selector: {matchLabels: {app: plugin}}
  template:
    metadata: {labels: {app: plugin}}
    spec:
      containers:
      - name: plugin
        image: nvcr.io/nvidia/k8s-device-plugin:v0.17.4
      volumes:
      - name: sockets
        hostPath: {path: /var/lib/kubelet/device-plugins}
```

## When to ignore
On a cluster of one node for experiments, and for agents of the node, which are infrastructure and not reported.

## References
- https://kubernetes.io/docs/concepts/security/pod-security-standards/
- https://kubernetes.io/docs/concepts/storage/volumes/#hostpath
- https://github.com/kubernetes/pod-security-admission/blob/master/policy/check_hostPathVolumes.go
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.rule import PSS_BASELINE, RECOMMENDED, Fault, Role, Severity, rule
from auditor.workload import PodTemplate
from auditor.workload.security import Offence, is_dangerous_path, read, report, sources

# Device files and sockets of accelerators: https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/device-plugins/
_DEVICE = re.compile(r"/dev/(nvidia|kfd|dri|accel|neuron|infiniband|davinci)|/(var/)?run/nvidia|/tmp/nvidia-mps")


@rule(
    "host-path-volume",
    title="Volume from the node's file system",
    severity=Severity.MEDIUM,
    profiles={RECOMMENDED, PSS_BASELINE},
    exempt={Role.INFRASTRUCTURE},
    mentions=("hostPath",),
)
def check(template: PodTemplate) -> Iterator[Fault]:
    plain, special = {}, []
    for volume in template.volumes:
        if "hostPath" in sources(volume):
            path = str(read(volume.raw, "hostPath", "path") or "")
            offence = Offence(f"volume {volume.name}", f"hostPath {path}", (*volume.path, "hostPath"))
            if is_dangerous_path(path) or _DEVICE.match(path):
                special.append(offence)
            else:
                plain[offence] = path
    if plain or special:
        yield report(
            template,
            [*special, *plain],
            "whoever controls the pod controls the node" if special else "the pod depends on one node's files and can change them",
            remediation=_remedy({*plain.values()}, special=bool(special)),
            severity=Severity.HIGH if special else None,
        )


def _remedy(paths: set[str], *, special: bool) -> str:
    if special:
        return "remove the volume: build images without a daemon (BuildKit, Buildah), and request accelerators as resources"
    memory = "for /dev/shm use `emptyDir: {medium: Memory}`"
    if paths == {"/dev/shm"}:
        return memory
    other = "use a PersistentVolumeClaim (local or CSI), or a generic `ephemeral` volume for scratch data"
    return f"{other}; {memory}" if "/dev/shm" in paths else other
