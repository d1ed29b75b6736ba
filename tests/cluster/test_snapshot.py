"""Snapshots of a real cluster: they say what the cluster says, give no credential away, and on request no name."""

from __future__ import annotations

import base64
import gzip
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from auditor.cli import cli
from auditor.cli.cluster import judge_live, seen
from auditor.cli.live import WORKLOADS
from auditor.config import Settings
from auditor.redact import Pseudonyms, words_of
from auditor.registry import load_rules, renderer
from auditor.report import View
from auditor.rule import Profile
from auditor.source.archive import read_archive, write_archive
from auditor.source.cluster import CONTEXT, connect, read_cluster
from tests.testbed.cluster import Testbed
from tests.testbed.definitions import define

TESTBED = pytest.mark.testbed


def mlaudit(testbed: Testbed, command: str, *arguments: str, user: str = "auditor") -> Result:
    source = () if "--snapshot" in arguments else ("--kubeconfig", str(testbed.kubeconfig(user)))
    answer = CliRunner().invoke(cli, [command, *source, *arguments], standalone_mode=False)
    assert answer.exception is None, answer.output
    return answer


def findings(testbed: Testbed, *arguments: str, user: str = "auditor") -> list[dict[str, Any]]:
    report = json.loads(mlaudit(testbed, "cluster", "-f", "json", "--profile", "strict", *arguments, user=user).stdout)
    assert report["failures"] == []
    found: list[dict[str, Any]] = report["findings"]
    return found


# -- the same report ----------------------------------------------------------------------------------------------------------------------


@TESTBED
@pytest.mark.parametrize("place", ["snapshot", "snapshot.tar.gz"])
def test_byte_for_byte_the_report_of_the_listing(populated: Testbed, tmp_path: Path, place: str) -> None:
    live = read_cluster(connect(str(populated.kubeconfig("auditor")), None, 60), WORKLOADS)
    write_archive(live, tmp_path / place)
    stored = read_archive(tmp_path / place)
    for profile in Profile:
        chosen = Settings(profile=profile)
        reports = [judge_live(seen(found, chosen), found, chosen) for found in (live, stored)]
        for name in ("table", "json", "yaml"):
            first, second = (renderer(name).render(report, View(verbose=True)) for report in reports)
            assert first == second
    assert reports[0].findings
    write_archive(stored, tmp_path / "again.tar.gz")
    write_archive(live, tmp_path / "first.tar.gz")
    assert (tmp_path / "again.tar.gz").read_bytes() == (tmp_path / "first.tar.gz").read_bytes()


@TESTBED
def test_nodes_of_a_snapshot(populated: Testbed, tmp_path: Path) -> None:
    file = str(tmp_path / "s.tar.gz")
    answer = mlaudit(populated, "snapshot", "-o", file)
    assert answer.return_value == 0
    assert f"{file}: " in answer.stdout
    assert mlaudit(populated, "cluster", "--nodes", "--snapshot", file).stdout == mlaudit(populated, "cluster", "--nodes").stdout


# -- no credential ------------------------------------------------------------------------------------------------------------------------

# Made up. They look like what the rule knows, and like nothing that is left out as an example.
TOKENS = {
    "env": "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",
    "argument": "sk-proj-Zt7Qm2Xw9Lr4Vb8Nc1Hs6Jd3",
    "script": "9f31c2d7a04be8569f31c2d7a04be8569f31c2d7",
    "url": "kQ7zT4bN8sLw",
    "annotation": "ghp_Wq8Rt2Yp5Lk9Zx3Cv7Bn1Md4Fg6Hj0As2EdQ",
    "annotation key": "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",
    "custom resource": "AKIAQ7W3ERTY5UOPASDF",
    "name of a variable": "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",
    "name of a variable that is gone": "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",
    "config map that is read": "xoxb-1827364550-QmZkTyRwPnLs",
    "config map": "glpat-Xr7Tq2Lm9Wz4Vb8Nc1Ks",
    "secret": "nvapi-aB3xY9kLm2WaB3xY9kLm2WaB3xY9kLm2WaB3xY9kLm2WaB3xY9kLm2W",
}
ASKED_BY_NAME = "kueue-manager-config"


