"""Who owns a workload, as labels say it: whom a cost report charges, and whom one asks what a GPU is for.

The pod is asked first, because tools that split costs read pods; then the objects around it, outwards (the Job inside a CronJob, the
workload itself); then its namespace, whose annotations count too: Kubeflow writes the owner of a profile there.

Sources: https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/ ·
https://www.finops.org/wg/calculating-container-costs/ ·
https://kueue.sigs.k8s.io/docs/tasks/run/jobs/ · ``Reconcile`` in
https://github.com/kubeflow/kubeflow/blob/v1.9.2/components/profile-controller/controllers/profile_controller.go and the
``namespace-labels.yaml`` that it reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from auditor.document import Document, Path, along, mapping
from auditor.live import LivePod
from auditor.snapshot import Snapshot
from auditor.workload import PodTemplate, Workload

__all__ = ["OWNER_KEYS", "namespace_of", "owner_of", "owner_of_namespace"]

# Labels that name an owner, the best first. One without a prefix stands for itself under any prefix of the user's, too: `example.com/team`.
OWNER_KEYS = ("team", "owner", "project", "cost-center", "app.kubernetes.io/part-of", "kueue.x-k8s.io/queue-name")

# What controllers write on everybody's namespace names nobody.
_NOBODY = frozenset({("app.kubernetes.io/part-of", "kubeflow-profile")})
_OF_KUBERNETES = re.compile(r"([\w-]+\.)*(kubernetes|k8s)\.io")


def owner_of(what: Workload | PodTemplate | LivePod, snapshot: Snapshot, keys: Iterable[str] = OWNER_KEYS) -> tuple[str, str] | None:
    """The label that names an owner, with its value as written (which may be a placeholder); None where nothing names one.

    Args:
        what: a pod that runs, the pods of one template, or a whole workload, of which the first template that names an owner counts.
        snapshot: where its namespace, and for a pod the objects that made it, are looked up.
        keys: labels that name owners, the best first.
    """
    wanted = tuple(keys)
    document = what.document if isinstance(what, LivePod | Workload) else what.workload.document
    for labels in chain(_labels(what, snapshot), _of_namespace(document, snapshot)):
        found = _named(labels, wanted)
        if found is not None:
            return found
    return None


def owner_of_namespace(name: str, snapshot: Snapshot, keys: Iterable[str] = OWNER_KEYS) -> tuple[str, str] | None:
    """Who owns what lives in a namespace of a live cluster, as the labels and annotations of the namespace say; see `owner_of`."""
    found = next((document for document in snapshot.by_kind("Namespace", "") if document.ref.name == name), None)
    return next(filter(None, (_named(labels, tuple(keys)) for labels in _labels_of_namespace(found))), None)


def namespace_of(document: Document, snapshot: Snapshot) -> Document | None:
    """The Namespace that an object lives in, if it is in view. Where the object names none, the only one beside it is taken for it."""
    if document.ref.namespace:
        return snapshot.get("Namespace", document.ref.namespace, document, "")
    beside = list(snapshot.beside(document, "Namespace", ""))
    return beside[0] if len(beside) == 1 and snapshot.listing is None else None


def _labels(what: Workload | PodTemplate | LivePod, snapshot: Snapshot) -> Iterator[Mapping[str, Any]]:
    """Labels of the pod and of what is around it, the nearest first."""
    if isinstance(what, LivePod):
        yield _labels_of(what.raw)
        root = snapshot.root_of(what)
        workload = snapshot.workload_of(root)
        templates = workload.derive() if workload else ()  # whose own labels are other pods', where this one has none
        outermost: Mapping[str, Any] = root.raw
    else:
        templates = what.templates if isinstance(what, Workload) else (what,)
        yield from (template.labels for template in templates)
        outermost = what.raw if isinstance(what, Workload) else what.workload.raw
    for template in templates:
        yield from _around(template.path[:-2], outermost)
    yield _labels_of(outermost)


def _around(path: Path, raw: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Labels of the objects that the pod's template stands in, from the inside out: of the Job in a CronJob, of the CronJob."""
    return map(_labels_of, reversed(along(raw, path)))


def _of_namespace(document: Document, snapshot: Snapshot) -> Iterator[Mapping[str, Any]]:
    return _labels_of_namespace(namespace_of(document, snapshot))


def _labels_of_namespace(namespace: Document | None) -> Iterator[Mapping[str, Any]]:
    if namespace is not None:
        yield _labels_of(namespace.raw)
        yield mapping(mapping(namespace.raw.get("metadata")).get("annotations"))


def _labels_of(node: object) -> Mapping[str, Any]:
    return mapping(mapping(mapping(node).get("metadata")).get("labels"))


def _named(labels: Mapping[str, Any], keys: tuple[str, ...]) -> tuple[str, str] | None:
    """The best of the keys that a mapping has a value for: as it is, else under a prefix."""
    if not labels:
        return None
    for key in keys:
        for label in (key, *sorted(_prefixed(labels, key))):
            value = labels.get(label)
            named = isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip()
            if named and (label, value) not in _NOBODY:
                return label, str(value)
    return None


def _prefixed(labels: Mapping[str, Any], key: str) -> Iterator[str]:
    if "/" not in key:
        for label in labels:
            prefix, slash, name = str(label).partition("/")
            if slash and name == key and not _OF_KUBERNETES.fullmatch(prefix):
                yield label
