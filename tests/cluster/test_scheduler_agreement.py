"""The model of places against the real scheduler: hundreds of generated pods on generated nodes, each with the scheduler's own words.

A pod that the model says fits nowhere must stay Pending, and the scheduler must count the same reasons, node by node. A pod that the model
says fits somewhere must be placed, once there is room. And the cause that a rule names is the real one: with it removed, and only with it,
the scheduler says so.
"""

from __future__ import annotations

import copy
import datetime
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from auditor.accelerators import device
from auditor.config import Settings
from auditor.document import Document, ObjectRef
from auditor.engine import evaluate
from auditor.kinds import KINDS
from auditor.listing import Listing
from auditor.live import Node
from auditor.live.scheduling import Needs, Obstacle, ObstacleKind, needs_of, obstacles
from auditor.registry import load_rules
from auditor.snapshot import Snapshot
from auditor.source.cluster import CONTEXT
from auditor.workload import Workload
from tests.testbed.cluster import Testbed

pytestmark = pytest.mark.testbed

SEED, PODS = 20261125, 560
RULES = {name: load_rules()[name] for name in ("gpu-toleration-missing", "node-selector-unmatched", "pod-larger-than-any-node")}
GPU, MIG, AMD, RDMA = "nvidia.com/gpu", "nvidia.com/mig-1g.10gb", "amd.com/gpu", "rdma/hca"
EVERYTHING = [{"operator": "Exists"}]
PREFIX = "agreement"
EDGE = {"cpu": "3870m", "memory": "8388607Ki"}
WORDS = {
    ObstacleKind.CORDONED: "node(s) were unschedulable",
    ObstacleKind.TAINT: "node(s) had untolerated taint(s)",
    ObstacleKind.LABELS: "node(s) didn't match Pod's node affinity/selector",
}
BY_NAME = "node(s) didn't satisfy plugin(s) [NodeAffinity]"


# -- what is generated --------------------------------------------------------------------------------------------------------------------


