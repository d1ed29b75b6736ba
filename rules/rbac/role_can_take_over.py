"""A role lets a workload take over its namespace or the cluster.

## Why it matters
Some rights are worth more than they look. Whoever may create pods runs them as any ServiceAccount of the namespace and mounts any of its
Secrets; a custom resource that yields pods (PyTorchJob, RayCluster, Notebook, Workflow, InferenceService …) does the same. Listing Secrets,
`pods/exec`, tokens of ServiceAccounts, `bind`, `escalate` and `impersonate`, `nodes/proxy`, PersistentVolumes (paths of a node), webhook
configurations and the approval of certificates lead as far. In a notebook or a pipeline everybody who may submit code has these rights.

High for a ClusterRoleBinding and for what runs code of its users, else medium; low for people in every namespace. People with such a role
in their own namespace are what roles are for, and are not reported. `strict` also lists operators and roles that nothing binds.

## Bad
```yaml
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: submit, namespace: research}
rules:
- {apiGroups: [""], resources: [configmaps], verbs: [get, list]}
- {apiGroups: [kubeflow.org], resources: [pytorchjobs], verbs: [create, get]}  # finding
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: submit, namespace: research}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: submit}
subjects:
- {kind: ServiceAccount, name: experiments, namespace: research}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: model-reader}
rules:
- apiGroups: [""]  # finding
  resources: [secrets, configmaps]
  verbs: ["*"]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: model-reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: model-reader}
subjects:
- {kind: ServiceAccount, name: server, namespace: serving}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: pipeline-edit, namespace: research}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}  # finding
subjects:
- {kind: ServiceAccount, name: pipeline-runner, namespace: research}
```

## Good
People in their namespace, an operator, one Secret by its name, and rights that lead nowhere:
```yaml
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: researchers, namespace: research}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: researchers}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: server, namespace: serving}
rules:
- {apiGroups: [""], resources: [pods, configmaps, pods/log], verbs: [get, list, watch]}
- {apiGroups: [""], resources: [secrets], resourceNames: [hub-token], verbs: [get]}
- {apiGroups: [apps], resources: [deployments/scale], verbs: [patch]}
- {apiGroups: [argoproj.io], resources: [workflowtaskresults], verbs: [create, patch]}
- {apiGroups: [""], resources: [nodes/proxy], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: server, namespace: serving}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: server}
subjects:
- {kind: ServiceAccount, name: server, namespace: serving}
```

## When to ignore
Where the workload is the one that starts the others, such as a launcher or an API server of a platform: give it a namespace of its own, and
say so in the suppression.

## References
- https://kubernetes.io/docs/concepts/security/rbac-good-practices/#privilege-escalation-risks
- https://owasp.org/www-project-kubernetes-top-ten/
- CIS Kubernetes Benchmark 5.1.2 to 5.1.13
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.document import Document
from auditor.rbac import Access, Binding, Granted, Rights, Standing, Subject, describe
from auditor.rule import RECOMMENDED, STRICT, Fault, Path, Result, Role, Severity, rule
from auditor.snapshot import Snapshot

_REMEDY = "grant only the resources and verbs that the workload uses, limited by `resourceNames` where it can be"


@rule(
    "role-can-take-over",
    title="Role lets a workload take over a namespace or the cluster",
    severity=Severity.HIGH,
    profiles={RECOMMENDED},
    kinds={"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"},
    needs={"RoleBinding", "ClusterRoleBinding", "Role", "ClusterRole"},
)
def check(document: Document, snapshot: Snapshot) -> Iterator[Result]:
    access = snapshot.derived(Access)
    if document.ref.group != "rbac.authorization.k8s.io":
        return
    binding = access.binding(document)
    if binding is not None:  # a role that every cluster has: only who is bound to it can be wrong
        if binding.role is not None and binding.role.of_kubernetes and not binding.role.name.startswith("system:"):
            yield from _bound(access, binding.role, [binding], document)
        return
    rights = access.rights(document)
    if rights.granted and not rights.of_kubernetes:
        bindings = access.bindings_of(document)
        yield from _bound(access, rights, bindings, document)
        if not any(binding.subjects for binding in bindings) and not rights.building_block:
            what = describe(rights.granted if rights.kind == "ClusterRole" else [one for one in rights.granted if not one.cluster])
            if what:
                message = f"can {what}, and nothing in view binds it"
                yield _fault(document, _place(rights, rights.granted), message, Severity.INFO, strict=True)


def _bound(access: Access, rights: Rights, bindings: list[Binding], document: Document) -> Iterator[Fault]:
    """The fault of a role: that of its most harmful binding."""
    found = [
        (severity, binding, subject)
        for binding in bindings
        if binding.granted
        for subject in binding.subjects
        if (severity := _severity(access, rights, binding, subject)) is not None
    ]
    if not found:
        return
    severity, binding, subject = max(found, key=lambda one: one[0])
    users, what = access.users_of(subject), f"can {describe(binding.granted)} {binding.where}"
    who = f"{subject}{f', {users},' if users else ''}"
    who += f" and to {len(found) - 1} more" if len(found) > 1 else ""
    if document is rights.document:
        at = _place(rights, binding.granted)
        message = f"{what}, and {binding.document.ref.kind} {binding.document.ref.name} binds it to {who}"
    else:
        message, at = f"binds {rights}, which {what}, to {who}", ("roleRef", "name")
    yield _fault(document, at, message.removesuffix(","), severity, strict=severity is Severity.INFO)


def _severity(access: Access, rights: Rights, binding: Binding, subject: Subject) -> Severity | None:
    """The harm of one subject's having the role; None for none."""
    standing = access.standing(subject)
    if rights.total or standing in (Standing.SYSTEM, Standing.INSTALLER, Standing.UNKNOWN):
        return None  # cluster-admin-for-workload reports who may do everything
    if standing is Standing.PEOPLE:
        return Severity.LOW if binding.cluster and not rights.of_kubernetes else None
    if standing is Standing.OPERATOR or rights.made_by_operator:
        return Severity.INFO
    serves = any(workload.is_role(Role.SERVING) for workload in access.workloads_of(subject))
    harmful = binding.cluster or standing is Standing.EVERYBODY or serves or access.runs_code_of_users(subject)
    return Severity.HIGH if harmful else Severity.MEDIUM


def _place(rights: Rights, granted: tuple[Granted, ...]) -> Path:
    """The first rule that grants a power; a role that has it from another, where it takes it in."""
    index = granted[0].index
    return ("rules", index) if index < rights.own else ("aggregationRule",)


def _fault(document: Document, at: Path, message: str, severity: Severity, *, strict: bool) -> Fault:
    return Fault(document, at, message, remediation=_REMEDY, severity=severity, profiles=(STRICT,) if strict else ())
