"""A pod uses a volume type that Pod Security's level restricted does not allow.

## Why it matters
At level restricted a pod may name only volumes that an administrator or a driver has vetted: configMap, csi, downwardAPI, emptyDir,
ephemeral, image, persistentVolumeClaim, projected and secret. An in-line `nfs`, `cephfs`, `rbd` or `iscsi` volume lets whoever writes the
manifest mount any server that the node can reach, as whichever user they please. In ML the usual one is an in-line `nfs` volume with the
data set: a PersistentVolume with a claim does the same and puts the choice of the server into the hands of an administrator.

## Bad
```yaml
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: tune}
spec:
  headGroupSpec:
    rayStartParams: {}
    template:
      spec:
        containers:
        - name: ray-head
          image: rayproject/ray:2.48.0
        volumes:
        - name: config
          configMap: {name: tune}
        - name: data
          nfs: {server: 10.0.0.5, path: /datasets}  # finding
        - name: code
          gitRepo: {repository: "https://github.com/example/code"}
```

## Good
```yaml
apiVersion: v1
kind: Pod
metadata: {name: train}
spec:
  containers:
  - name: main
    image: ghcr.io/example/train:2.0
  volumes:
  - name: data
    persistentVolumeClaim: {claimName: datasets, readOnly: true}
  - name: bucket
    csi: {driver: gcsfuse.csi.storage.gke.io, volumeAttributes: {bucketName: models}}
  - name: weights
    image: {reference: ghcr.io/example/weights:7b}
  - name: scratch
    ephemeral:
      volumeClaimTemplate:
        spec:
          accessModes: [ReadWriteOnce]
          resources: {requests: {storage: 100Gi}}
  - name: shm
    emptyDir: {medium: Memory}
  - name: without-a-source-it-is-an-emptydir
  - name: nothing
    nfs: null
```

## When to ignore
Where the namespace is not meant to reach level restricted.

## References
- https://kubernetes.io/docs/concepts/security/pod-security-standards/
- https://github.com/kubernetes/pod-security-admission/blob/master/policy/check_restrictedVolumes.go
- https://kubernetes.io/docs/concepts/storage/persistent-volumes/
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.rule import PSS_RESTRICTED, STRICT, Fault, Role, Severity, rule
from auditor.workload import PodTemplate
from auditor.workload.security import Offence, report, sources

_ALLOWED = frozenset({
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret",
})  # fmt: skip
# In-tree sources that admission forbids; a key that the API server does not know is dropped, and leaves an emptyDir.
_FORBIDDEN = frozenset({
    "hostPath", "gcePersistentDisk", "awsElasticBlockStore", "gitRepo", "nfs", "iscsi", "glusterfs", "rbd", "flexVolume", "cinder",
    "cephfs", "flocker", "fc", "azureFile", "vsphereVolume", "quobyte", "azureDisk", "photonPersistentDisk", "portworxVolume", "scaleIO",
    "storageos",
})  # fmt: skip


@rule(
    "volume-type-restricted",
    title="Volume type outside level restricted",
    severity=Severity.LOW,
    profiles={STRICT, PSS_RESTRICTED},
    exempt={Role.INFRASTRUCTURE},
)
def check(template: PodTemplate) -> Iterator[Fault]:
    found: list[Offence] = []
    host_paths: list[Offence] = []
    for volume in template.volumes:
        kinds = sources(volume)
        if not _ALLOWED & kinds.keys():
            for kind in sorted(kinds.keys() & _FORBIDDEN):
                offence = Offence(f"volume {volume.name}", kind, (*volume.path, kind))
                (host_paths if kind == "hostPath" else found).append(offence)
    if found or host_paths:
        yield report(
            template,
            [*found, *host_paths],
            "level restricted allows only volumes that somebody has vetted",
            remediation="put the same storage behind a PersistentVolume and mount it by `persistentVolumeClaim`",
            profiles={STRICT, PSS_RESTRICTED} if found else {PSS_RESTRICTED},  # host-path-volume speaks of hostPath
        )
