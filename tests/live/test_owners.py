"""What folds into what: from pods to the object that a person edits."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from auditor.document import Document, ObjectRef, Owner
from auditor.live import fold, live_pod
from auditor.snapshot import Snapshot
from tests.live.objects import TEMPLATE, listing, made, pod


def folded(*documents: Document) -> tuple[list[str], dict[str, str]]:
    """Names of the objects that stand for themselves, and of the others the object that stands for them."""
    found = fold(documents)
    return (
        [document.ref.name for document in found.judged],
        {document.ref.name: found.root_of(document).ref.name for document in documents if found.root_of(document) is not document},
    )


def deployment(name: str = "llm", **more: Any) -> Document:
    return made("apps/v1", "Deployment", name, {"template": TEMPLATE}, **more)


def replica_set(name: str, owner: Document | None, **more: Any) -> Document:
    return made("apps/v1", "ReplicaSet", name, {"template": TEMPLATE}, owner=owner, **more)


def test_a_deployment_stands_for_all_its_replica_sets_and_pods() -> None:
    root = deployment()
    old, new = replica_set("llm-1", root), replica_set("llm-2", root)
    judged, roots = folded(pod("llm-2-a", new), pod("llm-2-b", new), old, new, root)
    assert judged == ["llm"]
    assert roots == dict.fromkeys(("llm-1", "llm-2", "llm-2-a", "llm-2-b"), "llm")


def test_a_cron_job_stands_for_jobs_and_pods() -> None:
    cron = made("batch/v1", "CronJob", "nightly", {"jobTemplate": {"spec": {"template": TEMPLATE}}})
    job = made("batch/v1", "Job", "nightly-1", {"template": TEMPLATE}, owner=cron)
    assert folded(cron, job, pod("nightly-1-x", job)) == (["nightly"], {"nightly-1": "nightly", "nightly-1-x": "nightly"})


def test_a_ray_job_stands_for_the_cluster_that_it_makes() -> None:
    cluster_spec = {"headGroupSpec": {"template": TEMPLATE}, "workerGroupSpecs": [{"groupName": "gpu", "template": TEMPLATE}]}
    job = made("ray.io/v1", "RayJob", "tune", {"rayClusterSpec": cluster_spec})
    ray = made("ray.io/v1", "RayCluster", "tune-abcde", cluster_spec, owner=job)
    head, worker = pod("tune-abcde-head", ray), pod("tune-abcde-worker", ray)
    assert folded(head, ray, worker, job)[0] == ["tune"]


def test_a_ray_job_that_only_uses_a_cluster_owns_none() -> None:
    job = made("ray.io/v1", "RayJob", "tune", {"clusterSelector": {"ray.io/cluster": "shared"}})
    ray = made("ray.io/v1", "RayCluster", "shared", {"headGroupSpec": {"template": TEMPLATE}})
    submitter = made("batch/v1", "Job", "tune-submit", {"template": TEMPLATE}, owner=job)
    judged, roots = folded(job, ray, submitter, pod("shared-head", ray), pod("tune-submit-x", submitter))
    assert judged == ["tune", "shared", "tune-submit"]
    assert roots == {"shared-head": "shared", "tune-submit-x": "tune-submit"}


def test_an_unknown_kind_that_describes_pods_by_their_shape_stands_for_them() -> None:
    robot = made("example.com/v1", "Robot", "r2", {"arms": [{"pod": TEMPLATE["spec"]}]})
    assert folded(robot, pod("r2-arm", robot)) == (["r2"], {"r2-arm": "r2"})


def test_an_unknown_kind_without_pods_leaves_its_deployment_alone() -> None:
    app = made("example.com/v1", "Model", "chat", {"size": "8b"})
    root = deployment(owner=app)
    judged, roots = folded(app, root, replica_set("llm-1", root))
    assert judged == ["chat", "llm"]
    assert roots == {"llm-1": "llm"}


@pytest.mark.parametrize("in_view", [True, False], ids=["it describes none", "it may not be listed, or is gone"])
def test_of_pods_that_nobody_describes_one_of_each_sort_is_judged(in_view: bool) -> None:
    app = made("example.com/v1", "Model", "chat", {"size": "8b"})
    pods = [*(pod(f"chat-{number}", app) for number in range(3)), *(pod(f"router-{number}", app, image="router:1") for number in range(2))]
    judged, roots = folded(*([app] if in_view else []), *pods)
    assert judged == [*(["chat"] if in_view else []), "chat-0", "router-0"]
    assert roots == {"chat-1": "chat-0", "chat-2": "chat-0", "router-1": "router-0"}


def test_pods_of_one_owner_in_two_namespaces_have_one_representative_each() -> None:
    app = made("example.com/v1", "Fleet", "all", {}, namespace="")
    pods = [pod(f"{namespace}-{number}", app, namespace=namespace) for namespace in "ab" for number in range(2)]
    assert folded(*pods)[0] == ["a-0", "b-0"]


def test_pods_of_two_owners_are_not_mixed() -> None:
    one, other = made("example.com/v1", "Model", "one", {}), made("example.com/v1", "Model", "other", {})
    assert folded(pod("a", one), pod("b", other))[0] == ["a", "b"]


def test_whether_pods_are_alike_does_not_depend_on_what_is_one_object_in_memory() -> None:
    app = made("example.com/v1", "Model", "chat", {})
    word = "".join(["mod", "el:", "12"])
    shared = [{"name": "model:12", "image": word, "resources": {"limits": {word: word}}}]
    apart = [{"name": "".join(["model:", "12"]), "image": "mod" + "el:12", "resources": {"limits": {"model:" + "12": "model:1" + "2"}}}]
    assert folded(*(pod(name, app, containers=containers) for name, containers in (("a", shared), ("b", apart))))[0] == ["a"]


def test_a_pod_that_a_pod_owns_follows_it() -> None:
    """A driver and its executors, where the driver's own owner is not in view: drivers that look alike have one representative."""
    gone = made("example.com/v1", "App", "etl", {})
    drivers = [pod(f"driver-{number}", gone) for number in range(2)]
    executors = [pod(f"executor-{number}", driver) for number, driver in enumerate(drivers)]
    judged, roots = folded(*drivers, *executors)
    assert judged == ["driver-0"]
    assert set(roots.values()) == {"driver-0"}


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_objects_that_own_each_other_in_a_circle_are_all_judged(length: int) -> None:
    names = [f"d-{number}" for number in range(length)]
    ring = [
        deployment(name, uid=f"uid-{name}", owner_uid=f"uid-{before}") for before, name in zip([names[-1], *names], names, strict=False)
    ]
    outside = pod("p", ring[0])
    for order in itertools.permutations([*ring, outside]):
        judged, roots = folded(*order)
        assert sorted(judged) == names
        assert roots["p"] in names


