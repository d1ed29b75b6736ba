"""What a pod and its containers set in their security contexts, read as Pod Security admission reads it.

Admission judges an object that the API server has decoded: null is a field that is not set, ``seccompProfile: {}`` is a profile without a
type, and a null in a list of names is an empty name. What cannot be decoded (a wrong type) or is still to be filled in is `Unknown`.

Source: ``policy/visitor.go`` of https://github.com/kubernetes/pod-security-admission: every control looks at init containers, containers
and ephemeral containers alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Unpack

from auditor.document import Path, Unknown, is_placeholder
from auditor.finding import Fault, FaultDetails
from auditor.kinds import Inject
from auditor.workload.container import Container, ContainerRole

if TYPE_CHECKING:
    from auditor.workload.template import PodTemplate, Volume

__all__ = [
    "Holder",
    "Offence",
    "admits_absence",
    "containers",
    "everywhere",
    "holder_of",
    "is_dangerous_path",
    "may_be_windows",
    "may_use_own_users",
    "names",
    "pod",
    "profile_offences",
    "profile_type",
    "read",
    "report",
    "setting",
    "sources",
    "uses_rdma",
]


@dataclass(frozen=True, slots=True)
class Offence:
    """One field that a control does not allow.

    Attributes:
        owner: whose field: ``pod``, ``container trainer``, ``init container setup``; empty where that goes without saying.
        text: the field with its value, or that it is not set.
        path: the field, or for one that is not set what lacks it.
    """

    owner: str
    text: str
    path: Path


@dataclass(frozen=True, slots=True)
class Holder:
    """The pod or one of its containers: somebody with a security context.

    Attributes:
        label: who, for messages.
        context: the security context as written; None where it is not set.
        path: where it stands or would stand.
        container: None for the pod.
    """

    label: str
    context: object
    path: Path
    container: Container | None = None

    def get(self, *steps: str) -> Any:
        """A field of the security context; see `read`."""
        return read(self.context, *steps)

    def sets(self, *steps: str, value: object = None) -> Offence:
        """The field at ``steps`` with its value, or with ``value`` in its place."""
        shown = read(self.context, *steps) if value is None else value
        return Offence(self.label, f"{'.'.join(steps)}: {_shown(shown)}", (*self.path, *steps))

    def lacks(self, what: str) -> Offence:
        """A field that is not set; the place is the security context, or what lacks even that."""
        return Offence(self.label, what, self.path if isinstance(self.context, dict) else self.path[:-1])


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if value not in ("", None) else '""'


def read(node: object, *steps: str) -> Any:
    """What stands at ``steps``: None where it is not set, `Unknown` for a placeholder or where the way leads through a wrong type."""
    for step in steps:
        if node is None:
            return None
        if not isinstance(node, dict):
            return Unknown(str(node)[:40], "wrong type")
        node = node.get(step)
    return Unknown(node, "placeholder") if isinstance(node, str) and is_placeholder(node) else node


# -- who has a security context ---------------------------------------------------------------------------------------------------------

_LABELS = {ContainerRole.INIT: "init container", ContainerRole.SIDECAR: "init container", ContainerRole.EPHEMERAL: "ephemeral container"}


def pod(template: PodTemplate) -> Holder:
    """The pod. Custom resources that are container and pod in one call the pod's part ``podSecurityContext``."""
    apart = "containers" not in template.spec and template.get("podSecurityContext") is not None
    field = "podSecurityContext" if apart else "securityContext"
    return Holder("pod", template.get(field), template.at(field))


def containers(template: PodTemplate) -> Iterator[Holder]:
    """The containers of every sort."""
    return map(holder_of, template.containers)


def holder_of(container: Container) -> Holder:
    """One container."""
    label = f"{_LABELS.get(container.role, 'container')} {container.name or container.path[-1]}"
    return Holder(label, container.raw.get("securityContext"), container.at("securityContext"), container)


def setting(template: PodTemplate) -> Iterator[Holder]:
    """The pod and its containers, as far as they have a security context: most have none, and only these can set something.

    What is pod and container at once is the container.
    """
    found = [holder_of(container) for container in template.containers if container.raw.get("securityContext") is not None]
    whole = pod(template)
    if whole.context is not None and all(holder.path != whole.path for holder in found):
        yield whole
    yield from found


def everywhere(template: PodTemplate) -> Iterator[Holder]:
    """The pod and its containers. What is both at once is the pod."""
    whole = pod(template)
    yield whole
    yield from (holder for holder in containers(template) if holder.path != whole.path)


# -- values that several controls look at -----------------------------------------------------------------------------------------------


def profile_type(holder: Holder, field: str) -> str | Unknown | None:
    """The type of ``seccompProfile`` or ``appArmorProfile``; empty for a profile without a type, None without a profile."""
    profile = holder.get(field)
    if profile is None or isinstance(profile, Unknown):
        return profile
    kind = read(profile, "type")
    if kind is None:
        return ""
    return kind if isinstance(kind, str | Unknown) else Unknown(str(kind)[:40], "wrong type")


