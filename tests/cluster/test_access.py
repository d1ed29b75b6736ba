"""``deploy/``: the role grants what mlaudit reads, line by line, and nothing else; the CronJob passes its own audit."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from auditor.cli import cli
from auditor.cli.live import WORKLOADS
from auditor.source import http
from auditor.source.cluster import CONFIG_MAPS, CONTEXT, connect, connection, read_cluster
from auditor.source.cluster.discovery import discover
from tests.testbed.cluster import Testbed
from tests.testbed.definitions import define, plural

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"

# In the table of kinds because manifests say so. No API server serves them as objects: a List is how kubectl writes several; the group
# extensions lost its workloads in 1.16; OpenShift's Template was in the core group before 3.6.
NEVER_SERVED = {("", "List"), ("", "Template"), ("extensions", "DaemonSet"), ("extensions", "Deployment"), ("extensions", "ReplicaSet")}
READ = {(group, plural(kind)) for group, kind in (WORKLOADS | CONTEXT) - NEVER_SERVED}

Line = tuple[str, str]


def manifests(file: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / file).read_text(encoding="utf-8")))


def of_kind(kind: str, file: str = "rbac.yaml") -> dict[str, Any]:
    (found,) = (each for each in manifests(file) if each["kind"] == kind)
    return found


def lines(role: Mapping[str, Any]) -> list[Line]:
    return [(group, resource) for rule in role["rules"] for group in rule["apiGroups"] for resource in rule["resources"]]


def without(role: Mapping[str, Any], removed: Iterable[Line], name: str) -> dict[str, Any]:
    """The role less some lines, under another name."""
    gone = set(removed)
    made = copy.deepcopy(dict(role))
    made["metadata"]["name"] = name
    for rule in made["rules"]:
        rule["resources"] = [resource for resource in rule["resources"] if (rule["apiGroups"][0], resource) not in gone]
    made["rules"] = [rule for rule in made["rules"] if rule["resources"]]
    return made


# -- the files ----------------------------------------------------------------------------------------------------------------------------


def test_role_lists_what_is_read_and_nothing_else() -> None:
    granted = lines(of_kind("ClusterRole"))
    assert len(granted) == len(set(granted))
    assert set(granted) == READ
    for rule in of_kind("ClusterRole")["rules"]:
        assert rule.keys() == {"apiGroups", "resources", "verbs"}
        assert (len(rule["apiGroups"]), rule["verbs"]) == (1, ["list"])
        assert not {"secrets", "configmaps", "events", "*"} & set(rule["resources"])


def test_every_block_says_whose_it_is() -> None:
    text = (DEPLOY / "rbac.yaml").read_text(encoding="utf-8")
    blocks = re.findall(r"^  # (\S.*)\n  - apiGroups: \[\"(.*)\"\]$", text, re.MULTILINE)
    assert len(blocks) == text.count("apiGroups:") == len({group for group, _ in READ})
    assert len({comment for comment, _ in blocks}) == len(blocks)


def test_config_maps_are_granted_by_name_where_they_are() -> None:
    for group, namespace, name in CONFIG_MAPS:
        assert group == "kueue.x-k8s.io"  # whatever comes with another controller goes to another file
        role, binding = of_kind("Role", "rbac-kueue.yaml"), of_kind("RoleBinding", "rbac-kueue.yaml")
        assert role["metadata"]["namespace"] == binding["metadata"]["namespace"] == namespace
        assert role["rules"] == [{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [name], "verbs": ["get"]}]


def test_everything_belongs_together() -> None:
    account = {"kind": "ServiceAccount", "name": "mlaudit", "namespace": of_kind("Namespace")["metadata"]["name"]}
    assert account["name"] == of_kind("ServiceAccount")["metadata"]["name"]
    for binding, role in ((of_kind("ClusterRoleBinding"), "ClusterRole"), (of_kind("RoleBinding", "rbac-kueue.yaml"), "Role")):
        assert binding["subjects"] == [account]
        assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) == (role, "mlaudit")
    cronjob = of_kind("CronJob", "cronjob.yaml")
    pod = cronjob["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert (cronjob["metadata"]["namespace"], pod["serviceAccountName"]) == (account["namespace"], account["name"])
    assert pod["automountServiceAccountToken"] is not of_kind("ServiceAccount")["automountServiceAccountToken"] is False
    (container,) = pod["containers"]
    command = cli.get_command(None, container["args"][0])  # type: ignore[arg-type]
    command.make_context("cluster", container["args"][1:])  # every option is one


@pytest.mark.parametrize("complete", [(), ("--complete",)])
def test_own_audit_finds_nothing(complete: tuple[str, ...]) -> None:
    answer = CliRunner().invoke(cli, ["scan", str(DEPLOY), "--profile", "production", "-f", "json", *complete], standalone_mode=False)
    report = json.loads(answer.stdout)
    assert (report["findings"], report["suppressed"], report["unread"]) == ([], [], [])
    assert (report["summary"]["workloads"], answer.return_value) == (1, 0)


# -- the API server's own judgement -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster(own_testbed: Testbed) -> Testbed:
    """A cluster that serves every kind, with the files of deploy/ applied as a user does."""
    served, _ = discover(connect(str(own_testbed.kubeconfig("admin")), None, 60))
    define(own_testbed, [(group, kind, "v1") for group, kind in (WORKLOADS | CONTEXT) - NEVER_SERVED - served.keys()])
    own_testbed.kubectl("create", "namespace", "kueue-system")
    for _ in range(2):  # a second time changes nothing
        for file in ("rbac.yaml", "rbac-kueue.yaml"):
            own_testbed.kubectl("apply", "-f", str(DEPLOY / file))
    own_testbed.kubectl("create", "clusterrolebinding", "person", "--clusterrole=mlaudit", "--user=auditor")
    return own_testbed


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pace, no pauses: the API server is ours, and knows its roles."""
    monkeypatch.setattr(connection, "REQUESTS_PER_SECOND", 1e6)
    monkeypatch.setattr(connection, "_REFUSED_PAUSE", 0.0)
    monkeypatch.setattr(http, "_FIRST_PAUSE", 0.0)


