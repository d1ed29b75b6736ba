"""What a workload itself says about who reaches its pods: ports of the node, Services and Ingresses that its operator makes for it, and the
labels and Services that the operator gives the pods without the manifest saying so.

Sources: https://docs.ray.io/en/latest/cluster/kubernetes/user-guides/config.html#service · service.go and ingress.go in
https://github.com/ray-project/kuberay/tree/master/ray-operator/controllers/ray/common ·
https://docs.nvidia.com/nim-operator/latest/service.html · https://kubernetes.dask.org/en/latest/operator_resources.html ·
https://github.com/kubeflow/spark-operator/blob/master/docs/api-docs.md. Read in November 2026.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auditor.document import Path, along, is_placeholder, mapping, sequence
from auditor.exposure.door import Way
from auditor.exposure.reach import Reach, ingress_reach, load_balancer_reach
from auditor.selectors import Requirement, Selector
from auditor.workload import PodTemplate

__all__ = ["made_ports", "made_services", "may_be_selected", "own_ways", "pod_labels"]

# What KubeRay opens on the Service of the head where the head's container declares no ports.
_RAY_PORTS = {"gcs-server": 6379, "dashboard": 8265, "client": 10001, "serve": 8000, "metrics": 8080}
_DASK_PORTS = frozenset({8786, 8787})
_SPARK_UI = frozenset({4040})


def pod_labels(template: PodTemplate) -> Mapping[str, Any]:
    """The labels of the pods, with those that the operator adds and that a Service may select by."""
    workload = template.workload
    name, component = workload.ref.name, template.component
    made: dict[str, str] = {}
    match workload.framework, workload.ref.kind:
        case "kuberay", kind:
            made = {"ray.io/node-type": component, "ray.io/is-ray-node": "yes", "app.kubernetes.io/name": "kuberay"}
            made["app.kubernetes.io/created-by"] = "kuberay-operator"
            if kind == "RayCluster":
                made |= {"ray.io/cluster": name, "ray.io/identifier": f"{name}-{component}"}
        case "kserve", "InferenceService":
            made = {"serving.kserve.io/inferenceservice": name, "component": component, "app": f"isvc.{name}-{component}"}
        case "kubeflow", "Notebook":
            made = {"statefulset": name, "notebook-name": name}
        case "lws", _:
            made = {"leaderworkerset.sigs.k8s.io/name": name}
    return {**made, **template.labels} if made else template.labels


# Labels that controllers give their pods: those whose value is, or begins with, the name of the object, and those with any other value.
# https://kubernetes.io/docs/reference/labels-annotations-taints/
_NAMED = frozenset({
    "batch.kubernetes.io/job-name", "job-name", "statefulset.kubernetes.io/pod-name", "leaderworkerset.sigs.k8s.io/name",
    "jobset.sigs.k8s.io/jobset-name", "training.kubeflow.org/job-name", "ray.io/cluster", "serving.kserve.io/inferenceservice",
    "serving.knative.dev/service", "volcano.sh/job-name", "notebook-name",
})  # fmt: skip
_ADDED = frozenset({
    "apps.kubernetes.io/pod-index", "batch.kubernetes.io/job-completion-index", "batch.kubernetes.io/controller-uid", "controller-uid",
    "controller-revision-hash", "pod-template-hash",
})  # fmt: skip
# Operators that add labels of a domain only, so that a plain `app` is the user's; the others may add any.
_ADD_WITH_DOMAIN = ("kuberay", "kubeflow", "lws", "jobset", "volcano")


def may_be_selected(template: PodTemplate, selector: Selector) -> bool:
    """Whether a selector selects the pods, or may: controllers and operators add labels that the manifest does not show."""
    labels = pod_labels(template)
    return not selector.nothing and all(_may_hold(requirement, labels, template) for requirement in selector.requirements)


def _may_hold(requirement: Requirement, labels: Mapping[str, Any], template: PodTemplate) -> bool:
    key, workload = requirement.key, template.workload
    if requirement.holds(labels):
        return True
    if key in labels:
        value = labels[key]
        return not isinstance(value, str) or is_placeholder(value)
    if key in _NAMED and requirement.operator == "In":
        name = workload.ref.name
        return not name or any(value == name or value.startswith(f"{name}-") for value in requirement.values)
    if key in _ADDED:
        return True
    framework = workload.framework if workload.kind is not None else "unknown"
    return bool(framework) and ("/" in key or framework not in _ADD_WITH_DOMAIN)


def made_services(template: PodTemplate) -> tuple[str, ...]:
    """Names of the Services that the operator makes for the pods."""
    workload = template.workload
    name, component = workload.ref.name, template.component
    match workload.framework, workload.ref.kind:
        case "kuberay", "RayCluster" | "RayService" if component == "head":
            return (f"{name}-head-svc", f"{name}-serve-svc")
        case "kserve", "InferenceService":
            return (f"{name}-{component}", f"{name}-{component}-default")
        case ("kubeflow", "Notebook") | ("nim-operator", "NIMService"):
            return (name,)
    return ()


def made_ports(template: PodTemplate, port: int | str | None) -> frozenset[int] | None:
    """The container ports behind a port of a Service that the operator makes; None where that cannot be known."""
    if template.workload.framework != "kuberay":
        return None
    known = _ray_ports(template)
    if port is None:
        return frozenset(known.values())
    number = known.get(port) if isinstance(port, str) else port
    return None if number is None else frozenset({number})


def _ray_ports(template: PodTemplate) -> dict[str, int]:
    ports = template.main_containers[0].ports if template.main_containers else ()
    return {port.name: port.number for port in ports if port.number is not None} or _RAY_PORTS


def own_ways(template: PodTemplate) -> Iterator[Way]:
    """The ways that the workload opens by itself."""
    yield from _by_node(template)
    match template.workload.framework, template.component:
        case "kuberay" | "aibrix", "head":
            yield from _by_kuberay(template)
        case "nim-operator", _:
            yield from _by_nim(template)
        case "spark-operator", "driver":
            options = (*template.path[:-1], "sparkUIOptions")
            yield from _by_type(template, options, ("serviceType",), ("serviceAnnotations",), _SPARK_UI)
        case "dask", "scheduler":
            yield from _by_type(template, template.path[:-1], ("service", "type"), (), _DASK_PORTS)


def _by_node(template: PodTemplate) -> Iterator[Way]:
    document = template.workload.document
    if template.get("hostNetwork") is True:
        yield Way(document, template.at("hostNetwork"), template, None, Reach.NODE, "hostNetwork")
        return
    for container in template.containers:
        entries = sequence(container.raw.get("ports"))
        if not any(mapping(entry).get("hostPort") for entry in entries):
            continue
        for port in container.ports:
            if port.host_port is None or port.host_port == 0:
                continue
            address = entries[port.path[-1]].get("hostIP") if isinstance(port.path[-1], int) else None
            reach = Reach.INTERNAL if isinstance(address, str) and address.startswith(("127.", "::1")) else Reach.NODE
            ports = None if port.number is None else frozenset({port.number})
            yield Way(document, (*port.path, "hostPort"), template, ports, reach, f"hostPort {port.host_port}")


def _by_kuberay(template: PodTemplate) -> Iterator[Way]:
    group, cluster = template.path[:-2], template.path[:-3]
    ports = frozenset(_ray_ports(template).values())
    annotations = mapping(_value(template, (*cluster, "headServiceAnnotations")))
    yield from _by_type(template, group, ("serviceType",), (), ports, annotations)
    yield from _by_type(template, group, ("headService", "spec", "type"), ("headService", "metadata", "annotations"), ports)
    yield from _by_type(
        template, cluster[:-1], ("serveService", "spec", "type"), ("serveService", "metadata", "annotations"), frozenset({8000})
    )
    if _value(template, (*group, "enableIngress")) is True:
        annotations = template.workload.annotations
        class_name = str(annotations.get("kubernetes.io/ingress.class", ""))
        reach = ingress_reach(class_name, annotations)
        path = (*group, "enableIngress")
        yield Way(template.workload.document, path, template, frozenset({8265}), reach, "the Ingress of enableIngress", "", class_name)


def _by_nim(template: PodTemplate) -> Iterator[Way]:
    expose = (*template.path, "expose")
    yield from _by_type(template, expose, ("service", "type"), ("service", "annotations"), None)
    ingress = mapping(_value(template, (*expose, "ingress")))
    if ingress.get("enabled") is True:
        class_name = mapping(ingress.get("spec")).get("ingressClassName")
        named = class_name if isinstance(class_name, str) else ""
        reach = ingress_reach(named, mapping(ingress.get("annotations")))
        yield Way(template.workload.document, (*expose, "ingress"), template, None, reach, "the Ingress of expose.ingress", "", named)


def _by_type(
    template: PodTemplate, base: Path, field: Path, annotations: Path, ports: frozenset[int] | None, also: Mapping[str, Any] | None = None
) -> Iterator[Way]:
    """The way by a Service whose type a field of the workload says."""
    kind, path = _value(template, (*base, *field)), (*base, *field)
    if kind == "NodePort":
        yield Way(template.workload.document, path, template, ports, Reach.NODE, "a Service of type NodePort")
    elif kind == "LoadBalancer":
        stated = mapping(_value(template, (*base, *annotations))) if annotations else {}
        spec = mapping(_value(template, (*base, *field[:-1]))) if field[-1] == "type" else {}
        reach = load_balancer_reach(spec, {**stated, **(also or {})})
        yield Way(template.workload.document, path, template, ports, reach, "a Service of type LoadBalancer")


def _value(template: PodTemplate, path: Path) -> Any:
    return along(template.workload.raw, path)[-1]
