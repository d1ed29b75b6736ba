"""`mlaudit cluster` as a newcomer uses it: what a report of a small cluster says, and what each of its options changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner, Result

from auditor.cli import cli
from tests.testbed.cluster import Testbed

pytestmark = pytest.mark.testbed

SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "reports" / "report.schema.json").read_text(encoding="utf-8"))
MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: llm, labels: {team: vision}}
spec:
  replicas: 3
  selector: {matchLabels: {app: llm}}
  template:
    metadata: {labels: {app: llm}}
    spec:
      tolerations: [{key: nvidia.com/gpu, operator: Exists}]
      containers:
      - name: server
        image: vllm/vllm-openai:latest
        resources: {limits: {nvidia.com/gpu: 4}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: train}
spec:
  parallelism: 2
  template:
    spec:
      restartPolicy: Never
      tolerations: [{key: nvidia.com/gpu, operator: Exists}]
      containers:
      - name: main
        image: ghcr.io/example/train:2.0
        resources: {limits: {nvidia.com/gpu: 16}}
"""


class Cluster:
    """Two GPU nodes, a Deployment that takes twelve of sixteen devices, and a Job that waits for sixteen in one pod."""

    def __init__(self, testbed: Testbed, namespace: str) -> None:
        self.testbed, self.namespace = testbed, namespace
        self.config = str(testbed.kubeconfig("admin"))

    def run(self, *arguments: str) -> Result:
        return CliRunner(env={"COLUMNS": "80"}).invoke(cli, ["cluster", "--kubeconfig", self.config, *arguments], standalone_mode=False)

    def json(self, *arguments: str) -> dict[str, Any]:
        answer = self.run("-f", "json", *arguments)
        assert answer.exception is None, answer.output
        report: dict[str, Any] = json.loads(answer.stdout)
        return report


@pytest.fixture(scope="module")
def cluster(testbed: Testbed) -> Iterator[Cluster]:
    nodes = ("command-0", "command-1")
    for name in nodes:
        testbed.add_gpu_node(name, labels={"topology.kubernetes.io/zone": "eu-1a", "cloud.google.com/gke-nodepool": "h100"}, wait=False)
    testbed.wait_nodes(*nodes)
    namespace = testbed.namespace("command")
    testbed.apply(MANIFEST, namespace=namespace)
    testbed.wait_available("llm", namespace)
    pods = f"/api/v1/namespaces/{namespace}/pods"
    testbed.wait("the Job's pods are looked at", lambda: len(_unschedulable(testbed.get(pods, labelSelector="job-name=train"))) == 2)
    yield Cluster(testbed, namespace)
    testbed.client().request("DELETE", f"/api/v1/namespaces/{namespace}")
    for name in nodes:
        testbed.client().request("DELETE", f"/api/v1/nodes/{name}")


def _unschedulable(pods: Any) -> list[Any]:
    return [pod for pod in pods["items"] if any(one.get("reason") == "Unschedulable" for one in pod["status"].get("conditions", []))]


def test_a_report_with_no_other_setting(cluster: Cluster) -> None:
    report = cluster.json()
    jsonschema.validate(report, SCHEMA)
    assert report["failures"] == []
    assert report["cluster"]["server"] == "testbed"
    assert report["cluster"]["version"] == report["tool"]["kubernetes_version"]
    assert report["cluster"]["not_listed"] == []
    mine = [finding for finding in report["findings"] if finding["object"]["namespace"] == cluster.namespace]
    tag = next(finding for finding in mine if finding["rule"] == "image-tag-floating")
    assert (tag["object"]["kind"], tag["object"]["name"]) == ("Deployment", "llm")
    assert (tag["file"], tag["path"], tag["line"]) == (
        f"Deployment/{cluster.namespace}/llm", "spec.template.spec.containers[0].image", 0,
    )  # fmt: skip
    assert {finding["object"]["kind"] for finding in mine} <= {"Deployment", "Job"}  # pods and ReplicaSets are folded


