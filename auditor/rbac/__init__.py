"""Who may do what in the API: roles, what binds them to whom, and which workloads run with them.

Roles and bindings are indexed once, as ``snapshot.derived(Access)``. In files a ClusterRole and its binding are taken to belong together
where they stand in one folder or one above the other, so that the ``manager-role`` of one project is not that of the next.

Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from auditor.document import Document, mapping, sequence
from auditor.rbac.powers import BUILT_IN, Granted, describe, is_total, powers
from auditor.rbac.subjects import Standing, Subject, subjects_of
from auditor.snapshot import Snapshot, same_branch, same_namespace
from auditor.workload import PodTemplate, Role, Workload

__all__ = ["Access", "Binding", "Granted", "Rights", "Standing", "Subject", "describe", "mounts_token"]

_GROUP = "rbac.authorization.k8s.io"
_BOOTSTRAPPED = "kubernetes.io/bootstrapping"
_SHOWN = 2
_CODE = re.compile(r"(^|[-_.])(notebooks?|jupyter(hub|lab)?|pipelines?|workflows?|argo|airflow|mlflow)([-_.]|$)|default-editor")
_AGGREGATES = "rbac.authorization.k8s.io/aggregate-to-"


@dataclass(frozen=True, slots=True)
class Rights:
    """A Role or ClusterRole, with what it takes in from others.

    Attributes:
        kind, name: who it is.
        document: None for a role that every cluster has and that is not in view.
        rules: its own, and after them those of the ClusterRoles that it aggregates.
        granted: the powers among them.
        total: it grants everything.
    """

    kind: str
    name: str
    document: Document | None
    rules: tuple[Any, ...] = ()
    granted: tuple[Granted, ...] = ()
    total: bool = False

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def own(self) -> int:
        """How many of the rules are written in the role itself."""
        return len(sequence(self.document.raw.get("rules"))) if self.document else 0

    @property
    def of_kubernetes(self) -> bool:
        """Every cluster has it, so that only its bindings can be wrong."""
        labels = mapping(mapping(self.document.raw.get("metadata")).get("labels")) if self.document else {}
        return self.document is None or self.name.startswith("system:") or _BOOTSTRAPPED in labels or self.name in BUILT_IN

    @property
    def building_block(self) -> bool:
        """It is made to be aggregated into another role."""
        metadata = mapping(self.document.raw.get("metadata")) if self.document else {}
        return any(str(key).startswith(_AGGREGATES) for key in mapping(metadata.get("labels")))

    @property
    def made_by_operator(self) -> bool:
        """It belongs to another object, which an operator made it for."""
        return self.document is not None and bool(sequence(mapping(self.document.raw.get("metadata")).get("ownerReferences")))


@dataclass(frozen=True, slots=True)
class Binding:
    """A RoleBinding or ClusterRoleBinding; ``role`` is None where what it names is not in view."""

    document: Document
    role: Rights | None
    subjects: tuple[Subject, ...]

    @property
    def cluster(self) -> bool:
        """It binds in every namespace."""
        return self.document.ref.kind == "ClusterRoleBinding"

    @property
    def granted(self) -> tuple[Granted, ...]:
        """The powers of the role that this binding grants: in one namespace none over what has no namespace."""
        return tuple(one for one in (self.role.granted if self.role else ()) if self.cluster or not one.cluster)

    @property
    def where(self) -> str:
        """Where it grants them, for messages."""
        namespace = self.document.ref.namespace
        return "in every namespace" if self.cluster else f"in namespace {namespace}" if namespace else "in its namespace"


class Access:
    """The roles and bindings in view, indexed by who is asked about."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._rights: dict[int, Rights] = {}
        self._roles: dict[tuple[str, str], list[Document]] = {}
        for kind in ("Role", "ClusterRole"):
            for role in snapshot.by_kind(kind, _GROUP):
                self._roles.setdefault((kind, role.ref.name), []).append(role)
        self._built_in = {name: _rights("ClusterRole", name, None, rules) for name, rules in BUILT_IN.items()}
        found = (*snapshot.by_kind("ClusterRoleBinding", _GROUP), *snapshot.by_kind("RoleBinding", _GROUP))
        self.bindings = tuple(Binding(document, self._role_of(document), tuple(subjects_of(document))) for document in found)
        self._by_document = {id(binding.document): binding for binding in self.bindings}
        self._by_role: dict[int, list[Binding]] = {}
        self._by_account: dict[str, list[tuple[Binding, Subject]]] = {}
        for binding in self.bindings:
            if binding.role is not None and binding.role.document is not None:
                self._by_role.setdefault(id(binding.role.document), []).append(binding)
            for subject in binding.subjects:
                self._by_account.setdefault(subject.name if subject.kind == "ServiceAccount" else "", []).append((binding, subject))
        self._runs_as: Mapping[str, list[Workload]] | None = None

    # -- roles --------------------------------------------------------------------------------------------------------------------------

    def rights(self, document: Document) -> Rights:
        """What a Role or ClusterRole grants."""
        if id(document) not in self._rights:
            rules = [*sequence(document.raw.get("rules")), *self._aggregated(document)]
            self._rights[id(document)] = _rights(document.ref.kind, document.ref.name, document, rules)
        return self._rights[id(document)]

    def _aggregated(self, document: Document) -> Iterator[Any]:
        """The rules of the ClusterRoles that one selects by their labels. In a cluster a controller has copied them already."""
        selectors = [mapping(one) for one in sequence(mapping(document.raw.get("aggregationRule")).get("clusterRoleSelectors"))]
        wanted = [mapping(one.get("matchLabels")) for one in selectors if not one.get("matchExpressions")]
        if not any(wanted) or sequence(document.raw.get("rules")):
            return
        for other in self._snapshot.by_kind("ClusterRole", _GROUP):
            labels = mapping(mapping(other.raw.get("metadata")).get("labels"))
            chosen = any(one and all(labels.get(key) == value for key, value in one.items()) for one in wanted)
            if chosen and other is not document and same_branch(document, other):
                yield from sequence(other.raw.get("rules"))

    def _role_of(self, binding: Document) -> Rights | None:
        reference = mapping(binding.raw.get("roleRef"))
        kind, name = reference.get("kind"), reference.get("name")
        if not isinstance(name, str) or kind not in ("Role", "ClusterRole"):
            return None
        near = same_namespace if kind == "Role" else same_branch
        found = [role for role in self._roles.get((kind, name), ()) if near(binding, role)]
        if found:
            return self.rights(next((role for role in found if role.folder == binding.folder), found[0]))
        return self._built_in.get(name) if kind == "ClusterRole" else None

    def binding(self, document: Document) -> Binding | None:
        """The binding that an object is."""
        return self._by_document.get(id(document))

    def bindings_of(self, role: Document) -> list[Binding]:
        """What binds a role."""
        return self._by_role.get(id(role), [])

    # -- workloads ----------------------------------------------------------------------------------------------------------------------

    def grants_of(self, account: str, document: Document) -> list[Binding]:
        """What binds a role to the ServiceAccount of that name in the namespace of an object, by itself or as a member of a group."""
        found = {
            id(binding): binding
            for key in (account, "")
            for binding, subject in self._by_account.get(key, ())
            if subject.is_account(account, document)
        }
        return list(found.values())

    def in_view(self, document: Document) -> bool:
        """Whether a binding that is not in view does not exist where an object lives."""
        return all(self._snapshot.complete_for(kind, document) for kind in ("RoleBinding", "ClusterRoleBinding"))

    def workloads_of(self, subject: Subject) -> list[Workload]:
        """Workloads whose pods hold a token of a ServiceAccount; none for groups, which are everybody."""
        if subject.kind != "ServiceAccount":
            return []
        return [workload for workload in self._with_token(subject.name) if subject.is_account(subject.name, workload.document)]

    def workloads_as(self, account: str, document: Document) -> list[Workload]:
        """Workloads whose pods hold a token of the ServiceAccount of that name in the namespace of an object."""
        return [workload for workload in self._with_token(account) if same_namespace(workload.document, document)]

    def _with_token(self, account: str) -> list[Workload]:
        if self._runs_as is None:
            self._runs_as = _accounts(self._snapshot)
        return self._runs_as.get(account, [])

    def users_of(self, subject: Subject) -> str:
        """Who runs with a subject, for messages: a clause, empty where nothing in view does."""
        if subject.kind == "Group":
            return "of which every pod is a member" if subject.standing is Standing.EVERYBODY else ""
        refs = list(dict.fromkeys(str(workload.ref) for workload in self.workloads_of(subject)))
        shown = refs if len(refs) <= _SHOWN + 1 else [*refs[:_SHOWN], f"{len(refs) - _SHOWN} more"]
        return f"which {' and '.join(shown)} run{'s' if len(refs) == 1 else ''} with" if refs else ""

    def runs_code_of_users(self, subject: Subject) -> bool:
        """Whether people who may use what runs with a ServiceAccount run code in it: a notebook, a pipeline, Ray, a platform's server."""
        return _CODE.search(subject.name) is not None or any(
            workload.framework == "kuberay" or workload.is_role(Role.NOTEBOOK, Role.PIPELINE, Role.PLATFORM)
            for workload in self.workloads_of(subject)
        )

    def standing(self, subject: Subject) -> Standing:
        """Whose side a subject is on, also by what runs with it."""
        standing = subject.standing
        if standing is Standing.WORKLOAD:
            users = self.workloads_of(subject)
            if users and all(workload.role is Role.INFRASTRUCTURE for workload in users):
                return Standing.OPERATOR
        return standing


def _rights(kind: str, name: str, document: Document | None, rules: Iterable[Any]) -> Rights:
    rules = tuple(rules)
    return Rights(kind, name, document, rules, tuple(powers(rules)), is_total(rules))


def _accounts(snapshot: Snapshot) -> Mapping[str, list[Workload]]:
    """Workloads by the names of the ServiceAccounts that they hold a token of."""
    found: dict[str, list[Workload]] = {}
    for workload in snapshot.workloads:
        if workload.document.owner is not None:
            continue  # its owner runs with it, and is named
        in_use = "templates" in workload.__dict__
        names = [(template.service_account, mounts_token(template, snapshot)) for template in workload.templates]
        for name in {name for name, token in names if token and isinstance(name, str)}:
            found.setdefault(name, []).append(workload)
        if not in_use:
            workload.release()
    return found


def mounts_token(template: PodTemplate, snapshot: Snapshot) -> bool:
    """Whether the pod gets a token for the API: as it says itself, else as its ServiceAccount says, else it does."""
    own = template.mounts_token
    if own is not None:
        return own
    name = template.service_account
    account = snapshot.get("ServiceAccount", name, template.workload.document, "") if isinstance(name, str) else None
    return account is None or account.raw.get("automountServiceAccountToken") in (None, True)
