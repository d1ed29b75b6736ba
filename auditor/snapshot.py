"""Everything that was read, indexed once, read-only: what rules look things up in. It knows what it is complete for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeVar

from auditor.accelerators import KNOWN_DEVICES, Device, DeviceTable, is_accelerator_class
from auditor.document import Document, Unknown, mapping, sequence
from auditor.lazy import lazy
from auditor.listing import Listing
from auditor.live import Folding, LivePod, Node, fold, held_by_pod, live_pod, nodes_of
from auditor.usage import Activity, Holder, Idling, Physical, Usage
from auditor.workload import Container, PodTemplate, Role, Workload, is_workload

__all__ = ["DEFAULT_KUBERNETES_VERSION", "Namespace", "Snapshot", "cluster_scoped", "listed", "same_branch", "same_namespace"]

_Derived = TypeVar("_Derived")

# The newest version whose removals and defaults the rules know.
DEFAULT_KUBERNETES_VERSION = (1, 36)

_CLUSTER_SCOPED = frozenset(
    {
        "Namespace", "PriorityClass", "WorkloadPriorityClass", "ClusterQueue", "StorageClass", "DeviceClass", "ClusterServingRuntime",
        "Node", "PersistentVolume", "ClusterRole", "ClusterRoleBinding", "Cohort", "ResourceFlavor", "IngressClass", "Queue",
    }
)  # fmt: skip


def cluster_scoped(kind: str) -> bool:
    """Whether objects of a kind live in no namespace."""
    return kind in _CLUSTER_SCOPED


# Objects that move the number of pods of another one, and so show that it serves: kind → field with the reference.
_SCALERS = (("HorizontalPodAutoscaler", "autoscaling", "scaleTargetRef"), ("ScaledObject", "keda.sh", "scaleTargetRef"))


_SYSTEM = re.compile(r"kube-.+|.+-system|(nvidia-)?gpu-operator|node-feature-discovery")


def is_system_namespace(name: str) -> bool:
    """Whether a namespace belongs to the cluster or to an operator by its name."""
    return _SYSTEM.fullmatch(name) is not None


_NOT_PRODUCTION = re.compile(
    r"(?:^|[-_.])(dev|devel|develop|development|tests?|testing|stag|stage|staging|sandbox|demos?|qa|previews?)(?=$|[-_.\d])"
)


def is_development_namespace(name: str) -> bool:
    """Whether a namespace is there for development, tests or demonstrations, by a word of its name."""
    return _NOT_PRODUCTION.search(name) is not None


@dataclass(frozen=True, slots=True)
class Namespace:
    """Objects that live together.

    Attributes:
        name: the namespace; empty for objects that leave it to ``kubectl -n``. Those of one directory are taken to live together.
        documents: its objects, in the order of their files.
        workloads: those that yield pods.
    """

    name: str
    documents: tuple[Document, ...]
    workloads: tuple[Workload, ...]

    @property
    def system(self) -> bool:
        """It belongs to the cluster or to an operator, not to its users."""
        return is_system_namespace(self.name)

    def __str__(self) -> str:
        return f"namespace {self.name}" if self.name else f"the namespace of {self.documents[0].folder or 'this directory'}"


class Snapshot:
    """What is in view.

    Args:
        documents: the objects.
        complete: the user says that nothing is missing (``--complete``).
        kubernetes_version: major and minor number of the cluster they are meant for.
        kustomized_images: by file, the names of the images in it whose tag or digest a kustomization sets.
        listing: what was listed of a live cluster; None for files. What controllers made is then folded into its owner.
        selects: which objects are judged; the others are in view. None for all.
        device_table: which resource names are devices.

    Attributes:
        documents: the objects that stand for themselves, in order.
        usage: what its accelerators did in a window of time, where that was measured; set once, before rules are asked.
        rates: what an hour of a device costs on a node, in USD, as far as that is known; set likewise.
        physical: the devices behind a node's units, by resource name, as the price book knows them; set likewise.
    """

    def __init__(
        self,
        documents: Iterable[Document],
        *,
        complete: bool = False,
        kubernetes_version: tuple[int, int] = DEFAULT_KUBERNETES_VERSION,
        kustomized_images: Mapping[str, frozenset[str]] | None = None,
        listing: Listing | None = None,
        selects: Callable[[Document], bool] | None = None,
        device_table: DeviceTable = KNOWN_DEVICES,
    ) -> None:
        everything = tuple(documents)
        self._folding = fold(everything) if listing else Folding(list(everything))
        self._pods_in_view = (
            [document for document in everything if document.ref.kind == "Pod" and not document.ref.group] if listing else []
        )
        self.documents: tuple[Document, ...] = tuple(self._folding.judged)
        self.listing = listing
        self.selects = selects or _every
        self.complete = complete
        self.kubernetes_version = kubernetes_version
        self.kustomized_images = kustomized_images or {}
        self.device_table = device_table
        self._words = device_table.words
        self.workloads: tuple[Workload, ...] = tuple(
            Workload(document, self._leads_to, self.pods_of, device_table) for document in self.documents if is_workload(document)
        )
        self.usage: Usage | None = None
        self.rates: Mapping[str, Fraction] = {}
        self.physical: Mapping[str, Physical] = {}
        self._derived: dict[Callable[[Snapshot], Any], Any] = {}

    def device(self, key: str) -> Device | None:
        """The device that a resource name counts, or None where it counts something else."""
        return self.device_table.device(key)

    def derived(self, derive: Callable[[Snapshot], _Derived]) -> _Derived:
        """What a pure function makes of everything in view, made once: an index for whoever asks about one object after another."""
        if derive not in self._derived:
            self._derived[derive] = derive(self)
        found: _Derived = self._derived[derive]
        return found

    @lazy
    def _by_kind(self) -> Mapping[str, list[Document]]:
        index: dict[str, list[Document]] = {}
        for document in self.documents:
            index.setdefault(document.ref.kind, []).append(document)
        return index

    def by_kind(self, kind: str, group: str | None = None) -> list[Document]:
        """Objects of a kind in every namespace; of every group where ``group`` is None."""
        found = self._by_kind.get(kind, [])
        return found if group is None else [document for document in found if document.ref.group == group]

    def beside(self, document: Document, kind: str, group: str | None = None) -> Iterator[Document]:
        """Objects of a kind that live in the same namespace as ``document``; see `same_namespace`."""
        namespace, folder = document.ref.namespace, document.folder
        near = self._by_place.get((kind, "", folder), ())
        if namespace:
            near = (*self._by_place.get((kind, namespace, ""), ()), *(other for other in near if not other.ref.namespace))
        return (other for other in near if group is None or other.ref.group == group)

    @lazy
    def _by_place(self) -> Mapping[tuple[str, str, str], list[Document]]:
        """Objects by kind and namespace, and by kind and folder."""
        index: dict[tuple[str, str, str], list[Document]] = {}
        for document in self.documents:
            kind, namespace = document.ref.kind, document.ref.namespace
            if namespace:
                index.setdefault((kind, namespace, ""), []).append(document)
            index.setdefault((kind, "", document.folder), []).append(document)
        return index

    def get(self, kind: str, name: str, document: Document, group: str | None = None) -> Document | None:
        """The object of that kind and name which ``document`` would reach: in its namespace, or anywhere for cluster-scoped kinds."""
        everywhere = kind in _CLUSTER_SCOPED
        return next(
            (
                other
                for other in self._by_name.get((kind, name), ())
                if (group is None or other.ref.group == group) and (everywhere or same_namespace(document, other))
            ),
            None,
        )

    @lazy
    def _by_name(self) -> Mapping[tuple[str, str], list[Document]]:
        index: dict[tuple[str, str], list[Document]] = {}
        for document in self.documents:
            index.setdefault((document.ref.kind, document.ref.name), []).append(document)
        return index

    def complete_for(self, kind: str, document: Document, group: str | None = None) -> bool:
        """Whether an object of that kind which is not in view does not exist; ``group`` tells kinds of the same name apart.

        A live cluster is complete for what could be listed. Files are complete for a kind only if they hold one of it where ``document``
        lives (for cluster-scoped kinds: in a folder above or below it), or if the user says so.
        """
        if self.complete:
            return True
        if self.listing is not None:
            return self.listing.complete_for(kind, group)
        if kind in _CLUSTER_SCOPED:
            return any(same_branch(document, other) for other in self.by_kind(kind, group))
        return any(True for _ in self.beside(document, kind, group))

    @lazy
    def namespaces(self) -> tuple[Namespace, ...]:
        """Objects by the namespace they live in, in a stable order. In a live cluster, what names none lives in none."""
        members: dict[tuple[str, str], list[Document]] = {}
        for document in self.documents:
            if self.listing is None or document.ref.namespace:
                members.setdefault(_key(document), []).append(document)
        workloads: dict[tuple[str, str], list[Workload]] = {}
        for workload in self.workloads:
            workloads.setdefault(_key(workload.document), []).append(workload)
        return tuple(Namespace(key[0], tuple(members[key]), tuple(workloads.get(key, ()))) for key in sorted(members))

    # -- what runs ----------------------------------------------------------------------------------------------------------------------

    @lazy
    def pods(self) -> tuple[LivePod, ...]:
        """The pods of a live cluster, by namespace and name; none for files."""
        held = held_by_pod(self.by_kind("ResourceClaim", "resource.k8s.io"))
        pods = (
            live_pod(
                document, self._folding.root_of(document).ref, held.get((document.ref.namespace, document.ref.name)), raw, self.device_table
            )
            for document, raw in ((document, document.fresh) for document in self._pods_in_view)
            if isinstance(raw.get("spec"), dict)  # what has none is no pod: an archive may hold anything
        )
        return tuple(sorted(pods, key=lambda pod: (pod.ref.namespace, pod.ref.name)))

    def pods_of(self, workload: Workload) -> tuple[LivePod, ...]:
        """The pods of a workload that are there now: those folded into it, and itself where it is one."""
        return tuple(self._pods_by_root.get(id(workload.document), ())) if self.listing else ()

    @lazy
    def _pods_by_root(self) -> Mapping[int, list[LivePod]]:
        index: dict[int, list[LivePod]] = {}
        for pod in self.pods:
            index.setdefault(id(self._folding.root_of(pod.document)), []).append(pod)
        return index

    def root_of(self, pod: LivePod) -> Document:
        """The object that a pod was folded into; the pod itself where it stands for itself."""
        return self._folding.root_of(pod.document)

    def root_named(self, kind: str, namespace: str, name: str) -> Document | None:
        """The object that one of that name was folded into, whatever its group; the object itself where it stands for itself."""
        found = self._owners_by_name.get((kind, namespace, name))
        return self._folding.root_of(found) if found is not None else None

    @lazy
    def _owners_by_name(self) -> Mapping[tuple[str, str, str], Document]:
        documents = (*self._folding.between, *self.documents)
        return {(document.ref.kind, document.ref.namespace, document.ref.name): document for document in documents}

    def workload_of_pod(self, pod: LivePod) -> Workload | None:
        """The workload that a pod was folded into."""
        return self.workload_of(self.root_of(pod))

    @lazy
    def nodes(self) -> tuple[Node, ...]:
        """The nodes of a live cluster, by name; none for files."""
        if self.listing is None:
            return ()
        slices, claims = self.by_kind("ResourceSlice", "resource.k8s.io"), self.by_kind("ResourceClaim", "resource.k8s.io")
        return nodes_of(self.by_kind("Node", ""), self.pods, slices, claims, self.device_table)

    @property
    def sees_all_pods(self) -> bool:
        """Whether what is free on a node is known: every pod of every namespace was listed."""
        return self.listing is not None and self.listing.whole and self.listing.complete_for("Pod")

    def activity_of(self, workload: Workload) -> Activity | None:
        """What the devices did that a workload held in the window; None where it held none, or nobody measured."""
        return self._activities.get(_holder_key(workload))

    @lazy
    def _activities(self) -> Mapping[tuple[str, str, str], Activity]:
        found: dict[tuple[str, str, str], Activity] = {}
        for one in self.usage.held if self.usage else ():
            holder = one.holder
            found.setdefault((holder.namespace, holder.kind, holder.name), Activity()).add(one.activity)
        return found

    def idling_of(self, workload: Workload) -> Idling | None:
        """What the devices of a workload's pods did lately; None where nobody measured them one by one."""
        return self.usage.idling.get(Holder(*_holder_key(workload))) if self.usage else None

    # -- who leads to whom --------------------------------------------------------------------------------------------------------------

    @lazy
    def _services(self) -> Mapping[tuple[str, object], list[Document]]:
        """Services by the first label of their selector."""
        index: dict[tuple[str, object], list[Document]] = {}
        for service in self.by_kind("Service", ""):
            for key, value in mapping(mapping(service.raw.get("spec")).get("selector")).items():
                if isinstance(value, str | int | bool):
                    index.setdefault((key, value), []).append(service)
                break
        return index

    def services_of(self, template: PodTemplate) -> list[Document]:
        """Services whose selector matches the pods of a template."""
        return self.services_matching(template.labels, template.workload.document)

    def services_matching(self, labels: Mapping[str, Any], document: Document) -> list[Document]:
        """Services whose selector matches pods with these labels, where ``document`` lives."""
        return [
            service
            for pair in labels.items()
            if isinstance(pair[1], str | int | bool)
            for service in self._services.get(pair, ())
            if same_namespace(document, service)
            and all(labels.get(key) == value for key, value in mapping(mapping(service.raw.get("spec")).get("selector")).items())
        ]

    @lazy
    def _scaled(self) -> Mapping[tuple[str, str], list[Document]]:
        """Autoscalers by kind and name of what they scale."""
        index: dict[tuple[str, str], list[Document]] = {}
        for kind, group, field in _SCALERS:
            for scaler in self.by_kind(kind, group):
                target = mapping(mapping(scaler.raw.get("spec")).get(field))
                name, target_kind = target.get("name"), target.get("kind", "Deployment")
                if isinstance(name, str) and isinstance(target_kind, str):
                    index.setdefault((target_kind, name), []).append(scaler)
        return index

    def scalers_of(self, workload: Workload) -> list[Document]:
        """HorizontalPodAutoscalers and ScaledObjects that scale a workload."""
        return [s for s in self._scaled.get((workload.ref.kind, workload.ref.name), ()) if same_namespace(workload.document, s)]

    def scale_target(self, scaler: Document) -> Workload | None:
        """The workload that an autoscaler scales, if it is in view."""
        target = mapping(mapping(scaler.raw.get("spec")).get("scaleTargetRef"))
        kind, name = target.get("kind", "Deployment"), target.get("name")
        return next((w for w in self._workloads_by_name.get((str(kind), str(name)), ()) if same_namespace(scaler, w.document)), None)

    def workload_of(self, document: Document) -> Workload | None:
        """The workload that an object is; None where it yields no pods."""
        return self._workloads_by_document.get(id(document))

    def workloads_beside(self, document: Document) -> tuple[Workload, ...]:
        """Workloads that live in the same namespace as ``document``; see `same_namespace`."""
        first, second = self.places_beside(document)
        return (*first, *second)

    def places_beside(self, document: Document) -> tuple[Sequence[Workload], Sequence[Workload]]:
        """Likewise, as two sequences: those of a place are the same for all that live there, so that they can be indexed once."""
        namespace, by_place = document.ref.namespace, self._workloads_by_place
        loose = by_place.get(("", document.folder), ())
        if namespace:
            return by_place.get((namespace, ""), ()), loose
        return loose, by_place.get(("any", document.folder), ())

    @lazy
    def _workloads_by_place(self) -> Mapping[tuple[str, str], list[Workload]]:
        """Workloads by namespace, and by folder: those that name no namespace, and those that do."""
        index: dict[tuple[str, str], list[Workload]] = {}
        for workload in self.workloads:
            namespace, folder = workload.ref.namespace, workload.document.folder
            for place in ((namespace, ""), ("any", folder)) if namespace else (("", folder),):
                index.setdefault(place, []).append(workload)
        return index

    @lazy
    def _workloads_by_document(self) -> Mapping[int, Workload]:
        return {id(workload.document): workload for workload in self.workloads}

    @lazy
    def _workloads_by_name(self) -> Mapping[tuple[str, str], list[Workload]]:
        index: dict[tuple[str, str], list[Workload]] = {}
        for workload in self.workloads:
            index.setdefault((workload.ref.kind, workload.ref.name), []).append(workload)
        return index

    def _leads_to(self, workload: Workload) -> bool:
        if self._scaled and self.scalers_of(workload):
            return True
        return bool(self._services) and any(self.services_of(template) for template in workload.templates)

    # -- priorities ---------------------------------------------------------------------------------------------------------------------

    def priority_of(self, template: PodTemplate) -> int | None:
        """The priority that a pod resolves to: its class's value, else the global default's, else 0. None where it cannot be known.

        Source: https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/
        """
        name = template.priority_class
        classes = self.by_kind("PriorityClass", "scheduling.k8s.io")
        document = template.workload.document
        if name is None:
            default = next((c for c in classes if c.raw.get("globalDefault") is True and same_branch(document, c)), None)
            return 0 if default is None else _value(default)
        return next((_value(c) for c in classes if c.ref.name == name), None) if isinstance(name, str) else None

    # -- what pods are given from outside -----------------------------------------------------------------------------------------------

    def env_value(self, container: Container, name: str) -> str | Unknown | None:
        """What an environment variable is, whether written or taken from a ConfigMap in view; unknown where it comes from elsewhere; None
        where it is not set. The later of two entries counts, and single ones before whole objects.

        Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#environment-variables
        """
        for entry in map(mapping, reversed(sequence(container.raw.get("env")))):
            if entry.get("name") == name:
                if "valueFrom" not in entry:
                    return container.env_value(name)
                reference = mapping(mapping(entry["valueFrom"]).get("configMapKeyRef"))
                return self._configured(reference, str(reference.get("key")), container)
        for entry in map(mapping, reversed(sequence(container.raw.get("envFrom")))):
            if "configMapRef" not in entry:
                return Unknown(name, "valueFrom")
            prefix = str(entry.get("prefix") or "")
            if name.startswith(prefix):
                found = self._configured(mapping(entry["configMapRef"]), name.removeprefix(prefix), container)
                if found is not None:
                    return found
        return None

    def _configured(self, reference: Mapping[str, Any], key: str, container: Container) -> str | Unknown | None:
        name = reference.get("name")
        found = self.get("ConfigMap", name, container.template.workload.document, "") if isinstance(name, str) else None
        if found is None:
            return Unknown(str(name), "valueFrom")
        value = mapping(found.raw.get("data")).get(key)
        return value if value is None or isinstance(value, str) else Unknown(str(value)[:40], "wrong type")

    def given_by_limit_range(self, document: Document, section: str) -> frozenset[str]:
        """The resources that a LimitRange in view fills in where a container beside ``document`` does not set them.

        Args:
            document: an object of the namespace.
            section: ``requests`` or ``limits``. A limit comes from ``default``, else from ``max``; a request from ``defaultRequest``, else
                from the limit that is filled in, else from ``min``.

        Source: SetDefaults_LimitRangeItem in https://github.com/kubernetes/kubernetes/blob/master/pkg/apis/core/v1/defaults.go
        """
        fields = ("default", "max") if section == "limits" else ("default", "max", "defaultRequest", "min")
        return frozenset(
            key
            for limit_range in self.beside(document, "LimitRange", "")
            for item in listed(limit_range, "spec", "limits")
            if item.get("type") == "Container"
            for field in fields
            for key in mapping(item.get(field))
        )

    def wants_accelerator(self, template: PodTemplate) -> bool:
        """Whether the pod asks for an accelerator in any way: by resource name, fraction or claim."""
        return template.accelerated or self.claims_accelerator(template)

    def claims_accelerator(self, template: PodTemplate) -> bool:
        """Whether the pod claims an accelerator by dynamic resource allocation, as far as its claims or their templates are in view."""
        return any(self._is_accelerator(claim, template.workload.document) for claim in template.resource_claims)

    def _is_accelerator(self, claim: Mapping[str, object], document: Document) -> bool:
        source = {**mapping(claim.get("source")), **claim}  # the names stood under source before Kubernetes 1.31
        for kind, field, path in (
            ("ResourceClaimTemplate", "resourceClaimTemplateName", ("spec", "spec", "devices", "requests")),
            ("ResourceClaim", "resourceClaimName", ("spec", "devices", "requests")),
        ):
            name = source.get(field)
            found = self.get(kind, name, document, "resource.k8s.io") if isinstance(name, str) else None
            if found is not None:
                return any(is_accelerator_class(name) for request in listed(found, *path) for name in _device_classes(request))
        return False

    @lazy
    def accelerated_workloads(self) -> tuple[Workload, ...]:
        """Workloads that ask for an accelerator by resource name, fraction or claim, for rules about namespaces and the whole.

        Most workloads are dismissed by a look at their keys, which takes a tenth of the time that deriving their containers does.
        """
        return tuple(filter(self.asks_for_accelerator, self.workloads))

    def asks_for_accelerator(self, workload: Workload) -> bool:
        """Whether a workload is one of `accelerated_workloads`."""
        asks = self._accelerated.get(id(workload))
        if asks is None:
            asks = self._accelerated[id(workload)] = self._asks_for_accelerator(workload)
        return asks

    @lazy
    def _accelerated(self) -> dict[int, bool]:
        """By identity of a workload in view, whether it asks for an accelerator, as far as somebody wanted to know."""
        return {}

    def _asks_for_accelerator(self, workload: Workload) -> bool:
        blob = workload.document.blob
        if not any(word in blob for word in self._words) or not _mentions_accelerator(workload.document.raw, self.device_table):
            return False
        in_use = "templates" in workload.__dict__
        asks = workload.accelerated or any(map(self.claims_accelerator, workload.templates))
        if not in_use:
            workload.release()
        return asks

    def workloads_of(self, *roles: Role) -> Iterator[Workload]:
        """Workloads of these roles, with at least medium certainty."""
        return (workload for workload in self.workloads if workload.is_role(*roles))