def mlaudit(cluster: Testbed, *arguments: str, user: str = "auditor", token: str = "") -> Result:
    config = cluster.kubeconfig(user, token=token)
    return CliRunner().invoke(cli, ["cluster", "--kubeconfig", str(config), *arguments], standalone_mode=False)


def account_token(cluster: Testbed, name: str, namespace: str = "mlaudit") -> str:
    """A token of a service account, as a pod gets it."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
    answer = cluster.client().request("POST", path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}})
    return str(answer.json()["status"]["token"])


def may_list(cluster: Testbed, user: str, line: Line) -> bool:
    attributes = {"group": line[0], "resource": line[1], "verb": "list"}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "resourceAttributes": attributes},
    }
    answer = cluster.client().request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return bool(answer.json()["status"]["allowed"])


@pytest.mark.testbed
@pytest.mark.parametrize("account", [True, False])
def test_with_the_role_everything_is_listed(cluster: Testbed, unhurried: None, account: bool) -> None:
    cluster.wait("the role is in force", lambda: may_list(cluster, "auditor", ("", "pods")))
    token = account_token(cluster, "mlaudit") if account else ""
    answer = mlaudit(cluster, "-f", "json", token=token)
    assert answer.exception is None, answer.output
    report = json.loads(answer.stdout)
    assert report["cluster"]["not_listed"] == []
    assert answer.return_value in (0, 1)
    access = mlaudit(cluster, "--check-access", token=token)
    assert (access.stdout, access.return_value) == (f"testbed: all {len(READ)} kinds that mlaudit reads may be listed\n", 0)


_ROW = re.compile(r"^([a-z\"]\S*) {2,}(\S+) {2,}\S", re.MULTILINE)


def refused(answer: Result) -> set[Line]:
    """The rows of the table that --check-access prints."""
    return {("" if group == '""' else group, resource) for group, resource in _ROW.findall(answer.stdout)}


@pytest.fixture(scope="module")
def reduced(cluster: Testbed) -> Iterator[dict[str, list[Line]]]:
    """Two service accounts for each bit of a line's number: one role lacks the lines in which it is 0, the other those in which it is 1."""
    role = of_kind("ClusterRole")
    numbered = list(enumerate(lines(role)))
    removed: dict[str, list[Line]] = {}
    for bit in range(len(numbered).bit_length()):
        for value in (0, 1):
            removed[f"lacks-{bit}-{value}"] = [line for number, line in numbered if number >> bit & 1 == value]
    objects: list[dict[str, Any]] = []
    for name, gone in removed.items():
        subject = {"kind": "ServiceAccount", "name": name, "namespace": "mlaudit"}
        objects.append({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}})
        objects.append(without(role, gone, name))
        objects.append(
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": name},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
                "subjects": [subject],
            }
        )
    cluster.apply(objects, namespace="mlaudit")
    everything = [line for _, line in numbered]
    for name, gone in removed.items():
        left = next(line for line in everything if line not in gone)
        user = f"system:serviceaccount:mlaudit:{name}"
        cluster.wait(f"{name} is in force", lambda user=user, left=left: may_list(cluster, user, left))  # type: ignore[misc]
    yield removed


