"""A notebook runs with a ServiceAccount that can take over its namespace.

## Why it matters
A notebook runs whatever its user types or installs, and the token of its ServiceAccount lies in a file beside it. Where that account may
create pods, read Secrets, exec into pods or grant rights, so may every package that a cell imports, and whoever is handed the notebook's
address. Kubeflow runs notebooks as `default-editor`, which may do all of this in the user's namespace.

Reported once for each ServiceAccount of a namespace, at its first notebook.

## Bad
```yaml
apiVersion: kubeflow.org/v1
kind: Notebook
metadata: {name: exploration, namespace: research}
spec:
  template:
    spec:
      serviceAccountName: submitter  # finding
      containers: [{name: exploration, image: "ghcr.io/example/notebook:2.0"}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: submitter, namespace: research}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: submitter}
subjects:
- {kind: ServiceAccount, name: submitter, namespace: research}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: submitter, namespace: research}
rules:
- {apiGroups: [batch, kubeflow.org], resources: [jobs, pytorchjobs], verbs: [create]}
```

The account that Kubeflow gives to notebooks; the second notebook with it is not reported again:
```yaml
apiVersion: kubeflow.org/v1
kind: Notebook
metadata: {name: one, namespace: team-a}
spec:
  template:
    spec:
      serviceAccountName: default-editor  # finding
      containers: [{name: one, image: "ghcr.io/example/notebook:2.0"}]
---
apiVersion: kubeflow.org/v1
kind: Notebook
metadata: {name: two, namespace: team-a}
spec:
  template:
    spec:
      serviceAccountName: default-editor
      containers: [{name: two, image: "ghcr.io/example/notebook:2.0"}]
```

## Good
No token, and an account that may look but not touch:
```yaml
apiVersion: kubeflow.org/v1
kind: Notebook
metadata: {name: exploration, namespace: research}
spec:
  template:
    spec:
      serviceAccountName: default-editor
      automountServiceAccountToken: false
      containers: [{name: exploration, image: "ghcr.io/example/notebook:2.0"}]
---
apiVersion: kubeflow.org/v1
kind: Notebook
metadata: {name: other, namespace: research}
spec:
  template:
    spec:
      serviceAccountName: viewer
      containers: [{name: other, image: "ghcr.io/example/notebook:2.0"}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: viewer, namespace: research}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects:
- {kind: ServiceAccount, name: viewer, namespace: research}
```

## When to ignore
Where users submit jobs from their notebooks and each of them has a namespace of their own, so that there is nothing else to take over.

## References
- https://z2jh.jupyter.org/en/stable/administrator/security.html#kubernetes-api-access
- https://www.kubeflow.org/docs/components/central-dash/profiles/
- https://kubernetes.io/docs/concepts/security/rbac-good-practices/
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.rbac import Access, describe, mounts_token
from auditor.rule import MULTI_TENANT, RECOMMENDED, Confidence, Result, Role, Severity, rule, skip
from auditor.snapshot import Snapshot
from auditor.workload import PodTemplate, Workload

# The profile controller of Kubeflow makes it in every namespace of a user, with the ClusterRole kubeflow-edit:
# https://github.com/kubeflow/dashboard/blob/main/components/profile-controller/controllers/profile_controller.go
_OF_KUBEFLOW = "default-editor"
_KUBEFLOW_EDIT = "run any pod, read secrets and run commands in pods"


@rule(
    "notebook-service-account-powerful",
    title="Notebook's ServiceAccount can take over its namespace",
    severity=Severity.MEDIUM,
    profiles={RECOMMENDED},
    tags={MULTI_TENANT},
    roles={Role.NOTEBOOK},
    needs={"RoleBinding", "ClusterRoleBinding", "Role", "ClusterRole", "ServiceAccount"},
)
def check(workload: Workload, snapshot: Snapshot) -> Iterator[Result]:
    accounts: dict[str, PodTemplate] = {}
    for template in () if workload.incomplete else workload.templates:
        account = template.service_account
        if isinstance(account, str) and mounts_token(template, snapshot):
            accounts.setdefault(account, template)
    for account, template in accounts.items():
        yield from _judge(account, template, snapshot)


def _judge(account: str, template: PodTemplate, snapshot: Snapshot) -> Iterator[Result]:
    access, document = snapshot.derived(Access), template.workload.document
    bindings = [binding for binding in access.grants_of(account, document) if binding.granted]
    if not bindings and account != _OF_KUBEFLOW:
        if not access.in_view(document):
            yield skip("the RoleBindings of the namespace and the ClusterRoleBindings")
        return
    notebooks = [one for one in access.workloads_as(account, document) if one.is_role(Role.NOTEBOOK)]
    if notebooks and notebooks[0].document is not document:
        return
    also = f", as {len(notebooks) - 1} more notebooks of the namespace do" if len(notebooks) > 1 else ""
    by = ", ".join(f"{binding.document.ref.kind} {binding.document.ref.name}" for binding in bindings[:2]) or "as Kubeflow sets it up"
    powers = describe(one for binding in bindings for one in binding.granted) if bindings else _KUBEFLOW_EDIT
    yield template.fault(
        f"runs with the ServiceAccount {account}{also}; it can {powers} ({by})",
        at=template.at("serviceAccountName" if template.get("serviceAccountName") else "serviceAccount"),
        remediation="name a ServiceAccount without rights, or set `automountServiceAccountToken: false`",
        confidence=None if bindings else Confidence.MEDIUM,
    )
