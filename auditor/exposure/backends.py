"""What a door leads to: Services and InferencePools, and the pods that they select."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from auditor.document import Document, mapping, sequence
from auditor.exposure.pods import made_services, pod_labels
from auditor.snapshot import Snapshot, same_namespace
from auditor.workload import PodTemplate, Workload

__all__ = ["Backends", "PodsByLabel", "ports_of", "selector_of"]

_POOL_GROUPS = ("inference.networking.k8s.io", "inference.networking.x-k8s.io")

# Frameworks whose operators make Services by themselves; see `made_services`.
_MAKERS = ("kuberay", "kserve", "kubeflow", "nim-operator")

# A pod by its workload and the number of its template: templates are derived again where they are needed.
_Pod = tuple[Workload, int]
_INDEXED = ("", "")  # the key of what an index always holds, also where no pod has labels


def selector_of(backend: Document) -> Mapping[str, Any]:
    """The labels that a Service or an InferencePool selects by; empty where it selects nothing."""
    selector = mapping(mapping(backend.raw.get("spec")).get("selector"))
    return mapping(selector["matchLabels"]) if "matchLabels" in selector and backend.ref.kind != "Service" else selector


def ports_of(backend: Document, port: int | str | None, template: PodTemplate) -> frozenset[int] | None:
    """The container ports that a Service or an InferencePool leads to.

    Args:
        backend: the Service or the pool.
        port: one of its ports, by number or name; None for all.
        template: the pods, for ports that go by name.

    Returns:
        None where one of them cannot be known.
    """
    spec = mapping(backend.raw.get("spec"))
    found: set[int] = set()
    if backend.ref.kind != "Service":
        numbers = [spec.get("targetPortNumber"), *(mapping(entry).get("number") for entry in sequence(spec.get("targetPorts")))]
        return frozenset(number for number in numbers if isinstance(number, int)) or None
    for entry in map(mapping, sequence(spec.get("ports"))):
        number = entry.get("port")
        if port is not None and port not in (number, entry.get("name")):
            continue
        target = entry.get("targetPort", number)
        if isinstance(target, str) and target.isdecimal():
            target = int(target)
        if isinstance(target, int):
            found.add(target)
            continue
        named = [p.number for container in template.containers for p in container.ports if p.name == target and p.number is not None]
        if not named:
            return None
        found.update(named)
    return frozenset(found) or None


class PodsByLabel:
    """Pods by what selects them. Labels are derived for one place at a time, when something asks for it.

    The index looks at nothing by itself: it is whoever asks that looks at the workloads near a Service.
    """

    def __init__(self, _: Snapshot) -> None:
        self._labels: dict[int, tuple[Sequence[Workload], dict[tuple[str, str], list[_Pod]]]] = {}

    def of(self, backend: Document, selector: Mapping[str, Any], snapshot: Snapshot) -> Iterator[PodTemplate]:
        """The pods that a Service or a pool selects.

        Args:
            backend: the Service or the pool.
            selector: its labels.
            snapshot: that of whoever asks.
        """
        if not selector:
            return
        key, value = next(iter(selector.items()))
        for workloads in snapshot.places_beside(backend):
            for workload, number in self._by_label(workloads).get((str(key), str(value)), ()):
                templates = workload.templates
                if number < len(templates) and _covers(pod_labels(templates[number]), selector):
                    yield templates[number]

    def _by_label(self, workloads: Sequence[Workload]) -> Mapping[tuple[str, str], list[_Pod]]:
        if not workloads:
            return {}
        _, index = self._labels.setdefault(id(workloads), (workloads, {}))  # which keeps them, and with them their identity
        if not index:
            index[_INDEXED] = []
            for workload in workloads:
                in_use = "templates" in workload.__dict__
                for number, template in enumerate(workload.templates):
                    for key, value in pod_labels(template).items():
                        index.setdefault((str(key), str(value)), []).append((workload, number))
                if not in_use:
                    workload.release()
        return index


class Backends:
    """Services, pools and pods by what leads to them."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._pools = [pool for pool in snapshot.by_kind("InferencePool") if pool.ref.group in _POOL_GROUPS]
        self._named: dict[tuple[str, str], list[Document]] = {}
        for backend in (*snapshot.by_kind("Service", ""), *self._pools):
            self._named.setdefault((backend.ref.kind, backend.ref.name), []).append(backend)
        self._made: dict[str, list[_Pod]] | None = None
        self._pools_by_label: dict[tuple[str, str], list[Document]] = {}
        for pool in self._pools:
            for key, value in selector_of(pool).items():
                self._pools_by_label.setdefault((str(key), str(value)), []).append(pool)
                break

    def named(self, kind: str, name: str) -> Iterable[Document]:
        """The Services or InferencePools of a name, in every namespace."""
        return self._named.get((kind, name), ())

    def pools_matching(self, labels: Mapping[str, Any], document: Document) -> Iterator[Document]:
        """InferencePools that select pods with these labels, where ``document`` lives."""
        if not self._pools:
            return
        for key, value in labels.items():
            for pool in self._pools_by_label.get((str(key), str(value)), ()):
                if same_namespace(document, pool) and _covers(labels, selector_of(pool)):
                    yield pool

    def pods_of(self, backend: Document, selector: Mapping[str, Any]) -> Iterator[PodTemplate]:
        """The pods that a Service or a pool selects."""
        return self._snapshot.derived(PodsByLabel).of(backend, selector, self._snapshot)

    def made_for(self, service: str) -> Iterator[PodTemplate]:
        """The pods for which an operator makes a Service of that name."""
        if self._made is None:
            self._made = {}
            for workload in self._snapshot.workloads:
                if workload.framework in _MAKERS:
                    in_use = "templates" in workload.__dict__
                    for number, template in enumerate(workload.templates):
                        for name in made_services(template):
                            self._made.setdefault(name, []).append((workload, number))
                    if not in_use:
                        workload.release()
        return (workload.templates[number] for workload, number in self._made.get(service, ()))


def _covers(labels: Mapping[str, Any], selector: Mapping[str, Any]) -> bool:
    return all(str(labels.get(key)) == str(value) for key, value in selector.items())
