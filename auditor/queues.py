"""Queues that workloads are submitted to, of Kueue, Volcano and KAI: which one a workload names, and what it can give.

Sources: https://kueue.sigs.k8s.io/docs/concepts/ · https://volcano.sh/en/docs/queue/ ·
https://github.com/NVIDIA/KAI-Scheduler/tree/main/docs/queues
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from auditor.document import Document, Path, Unknown, mapping, sequence
from auditor.quantity import Quantity
from auditor.snapshot import Snapshot, listed, same_branch, same_namespace
from auditor.workload import Workload
from auditor.workload.values import amount

__all__ = [
    "KAI",
    "KUEUE",
    "VOLCANO",
    "ClusterQueue",
    "FlavorQuota",
    "QueueName",
    "cluster_queue_of",
    "kueue_settings",
    "local_queue",
    "queue_names",
]

KUEUE, VOLCANO, KAI = "kueue.x-k8s.io", "scheduling.volcano.sh", "scheduling.run.ai"
_KUEUE_LABEL = f"{KUEUE}/queue-name"
_KAI_LABELS = ("kai.scheduler/queue", "runai/queue")
_VOLCANO_ANNOTATION = f"{VOLCANO}/queue-name"
_KUBERAY_LABEL = "volcano.sh/queue-name"
# Fields that name a queue of Volcano. An unset one of a Job is its queue `default`.
_VOLCANO_FIELDS = {
    ("batch.volcano.sh", "Job"): ("spec", "queue"),
    ("batch.volcano.sh", "CronJob"): ("spec", "jobTemplate", "spec", "queue"),
    ("flow.volcano.sh", "JobTemplate"): ("spec", "queue"),
    ("sparkoperator.k8s.io", "SparkApplication"): ("spec", "batchSchedulerOptions", "queue"),
    **{("kubeflow.org", f"{kind}Job"): ("spec", "runPolicy", "schedulingPolicy", "queue") for kind in ("PyTorch", "TF", "MPI", "XGBoost")},
}
_DEPTH = 16  # of nested cohorts; more is a cycle, which the model need not explain


@dataclass(frozen=True, slots=True)
class QueueName:
    """A queue that a workload names.

    Attributes:
        group: the API group of the queue: `KUEUE`, `VOLCANO` or `KAI`.
        name: as written; may be a placeholder.
        path: where it is written; empty where it is a default.
    """

    group: str
    name: str
    path: Path


def queue_names(workload: Workload) -> list[QueueName]:
    """The queues that a workload names, each once, the most specific system first."""
    found: dict[tuple[str, str], QueueName] = {}
    for group, name, path in _named(workload):
        if isinstance(name, str) and name:
            found.setdefault((group, name), QueueName(group, name, path))
    return list(found.values())


def _named(workload: Workload) -> Iterator[tuple[str, object, Path]]:
    job = mapping(mapping(workload.spec.get("jobTemplate")).get("metadata"))  # of a CronJob
    metadata: list[tuple[Mapping[str, Any], Path]] = [(workload.metadata, ("metadata",)), (job, ("spec", "jobTemplate", "metadata"))]
    metadata += [(template.metadata, template.metadata_path) for template in workload.templates]
    for group, section, keys in (
        (KAI, "labels", _KAI_LABELS), (VOLCANO, "annotations", (_VOLCANO_ANNOTATION,)), (VOLCANO, "labels", (_KUBERAY_LABEL,)),
    ):  # fmt: skip
        for held, path in metadata:
            for key in keys:
                yield group, mapping(held.get(section)).get(key), (*path, section, key)
    yield from _in_field(workload)
    for held, path in metadata:
        yield KUEUE, mapping(held.get("labels")).get(_KUEUE_LABEL), (*path, "labels", _KUEUE_LABEL)
    if (workload.ref.group, workload.ref.kind) == (KUEUE, "Workload"):
        yield KUEUE, workload.spec.get("queueName"), ("spec", "queueName")


def _in_field(workload: Workload) -> Iterator[tuple[str, object, Path]]:
    path = _VOLCANO_FIELDS.get((workload.ref.group, workload.ref.kind))
    if path is not None:
        node: object = workload.raw
        for step in path:
            node = mapping(node).get(step)
        if node is not None:
            yield VOLCANO, node, path
    if workload.framework == "volcano":
        yield VOLCANO, "default", ()


# -- Kueue --------------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FlavorQuota:
    """What a ClusterQueue or Cohort has of one resource in one flavor; a limit that is not set is None."""

    nominal: Quantity | Unknown
    borrowing: Quantity | Unknown | None
    lending: Quantity | Unknown | None


_NOTHING = FlavorQuota(Quantity(0, "0"), None, None)


class ClusterQueue:
    """A ClusterQueue, or a Cohort, which has the same quotas.

    Attributes:
        document: the object.
        name: its name.
        groups: for each resource group the resources that it covers, and its flavors in order.
        parent: the cohort it is in; empty where it is in none.
    """

    def __init__(self, document: Document) -> None:
        spec = mapping(document.raw.get("spec"))
        self.document = document
        self.name = document.ref.name
        # The names of v1beta2, v1beta1 and v1alpha1; of a Cohort likewise.
        fields = ("cohortName", "cohort") if document.ref.kind == "ClusterQueue" else ("parentName", "parent")
        self.parent = next((spec[field] for field in fields if isinstance(spec.get(field), str)), "")
        self.groups: list[tuple[list[str], list[str]]] = []
        self._quotas: dict[tuple[str, str], FlavorQuota] = {}
        for group in listed(document, "spec", "resourceGroups"):
            flavors = [mapping(flavor) for flavor in sequence(group.get("flavors"))]
            names = [str(flavor.get("name")) for flavor in flavors]
            self.groups.append(([str(key) for key in sequence(group.get("coveredResources"))], names))
            for name, flavor in zip(names, flavors, strict=True):
                for entry in map(mapping, sequence(flavor.get("resources"))):
                    self._quotas[name, str(entry.get("name"))] = _flavor_quota(entry)

    @property
    def covered(self) -> frozenset[str]:
        """The resources that it has a quota for. A workload that asks for another one is never admitted."""
        return frozenset(key for covered, _ in self.groups for key in covered)

    def quota(self, flavor: str, resource: str) -> FlavorQuota:
        """The quota of a resource in a flavor; nothing where there is none."""
        return self._quotas.get((flavor, resource), _NOTHING)

    def capacity(self, flavor: str, resource: str, snapshot: Snapshot) -> Fraction | None:
        """The most that one workload can be given when nobody else uses anything; None where a number is unknown.

        Its own quota and what the cohort lends, as far as the borrowing limits here and above allow.
        Source: potentialAvailable in https://github.com/kubernetes-sigs/kueue/blob/main/pkg/cache/scheduler/resource_node.go
        """
        cohorts = snapshot.derived(_cohorts)
        try:
            return cohorts.available(self, flavor, resource, _DEPTH)
        except _UnknownAmountError:
            return None


class _UnknownAmountError(Exception):
    """A quota is a placeholder, or cohorts are nested in a circle."""


class _Cohorts:
    """The tree of cohorts: who is in which, and what they lend each other."""

    def __init__(self, queues: Iterable[ClusterQueue], cohorts: Iterable[ClusterQueue]) -> None:
        self._objects: dict[str, ClusterQueue] = {}
        self._members: dict[str, list[ClusterQueue]] = {}
        for queue in queues:
            self._members.setdefault(queue.parent, []).append(queue)
        for cohort in cohorts:
            self._objects[cohort.name] = cohort
            self._members.setdefault(cohort.parent, []).append(cohort)

    def available(self, node: ClusterQueue, flavor: str, resource: str, depth: int) -> Fraction:
        whole, quota = self._subtree(node, flavor, resource, depth), node.quota(flavor, resource)
        if not node.parent:
            return whole
        cohort = self._objects.get(node.parent)
        lent = (
            self._lent_to(node.parent, flavor, resource, depth - 1)
            if cohort is None
            else self.available(cohort, flavor, resource, depth - 1)
        )
        most = whole - self._lends(whole, quota) + lent
        return most if quota.borrowing is None else min(whole + _known(quota.borrowing), most)

    def _subtree(self, node: ClusterQueue, flavor: str, resource: str, depth: int) -> Fraction:
        """What belongs to a queue or cohort with all below it."""
        own = _known(node.quota(flavor, resource).nominal)
        return own + self._lent_to(node.name, flavor, resource, depth - 1) if node.document.ref.kind == "Cohort" else own

    def _lent_to(self, cohort: str, flavor: str, resource: str, depth: int) -> Fraction:
        """What the members of a cohort put into it."""
        if depth <= 0:
            raise _UnknownAmountError
        return sum(
            (
                self._lends(self._subtree(member, flavor, resource, depth - 1), member.quota(flavor, resource))
                for member in self._members.get(cohort, ())
            ),
            Fraction(0),
        )

    @staticmethod
    def _lends(whole: Fraction, quota: FlavorQuota) -> Fraction:
        return whole if quota.lending is None else min(whole, _known(quota.lending))


def _cohorts(snapshot: Snapshot) -> _Cohorts:
    queues, cohorts = (map(ClusterQueue, snapshot.by_kind(kind, KUEUE)) for kind in ("ClusterQueue", "Cohort"))
    return _Cohorts(queues, cohorts)


def _flavor_quota(entry: Mapping[str, Any]) -> FlavorQuota:
    borrowing, lending = (None if entry.get(field) is None else amount(entry[field]) for field in ("borrowingLimit", "lendingLimit"))
    return FlavorQuota(amount(entry.get("nominalQuota", 0)), borrowing, lending)


def _known(value: Quantity | Unknown) -> Fraction:
    if isinstance(value, Unknown):
        raise _UnknownAmountError
    return value


def local_queue(name: str, document: Document, snapshot: Snapshot) -> Document | None:
    """The LocalQueue that a workload reaches by its name; None where none is in view, or where several are equally near."""
    found = [queue for queue in snapshot.by_kind("LocalQueue", KUEUE) if queue.ref.name == name and same_namespace(document, queue)]
    return _nearest(found, document)


def cluster_queue_of(local: Document, snapshot: Snapshot) -> ClusterQueue | None:
    """The ClusterQueue that a LocalQueue leads to; None where none is in view, or where several of that name are equally near."""
    name = mapping(local.raw.get("spec")).get("clusterQueue")
    found = _nearest([queue for queue in snapshot.by_kind("ClusterQueue", KUEUE) if queue.ref.name == name], local)
    return None if found is None else ClusterQueue(found)


def _nearest(found: list[Document], document: Document) -> Document | None:
    """The one object in the same file, else in the same folder, else above or below it, else anywhere; None where there are several."""
    levels = (
        [other for other in found if other.file == document.file],
        [other for other in found if other.folder == document.folder],
        [other for other in found if same_branch(document, other)],
        found,
    )
    nearest = next((level for level in levels if level), [])
    return nearest[0] if len(nearest) == 1 else None


def kueue_settings(snapshot: Snapshot) -> str:
    """The text of Kueue's configuration without comments, as far as it is in view."""
    texts = (
        text
        for config in snapshot.by_kind("ConfigMap", "")
        if "kueue" in config.ref.name
        for text in mapping(config.raw.get("data")).values()
    )
    return "\n".join(re.sub(r"(?m)^\s*#.*$", "", text) for text in texts if isinstance(text, str))
