"""`mlaudit cost` over a long window: 1,000 GPUs for 30 days at one sample in five minutes, on a real API server and a real Prometheus.

The whole process counts, from its start to its end. The server's part is the time in which at least one answer of Prometheus was waited
for, as mlaudit says itself (``coverage.waited_seconds``). The rest is mlaudit's: Python's start, the API server's lists, reading answers,
adding up, writing the report. Memory is that of mlaudit and its children together, as in ``process.py``.

The work over long windows is to be the server's: mlaudit's own time and memory hardly grow with them.

Measured on two cores that eight others used too: 1,000 GPUs for 30 days are 25.9 million samples, loaded in 102 s; of 636 s, 631 s wait
for 526 queries (six minutes of processor time in Prometheus), 4.4 s are mlaudit's, with 60 MiB. 100 GPUs for 7 days: 18.9 s and 3.1 s,
with 46 MiB.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks import cluster
from benchmarks.process import Mlaudit
from tests.testbed import packages
from tests.testbed.build import NotBuilt
from tests.testbed.client import Client
from tests.testbed.cluster import Testbed
from tests.testbed.prometheus import prometheus
from tests.testbed.series import Series, steady, steps

__all__ = ["Figures", "has_prometheus", "measure"]

_GPUS_OF_A_NODE, _GPUS_OF_A_POD = 8, 4
_PODS_OF_A_NAMESPACE = 10
_EVERY = 300
_DAY = timedelta(days=1)
_THREADS = 8
_PLACE = {"node.kubernetes.io/instance-type": "p5.48xlarge", "topology.kubernetes.io/region": "us-east-1"}


@dataclass(frozen=True)
class Figures:
    """What was measured.

    Attributes:
        samples: how many Prometheus had.
        loaded: seconds until it had them.
        whole, waited: seconds of `mlaudit cost`, and of its waiting for Prometheus.
        memory: MiB of mlaudit and its children together, at the highest.
        costs: what mlaudit reports.
    """

    samples: int
    loaded: float
    whole: float
    waited: float
    memory: float
    costs: dict[str, Any]

    @property
    def client(self) -> float:
        """Seconds of mlaudit itself."""
        return self.whole - self.waited


def has_prometheus() -> bool:
    """Whether the programs are there.

    Raises:
        SystemExit: in CI they have to be.
    """
    try:
        for program in packages.PACKAGES["prometheus"]:
            packages.find(program)
    except NotBuilt as error:
        if os.environ.get("CI"):
            raise SystemExit(f"no Prometheus: {error}") from None
        print(f"skip  no costs are measured: {error}")
        return False
    return True


def measure(testbed: Testbed, gpus: int, days: int) -> Figures:
    """Run it once: mostly it waits, so that looking at its memory costs it nothing."""
    cluster.still(testbed)
    pods = _fill(testbed.client(), gpus)
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    begin = time.perf_counter()
    with prometheus(_series(pods, end - days * _DAY, end)) as server, tempfile.TemporaryDirectory() as folder:
        loaded = time.perf_counter() - begin
        file = Path(folder, "report.json")
        source = ("--kubeconfig", str(testbed.kubeconfig("admin")), "--prometheus", server.url)
        window = ("--until", end.isoformat(), "--window", f"{days}d", "--prometheus-timeout", "2h")
        command = Mlaudit(["cost", *source, *window, "--format", "json", "--output", str(file)])
        whole, memory = command.watched()
        costs = json.loads(file.read_text(encoding="utf-8"))["costs"]
        return Figures(server.samples, loaded, whole, costs["coverage"]["waited_seconds"], memory, costs)


# -- the cluster ---------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Pod:
    namespace: str
    name: str
    node: str
    uid: str


def _fill(client: Client, gpus: int) -> list[_Pod]:
    """Nodes of eight devices, with two pods of four on each, of a StatefulSet in each namespace."""
    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(lambda number: _node(client, f"node-{number:04}"), range(-(-gpus // _GPUS_OF_A_NODE))))
        number = -(-gpus // _GPUS_OF_A_POD)
        owners = list(threads.map(lambda index: _owner(client, f"team-{index:03}"), range(-(-number // _PODS_OF_A_NAMESPACE))))
        return list(threads.map(lambda index: _pod(client, owners[index // _PODS_OF_A_NAMESPACE], index), range(number)))


def _node(client: Client, name: str) -> None:
    node = cluster.gpu_node(name)
    node["metadata"]["labels"] |= _PLACE
    _done(client.request("POST", "/api/v1/nodes", node))


def _owner(client: Client, namespace: str) -> dict[str, Any]:
    """A namespace, and in it the owner of its pods."""
    _done(client.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}}))
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts"  # without it, admission lets no pod in
    _done(client.request("POST", path, {"metadata": {"name": "default"}}))
    template = cluster.pod_template("train", "ghcr.io/example/trainer:1.9.0", gpus=_GPUS_OF_A_POD)
    spec = {"selector": {"matchLabels": {"app": "train"}}, "serviceName": "train", "replicas": _PODS_OF_A_NAMESPACE, "template": template}
    body = {"metadata": {"name": "train", "namespace": namespace}, "spec": spec}
    made: dict[str, Any] = _done(client.request("POST", f"/apis/apps/v1/namespaces/{namespace}/statefulsets", body))
    return made


def _pod(client: Client, owner: dict[str, Any], index: int) -> _Pod:
    """A pod on its node, with the status that a kubelet reports."""
    metadata, pod = owner["metadata"], owner["spec"]["template"]
    pod = json.loads(json.dumps(pod))
    namespace, name = metadata["namespace"], f"train-{index % _PODS_OF_A_NAMESPACE}"
    node = f"node-{index * _GPUS_OF_A_POD // _GPUS_OF_A_NODE:04}"
    reference = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": metadata["name"], "uid": metadata["uid"], "controller": True}
    pod["metadata"] |= {"name": name, "ownerReferences": [reference]}
    pod["spec"]["nodeName"] = node
    path = f"/api/v1/namespaces/{namespace}/pods"
    made = _done(client.request("POST", path, pod))
    status = {"status": cluster.running_status(pod)}
    _done(client.request("PATCH", f"{path}/{name}/status", status, content_type="application/merge-patch+json"))
    return _Pod(namespace, name, node, made["metadata"]["uid"])


def _done(answer: Any) -> Any:
    if answer.status not in (200, 201):
        raise SystemExit(f"a request for the benchmark failed: {answer.status} {answer.body[:300]!r}")
    return answer.json()


# -- its measurements ----------------------------------------------------------------------------------------------------------------------


def _series(pods: list[_Pod], start: datetime, end: datetime) -> Iterator[Series]:
    """What kube-state-metrics and the DCGM exporter would have said of them."""

    def state(name: str, value: float, labels: dict[str, str]) -> Series:
        return steady(name, labels, value, start, end, every=_EVERY)

    for node in sorted({pod.node for pod in pods}):
        for what in ("capacity", "allocatable"):
            yield state(f"kube_node_status_{what}", _GPUS_OF_A_NODE, {"node": node, "resource": "nvidia_com_gpu", "unit": "integer"})
    for index, pod in enumerate(pods):
        who = {"namespace": pod.namespace, "pod": pod.name, "uid": pod.uid}
        asked = {"container": "main", "node": pod.node, "resource": "nvidia_com_gpu", "unit": "integer"}
        yield state("kube_pod_container_resource_requests", _GPUS_OF_A_POD, who | asked)
        for phase in ("Pending", "Running"):
            yield state("kube_pod_status_phase", float(phase == "Running"), who | {"phase": phase})
        for number in range(_GPUS_OF_A_POD):
            device = index * _GPUS_OF_A_POD + number
            labels = {"UUID": f"GPU-{device:05}", "Hostname": pod.node, "gpu": str(device % _GPUS_OF_A_NODE), "modelName": "NVIDIA H100"}
            labels |= {"namespace": pod.namespace, "pod": pod.name, "container": "main"}
            yield steps("DCGM_FI_PROF_GR_ENGINE_ACTIVE", labels, _days(device, start, end), end, every=_EVERY)
            yield state("DCGM_FI_DEV_FB_USED", 40_000, labels)


def _days(device: int, start: datetime, end: datetime) -> list[tuple[datetime, float]]:
    """Used for some hours of each day, which are not the same for all."""
    found = []
    while start < end:
        found += [(start, 0.5 + device % 50 / 100), (start + timedelta(hours=6 + device % 12), 0.0)]
        start += _DAY
    return found
