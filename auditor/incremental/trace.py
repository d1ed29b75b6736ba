"""What a judgement has looked at: the snapshot as rules see it, with everything that they ask of it noted.

What a rule says of an object follows from that object and from what the snapshot answers. An answer follows from the objects of some
kinds in some places: a `Traced` snapshot notes these as tokens. Where no object with one of the tokens has changed, every answer is the
same, and so is what the rule says. What is not listed here depends on everything, so that a new method of the snapshot is slow before it
is wrong.

Tokens: ``Kind`` for the objects of a kind anywhere, ``Kind@namespace`` and ``Kind/folder`` for those in one place, ``Kind%folder`` for
those of a folder that name no namespace; ``workload`` in place of a kind for objects that yield pods, and for those that decide what
these are (`_SHAPING`); ``derived:…`` for what a function made of the snapshot; ``*`` for everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

from auditor.document import Document, Unknown
from auditor.snapshot import Namespace, Snapshot, cluster_scoped
from auditor.workload import Container, PodTemplate, Workload, is_workload

__all__ = ["EVERYTHING", "IMAGES", "Traced", "provided"]

_Derived = TypeVar("_Derived")

EVERYTHING, IMAGES = "*", "images"
_WORKLOAD, _LOOSE_SHAPING = "workload", "shaping"

# What the role of a workload is looked up in, and whether it asks for an accelerator; see `auditor.snapshot.serving` and `accelerated`.
_CLAIMS = ("ResourceClaim", "ResourceClaimTemplate")
_SCALERS = ("HorizontalPodAutoscaler", "ScaledObject")
_SHAPING = frozenset({"Service", *_SCALERS, *_CLAIMS})

# What is the same for all files: settings, and what only a live cluster has.
_SETTLED = frozenset(
    {
        "activity_of", "complete", "device", "device_table", "idling_of", "kubernetes_version", "listing", "nodes", "physical", "pods",
        "pods_of", "rates", "sees_all_pods", "selects", "usage",
    }
)  # fmt: skip


def provided(document: Document) -> Iterator[str]:
    """The tokens of what may look different when an object changes, comes or goes."""
    kind = document.ref.kind
    yield from _places_of(kind, document)
    if kind in _SHAPING or is_workload(document):
        yield from _places_of(_WORKLOAD, document)
    if kind in _SHAPING and not document.ref.namespace:
        yield _LOOSE_SHAPING


def _places_of(kind: str, document: Document) -> tuple[str, ...]:
    namespace, folder = document.ref.namespace, document.folder
    return (kind, f"{kind}/{folder}", f"{kind}@{namespace}" if namespace else f"{kind}%{folder}")


class Traced:
    """A snapshot that notes what it is asked.

    It is a view of another one, and shares what that has indexed. What is derived is given a view of its own, whose notes grow for as long
    as it looks things up, since it may do so late.

    Attributes:
        seen: the tokens noted; whoever judges puts an empty set here before each object.
        derivations: by name, the notes of what was derived.
    """

    def __init__(self, whole: Snapshot, derivations: dict[str, set[str]], made: dict[Callable[..., Any], Any]) -> None:
        self._whole = whole
        self.derivations = derivations
        self._made = made
        self.seen: set[str] = set()

    @classmethod
    def of(cls, whole: Snapshot) -> Traced:
        """A view of a whole snapshot."""
        return cls(whole, {}, {})

    @property
    def as_rules_see_it(self) -> Snapshot:
        """The same, which has all that a snapshot has."""
        return cast(Snapshot, self)

    def __getattr__(self, name: str) -> Any:
        """What is not below: a setting, or something that may depend on everything."""
        if name not in _SETTLED:
            self.seen.add(EVERYTHING)
        return getattr(self._whole, name)

    def _near(self, document: Document, kinds: Iterable[str]) -> None:
        """Note the objects of some kinds that live where one does; see `same_namespace`."""
        namespace, folder, seen = document.ref.namespace, document.folder, self.seen
        for kind in kinds:
            if namespace:
                seen.add(f"{kind}@{namespace}")
                seen.add(f"{kind}%{folder}")
            else:
                seen.add(f"{kind}/{folder}")

    def shapes(self, document: Document) -> None:
        """Note what decides the role of a workload."""
        self._near(document, _SHAPING)

    def derived(self, derive: Callable[[Snapshot], _Derived]) -> _Derived:
        """What a function makes of everything in view."""
        name = f"derived:{derive.__module__}.{derive.__qualname__}"
        self.seen.add(name)
        if derive not in self._made:
            view = Traced(self._whole, self.derivations, self._made)
            view.seen = self.derivations.setdefault(name, set())
            self._made[derive] = derive(cast(Snapshot, view))
        found: _Derived = self._made[derive]
        return found

    @property
    def documents(self) -> tuple[Document, ...]:
        """All of them."""
        self.seen.add(EVERYTHING)
        return self._whole.documents

    @property
    def namespaces(self) -> tuple[Namespace, ...]:
        """All of them."""
        self.seen.add(EVERYTHING)
        return self._whole.namespaces

    @property
    def kustomized_images(self) -> Mapping[str, frozenset[str]]:
        """By file, names of images."""
        self.seen.add(IMAGES)
        return self._whole.kustomized_images

    @property
    def workloads(self) -> tuple[Workload, ...]:
        """All of them."""
        self.seen.add(_WORKLOAD)
        return self._whole.workloads

    @property
    def accelerated_workloads(self) -> tuple[Workload, ...]:
        """All of them."""
        self.seen.add(_WORKLOAD)
        return self._whole.accelerated_workloads

    def asks_for_accelerator(self, workload: Workload) -> bool:
        """Follows from the workload, which whoever asks has looked up, and from its claims."""
        self._near(workload.document, _CLAIMS)
        return self._whole.asks_for_accelerator(workload)

    def claims_accelerator(self, template: PodTemplate) -> bool:
        """Likewise."""
        self._near(template.workload.document, _CLAIMS)
        return self._whole.claims_accelerator(template)

    def wants_accelerator(self, template: PodTemplate) -> bool:
        """Likewise."""
        self._near(template.workload.document, _CLAIMS)
        return self._whole.wants_accelerator(template)

    def env_value(self, container: Container, name: str) -> str | Unknown | None:
        """By the ConfigMaps near it."""
        self._near(container.template.workload.document, ("ConfigMap",))
        return self._whole.env_value(container, name)

    def by_kind(self, kind: str, group: str | None = None) -> list[Document]:
        """Objects of a kind."""
        self.seen.add(kind)
        return self._whole.by_kind(kind, group)

    def beside(self, document: Document, kind: str, group: str | None = None) -> Iterator[Document]:
        """Objects of a kind near another."""
        self._near(document, (kind,))
        return self._whole.beside(document, kind, group)

    def get(self, kind: str, name: str, document: Document, group: str | None = None) -> Document | None:
        """The object of that name."""
        if cluster_scoped(kind):
            self.seen.add(kind)
        else:
            self._near(document, (kind,))
        return self._whole.get(kind, name, document, group)

    def complete_for(self, kind: str, document: Document, group: str | None = None) -> bool:
        """Whether what is not there does not exist."""
        if cluster_scoped(kind):
            self.seen.add(kind)
        else:
            self._near(document, (kind,))
        return self._whole.complete_for(kind, document, group)

    def workload_of(self, document: Document) -> Workload | None:
        """The workload that an object is, which whoever asks has looked up."""
        self.shapes(document)
        return self._whole.workload_of(document)

    def workloads_beside(self, document: Document) -> tuple[Workload, ...]:
        """Workloads near an object."""
        self._near(document, (_WORKLOAD,))
        self.seen.add(_LOOSE_SHAPING)
        return self._whole.workloads_beside(document)

    def places_beside(self, document: Document) -> tuple[Sequence[Workload], Sequence[Workload]]:
        """Likewise."""
        self._near(document, (_WORKLOAD,))
        self.seen.add(_LOOSE_SHAPING)
        return self._whole.places_beside(document)

    def scale_target(self, scaler: Document) -> Workload | None:
        """The workload that an autoscaler scales."""
        self._near(scaler, (_WORKLOAD,))
        self.seen.add(_LOOSE_SHAPING)
        return self._whole.scale_target(scaler)

    def scalers_of(self, workload: Workload) -> list[Document]:
        """Autoscalers near it."""
        self._near(workload.document, _SCALERS)
        return self._whole.scalers_of(workload)

    def services_of(self, template: PodTemplate) -> list[Document]:
        """Services near it."""
        self._near(template.workload.document, ("Service",))
        return self._whole.services_of(template)

    def services_matching(self, labels: Mapping[str, Any], document: Document) -> list[Document]:
        """Services near an object."""
        self._near(document, ("Service",))
        return self._whole.services_matching(labels, document)

    def priority_of(self, template: PodTemplate) -> int | None:
        """By the classes in view."""
        self.seen.add("PriorityClass")
        return self._whole.priority_of(template)

    def given_by_limit_range(self, document: Document, section: str) -> frozenset[str]:
        """By those near an object."""
        self._near(document, ("LimitRange",))
        return self._whole.given_by_limit_range(document, section)
