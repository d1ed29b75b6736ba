"""The nearest pod that the API server's validation lets through: what fails validation never comes before Pod Security admission.

https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/apis/core/validation/validation.go
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from tests.sec.pods import LISTS, Pod

_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
_SECCOMP = "seccomp.security.alpha.kubernetes.io/"
_PROFILES = ("RuntimeDefault", "Localhost", "Unconfined")
_ACTIONS = ("httpGet", "tcpSocket")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_OF_LINUX = (
    "appArmorProfile", "seLinuxOptions", "seccompProfile", "sysctls", "runAsUser", "capabilities", "privileged", "procMount",
    "allowPrivilegeEscalation",
)  # fmt: skip
_CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
_SOURCES: dict[str, Pod] = {  # the least that each source must say
    "awsElasticBlockStore": {"volumeID": "v"},
    "azureDisk": {"diskName": "d", "diskURI": "https://a.blob.core.windows.net/c/d.vhd"},
    "azureFile": {"secretName": "s", "shareName": "s"},
    "cephfs": {"monitors": ["m"]},
    "cinder": {"volumeID": "v"},
    "configMap": {"name": "c"},
    "csi": {"driver": "csi.example.com"},
    "ephemeral": {"volumeClaimTemplate": {"spec": _CLAIM}},
    "fc": {"targetWWNs": ["w"], "lun": 1},
    "flexVolume": {"driver": "example.com/flex"},
    "flocker": {"datasetName": "d"},
    "gcePersistentDisk": {"pdName": "d"},
    "gitRepo": {"repository": "https://example.com/r"},
    "glusterfs": {"endpoints": "e", "path": "p"},
    "hostPath": {"path": "/data"},
    "image": {"reference": "example.com/model:1"},
    "iscsi": {"targetPortal": "192.0.2.1:3260", "iqn": "iqn.2026-11.com.example:t", "lun": 0},
    "nfs": {"server": "s", "path": "/"},
    "persistentVolumeClaim": {"claimName": "c"},
    "photonPersistentDisk": {"pdID": "d"},
    "portworxVolume": {"volumeID": "v"},
    "quobyte": {"registry": "r:1", "volume": "v"},
    "rbd": {"monitors": ["m"], "image": "i"},
    "scaleIO": {"gateway": "g", "system": "s", "volumeName": "v", "secretRef": {"name": "s"}},
    "secret": {"secretName": "s"},
    "storageos": {"volumeName": "v", "volumeNamespace": "n"},
    "vsphereVolume": {"volumePath": "[d] v"},
}


def valid(pod: Pod) -> Pod:
    """The pod, with as little changed as validation demands."""
    pod = copy.deepcopy(pod)
    spec = pod["spec"]
    for number, container in enumerate(containers(spec)):
        container["image"] = "example.com/main:1"
        _set_actions(container)
        if number and container in (spec.get("initContainers") or ()) and any(field in container for field in (*_PROBES, "lifecycle")):
            container["restartPolicy"] = "Always"  # only sidecars among init containers have probes
    for container in spec.get("ephemeralContainers") or ():
        for field in (*_PROBES, "lifecycle", "ports"):
            container.pop(field, None)
    for volume in spec.get("volumes") or ():
        volume.update({source: {**_SOURCES.get(source, {}), **value} for source, value in volume.items() if isinstance(value, dict)})
    for holder in (spec, *containers(spec)):
        _drop_values(holder.get("securityContext") or {})
    for reconcile in _BETWEEN_FIELDS:
        reconcile(spec)
    _drop_annotations(pod)
    return pod


def containers(spec: Pod) -> list[Pod]:
    """Containers of every sort."""
    return [container for name in LISTS for container in spec.get(name) or ()]


def contexts(spec: Pod) -> list[Pod]:
    """The security contexts there are."""
    return [holder["securityContext"] for holder in (spec, *containers(spec)) if holder.get("securityContext")]


def _set_actions(container: Pod) -> None:
    """A probe and a hook have an action."""
    for field in _PROBES:
        if field in container and not any((container[field] or {}).get(action) for action in _ACTIONS):
            del container[field]
    hooks = container.pop("lifecycle", None) or {}
    if hooks := {hook: handler for hook, handler in hooks.items() if any((handler or {}).get(action) for action in _ACTIONS)}:
        container["lifecycle"] = hooks


def _drop_values(context: Pod) -> None:
    for field in ("appArmorProfile", "seccompProfile"):
        if context.get(field) is not None and context[field].get("type") not in _PROFILES:
            del context[field]
    if context.get("procMount") == "":
        del context["procMount"]
    if context.get("privileged") and context.get("allowPrivilegeEscalation") is False:
        del context["allowPrivilegeEscalation"]


# -- fields that forbid each other ------------------------------------------------------------------------------------------------------


def _system(spec: Pod) -> None:
    """Each operating system has fields that the other has not."""
    name = (spec.get("os") or {}).get("name")
    if name is None:
        spec.pop("os", None)
        return
    for context in contexts(spec):
        for field in _OF_LINUX if name == "windows" else ("windowsOptions",):
            context.pop(field, None)
    if name == "windows":
        for field in ("hostPID", "hostIPC", "hostUsers"):
            spec.pop(field, None)


def _host_process(spec: Pod) -> None:
    """All containers are processes of the host, or none, and those use the host's network."""
    options = [context["windowsOptions"] for context in contexts(spec) if context.get("windowsOptions")]
    if any(each.get("hostProcess") for each in options):
        for each in options:
            each.pop("hostProcess", None)
        whole = spec.get("securityContext") or {}
        spec["securityContext"] = {**whole, "windowsOptions": {**(whole.get("windowsOptions") or {}), "hostProcess": True}}
        spec["hostNetwork"] = True
        spec.pop("hostUsers", None)