def test_namespace_and_selector_choose_what_is_judged(cluster: Cluster) -> None:
    report = cluster.json("-n", cluster.namespace)
    assert {finding["object"]["namespace"] for finding in report["findings"]} - {cluster.namespace} <= {""}
    assert {finding["object"]["name"] for finding in report["findings"] if not finding["object"]["namespace"]} <= {cluster.namespace}
    chosen = cluster.json("-n", cluster.namespace, "-l", "team in (vision, speech),app!=other")
    assert {finding["object"]["name"] for finding in chosen["findings"]} == {"llm"}
    assert chosen["summary"]["workloads"] == 1
    assert [finding for finding in report["findings"] if finding["object"]["name"] == "llm"] == chosen["findings"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-n", "absent"), "there is no namespace absent; `kubectl get namespaces` lists them"),
        (("-n", "default", "-A"), "-n and -A exclude each other; leave one of them out"),
        (("-l", "a in b"), "label selector 'a in b': '(' was expected, not 'b'; write it as for kubectl: `app=llm,tier!=test`"),
        (("--timeout", "soon"), "--timeout 'soon' is no time; write it like 90s, 5m, 24h, 7d or 4w"),
        (("--snapshot", "absent.tar.gz", "--context", "x"), "--snapshot and --context exclude each other; leave one of them out"),
        (("--nodes", "-f", "yaml"), "--nodes has no format yaml; it is printed as table or json"),
    ],
)
def test_wrong_usage_is_one_line(cluster: Cluster, arguments: tuple[str, ...], message: str) -> None:
    config = () if "--snapshot" in arguments else ("--kubeconfig", cluster.config)
    answer = CliRunner().invoke(cli, ["cluster", *config, *arguments], standalone_mode=False)
    assert str(answer.exception) == message
    assert getattr(answer.exception, "exit_code", None) == 2


def test_nodes_say_what_is_taken_free_and_pending(cluster: Cluster) -> None:
    answer = cluster.run("--nodes")
    assert answer.return_value == 0
    lines = answer.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    table = answer.stdout
    assert "H100-80GB-HBM3" in table
    assert "eu-1a" in table
    assert f"8 {cluster.namespace}/" in table
    facts = json.loads(cluster.run("--nodes", "-f", "json").stdout)
    nodes = {node["name"]: node for node in facts["nodes"]}
    mine = [nodes["command-0"], nodes["command-1"]]
    assert facts["complete"] is True
    assert sorted(node["devices"][0]["free"] for node in mine) == [0, 4]
    assert [(node["pool"], node["zone"], node["product"], node["physical_devices"]) for node in mine] == [
        ("h100", "eu-1a", "NVIDIA-H100-80GB-HBM3", 8)
    ] * 2
    waiting = [pod for pod in facts["pending"] if pod["namespace"] == cluster.namespace]
    assert [(pod["root"]["kind"], pod["accelerators"]) for pod in waiting] == [("Job", {"nvidia.com/gpu": 16})] * 2
    assert "Insufficient nvidia.com/gpu" in waiting[0]["reason"]


def test_nodes_of_one_namespace_say_that_more_may_be_taken(cluster: Cluster) -> None:
    assert f"more may be taken than is shown: only namespace {cluster.namespace} was read" in " ".join(
        cluster.run("--nodes", "-n", cluster.namespace).stdout.split()
    )


def test_all_may_be_listed(cluster: Cluster) -> None:
    answer = cluster.run("--check-access")
    assert answer.return_value == 0
    assert "may be listed" in answer.stdout


def test_live_rules_are_not_for_files(tmp_path: Path) -> None:
    live = next((rule for rule in _rules() if rule["live"]), None)
    if live is None:
        pytest.skip("no rule is for live clusters only")
    answer = CliRunner().invoke(cli, ["scan", "--rule", live["name"], str(tmp_path)], standalone_mode=False)
    assert str(answer.exception) == f"{live['name']} judges what only a live cluster shows; ask it with `mlaudit cluster`"


def _rules() -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = json.loads(CliRunner().invoke(cli, ["rules", "-f", "json"], standalone_mode=False).stdout)
    return rules