def planted() -> list[dict[str, Any]]:
    script = f"export WANDB_API_KEY={TOKENS['script']}\nexec torchrun train.py"
    env = [
        {"name": "HF_TOKEN", "value": TOKENS["env"]},
        {"name": "DATABASE_URL", "value": f"postgresql://ranker:{TOKENS['url']}@db.internal/x"},
        {"name": TOKENS["name of a variable"], "value": "1"},
        {"name": TOKENS["name of a variable that is gone"], "value": "1"},
        {"name": "PASSWORD_AGAIN", "value": f"as in {TOKENS['url']}"},
    ]
    container = {
        "name": "main",
        "image": "nginx:1.29",
        "args": [f"--api-key={TOKENS['argument']}", "--api-key", TOKENS["argument"]],
        "env": env,
        "command": ["sh", "-c", script],
    }
    labels = {"app": "leaky"}
    notes = {"note": f"the token is {TOKENS['annotation']}", f"example.com/{TOKENS['annotation key']}": "x"}
    template = {
        "metadata": {"labels": labels, "annotations": notes},
        "spec": {"containers": [container], "tolerations": [{"operator": "Exists"}]},
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "leaky", "annotations": notes},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }
    worker = {"name": "pytorch", "image": "a:1", "env": [{"name": "AWS_ACCESS_KEY_ID", "value": TOKENS["custom resource"]}]}
    job = {
        "apiVersion": "kubeflow.org/v1",
        "kind": "PyTorchJob",
        "metadata": {"name": "leaky"},
        "spec": {"pytorchReplicaSpecs": {"Worker": {"template": {"spec": {"containers": [worker]}}}}},
    }
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "leaky"}, "data": {"TOKEN": TOKENS["config map"]}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "leaky"}, "stringData": {"key": TOKENS["secret"]}}
    return [deployment, job, settings, secret]


@pytest.fixture(scope="module")
def leaky(populated: Testbed) -> Testbed:
    """Credentials everywhere in namespace ``ml``, and in the one ConfigMap that is read."""
    populated.apply(planted(), namespace="ml")
    at = "/apis/apps/v1/namespaces/ml/deployments/leaky"
    gone = [{"op": "remove", "path": "/spec/template/spec/containers/0/env/3"}]
    answer = populated.client().request("PATCH", at, gone, content_type="application/json-patch+json", query={"fieldManager": "x"})
    assert answer.status == 200
    patch = json.dumps({"data": {"token": TOKENS["config map that is read"]}})
    populated.kubectl("patch", "configmap", ASKED_BY_NAME, "--namespace=kueue-system", "-p", patch)
    populated.wait_available("leaky", "ml")
    return populated


@TESTBED
def test_no_credential_is_in_a_snapshot(leaky: Testbed, tmp_path: Path) -> None:
    file = tmp_path / "s.tar.gz"
    assert mlaudit(leaky, "snapshot", "-o", str(file)).return_value == 0
    content = gzip.decompress(file.read_bytes())
    assert b"leaky" in content
    assert ASKED_BY_NAME.encode() in content
    for where, token in TOKENS.items():
        assert token.encode() not in content, where
        assert base64.b64encode(token.encode()).rstrip(b"=") not in content, where
        assert token[len(token) // 2 :].encode() not in content, where  # nor half of it

    live, stored = findings(leaky), findings(leaky, "--snapshot", str(file))
    leaks = [_leak(finding) for finding in live if finding["rule"] == "secret-in-plain-text"]
    assert leaks == [_leak(finding) for finding in stored if finding["rule"] == "secret-in-plain-text"]
    assert len(leaks) >= 6
    assert [_place(finding) for finding in stored] == [_place(finding) for finding in live]


def _leak(finding: dict[str, Any]) -> dict[str, Any]:
    """All of a finding. Only the fingerprint of an item that is called by a credential changes with its name."""
    return finding | {"fingerprint": ""} if TOKENS["name of a variable"][:4] in finding["message"] else finding


def _place(finding: dict[str, Any]) -> tuple[Any, ...]:
    """A finding without what tells ages."""
    return finding["rule"], finding["object"], finding["path"], finding["severity"], finding["remediation"]


@TESTBED
def test_the_tokens_would_have_been_seen(leaky: Testbed, tmp_path: Path) -> None:
    """The search above finds what is there: of the listing itself, all but what is never listed."""
    live = read_cluster(connect(str(leaky.kubeconfig("auditor")), None, 60), WORKLOADS)
    write_archive(live, tmp_path / "raw.tar.gz")
    content = gzip.decompress((tmp_path / "raw.tar.gz").read_bytes())
    assert {where for where, token in TOKENS.items() if token.encode() not in content} == {"config map", "secret"}


# -- no name ------------------------------------------------------------------------------------------------------------------------------

SPACE, WORKLOAD, NODE, LABEL, HOST = "zugspitz-wombatry", "quaxelbert-ranker", "gpu-kaleido-7", "squirrelband", "models.contoso.internal"
REGISTRY, CLAIM, QUEUE, PUBLIC = "registry.fabrikam.internal", "murmeltier", "schnitzelkraft-queue", "ml-inference-prod"
# What must not be found, in any case and as part of any word.
WORDS = (
    "zugspitz", "wombatry", "quaxelbert", "kaleido", "squirrelband", "contoso", "fabrikam", "murmeltier", "schnitzelkraft", PUBLIC,
    "ostereier",
)  # fmt: skip


@pytest.fixture(scope="module")
def private(populated: Testbed) -> Testbed:
    testbed = populated
    define(testbed, [("fleets.contoso.internal", "Fleet", "v1")])
    for space in (SPACE, PUBLIC):
        testbed.kubectl("create", "namespace", space)
        account = f"/api/v1/namespaces/{space}/serviceaccounts/default"
        testbed.wait(f"the account of {space}", lambda account=account: testbed.client().get(account).status == 200)  # type: ignore[misc]
    testbed.kubectl("label", "namespace", SPACE, f"contoso.internal/team={LABEL}")
    testbed.add_gpu_node(NODE, labels={"contoso.internal/pool": LABEL, "topology.kubernetes.io/zone": "eu-1a"})
    fleet = {"apiVersion": "fleets.contoso.internal/v1", "kind": "Fleet", "metadata": {"name": "ostereier"}}
    testbed.apply(fleet, namespace=SPACE)
    uid = testbed.get(f"/apis/fleets.contoso.internal/v1/namespaces/{SPACE}/fleets/ostereier")["metadata"]["uid"]
    owner = {"apiVersion": "fleets.contoso.internal/v1", "kind": "Fleet", "name": "ostereier", "uid": uid, "controller": True}
    container: dict[str, Any] = {
        "name": "quaxelbert",
        "image": f"{REGISTRY}/zugspitz/ranker:latest",
        "args": [f"--endpoint=https://{HOST}/v1", f"--peer={WORKLOAD}-0.{WORKLOAD}.{SPACE}.svc"],
        "env": [{"name": "CONTOSO_REGION", "value": "x"}, {"name": "HF_TOKEN", "value": TOKENS["env"]}],
        "resources": {"limits": {"nvidia.com/gpu": 2}},
        "volumeMounts": [{"name": CLAIM, "mountPath": "/murmeltier"}],
    }
    labels = {"app": WORKLOAD, "contoso.internal/team": LABEL, "kueue.x-k8s.io/queue-name": QUEUE}
    pod = {
        "containers": [container],
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
        "nodeSelector": {"contoso.internal/pool": LABEL},
        "volumes": [{"name": CLAIM, "emptyDir": {}}],
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": WORKLOAD, "labels": labels, "annotations": {"contoso.internal/owner": "Quaxelbert <q@contoso.internal>"}},
        "spec": {"selector": {"matchLabels": {"app": WORKLOAD}}, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": WORKLOAD},
        "spec": {"selector": {"app": WORKLOAD}, "ports": [{"port": 80}], "externalName": HOST, "type": "ExternalName"},
    }
    bare = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "ostereier-0", "ownerReferences": [owner]},
        "spec": {"containers": [{"name": "main", "image": f"{REGISTRY}/x:1", "resources": {"limits": {"nvidia.com/gpu": 64}}}]},
    }
    testbed.apply([deployment, service, bare], namespace=SPACE)
    other = json.loads(json.dumps(deployment).replace(WORKLOAD, "server"))
    testbed.apply(other, namespace=PUBLIC)
    testbed.wait_available(WORKLOAD, SPACE)
    testbed.wait_pending("ostereier-0", SPACE)
    return testbed


