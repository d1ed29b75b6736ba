"""Pods around every control of Pod Security, and what our rules say of them: for comparisons with those who decide."""

from __future__ import annotations

import copy
import itertools
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from auditor.config import Settings
from auditor.document import Document, ObjectRef
from auditor.engine import evaluate, select
from auditor.registry import load_rules
from auditor.rule import Profile
from auditor.snapshot import Snapshot

RULES = load_rules()
LEVELS = {"baseline": Profile.PSS_BASELINE, "restricted": Profile.PSS_RESTRICTED}
Version = tuple[int, int]

# -- values, on both sides of what is allowed -------------------------------------------------------------------------------------------

Pod = dict[str, Any]
_BOOLEANS = (None, False, True)
_PROFILES = (
    None, {}, {"type": None}, {"type": ""}, {"type": "RuntimeDefault"}, {"type": "Localhost", "localhostProfile": "x"},
    {"type": "Unconfined"}, {"type": "runtime/default"},
)  # fmt: skip
_SELINUX = (
    None, {}, {"level": "s0:c1"}, {"user": ""}, {"user": "u"}, {"role": None}, {"role": "r"}, {"type": "container_t", "role": "r"},
    *({"type": name} for name in (None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t", "spc_t")),
)  # fmt: skip
_BOTH = {  # fields of pods and of containers
    "appArmorProfile": _PROFILES,
    "runAsNonRoot": _BOOLEANS,
    "runAsUser": (None, 0, 1, 1000),
    "seLinuxOptions": _SELINUX,
    "seccompProfile": _PROFILES,
    "windowsOptions": (None, {}, *({"hostProcess": value} for value in _BOOLEANS)),
}
_BASELINE_CAPABILITIES = (
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP",
    "SETUID", "SYS_CHROOT",
)  # fmt: skip
_CAPABILITIES = (*_BASELINE_CAPABILITIES, "NET_RAW", "IPC_LOCK", "SYS_ADMIN", "ALL", "CAP_CHOWN", "chown", "", None)
_ADD = (None, [], *([name] for name in _CAPABILITIES), ["NET_BIND_SERVICE", "CHOWN"], ["CHOWN", "BPF"])
_DROP = (None, [], ["ALL"], ["all"], ["NET_RAW"], ["NET_RAW", "ALL"], ["CAP_ALL"], [None])
_CONTAINER_CONTEXT = {
    **_BOTH,
    "allowPrivilegeEscalation": _BOOLEANS,
    "capabilities": (
        None, {}, *({"add": add, "drop": ["ALL"]} for add in _ADD), *({"drop": drop} for drop in _DROP), {"add": ["SYS_ADMIN"]},
    ),
    "privileged": _BOOLEANS,
    "procMount": (None, "", "Default", "Unmasked"),
}  # fmt: skip
_HOSTS: tuple[dict[str, object], ...] = ({}, {"host": None}, {"host": ""}, {"host": "127.0.0.1"})
_HANDLERS = (None, {}, *({action: {**host, "port": 80}} for action in ("httpGet", "tcpSocket") for host in _HOSTS), {"httpGet": None})
_PORTS = (
    None, [], [{"containerPort": 80}], *([{"containerPort": 80, "hostPort": port}] for port in (None, 0, 80, 8080)),
    [{"containerPort": 80}, {"containerPort": 81, "hostPort": 81}],
)  # fmt: skip
_CONTAINER = {
    "livenessProbe": _HANDLERS,
    "readinessProbe": _HANDLERS,
    "startupProbe": _HANDLERS,
    "lifecycle": (None, {}, *({hook: handler} for hook in ("postStart", "preStop") for handler in _HANDLERS)),
    "ports": _PORTS,
}
_SYSCTLS = (
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
    "net.ipv4.tcp_slow_start_after_idle", "net.ipv4.tcp_notsent_lowat", "net.core.somaxconn", "kernel.shmmax",
)  # fmt: skip
_POD_CONTEXT = {
    **_BOTH,
    "sysctls": (None, [], *([{"name": name, "value": "1"}] for name in _SYSCTLS), [{"name": n, "value": "1"} for n in _SYSCTLS[:3]]),
}
_SOURCES = (
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret", "hostPath",
    "gcePersistentDisk", "awsElasticBlockStore", "gitRepo", "nfs", "iscsi", "glusterfs", "rbd", "flexVolume", "cinder", "cephfs", "flocker",
    "fc", "azureFile", "vsphereVolume", "quobyte", "azureDisk", "photonPersistentDisk", "portworxVolume", "scaleIO", "storageos",
)  # fmt: skip
_POD = {
    "hostIPC": _BOOLEANS,
    "hostNetwork": _BOOLEANS,
    "hostPID": _BOOLEANS,
    "hostUsers": _BOOLEANS,
    "os": (None, {}, {"name": None}, {"name": "linux"}, {"name": "windows"}),
    "volumes": (
        None, [], [{"name": "v"}], *([{"name": "v", source: value}] for source in _SOURCES for value in ({}, None)),
        [{"name": "v", "hostPath": {"path": "/var/run/docker.sock"}}],
        [{"name": "a", "emptyDir": {}}, {"name": "b", "hostPath": {"path": "/data"}}, {"name": "c", "nfs": {"server": "s", "path": "/"}}],
    ),
}  # fmt: skip
_ANNOTATIONS = (
    *(
        {f"container.apparmor.security.beta.kubernetes.io/{name}": value}
        for name in ("main", "other")
        for value in (None, "", "runtime/default", "localhost/x", "localhost", "unconfined")
    ),
    {"seccomp.security.alpha.kubernetes.io/pod": "unconfined"},
)
LISTS = ("containers", "initContainers", "ephemeralContainers")

# -- pods -------------------------------------------------------------------------------------------------------------------------------

Ground = tuple[bool, Pod]  # what a single value is laid over: a restricted pod or an empty one, and what else the pod says
_AROUND: tuple[Pod, ...] = (
    {}, {"hostUsers": False}, {"os": {"name": "windows"}}, {"hostNetwork": True},
    {"hostUsers": False, "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}},
)  # fmt: skip
GROUNDS: list[Ground] = list(itertools.product((True, False), _AROUND))
_GOOD_CONTEXT: Pod = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def base(restricted: bool) -> Pod:
    """A pod that level restricted admits, with a container of each sort; or one that says nothing."""
    pod: Pod = {"metadata": {"name": "p"}, "spec": {}}
    for name in LISTS:
        container: Pod = {"name": "main" if name == "containers" else f"in-{name.lower()}"}
        if restricted:
            container["securityContext"] = copy.deepcopy(_GOOD_CONTEXT)
        pod["spec"][name] = [container]
    if restricted:
        pod["spec"]["securityContext"] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    return pod


def context(holder: Pod) -> Pod:
    if not isinstance(holder.get("securityContext"), dict):
        holder["securityContext"] = {}
    return holder["securityContext"]


def single_pods(grounds: Iterable[Ground] = GROUNDS) -> Iterator[Pod]:
    """Each value of each field alone, in each sort of container, laid over a restricted and over an empty pod, with and without a user
    namespace or Windows where these matter."""
    for ground in grounds:
        for where, fields in (("context", _POD_CONTEXT), ("spec", _POD)):
            for field, values in fields.items():
                for value in values:
                    pod = _grounded(ground)
                    (context(pod["spec"]) if where == "context" else pod["spec"])[field] = value
                    yield pod
        for name in LISTS:
            yield from container_pods(name, ground)
    for restricted in (True, False):
        for noted in _ANNOTATIONS:
            yield {**base(restricted), "metadata": {"name": "p", "annotations": noted}}
        for absent in (None, {}):
            for name in ("spec", *LISTS):
                pod = base(restricted)
                holder = pod["spec"] if name == "spec" else pod["spec"][name][0]
                holder["securityContext"] = absent
                yield pod


def container_pods(name: str, ground: Ground) -> Iterator[Pod]:
    """Those of them that vary a container of one sort."""
    for where, fields in (("context", _CONTAINER_CONTEXT), ("container", _CONTAINER)):
        for field, values in fields.items():
            for value in values:
                pod = _grounded(ground)
                container = pod["spec"][name][0]
                (context(container) if where == "context" else container)[field] = value
                yield pod


def _grounded(ground: Ground) -> Pod:
    restricted, around = ground
    pod = base(restricted)
    pod["spec"].update(copy.deepcopy(around))
    return pod


def random_pod(chance: random.Random) -> Pod:
    """A pod with several deviations, few or many."""
    pod = base(chance.random() < 0.8)
    spec, density = pod["spec"], chance.choice((0.03, 0.1, 0.4))

    def scatter(target: Pod, fields: dict[str, Any]) -> None:
        for field, values in fields.items():
            if chance.random() < density:
                target[field] = copy.deepcopy(chance.choice(values))

    if chance.random() < 0.3:
        spec["containers"].append({"name": "second", "securityContext": copy.deepcopy(_GOOD_CONTEXT)})
    for name in ("initContainers", "ephemeralContainers"):
        if chance.random() < 0.5:
            spec[name] = chance.choice((None, []))
    for holder in (spec, *(container for name in LISTS for container in spec[name] or ())):
        scatter(context(holder), _POD_CONTEXT if holder is spec else _CONTAINER_CONTEXT)
        scatter(holder, _POD if holder is spec else _CONTAINER)
        if chance.random() < density / 4:
            holder["securityContext"] = None
    if chance.random() < density:
        pod["metadata"]["annotations"] = copy.deepcopy(chance.choice(_ANNOTATIONS))
    return pod


# -- our rules --------------------------------------------------------------------------------------------------------------------------


def ours(asked: list[tuple[Version, Pod]], profile: Profile) -> list[list[str]]:
    """Names of the rules that report each pod, as often as they do."""
    found: list[list[str]] = [[] for _ in asked]
    of_version = defaultdict(list)
    for number, (version, pod) in enumerate(asked):
        of_version[version].append(Document(ObjectRef("", "v1", "Pod", "", str(number)), pod, file=str(number)))
    for version, documents in of_version.items():
        settings = Settings(profile=profile, kubernetes_version=version)
        outcome = evaluate(Snapshot(documents, kubernetes_version=version), select(RULES.values(), settings), settings)
        assert outcome.failures == []
        for finding in outcome.findings:
            found[int(finding.file)].append(finding.rule)
    return found
