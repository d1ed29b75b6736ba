"""A live cluster to measure on: the testbed's API server, filled as a cluster for machine learning is.

In every namespace 50 pods: four Deployments of eight pods, each with the ReplicaSet before; a PyTorchJob of 16; two Jobs of one. They are
bound to nodes and have the status that a kubelet reports, but for one of the Jobs' pods, which waits. Nothing moves: controllers, scheduler
and kwok are stopped first, so that they neither delete pods that they did not make nor take time from what is measured.

Measured on two cores: 10,000 pods with their owners take 100 s, 2,000 take 20 s.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.testbed.build import NotBuilt, find
from tests.testbed.client import Client
from tests.testbed.cluster import Testbed
from tests.testbed.definitions import define

__all__ = ["PODS_OF_A_NAMESPACE", "fill", "gpu_node", "pod_template", "running_status", "still", "testbed"]

PODS_OF_A_NAMESPACE = 50
_DEPLOYMENTS, _REPLICAS, _WORKERS, _JOBS = 4, 8, 16, 2
_NODES_OF_A_NAMESPACE = 3
_THREADS = 8
_NOW = "2026-11-25T12:00:00Z"
_UNMOVED = ("kwok", "kube-scheduler", "kube-controller-manager")

_Object = dict[str, Any]


def testbed() -> Testbed | None:
    """The testbed, or None where its programs are not built.

    Raises:
        SystemExit: in CI they have to be.
    """
    try:
        return Testbed(find())
    except NotBuilt as error:
        if os.environ.get("CI"):
            raise SystemExit(f"no testbed: {error}") from None
        print(f"skip  no live cluster is measured: {error}")
        return None


def fill(cluster: Testbed, namespaces: int) -> None:
    """Make the namespaces, the nodes, the owners and the pods."""
    define(cluster, [("kubeflow.org", "PyTorchJob", "v1")])
    still(cluster)
    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(_Filler(cluster.client()).namespace, range(namespaces)))


def still(cluster: Testbed) -> None:
    """Stop everything that would move what is made."""
    for program in _UNMOVED:
        cluster.daemons[program].stop(kill=True)


class _Filler:
    """Makes objects through a client that threads share."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def namespace(self, index: int) -> None:
        """One namespace with all that is in it."""
        name = f"team-{index:03}"
        self._create("/api/v1/namespaces", {"metadata": {"name": name}})
        self._create(f"/api/v1/namespaces/{name}/serviceaccounts", {"metadata": {"name": "default"}})  # or admission lets no pod in
        nodes = [f"node-{index:03}-{number}" for number in range(_NODES_OF_A_NAMESPACE)]
        for node in nodes:
            self._create("/api/v1/nodes", gpu_node(node))
        for number, (owner, pod) in enumerate(self._pods(name)):
            waits = number == PODS_OF_A_NAMESPACE - 1
            if not waits:
                pod["spec"]["nodeName"] = nodes[number % len(nodes)]
            pod["metadata"] |= {"name": f"{owner['name']}-{number:05x}", "ownerReferences": [owner]}
            path = f"/api/v1/namespaces/{name}/pods"
            self._create(path, pod)
            if not waits:
                self._report(f"{path}/{pod['metadata']['name']}", pod)

    def _pods(self, namespace: str) -> Iterator[tuple[_Object, _Object]]:
        """Every pod with the reference to its owner, which is made before."""
        for number in range(_DEPLOYMENTS):
            app = f"server-{number}"
            template = pod_template(app, "ghcr.io/example/server:2.4.1", gpus=int(number == 0))
            deployment = self._owner(
                namespace, "apps/v1", "Deployment", app, {**_selected(app), "replicas": _REPLICAS, "template": template}
            )
            replica_set = deployment
            for version in ("5d8f7c9b6", "7f9c8d5b4"):  # the one before has no pods any more
                spec = {**_selected(app), "replicas": _REPLICAS, "template": template}
                replica_set = self._owner(namespace, "apps/v1", "ReplicaSet", f"{app}-{version}", spec, deployment)
            yield from ((replica_set, copy.deepcopy(template)) for _ in range(_REPLICAS))
        worker = pod_template("train", "ghcr.io/example/trainer:1.9.0", gpus=1)
        job = self._owner(
            namespace, "kubeflow.org/v1", "PyTorchJob", "train",
            {"pytorchReplicaSpecs": {"Worker": {"replicas": _WORKERS, "restartPolicy": "OnFailure", "template": worker}}},
        )  # fmt: skip
        yield from ((job, copy.deepcopy(worker)) for _ in range(_WORKERS))
        for number in range(_JOBS):
            template = pod_template(f"load-{number}", "ghcr.io/example/loader:1.0.3", gpus=0)
            template["spec"]["restartPolicy"] = "Never"
            yield self._owner(namespace, "batch/v1", "Job", f"load-{number}", {"template": template}), copy.deepcopy(template)

    def _owner(self, namespace: str, version: str, kind: str, name: str, spec: _Object, owner: _Object | None = None) -> _Object:
        """Make an object that owns others, and return the reference to it."""
        path = f"/apis/{version}/namespaces/{namespace}/{kind.lower()}s"
        metadata = {"name": name, "labels": {"app": name}, **({"ownerReferences": [owner]} if owner else {})}
        made = self._create(path, {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec})
        return {"apiVersion": version, "kind": kind, "name": name, "uid": made["metadata"]["uid"], "controller": True}

    def _create(self, path: str, body: _Object) -> Any:
        answer = self._client.request("POST", path, body)
        if answer.status != 201:
            raise SystemExit(f"POST {path}: {answer.status} {answer.body[:300]!r}")
        return answer.json()

    def _report(self, path: str, pod: _Object) -> None:
        """What the kubelet of its node writes."""
        query = {"fieldManager": "kubelet"}
        answer = self._client.request(
            "PATCH", f"{path}/status", {"status": running_status(pod)}, query=query, content_type="application/merge-patch+json"
        )
        if answer.status != 200:
            raise SystemExit(f"PATCH {path}: {answer.status} {answer.body[:300]!r}")