def generated_nodes(chance: random.Random) -> list[dict[str, Any]]:
    """Twelve nodes, no two alike."""
    taints = [
        {"key": GPU, "value": "present", "effect": "NoSchedule"},
        {"key": "team", "value": "a", "effect": "NoExecute"},
        {"key": "sku", "value": "gpu", "effect": "NoSchedule"},
        {"key": "spot", "value": "true", "effect": "PreferNoSchedule"},
    ]
    found = []
    for index in range(12):
        cpu, memory = chance.choice([(4, 8), (8, 64), (32, 128), (96, 1024)])
        resources = {"cpu": f"{cpu * 1000 - chance.choice([0, 80, 130])}m", "memory": f"{memory * 1024 * 1024 - chance.randrange(5000)}Ki"}
        if index == 0:
            resources = EDGE.copy()
        resources |= {"pods": "500", "ephemeral-storage": chance.choice(["50Gi", "1Ti"])}
        if index >= 4:
            resources[chance.choice([GPU, GPU, GPU, MIG, AMD])] = str(chance.choice([1, 2, 4, 8]))
        if chance.random() < 0.3:
            resources[RDMA] = "4"
        if chance.random() < 0.2:
            resources["hugepages-2Mi"] = "1Gi"
        name = f"{PREFIX}-{index}"
        labels = {"kubernetes.io/hostname": name, "zone": chance.choice("abc"), "generation": str(chance.randrange(1, 6))}
        labels |= {"product": chance.choice(["A100", "H100", "L4"])} if index >= 4 else {}
        labels |= {"dedicated": "ml"} if chance.random() < 0.3 else {}
        own = chance.sample(taints, chance.choice([0, 1, 1, 2])) if index >= 3 else []
        found.append({
            "metadata": {"name": name, "labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}},
            "spec": {"taints": own, "unschedulable": index in (5, 9)},
            "status": {"capacity": resources, "allocatable": resources},
        })  # fmt: skip
    return found


def generated_pod(chance: random.Random, name: str) -> dict[str, Any]:
    """A pod with whatever can stand between it and a node."""
    spec: dict[str, Any] = {"containers": [container(chance, f"c{index}") for index in range(chance.choice([1, 1, 2]))]}
    if chance.random() < 0.3:
        spec["initContainers"] = [container(chance, f"i{index}", start=True) for index in range(chance.choice([1, 2, 3]))]
    if chance.random() < 0.15:
        spec["runtimeClassName"] = f"{PREFIX}-sandbox"  # admission adds its overhead
    if chance.random() < 0.15:
        cpu = sum(millis(one) for one in [*spec["containers"], *spec.get("initContainers", [])])
        spec["resources"] = {"requests": {"cpu": f"{cpu + chance.choice([0, 500, 60000])}m"}}
    if chance.random() < 0.35:
        spec["nodeSelector"] = selector(chance)
    if chance.random() < 0.4:
        required = {"nodeSelectorTerms": [term(chance) for _ in range(chance.choice([1, 1, 2]))]}
        spec["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    if chance.random() < 0.6:
        spec["tolerations"] = [toleration(chance) for _ in range(chance.choice([1, 2, 3]))]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec | {"terminationGracePeriodSeconds": 0}}


def pods_at_the_edge() -> list[dict[str, Any]]:
    """Pods that just fit the first node, or just do not: amounts are rounded up, when they have been added."""
    cpu = [["3870m"], ["3870.5m"], ["3869.5m"], ["1935.2m", "1935.2m"], ["1934.9m", "1934.9m"], ["3", "870001u"]]
    memory = [["8388607Ki"], ["8589933568"], ["8589933569"], ["8589933567500m"], ["8589933568500m"], ["4294966784", "4294966784"]]
    found = []
    for key, amounts in [*(("cpu", one) for one in cpu), *(("memory", one) for one in memory)]:
        containers = [
            {"name": f"c{index}", "image": "nginx:1.29", "resources": {"requests": {key: amount}}} for index, amount in enumerate(amounts)
        ]
        spec = {"nodeSelector": {"kubernetes.io/hostname": f"{PREFIX}-0"}, "containers": containers, "terminationGracePeriodSeconds": 0}
        found.append({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"edge-{len(found)}"}, "spec": spec})
    return found


def container(chance: random.Random, name: str, *, start: bool = False) -> dict[str, Any]:
    requests = (
        {"cpu": chance.choice(["100m", "1", "2500m", "3870.5m", "0.0005", "1.5", "7.9", "20", "95870m", "1e2"])}
        if chance.random() < 0.6
        else {}
    )
    if chance.random() < 0.5:
        requests["memory"] = chance.choice(["100Mi", "500Mi", "1G", "4G", "7.99Gi", "60Gi", "127Gi", "1000G", "128974848"])
    if chance.random() < 0.1:
        requests["ephemeral-storage"] = chance.choice(["10Gi", "50Gi", "51Gi", "2Ti"])
    limits: dict[str, str] = {}
    if chance.random() < 0.4:
        limits[chance.choice([GPU, GPU, GPU, GPU, GPU, MIG, AMD, "nvidia.com/mig-7g.80gb"])] = str(
            chance.choice([0, 1, 1, 1, 1, 2, 2, 4, 8, 16])
        )
    if chance.random() < 0.08:
        limits[RDMA] = chance.choice(["1", "4", "5"])
    if chance.random() < 0.05:
        limits["hugepages-2Mi"] = chance.choice(["512Mi", "2Gi"])
        requests.setdefault("cpu", "100m")
    found: dict[str, Any] = {"name": name, "image": "nginx:1.29", "resources": {"requests": requests, "limits": limits}}
    if start and chance.random() < 0.4:
        found["restartPolicy"] = "Always"
    return found


def millis(one: dict[str, Any]) -> int:
    text = one["resources"]["requests"].get("cpu", "0")
    return round(float(text.removesuffix("m")) * (1 if text.endswith("m") else 1000)) + 1