def profile_offences(template: PodTemplate, field: str) -> list[Offence]:
    """Profiles of any type but the two that admission allows: RuntimeDefault and Localhost."""
    found = []
    for holder in template.secured:
        kind = profile_type(holder, field)
        if isinstance(kind, str) and kind not in ("RuntimeDefault", "Localhost"):
            found.append(holder.sets(field, "type", value=kind))
    return found


_NAME = re.compile(r"\w*")


def names(holder: Holder, section: str) -> tuple[Sequence[str], bool]:
    """The capabilities that ``add`` or ``drop`` lists, and whether these are all: some may be unknown."""
    listed = holder.get("capabilities", section)
    if listed is None:
        return (), True
    if not isinstance(listed, list):
        return (), False
    known = ["" if item is None else item for item in listed if item is None or _is_name(item)]
    return known, len(known) == len(listed)


def _is_name(item: object) -> bool:
    """Whether an item is a name of whatever sort; ``SYS_ADMIN`` looks like a placeholder elsewhere."""
    return isinstance(item, str) and (_NAME.fullmatch(item) is not None or not is_placeholder(item))


def sources(volume: Volume) -> Mapping[str, Any]:
    """The sources that a volume names. None at all is an emptyDir, by the API server's default."""
    return {key: value for key, value in volume.raw.items() if isinstance(value, dict)}


def may_be_windows(template: PodTemplate) -> bool:
    """The pod declares that it runs on Windows, or what it declares is unknown. Such pods are exempt from what only Linux has."""
    name = read(template.get("os"), "name")
    return name == "windows" or isinstance(name, Unknown)


def may_use_own_users(template: PodTemplate) -> bool:
    """The pod has a user namespace of its own (``hostUsers: false``), or whether it has is unknown."""
    return template.get("hostUsers") not in (None, True)


def admits_absence(template: PodTemplate, container: Container | None = None) -> bool:
    """Whether a field that is not written may still be set: somebody else supplies the rest of the pod, or of this container."""
    if template.incomplete or Inject.SECURITY_CONTEXT in template.injects:
        return True
    if container is None or Inject.IMAGE not in template.injects:
        return False
    # A container without an image comes from elsewhere, as does KServe's `model`, which a ServingRuntime describes.
    return container.image is None or (template.workload.framework == "kserve" and isinstance(container.path[-1], str))


_RDMA_KEY = re.compile(r"rdma|infiniband|roce|mlnx|hostdev|/hca|/efa$|/ib\w*$")


def uses_rdma(template: PodTemplate, *more: str) -> bool:
    """The pod asks for a network card with remote memory access, or configures NCCL for one.

    Args:
        template: the pod.
        more: names of environment variables that count too.
    """
    for container in template.containers:
        keys = (*container.resource_keys("limits"), *container.resource_keys("requests"))
        if any(_RDMA_KEY.search(key) for key in keys):
            return True
        if any(variable.name.startswith("NCCL_IB_") or variable.name in more for variable in container.env):
            return True
    return False


# Folders and sockets of the node that give it away; a path is dangerous when it is one of them, or lies above or below one.
_GIVES_THE_NODE_AWAY = (
    "/etc", "/root", "/proc", "/sys", "/boot", "/usr", "/var/run", "/run/containerd", "/run/crio", "/run/docker.sock", "/var/lib/kubelet",
    "/var/lib/docker", "/var/lib/containerd",
)  # fmt: skip


def is_dangerous_path(path: str) -> bool:
    """Whether a path of the node gives it away: the container runtime's sockets, the kubelet's folders, the system's own."""
    if not path.startswith("/"):
        return False
    steps = [step for step in path.split("/") if step not in ("", ".")]
    inside = "/".join(("", *steps, ""))
    return any(inside.startswith(f"{known}/") or f"{known}/".startswith(inside) for known in _GIVES_THE_NODE_AWAY)


# -- saying it --------------------------------------------------------------------------------------------------------------------------


def report(template: PodTemplate, offences: Sequence[Offence], why: str, **details: Unpack[FaultDetails]) -> Fault:
    """One fault for all fields of a pod that a control does not allow. It stands at the first of them, whichever that is."""
    return replace(template.fault(f"{_listed(offences)}; {why}", at=offences[0].path, **details), about=template.path)


def _listed(offences: Iterable[Offence]) -> str:
    """``privileged: true (container a, init container b), …``: every value once, with all who set it."""
    owners: dict[str, dict[str, None]] = {}
    for offence in offences:
        owners.setdefault(offence.text, {})[offence.owner] = None
    return ", ".join(f"{text} ({', '.join(who)})" if any(who) else text for text, who in owners.items())
