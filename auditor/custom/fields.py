"""The words of own rules: what an expression may say of a container, a pod, a workload and the snapshot.

One table: the checker, the values, the manual and the messages about misspelt fields are all made of it. Names are Kubernetes' own where it
has one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from auditor.custom import of_containers, of_objects, of_pods, readers
from auditor.rule import Scope

__all__ = ["FIELDS", "FUNCTIONS", "RECORDS", "SCOPES", "Field", "declared", "record_at"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field.

    Attributes:
        owner: ``container``, ``template``, ``workload``, ``object``, ``snapshot``, or the name of a record.
        name: of the field; empty for `object` itself.
        type: in CEL's words, where a record's name stands for a map with that record's fields.
        read: its value for the thing that it is a field of; may hold unknowns at any depth.
        means: one line for the manual.
    """

    owner: str
    name: str
    type: str
    read: Callable[[Any], object]
    means: str

    @property
    def full(self) -> str:
        """The field as expressions write it."""
        return f"{self.owner}.{self.name}" if self.name else self.owner

    @property
    def record(self) -> str:
        """The record that its items are; empty where they are none."""
        inner = self.type.removeprefix("list<").removesuffix(">")
        return inner if inner in RECORDS else ""

    @property
    def declared(self) -> str:
        """The type as it is declared to CEL, which knows no records."""
        return f"list<{_OPEN}>" if self.record else self.type


_OPEN = "map<string, dyn>"
_TEXTS, _COUNTS = "map<string, string>", "map<string, int>"

# What the items of some lists are. The first two have the fields that stand in the table under ``container`` and ``template``.
RECORDS = ("container", "template", "env", "port", "volumeMount", "volume")

FIELDS = (
    Field("container", "name", "string", of_containers.name, "its name"),
    Field("container", "role", "string", of_containers.container_role, "`main`, `init`, `sidecar`, `ephemeral` or `helper`"),
    Field("container", "image", "string", of_containers.image, "the image as written; empty where none is named"),
    Field("container", "registry", "string", of_containers.registry, "the image's registry; `docker.io` where none is named"),
    Field("container", "repository", "string", of_containers.repository, "the image without tag and digest, in lower case"),
    Field("container", "tag", "string", of_containers.tag, "the image's tag; empty where there is none"),
    Field("container", "digest", "string", of_containers.digest, "the image's digest; empty where there is none"),
    Field("container", "command", "list<string>", of_containers.command, "`command` followed by `args`"),
    Field("container", "env", "list<env>", of_containers.env, "environment variables"),
    Field("container", "ports", "list<port>", of_containers.ports, "declared ports"),
    Field("container", "volumeMounts", "list<volumeMount>", of_containers.mounts, "volume mounts"),
    Field("container", "requests", _OPEN, of_containers.requests, "amounts requested, as numbers: cores, bytes, devices"),
    Field("container", "limits", _OPEN, of_containers.limits, "limits, as numbers: cores, bytes, devices"),
    Field("container", "accelerators", _COUNTS, of_containers.accelerators, "devices asked for, by resource name"),
    Field("container", "securityContext", _OPEN, of_containers.security_context, "the container's own security context"),
    Field("container", "spec", _OPEN, of_containers.raw, "the whole container as written"),
    Field("env", "name", "string", readers.attribute("name"), "the variable's name"),
    Field("env", "value", "string", of_containers.env_value, "its literal value; empty where it has none"),
    Field("env", "sourced", "bool", readers.attribute("sourced"), "it has `valueFrom`"),
    Field("port", "name", "string", readers.attribute("name"), "the port's name; empty where it has none"),
    Field("port", "containerPort", "int", readers.number("number"), "the port of the container; 0 where it is not known"),
    Field("port", "hostPort", "int", readers.number("host_port"), "the port of the node; 0 where none is taken"),
    Field("port", "protocol", "string", readers.attribute("protocol"), "`TCP`, `UDP` or `SCTP`"),
    Field("volumeMount", "name", "string", readers.attribute("volume"), "the volume"),
    Field("volumeMount", "mountPath", "string", readers.attribute("mount_path"), "where it is mounted"),
    Field("volumeMount", "readOnly", "bool", readers.attribute("read_only"), "it cannot be written there"),
    Field("template", "component", "string", readers.attribute("component"), "what the operator calls these pods, such as `head`"),
    Field("template", "minPods", "int", of_pods.min_pods, "how many pods there are, or the fewest that an autoscaler leaves"),
    Field("template", "maxPods", "int", of_pods.max_pods, "how many pods there are, or the most that an autoscaler makes"),
    Field("template", "labels", _TEXTS, of_pods.labels_of, "labels of the pods"),
    Field("template", "annotations", _TEXTS, of_pods.annotations_of, "annotations of the pods"),
    Field("template", "containers", "list<container>", of_pods.containers, "all containers, init containers too"),
    Field("template", "volumes", "list<volume>", of_pods.volumes, "volumes"),
    Field("template", "incomplete", "bool", readers.attribute("incomplete"), "a template for, or laid over, what another object describes"),
    Field("template", "accelerated", "bool", readers.attribute("accelerated"), "the pod asks for an accelerator"),
    Field("template", "accelerators", _COUNTS, of_pods.accelerators_of_pod, "devices of one pod, by resource name"),
    Field("template", "requests", _OPEN, of_pods.requests_of_pod, "what the scheduler reserves for one pod, as numbers"),
    Field("template", "limits", _OPEN, of_pods.limits_of_pod, "the limits of one pod together, as numbers"),
    Field("template", "serviceAccountName", "string", of_pods.service_account, "`default` where none is named"),
    Field("template", "priorityClassName", "string", of_pods.priority_class, "empty where none is named"),
    Field("template", "runtimeClassName", "string", of_pods.text("runtimeClassName"), "empty where none is named"),
    Field("template", "schedulerName", "string", of_pods.text("schedulerName"), "empty where none is named"),
    Field("template", "hostNetwork", "bool", of_pods.flag("hostNetwork"), "the pod uses the node's network"),
    Field("template", "hostPID", "bool", of_pods.flag("hostPID"), "the pod sees the node's processes"),
    Field("template", "hostIPC", "bool", of_pods.flag("hostIPC"), "the pod shares the node's memory segments"),
    Field("template", "nodeSelector", _TEXTS, of_pods.node_selector, "labels that a node must carry"),
    Field("template", "tolerations", f"list<{_OPEN}>", of_pods.tolerations, "tolerations as written"),
    Field("template", "securityContext", _OPEN, of_containers.security_context, "the pod's own security context"),
    Field("template", "spec", _OPEN, of_pods.pod_spec, "the pod's fields as written"),
    Field("volume", "name", "string", readers.attribute("name"), "the volume's name"),
    Field("volume", "kind", "string", readers.attribute("kind"), "`emptyDir`, `hostPath`, `persistentVolumeClaim` …"),
    Field("volume", "source", _OPEN, readers.attribute("source"), "the source as written"),
    Field("workload", "apiVersion", "string", of_objects.api_version, "such as `apps/v1`"),
    Field("workload", "kind", "string", of_objects.kind, "such as `Deployment`"),
    Field("workload", "name", "string", of_objects.name_of_object, "its name"),
    Field("workload", "namespace", "string", of_objects.namespace, "empty where the object leaves it to `kubectl -n`"),
    Field("workload", "labels", _TEXTS, of_pods.labels_of, "the object's own labels"),
    Field("workload", "annotations", _TEXTS, of_pods.annotations_of, "the object's own annotations"),
    Field("workload", "role", "string", of_objects.role, "`training`, `serving`, `notebook`, `batch` …; `unknown` where unsure"),
    Field("workload", "framework", "string", readers.attribute("framework"), "`kubeflow`, `kuberay` …; empty for Kubernetes itself"),
    Field("workload", "job", "bool", readers.attribute("job"), "its pods are meant to finish"),
    Field("workload", "suspended", "bool", readers.attribute("suspended"), "created, but not started"),
    Field("workload", "served", "bool", readers.attribute("served"), "a Service or an autoscaler in view leads to its pods"),
    Field("workload", "incomplete", "bool", readers.attribute("incomplete"), "a template for other objects, such as a ServingRuntime"),
    Field("workload", "accelerated", "bool", readers.attribute("accelerated"), "one of its pods asks for an accelerator"),
    Field("workload", "accelerators", _COUNTS, of_pods.accelerators_of_workload, "devices of all its pods, by resource name"),
    Field("workload", "templates", "list<template>", of_objects.templates, "the pods it yields"),
    Field("workload", "containers", "list<container>", of_pods.containers, "the containers of all its pods"),
    Field("object", "", _OPEN, of_objects.whole, "the whole object as written"),
    Field("snapshot", "live", "bool", of_objects.live, "a cluster is judged, not files"),
    Field("snapshot", "kubernetesVersion", "string", of_objects.version, "such as `1.36`"),
    Field("snapshot", "namespaces", "list<string>", of_objects.namespaces, "names of the namespaces that objects in view name"),
    Field("snapshot", "kinds", _COUNTS, of_objects.kinds, "how many objects of each kind are in view"),
    Field("snapshot", "names", "map<string, list<string>>", of_objects.names, "`namespace/name` of the objects in view, by kind"),
)  # fmt: skip

