"""Objects that lead traffic from outside to a Service or to an InferencePool, with the field in each that does so.

Sources: https://kubernetes.io/docs/reference/kubernetes-api/service-resources/ingress-v1/ ·
https://gateway-api.sigs.k8s.io/reference/spec/ · https://istio.io/latest/docs/reference/config/networking/virtual-service/ ·
https://docs.redhat.com/en/documentation/openshift_container_platform (Route). Read in November 2026.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from auditor.document import Document, Path, mapping, sequence
from auditor.exposure import auth
from auditor.exposure.door import Door
from auditor.exposure.reach import Reach, annotations_of, gateway_reach, ingress_reach, service_reach
from auditor.snapshot import Snapshot, same_namespace

__all__ = ["Doors", "doors_of"]

_GATEWAY_ROUTES = ("HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute", "UDPRoute")


@dataclass(frozen=True, slots=True)
class Doors:
    """All doors in view, by the backend and by the identity of the object that opens them."""

    by_backend: Mapping[tuple[str, str], list[Door]]
    by_document: Mapping[int, list[Door]]


def doors_of(snapshot: Snapshot) -> Doors:
    """The doors that routes open; those of a Service by itself are found from the Service."""
    by_backend: dict[tuple[str, str], list[Door]] = {}
    by_document: dict[int, list[Door]] = {}
    for door in _all(snapshot):
        by_backend.setdefault((door.kind, door.name), []).append(door)
        by_document.setdefault(id(door.document), []).append(door)
    return Doors(by_backend, by_document)


def _all(snapshot: Snapshot) -> Iterator[Door]:
    for ingress in snapshot.by_kind("Ingress"):
        if ingress.ref.group in ("networking.k8s.io", "extensions"):
            yield from _of_ingress(ingress)
    for kind in _GATEWAY_ROUTES:
        for route in snapshot.by_kind(kind, "gateway.networking.k8s.io"):
            yield from _of_gateway_route(snapshot, route)
    for service in snapshot.by_kind("VirtualService", "networking.istio.io"):
        yield from _of_virtual_service(snapshot, service)
    for route in snapshot.by_kind("Route", "route.openshift.io"):
        yield from _of_openshift_route(route)


def _of_ingress(ingress: Document) -> Iterator[Door]:
    spec, annotations = mapping(ingress.raw.get("spec")), annotations_of(ingress)
    named = spec.get("ingressClassName", annotations.get("kubernetes.io/ingress.class"))
    class_name = named if isinstance(named, str) else ""
    reach, asks = ingress_reach(class_name, annotations), auth.of_annotations(annotations)
    for path, backend in _ingress_backends(spec):
        service = mapping(backend.get("service"))
        name, port = service.get("name", backend.get("serviceName")), mapping(service.get("port"))
        number = port.get("number", port.get("name", backend.get("servicePort")))
        if isinstance(name, str):
            how = f"Ingress {ingress.ref.name}"
            yield Door(ingress, path, ingress, "Service", name, "", _port(number), reach, how, asks, class_name)


def _ingress_backends(spec: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for field in ("defaultBackend", "backend"):
        if isinstance(spec.get(field), dict):
            yield ("spec", field), spec[field]
    for i, rule in enumerate(sequence(spec.get("rules"))):
        for j, entry in enumerate(sequence(mapping(mapping(rule).get("http")).get("paths"))):
            yield ("spec", "rules", i, "http", "paths", j, "backend"), mapping(mapping(entry).get("backend"))


def _of_gateway_route(snapshot: Snapshot, route: Document) -> Iterator[Door]:
    spec = mapping(route.raw.get("spec"))
    found: list[tuple[Reach, str, str, str]] = []
    for parent in map(mapping, sequence(spec.get("parentRefs"))):
        name = parent.get("name")
        if parent.get("kind", "Gateway") != "Gateway" or not isinstance(name, str):
            continue  # a route of a mesh, whose parent is a Service
        gateway = _gateway(snapshot, route, name, parent.get("namespace"), "gateway.networking.k8s.io")
        class_name = mapping(gateway.raw.get("spec")).get("gatewayClassName") if gateway else ""
        asks = auth.of_route(snapshot, route, gateway)
        found.append((gateway_reach(name, gateway), name, class_name if isinstance(class_name, str) else "", asks))
    if not found:
        return
    reach, name, class_name, asks = max(found, key=lambda one: (one[0], not one[3]))
    how = f"{route.ref.kind} {route.ref.name} through Gateway {name}"
    for i, rule in enumerate(sequence(spec.get("rules"))):
        for j, backend in enumerate(map(mapping, sequence(mapping(rule).get("backendRefs")))):
            target, kind, namespace = backend.get("name"), backend.get("kind", "Service"), backend.get("namespace")
            if isinstance(target, str) and isinstance(kind, str):
                where = namespace if isinstance(namespace, str) else ""
                path = ("spec", "rules", i, "backendRefs", j)
                yield Door(route, path, route, kind, target, where, _port(backend.get("port")), reach, how, asks, class_name)


def _gateway(snapshot: Snapshot, route: Document, name: str, namespace: object, group: str) -> Document | None:
    """A Gateway by name, in the namespace that is named or in that of the route."""
    for gateway in snapshot.derived(_gateways).get((group, name), ()):
        stated = isinstance(namespace, str) and namespace != "" and gateway.ref.namespace != ""
        if gateway.ref.namespace == namespace if stated else same_namespace(route, gateway):
            return gateway
    return None


def _gateways(snapshot: Snapshot) -> Mapping[tuple[str, str], list[Document]]:
    index: dict[tuple[str, str], list[Document]] = {}
    for gateway in snapshot.by_kind("Gateway"):
        index.setdefault((gateway.ref.group, gateway.ref.name), []).append(gateway)
    return index


def _of_virtual_service(snapshot: Snapshot, virtual: Document) -> Iterator[Door]:
    spec = mapping(virtual.raw.get("spec"))
    gateways = [name for name in sequence(spec.get("gateways")) if isinstance(name, str) and name != "mesh"]
    targets = list(_destinations(spec))
    for gateway in gateways:
        opened = _of_istio_gateway(snapshot, virtual, gateway)
        for path, host, port in targets:
            name, _, rest = host.partition(".")
            yield replace(
                opened, path=opened.path or path, name=name, namespace=rest.partition(".")[0], port=_port(mapping(port).get("number"))
            )


def _destinations(spec: Mapping[str, Any]) -> Iterator[tuple[Path, str, object]]:
    for protocol in ("http", "tls", "tcp"):
        for i, route in enumerate(sequence(spec.get(protocol))):
            for j, entry in enumerate(sequence(mapping(route).get("route"))):
                destination = mapping(mapping(entry).get("destination"))
                if isinstance(destination.get("host"), str):
                    yield ("spec", protocol, i, "route", j, "destination"), destination["host"], destination.get("port")


def _of_istio_gateway(snapshot: Snapshot, virtual: Document, name: str) -> Door:
    """The door of a VirtualService at one gateway. Where the gateway's own Service is in view, that is what opens, or does not."""
    namespace, slash, short = name.rpartition("/")
    gateway = _gateway(snapshot, virtual, short, namespace if slash else "", "networking.istio.io")
    how = f"VirtualService {virtual.ref.name} through gateway {short}"
    door = Door(virtual, (), virtual, "Service", "", "", None, gateway_reach(short, None), how, mesh=True)
    if gateway is None:
        return door
    entrance = snapshot.derived(_entrances)[id(gateway)]
    door = replace(door, auth=entrance.auth)
    if entrance.reach is None:
        return door
    if entrance.service is None:
        return replace(door, reach=entrance.reach)
    how = f"Service {entrance.service.ref.name} and VirtualService {virtual.ref.name}"
    return replace(door, document=entrance.service, path=entrance.path, reach=entrance.reach, how=how)


