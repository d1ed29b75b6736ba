"""What a role grants that is enough to take over what it was not meant to reach.

The list is that of https://kubernetes.io/docs/concepts/security/rbac-good-practices/#privilege-escalation-risks, with the custom resources
that yield pods: whoever may create a PyTorchJob runs any image, as any ServiceAccount and with any Secret of the namespace. How rules
match: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from auditor.document import strings
from auditor.kinds import KINDS

__all__ = ["BUILT_IN", "Granted", "describe", "is_total", "pod_resources", "powers"]

_WRITE = ("create", "update", "patch")
_EVERYTHING = "*"
_RUN = "run any pod"
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class _Power:
    """One row: with one of the verbs on one of the resources of a group, one can ``name``.

    Attributes:
        cluster: the resources have no namespace, so that a RoleBinding does not grant it.
        open_names: names of objects that make it a power even where the rule is limited to them.
    """

    name: str
    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    cluster: bool = False
    open_names: frozenset[str] = frozenset()


_ESCALATION = "rbac.authorization.k8s.io"
_ALL_POWERFUL = frozenset({"cluster-admin", "system:masters", "admin"})
_POWERS = (
    _Power("read secrets", "", ("secrets",), ("get", "list", "watch")),
    _Power("run commands in pods", "", ("pods/exec", "pods/attach"), ("create", "get")),
    _Power("run commands in pods", "", ("pods/ephemeralcontainers",), ("update", "patch")),
    _Power("make tokens of ServiceAccounts", "", ("serviceaccounts/token",), ("create",)),
    _Power("act as any ServiceAccount", "", ("serviceaccounts",), ("impersonate",)),
    _Power("act as any user", "", ("users", "groups"), ("impersonate",), cluster=True, open_names=_ALL_POWERFUL),
    _Power("grant itself any right", _ESCALATION, ("roles",), ("bind", "escalate"), open_names=_ALL_POWERFUL),
    _Power("grant itself any right", _ESCALATION, ("clusterroles",), ("bind",), open_names=_ALL_POWERFUL),
    _Power("grant itself any right", _ESCALATION, ("clusterroles",), ("escalate",), cluster=True),
    _Power("run commands through the kubelets", "", ("nodes/proxy",), ("get", "create"), cluster=True),
    _Power("mount any path of a node by PersistentVolumes", "", ("persistentvolumes",), ("create",), cluster=True),
    _Power(
        "change or read every object by webhooks", "admissionregistration.k8s.io",
        ("mutatingwebhookconfigurations", "validatingwebhookconfigurations"), _WRITE, cluster=True,
    ),
    _Power(
        "approve certificates for any user", "certificates.k8s.io", ("certificatesigningrequests/approval",), ("update", "patch"),
        cluster=True,
    ),
)  # fmt: skip

# Plurals that are not the kind in lower case with an s.
_PLURALS = {"ClusterPolicy": "clusterpolicies", "Sandbox": "sandboxes"}
# Kinds of the table that nobody makes pods with: what they describe is made by others, or they only carry objects.
_MAKES_NONE = frozenset({("", "List"), ("", "Template"), ("kueue.x-k8s.io", "Workload")})


def pod_resources() -> Mapping[str, frozenset[str]]:
    """The resources of each API group whose objects become pods, from the table of kinds."""
    found: dict[str, set[str]] = {}
    for row in KINDS:
        if not row.incomplete and (row.group, row.kind) not in _MAKES_NONE:
            found.setdefault(row.group, set()).add(_PLURALS.get(row.kind, row.kind.lower() + "s"))
    return {group: frozenset(resources) for group, resources in found.items()}


_POD_RESOURCES = pod_resources()


@dataclass(frozen=True, slots=True)
class Granted:
    """A power that an entry of a role's rules grants.

    Attributes:
        name: what one can do, after "can": ``read secrets``.
        index: the entry's number.
        cluster: only a ClusterRoleBinding grants it.
        by: for running pods, the resources that they are made by.
    """

    name: str
    index: int
    cluster: bool = False
    by: tuple[str, ...] = ()


def powers(rules: Iterable[object]) -> Iterator[Granted]:
    """The powers that a role's rules grant, in the order of the rules."""
    for index, rule in enumerate(rules):
        if not isinstance(rule, dict):
            continue
        groups, resources, verbs = (frozenset(strings(rule.get(field))) for field in ("apiGroups", "resources", "verbs"))
        names = frozenset(strings(rule.get("resourceNames")))
        for power in _POWERS:
            if (
                _any(groups, (power.group,))
                and (not names or names & power.open_names)
                and _any(verbs, power.verbs)
                and any(_holds(resources, one) for one in power.resources)
            ):
                yield Granted(power.name, index, power.cluster)
        if not names and _any(verbs, _WRITE):
            by = {one for group, known in _POD_RESOURCES.items() if _any(groups, (group,)) for one in known if _holds(resources, one)}
            if by:
                yield Granted(_RUN, index, by=tuple(sorted(by)))


def describe(granted: Iterable[Granted]) -> str:
    """Powers as people read them: each once, and the one to run pods with what they are made by."""
    granted = tuple(granted)
    ways = sorted({way for one in granted for way in one.by})
    how = "" if "pods" in ways else f" (by {_first(ways, _SHOWN, 'more kinds')})"
    names = [name + how if name == _RUN else name for name in dict.fromkeys(one.name for one in granted)]
    return _first(names, _SHOWN + 1, "more powers")


def _first(names: list[str], number: int, rest: str) -> str:
    if len(names) > number + 1:
        names = [*names[:number], f"{len(names) - number} {rest}"]
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""


def _any(granted: frozenset[str], asked: Iterable[str]) -> bool:
    return _EVERYTHING in granted or any(one in granted for one in asked)


def _holds(granted: frozenset[str], resource: str) -> bool:
    """Whether a list of resources holds one: by its name, by ``*``, or for a subresource by ``*/exec``."""
    return _EVERYTHING in granted or resource in granted or ("/" in resource and f"*/{resource.partition('/')[2]}" in granted)


def is_total(rules: Iterable[Any]) -> bool:
    """Whether an entry grants every verb on every resource of every group: what cluster-admin grants."""
    return any(
        isinstance(rule, dict) and all(_EVERYTHING in strings(rule.get(field)) for field in ("apiGroups", "resources", "verbs"))
        for rule in rules
    )


_EDIT: tuple[Mapping[str, Any], ...] = (
    {"apiGroups": ["", "apps", "batch"], "resources": ["pods", "deployments", "jobs"], "verbs": list(_WRITE)},
    {"apiGroups": [""], "resources": ["pods/exec", "pods/attach"], "verbs": ["create"]},
    {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["impersonate"]},
)

# What the roles grant that every cluster has: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles. Files never
# hold them. The two of Kubeflow are edit and admin with its own resources, and stand in the manifests that install it.
BUILT_IN: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "cluster-admin": ({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},),
    "admin": _EDIT,
    "edit": _EDIT,
    "view": (),
    "kubeflow-admin": _EDIT,
    "kubeflow-edit": _EDIT,
    "kubeflow-view": (),
}
