"""Roles, bindings and whose side their subjects are on."""

from __future__ import annotations

from typing import Any

import pytest

from auditor.config import Settings
from auditor.document import Document
from auditor.engine import evaluate
from auditor.rbac import Access, Standing, describe, mounts_token
from auditor.rbac.powers import is_total, pod_resources, powers
from auditor.rbac.subjects import subjects_of
from auditor.registry import load_rules
from auditor.snapshot import Snapshot
from auditor.source.text import read_text

RULES = load_rules()
RBAC = ("cluster-admin-for-workload", "role-can-take-over", "notebook-service-account-powerful")


def documents(text: str) -> list[Document]:
    return [item for item in read_text(text, "rbac.yaml") if isinstance(item, Document)]


def rule(group: str, resources: str, verbs: str, **more: Any) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": resources.split(), "verbs": verbs.split(), **more}


@pytest.mark.parametrize(
    ("granted", "expected"),
    [
        (rule("", "pods", "get list watch delete"), []),
        (rule("", "pods", "patch"), ["run any pod"]),
        (rule("", "pods/status deployments/scale", "*"), []),
        (rule("kubeflow.org", "notebooks", "create"), ["run any pod"]),
        (rule("example.com", "notebooks", "create"), []),
        (rule("*", "workflows", "create"), ["run any pod"]),
        (rule("trainer.kubeflow.org", "trainingruntimes", "create"), []),
        (rule("", "secrets", "watch"), ["read secrets"]),
        (rule("", "secrets", "get", resourceNames=["one"]), []),
        (rule("", "secrets", "create delete"), []),
        (rule("", "*/exec", "create"), ["run commands in pods"]),
        (rule("", "pods/*", "create"), []),  # RBAC knows no such wildcard
        (rule("rbac.authorization.k8s.io", "clusterroles", "bind"), ["grant itself any right"]),
        (rule("rbac.authorization.k8s.io", "clusterroles", "bind", resourceNames=["view"]), []),
        (rule("rbac.authorization.k8s.io", "clusterroles", "bind", resourceNames=["cluster-admin"]), ["grant itself any right"]),
        (rule("rbac.authorization.k8s.io", "roles rolebindings", "create update"), []),
        (rule("", "nodes/proxy", "get"), ["run commands through the kubelets"]),
        ({"nonResourceURLs": ["*"], "verbs": ["*"]}, []),
        ({"apiGroups": "*", "resources": None, "verbs": [1, None]}, []),
        ("*", []),
    ],
)
def test_powers(granted: object, expected: list[str]) -> None:
    assert [one.name for one in powers([granted])] == expected


def test_everything_is_every_power() -> None:
    everything = rule("*", "*", "*")
    assert is_total([everything])
    assert not is_total([rule("*", "*", "get")])
    assert len({one.name for one in powers([everything])}) == 11
    assert "read secrets" in {one.name for one in powers([rule("*", "*", "get")])}


def test_powers_are_described_once() -> None:
    granted = powers([rule("batch", "jobs cronjobs", "create"), rule("ray.io", "rayjobs rayclusters rayservices", "create")])
    assert describe(granted) == "run any pod (by cronjobs, jobs, rayclusters and 2 more kinds)"
    assert describe(powers([rule("", "pods", "create"), rule("batch", "jobs", "create"), rule("", "secrets", "get")])) == (
        "run any pod and read secrets"
    )


def test_plurals() -> None:
    assert {"pods", "replicationcontrollers"} == pod_resources()[""]
    assert {"pytorchjobs", "notebooks", "experiments"} <= pod_resources()["kubeflow.org"]
    assert {"clusterpolicies", "nvidiadrivers", "gpuclusters"} <= pod_resources()["nvidia.com"]
    assert pod_resources()["agents.x-k8s.io"] == {"sandboxes"}


@pytest.mark.parametrize(
    ("subject", "standing"),
    [
        ("{kind: ServiceAccount, name: jupyter, namespace: research}", Standing.WORKLOAD),
        ("{kind: User, name: 'system:serviceaccount:research:jupyter'}", Standing.WORKLOAD),
        ("{kind: ServiceAccount, name: default-editor, namespace: team-a}", Standing.WORKLOAD),
        ("{kind: ServiceAccount, name: pipeline-runner, namespace: kubeflow}", Standing.WORKLOAD),
        ("{kind: ServiceAccount, name: kube-proxy, namespace: kube-system}", Standing.SYSTEM),
        ("{kind: ServiceAccount, name: kuberay-operator, namespace: ray}", Standing.OPERATOR),
        ("{kind: ServiceAccount, name: notebook-controller-service-account, namespace: kubeflow}", Standing.OPERATOR),
        ("{kind: ServiceAccount, name: anything, namespace: kueue-system}", Standing.OPERATOR),
        ("{kind: ServiceAccount, name: local-path-provisioner-service-account, namespace: local-path-storage}", Standing.OPERATOR),
        ("{kind: ServiceAccount, name: argocd-server, namespace: argocd}", Standing.INSTALLER),
        ("{kind: ServiceAccount, name: '${NAME}', namespace: research}", Standing.UNKNOWN),
        ("{kind: Group, name: 'system:serviceaccounts'}", Standing.EVERYBODY),
        ("{kind: Group, name: 'system:serviceaccounts:research'}", Standing.EVERYBODY),
        ("{kind: Group, name: 'system:serviceaccounts:kube-system'}", Standing.SYSTEM),
        ("{kind: Group, name: 'system:unauthenticated'}", Standing.EVERYBODY),
        ("{kind: Group, name: 'system:masters'}", Standing.SYSTEM),
        ("{kind: Group, name: 'kubeadm:cluster-admins'}", Standing.PEOPLE),
        ("{kind: User, name: alice}", Standing.PEOPLE),
        ("{kind: 1, name: [x]}", Standing.UNKNOWN),
    ],
)
def test_whose_side_a_subject_is_on(subject: str, standing: Standing) -> None:
    head = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: b}\n"
    (document,) = documents(f"{head}subjects: [{subject}]")
    assert [one.standing for one in subjects_of(document)] == [standing]