@dataclass(frozen=True, slots=True)
class _Entrance:
    """What stands before an Istio gateway: the Service that opens it, how far (None where no Service is in view), and who asks there."""

    service: Document | None
    path: Path
    reach: Reach | None
    auth: str


def _entrances(snapshot: Snapshot) -> Mapping[int, _Entrance]:
    """The entrances of Istio's gateways, by the identity of the Gateway."""
    by_label: dict[tuple[str, str], list[Document]] = {}
    for service in snapshot.by_kind("Service", ""):
        for key, value in mapping(mapping(service.raw.get("spec")).get("selector")).items():
            by_label.setdefault((str(key), str(value)), []).append(service)
    return {id(gateway): _entrance(snapshot, gateway, by_label) for gateway in snapshot.by_kind("Gateway", "networking.istio.io")}


def _entrance(snapshot: Snapshot, gateway: Document, by_label: Mapping[tuple[str, str], list[Document]]) -> _Entrance:
    labels = {str(key): str(value) for key, value in mapping(mapping(gateway.raw.get("spec")).get("selector")).items()}
    if not labels:
        return _Entrance(None, (), None, "")
    asks = auth.of_istio_gateway(snapshot, labels)
    services = [
        service
        for service in by_label.get(next(iter(labels.items())), ())
        if labels.items() <= {str(k): str(v) for k, v in mapping(mapping(service.raw.get("spec")).get("selector")).items()}.items()
    ]
    opened = [(*found, service) for service in services if (found := service_reach(service)) is not None]
    if not opened:
        return _Entrance(None, (), Reach.INTERNAL if services else None, asks)
    reach, path, service = max(opened, key=lambda one: one[0])
    return _Entrance(service, path, reach, asks)


def _of_openshift_route(route: Document) -> Iterator[Door]:
    spec, annotations = mapping(route.raw.get("spec")), annotations_of(route)
    reach, asks = ingress_reach("", annotations), auth.of_annotations(annotations)
    places = [(("spec", "to"), spec.get("to"))]
    places += [(("spec", "alternateBackends", i), entry) for i, entry in enumerate(sequence(spec.get("alternateBackends")))]  # type: ignore[misc]
    for path, entry in places:
        target = mapping(entry)
        name = target.get("name")
        if target.get("kind", "Service") == "Service" and isinstance(name, str):
            yield Door(route, path, route, "Service", name, "", None, reach, f"Route {route.ref.name}", asks)


def _port(value: object) -> int | str | None:
    if isinstance(value, str):
        return int(value) if value.isdecimal() and len(value) < 6 else value
    return value if isinstance(value, int) and not isinstance(value, bool) else None