def _user_namespace(spec: Pod) -> None:
    """An unmasked /proc needs a user namespace, which does without the host's other namespaces."""
    if any(context.get("procMount") == "Unmasked" for context in contexts(spec)):
        if _is_host_process(spec):
            for context in contexts(spec):
                context.pop("procMount", None)
        else:
            spec["hostUsers"] = False
    if spec.get("hostUsers") is False:
        for field in ("hostNetwork", "hostPID", "hostIPC"):
            spec.pop(field, None)


def _is_host_process(spec: Pod) -> bool:
    return any((context.get("windowsOptions") or {}).get("hostProcess") for context in contexts(spec))


def _sysctls(spec: Pod) -> None:
    """A namespace of the host keeps its kernel parameters."""
    context = spec.get("securityContext") or {}
    for prefix, field in (("net.", "hostNetwork"), ("kernel.", "hostIPC")):
        if spec.get(field) and context.get("sysctls"):
            context["sysctls"] = [each for each in context["sysctls"] if not each["name"].startswith(prefix)]


def _ports(spec: Pod) -> None:
    """On the host's network, both ports are one; and no two containers have the same."""
    taken: set[Any] = set()
    for container in containers(spec):
        kept = []
        for port in container.get("ports") or ():
            if spec.get("hostNetwork") and port.get("hostPort"):
                port["containerPort"] = port["hostPort"]
            opened = port.get("hostPort") or (port["containerPort"] if spec.get("hostNetwork") else None)
            if opened is None or opened not in taken:
                kept.append(port)
                taken.add(opened)
        if container.get("ports"):
            container["ports"] = kept


_BETWEEN_FIELDS: tuple[Callable[[Pod], None], ...] = (_system, _host_process, _user_namespace, _sysctls, _ports)


def _drop_annotations(pod: Pod) -> None:
    """An annotation agrees with the fields, where there are any; one of AppArmor names a container and a profile."""
    names = {container["name"] for container in containers(pod["spec"])}
    said = {field for context in contexts(pod["spec"]) for field in context}
    for key, value in list((pod["metadata"].get("annotations") or {}).items()):
        apparmor = key.startswith(_APPARMOR) and (
            "appArmorProfile" in said or key.removeprefix(_APPARMOR) not in names or value == "localhost"
        )
        if apparmor or (key.startswith(_SECCOMP) and "seccompProfile" in said):
            del pod["metadata"]["annotations"][key]