def kinds(found: list[dict[str, Any]]) -> Counter[tuple[str, str, str]]:
    return Counter((finding["rule"], finding["severity"], (finding["object"] or {}).get("kind", "")) for finding in found)


@TESTBED
def test_no_name_is_in_a_redacted_snapshot(private: Testbed, tmp_path: Path) -> None:
    plain, shared, later = (str(tmp_path / f"{name}.tar.gz") for name in ("plain", "shared", "later"))
    assert mlaudit(private, "snapshot", "-o", plain, user="admin").return_value == 0
    assert mlaudit(private, "snapshot", "--snapshot", plain, "--redact", "-o", shared).return_value == 0
    before, after = (gzip.decompress(Path(name).read_bytes()).lower() for name in (plain, shared))
    assert [word for word in WORDS if word.encode() not in before] == []  # the search finds what is there
    assert [word for word in WORDS if word.encode() in after] == []
    assert b"127.0.0.1" not in after
    assert not [where for where, token in TOKENS.items() if token.encode().lower() in after]

    found, redacted = findings(private, "--snapshot", plain), findings(private, "--snapshot", shared)
    assert kinds(redacted) == kinds(found)
    assert len(found) > 30

    assert mlaudit(private, "snapshot", "--redact", "-o", later, user="admin").return_value == 0
    first, second = ({document.ref for document in read_archive(Path(name))[0]} for name in (shared, later))
    assert first == second
    assert len(first) > 50


@TESTBED
def test_two_redactions_of_one_snapshot_are_the_same_bytes(private: Testbed, tmp_path: Path) -> None:
    plain, one, two = (str(tmp_path / f"{name}.tar.gz") for name in ("plain", "one", "two"))
    mlaudit(private, "snapshot", "-o", plain, user="admin")
    for name in (one, two):
        mlaudit(private, "snapshot", "--snapshot", plain, "--redact", "-o", name)
    assert Path(one).read_bytes() == Path(two).read_bytes()


def test_groups_that_rules_know_keep_their_names() -> None:
    """A policy of another group would be judged no more."""
    pseudonyms = Pseudonyms(b"key", judged=words_of(sys.modules[rule.check.__module__] for rule in load_rules().values()))
    assert [group for group, _ in sorted(WORKLOADS | CONTEXT) if pseudonyms.text(group) != group] == []