@pytest.mark.testbed
def test_each_line_grants_its_resource_and_no_other(cluster: Testbed, unhurried: None, reduced: dict[str, list[Line]]) -> None:
    """Roles only add up, so that a resource is refused if and only if all lines that grant it are gone.

    For each bit of a line's number, one role lacks all lines in which the bit is as in that line. If each role is refused exactly what it
    lacks, then the lines that grant a resource lie in all these sets, and what lies in all of them is the one line. It is not none,
    because the whole role is refused nothing.
    """
    for name, gone in reduced.items():
        answer = mlaudit(cluster, "--check-access", token=account_token(cluster, name))
        assert refused(answer) == set(gone), name
        assert answer.return_value == 3
    signatures = [frozenset(name for name, gone in reduced.items() if line in gone) for line in READ]
    assert len(set(signatures)) == len(READ)
    assert {len(signature) for signature in signatures} == {len(reduced) // 2}


@pytest.mark.testbed
def test_what_is_refused_makes_the_report_incomplete(cluster: Testbed, unhurried: None, reduced: dict[str, list[Line]]) -> None:
    token = account_token(cluster, "lacks-0-1")
    answer = mlaudit(cluster, "-f", "json", token=token)
    report = json.loads(answer.stdout)
    missing = {entry["resource"] for entry in report["cluster"]["not_listed"]}
    assert missing == {f"{resource}.{group}" if group else resource for group, resource in reduced["lacks-0-1"]}
    assert answer.return_value == 3
    assert mlaudit(cluster, "--allow-partial", "--exit-zero", token=token).return_value == 0
    assert mlaudit(cluster, "--check-access", "--allow-partial", token=token).return_value == 0


@pytest.mark.testbed
def test_config_map_is_read_with_its_role_only(cluster: Testbed, unhurried: None) -> None:
    namespace, name = CONFIG_MAPS[0][1:]
    cluster.kubectl("create", "configmap", name, f"--namespace={namespace}", "--from-literal=controller_manager_config.yaml=a: b")
    cluster.kubectl("create", "configmap", "other", f"--namespace={namespace}")

    def found(token: str) -> list[tuple[str, str]]:
        documents, listing = read_cluster(connect(str(cluster.kubeconfig("auditor", token=token)), None, 60), WORKLOADS)
        assert listing.not_listed == ()
        return [(document.ref.namespace, document.ref.name) for document in documents if document.ref.kind == "ConfigMap"]

    assert found(account_token(cluster, "mlaudit")) == [(namespace, name)]
    assert found("") == []  # who has only the ClusterRole


@pytest.mark.testbed
def test_owner_of_a_kind_that_no_role_foresees(cluster: Testbed, unhurried: None) -> None:
    """Its pods stand for it, and the report is whole: an operator that mlaudit does not know may not make every night's Job fail."""
    define(cluster, [("example.com", "Fleet", "v1")])
    fleet = {"apiVersion": "example.com/v1", "kind": "Fleet", "metadata": {"name": "fleet"}}
    cluster.apply(fleet)
    owner = cluster.get("/apis/example.com/v1/namespaces/default/fleets/fleet")
    reference = {"apiVersion": "example.com/v1", "kind": "Fleet", "name": "fleet", "uid": owner["metadata"]["uid"], "controller": True}
    container = {"name": "main", "image": "nginx:1.29", "resources": {"limits": {"nvidia.com/gpu": 1}}}
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "fleet-0", "ownerReferences": [reference]},
            "spec": {"containers": [container]},
        }
    )
    for user in ("auditor", "admin"):
        config = cluster.kubeconfig(user)
        documents, listing = read_cluster(connect(str(config), None, 60), WORKLOADS)
        assert listing.not_listed == ()
        assert ("fleets" in {resource.plural for resource in listing.listed}) == (user == "admin") == listing.complete_for("Fleet")
        assert "fleet-0" in {document.ref.name for document in documents}
    assert mlaudit(cluster).return_value in (0, 1)


@pytest.mark.testbed
def test_an_object_that_cannot_be_read(cluster: Testbed, unhurried: None) -> None:
    """Whoever may write one object does not end the audit of all: its kind is named, the rest is judged."""
    deep = b'{"a":' * 3000 + b"1" + b"}" * 3000
    body = b'{"apiVersion":"kubeflow.org/v1","kind":"MPIJob","metadata":{"name":"deep"},"spec":' + deep + b"}"
    path = "/apis/kubeflow.org/v1/namespaces/default/mpijobs"
    assert cluster.client().request("POST", path, body).status == 201
    try:
        answer = mlaudit(cluster, "-f", "json")
    finally:
        cluster.client().request("DELETE", f"{path}/deep")
    assert answer.exception is None
    (missing,) = json.loads(answer.stdout)["cluster"]["not_listed"]
    assert (missing["resource"], missing["reason"]) == ("mpijobs.kubeflow.org", "an object is nested too deeply to be read")
    assert answer.return_value == 3


@pytest.mark.testbed
def test_the_cron_job_runs_in_its_restricted_namespace(cluster: Testbed) -> None:
    cluster.add_gpu_node("cpu-0", gpus=0)
    cluster.kubectl("apply", "-f", str(DEPLOY / "cronjob.yaml"))
    cluster.kubectl("create", "job", "once", "--from=cronjob/mlaudit", "--namespace=mlaudit")
    path = "/api/v1/namespaces/mlaudit/pods"
    (pod,) = cluster.wait("the pod is admitted", lambda: cluster.get(path, labelSelector="job-name=once")["items"])
    volumes = [volume for volume in pod["spec"]["volumes"] if "projected" in volume]
    assert len(volumes) == 1  # its token
