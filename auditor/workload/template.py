"""One pod template: the pods that an object yields, with their containers, volumes and scheduling."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Unpack

from auditor.document import Path, Unknown, mapping, parse_path, sequence
from auditor.finding import Fault, FaultDetails
from auditor.kinds import PLAIN, Inject, Match, PodCount, Template, bind, component_of, containers_at, injected, value_at
from auditor.lazy import lazy
from auditor.workload.container import Container, ContainerRole, is_helper
from auditor.workload.security import Holder, setting
from auditor.workload.totals import total_limits, total_requests
from auditor.workload.values import text_of

if TYPE_CHECKING:
    from auditor.workload import Workload

__all__ = ["PodTemplate", "Volume"]


class Volume:
    """One volume of a pod.

    Attributes:
        name: empty where it is unknown.
        kind: the source's field name (``emptyDir``, ``persistentVolumeClaim`` …); empty where there is none.
        source: the source as written; empty where it is null.
        path: where the entry stands in the object.
        raw: the whole entry as written.
    """

    __slots__ = ("kind", "name", "path", "raw", "source")

    def __init__(self, raw: Mapping[str, Any], path: Path) -> None:
        name = raw.get("name")
        self.name = name if isinstance(name, str) else ""
        self.kind = next((key for key in raw if key != "name"), "")
        self.source: Mapping[str, Any] = mapping(raw.get(self.kind))
        self.path = path
        self.raw = raw


_USUAL_INIT = Template.__dataclass_fields__["init_containers"].default  # where nearly every kind keeps them

# Annotations that ask for a part of a GPU: https://github.com/NVIDIA/KAI-Scheduler/tree/main/docs/gpu-sharing
_FRACTIONS = ("gpu-fraction", "gpu-memory", "gpu-fraction-num-devices")


class PodTemplate:
    """A pod template, read on demand.

    Attributes:
        workload: whose it is.
        row: the row of the table of kinds that found it.
        path: the mapping with the pod's fields.
        spec: the pod's fields as written.
        pods: how many pods it yields.
    """

    def __init__(self, workload: Workload, row: Template, root: Mapping[str, Any], match: Match, prefix: Path, pods: PodCount) -> None:
        self.workload = workload
        self.row = row
        self.path = (*prefix, *match.path)
        self.spec = mapping(match.value)
        self.pods = pods
        self._root = root  # the object that holds the pod: the workload's, or one inside it at `prefix`
        self._match = match
        self._prefix = prefix

    def __repr__(self) -> str:
        return f"<PodTemplate {self.component} of {self.workload.ref}>"

    @property
    def holder(self) -> tuple[Mapping[str, Any], Path]:
        """The object that describes the pod, with its path: the workload's own, or one that it carries (AppWrapper, Katib)."""
        return self._root, self._prefix

    @property
    def component(self) -> str:
        """What the operator calls these pods: ``head``, ``worker``; empty where there is one sort."""
        return component_of(self.row, self._root, self._match) if self.row.component else ""

    @lazy
    def injects(self) -> frozenset[Inject]:
        """What an operator fills in, so that its absence says nothing."""
        return injected(self.row, self._root, self._match)

    @property
    def incomplete(self) -> bool:
        """It is a template for, or laid over, what another object describes: judged for what it sets, never for what it lacks."""
        return self.row.partial or self.workload.incomplete

    def get(self, field: str) -> Any:
        """A pod-level field: the pod's own, else the one it inherits (an Argo template from its workflow)."""
        if field in self.spec:
            return self.spec[field]
        return next((inherited[field] for inherited, _ in self._inherited if field in inherited), None)

    def at(self, field: str, *steps: str | int) -> Path:
        """The path of a pod-level field, for faults: where the field stands, also when the pod inherits it."""
        if field not in self.spec:
            for inherited, path in self._inherited:
                if field in inherited:
                    return (*path, field, *steps)
        return (*self.path, field, *steps)

    @lazy
    def _inherited(self) -> tuple[tuple[Mapping[str, Any], Path], ...]:
        """The mappings whose fields hold where the pod does not set them, with their paths."""
        if not self.row.inherit:
            return ()
        keys = self._match.keys
        found = ((value_at(self._root, one, keys), bind(one, keys)) for one in self.row.inherit.split("|"))
        return tuple((value, (*self._prefix, *path)) for value, path in found if isinstance(value, dict) and path is not None)

    @lazy
    def metadata(self) -> Mapping[str, Any]:
        """The pod's metadata; empty where it has none."""
        where = self.row.metadata_path
        return mapping(value_at(self._root, where, self._match.keys)) if where else {}

    @property
    def metadata_path(self) -> Path:
        """Where the pod's metadata stands, or would stand; empty where the kind has no place for it."""
        keys = self._match.keys
        places = [one for one in self.row.metadata_path.split("|") if one]
        where = next((one for one in places if value_at(self._root, one, keys) is not None), places[0] if places else "")
        path = bind(where, keys) if where else None
        return () if path is None else (*self._prefix, *path)

    @property
    def labels(self) -> Mapping[str, Any]:
        """Labels of the pods."""
        return mapping(self.metadata.get("labels"))

    @property
    def annotations(self) -> Mapping[str, Any]:
        """Annotations of the pods."""
        return mapping(self.metadata.get("annotations"))

    # -- containers ---------------------------------------------------------------------------------------------------------------------

    @lazy
    def containers(self) -> tuple[Container, ...]:
        """All containers: main ones, helpers, init containers with native sidecars, ephemeral ones."""
        return tuple(self._containers())

    def _containers(self) -> Iterator[Container]:
        yield from self._main()
        for match in containers_at(self._root, self._match, self.row.sidecars):
            yield self._container(match, ContainerRole.HELPER)
        if self.row.init_containers is _USUAL_INIT and "initContainers" not in self.spec and "ephemeralContainers" not in self.spec:
            return
        for match in containers_at(self._root, self._match, self.row.init_containers):
            native = mapping(match.value).get("restartPolicy") == "Always"
            yield self._container(match, ContainerRole.SIDECAR if native else ContainerRole.INIT)
        for match in containers_at(self._root, self._match, ("ephemeralContainers[]",)):
            yield self._container(match, ContainerRole.EPHEMERAL)

    def _main(self) -> Iterator[Container]:
        """Main containers. Where an operator describes one of them in several places, the pieces are put together."""
        found = list(containers_at(self._root, self._match, self.row.containers))
        if self.row.main:
            pieces = [match for match in found if not match.keys or mapping(match.value).get("name") == self.row.main]
            if pieces:
                yield self._merged(pieces)
            found = [match for match in found if match not in pieces]
        for match in found:
            yield self._container(match, ContainerRole.MAIN)

    def _merged(self, pieces: list[Match]) -> Container:
        """One container from several mappings; what stands further left wins, and each field remembers where it came from."""
        fields: dict[str, Any] = {}
        origins: dict[str, Path] = {}
        for piece in pieces:
            for field, value in mapping(piece.value).items():
                if field not in fields and value is not None:
                    fields[field] = value
                    origins[field] = (*self._prefix, *piece.path)
        path = (*self._prefix, *pieces[0].path)
        return Container(fields, path, self, ContainerRole.MAIN, self.row.main, self.row.spelling, origins)

    def _container(self, match: Match, role: ContainerRole) -> Container:
        raw = mapping(match.value)
        named = not match.keys  # a mapping that the kind names, rather than an item of a list of real containers
        name = next((step for step in reversed(match.path) if isinstance(step, str)), self.component) if named else ""
        spelling = self.row.spelling if named else PLAIN
        container = Container(raw, (*self._prefix, *match.path), self, role, name, spelling)
        if role is ContainerRole.MAIN and is_helper(container.name, container.image):
            container.role = ContainerRole.HELPER
        return container

    @lazy
    def main_containers(self) -> tuple[Container, ...]:
        """The containers that do the work."""
        return tuple(container for container in self.containers if container.role is ContainerRole.MAIN)

    # -- accelerators -------------------------------------------------------------------------------------------------------------------

    @lazy
    def accelerators(self) -> Mapping[str, int]:
        """Devices of one pod by key: for each key the larger of the sum over main containers and sidecars, and the largest init container.
        Unknown counts are taken as one, so that a pod with a placeholder is still a pod with an accelerator.

        Source: https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers
        """
        running: dict[str, int] = {}
        starting: dict[str, int] = {}
        for container in self.containers:
            for request in container.accelerators:
                count = 1 if request.count is None else request.count
                if container.role is ContainerRole.INIT:
                    starting[request.key] = max(starting.get(request.key, 0), count)
                elif container.role is not ContainerRole.EPHEMERAL:
                    running[request.key] = running.get(request.key, 0) + count
        merged = {key: max(running.get(key, 0), starting.get(key, 0)) for key in sorted({*running, *starting})}
        return {key: count for key, count in merged.items() if count}

    @lazy
    def total_requests(self) -> Mapping[str, Fraction | Unknown]:
        """What one pod requests of each resource as the scheduler and a quota count it: its containers together, or what the start needs
        if that is more; pod-level resources and overhead count. A key is missing where nobody asks for it, and unknown where one of the
        amounts is. What a LimitRange or an operator fills in is not in it."""
        return total_requests(self.containers, self.resources, mapping(self.get("overhead")))

    @lazy
    def total_limits(self) -> Mapping[str, Fraction | Unknown]:
        """The limits of one pod of each resource, put together like `total_requests`."""
        return total_limits(self.containers, self.resources, mapping(self.get("overhead")))

    @property
    def has_accelerator_fraction(self) -> bool:
        """An annotation asks for a part of a GPU."""
        return any(key in self.annotations for key in _FRACTIONS)

    @lazy
    def resource_claims(self) -> tuple[Mapping[str, Any], ...]:
        """Entries of ``spec.resourceClaims`` (DRA). Whether one is an accelerator depends on its DeviceClass."""
        return tuple(entry for entry in sequence(self.get("resourceClaims")) if isinstance(entry, dict))

    @property
    def accelerated(self) -> bool:
        """The pod asks for an accelerator by resource name or by a fraction. A resource claim does not count: it may be a network card."""
        return bool(self.accelerators) or self.has_accelerator_fraction

    # -- volumes ------------------------------------------------------------------------------------------------------------------------

    @lazy
    def volumes(self) -> tuple[Volume, ...]:
        """Volumes of the pod, with those it inherits."""
        places = [(self.spec, self.path), *self._inherited]
        return tuple(
            Volume(entry, (*path, "volumes", index))
            for spec, path in places
            for index, entry in enumerate(sequence(spec.get("volumes")))
            if isinstance(entry, dict)
        )

    def volume(self, name: str) -> Volume | None:
        """The volume of that name."""
        return next((volume for volume in self.volumes if volume.name == name), None)

    # -- other fields -------------------------------------------------------------------------------------------------------------------

    @lazy
    def secured(self) -> tuple[Holder, ...]:
        """The pod and those of its containers that have a security context."""
        return tuple(setting(self))

    @property
    def security_context(self) -> Mapping[str, Any]:
        """The pod's security context; empty where it has none."""
        return mapping(self.get("securityContext"))

    @property
    def node_selector(self) -> Mapping[str, Any]:
        """Labels that a node must carry."""
        return mapping(self.get("nodeSelector"))

    @property
    def priority_class(self) -> str | Unknown | None:
        """The PriorityClass named; None where none is."""
        value = self.get("priorityClassName")
        if value is None or value == "":
            return None
        return value if isinstance(value, str) and "{" not in value and "$" not in value else Unknown(str(value), "placeholder")

    @property
    def service_account(self) -> str | Unknown:
        """The ServiceAccount that the pod runs as: ``default`` where none is named, unknown where another object may name it."""
        for field in ("serviceAccountName", "serviceAccount"):  # the second is the older name, which Spark and old manifests use
            value = self.get(field)
            if value is not None and value != "":
                name = text_of(value)
                return Unknown("", "null") if name is None else name
        return Unknown("", "set elsewhere") if self.incomplete else "default"

    @property
    def mounts_token(self) -> bool | None:
        """Whether the pod itself says that it gets a token for the API; None where it leaves that to its ServiceAccount.

        A projected volume brings one whatever the pod says; a placeholder counts as no.
        Source: https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#opt-out-of-api-credential-automounting
        """
        sources = [mapping(one) for volume in self.volumes if volume.kind == "projected" for one in sequence(volume.source.get("sources"))]
        if any("serviceAccountToken" in one and not mapping(one["serviceAccountToken"]).get("audience") for one in sources):
            return True
        value = self.get("automountServiceAccountToken")
        return value if value is None or isinstance(value, bool) else False

    @property
    def resources(self) -> Mapping[str, Any]:
        """Resources of the pod as a whole (since Kubernetes 1.32); empty where those beside the pod's fields are its container's."""
        return {} if "" in self.row.containers else mapping(self.spec.get("resources"))

    def fault(self, message: str, *, at: str | Path = "", **details: Unpack[FaultDetails]) -> Fault:
        """Something wrong at a field of this pod; see `Container.fault`."""
        path = at if isinstance(at, tuple) else (*self.path, *parse_path(at))
        return Fault(self.workload.document, path, message, **details)