# What `for:` may say: the scope, and what an expression may then speak of, the thing that is judged first.
SCOPES = {
    "container": (Scope.CONTAINER, ("container", "template", "workload", "object", "snapshot")),
    "pod template": (Scope.POD_TEMPLATE, ("template", "workload", "object", "snapshot")),
    "workload": (Scope.WORKLOAD, ("workload", "object", "snapshot")),
    "object": (Scope.DOCUMENT, ("object", "snapshot")),
}

# Functions beyond CEL's own that expressions may call, for the manual.
FUNCTIONS = {
    "quantity(text)": 'the number that a Kubernetes quantity stands for: `quantity("80Gi")`, `quantity("500m")`',
    "text.lowerAscii(), upperAscii(), trim()": "in lower or upper case, or without spaces around it",
    "text.split(separator), list.join(separator)": "a text taken apart, a list put together",
    "text.replace(old, new)": "with every `old` replaced",
    "text.substring(from, to), indexOf(part), lastIndexOf(part), charAt(index)": "parts of a text, and where they are",
}


def declared(roots: tuple[str, ...]) -> dict[str, Field]:
    """The fields that expressions may name at their beginning, by full name."""
    return {field.full: field for field in FIELDS if field.owner in roots}


def record_at(roots: dict[str, Field], path: tuple[str | int, ...]) -> str:
    """The record that stands at a path of the model, such as the ``env`` at ``container.env``, any; empty where none does.

    Args:
        roots: from `declared`.
        path: a full name, then steps; a step into a list is ``*`` or a number.
    """
    field = roots.get(str(path[0]))
    steps = list(path[1:])
    while field is not None and field.record and steps:
        steps.pop(0)
        if not steps:
            return field.record
        field = next((one for one in FIELDS if one.owner == field.record and one.name == steps[0]), None)
        steps.pop(0)
    return ""
