"""How pods are reached from outside the cluster: by which object and field, by whom, and whether anybody asks who calls.

`ways_to` asks for one sort of pod, `ways_from` for one object that opens. Both answer with the same `Way`. Objects that are not in view
open nothing, and what cannot be known (the class of an Ingress, a port by a name that no container declares) is said to be so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from auditor.document import Document, mapping
from auditor.exposure import auth
from auditor.exposure.backends import Backends, ports_of, selector_of
from auditor.exposure.door import Door, Way
from auditor.exposure.doors import doors_of
from auditor.exposure.pods import made_ports, made_services, may_be_selected, own_ways, pod_labels
from auditor.exposure.reach import Reach, service_reach
from auditor.snapshot import Snapshot
from auditor.workload import PodTemplate

__all__ = ["Reach", "Way", "may_be_selected", "pod_labels", "ways_from", "ways_to"]

_POOL_GROUPS = ("inference.networking.k8s.io", "inference.networking.x-k8s.io")


def ways_to(snapshot: Snapshot, template: PodTemplate) -> Iterator[Way]:
    """The ways by which the pods of a template are reached from outside."""
    for way in own_ways(template):
        yield _guarded(snapshot, way)
    document, labels = template.workload.document, pod_labels(template)
    services = snapshot.services_matching(labels, document)
    for service in services:
        own = _own_door(service)
        if own is not None:
            yield _way(snapshot, own, template, service)
    doors = snapshot.derived(doors_of).by_backend
    if not doors:
        return
    for backend in (*services, *snapshot.derived(Backends).pools_matching(labels, document)):
        for door in doors.get((backend.ref.kind, backend.ref.name), ()):
            if door.leads_to(backend):
                yield _way(snapshot, door, template, backend)
    known = {service.ref.name for service in services}
    for name in made_services(template):
        for door in doors.get(("Service", name), ()) if name not in known else ():
            if door.leads_to(document):
                yield _way(snapshot, door, template, None)


def ways_from(snapshot: Snapshot, document: Document) -> Iterator[Way]:
    """The ways that one object opens to pods in view: a Service, a route, or a workload by itself."""
    doors = snapshot.derived(doors_of).by_document.get(id(document), ())
    own = _own_door(document) if document.ref.kind == "Service" and document.ref.group == "" else None
    for door in (*doors, own) if own else doors:
        backends = snapshot.derived(Backends)
        found = [document] if door is own else [backend for backend in backends.named(door.kind, door.name) if door.leads_to(backend)]
        for backend in found:
            for template in backends.pods_of(backend, selector_of(backend)):
                yield _way(snapshot, door, template, backend)
        if not found and door.kind == "Service":
            for template in backends.made_for(door.name):
                if door.leads_to(template.workload.document):
                    yield _way(snapshot, door, template, None)
    workload = snapshot.workload_of(document)
    if workload is not None:
        for template in workload.templates:
            for way in own_ways(template):
                yield _guarded(snapshot, way)


def _own_door(service: Document) -> Door | None:
    found = service_reach(service)
    if found is None:
        return None
    reach, path = found
    spec, name = mapping(service.raw.get("spec")), service.ref.name
    kind = spec.get("type") if path[-1] == "type" else "externalIPs"
    class_name = spec.get("loadBalancerClass")
    named = class_name if isinstance(class_name, str) else ""
    return Door(service, path, service, "Service", name, "", None, reach, f"Service {name} ({kind})", "", named)


def _way(snapshot: Snapshot, door: Door, template: PodTemplate, backend: Document | None) -> Way:
    ports = made_ports(template, door.port) if backend is None else ports_of(backend, door.port, template)
    asks = door.auth
    if not asks and backend is not None and backend is not door.document:
        asks = auth.of_service(snapshot, backend)
    way = Way(door.document, door.path, template, ports, door.reach, door.how, asks, door.class_name)
    return _guarded(snapshot, way, mesh=door.mesh)


def _guarded(snapshot: Snapshot, way: Way, *, mesh: bool = False) -> Way:
    """The way, with what guards it at the pods themselves."""
    if way.auth:
        return way
    asks = auth.of_pod(way.template, way.ports) or auth.mesh_policy(snapshot, way.template, by_identity=mesh)
    return replace(way, auth=asks) if asks else way
