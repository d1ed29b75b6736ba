"""What a row of the table of kinds says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

__all__ = ["PLAIN", "Embedded", "Inject", "Kind", "Role", "Spelling", "Template"]


class Role(StrEnum):
    """What a workload is there for."""

    TRAINING = "training"
    SERVING = "serving"
    NOTEBOOK = "notebook"
    BATCH = "batch"
    PIPELINE = "pipeline"
    PLATFORM = "platform"
    INFRASTRUCTURE = "infrastructure"
    UNKNOWN = "unknown"


class Inject(StrEnum):
    """What an operator fills in, so that its absence from the manifest means nothing."""

    READINESS = "readiness"
    LIVENESS = "liveness"
    STARTUP = "startup"
    SHARED_MEMORY = "shared-memory"
    IMAGE = "image"
    COMMAND = "command"
    REQUESTS = "requests"
    LIMITS = "limits"
    RESTART_POLICY = "restart-policy"
    SECURITY_CONTEXT = "security-context"


@dataclass(frozen=True, slots=True)
class Spelling:
    """How an operator spells a container where it does not use Kubernetes' own fields.

    Paths lead from the container-like mapping; ``a|b`` is ``a``, or ``b`` where ``a`` is not set. Real containers of the same pod
    (items of a ``containers`` list) keep Kubernetes' spelling, which is always read first.

    Attributes:
        image: how the fields make up the image reference: ``{repository}/{image}:{version}``. A part that is not set is left out
            together with the punctuation before it.
        resources: where ``limits`` and ``requests`` stand; some operators write ``cpu`` and ``memory`` right there instead.
        gpus: where a number of GPUs stands that no extended resource names; empty where there is no such field.
        env: where the environment stands.
    """

    image: str = "{image}"
    resources: str = "resources"
    gpus: str = ""
    env: str = "env"


PLAIN = Spelling()


@dataclass(frozen=True, slots=True)
class Template:
    """Where one kind of pod stands in an object, and how many pods it yields.

    Paths are written ``spec.workerGroupSpecs[].template.spec``: ``[]`` is every item of a list, ``.*`` every value of a map, ``["a.b/c"]``
    a key with dots, ``one|other`` both. In the fields that say more about the pod at ``path`` (metadata, inherit, pods …) a wildcard means
    the item that the same wildcard of ``path`` matched, counted from the left.

    Numbers of pods are products, ``spec.replicas=1 * spec.roles[].size``, of these factors:

    - ``3``: that number; ``unknown``; ``unbounded``;
    - ``path=3``: the field, or what follows ``=`` where it is not set (``unknown`` when nothing follows);
    - ``path:=3``: the same, and a zero counts as not set;
    - ``one|other=3``: the first of the fields that is set;
    - ``path?1``: a switch: 1 where the field is true, 0 where it is false, and what follows ``?`` where it is not set.

    Attributes:
        path: the mapping with a pod's fields: a PodSpec, or what the operator makes one from. The object itself is ``""``.
        component: what the operator calls this pod (``worker``, ``head``, ``launcher``); empty where a kind has one sort of pod. ``*``
            takes the key that the first ``.*`` of the path matched, in lower case. ``{path}`` in it is replaced by the text of that field.
        containers: where, below ``path``, main containers stand. ``""`` means that the mapping at ``path`` is itself container-like (it
            holds ``image`` and ``resources``). A pattern that begins with ``/`` starts from the object instead, with the wildcards bound.
        sidecars: where, likewise, helper containers stand apart from ``init_containers``.
        init_containers: where, likewise, init containers stand.
        main: the name of the main container, for operators that describe it in several places: all the mappings of ``containers`` that
            are not list items, and the list item of that name, are one container, and what stands further left wins. Empty where every
            mapping is a container of its own.
        needs: keys of which the mapping at ``path`` must hold one to be a pod at all (an Argo template may be a DAG instead).
        metadata: where the pod's labels and annotations stand; by default ``metadata`` beside a path that ends in ``spec``, else nowhere.
        pods: how many pods.
        pods_min: how many at least, where an autoscaler moves the number; by default ``pods``.
        pods_max: how many at most, likewise; empty where nothing moves the number.
        autoscaled: the switch of the autoscaler: ``pods_min`` and ``pods_max`` hold only where that field is true (or, for a mapping,
            where it is set), else the number is ``pods``. Empty where they always hold.
        times: a further factor, for what a product of fields cannot say: it is given the object and what the wildcards matched, and
            answers None for unknown.
        inherit: a path whose pod-level fields (volumes, nodeSelector, tolerations, serviceAccountName, priorityClassName, securityContext
            …) hold where the mapping at ``path`` does not set them; of several, ``one|other``, the first wins.
        spelling: how container-like mappings are spelled.
        injects: what the operator fills in.
        injects_where: what it fills in only where a field is set: pairs of the path and what.
        partial: it is laid over a pod that another object describes: judged for what it sets, never for what it lacks.
        scale_out: the pods work together as one program (workers of a distributed job), rather than being replicas of each other.
    """

    path: str
    component: str = ""
    containers: tuple[str, ...] = ("containers[]",)
    sidecars: tuple[str, ...] = ()
    init_containers: tuple[str, ...] = ("initContainers[]",)
    main: str = ""
    needs: tuple[str, ...] = ()
    metadata: str = ""
    pods: str = "1"
    pods_min: str = ""
    pods_max: str = ""
    autoscaled: str = ""
    times: Callable[[Mapping[str, Any], tuple[str | int, ...]], int | None] | None = None
    inherit: str = ""
    spelling: Spelling = PLAIN
    injects: frozenset[Inject] = frozenset()
    injects_where: tuple[tuple[str, Inject], ...] = ()
    partial: bool = False
    scale_out: bool = False

    @property
    def metadata_path(self) -> str:
        """Where the pod's labels and annotations stand; empty for nowhere."""
        if self.metadata:
            return self.metadata
        head, _, last = self.path.rpartition(".")
        if last != "spec":
            return ""
        return f"{head}.metadata" if head else "metadata"


@dataclass(frozen=True, slots=True)
class Embedded:
    """Where a whole other object stands, with its own apiVersion and kind.

    Attributes:
        path: as in `Template`.
        pods: how many copies of the inner object, as in `Template`.
        text: the object is written as YAML inside a string.
    """

    path: str
    pods: str = "1"
    text: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """One row: a kind that yields pods.

    Attributes:
        group: API group, ``""`` for the core group.
        kind: kind name. Versions share a row.
        templates: where its pods stand; empty for a kind whose pods its operator writes entirely.
        role: the role that the kind decides; None where only context can tell.
        framework: what runs it, for messages: ``kuberay``, ``kubeflow``, ``kserve``; empty for Kubernetes itself.
        job: its pods are meant to finish.
        incomplete: a template for other objects (ServingRuntime, TrainingRuntime, PodTemplate): it makes no pods by itself, and what it
            lacks somebody else supplies.
        validated: the API server validates its pod template when the object is applied (built-in kinds only).
        embeds: whole objects inside it.
    """

    group: str
    kind: str
    templates: tuple[Template, ...] = ()
    role: Role | None = None
    framework: str = ""
    job: bool = False
    incomplete: bool = False
    validated: bool = False
    embeds: tuple[Embedded, ...] = ()
