"""What kwok does to nodes and pods, in place of kubelets: https://kwok.sigs.k8s.io/docs/user/stages-configuration/.

A pod that is bound to a node becomes Running and Ready. A pod of a batch/v1 Job succeeds after a second. A deleted pod goes.
The annotation ``mlaudit.test/stage`` asks for another fate; the statuses are those that a kubelet of 1.36 reports
(https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/):

====================== ===================================================================================================
``crash-loop``        Running, every container waits in CrashLoopBackOff after seven failures with exit code 1
``image-pull-failure``  Pending, every container waits in ImagePullBackOff
``init-stuck``        Pending, the first init container runs and does not end, all others wait for it
``never-ready``       Running, every container runs and none is ready
``stuck-terminating`` Running and Ready; when deleted, it stays with its deletionTimestamp (force-delete it in the end)
any other value       Running and Ready for ever, also in a Job
====================== ===================================================================================================

On a Node, the annotation with any value keeps kwok from making it ready: its status is what the test writes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from tests.testbed.build import kubernetes_version

ANNOTATION = "mlaudit.test/stage"
_STAGE = f'.metadata.annotations["{ANNOTATION}"]'
_DELETED = ".metadata.deletionTimestamp"
_READY = '.status.conditions.[] | select( .type == "Ready" ) | .status'
_RUNNING = "{running: {startedAt: {{ Now | Quote }}}}"
_DONE = "{terminated: {exitCode: 0, reason: Completed, startedAt: {{ Now | Quote }}, finishedAt: {{ Now | Quote }}}}"
_WAITS_FOR_INIT = "{waiting: {reason: PodInitializing}}"
_BACK_OFF = "{waiting: {reason: CrashLoopBackOff, message: back-off 5m0s restarting failed container}}"
_FAILED = "{terminated: {exitCode: 1, reason: Error, startedAt: {{ Now | Quote }}, finishedAt: {{ Now | Quote }}}}"
_NO_IMAGE = '{waiting: {reason: ImagePullBackOff, message: "Back-off pulling image {{ .image }}"}}'

_NODE = """
conditions:
{{ range NodeConditions }}
- type: {{ .type | Quote }}
  status: {{ .status | Quote }}
  reason: {{ .reason | Quote }}
  message: {{ .message | Quote }}
  lastHeartbeatTime: {{ Now | Quote }}
  lastTransitionTime: {{ or $.metadata.creationTimestamp Now | Quote }}
{{ end }}
"""
_NEW_NODE = """
{{ if not .status.addresses }}
addresses:
- {type: InternalIP, address: {{ NodeIP | Quote }}}
- {type: Hostname, address: {{ .metadata.name | Quote }}}
{{ end }}
{{ if not .status.capacity }}
capacity: {cpu: "8", memory: 32Gi, pods: "110"}
allocatable: {cpu: "8", memory: 32Gi, pods: "110"}
{{ end }}
{{ if not .status.nodeInfo.kubeletVersion }}
nodeInfo:
  {architecture: amd64, operatingSystem: linux, kubeletVersion: KUBERNETES, kubeProxyVersion: "", containerRuntimeVersion: "containerd://2.2.0",
   kernelVersion: 6.12.0, osImage: testbed, bootID: "", machineID: "", systemUUID: ""}
{{ end }}
"""
_ADDRESSES = """
startTime: {{ Now | Quote }}
{{ $node := NodeIPsWith .spec.nodeName }}
{{ with $node }}
hostIP: {{ index . 0 | Quote }}
hostIPs: [{{ range . }}{ip: {{ . | Quote }}},{{ end }}]
{{ end }}
{{ $pod := PodIPsWith .spec.nodeName (or .spec.hostNetwork false) .metadata.uid .metadata.name .metadata.namespace }}
{{ with $pod }}
podIP: {{ index . 0 | Quote }}
podIPs: [{{ range . }}{ip: {{ . | Quote }}},{{ end }}]
{{ end }}
"""


class When(NamedTuple):
    """A condition on the object; the key is an expression of jq."""

    key: str
    operator: str
    values: Sequence[str] = ()


def stages() -> str:
    """The stages as kwok's ``--config`` wants them."""
    return "---\n".join(json.dumps(stage, indent=1) + "\n" for stage in [*_nodes(), *_pods(), *_troubles()])


def _nodes() -> list[dict[str, object]]:
    ready, own = When(_READY, "In", ["True"]), When(_STAGE, "DoesNotExist")
    return [
        _stage(
            "node-initialize", "Node", [When(_READY, "NotIn", ["True"]), own], _NODE + _NEW_NODE.replace("KUBERNETES", kubernetes_version())
        ),
        _stage("node-heartbeat-with-lease", "Node", [ready, own], _NODE, delay=600),  # beyond the lease, which kwok renews itself
    ]


