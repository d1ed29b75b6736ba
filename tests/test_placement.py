"""Which pods are said to fit on no node, by which rule and how surely: the cases that the scheduler itself cannot decide."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest

from auditor.config import Settings
from auditor.document import Document
from auditor.engine import evaluate
from auditor.finding import Finding
from auditor.kinds import KINDS
from auditor.listing import Listing, NotListed
from auditor.live import Taint
from auditor.live.provisioning import node_pools
from auditor.live.scheduling import Toleration, needs_of
from auditor.registry import load_rules
from auditor.snapshot import Snapshot
from auditor.source.cluster import CONTEXT
from auditor.source.text import read_text
from auditor.workload import Workload

ZONE = "topology.kubernetes.io/zone"
GPU = "nvidia.com/gpu"
TOLERATION, LABELS, SIZE = "gpu-toleration-missing", "node-selector-unmatched", "pod-larger-than-any-node"
RULES = [load_rules()[name] for name in (TOLERATION, LABELS, SIZE)]
Object = dict[str, Any]


def listing(*missing: str) -> Listing:
    asked = frozenset({(row.group, row.kind) for row in KINDS} | CONTEXT)
    return Listing(
        taken=datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC), server="test", version=(1, 36), namespace="", listed=(),
        not_listed=tuple(NotListed(kind.lower(), "forbidden", "", kind) for kind in missing), asked=asked, requests=0,
    )  # fmt: skip


def documents(*objects: Object) -> list[Document]:
    text = "\n---\n".join(json.dumps(one) for one in objects)
    return [item for item in read_text(text, "test.yaml") if isinstance(item, Document)]


def judge(*objects: Object, missing: tuple[str, ...] = ()) -> list[Finding]:
    snapshot = Snapshot(documents(*objects), listing=listing(*missing))
    outcome = evaluate(snapshot, RULES, Settings(rules=frozenset(rule.name for rule in RULES)))
    assert outcome.failures == []
    if missing:
        assert {one.rule for one in outcome.skipped} == {TOLERATION, LABELS, SIZE}
    return outcome.findings


def said(*objects: Object) -> list[tuple[str, str, str]]:
    return [(one.rule, str(one.severity), str(one.confidence)) for one in judge(*objects)]


def node(
    name: str = "n", *, taints: tuple[str, ...] = (), labels: Object | None = None, gpus: int = 0, cpu: int = 8, **spec: Any
) -> Object:
    """A node; a taint is written ``key=value:Effect``."""
    resources = {"cpu": str(cpu), "memory": "64Gi", "pods": "110"} | ({GPU: str(gpus)} if gpus else {})
    split = [(*text.partition(":")[0].partition("=")[::2], text.partition(":")[2]) for text in taints]
    return {
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels or {}},
        "spec": {"taints": [{"key": key, "value": value, "effect": effect} for key, value, effect in split], **spec},
        "status": {"allocatable": resources, "capacity": resources},
    }  # fmt: skip


def template(*, gpus: int = 0, cpu: int = 1, **spec: Any) -> Object:
    resources = {"requests": {"cpu": str(cpu)}, "limits": {GPU: str(gpus)} if gpus else {}}
    return {
        "metadata": {"labels": {"app": "x"}},
        "spec": {"containers": [{"name": "main", "image": "a:1", "resources": resources}], **spec},
    }


def pod(name: str = "p", *, owner: str = "", on: str = "", phase: str = "", **more: Any) -> Object:
    made = template(**more)
    metadata = made["metadata"] | {"name": name, "namespace": "a", "creationTimestamp": "2026-11-25T11:17:00Z"}
    if owner:
        metadata["ownerReferences"] = [{"kind": "x", "name": owner, "uid": owner, "controller": True}]
    spec = made["spec"] | ({"nodeName": on} if on else {})
    status = {"phase": phase or ("Running" if on else "Pending")}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}


def owner(
    kind: str = "Deployment", *, labels: Object | None = None, status: Object | None = None, fields: Object | None = None, **more: Any
) -> Object:
    """A Deployment, Job, CronJob or DaemonSet with the uid ``w``."""
    group = "batch" if kind in ("Job", "CronJob") else "apps"
    spec: Object = {"template": template(**more)}
    if kind == "CronJob":
        spec = {"schedule": "0 3 * * *", "jobTemplate": {"spec": spec}}
    return {
        "apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": "w", "namespace": "a", "uid": "w", "labels": labels or {}},
        "spec": spec | ({"replicas": 1} if kind == "Deployment" else {}) | (fields or {}), "status": status or {},
    }  # fmt: skip


TAINTED = node("gpu-0", taints=(f"{GPU}=present:NoSchedule",), gpus=8)
TOLERATES = [{"key": GPU, "operator": "Exists"}]
OTHER = owner() | {"metadata": {"name": "v", "namespace": "a", "uid": "v"}, "spec": {"template": template(gpus=2)}}
KUEUE = {"kueue.x-k8s.io/queue-name": "team"}


# -- one finding, from the rule that names the cause --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("objects", "rules"),
    [
        ([node(), TAINTED, pod(gpus=1)], [TOLERATION]),
        ([node(), TAINTED, pod(gpus=16)], [SIZE]),
        ([node(), TAINTED, pod(gpus=16, nodeSelector={"zone": "a"})], [LABELS]),
        ([node(), TAINTED, pod(gpus=1, tolerations=TOLERATES)], []),
        ([node(cpu=4), pod(cpu=5)], [SIZE]),
        # an ordinary pod: where every node is tainted the cluster lacks nodes; one that chose tainted nodes chose wrongly
        ([TAINTED, pod()], []),
        ([node(), node("m", taints=("team=a:NoSchedule",), labels={"zone": "a"}), pod(nodeSelector={"zone": "a"})], [LABELS]),
        ([node(), TAINTED | {"metadata": {"name": "g", "labels": {"zone": "a"}}}, pod(nodeSelector={"zone": "a"})], [TOLERATION]),
        ([node(), node("m", taints=("team=a:PreferNoSchedule",), gpus=1), pod(gpus=1)], []),
        ([node(), owner(nodeName="gone")], [LABELS]),
        ([node(taints=("team=a:NoSchedule",)), owner(nodeName="n")], []),  # past the scheduler
    ],
)
def test_one_cause(objects: list[Object], rules: list[str]) -> None:
    assert [rule for rule, _, _ in said(*objects)] == rules
    assert [(severity, confidence) for _, severity, confidence in said(*objects)] == [("high", "high")] * len(rules)


@pytest.mark.parametrize(
    "state",
    [
        node(unschedulable=True, taints=("node.kubernetes.io/unschedulable=:NoSchedule",), gpus=1),
        node(taints=("node.kubernetes.io/not-ready=:NoExecute",), gpus=1),
        node(taints=("node.cloudprovider.kubernetes.io/uninitialized=true:NoSchedule",), gpus=1),
        node(taints=("ToBeDeletedByClusterAutoscaler=1:NoSchedule",), gpus=1),
        node() | {"status": {"allocatable": {"cpu": "8", "pods": "9", GPU: "0"}, "capacity": {"cpu": "8", "pods": "9", GPU: "1"}}},
        node() | {"status": {}},
    ],
)
def test_what_passes_is_no_cause(state: Object) -> None:
    assert said(state, pod(gpus=1)) == []


# -- which pods are judged ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "objects",
    [
        [owner(gpus=1), pod(owner="w", on="gpu-0", gpus=1)],  # it runs, however it got there
        [owner(gpus=1), pod(owner="w", gpus=1, tolerations=TOLERATES)],  # admission gave it the toleration
        [owner("CronJob", gpus=1), OTHER,
         pod(owner="v", on="gpu-0", gpus=2, tolerations=TOLERATES)],  # … as it gives it to others
        [owner(gpus=1, fields={"replicas": 0})],
        [owner("Job", gpus=1, fields={"suspend": True})],
        [owner("Job", gpus=1, labels=KUEUE, fields={"suspend": True})],  # the queue adds tolerations
        [owner("CronJob", gpus=1, fields={"suspend": True})],
        [owner("Job", gpus=1, status={"conditions": [{"type": "Failed", "status": "True"}]})],
        [owner("Job", gpus=1, fields={"managedBy": "kueue.x-k8s.io/multikueue"})],
        [pod(gpus=1, phase="Succeeded")],
        [owner(gpus=1), pod(owner="w", gpus=1, schedulingGates=[{"name": "kueue.x-k8s.io/admission"}])],
        [owner("DaemonSet", gpus=1)],
        [owner("DaemonSet", nodeSelector={"zone": "b"})],
    ],
)  # fmt: skip
def test_silent(objects: list[Object]) -> None:
    assert said(node(), TAINTED, *objects) == []


@pytest.mark.parametrize(
    "objects",
    [
        [owner("Job", gpus=16, labels=KUEUE, fields={"suspend": True})],  # the queue lets it in, and it waits inside
        [owner(gpus=16), pod(owner="w", gpus=16, schedulingGates=[{"name": "kueue.x-k8s.io/admission"}])],
        [owner("DaemonSet", cpu=9, tolerations=[{"operator": "Exists"}])],
        [owner("CronJob", gpus=16)],
    ],
)
def test_size_is_judged_of_what_is_held_back(objects: list[Object]) -> None:
    assert [rule for rule, _, _ in said(node(), TAINTED, *objects)] == [SIZE]


def test_a_rollout_that_hangs_is_found_beside_pods_that_run() -> None:
    old, new = pod("old", owner="w", on="n"), pod("new", owner="w", nodeSelector={"zone": "b"})
    assert [rule for rule, _, _ in said(node(), owner(nodeSelector={"zone": "b"}), old, new)] == [LABELS]


def test_a_job_that_lacks_workers_is_found_beside_its_master() -> None:
    def replica(kind: str, **more: Any) -> Object:
        made = template(**more)
        return {"replicas": 1, "template": made | {"metadata": {"labels": {"replica": kind}}}}

    job = {
        "apiVersion": "kubeflow.org/v1", "kind": "PyTorchJob", "metadata": {"name": "w", "namespace": "a", "uid": "w"},
        "spec": {"pytorchReplicaSpecs": {"Master": replica("master", gpus=1), "Worker": replica("worker", gpus=16)}},
    }  # fmt: skip
    master, worker = pod("m", owner="w", on="n", gpus=1), pod("v", owner="w", gpus=16)
    master["metadata"]["labels"], worker["metadata"]["labels"] = {"replica": "master"}, {"replica": "worker"}
    (finding,) = judge(node(gpus=8), job, master, worker)
    assert (finding.rule, finding.path) == (
        SIZE, f'spec.pytorchReplicaSpecs.Worker.template.spec.containers[0].resources.limits["{GPU}"]',
    )  # fmt: skip


def test_nodes_and_pods_must_be_in_view() -> None:
    assert judge(TAINTED, pod(gpus=16), missing=("Node",)) == []
    assert judge(TAINTED, pod(gpus=16), missing=("Pod",)) == []
    assert judge(pod(gpus=16)) == []


# -- how surely ---------------------------------------------------------------------------------------------------------------------------


def test_a_taint_with_the_name_of_the_resource_may_be_tolerated_by_admission() -> None:
    assert said(TAINTED, owner("CronJob", gpus=1)) == [(TOLERATION, "high", "medium")]
    assert said(TAINTED, owner("CronJob", gpus=1), pod(gpus=1)) == [(TOLERATION, "high", "high")] * 2
    gke = TAINTED | {"metadata": {"name": "g", "labels": {"cloud.google.com/gke-nodepool": "x"}}}
    assert said(gke, owner("CronJob", gpus=1)) == []


@pytest.mark.parametrize("cloud", [node(labels={"eks.amazonaws.com/nodegroup": "x"}), node(providerID="aws:///eu/i-1")])
def test_a_cloud_may_add_nodes(cloud: Object) -> None:
    assert said(cloud, pod(gpus=1)) == [(SIZE, "high", "medium")]
    assert said(cloud, pod(nodeSelector={"zone": "b"})) == [(LABELS, "high", "medium")]


def test_a_node_pool_may_add_nodes_for_a_quarter_of_an_hour() -> None:
    pool = {"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": "gpus"}, "spec": {"template": {"spec": {}}}}
    young, old = pod(gpus=1), pod(gpus=1)
    young["metadata"]["creationTimestamp"] = "2026-11-25T11:50:00Z"
    assert said(node(), pool, young) == []
    assert said(node(), pool, owner("CronJob", gpus=1)) == []
    (finding,) = judge(node(), pool, old)
    assert (finding.rule, str(finding.severity)) == (SIZE, "info")
    assert "has not in 43 minutes" in finding.message
    tainted = pool | {"spec": {"template": {"spec": {"taints": [{"key": "team", "effect": "NoSchedule"}]}}}}
    assert said(node(), tainted, old) == [(SIZE, "high", "high")]


def test_a_resource_that_a_dra_driver_supplies_is_not_missing() -> None:
    device_class = {"apiVersion": "resource.k8s.io/v1", "kind": "DeviceClass", "metadata": {"name": "gpu.nvidia.com"}}
    assert said(node(), device_class, pod(gpus=1)) == [(SIZE, "high", "high")]
    assert said(node(), device_class | {"spec": {"extendedResourceName": GPU}}, pod(gpus=1)) == []


def test_a_claim_is_for_the_nodes_with_such_devices() -> None:
    claims = [{"name": "gpu", "resourceClaimTemplateName": "one"}]
    request = {"name": "gpu", "exactly": {"deviceClassName": "gpu.nvidia.com"}}
    made = {
        "apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaimTemplate", "metadata": {"name": "one", "namespace": "a"},
        "spec": {"spec": {"devices": {"requests": [request]}}},
    }  # fmt: skip
    offer = {
        "apiVersion": "resource.k8s.io/v1", "kind": "ResourceSlice", "metadata": {"name": "s"},
        "spec": {"nodeName": "m", "driver": "gpu.nvidia.com", "pool": {"name": "m"}, "devices": [{"name": "gpu-0"}]},
    }  # fmt: skip
    tainted = node("m", taints=("team=a:NoSchedule",))
    assert said(node(), tainted, offer, made, pod(resourceClaims=claims)) == [(TOLERATION, "high", "high")]
    assert said(node(), tainted, made, pod(resourceClaims=claims)) == []  # what drivers offer is not in view


# -- what is said -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("objects", "message", "remedy"),
    [
        (
            [node(labels={"product": "NVIDIA-A100-SXM4-80GB"}), pod(nodeSelector={"product": "NVIDIA-A100-80GB"})],
            "chooses nodes with product=NVIDIA-A100-80GB, and the nodes have NVIDIA-A100-SXM4-80GB there",
            "write `NVIDIA-A100-SXM4-80GB`",
        ),
        (
            [node(labels={"a": "1", "b": "1"}), node("m", labels={"a": "2", "b": "2"}), pod(nodeSelector={"a": "1", "b": "2"})],
            "chooses nodes with a=1,b=2, and no node has all of that",
            "ask for labels that one node has together",
        ),
        (
            [node(gpus=4), node("m", gpus=8), pod(gpus=16)],
            "requests 16 nvidia.com/gpu, and of all nodes m, which comes nearest, can give 8 even when it is empty",
            "request at most `nvidia.com/gpu: 8` for the whole pod, or add larger nodes",
        ),
        (
            [node(), pod(gpus=1)],
            "requests 1 nvidia.com/gpu, which no node advertises",
            "add nodes with it, or their device plugin",
        ),
        (
            [node(), node("m", gpus=1, labels={"zone": "a"}), node("o", labels={"zone": "b"}), pod(gpus=1, nodeSelector={"zone": "b"})],
            "requests 1 nvidia.com/gpu, which none of the nodes it chooses by label has",
            "choose a node that has it, such as m",
        ),
        (
            [node(), TAINTED, pod(gpus=1)],
            "asks for nvidia.com/gpu, and the only node that could take it, gpu-0, has the taint nvidia.com/gpu=present:NoSchedule, "
            "which the pod does not tolerate",
            "add to tolerations: `{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}`",
        ),
    ],
)  # fmt: skip
def test_words(objects: list[Object], message: str, remedy: str) -> None:
    (finding,) = judge(*objects)
    assert (finding.message, finding.remediation) == (message, remedy)


# -- the pieces ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("toleration", "taint", "tolerated"),
    [
        (("a", "", "x", ""), ("a", "x", "NoSchedule"), True),
        (("a", "Equal", "y", ""), ("a", "x", "NoSchedule"), False),
        (("a", "Exists", "", "NoExecute"), ("a", "x", "NoSchedule"), False),
        (("", "Exists", "", ""), ("a", "x", "NoExecute"), True),
        (("a", "Gt", "5", ""), ("a", "6", "NoSchedule"), True),  # alpha, off by default in 1.36: as in toleration.go
        (("a", "Gt", "5", ""), ("a", "5", "NoSchedule"), False),
        (("a", "Lt", "5", ""), ("a", "4", "NoSchedule"), True),
        (("a", "Lt", "5", ""), ("a", "low", "NoSchedule"), False),
        (("a", "Near", "5", ""), ("a", "5", "NoSchedule"), False),
    ],
)
def test_tolerations(toleration: tuple[str, str, str, str], taint: tuple[str, str, str], tolerated: bool) -> None:
    assert Toleration(*toleration).tolerates(Taint(*taint)) is tolerated


def requirement(key: str, operator: str, *values: str) -> Object:
    return {"key": key, "operator": operator, "values": list(values)}


@pytest.mark.parametrize(
    ("spec", "asks", "could"),
    [
        ({}, {"nodeSelector": {"team": "a"}}, False),  # a label that the pool does not define is never on its nodes
        ({}, {"nodeSelector": {ZONE: "eu-1a"}}, True),  # … but this one is
        ({"requirements": [requirement(ZONE, "In", "eu-1b")]}, {"nodeSelector": {ZONE: "eu-1a"}}, False),
        ({"requirements": [requirement("team", "Exists")]}, {"nodeSelector": {"team": "a"}}, True),
        ({"requirements": [requirement("team", "NotIn", "a")]}, {"nodeSelector": {"team": "a"}}, False),
        ({"requirements": [requirement("karpenter.k8s.aws/instance-gpu-count", "Gt", "3")]}, {}, True),
        ({}, {"nodeSelector": {"kubernetes.io/hostname": "n"}}, False),
        ({}, {"nodeSelector": {"karpenter.sh/nodepool": "gpus"}}, True),
        ({}, {"nodeSelector": {"karpenter.sh/nodepool": "other"}}, False),
        ({"taints": [{"key": GPU, "effect": "NoSchedule"}]}, {}, False),
        ({"taints": [{"key": GPU, "effect": "NoSchedule"}]}, {"tolerations": TOLERATES}, True),
        ({"startupTaints": [{"key": "x", "effect": "NoSchedule"}]}, {}, True),
    ],
)  # fmt: skip
def test_node_pools(spec: Object, asks: Object, could: bool) -> None:
    (document,) = documents(
        {"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": "gpus"}, "spec": {"template": {"spec": spec}}}
    )
    (pool,) = node_pools([document])
    (asking,) = documents(pod(**asks))
    assert pool.could_add(needs_of(Workload(asking).templates[0])) is could


AWS = "karpenter.k8s.aws/instance-"
TYPE = "node.kubernetes.io/instance-type"


@pytest.mark.parametrize(
    ("asked", "only", "possible"),
    [
        (requirement(AWS + "category", "In", "g", "p"), True, True),
        (requirement(AWS + "category", "In", "c", "m", "g"), False, True),
        (requirement(AWS + "category", "In", "c", "m"), False, False),
        (requirement(AWS + "category", "NotIn", "g", "p", "trn"), False, False),
        (requirement(AWS + "category", "NotIn", "t"), False, True),
        (requirement(AWS + "gpu-count", "Gt", "0"), True, True),
        (requirement(AWS + "gpu-count", "Gte", "1"), True, True),
        (requirement(AWS + "gpu-count", "Lte", "0"), False, False),
        (requirement(AWS + "gpu-count", "Gte", "x"), False, False),  # unknown
        (requirement(AWS + "gpu-count", "Lt", "1"), False, False),
        (requirement(AWS + "gpu-count", "Lt", "9"), False, True),
        (requirement(AWS + "gpu-count", "DoesNotExist"), False, False),
        (requirement(AWS + "gpu-manufacturer", "NotIn", "amd"), False, True),
        (requirement("eks.amazonaws.com/instance-gpu-name", "Exists"), True, True),
        (requirement("karpenter.azure.com/sku-gpu-count", "In", "0"), False, False),
        (requirement("karpenter.azure.com/sku-gpu-count", "In", "0", "1"), False, True),
        (requirement(AWS + "family", "In", "g5", "gr6", "trn1n", "inf2", "dl1", "p4de", "p6-b200", "g6f"), True, True),
        (requirement(AWS + "family", "In", "g5", "m5"), False, True),
        (requirement(AWS + "family", "NotIn", "g5"), False, True),
        (requirement("karpenter.azure.com/sku-family", "In", "D"), False, False),
        (requirement(TYPE, "In", "p5.48xlarge", "p6-b200.48xlarge", "g4dn.xlarge", "inf1.xlarge"), True, True),
        (requirement(TYPE, "In", "a2-highgpu-1g", "a4x-highgpu-4g", "ct5lp-hightpu-4t", "g2-standard-4"), True, True),
        (requirement(TYPE, "In", "Standard_ND96isr_H100_v5", "NV36ads_A10_v5", "standard_nc24ads_a100_v4"), True, True),
        (requirement(TYPE, "In", "a1.large", "m5.large", "n2-standard-4", "c3-highcpu-4", "Standard_D4s_v3", "i4i.8xlarge"), False, False),
        (requirement(ZONE, "In", "eu-1a"), False, True),
        (requirement(AWS + "category", "In", "${CATEGORY}"), False, False),  # unknown
    ],
)
def test_devices_of_a_node_pool(asked: Object, only: bool, possible: bool) -> None:
    (document,) = documents(
        {
            "apiVersion": "karpenter.sh/v1",
            "kind": "NodePool",
            "metadata": {"name": "x"},
            "spec": {"template": {"spec": {"requirements": [asked]}}},
        }
    )
    (pool,) = node_pools([document])
    assert (pool.asks_for_devices is not None, pool.may_have_devices) == (only, possible)


def test_limits_of_a_node_pool() -> None:
    (document,) = documents(
        {"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": "x"}, "spec": {"limits": {GPU: "4"}}}
    )
    (pool,) = node_pools([document])
    small, large = (needs_of(Workload(one).templates[0]) for one in documents(pod(gpus=4), pod(gpus=5)))
    assert pool.could_add(small)
    assert not pool.could_add(large)


@pytest.mark.parametrize("junk", [None, "x", 3, [], [None], {"a": None}, [{"key": 3, "operator": [], "values": "x"}]])
@pytest.mark.parametrize("field", ["tolerations", "nodeSelector", "affinity", "nodeName", "overhead", "schedulingGates", "containers"])
def test_junk_is_survived(junk: Any, field: str) -> None:
    judge(node(), TAINTED, pod(**{field: junk}), owner(**{field: junk}))
    judge(
        node(),
        {
            "apiVersion": "karpenter.sh/v1",
            "kind": "NodePool",
            "metadata": {"name": "x"},
            "spec": {"template": {"spec": {"requirements": junk, "taints": junk}}, "limits": junk},
        },
        pod(gpus=16),
    )
    judge(node() | {"spec": {"taints": junk, "providerID": junk}, "status": {"allocatable": junk, "capacity": junk}}, pod(gpus=1))
