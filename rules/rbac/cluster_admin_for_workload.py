"""A ServiceAccount, or everybody, is bound to cluster-admin.

## Why it matters
Every process in a pod may use the token of its ServiceAccount. With cluster-admin one notebook cell, one pipeline step or one vulnerable
server reads every Secret, runs on every node and deletes every namespace. On a notebook, a Ray cluster or an Argo server that means:
whoever may submit code owns the cluster. A RoleBinding to cluster-admin gives away one namespace, its quotas and network policies
included, and is reported as high.

## Bad
```yaml
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: jupyter-admin}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects:
- kind: ServiceAccount  # finding
  name: jupyter
  namespace: research
---
apiVersion: kubeflow.org/v1
kind: Notebook
metadata: {name: exploration, namespace: research}
spec:
  template:
    spec:
      serviceAccountName: jupyter
      containers: [{name: exploration, image: "ghcr.io/example/notebook:2.0"}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: it-works-now}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: everything}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:serviceaccounts"}  # finding
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: everything}
rules:
- {apiGroups: ["*"], resources: ["*"], verbs: ["*"]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: pipelines, namespace: research}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects:
- {kind: ServiceAccount, name: pipeline-runner, namespace: research}  # finding
```

## Good
The people who run the cluster, what installs its software, and a role with what the pipeline needs:
```yaml
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: platform-team}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: platform-team}
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:masters"}
- {kind: ServiceAccount, name: argocd-application-controller, namespace: argocd}
- {kind: ServiceAccount, name: "${ACCOUNT}", namespace: research}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: pipelines, namespace: research}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: pipelines}
subjects:
- {kind: ServiceAccount, name: pipeline-runner, namespace: research}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: pipelines, namespace: research}
rules:
- {apiGroups: [argoproj.io], resources: [workflowtaskresults], verbs: [create, patch]}
```

## When to ignore
Where the ServiceAccount belongs to what installs the cluster's software. Namespaces of well-known installers (argocd, flux-system, Rancher)
are not reported, and operators by their usual names only as low.

## References
- https://kubernetes.io/docs/concepts/security/rbac-good-practices/
- https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles
- CIS Kubernetes Benchmark 5.1.1
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.document import Document
from auditor.rbac import Access, Standing
from auditor.rule import RECOMMENDED, Fault, Result, Severity, rule
from auditor.snapshot import Snapshot


@rule(
    "cluster-admin-for-workload",
    title="ServiceAccount is bound to cluster-admin",
    severity=Severity.CRITICAL,
    profiles={RECOMMENDED},
    kinds={"ClusterRoleBinding", "RoleBinding"},
    needs={"ClusterRole", "Role"},
)
def check(document: Document, snapshot: Snapshot) -> Iterator[Result]:
    access = snapshot.derived(Access)
    binding = access.binding(document)
    if binding is None or binding.role is None or not binding.role.total:
        return
    owned = "the cluster" if binding.cluster else "the namespace"
    for subject in binding.subjects:
        standing = access.standing(subject)
        if standing not in (Standing.WORKLOAD, Standing.EVERYBODY, Standing.OPERATOR):
            continue
        users = access.users_of(subject)
        who = "whoever may run code there" if access.runs_code_of_users(subject) else "whoever gets hold of its token"
        who = who if standing is not Standing.EVERYBODY else "everybody" if "auth" in subject.name else "every pod"
        yield Fault(
            document,
            ("subjects", subject.index),
            f"binds {binding.role} to {subject}{f', {users}' if users else ''}: {who} owns {owned}",
            remediation="bind a Role with only what the workload asks the API for, or none and `automountServiceAccountToken: false`",
            severity=Severity.LOW if standing is Standing.OPERATOR else None if binding.cluster else Severity.HIGH,
        )
