"""Workloads: objects that yield pods, brought into one shape. Rules judge these and never ``spec.template.spec``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Unpack

from auditor.accelerators import KNOWN_DEVICES, DeviceTable
from auditor.document import Document, ObjectRef, Path, mapping, parse_path, sequence
from auditor.finding import Confidence, Fault, FaultDetails
from auditor.kinds import Inject, Kind, Match, PodCount, Role, Template, find, matches, pod_count, pods_in
from auditor.lazy import lazy
from auditor.workload.container import AcceleratorRequest, Container, ContainerRole
from auditor.workload.parallelism import Parallelism, processes_by_operator
from auditor.workload.roles import classify
from auditor.workload.template import PodTemplate, Volume
from auditor.workload.values import EnvVar, Image, Mount, Port, Probe

if TYPE_CHECKING:
    from auditor.live import LivePod

__all__ = [
    "AcceleratorRequest",
    "Container",
    "ContainerRole",
    "EnvVar",
    "Image",
    "Inject",
    "Mount",
    "Parallelism",
    "PodTemplate",
    "Port",
    "Probe",
    "Role",
    "Volume",
    "Workload",
    "is_workload",
    "processes_by_operator",
]

# Groups whose kinds are Kubernetes' own: those without a row yield no pods, so that their objects need not be searched.
_NO_PODS = frozenset({"", "apps", "batch", "autoscaling", "policy", "extensions", "apiextensions.k8s.io", "events.k8s.io"})
_ONE = PodCount(1, 1)
_FOUND_BY_SHAPE = Template(path="")
_MAX_EMBEDDING = 4


def is_workload(document: Document) -> bool:
    """Whether an object yields pods: its kind has a row, or something in it has the shape of a PodSpec."""
    group = document.ref.group
    row = find(group, document.ref.kind)
    if row is not None:
        return True
    if group in _NO_PODS or group.endswith(".k8s.io"):
        return False
    return next(_pod_specs(document.raw, ()), None) is not None


class Workload:
    """An object that yields pods, read on demand.

    Attributes:
        document: the object as read.
        ref: who it is.
        kind: its row in the table of kinds; None where it was found by its shape.
        served: something leads traffic to its pods (a Service, an autoscaler).
        device_table: which resource names are devices.
    """

    def __init__(
        self,
        document: Document,
        served: Callable[[Workload], bool] | None = None,
        pods: Callable[[Workload], tuple[LivePod, ...]] | None = None,
        device_table: DeviceTable = KNOWN_DEVICES,
    ) -> None:
        self.document = document
        self.ref: ObjectRef = document.ref
        self.kind: Kind | None = find(self.ref.group, self.ref.kind)
        self._served = served
        self._pods = pods
        self.device_table = device_table

    def __repr__(self) -> str:
        return f"<Workload {self.ref}>"

    @lazy
    def raw(self) -> Mapping[str, Any]:
        """The object as written."""
        return self.document.raw

    @property
    def spec(self) -> Mapping[str, Any]:
        """The object's ``spec``; empty where it is missing or null."""
        return mapping(self.raw.get("spec"))

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The object's metadata."""
        return mapping(self.raw.get("metadata"))

    @property
    def labels(self) -> Mapping[str, Any]:
        """The object's own labels (those of the pods are on the templates)."""
        return mapping(self.metadata.get("labels"))

    @property
    def annotations(self) -> Mapping[str, Any]:
        """The object's own annotations."""
        return mapping(self.metadata.get("annotations"))

    @property
    def framework(self) -> str:
        """What runs it: ``kubeflow``, ``kuberay``, ``kserve``; empty for Kubernetes itself and kinds nobody listed."""
        return self.kind.framework if self.kind else ""

    @property
    def job(self) -> bool:
        """Its pods are meant to finish."""
        return self.kind is not None and self.kind.job

    @property
    def incomplete(self) -> bool:
        """It is a template for other objects: what it lacks, somebody else supplies."""
        return self.kind is not None and self.kind.incomplete

    @property
    def validated(self) -> bool:
        """The API server validates its pods when it is applied; else the fault shows only when a controller creates them."""
        return self.kind is not None and self.kind.validated

    @property
    def suspended(self) -> bool:
        """``spec.suspend`` or, for Kubeflow's jobs, ``spec.runPolicy.suspend`` is true: created, but not started."""
        return self.spec.get("suspend") is True or mapping(self.spec.get("runPolicy")).get("suspend") is True

    @property
    def served(self) -> bool:
        """Something leads traffic to its pods."""
        return self._served is not None and self._served(self)

    @property
    def pods(self) -> tuple[LivePod, ...]:
        """Its pods in a live cluster, with their fates; none for files."""
        return self._pods(self) if self._pods else ()

    @property
    def conditions(self) -> Mapping[str, Mapping[str, Any]]:
        """What its controller says of it, by type: ``Available``, ``ReplicaFailure``, ``Succeeded``; empty for files."""
        entries = sequence(mapping(self.raw.get("status")).get("conditions"))
        return {str(entry.get("type")): entry for entry in map(mapping, entries)}

    @property
    def injected_containers(self) -> tuple[str, ...]:
        """Containers of its live pods that are in none of its templates: admission webhooks and operators put them there."""
        own = {container.name for container in self.containers}
        return tuple(sorted({name for pod in self.pods for name in pod.container_names} - own))

    @lazy
    def role(self) -> Role:
        """What it is there for."""
        return self.verdict[0]

    @lazy
    def role_confidence(self) -> Confidence:
        """The certainty of `role`."""
        return self.verdict[1]

    @lazy
    def verdict(self) -> tuple[Role, Confidence]:
        """`role` and `role_confidence`."""
        return classify(self)

    def is_role(self, *roles: Role, confidence: Confidence = Confidence.MEDIUM) -> bool:
        """Whether its role is one of these, with at least that certainty."""
        return self.role in roles and self.role_confidence >= confidence

    @lazy
    def templates(self) -> tuple[PodTemplate, ...]:
        """The pods it yields."""
        return self.derive()

    def derive(self) -> tuple[PodTemplate, ...]:
        """The pods it yields, which it does not keep: for one look at each of thousands, which nobody then needs to `release`."""
        if self.kind is None:
            return tuple(
                PodTemplate(self, _FOUND_BY_SHAPE, self.raw, Match(path, spec, ()), (), PodCount(None, None))
                for path, spec in _pod_specs(self.raw, ())
            )
        return tuple(self._templates(self.kind, self.raw, (), _ONE, 0))

    def _templates(self, kind: Kind, raw: Mapping[str, Any], prefix: Path, copies: PodCount, depth: int) -> Iterator[PodTemplate]:
        for row in kind.templates:
            for match in pods_in(raw, row):
                yield PodTemplate(self, row, raw, match, prefix, pod_count(row, raw, match) * copies)
        if depth == _MAX_EMBEDDING:
            return
        for embedded in kind.embeds:
            for match in matches(raw, embedded.path):
                inner = mapping(match.value)
                version, name = inner.get("apiVersion"), inner.get("kind")
                row_of_inner = find(version.rpartition("/")[0], name) if isinstance(version, str) and isinstance(name, str) else None
                if row_of_inner is not None:
                    number = pod_count(embedded, raw, match) * copies
                    yield from self._templates(row_of_inner, inner, (*prefix, *match.path), number, depth + 1)

    @property
    def containers(self) -> Iterator[Container]:
        """The containers of all its pods."""
        return (container for template in self.templates for container in template.containers)

    @property
    def accelerated(self) -> bool:
        """One of its pods asks for an accelerator."""
        return any(template.accelerated for template in self.templates)

    @property
    def accelerators(self) -> Mapping[str, int]:
        """Devices of all its pods by key, at the lower end of what an autoscaler may do; pods of unknown number count once."""
        total: dict[str, int] = {}
        for template in self.templates:
            pods = 1 if template.pods.low is None else template.pods.low
            for key, count in template.accelerators.items():
                total[key] = total.get(key, 0) + count * pods
        return total

    def release(self) -> None:
        """Forget what was derived. It is derived again on demand; the engine calls this to keep memory flat over many workloads."""
        for template in self.__dict__.pop("templates", ()):
            template.__dict__.clear()  # its containers point back to it; without this only the cyclic collector could free them
        for name in ("raw", "role", "role_confidence", "verdict"):
            self.__dict__.pop(name, None)

    def fault(self, message: str, *, at: str | Path = "", **details: Unpack[FaultDetails]) -> Fault:
        """Something wrong at a field of this object; see `Container.fault`."""
        return Fault(self.document, at if isinstance(at, tuple) else parse_path(at), message, **details)


def _pod_specs(node: Any, path: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Mappings with the shape of a PodSpec: ``containers`` is a list of mappings."""
    if isinstance(node, dict):
        containers = node.get("containers")
        if isinstance(containers, list) and containers and all(isinstance(entry, dict) for entry in containers):
            yield path, node
            return
        for key, child in node.items():
            if isinstance(child, dict | list) and (path or key != "status"):  # what runs is no template
                yield from _pod_specs(child, (*path, key))
    elif isinstance(node, list):
        for index, child in enumerate(node):
            if isinstance(child, dict | list):
                yield from _pod_specs(child, (*path, index))
