"""The testbed is what it says: a real API server with real admission, controllers and scheduler, which can be hurt and comes back."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.testbed.build import find, kubernetes_version
from tests.testbed.cluster import Testbed
from tests.testbed.daemons import TestbedError

pytestmark = pytest.mark.testbed

GPU = "nvidia.com/gpu"
TOLERATION = {"key": GPU, "operator": "Exists", "effect": "NoSchedule"}
ROOT = Path(__file__).resolve().parents[2]


def pod(name: str, *, gpus: int = 0, **more: Any) -> dict[str, Any]:
    """A Pod that tolerates GPU nodes if it asks for GPUs."""
    container: dict[str, Any] = {"name": "main", "image": "nginx:1.29"} | ({"resources": {"limits": {GPU: gpus}}} if gpus else {})
    spec = {"containers": [container], "tolerations": [TOLERATION] if gpus else []} | more
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


@pytest.fixture(scope="module", autouse=True)
def nodes(testbed: Testbed) -> Any:
    """A GPU node and an ordinary one."""
    testbed.add_gpu_node("gpu-0")
    testbed.add_gpu_node("cpu-0", gpus=0, cpu=8, memory="32Gi")
    yield
    testbed.kubectl("delete", "node", "gpu-0", "cpu-0")


# -- it starts, and it ends -------------------------------------------------------------------------------------------------------------


def test_starts_within_half_a_minute_and_leaves_nothing(testbed: Testbed) -> None:
    began = time.monotonic()
    with Testbed(find()) as second:  # beside the one of the session
        assert time.monotonic() - began < 30
        assert re.fullmatch(r"https://127\.0\.0\.1:\d+", second.server)
        assert second.get("/version")["gitVersion"] == kubernetes_version() or find().assets
        assert second.get("/api/v1/nodes")["items"] == []
        pids = [daemon.pid for daemon in second.daemons.values()]
        assert len(pids) == 5
    assert not second.folder.exists()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_nothing_is_left_when_the_tests_are_killed(tmp_path: Path) -> None:
    program = (
        "import os, signal\nfrom tests.testbed.build import find\nfrom tests.testbed.cluster import Testbed\n"
        "testbed = Testbed(find())\ntestbed.start()\n"
        "print(testbed.folder, *(daemon.pid for daemon in testbed.daemons.values()), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    folder, *pids = done.stdout.split()
    assert len(pids) == 5, done.stderr
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}/exe").exists() for pid in pids) or Path(folder).exists():
        assert time.monotonic() < deadline, done.stdout
        time.sleep(0.1)


def test_a_program_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.testbed.flags.apiserver", lambda layout: ["--no-such-flag"])
    with pytest.raises(TestbedError, match=r"(?s)kube-apiserver ended while it started.*unknown flag: --no-such-flag"):
        Testbed(find()).start()


# -- scheduling -------------------------------------------------------------------------------------------------------------------------


def test_deployment_runs_on_the_gpu_node(testbed: Testbed, testbed_namespace: str) -> None:
    template = pod("unused", gpus=4)
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "trainer"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "trainer"}},
            "template": {"metadata": {"labels": {"app": "trainer"}}, "spec": template["spec"]},
        },
    }
    testbed.apply(deployment, namespace=testbed_namespace)
    testbed.wait_available("trainer", testbed_namespace)
    pods = testbed.get(f"/api/v1/namespaces/{testbed_namespace}/pods")["items"]
    assert [(each["spec"]["nodeName"], each["status"]["phase"]) for each in pods] == [("gpu-0", "Running")] * 2
    assert {each["metadata"]["ownerReferences"][0]["kind"] for each in pods} == {"ReplicaSet"}
    assert all(each["status"]["podIP"] and each["status"]["containerStatuses"][0]["ready"] for each in pods)


def test_pod_without_toleration_stays_pending(testbed: Testbed, testbed_namespace: str) -> None:
    testbed.apply(pod("intolerant", gpus=1, tolerations=[]), namespace=testbed_namespace)
    reason = testbed.wait_pending("intolerant", testbed_namespace)
    assert re.search(r"\d node\(s\) had untolerated taint\(s\)", reason)
    assert re.search(r"\d Insufficient nvidia.com/gpu", reason)
    path = f"/api/v1/namespaces/{testbed_namespace}/events"
    query = {"fieldSelector": "reason=FailedScheduling"}
    (event,) = testbed.wait("the scheduler's event", lambda: testbed.get(path, **query)["items"])
    assert (event["type"], event["involvedObject"]["name"], event["message"]) == ("Warning", "intolerant", reason)


def test_node_has_what_was_asked_for(testbed: Testbed) -> None:
    testbed.add_gpu_node(
        "amd-0", gpus=4, key="amd.com/gpu", labels={"pool": "rocm"}, taints=[{"key": "team", "value": "a", "effect": "NoExecute"}]
    )
    node = testbed.get("/api/v1/nodes/amd-0")
    assert node["status"]["allocatable"]["amd.com/gpu"] == "4"
    assert node["metadata"]["labels"]["pool"] == "rocm"
    assert [(taint["key"], taint["effect"]) for taint in node["spec"]["taints"]] == [("team", "NoExecute")]
    assert testbed.get("/api/v1/nodes/gpu-0")["metadata"]["labels"]["nvidia.com/gpu.product"] == "NVIDIA-H100-80GB-HBM3"
    testbed.kubectl("delete", "node", "amd-0")


# -- admission: what RULES.md says was settled here -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "refused"), [("limits.nvidia.com/gpu", False), ("requests.nvidia.com/gpu", True)])
def test_quota_limits_requests_only(testbed: Testbed, testbed_namespace: str, key: str, refused: bool) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "gpus"}, "spec": {"hard": {key: "1"}}}
    testbed.apply(quota, namespace=testbed_namespace)
    path = f"/api/v1/namespaces/{testbed_namespace}/resourcequotas/gpus"
    testbed.wait("the quota is in force", lambda: testbed.get(path)["status"].get("hard"))
    if refused:
        with pytest.raises(TestbedError, match=r"exceeded quota: gpus, requested: requests\.nvidia\.com/gpu=8"):
            testbed.apply(pod("greedy", gpus=8), namespace=testbed_namespace)
    else:
        testbed.apply(pod("greedy", gpus=8), namespace=testbed_namespace)
        testbed.wait_running("greedy", testbed_namespace)


def test_limit_range_with_a_maximum_gives_gpus(testbed: Testbed, testbed_namespace: str) -> None:
    limits = {"limits": [{"type": "Container", "max": {GPU: "2"}}]}
    testbed.apply({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "max"}, "spec": limits}, namespace=testbed_namespace)
    path = f"/api/v1/namespaces/{testbed_namespace}/pods"
    init = [{"name": "init", "image": "busybox"}]

    def admitted() -> Any:  # the plugin learns of a LimitRange a moment later
        answer = testbed.client().request("POST", path, pod("web", initContainers=init), query={"dryRun": "All"})
        spec = answer.json()["spec"]
        return spec if "limits" in spec["containers"][0]["resources"] else None

    spec = testbed.wait("the limit range is in force", admitted)
    for container in (*spec["containers"], *spec["initContainers"]):
        assert container["resources"] == {"limits": {GPU: "2"}, "requests": {GPU: "2"}}


def test_pod_security_admission_rejects_a_privileged_pod(testbed: Testbed) -> None:
    namespace = testbed.namespace("secured", {"pod-security.kubernetes.io/enforce": "baseline"})
    privileged = pod("root")
    privileged["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    with pytest.raises(TestbedError, match=r'violates PodSecurity "baseline:latest": privileged'):
        testbed.apply(privileged, namespace=namespace)
    testbed.apply(pod("plain"), namespace=namespace)
    testbed.kubectl("delete", "namespace", namespace, "--wait=false")


def test_custom_resource(testbed: Testbed, testbed_namespace: str) -> None:
    crd = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: pytorchjobs.kubeflow.org}
spec:
  group: kubeflow.org
  scope: Namespaced
  names: {plural: pytorchjobs, singular: pytorchjob, kind: PyTorchJob}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""
    testbed.apply(crd)
    testbed.kubectl("wait", "--for=condition=Established", "crd/pytorchjobs.kubeflow.org")
    job = {"apiVersion": "kubeflow.org/v1", "kind": "PyTorchJob", "metadata": {"name": "llm"}, "spec": {"nprocPerNode": "8"}}
    testbed.apply(job, namespace=testbed_namespace)
    listed = testbed.get(f"/apis/kubeflow.org/v1/namespaces/{testbed_namespace}/pytorchjobs")
    assert [(each["metadata"]["name"], each["spec"]) for each in listed["items"]] == [("llm", {"nprocPerNode": "8"})]
    testbed.kubectl("delete", "crd", "pytorchjobs.kubeflow.org")


# -- faults -----------------------------------------------------------------------------------------------------------------------------


def test_api_server_restarts_with_its_data(testbed: Testbed, testbed_namespace: str) -> None:
    testbed.apply(pod("before"), namespace=testbed_namespace)
    client = testbed.client()
    assert client.get("/readyz").status == 200
    testbed.stop_apiserver()
    with pytest.raises(ConnectionError):
        client.get("/readyz")
    testbed.start_apiserver()
    assert client.get("/readyz").status == 200
    testbed.wait_running("before", testbed_namespace)
    testbed.apply(pod("after", gpus=1), namespace=testbed_namespace)  # scheduler and kwok are back
    assert testbed.wait_running("after", testbed_namespace)["spec"]["nodeName"] == "gpu-0"


def test_continue_token_expires(testbed: Testbed, testbed_namespace: str) -> None:
    testbed.apply([pod(f"page-{number}") for number in range(5)], namespace=testbed_namespace)
    path = f"/api/v1/namespaces/{testbed_namespace}/pods"
    token = testbed.get(path, limit=2)["metadata"]["continue"]
    assert len(testbed.get(path, limit=2, **{"continue": token})["items"]) == 2
    testbed.compact_etcd()
    answer = testbed.client().get(path, limit=2, **{"continue": token})
    assert (answer.status, answer.json()["reason"]) == (410, "Expired")
    rest = testbed.get(path, limit=2, **{"continue": answer.json()["metadata"]["continue"]})  # the inconsistent rest, if one wants it
    assert [each["metadata"]["name"] for each in rest["items"]] == ["page-2", "page-3"]