def selector(chance: random.Random) -> dict[str, str]:
    choices = [
        {"zone": chance.choice("abcd")},
        {"product": chance.choice(["A100", "H100", "B200"])},
        {"dedicated": "ml"},
        {"generation": "3"},
    ]
    return {key: value for one in chance.sample(choices, chance.choice([1, 1, 2])) for key, value in one.items()}


def term(chance: random.Random) -> dict[str, Any]:
    if chance.random() < 0.2:
        operator = chance.choice(["In", "In", "NotIn"])
        found = {"matchFields": [{"key": "metadata.name", "operator": operator, "values": [f"{PREFIX}-{chance.randrange(14)}"]}]}
        return found | ({"matchExpressions": [expression(chance)]} if chance.random() < 0.4 else {})
    return {"matchExpressions": [expression(chance) for _ in range(chance.choice([1, 2]))]}


def expression(chance: random.Random) -> dict[str, Any]:
    key = chance.choice(["zone", "product", "dedicated", "generation", "absent"])
    values = {"zone": list("abcd"), "product": ["A100", "H100", "L4", "B200"], "generation": list("123456")}.get(key, ["ml", "x"])
    operator = chance.choice(["In", "In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"])
    if operator in ("Gt", "Lt"):
        return {"key": chance.choice(["generation", "generation", key]), "operator": operator, "values": [chance.choice("0123456")]}
    if operator in ("In", "NotIn"):
        return {"key": key, "operator": operator, "values": chance.sample(values, chance.choice([1, 2]))}
    return {"key": key, "operator": operator}


def toleration(chance: random.Random) -> dict[str, str]:
    key, value = chance.choice([(GPU, "present"), (GPU, "present"), ("team", "a"), ("team", "b"), ("sku", "gpu"), ("spot", "true")])
    effect = chance.choice([{}, {"effect": "NoSchedule"}, {"effect": "NoExecute"}])
    if chance.random() < 0.05:
        return {"operator": "Exists"} | effect
    return {"key": key} | chance.choice([{"operator": "Exists"}, {"operator": "Equal", "value": value}, {"value": value}]) | effect


# -- what the model says ------------------------------------------------------------------------------------------------------------------


@dataclass
class Case:
    """One pod, as admission left it, and what the model says of it."""

    raw: dict[str, Any]
    needs: Needs
    reasons: dict[str, list[Obstacle]] = field(default_factory=dict)  # by node
    rules: list[str] = field(default_factory=list)
    remedy: str = ""
    message: str = ""

    @property
    def name(self) -> str:
        return str(self.raw["metadata"]["name"])

    @property
    def fits(self) -> bool:
        return any(not found for found in self.reasons.values())

    @property
    def drained(self) -> bool:
        """Only nodes that somebody has cordoned could take it."""
        return not self.fits and any(all(one.passing for one in found) for found in self.reasons.values())

    @property
    def expected(self) -> Counter[str]:
        """The scheduler's reasons with their numbers of nodes: of each node the first filter that fails."""
        named = names_of_terms(self.raw)
        found: Counter[str] = Counter()
        for node, reasons in self.reasons.items():
            if named is not None and node not in named:
                found[BY_NAME] += 1
            elif reasons[0].kind is ObstacleKind.RESOURCES:
                found.update(f"Insufficient {one.what}" for one in reasons)
            else:
                found[WORDS[reasons[0].kind]] += 1
        return found


def names_of_terms(raw: dict[str, Any]) -> set[str] | None:
    """The nodes that the scheduler looks at, where every term of the affinity names some; None for all."""
    affinity = raw["spec"].get("affinity", {}).get("nodeAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution")
    if affinity is None:
        return None
    found: set[str] = set()
    for one in affinity["nodeSelectorTerms"]:
        names = [set(each["values"]) for each in one.get("matchFields", []) if each["operator"] == "In"]
        if not names:
            return None
        found |= set.intersection(*names)
    return found


