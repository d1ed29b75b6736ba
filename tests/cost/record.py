"""Records the cluster of the demo anew: ``python -m tests.cost.record fixtures/cluster.tar.gz``.

A real API server with its scheduler and controllers, nodes without machines, and a real Prometheus over made-up series of a week. What is
recorded is what `mlaudit snapshot` would record of such a cluster anywhere.
"""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from typing import Any

from auditor.cli import main
from tests.cost.world import World
from tests.testbed.build import find
from tests.testbed.cluster import Testbed
from tests.testbed.prometheus import prometheus

HOURS = 7 * 24
_POOL, _TYPE, _REGION = "eks.amazonaws.com/nodegroup", "node.kubernetes.io/instance-type", "topology.kubernetes.io/region"
NODES = {
    "h100-1": (8, "h100", "p5.48xlarge", "NVIDIA-H100-80GB-HBM3"),
    "h100-2": (8, "h100", "p5.48xlarge", "NVIDIA-H100-80GB-HBM3"),
    "l4-1": (4, "l4", "g6.12xlarge", "NVIDIA-L4"),
    "l4-2": (4, "l4", "g6.12xlarge", "NVIDIA-L4"),
}
# namespace, team, name, pool, GPUs, and for each GPU the hours in which it was used
WORK = (
    ("research", "research", "finetune-8b", "h100", 8, (0, 150)),
    ("research", "research", "notebook-alice", "h100", 1, (0, 6)),
    ("research", "research", "notebook-bob", "h100", 1, (20, 60)),
    ("serving", "platform", "llm-gateway", "h100", 4, (0, 60)),
    ("serving", "platform", "embeddings", "l4", 2, (0, 168)),
    ("vision", "vision", "detector", "l4", 1, (0, 120)),
)


def _deployment(namespace: str, team: str, name: str, pool: str, gpus: int) -> dict[str, Any]:
    labels = {"app": name, "team": team}
    container = {
        "name": "main",
        "image": f"ghcr.io/example/{name}:1.4.2",
        "resources": {"limits": {"nvidia.com/gpu": gpus, "memory": "64Gi"}},
    }
    spec = {
        "containers": [container],
        "nodeSelector": {_POOL: pool},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
    }
    template = {"metadata": {"labels": labels}, "spec": spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template},
    }


def _series(cluster: Testbed) -> World:
    """A week that ends now: what kube-state-metrics and the exporter would have said of the pods that run."""
    now = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=10)
    end = now.replace(minute=now.minute // 5 * 5, second=0, microsecond=0)
    world = World(end - datetime.timedelta(hours=HOURS), HOURS, every=300)
    for name, (gpus, *_) in NODES.items():
        world.node(name, gpus)
    for namespace, _, name, _, gpus, (begin, stop) in WORK:
        (pod,) = cluster.get(f"/api/v1/namespaces/{namespace}/pods", labelSelector=f"app={name}")["items"]
        who, node = (namespace, pod["metadata"]["name"]), pod["spec"]["nodeName"]
        world.pod(*who, node, gpus, running=(0, HOURS))
        busy = [(a, b, level) for a, b, level in ((0, begin, 0), (begin, stop, 71), (stop, HOURS, 0)) if b > a]
        for number in range(gpus):
            metric = "DCGM_FI_PROF_GR_ENGINE_ACTIVE"
            scaled = [(a, b, level / 100) for a, b, level in busy]
            world.gpu(f"GPU-{name}-{number}", node, who, scaled, metric=metric, memory=[(0, HOURS, 42000)])
    return world


def record(target: Path) -> None:
    """Make the cluster and its week, and take the snapshot."""
    with Testbed(find()) as cluster:
        for name, (gpus, pool, instance_type, product) in NODES.items():
            cluster.add_gpu_node(name, gpus, product, {_POOL: pool, _TYPE: instance_type, _REGION: "us-east-1"})
        for namespace in sorted({work[0] for work in WORK}):
            cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        for work in WORK:
            cluster.apply(_deployment(*work[:5]), namespace=work[0])
            cluster.wait_available(work[2], work[0])
        with prometheus(_series(cluster).series) as server:
            arguments = ["--kubeconfig", str(cluster.kubeconfig("admin")), "--prometheus", server.url, "--window", "7d"]
            main(["snapshot", *arguments, "-o", str(target)])


if __name__ == "__main__":
    record(Path(sys.argv[1]))