def test_aggregated_rules_count_where_no_controller_has_copied_them() -> None:
    found = documents("""
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: whole}
aggregationRule: {clusterRoleSelectors: [{matchLabels: {team: ml}}, {matchExpressions: [{key: a, operator: Exists}]}, null]}
rules: []
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: part, labels: {team: ml}}
rules: [{apiGroups: [""], resources: [secrets], verbs: [list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: other, labels: {team: web}}
rules: [{apiGroups: [""], resources: [pods], verbs: [create]}]
""")
    access = Snapshot(found).derived(Access)
    assert [one.name for one in access.rights(found[0]).granted] == ["read secrets"]


def test_grants_reach_accounts_by_name_and_by_group() -> None:
    found = documents("""
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: a}
spec: {serviceAccountName: one, containers: [{name: c, image: x}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: by-name, namespace: b}
roleRef: {kind: ClusterRole, name: edit}
subjects: [{kind: ServiceAccount, name: one, namespace: a}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: by-group}
roleRef: {kind: ClusterRole, name: view}
subjects: [{kind: Group, name: "system:serviceaccounts:a"}, {kind: Group, name: "system:unauthenticated"}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: of-others}
roleRef: {kind: ClusterRole, name: edit}
subjects: [{kind: Group, name: "system:serviceaccounts:b"}, {kind: ServiceAccount, name: one, namespace: b}, null]
""")
    access = Snapshot(found).derived(Access)
    assert sorted(binding.document.ref.name for binding in access.grants_of("one", found[0])) == ["by-group", "by-name"]
    subject = access.bindings[-1].subjects[0]
    assert access.users_of(subject) == "which Pod a/p runs with"


PROJECTED = "volumes: [{{name: t, projected: {{sources: [{{serviceAccountToken: {{{}}}}}]}}}}], "


@pytest.mark.parametrize(
    ("pod", "account", "expected"),
    [
        ("", "", True),
        ("automountServiceAccountToken: false, ", "", False),
        ("", "automountServiceAccountToken: false", False),
        ("automountServiceAccountToken: true, ", "automountServiceAccountToken: false", True),
        ("automountServiceAccountToken: '${X}', ", "", False),
        (f"automountServiceAccountToken: false, {PROJECTED.format('path: t')}", "", True),
        (f"automountServiceAccountToken: false, {PROJECTED.format('audience: sts')}", "", False),
    ],
)
def test_who_gets_a_token(pod: str, account: str, expected: bool) -> None:
    found = documents(f"""
apiVersion: v1
kind: ServiceAccount
metadata: {{name: one}}
{account}
---
apiVersion: v1
kind: Pod
metadata: {{name: p}}
spec: {{{pod}serviceAccountName: one, containers: [{{name: c, image: x}}]}}
""")
    snapshot = Snapshot(found)
    assert mounts_token(snapshot.workloads[0].templates[0], snapshot) is expected


def test_account_of_a_pod() -> None:
    def account(spec: str, kind: str = "Pod") -> str:
        text = f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: p}}\n"
        text += f"spec: {spec}" if kind == "Pod" else f"template: {{spec: {spec}}}"
        return repr(Snapshot(documents(text)).workloads[0].templates[0].service_account)

    assert account("{containers: []}") == "'default'"
    assert account("{serviceAccount: old, containers: []}") == "'old'"
    assert account("{serviceAccountName: '', serviceAccount: old, containers: []}") == "'old'"
    assert account("{serviceAccountName: '<name>', containers: []}") == "Unknown(text='<name>', why='placeholder')"
    assert account("{containers: []}", "PodTemplate") == "Unknown(text='', why='set elsewhere')"


# What kind and kubeadm add to a new cluster that the testbed does not have.
KIND = """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "kubeadm:cluster-admins"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "kubeadm:cluster-admins"}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "kubeadm:node-autoapprove-bootstrap"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:certificates.k8s.io:certificatesigningrequests:nodeclient"}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:bootstrappers:kubeadm:default-node-token"}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: local-path-provisioner-role}
rules:
- {apiGroups: [""], resources: [persistentvolumes], verbs: [get, list, watch, create, patch, update, delete]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: local-path-provisioner-bind}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: local-path-provisioner-role}
subjects: [{kind: ServiceAccount, name: local-path-provisioner-service-account, namespace: local-path-storage}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: local-path-provisioner-role, namespace: local-path-storage}
rules: [{apiGroups: [""], resources: [pods], verbs: [get, list, watch, create, patch, update, delete]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: local-path-provisioner-bind, namespace: local-path-storage}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: local-path-provisioner-role}
subjects: [{kind: ServiceAccount, name: local-path-provisioner-service-account, namespace: local-path-storage}]
"""


def test_a_new_cluster_has_no_fault() -> None:
    chosen = [RULES[name] for name in RBAC]
    outcome = evaluate(Snapshot(documents(KIND), complete=True), chosen, Settings(complete=True), unread=(), known=RULES)
    assert outcome.failures == []
    assert outcome.findings == []