def _selected(app: str) -> _Object:
    return {"selector": {"matchLabels": {"app": app}}}


def gpu_node(name: str) -> _Object:
    resources = {"cpu": "96", "memory": "1Ti", "pods": "110", "nvidia.com/gpu": "8"}
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}},
        "spec": {"taints": [{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}]},
        "status": {
            "capacity": resources,
            "allocatable": resources,
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "lastTransitionTime": _NOW}],
        },
    }


def pod_template(app: str, image: str, gpus: int) -> _Object:
    """A pod of 6 to 7 kB as a list holds it, with what the API server adds."""
    environment: list[_Object] = [{"name": f"SETTING_{index}", "value": f"value-{index}"} for index in range(8)]
    environment += [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
    probe = {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 10}
    device = {"nvidia.com/gpu": str(gpus)} if gpus else {}
    container = {
        "name": "main",
        "image": image,
        "args": ["--model", "base-8b", "--port", "8000"],
        "env": environment,
        "ports": [{"name": "http", "containerPort": 8000}],
        "resources": {"requests": {"cpu": "2", "memory": "16Gi", **device}, "limits": {"memory": "16Gi", **device}},
        "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}],
        "readinessProbe": probe,
        "livenessProbe": probe,
    }
    return {
        "metadata": {"labels": {"app": app, "team": "bench"}, "annotations": {"example.com/build": "2026-11-20"}},
        "spec": {
            "containers": [container],
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
            "volumes": [{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "4Gi"}}],
        },
    }


def running_status(pod: _Object) -> _Object:
    image = pod["spec"]["containers"][0]["image"]
    kinds = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    return {
        "phase": "Running",
        "startTime": _NOW,
        "hostIP": "10.0.0.1",
        "hostIPs": [{"ip": "10.0.0.1"}],
        "podIP": "10.1.0.1",
        "podIPs": [{"ip": "10.1.0.1"}],
        "qosClass": "Burstable",
        "conditions": [{"type": kind, "status": "True", "lastProbeTime": None, "lastTransitionTime": _NOW} for kind in kinds],
        "containerStatuses": [
            {
                "name": "main",
                "image": image,
                "imageID": f"{image.partition(':')[0]}@sha256:{'0123456789abcdef' * 4}",
                "containerID": f"containerd://{'fedcba9876543210' * 4}",
                "ready": True,
                "started": True,
                "restartCount": 0,
                "state": {"running": {"startedAt": _NOW}},
                "lastState": {},
            }
        ],
    }