def test_a_chain_of_any_length_ends_at_its_first() -> None:
    chain = [deployment("d-0")]
    chain.extend(deployment(f"d-{number}", owner=chain[-1]) for number in range(1, 15))
    for number in range(1, 15):
        chain.append(deployment(f"e-{number}", owner=chain[-1]))
    judged, roots = folded(*chain)
    assert judged == ["d-0"]
    assert set(roots.values()) == {"d-0"}


def test_a_static_pod_is_nobodys() -> None:
    node = made("v1", "Node", "gpu-0", {}, namespace="")
    assert folded(node, pod("kube-proxy-gpu-0", node))[0] == ["gpu-0", "kube-proxy-gpu-0"]


def test_pods_without_owners_stand_for_themselves() -> None:
    assert folded(pod("a"), pod("b")) == (["a", "b"], {})


def test_what_is_no_workload_is_not_folded() -> None:
    """A Service of a RayCluster, a Secret of an operator: nobody but they says what they are."""
    ray = made("ray.io/v1", "RayCluster", "shared", {"headGroupSpec": {"template": TEMPLATE}})
    assert folded(ray, made("v1", "Service", "shared-head", {"ports": []}, owner=ray))[0] == ["shared", "shared-head"]


def test_the_first_of_two_controllers_counts() -> None:
    """The API server refuses them; an archive may hold anything."""
    one, other = deployment("one"), deployment("other")
    assert folded(one, other, pod("p", one, more_owners=[reference(other)])) == (["one", "other"], {"p": "one"})


def test_an_owner_that_is_no_controller_made_nothing() -> None:
    root = deployment()
    assert folded(root, pod("p", more_owners=[reference(root) | {"controller": False}]))[0] == ["llm", "p"]
    assert folded(root, pod("p", more_owners=[{key: value for key, value in reference(root).items() if key != "controller"}]))[0] == [
        "llm", "p",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "references",
    [
        None, "Deployment", 7, {}, {"controller": True}, [], [None], ["x"], [7], [[]], [{}],
        [{"controller": "true", "uid": "u"}], [{"controller": 1, "uid": "u"}], [{"controller": None}],
    ],
    ids=repr,
)  # fmt: skip
def test_owner_references_of_the_wrong_type_name_nobody(references: object) -> None:
    assert folded(deployment(uid="u"), pod("p", references=references), pod("q", references=references))[0] == ["llm", "p", "q"]


@pytest.mark.parametrize("uid", [None, 7, {}, [], {"a": []}], ids=repr)
@pytest.mark.parametrize("field", ["uid", "name", "kind", "apiVersion"])
def test_a_reference_with_a_field_of_the_wrong_type_still_names_an_owner(field: str, uid: object) -> None:
    owner = {"apiVersion": "example.com/v1", "kind": "Model", "name": "chat", "uid": "u-7", "controller": True, field: uid}
    judged, _ = folded(pod("p", references=[owner]), pod("q", references=[owner]), deployment(uid="None"))
    assert judged == ["p", "llm"]