def document(raw: dict[str, Any], kind: str, number: int = 0) -> Document:
    metadata = raw["metadata"]
    ref = ObjectRef("", "v1", kind, metadata.get("namespace", ""), metadata["name"])
    return Document(ref, {"apiVersion": "v1", "kind": kind} | raw, file="testbed", index=number, live=True)


def cases_of(pods: list[dict[str, Any]], nodes: list[dict[str, Any]]) -> list[Case]:
    models = [Node(document(node, "Node"), (), {}) for node in nodes]
    found = []
    for raw in pods:
        needs = needs_of(Workload(document(raw, "Pod")).templates[0])
        found.append(Case(raw, needs, {node.name: list(obstacles(needs, node)) for node in models}))
    asked = frozenset({(row.group, row.kind) for row in KINDS} | CONTEXT)
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    listing = Listing(taken=now, server="testbed", version=(1, 36), namespace="", listed=(), not_listed=(), asked=asked, requests=0)
    documents = [
        document(raw, kind, index) for index, (raw, kind) in enumerate([*((n, "Node") for n in nodes), *((p, "Pod") for p in pods)])
    ]
    outcome = evaluate(Snapshot(documents, listing=listing), list(RULES.values()), Settings(rules=frozenset(RULES)))
    assert outcome.failures == []
    by_name = {case.name: case for case in found}
    for finding in outcome.findings:
        assert finding.object is not None
        by_name[finding.object.name].rules.append(finding.rule)
        by_name[finding.object.name].remedy = finding.remediation
    return found


# -- what the scheduler says --------------------------------------------------------------------------------------------------------------