def _pods() -> list[dict[str, object]]:
    alive = When(_DELETED, "DoesNotExist")
    succeeded = "phase: Succeeded" + _conditions(initialized=True, ready=False, reason="PodCompleted") + _containers(_DONE, ready=False)
    return [
        _stage(
            "pod-ready", "Pod", [alive, When(".status.startTime", "DoesNotExist"), When(_STAGE, "NotIn", list(_TROUBLES))], _READY_STATUS
        ),
        _stage(
            "pod-complete",
            "Pod",
            [
                alive,
                When(".status.phase", "In", ["Running"]),
                When(".metadata.ownerReferences.[].kind", "In", ["Job"]),
                When(_STAGE, "DoesNotExist"),
            ],
            succeeded,
            delay=1,
        ),
        _stage("pod-delete", "Pod", [When(_DELETED, "Exists"), When(_STAGE, "NotIn", ["stuck-terminating"])], delete=True),
    ]


def _troubles() -> list[dict[str, object]]:
    new = [When(_DELETED, "DoesNotExist"), When(".status.startTime", "DoesNotExist")]
    return [_stage(name, "Pod", [*new, When(_STAGE, "In", [name])], status) for name, status in _TROUBLES.items()]


def _conditions(*, initialized: bool, ready: bool, reason: str = "ContainersNotReady") -> str:
    why = {"Initialized": "ContainersNotInitialized"}
    state = {"PodReadyToStartContainers": True, "Initialized": initialized, "ContainersReady": ready, "Ready": ready}
    lines = [
        f"- {{type: {kind}, status: {json.dumps(str(yes))}, lastTransitionTime: {{{{ Now | Quote }}}}"
        + ("}" if yes else f", reason: {why.get(kind, reason)}}}")
        for kind, yes in state.items()
    ]
    gates = '{{ range .spec.readinessGates }}\n- {type: {{ .conditionType | Quote }}, status: "True"}\n{{ end }}'
    return "\nconditions:\n" + "\n".join(lines) + f"\n{gates}\n"


def _containers(state: str, *, ready: bool, last: str = "{}", restarts: int = 0) -> str:
    return "\ncontainerStatuses:" + _each("containers", state, str(state == _RUNNING).lower(), ready, last, restarts)


def _init_containers(first: str = _DONE, others: str = _DONE) -> str:
    """Statuses of the first init container and of the others; a sidecar (``restartPolicy: Always``) runs when the init containers end."""
    state = f"{{{{ if eq .name (index $.spec.initContainers 0).name }}}}{first}{{{{ else }}}}{others}{{{{ end }}}}"
    ended, started = first == _DONE, "false"
    if ended:
        sidecar = '{{ if eq (or .restartPolicy "") "Always" }}'
        state, started = f"{sidecar}{_RUNNING}{{{{ else }}}}{state}{{{{ end }}}}", f"{sidecar}true{{{{ else }}}}false{{{{ end }}}}"
    return "\ninitContainerStatuses:" + _each("initContainers", state, started, ended, "{}", 0)


def _each(field: str, state: str, started: str, ready: bool, last: str, restarts: int) -> str:
    identity = "{{ range .spec." + field + " }}\n- name: {{ .name | Quote }}\n  image: {{ .image | Quote }}\n  imageID: ''\n"
    flags = f"  ready: {str(ready).lower()}\n  started: {started}\n  restartCount: {restarts}\n"
    return f"\n{identity}{flags}  state: {state}\n  lastState: {last}\n{{{{ end }}}}\n"


_READY_STATUS = (
    "phase: Running" + _ADDRESSES + _conditions(initialized=True, ready=True) + _containers(_RUNNING, ready=True) + _init_containers()
)
_WAITING = _ADDRESSES + _conditions(initialized=True, ready=False) + _init_containers()
_TROUBLES = {
    "crash-loop": "phase: Running" + _WAITING + _containers(_BACK_OFF, ready=False, last=_FAILED, restarts=7),
    "image-pull-failure": "phase: Pending" + _WAITING + _containers(_NO_IMAGE, ready=False),
    "init-stuck": "phase: Pending"
    + _ADDRESSES
    + _conditions(initialized=False, ready=False)
    + _init_containers(_RUNNING, _WAITS_FOR_INIT)
    + _containers(_WAITS_FOR_INIT, ready=False),
    "never-ready": "phase: Running" + _WAITING + _containers(_RUNNING, ready=False),
}


def _stage(name: str, kind: str, when: Sequence[When], status: str = "", *, delete: bool = False, delay: int = 0) -> dict[str, object]:
    patch = {"subresource": "status", "root": "status", "type": "strategic", "template": status}
    spec: dict[str, object] = {
        "resourceRef": {"apiGroup": "v1", "kind": kind},
        "selector": {"matchExpressions": [{"key": each.key, "operator": each.operator, "values": each.values} for each in when]},
        "next": {"delete": True} if delete else {"patches": [patch]},
    }
    if delay:
        spec["delay"] = {"durationMilliseconds": delay * 1000}
    return {"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Stage", "metadata": {"name": name}, "spec": spec}
