"""The fates of pods in ``stages.py``, as the API server then shows them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testbed.cluster import Testbed
from tests.testbed.stages import ANNOTATION

pytestmark = pytest.mark.testbed


@pytest.fixture(scope="module", autouse=True)
def node(testbed: Testbed) -> Any:
    """One node for all."""
    testbed.add_gpu_node("staged", gpus=0)
    yield
    testbed.kubectl("delete", "node", "staged")


def run(testbed: Testbed, namespace: str, stage: str, init: tuple[str, ...] = ("first", "second")) -> Any:
    """The status of a pod with two init containers, once kwok has had its way with it."""
    spec = {
        "containers": [{"name": "main", "image": "registry.example/llm:1"}],
        "initContainers": [{"name": name, "image": "busybox"} for name in init],
    }
    metadata = {"name": "pod", "annotations": {ANNOTATION: stage}}
    testbed.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}, namespace=namespace)
    return testbed.wait_pod("pod", namespace, "kwok saw it", lambda found: found["status"].get("startTime"))["status"]


def conditions(status: Any) -> dict[str, str]:
    return {each["type"]: each["status"] for each in status["conditions"]}


def test_crash_loop(testbed: Testbed, testbed_namespace: str) -> None:
    status = run(testbed, testbed_namespace, "crash-loop")
    (main,) = status["containerStatuses"]
    assert (status["phase"], main["state"]["waiting"]["reason"], main["restartCount"]) == ("Running", "CrashLoopBackOff", 7)
    assert main["lastState"]["terminated"]["exitCode"] == 1
    assert conditions(status) | {"Ready": "False", "Initialized": "True", "PodScheduled": "True"} == conditions(status)


def test_image_pull_failure(testbed: Testbed, testbed_namespace: str) -> None:
    status = run(testbed, testbed_namespace, "image-pull-failure", init=())
    (main,) = status["containerStatuses"]
    assert (status["phase"], main["state"]["waiting"]["reason"], main["ready"]) == ("Pending", "ImagePullBackOff", False)
    assert "registry.example/llm:1" in main["state"]["waiting"]["message"]
    assert "initContainerStatuses" not in status


def test_init_stuck(testbed: Testbed, testbed_namespace: str) -> None:
    status = run(testbed, testbed_namespace, "init-stuck")
    first, second = status["initContainerStatuses"]
    assert (status["phase"], "running" in first["state"], second["state"]["waiting"]["reason"]) == ("Pending", True, "PodInitializing")
    assert status["containerStatuses"][0]["state"]["waiting"]["reason"] == "PodInitializing"
    assert conditions(status)["Initialized"] == "False"


def test_never_ready(testbed: Testbed, testbed_namespace: str) -> None:
    status = run(testbed, testbed_namespace, "never-ready")
    (main,) = status["containerStatuses"]
    assert (status["phase"], "running" in main["state"], main["ready"], main["started"]) == ("Running", True, False, True)
    assert [each["state"]["terminated"]["reason"] for each in status["initContainerStatuses"]] == ["Completed"] * 2
    assert conditions(status)["ContainersReady"] == "False"


def test_stuck_terminating(testbed: Testbed, testbed_namespace: str) -> None:
    assert run(testbed, testbed_namespace, "stuck-terminating")["phase"] == "Running"
    testbed.kubectl("delete", "pod", "pod", f"--namespace={testbed_namespace}", "--wait=false")
    testbed.wait_pod("pod", testbed_namespace, "it is terminating", lambda found: "deletionTimestamp" in found["metadata"])
    testbed.kubectl("delete", "pod", "pod", f"--namespace={testbed_namespace}", "--force", "--grace-period=0")


@pytest.mark.parametrize(("stage", "phase"), [(None, "Succeeded"), ("runs-for-ever", "Running")])
def test_job(testbed: Testbed, testbed_namespace: str, stage: str | None, phase: str) -> None:
    annotations = {ANNOTATION: stage} if stage else {}
    sidecar = {"name": "sidecar", "image": "busybox", "restartPolicy": "Always"}
    spec = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox"}], "initContainers": [sidecar]}
    template = {"metadata": {"annotations": annotations}, "spec": spec}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job"}, "spec": {"template": template}}
    testbed.apply(job, namespace=testbed_namespace)
    path = f"/api/v1/namespaces/{testbed_namespace}/pods"
    (pod,) = testbed.wait(phase, lambda: [each for each in testbed.get(path)["items"] if each["status"].get("phase") == phase])
    (status,) = pod["status"]["initContainerStatuses"]
    assert ("running" in status["state"], status["started"]) == (True, True)
    if phase == "Succeeded":
        finished = f"/apis/batch/v1/namespaces/{testbed_namespace}/jobs/job"
        testbed.wait("the job is complete", lambda: testbed.get(finished)["status"].get("succeeded") == 1)


def test_deleted_pods_go(testbed: Testbed, testbed_namespace: str) -> None:
    run(testbed, testbed_namespace, "runs")
    testbed.kubectl("delete", "pod", "pod", f"--namespace={testbed_namespace}", "--timeout=10s")


def test_node_status_is_the_tests_own(testbed: Testbed) -> None:
    conditions = [{"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": "container runtime is down"}]
    node = {"metadata": {"name": "ill", "annotations": {ANNOTATION: "own"}}, "status": {"conditions": conditions}}
    assert testbed.client().request("POST", "/api/v1/nodes", node).status == 201
    taints = testbed.wait("the node is tainted", lambda: testbed.get("/api/v1/nodes/ill")["spec"].get("taints"))
    assert "node.kubernetes.io/not-ready" in {taint["key"] for taint in taints}
    testbed.kubectl("delete", "node", "ill")