class Cluster:
    """The nodes of this test, and pods in one namespace."""

    def __init__(self, testbed: Testbed, namespace: str, nodes: list[dict[str, Any]]) -> None:
        self.testbed = testbed
        self.nodes = nodes
        self.path = f"/api/v1/namespaces/{namespace}/pods"

    def create(self, pods: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Create pods, and return those that the API server accepts, as admission left them."""
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda pod: self.testbed.client().request("POST", self.path, pod), pods))
        return [answer.json() for answer in answers if answer.status == 201]

    def delete(self, names: list[str]) -> None:
        query = {"gracePeriodSeconds": 0}
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda name: self.testbed.client().request("DELETE", f"{self.path}/{name}", query=query), names))

    def clear(self) -> None:
        self.testbed.client().request("DELETE", self.path, query={"gracePeriodSeconds": 0})

    def refused(self, names: set[str], timeout: float = 40) -> dict[str, str]:
        """Wait until the scheduler has refused each of these pods; its words for each, and empty for one that it has placed."""
        deadline = time.monotonic() + timeout
        while True:
            found: dict[str, str] = {}
            for pod in self.testbed.get(self.path)["items"]:
                conditions = {one["type"]: one for one in pod["status"].get("conditions", [])}
                scheduled = conditions.get("PodScheduled", {})
                if pod["spec"].get("nodeName"):
                    found[pod["metadata"]["name"]] = ""
                elif scheduled.get("reason") == "Unschedulable":
                    found[pod["metadata"]["name"]] = scheduled["message"]
            if names <= found.keys():
                return {name: found[name] for name in names}
            assert time.monotonic() < deadline, f"the scheduler has not looked at {sorted(names - found.keys())[:5]}"
            time.sleep(0.2)

    def placed(self, pods: list[dict[str, Any]], timeout: float = 60) -> set[str]:
        """Create pods and make room for the others as soon as one is placed; the names of those placed."""
        names = {pod["metadata"]["name"] for pod in self.create(pods)}
        found: set[str] = set()
        deadline = time.monotonic() + timeout
        while found < names and time.monotonic() < deadline:
            now = {pod["metadata"]["name"] for pod in self.testbed.get(self.path)["items"] if pod["spec"].get("nodeName")} & names
            self.delete(sorted(now))
            found |= now
            if not now:
                time.sleep(0.2)
        return found


@pytest.fixture(scope="module")
def cluster(testbed: Testbed) -> Iterator[Cluster]:
    chance = random.Random(SEED)
    namespace = testbed.namespace(PREFIX)
    own = generated_nodes(chance)
    sandbox = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": f"{PREFIX}-sandbox"}, "handler": "sandbox"}
    testbed.apply(sandbox | {"overhead": {"podFixed": {"cpu": "250m", "memory": "120Mi"}}})
    for node in own:
        answer = testbed.client().request("POST", "/api/v1/nodes", node)
        assert answer.status == 201, answer.body
    names = [node["metadata"]["name"] for node in own]
    for name in names:
        testbed.wait(f"node {name}", lambda name=name: settled(testbed.get(f"/api/v1/nodes/{name}")))  # type: ignore[misc]
    found = Cluster(testbed, namespace, testbed.get("/api/v1/nodes")["items"])
    yield found
    found.clear()
    testbed.client().request("DELETE", f"/api/v1/namespaces/{namespace}")
    testbed.kubectl("delete", "node", *names)
    testbed.kubectl("delete", "runtimeclass", f"{PREFIX}-sandbox")


def settled(node: dict[str, Any]) -> bool:
    """Ready, with the taint of a cordoned node and no other that the node controller gives."""
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in node["status"].get("conditions", []))
    given = {taint["key"] for taint in node["spec"].get("taints", []) if taint["key"].startswith("node.kubernetes.io/")}
    return ready and given == ({"node.kubernetes.io/unschedulable"} if node["spec"].get("unschedulable") else set())


@pytest.fixture(scope="module")
def cases(cluster: Cluster) -> list[Case]:
    """Generated pods that the API server accepts. Those that the model says fit nowhere have been refused by the scheduler."""
    chance = random.Random(SEED + 1)
    raw = [generated_pod(chance, f"p{index}") for index in range(PODS)] + pods_at_the_edge()
    gate = [{"name": f"example.com/{PREFIX}"}]
    accepted = cluster.create([pod | {"spec": pod["spec"] | {"schedulingGates": gate}} for pod in copy.deepcopy(raw)])
    pods = []
    for pod in accepted:  # as admission left them, without the gate
        del pod["spec"]["schedulingGates"]
        pods.append(pod)
    cluster.delete([pod["metadata"]["name"] for pod in accepted])
    found = cases_of(pods, cluster.nodes)
    refused = {case.name: case for case in found if not case.fits}
    cluster.create([pod for pod in raw if pod["metadata"]["name"] in refused])
    for name, message in cluster.refused(set(refused)).items():
        refused[name].message = message
    cluster.clear()
    return found


def reasons_in(message: str) -> Counter[str]:
    """Reasons with numbers of nodes. What comes after the first full stop is about claims and preemption."""
    found = re.match(r"\d+/\d+ nodes are available: (.+?)\.( |$)", message)
    assert found, message
    return Counter({words: int(number) for number, words in (part.split(" ", 1) for part in found[1].split(", "))})


# -- the tests ----------------------------------------------------------------------------------------------------------------------------


def test_enough_of_every_sort_was_generated(cases: list[Case]) -> None:
    assert len(cases) >= 500
    assert sum(case.fits for case in cases) > 100
    assert sum(not case.fits for case in cases) > 100
    assert sum(case.drained for case in cases) > 5
    assert all(number > 15 for number in Counter(rule for case in cases for rule in case.rules).values())
    assert {rule for case in cases for rule in case.rules} == set(RULES)


def test_amounts_at_the_edge_are_rounded_up_together(cases: list[Case]) -> None:
    edge = {case.name: case.fits for case in cases if case.name.startswith("edge-")}
    assert [edge[f"edge-{index}"] for index in range(12)] == [True, False, True, False, True, False, True, True, False, True, False, True]


def test_what_fits_nowhere_is_refused_for_the_same_reasons_on_every_node(cases: list[Case]) -> None:
    wrong = [(case.name, case.expected, case.message) for case in cases if not case.fits and reasons_in(case.message) != case.expected]
    assert wrong == []


def test_what_fits_somewhere_is_placed(cases: list[Case], cluster: Cluster) -> None:
    fitting = [fresh(case) for case in cases if case.fits]
    placed: set[str] = set()
    for start in range(0, len(fitting), 60):
        placed |= cluster.placed(fitting[start : start + 60])
    assert {pod["metadata"]["name"] for pod in fitting} - placed == set()


def test_one_rule_at_most_speaks_and_only_of_what_never_fits(cases: list[Case]) -> None:
    for case in cases:
        assert len(case.rules) == (0 if case.fits or case.drained else len(case.rules) and 1), case.name
    silent = [case for case in cases if not case.fits and not case.drained and not case.rules]
    assert [case.name for case in silent if case.needs.chooses or any(device(key) for key, _ in case.needs.requests)] == []


def test_the_rule_names_the_cause(cases: list[Case], cluster: Cluster) -> None:
    """With every taint tolerated: what lacks labels is still refused, and for labels alone if it asks for nothing; what is too large still
    is, for its size. With the tolerations that the remedy names, what lacks one is placed."""
    judged = [case for case in cases if case.rules]
    twins: dict[str, dict[str, Any]] = {case.name: fresh(case, tolerations=EVERYTHING) for case in judged}
    labels = [case for case in judged if case.rules == ["node-selector-unmatched"] and not leads_to_taints(case)]
    for case in labels:
        bare = [{"name": "main", "image": "nginx:1.29"}]
        twins[case.name]["spec"] |= {"containers": bare, "initContainers": [], "resources": None}
    large = [case for case in judged if case.rules == ["pod-larger-than-any-node"]]
    tainted = [case for case in judged if case not in labels and case not in large]
    for case in tainted:
        twins[case.name]["spec"]["tolerations"] = [*case.raw["spec"]["tolerations"], *remedies(case)]
    cluster.create([twins[case.name] for case in (*labels, *large)])
    messages = cluster.refused({case.name for case in (*labels, *large)})
    cluster.clear()
    mismatch = {WORDS[ObstacleKind.LABELS], BY_NAME}
    assert [case.name for case in labels if not set(reasons_in(messages[case.name])) <= mismatch] == []
    for case in large:
        found = set(reasons_in(messages[case.name])) - mismatch
        assert found, case.name
        assert all(words.startswith("Insufficient ") for words in found), messages[case.name]
    assert cluster.placed([twins[case.name] for case in tainted]) == {case.name for case in tainted}


def remedies(case: Case) -> list[dict[str, str]]:
    """The tolerations that a finding says to add, and one for drained nodes."""
    named = re.findall(r"`\{key: (\S+), operator: Exists, effect: (\w+)\}`", case.remedy)
    assert named, case.remedy
    return [
        {"key": key, "operator": "Exists", "effect": effect} for key, effect in [*named, ("node.kubernetes.io/unschedulable", "NoSchedule")]
    ]


def leads_to_taints(case: Case) -> bool:
    """The labels are those of nodes, which are large enough."""
    return any(not {one.kind for one in found} & {ObstacleKind.LABELS, ObstacleKind.RESOURCES} for found in case.reasons.values())


def fresh(case: Case, **more: Any) -> dict[str, Any]:
    """The pod again, as a new one."""
    spec = {
        key: value for key, value in case.raw["spec"].items() if key not in ("serviceAccountName", "serviceAccount", "volumes", "priority")
    }
    for key in ("containers", "initContainers"):
        spec[key] = [{name: value for name, value in one.items() if name != "volumeMounts"} for one in spec.get(key, [])]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": case.name}, "spec": copy.deepcopy(spec) | more}
