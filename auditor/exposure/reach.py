"""How far an object opens the way to pods: to everybody, to a network of its owner's, or to nobody outside the cluster.

Sources: https://kubernetes.io/docs/concepts/services-networking/service/#internal-load-balancer ·
https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/annotations/#scheme ·
https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/service/annotations/#lb-scheme ·
https://cloud.google.com/kubernetes-engine/docs/concepts/gateway-api#gatewayclass. Read in November 2026.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any

from auditor.document import Document, Path, is_placeholder, mapping, sequence, strings

__all__ = ["Reach", "annotations_of", "gateway_reach", "ingress_reach", "is_internal", "load_balancer_reach", "service_reach"]


class Reach(IntEnum):
    """Who can come that way, from the fewest to the most.

    INTERNAL: nobody, or a private network; NODE: who reaches a node of the cluster; POSSIBLY_PUBLIC: whom a controller that is not in view
    lets in; PUBLIC: the Internet.
    """

    INTERNAL = 1
    NODE = 2
    POSSIBLY_PUBLIC = 3
    PUBLIC = 4

    def __str__(self) -> str:
        return self.name.lower().replace("_", " ")


# Annotations that keep a load balancer inside, with the values that do so; of a Service, an Ingress or a Gateway.
_INTERNAL = {
    "networking.gke.io/load-balancer-type": ("internal",),
    "cloud.google.com/load-balancer-type": ("internal",),
    "service.beta.kubernetes.io/aws-load-balancer-scheme": ("internal",),
    "service.beta.kubernetes.io/aws-load-balancer-internal": ("true", "0.0.0.0/0"),
    "service.beta.kubernetes.io/azure-load-balancer-internal": ("true",),
    "service.beta.kubernetes.io/oci-load-balancer-internal": ("true",),
    "service.beta.kubernetes.io/openstack-internal-load-balancer": ("true",),
    "service.kubernetes.io/ibm-load-balancer-cloud-provider-ip-type": ("private",),
    "alb.ingress.kubernetes.io/scheme": ("internal",),
    "appgw.ingress.kubernetes.io/use-private-ip": ("true",),
    "kubernetes.io/ingress.class": ("gce-internal",),
    "networking.istio.io/service-type": ("clusterip",),
}
# Annotations that list who may come, as networks.
_SOURCE_RANGES = (
    "service.beta.kubernetes.io/load-balancer-source-ranges",
    "nginx.ingress.kubernetes.io/whitelist-source-range",
    "nginx.ingress.kubernetes.io/allowlist-source-range",
    "alb.ingress.kubernetes.io/inbound-cidrs",
    "haproxy.router.openshift.io/ip_whitelist",
    "haproxy.router.openshift.io/ip_allowlist",
)
_ADDRESSES = ("metallb.io/loadBalancerIPs", "metallb.universe.tf/loadBalancerIPs", "kube-vip.io/loadbalancerIPs")

# AWS's own controller makes a load balancer internal unless it is told otherwise; the one inside Kubernetes made it public.
_AWS_SCHEME = "service.beta.kubernetes.io/aws-load-balancer-scheme"
_AWS_TYPE = "service.beta.kubernetes.io/aws-load-balancer-type"
_AWS_CLASSES = ("service.k8s.aws/nlb", "eks.amazonaws.com/nlb")

_INSIDE = re.compile(r"(^|[-_.])(internal|private|intranet|local|rilb|tailscale)([-_.]|$)")
_OUTSIDE = re.compile(r"(^|[-_.])(gce|gxlb|external|public|internet)([-_.]|$)")

_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "fc00::/7", "fe80::/10")
)


def annotations_of(document: Document) -> Mapping[str, Any]:
    """The annotations of an object."""
    return mapping(mapping(document.raw.get("metadata")).get("annotations"))


def is_internal(annotations: Mapping[str, Any]) -> bool:
    """Whether an annotation keeps the load balancer inside."""
    return any(str(annotations.get(key)).lower() in values for key, values in _INTERNAL.items() if key in annotations)


def _are_private(networks: Iterable[object]) -> bool | None:
    """Whether all networks or addresses are private; None where there is none, or one that cannot be read."""
    found = None
    for text in networks:
        try:
            network = ipaddress.ip_network(str(text).strip(), strict=False)
        except ValueError:
            return None
        found = any(network.version == private.version and network.subnet_of(private) for private in _PRIVATE)  # type: ignore[arg-type]
        if not found:
            return False
    return found


def _source_ranges(annotations: Mapping[str, Any]) -> list[str]:
    texts = [annotations[key] for key in _SOURCE_RANGES if isinstance(annotations.get(key), str)]
    return [part for text in texts for part in re.split(r"[\s,]+", text) if part]


def _limited(ranges: list[str]) -> Reach | None:
    """How far source ranges let people come from; None where they keep nobody out."""
    if not ranges or any(text.endswith("/0") for text in ranges):
        return None
    return Reach.INTERNAL if _are_private(ranges) else Reach.POSSIBLY_PUBLIC


def load_balancer_reach(spec: Mapping[str, Any], annotations: Mapping[str, Any]) -> Reach:
    """How far a Service of type LoadBalancer opens; for operators that take only its annotations, ``spec`` is empty."""
    if is_internal(annotations) or spec.get("loadBalancerClass") == "tailscale":
        return Reach.INTERNAL
    by_aws = spec.get("loadBalancerClass") in _AWS_CLASSES or annotations.get(_AWS_TYPE) in ("external", "nlb-ip")
    if by_aws and _AWS_SCHEME not in annotations:
        return Reach.INTERNAL
    texts = (spec.get("loadBalancerIP"), *(annotations.get(key) for key in _ADDRESSES))
    addresses = [address for text in texts if isinstance(text, str) for address in text.split(",")]
    if _are_private(addresses):
        return Reach.INTERNAL
    return _limited([*strings(spec.get("loadBalancerSourceRanges")), *_source_ranges(annotations)]) or Reach.PUBLIC


def service_reach(service: Document) -> tuple[Reach, Path] | None:
    """How far a Service opens by itself, with the field that does it; None where it is for the cluster only."""
    spec = mapping(service.raw.get("spec"))
    kind = spec.get("type")
    if kind == "LoadBalancer":
        return load_balancer_reach(spec, annotations_of(service)), ("spec", "type")
    if kind == "NodePort":
        return Reach.NODE, ("spec", "type")
    addresses = [address for address in strings(spec.get("externalIPs")) if not is_placeholder(address)]
    if addresses and kind != "ExternalName":
        return Reach.NODE if _are_private(addresses) else Reach.PUBLIC, ("spec", "externalIPs")
    return None


def ingress_reach(class_name: str, annotations: Mapping[str, Any]) -> Reach:
    """How far an Ingress or a Route opens. A class that is not known may be public or not: its controller is not in view."""
    scheme = annotations.get("alb.ingress.kubernetes.io/scheme")
    if is_internal(annotations) or _INSIDE.search(class_name) or (class_name == "alb" and scheme is None):
        return Reach.INTERNAL
    known = scheme == "internet-facing" or class_name == "gce" or "kubernetes.io/ingress.global-static-ip-name" in annotations
    return _limited(_source_ranges(annotations)) or (Reach.PUBLIC if known else Reach.POSSIBLY_PUBLIC)


def gateway_reach(name: str, gateway: Document | None) -> Reach:
    """How far a Gateway of the Gateway API opens, as far as its class, its addresses and its name tell."""
    if gateway is None:
        return Reach.INTERNAL if _INSIDE.search(name) else Reach.POSSIBLY_PUBLIC
    spec = mapping(gateway.raw.get("spec"))
    infrastructure = mapping(mapping(spec.get("infrastructure")).get("annotations"))
    class_name = str(spec.get("gatewayClassName"))
    addresses = [
        mapping(entry).get("value") for entry in sequence(spec.get("addresses")) if mapping(entry).get("type") in (None, "IPAddress")
    ]
    if is_internal(infrastructure) or is_internal(annotations_of(gateway)) or _INSIDE.search(class_name) or _INSIDE.search(name):
        return Reach.INTERNAL
    if _are_private(addresses):
        return Reach.INTERNAL
    return Reach.PUBLIC if _OUTSIDE.search(class_name) else Reach.POSSIBLY_PUBLIC
