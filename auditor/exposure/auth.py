"""What shows that somebody asks who calls, before a request reaches a pod.

Sources: https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/#authentication ·
https://istio.io/latest/docs/reference/config/security/authorization-policy/ ·
https://gateway.envoyproxy.io/docs/api/extension_types/#securitypolicy · https://cloud.google.com/iap/docs/enabling-kubernetes-howto ·
https://cloud.google.com/kubernetes-engine/docs/how-to/configure-gateway-resources#configure_iap. Read in November 2026.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from auditor.document import Document, mapping, sequence
from auditor.exposure.reach import annotations_of
from auditor.selectors import service_selector
from auditor.snapshot import Snapshot
from auditor.workload import Image, PodTemplate

__all__ = ["mesh_policy", "of_annotations", "of_istio_gateway", "of_pod", "of_route", "of_service"]

# ``auth-url``, ``auth-type``, ``auth-tls-secret`` and their like, whatever the controller: the part of the key after the slash.
_AUTH_KEY = re.compile(r"auth-(url|type|tls-secret|tls-strict|signin|secret|realm|idp-\w+|jwt-\w+)")
_OFF = ("", "none", "off", "false")
# Annotations that name middlewares or plugins which may authenticate; the names are the user's own.
_NAMED = ("traefik.ingress.kubernetes.io/router.middlewares", "konghq.com/plugins")
_AUTH_NAME = re.compile(r"auth|oidc|jwt|sso|iap|saml|login", re.IGNORECASE)

_PROXIES = re.compile(
    r"(oauth2?|openshift-oauth|kube-rbac|auth|iap)-?proxy|authservice|oidc-authservice|pomerium|louketo-proxy|gatekeeper-proxy"
)

# What a SecurityPolicy of Envoy Gateway may ask for.
_ENVOY = ("basicAuth", "apiKeyAuth", "jwt", "oidc", "extAuth", "authorization")
_ISTIO = "security.istio.io"
_IDENTITY = frozenset({"requestPrincipals", "ipBlocks", "remoteIpBlocks"})


def of_annotations(annotations: Mapping[str, Any]) -> str:
    """What annotations of an Ingress or a Route say."""
    for key, value in annotations.items():
        if not isinstance(value, str):
            continue
        if _AUTH_KEY.fullmatch(str(key).rpartition("/")[2]) and value.lower() not in _OFF:
            return f"annotation {key}"
        if key in _NAMED and _AUTH_NAME.search(value):
            return f"annotation {key}: {value}"
    return ""


def of_pod(template: PodTemplate, ports: frozenset[int] | None) -> str:
    """A proxy in the pod that authenticates, unless all the ports that are reached belong to the containers behind it."""
    proxies = [c for c in template.containers if _PROXIES.search(c.name) or (isinstance(c.image, Image) and _PROXIES.search(c.image.name))]
    if not proxies:
        return ""
    own = {port.number for container in proxies for port in container.ports}
    others = {port.number for container in template.main_containers if container not in proxies for port in container.ports} - own
    return "" if ports and ports <= others else f"container {proxies[0].name}"


def of_service(snapshot: Snapshot, service: Document) -> str:
    """Identity-Aware Proxy for the backend that Google Cloud makes of a Service."""
    for key in ("cloud.google.com/backend-config", "beta.cloud.google.com/backend-config"):
        for name in _names(annotations_of(service).get(key)):
            config = snapshot.get("BackendConfig", name, service, "cloud.google.com")
            if config is not None and mapping(mapping(config.raw.get("spec")).get("iap")).get("enabled") is True:
                return f"Identity-Aware Proxy ({config.ref})"
    return _iap_policy(snapshot, service)


def _names(text: object) -> Iterator[str]:
    """The names in ``{"default": "a", "ports": {"http": "b"}}``."""
    try:
        found = mapping(json.loads(text)) if isinstance(text, str) else {}
    except (ValueError, RecursionError):
        return
    for value in (found.get("default"), *mapping(found.get("ports")).values()):
        if isinstance(value, str):
            yield value


def _iap_policy(snapshot: Snapshot, backend: Document) -> str:
    for policy in snapshot.beside(backend, "GCPBackendPolicy", "networking.gke.io"):
        spec = mapping(policy.raw.get("spec"))
        target, iap = mapping(spec.get("targetRef")), mapping(mapping(spec.get("default")).get("iap"))
        if iap.get("enabled") is True and (target.get("kind"), target.get("name")) == (backend.ref.kind, backend.ref.name):
            return f"Identity-Aware Proxy ({policy.ref})"
    return ""


def of_route(snapshot: Snapshot, *targets: Document | None) -> str:
    """A policy that is attached to a route of the Gateway API or to its Gateway."""
    for target in targets:
        if target is None:
            continue
        for kind, group in (("SecurityPolicy", "gateway.envoyproxy.io"), ("AuthorizationPolicy", _ISTIO)):
            for policy in snapshot.beside(target, kind, group):
                spec = mapping(policy.raw.get("spec"))
                refs = [mapping(ref) for ref in (spec.get("targetRef"), *sequence(spec.get("targetRefs")))]
                if any((ref.get("kind"), ref.get("name")) == (target.ref.kind, target.ref.name) for ref in refs) and (
                    _restricts(spec, by_identity=True) if group == _ISTIO else any(spec.get(field) for field in _ENVOY)
                ):
                    return str(policy.ref)
    return ""


def of_istio_gateway(snapshot: Snapshot, labels: Mapping[str, Any]) -> str:
    """An AuthorizationPolicy or an EnvoyFilter on the pods of an Istio gateway, which stand in a namespace of their own."""
    for policy in snapshot.by_kind("AuthorizationPolicy", _ISTIO):
        spec = mapping(policy.raw.get("spec"))
        if service_selector(mapping(spec.get("selector")).get("matchLabels")).matches(labels) and _restricts(spec, by_identity=True):
            return str(policy.ref)
    for filter_ in snapshot.by_kind("EnvoyFilter", "networking.istio.io"):
        selector = mapping(mapping(filter_.raw.get("spec")).get("workloadSelector")).get("labels")
        if service_selector(selector).matches(labels) and _AUTH_NAME.search(filter_.ref.name):
            return str(filter_.ref)
    return ""


def mesh_policy(snapshot: Snapshot, template: PodTemplate, *, by_identity: bool) -> str:
    """An AuthorizationPolicy on the pods themselves.

    Args:
        by_identity: only one that asks for the identity of the caller's user counts: behind a gateway of the mesh, a policy that admits the
            gateway admits everybody who reaches the gateway.
    """
    document = template.workload.document
    for policy in snapshot.beside(document, "AuthorizationPolicy", _ISTIO):
        spec = mapping(policy.raw.get("spec"))
        if "targetRef" in spec or "targetRefs" in spec:
            continue
        selector = mapping(spec.get("selector")).get("matchLabels")
        if (not selector or service_selector(selector).matches(template.labels)) and _restricts(spec, by_identity=by_identity):
            return str(policy.ref)
    return ""


def _restricts(spec: Mapping[str, Any], *, by_identity: bool) -> bool:
    """Whether a policy keeps unknown callers out. An ALLOW without rules lets nobody in, and one with an empty rule everybody."""
    action, rules = spec.get("action", "ALLOW"), [mapping(rule) for rule in sequence(spec.get("rules"))]
    if action == "CUSTOM":
        return True
    sources = [[mapping(mapping(entry).get("source")) for entry in sequence(rule.get("from"))] for rule in rules]
    if action == "DENY":
        return any("notRequestPrincipals" in source or (not by_identity and "notPrincipals" in source) for of in sources for source in of)
    if action != "ALLOW":
        return False
    if by_identity:
        return all(
            bool(rule.get("when")) or (bool(of) and all(_IDENTITY & source.keys() for source in of))
            for rule, of in zip(rules, sources, strict=True)
        )
    return all(rule.get("from") or rule.get("when") for rule in rules)
