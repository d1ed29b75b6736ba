"""What controllers and operators make, on a real API server: one workload, one finding for each fault, and what its pods are up to.

No operator runs here: what one would make is made with its ownerReferences. Deployments, ReplicaSets and Jobs are made by the real
controllers, pods are placed by the real scheduler, and the kubelets are simulated.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from auditor.cli import cli
from auditor.cli.live import WORKLOADS
from auditor.live import LivePod
from auditor.snapshot import Snapshot
from auditor.source.cluster import connect, read_cluster
from auditor.workload import Workload
from tests.testbed.cluster import Testbed
from tests.testbed.definitions import define, plural
from tests.testbed.stages import ANNOTATION

pytestmark = pytest.mark.testbed

NODES = ("owners-0", "owners-1")
KINDS = (
    ("kubeflow.org", "PyTorchJob", "v1"), ("ray.io", "RayJob", "v1"), ("ray.io", "RayCluster", "v1"),
    ("owners.example.com", "Assistant", "v1"), ("owners.example.com", "Department", "v1"),
)  # fmt: skip
ROLE = "owners-all-but-assistants"
FAULT = "image-tag-floating"  # every image here floats: one such finding for each workload
Object = dict[str, Any]


def container(image: str = "ghcr.io/example/main:latest", **more: Any) -> Object:
    return {"name": "main", "image": image, "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}}, **more}


def template(**more: Any) -> Object:
    return {"metadata": {"labels": {"app": "owners"}}, "spec": {"containers": [container()], **more}}


class Maker:
    """Makes objects in one namespace."""

    def __init__(self, testbed: Testbed, namespace: str) -> None:
        self.testbed, self.namespace = testbed, namespace

    def create(self, version: str, kind: str, name: str, spec: Object, owner: Object | None = None, **metadata: Any) -> Object:
        """An object, owned by a controller that was made before."""
        owners = [reference(owner)] if owner else []
        body = {
            "apiVersion": version, "kind": kind, "spec": spec,
            "metadata": {"name": name, **({"ownerReferences": owners} if owners else {}), **metadata},
        }  # fmt: skip
        answer = self.testbed.client().request("POST", self.path(version, kind), body)
        assert answer.status == 201, answer.body
        made: Object = answer.json()
        return {"apiVersion": version, "kind": kind, **made}

    def pod(self, name: str, owner: Object | None = None, stage: str = "", **more: Any) -> Object:
        metadata = {"labels": {"made-by": "owners"}, **more.pop("metadata", {})}
        if stage:
            metadata["annotations"] = {ANNOTATION: stage}
        spec = {"containers": [container()], **more}
        return self.create("v1", "Pod", name, spec, owner, **metadata)

    def path(self, version: str, kind: str, name: str = "") -> str:
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        return "/".join(filter(None, (root, "namespaces", self.namespace, plural(kind), name)))

    def patch(self, made: Object, patch: Object) -> None:
        path = self.path(made["apiVersion"], made["kind"], made["metadata"]["name"])
        answer = self.testbed.client().request("PATCH", path, patch, content_type="application/merge-patch+json")
        assert answer.status == 200, answer.body


def reference(owner: Object) -> Object:
    return {
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"],
        "controller": True,
    }  # fmt: skip


class View:
    """The report on a namespace, and the snapshot that it was made of."""

    def __init__(self, testbed: Testbed, namespace: str, user: str = "admin") -> None:
        config = str(testbed.kubeconfig(user))
        answer = CliRunner().invoke(cli, ["cluster", "--kubeconfig", config, "-f", "json"], standalone_mode=False)
        assert answer.exception is None, answer.output
        report = json.loads(answer.stdout)
        assert report["failures"] == []
        self.findings = [found for found in report["findings"] if (found["object"] or {}).get("namespace") == namespace]
        documents, listing = read_cluster(connect(config, None, 60), WORKLOADS)
        self.snapshot = Snapshot(documents, listing=listing)
        self.namespace = namespace

    def at_fault(self, beginning: str = "") -> Counter[str]:
        """How many findings of the one fault each object has."""
        return Counter(
            f"{found['object']['kind']} {found['object']['name']}"
            for found in self.findings
            if found["rule"] == FAULT and found["object"]["name"].startswith(beginning)
        )

    def workload(self, kind: str, name: str) -> Workload:
        (found,) = (
            one for one in self.snapshot.workloads if (one.ref.kind, one.ref.namespace, one.ref.name) == (kind, self.namespace, name)
        )
        return found

    def pod(self, name: str) -> LivePod:
        (found,) = (one for one in self.snapshot.pods if (one.ref.namespace, one.ref.name) == (self.namespace, name))
        return found


@pytest.fixture(scope="module")
def cluster(testbed: Testbed) -> Iterator[Maker]:
    for name in NODES:
        testbed.add_gpu_node(name, gpus=0, wait=False)
    testbed.wait_nodes(*NODES)
    define(testbed, KINDS)
    listed = [(group, resource) for group, resource in (("", "pods"), ("", "namespaces"), ("apps", "deployments"), ("apps", "replicasets"))]
    testbed.apply(
        [
            {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "owners-high"}, "value": 1000},
            {
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": ROLE},
                "rules": [{"apiGroups": [group], "resources": [resource], "verbs": ["list", "get"]} for group, resource in listed],
            },
            {
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": ROLE},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ROLE},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "auditor"}],
            },
        ]
    )  # fmt: skip
    namespace = testbed.namespace("owners")
    yield Maker(testbed, namespace)
    testbed.client().request("DELETE", f"/api/v1/namespaces/{namespace}")
    for path in (
        *(f"/api/v1/nodes/{name}" for name in NODES),
        f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{ROLE}",
        f"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/{ROLE}",
        "/apis/scheduling.k8s.io/v1/priorityclasses/owners-high",
        *(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{plural(kind)}.{group}" for group, kind, _ in KINDS[3:]),
    ):
        testbed.client().request("DELETE", path)


@pytest.fixture(scope="module")
def view(cluster: Maker) -> View:
    """Everything is made, then one command is run."""
    by_controllers(cluster)
    by_operators(cluster)
    by_nobody(cluster)
    cluster.testbed.wait("every pod has its fate", lambda: len(made_pods(cluster)) == 79 and not waiting(cluster), timeout=90)
    return View(cluster.testbed, cluster.namespace)


def made_pods(cluster: Maker) -> list[Object]:
    found: list[Object] = cluster.testbed.get(cluster.path("v1", "Pod"), labelSelector="made-by=owners")["items"]
    return found


def waiting(cluster: Maker) -> list[str]:
    """Pods that no kubelet has seen."""
    names = [pod["metadata"]["name"] for pod in made_pods(cluster) if "startTime" not in pod["status"]]
    return [name for name in names if name != "nowhere"]


def by_controllers(cluster: Maker) -> None:
    testbed, selected = cluster.testbed, {"matchLabels": {"app": "owners"}}
    llm = cluster.create("apps/v1", "Deployment", "llm", {"replicas": 2, "selector": selected, "template": template()})
    testbed.wait_available("llm", cluster.namespace)
    cluster.patch(llm, {"spec": {"template": template(terminationGracePeriodSeconds=5)}})  # a second ReplicaSet; the first stays
    testbed.wait("it has two ReplicaSets", lambda: len(replica_sets(cluster)) == 2)
    testbed.wait_available("llm", cluster.namespace)
    job = {"template": {"metadata": {"annotations": {ANNOTATION: "hold"}}, "spec": {**template()["spec"], "restartPolicy": "Never"}}}
    nightly = cluster.create("batch/v1", "CronJob", "nightly", {"schedule": "0 3 1 1 *", "jobTemplate": {"spec": job}})
    cluster.create("batch/v1", "Job", "nightly-1", job | {"parallelism": 2}, nightly)
    pods = {"labelSelector": "job-name=nightly-1", "fieldSelector": "status.phase=Running"}
    testbed.wait("the Job's pods run", lambda: len(testbed.get(cluster.path("v1", "Pod"), **pods)["items"]) == 2)


def replica_sets(cluster: Maker) -> list[Object]:
    found: list[Object] = cluster.testbed.get(cluster.path("apps/v1", "ReplicaSet"))["items"]
    return found


def by_operators(cluster: Maker) -> None:
    replicas = {"Worker": {"replicas": 64, "template": template()}}
    train = cluster.create("kubeflow.org/v1", "PyTorchJob", "train", {"pytorchReplicaSpecs": replicas})
    for index in range(63):
        cluster.pod(f"train-worker-{index}", train)
    injected = [container(), {"name": "istio-proxy", "image": "proxy:1.0"}]
    cluster.pod("train-worker-63", train, containers=injected, priorityClassName="owners-high")
    ray = {"headGroupSpec": {"template": template()}}
    tune = cluster.create("ray.io/v1", "RayJob", "tune", {"rayClusterSpec": ray})
    cluster.pod("tune-x-head", cluster.create("ray.io/v1", "RayCluster", "tune-x", ray, tune))
    version = "owners.example.com/v1"
    chat = cluster.create(version, "Assistant", "chat", {"size": "8b"})
    for index in range(3):
        cluster.pod(f"chat-{index}", chat)
    search = cluster.create(version, "Assistant", "search", {"size": "8b"})
    selected = {"matchLabels": {"app": "search"}}
    inner = {"metadata": {"labels": {"app": "search"}}, "spec": {"containers": [container()]}}
    cluster.create("apps/v1", "Deployment", "search-server", {"replicas": 1, "selector": selected, "template": inner}, search)
    cluster.testbed.wait_available("search-server", cluster.namespace)
    # Only an object of a kind that nobody listed says that there is a Department.
    sales = cluster.create(version, "Department", "sales", {"staff": {"template": template()}})
    helper = cluster.create(version, "Assistant", "sales-helper", {}, sales)
    cluster.pod("sales-helper-0", helper)
    departed = {"apiVersion": "departed.example.com/v1", "kind": "Operator", "metadata": {"name": "gone", "uid": "00000000-dead"}}
    for index in range(2):
        cluster.pod(f"gone-{index}", departed)  # its definition was removed, so that the garbage collector cannot ask for it


def by_nobody(cluster: Maker) -> None:
    testbed = cluster.testbed
    node = {"apiVersion": "v1", "kind": "Node", **testbed.get(f"/api/v1/nodes/{NODES[0]}")}
    cluster.pod("static-owners-0", node, nodeName=NODES[0])
    cluster.pod("bare")
    cluster.pod("crashing", stage="crash-loop")
    cluster.pod("no-image", stage="image-pull-failure")
    cluster.pod("starting", stage="init-stuck", initContainers=[container() | {"name": "init"}, container() | {"name": "after"}])
    cluster.pod("unready", stage="never-ready")
    cluster.pod("leaving", stage="stuck-terminating")
    cluster.pod("nowhere", nodeSelector={"owners": "nowhere"})
    testbed.wait_pending("nowhere", cluster.namespace)
    testbed.wait_running("leaving", cluster.namespace)
    testbed.client().request("DELETE", cluster.path("v1", "Pod", "leaving"))
    scaled_down = {"replicas": 0, "selector": {"matchLabels": {"app": "ring"}}}
    inner = {"metadata": {"labels": {"app": "ring"}}, "spec": {"containers": [container()]}}
    ring = [cluster.create("apps/v1", "Deployment", f"ring-{index}", {**scaled_down, "template": inner}) for index in range(3)]
    for index, one in enumerate(ring):
        cluster.patch(one, {"metadata": {"ownerReferences": [reference(ring[index - 1])]}})


# -- one workload, one finding for each fault ---------------------------------------------------------------------------------------------


def test_each_workload_has_each_fault_once(view: View) -> None:
    assert view.at_fault() == {
        "Deployment llm": 1, "CronJob nightly": 1, "PyTorchJob train": 1, "RayJob tune": 1, "Pod chat-0": 1, "Deployment search-server": 1,
        "Department sales": 1, "Pod gone-0": 1, "Pod static-owners-0": 1, "Pod bare": 1, "Pod crashing": 1, "Pod no-image": 1,
        "Pod starting": 3, "Pod unready": 1, "Pod leaving": 1, "Pod nowhere": 1, "Deployment ring-0": 1, "Deployment ring-1": 1,
        "Deployment ring-2": 1,
    }  # fmt: skip
    assert max(Counter(found["fingerprint"] for found in view.findings).values()) == 1


def test_nothing_that_a_controller_made_is_judged(view: View) -> None:
    made = {"ReplicaSet", "Job", "RayCluster"}
    assert {found["object"]["kind"] for found in view.findings} & made == set()
    assert {kind for kind in made if any(one.ref.namespace == view.namespace for one in view.snapshot.by_kind(kind))} == set()


@pytest.mark.parametrize(
    ("kind", "name", "pods"),
    [
        ("CronJob", "nightly", 2), ("PyTorchJob", "train", 64), ("RayJob", "tune", 1), ("Department", "sales", 1), ("Pod", "chat-0", 3),
        ("Deployment", "search-server", 1), ("Pod", "gone-0", 2), ("Pod", "static-owners-0", 1), ("Pod", "bare", 1),
        ("Deployment", "ring-0", 0),
    ],
)  # fmt: skip
def test_a_workload_has_all_the_pods_that_were_folded_into_it(view: View, kind: str, name: str, pods: int) -> None:
    workload = view.workload(kind, name)
    assert len(workload.pods) == pods
    assert {str(pod.root) for pod in workload.pods} <= {str(workload.ref)}
    assert all(view.snapshot.workload_of_pod(pod) is workload for pod in workload.pods)


def test_a_deployment_has_the_pods_of_its_new_replica_set(cluster: Maker, view: View) -> None:
    mine = [one for one in replica_sets(cluster) if one["metadata"]["ownerReferences"][0]["name"] == "llm"]
    assert len(mine) == 2
    alive = [pod for pod in view.workload("Deployment", "llm").pods if pod.deleted is None]
    assert len(alive) == 2
    assert all(pod.node in NODES for pod in alive)


def test_what_may_not_be_listed_is_stood_for_by_a_pod(cluster: Maker, view: View) -> None:
    less = View(cluster.testbed, cluster.namespace, "auditor")
    assert less.at_fault("llm") == view.at_fault("llm")
    assert less.at_fault("search") == view.at_fault("search")
    assert sorted(less.at_fault("train")) == ["Pod train-worker-0", "Pod train-worker-63"]  # two sorts: one has an injected container
    assert sum(less.at_fault("nightly").values()) == 1
    assert sorted(less.at_fault("chat")) == ["Pod chat-0"]
    assert sorted(less.at_fault("sales")) == ["Pod sales-helper-0"]
    assert len(less.workload("Pod", "train-worker-0").pods) == 63


def test_a_finding_names_who_is_to_be_changed(view: View) -> None:
    (found,) = (one for one in view.findings if one["rule"] == FAULT and one["object"]["name"] == "chat-0")
    assert found["remediation"].endswith("Assistant chat makes this object: change it there")


def test_the_api_server_refuses_two_controllers(cluster: Maker, view: View) -> None:
    owner = reference({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "uid": "u"}})
    body = {"metadata": {"name": "two", "ownerReferences": [owner, owner | {"uid": "v"}]}, "spec": {"containers": [container()]}}
    assert cluster.testbed.client().request("POST", cluster.path("v1", "Pod"), body).status == 422


# -- facts --------------------------------------------------------------------------------------------------------------------------------


def test_a_running_pod(view: View) -> None:
    pod = view.pod("train-worker-0")
    assert (pod.phase, pod.ready, pod.placed, pod.finished, pod.waiting_for_node) == ("Running", True, True, False, False)
    assert pod.node in NODES
    assert (pod.restarts, pod.unschedulable, pod.deleted) == (0, "", None)
    assert pod.created is not None
    assert pod.started is not None
    assert pod.created <= pod.started


def test_what_admission_resolved(view: View) -> None:
    assert (view.pod("train-worker-63").priority, view.pod("train-worker-0").priority) == (1000, 0)


def test_what_was_injected(view: View) -> None:
    assert view.workload("PyTorchJob", "train").injected_containers == ("istio-proxy",)
    assert view.workload("RayJob", "tune").injected_containers == ()


@pytest.mark.parametrize(
    ("name", "phase", "ready", "states", "restarts"),
    [
        ("crashing", "Running", False, [("waiting", "CrashLoopBackOff", "Error")], 7),
        ("no-image", "Pending", False, [("waiting", "ImagePullBackOff", "")], 0),
        ("starting", "Pending", False, [("running", "", ""), ("waiting", "PodInitializing", ""), ("waiting", "PodInitializing", "")], 0),
        ("unready", "Running", False, [("running", "", "")], 0),
        ("bare", "Running", True, [("running", "", "")], 0),
    ],
)
def test_fates(view: View, name: str, phase: str, ready: bool, states: list[tuple[str, str, str]], restarts: int) -> None:
    pod = view.pod(name)
    assert (pod.phase, pod.ready, pod.restarts) == (phase, ready, restarts)
    assert [(one.state, one.reason, one.last_reason) for one in pod.containers] == states
    assert pod.placed
    assert view.workload("Pod", name).pods == (pod,)


def test_a_pod_that_is_going(view: View) -> None:
    pod = view.pod("leaving")
    assert pod.deleted is not None
    assert pod.placed  # it holds what it has until it is gone


def test_a_pod_without_a_node(view: View) -> None:
    pod = view.pod("nowhere")
    assert (pod.node, pod.phase, pod.waiting_for_node, pod.placed, pod.containers) == ("", "Pending", True, False, ())
    assert "didn't match Pod's node affinity/selector" in pod.unschedulable
    assert pod.container_names == ("main",)


def test_what_a_controller_says_of_its_workload(cluster: Maker, view: View) -> None:
    """A quota refuses the pods: only the Deployment's conditions say so, as there is no pod that could."""
    assert view.workload("Deployment", "llm").conditions["Available"]["status"] == "True"
    testbed, namespace = cluster.testbed, cluster.testbed.namespace("owners-quota")
    refused = Maker(testbed, namespace)
    try:
        refused.create("v1", "ResourceQuota", "none", {"hard": {"pods": "0"}})
        testbed.wait("the quota counts", lambda: testbed.get(refused.path("v1", "ResourceQuota", "none")).get("status"))
        selected = {"matchLabels": {"app": "owners"}}
        refused.create("apps/v1", "Deployment", "refused", {"replicas": 1, "selector": selected, "template": template()})
        path = refused.path("apps/v1", "Deployment", "refused")
        testbed.wait("it says so", lambda: "ReplicaFailure" in json.dumps(testbed.get(path)["status"]))
        workload = View(testbed, namespace).workload("Deployment", "refused")
        assert workload.pods == ()
        assert workload.conditions["ReplicaFailure"]["status"] == "True"
        assert "exceeded quota: none" in workload.conditions["ReplicaFailure"]["message"]
    finally:
        testbed.client().request("DELETE", f"/api/v1/namespaces/{namespace}")