def test_owners_without_a_uid_are_told_apart_by_their_names() -> None:
    def owner(name: str) -> dict[str, object]:
        return {"apiVersion": "example.com/v1", "kind": "Model", "name": name, "controller": True}

    assert folded(pod("a", references=[owner("x")]), pod("b", references=[owner("y")]))[0] == ["a", "b"]


@pytest.mark.parametrize("metadata", [None, [], "x", {"uid": None}, {"uid": 7}, {"uid": {}}], ids=repr)
def test_metadata_of_the_wrong_type_has_no_uid(metadata: object) -> None:
    document = Document.of_cluster(ObjectRef("apps", "v1", "Deployment", "a", "x"), {"metadata": metadata})
    assert (document.uid, document.owner) == ("", None)
    assert folded(document)[0] == ["x"]


def test_owner_is_known_of_documents_that_were_not_listed_too() -> None:
    raw = {"metadata": {"uid": "u", "ownerReferences": [reference(deployment())]}}
    document = Document(ObjectRef("", "v1", "Pod", "a", "p"), raw, file="x.yaml")
    assert document.uid == "u"
    assert document.owner == Owner("apps/v1", "Deployment", "llm", "uid-llm")
    assert document.owner.group == "apps"


# -- the pods of a workload ----------------------------------------------------------------------------------------------------------------


def snapshot(*documents: Document) -> Snapshot:
    return Snapshot(documents, listing=listing())


def test_a_workload_knows_its_pods_and_a_pod_its_workload() -> None:
    root = deployment()
    new = replica_set("llm-1", root)
    view = snapshot(root, new, pod("llm-1-b", new), pod("llm-1-a", new), pod("other"))
    workload = view.workloads[0]
    assert [one.ref.name for one in workload.pods] == ["llm-1-a", "llm-1-b"]
    assert {one.root for one in workload.pods} == {root.ref}
    assert view.workload_of_pod(workload.pods[0]) is workload
    assert [one.ref.name for one in view.workloads[1].pods] == ["other"]


def test_containers_that_no_template_holds_were_injected() -> None:
    containers = [*TEMPLATE["spec"]["containers"], {"name": "istio-proxy", "image": "proxy:1"}]
    statuses = [{"name": "main"}, {"name": "istio-proxy"}]
    root = deployment()
    view = snapshot(root, pod("p", root, containers=containers, status={"containerStatuses": statuses}), pod("q", root))
    assert view.workloads[0].injected_containers == ("istio-proxy",)


def test_a_container_that_has_not_started_was_injected_all_the_same() -> None:
    """A pod that waits for a node has no statuses yet."""
    root = deployment()
    containers = [*TEMPLATE["spec"]["containers"], {"name": "istio-proxy", "image": "proxy:1"}]
    view = snapshot(root, pod("p", root, containers=containers, status={"phase": "Pending"}))
    assert view.workloads[0].injected_containers == ("istio-proxy",)


def test_pods_that_ask_for_the_same_are_read_alike() -> None:
    def asking(*, gpus: str = "2", cpu: str = "1", init_gpus: str = "", restart: str | None = None, **more: Any) -> Mapping[str, Any]:
        main = {"name": "main", "image": "a:1", "resources": {"requests": {"cpu": cpu}, "limits": {"nvidia.com/gpu": gpus}}}
        init = [{"name": "init", "restartPolicy": restart, "resources": {"limits": {"nvidia.com/gpu": init_gpus}}}] if init_gpus else []
        document = pod("p", containers=[main], spec={"initContainers": init, **more})
        found = live_pod(document, document.ref)
        assert found.accelerators == found.template().accelerators
        assert found.requests() == found.template().total_requests
        return found.accelerators

    assert asking() == asking() == {"nvidia.com/gpu": 2}
    assert asking(init_gpus="4") == {"nvidia.com/gpu": 4}
    assert asking(init_gpus="4", restart="Always") == {"nvidia.com/gpu": 6}
    assert asking(gpus="0") == {}
    assert asking(cpu="500m", overhead={"cpu": "250m"}) == {"nvidia.com/gpu": 2}
    assert asking(resources={"requests": {"cpu": "8"}}) == {"nvidia.com/gpu": 2}


@pytest.mark.parametrize(
    "spec", [None, [], "x", {"containers": None}, {"containers": ["x", None]}, {"containers": "x", "overhead": 7}], ids=repr
)
def test_a_pod_of_the_wrong_shape_is_read(spec: object) -> None:
    document = Document.of_cluster(
        ObjectRef("", "v1", "Pod", "a", "p"), {"kind": "Pod", "metadata": {"uid": "u"}, "spec": spec, "status": spec}
    )
    found = live_pod(document, document.ref)
    assert (found.accelerators, found.requests(), found.node, found.containers) == ({}, {}, "", ())
    assert [pod.ref for pod in snapshot(document).pods] == ([document.ref] if isinstance(spec, dict) else [])  # without a spec it is none


def reference(document: Document) -> dict[str, Any]:
    version, kind = document.raw["apiVersion"], document.raw["kind"]
    return {"apiVersion": version, "kind": kind, "name": document.ref.name, "uid": document.uid, "controller": True}
