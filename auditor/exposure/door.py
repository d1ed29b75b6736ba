"""What a way from outside is: the door that a route opens to a backend, and the whole way to the pods."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from auditor.document import Document, Path
from auditor.exposure.reach import Reach, annotations_of
from auditor.snapshot import same_namespace
from auditor.workload import PodTemplate

__all__ = ["Door", "Way"]


@dataclass(frozen=True, slots=True)
class Door:
    """A way from outside to a backend.

    Attributes:
        document, path: the object that opens it, and the field.
        home: the object that names the backend, which lives in its namespace where it does not name one.
        kind, name, namespace: the backend; ``namespace`` is empty where it is that of ``home``.
        port: the backend's port, by number or name; None for all of them.
        reach: who can come.
        how: a noun phrase for messages.
        auth: who asks callers for their identity at this door; empty where nobody is known to.
        class_name: the class of the Ingress, the Gateway or the load balancer, where one is named.
        mesh: it is a gateway of a mesh, whose policies on the pods admit the gateway itself.
    """

    document: Document
    path: Path
    home: Document
    kind: str
    name: str
    namespace: str
    port: int | str | None
    reach: Reach
    how: str
    auth: str = ""
    class_name: str = ""
    mesh: bool = False

    def leads_to(self, backend: Document) -> bool:
        """Whether an object of the right kind and name is this door's backend."""
        if self.namespace and backend.ref.namespace:
            return self.namespace == backend.ref.namespace
        return same_namespace(self.home, backend)


@dataclass(frozen=True, slots=True)
class Way:
    """A way from outside to the pods of one template.

    Attributes:
        document, path: the object that opens it, and the field.
        template: the pods.
        ports: the container ports that it leads to; None where it leads to all of them, or cannot be known.
        reach: who can come.
        how: a noun phrase for messages: ``Service ui (LoadBalancer)``.
        auth: who asks callers for their identity on the way, as far as it is in view; empty where nobody does.
        class_name: the class of the Ingress, the Gateway or the load balancer, where one is named.
    """

    document: Document
    path: Path
    template: PodTemplate
    ports: frozenset[int] | None
    reach: Reach
    how: str
    auth: str = ""
    class_name: str = ""

    def is_marked(self, marks: Collection[str]) -> bool:
        """Whether a user's own list names the class, or an annotation of the object that opens, as ``key=value``."""
        if not marks:
            return False
        annotations = annotations_of(self.document)
        return self.class_name in marks or any(f"{key}={value}" in marks for key, value in annotations.items())