def _mentions_accelerator(node: Any, table: DeviceTable) -> bool:
    """Whether a key at some depth is a device, or speaks of a GPU or of claims as operators' own fields and annotations do."""
    if isinstance(node, dict):
        for key, child in node.items():
            if isinstance(key, str) and (table.device(key) is not None if "/" in key else "gpu" in key or key == "resourceClaims"):
                return True
            if isinstance(child, dict | list) and _mentions_accelerator(child, table):
                return True
        return False
    return any(_mentions_accelerator(child, table) for child in node if isinstance(child, dict | list))


def _device_classes(request: Mapping[str, object]) -> Iterator[str]:
    """The DeviceClasses that one request of a claim names, in every version of its API."""
    for place in (request, mapping(request.get("exactly")), *sequence(request.get("firstAvailable"))):
        name = mapping(place).get("deviceClassName")
        if isinstance(name, str):
            yield name


def _holder_key(workload: Workload) -> tuple[str, str, str]:
    return (workload.ref.namespace, workload.ref.kind, workload.ref.name)


def _every(document: Document) -> bool:
    return True


def _value(priority_class: Document) -> int | None:
    value = priority_class.raw.get("value")
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _key(document: Document) -> tuple[str, str]:
    return (document.ref.namespace, "") if document.ref.namespace else ("", document.folder)


def same_namespace(one: Document, other: Document) -> bool:
    """Whether two objects live in one namespace. Where one does not say, those of one directory are taken to live together."""
    if one.ref.namespace and other.ref.namespace:
        return one.ref.namespace == other.ref.namespace
    return one.folder == other.folder


def same_branch(one: Document, other: Document) -> bool:
    """Whether the folder of one object is, or lies above or below, the folder of the other."""
    first, second = one.folder, other.folder
    return (
        first == second
        or (second + "/").startswith(first + "/" if first else "")
        or (first + "/").startswith(second + "/" if second else "")
    )


def listed(document: Document, *path: str) -> list[Mapping[str, object]]:
    """The mappings in the list at ``path`` of an object; empty where it is missing or of another type."""
    node: object = document.raw
    for step in path:
        node = mapping(node).get(step)
    return [entry for entry in sequence(node) if isinstance(entry, dict)]
