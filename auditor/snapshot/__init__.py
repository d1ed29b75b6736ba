"""Everything that was read, indexed once, read-only: what rules look things up in. It knows what it is complete for.

`Snapshot` is all that is asked; each of its parts answers for one matter, and is handed what it looks things up in: `lookup` (by kind,
place and name), `serving` and `workloads` (who leads to whom), `running` (pods and nodes), `measured` (usage), `given` (what pods are
given from outside) and `accelerated` (who asks for devices). A method here that is not also in `auditor.incremental.trace` makes what a
rule says of an object depend on everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, TypeVar

from auditor.accelerators import KNOWN_DEVICES, Device, DeviceTable
from auditor.document import Document, Unknown
from auditor.lazy import lazy
from auditor.listing import Listing
from auditor.live import LivePod, Node
from auditor.snapshot.accelerated import Accelerated
from auditor.snapshot.given import env_value, given_by_limit_range, priority_of
from auditor.snapshot.lookup import Lookup, listed
from auditor.snapshot.measured import Measured
from auditor.snapshot.places import (
    Namespace,
    cluster_scoped,
    is_development_namespace,
    is_system_namespace,
    namespaces_of,
    same_branch,
    same_namespace,
)
from auditor.snapshot.running import Running, folded
from auditor.snapshot.serving import Serving
from auditor.snapshot.workloads import Workloads
from auditor.usage import Activity, Idling, Physical, Usage
from auditor.workload import Container, PodTemplate, Role, Workload, is_workload

__all__ = [
    "DEFAULT_KUBERNETES_VERSION",
    "Namespace",
    "Snapshot",
    "cluster_scoped",
    "is_development_namespace",
    "is_system_namespace",
    "listed",
    "same_branch",
    "same_namespace",
]

_Derived = TypeVar("_Derived")

# The newest version whose removals and defaults the rules know.
DEFAULT_KUBERNETES_VERSION = (1, 36)


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
        folding = folded(everything, listing)
        self.documents: tuple[Document, ...] = tuple(folding.judged)
        self.listing = listing
        self.selects = selects or _every
        self.complete = complete
        self.kubernetes_version = kubernetes_version
        self.kustomized_images = kustomized_images or {}
        self.device_table = device_table
        self.usage: Usage | None = None
        self.rates: Mapping[str, Fraction] = {}
        self.physical: Mapping[str, Physical] = {}
        self._lookup = Lookup(self.documents, complete, listing)
        self._serving = Serving(self._lookup)
        self._running = Running(everything, folding, self._lookup, listing, device_table)
        self.workloads: tuple[Workload, ...] = tuple(
            Workload(document, self._serving.leads_to, self._running.pods_of, device_table)
            for document in self.documents
            if is_workload(document)
        )
        self._workloads = Workloads(self.workloads)
        self._accelerated = Accelerated(self._lookup, device_table)
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

    # -- objects ------------------------------------------------------------------------------------------------------------------------

    def by_kind(self, kind: str, group: str | None = None) -> list[Document]:
        """Objects of a kind in every namespace; of every group where ``group`` is None."""
        return self._lookup.by_kind(kind, group)

    def beside(self, document: Document, kind: str, group: str | None = None) -> Iterator[Document]:
        """Objects of a kind that live in the same namespace as ``document``; see `same_namespace`."""
        return self._lookup.beside(document, kind, group)

    def get(self, kind: str, name: str, document: Document, group: str | None = None) -> Document | None:
        """The object of that kind and name which ``document`` would reach: in its namespace, or anywhere for cluster-scoped kinds."""
        return self._lookup.get(kind, name, document, group)

    def complete_for(self, kind: str, document: Document, group: str | None = None) -> bool:
        """Whether an object of that kind which is not in view does not exist; ``group`` tells kinds of the same name apart.

        A live cluster is complete for what could be listed. Files are complete for a kind only if they hold one of it where ``document``
        lives (for cluster-scoped kinds: in a folder above or below it), or if the user says so.
        """
        return self._lookup.complete_for(kind, document, group)

    @lazy
    def namespaces(self) -> tuple[Namespace, ...]:
        """Objects by the namespace they live in, in a stable order. In a live cluster, what names none lives in none."""
        return namespaces_of(self.documents, self.workloads, live=self.listing is not None)

    # -- what runs ----------------------------------------------------------------------------------------------------------------------

    @property
    def pods(self) -> tuple[LivePod, ...]:
        """The pods of a live cluster, by namespace and name; none for files."""
        return self._running.pods

    def pods_of(self, workload: Workload) -> tuple[LivePod, ...]:
        """The pods of a workload that are there now: those folded into it, and itself where it is one."""
        return self._running.pods_of(workload)

    def root_of(self, pod: LivePod) -> Document:
        """The object that a pod was folded into; the pod itself where it stands for itself."""
        return self._running.root_of(pod)

    def root_named(self, kind: str, namespace: str, name: str) -> Document | None:
        """The object that one of that name was folded into, whatever its group; the object itself where it stands for itself."""
        return self._running.root_named(kind, namespace, name)

    def workload_of_pod(self, pod: LivePod) -> Workload | None:
        """The workload that a pod was folded into."""
        return self._workloads.of(self._running.root_of(pod))

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes of a live cluster, by name; none for files."""
        return self._running.nodes

    @property
    def sees_all_pods(self) -> bool:
        """Whether what is free on a node is known: every pod of every namespace was listed."""
        return self.listing is not None and self.listing.whole and self.listing.complete_for("Pod")

    @lazy
    def _measured(self) -> Measured:
        return Measured(self.usage)

    def activity_of(self, workload: Workload) -> Activity | None:
        """What the devices did that a workload held in the window; None where it held none, or nobody measured."""
        return self._measured.activity_of(workload)

    def idling_of(self, workload: Workload) -> Idling | None:
        """What the devices of a workload's pods did lately; None where nobody measured them one by one."""
        return self._measured.idling_of(workload)

    # -- who leads to whom --------------------------------------------------------------------------------------------------------------

    def services_of(self, template: PodTemplate) -> list[Document]:
        """Services whose selector matches the pods of a template."""
        return self._serving.services_of(template)

    def services_matching(self, labels: Mapping[str, Any], document: Document) -> list[Document]:
        """Services whose selector matches pods with these labels, where ``document`` lives."""
        return self._serving.services_matching(labels, document)

    def scalers_of(self, workload: Workload) -> list[Document]:
        """HorizontalPodAutoscalers and ScaledObjects that scale a workload."""
        return self._serving.scalers_of(workload)

    def scale_target(self, scaler: Document) -> Workload | None:
        """The workload that an autoscaler scales, if it is in view."""
        return self._workloads.scaled_by(scaler)

    def workload_of(self, document: Document) -> Workload | None:
        """The workload that an object is; None where it yields no pods."""
        return self._workloads.of(document)

    def workloads_beside(self, document: Document) -> tuple[Workload, ...]:
        """Workloads that live in the same namespace as ``document``; see `same_namespace`."""
        first, second = self._workloads.places_beside(document)
        return (*first, *second)

    def places_beside(self, document: Document) -> tuple[Sequence[Workload], Sequence[Workload]]:
        """Likewise, as two sequences: those of a place are the same for all that live there, so that they can be indexed once."""
        return self._workloads.places_beside(document)

    def workloads_of(self, *roles: Role) -> Iterator[Workload]:
        """Workloads of these roles, with at least medium certainty."""
        return (workload for workload in self.workloads if workload.is_role(*roles))

    # -- what pods are given from outside -----------------------------------------------------------------------------------------------

    def priority_of(self, template: PodTemplate) -> int | None:
        """The priority that a pod resolves to: its class's value, else the global default's, else 0. None where it cannot be known."""
        return priority_of(template, self._lookup)

    def env_value(self, container: Container, name: str) -> str | Unknown | None:
        """What an environment variable is, whether written or taken from a ConfigMap in view; unknown where it comes from elsewhere; None
        where it is not set.
        """
        return env_value(container, name, self._lookup)

    def given_by_limit_range(self, document: Document, section: str) -> frozenset[str]:
        """The resources that a LimitRange in view fills in where a container beside ``document`` does not set them.

        Args:
            document: an object of the namespace.
            section: ``requests`` or ``limits``.
        """
        return given_by_limit_range(document, section, self._lookup)

    # -- who asks for an accelerator ----------------------------------------------------------------------------------------------------

    def wants_accelerator(self, template: PodTemplate) -> bool:
        """Whether the pod asks for an accelerator in any way: by resource name, fraction or claim."""
        return template.accelerated or self._accelerated.claims(template)

    def claims_accelerator(self, template: PodTemplate) -> bool:
        """Whether the pod claims an accelerator by dynamic resource allocation, as far as its claims or their templates are in view."""
        return self._accelerated.claims(template)

    def asks_for_accelerator(self, workload: Workload) -> bool:
        """Whether a workload is one of `accelerated_workloads`."""
        return self._accelerated.asks(workload)

    @lazy
    def accelerated_workloads(self) -> tuple[Workload, ...]:
        """Workloads that ask for an accelerator by resource name, fraction or claim, for rules about namespaces and the whole."""
        return tuple(filter(self._accelerated.asks, self.workloads))


def _every(document: Document) -> bool:
    return True
