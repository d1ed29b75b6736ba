"""The profiles pss-baseline and pss-restricted, control by control and version by version, and what the rules say outside of them.

`test_against_admission` compares with the code of Pod Security admission; this needs nothing but the rules.
"""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest

from auditor.config import Settings
from auditor.document import Document
from auditor.engine import evaluate, select
from auditor.finding import Finding, Severity
from auditor.judge import Judge
from auditor.registry import load_rules
from auditor.rule import Profile, Scope
from auditor.snapshot import Snapshot
from auditor.source.text import read_text

RULES = load_rules()
BASELINE = {
    "windows-host-process", "host-namespaces", "privileged-container", "capability-added", "host-path-volume", "host-port",
    "probe-host-set", "apparmor-unconfined", "selinux-custom", "proc-mount-unmasked", "seccomp-unconfined", "unsafe-sysctl",
}  # fmt: skip
RESTRICTED = BASELINE - {"capability-added", "host-path-volume", "seccomp-unconfined"} | {
    "volume-type-restricted", "privilege-escalation-allowed", "run-as-non-root-unset", "run-as-root-user", "seccomp-missing",
    "capabilities-not-dropped",
}  # fmt: skip
CONTROLS = sorted(BASELINE | RESTRICTED)
Tree = dict[str, Any]


def judge(documents: list[Document], profile: Profile, version: str = "1.36") -> list[Finding]:
    major, minor = version.split(".")
    settings = Settings(profile=profile, kubernetes_version=(int(major), int(minor)))
    rules = [rule for rule in select(RULES.values(), settings) if rule.name in CONTROLS]
    outcome = evaluate(Snapshot(documents, kubernetes_version=settings.kubernetes_version), rules, settings, known=RULES)
    assert outcome.failures == []
    return outcome.findings


def read(text: str) -> list[Document]:
    documents = [item for item in read_text(text, "k8s/pod.yaml") if isinstance(item, Document)]
    assert documents
    return documents


def pod(spec: Tree | None = None, container: Tree | None = None, *, among: str = "containers", annotations: Tree | None = None) -> Document:
    """A pod that level restricted admits, changed in one place."""
    good = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    lists = ("containers", "initContainers", "ephemeralContainers")
    tree: Tree = {name: [{"name": name, "image": "ghcr.io/example/x:1", "securityContext": dict(good)}] for name in lists}
    tree["securityContext"] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    for target, change in ((tree, spec or {}), (tree[among][0], container or {})):
        for field, value in change.items():
            context = target["securityContext"]
            if field == "securityContext" and isinstance(value, dict):
                context.update(value)
            else:
                target[field] = value
    (document,) = read("apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n")
    raw = {**document.raw, "metadata": {"name": "p", "annotations": annotations or {}}, "spec": tree}
    return Document(document.ref, raw, file="k8s/pod.yaml")


def context(**fields: object) -> Tree:
    return {"securityContext": fields}


def rules_of(findings: list[Finding]) -> set[str]:
    return {finding.rule for finding in findings}


def test_profiles_hold_exactly_the_controls() -> None:
    for profile, controls in ((Profile.PSS_BASELINE, BASELINE), (Profile.PSS_RESTRICTED, RESTRICTED)):
        held = {rule.name for rule in RULES.values() if profile in rule.profiles and rule.scope is not Scope.INPUT}
        assert held == controls


def test_a_hardened_pod_passes_every_profile() -> None:
    for profile in Profile:
        assert judge([pod()], profile) == []


# -- one control after the other --------------------------------------------------------------------------------------------------------

# What is changed in the pod, the rule that forbids it at level baseline, and the one at level restricted; None where it is allowed.
ON_THE_POD: list[tuple[Tree, str | None, str | None]] = [
    (context(windowsOptions={"hostProcess": True}), "windows-host-process", "windows-host-process"),
    (context(windowsOptions={"hostProcess": False}), None, None),
    (context(windowsOptions=None), None, None),
    ({"hostNetwork": True}, "host-namespaces", "host-namespaces"),
    ({"hostPID": True, "hostIPC": True}, "host-namespaces", "host-namespaces"),
    ({"hostNetwork": False, "hostPID": None}, None, None),
    ({"volumes": [{"name": "v", "hostPath": {"path": "/data"}}]}, "host-path-volume", "volume-type-restricted"),
    ({"volumes": [{"name": "v", "hostPath": {"path": "/etc"}}]}, "host-path-volume", "volume-type-restricted"),
    ({"volumes": [{"name": "v", "hostPath": None}]}, None, None),
    ({"volumes": [{"name": "v", "nfs": {"server": "s", "path": "/"}}]}, None, "volume-type-restricted"),
    ({"volumes": [{"name": "v", "gitRepo": {"repository": "r"}}]}, None, "volume-type-restricted"),
    ({"volumes": [{"name": "v"}, {"name": "w", "image": {"reference": "r"}}, {"name": "x", "ephemeral": {}}]}, None, None),
    ({"volumes": None}, None, None),
    (context(appArmorProfile={"type": "Unconfined"}), "apparmor-unconfined", "apparmor-unconfined"),
    (context(appArmorProfile={"type": "Localhost", "localhostProfile": "x"}), None, None),
    (context(appArmorProfile={}), "apparmor-unconfined", "apparmor-unconfined"),
    (context(seLinuxOptions={"type": "spc_t"}), "selinux-custom", "selinux-custom"),
    (context(seLinuxOptions={"type": "container_kvm_t", "level": "s0"}), None, None),
    (context(seLinuxOptions={"user": "system_u"}), "selinux-custom", "selinux-custom"),
    (context(seLinuxOptions={"role": "system_r"}), "selinux-custom", "selinux-custom"),
    (context(seLinuxOptions={"user": "", "role": None, "type": ""}), None, None),
    (context(seccompProfile={"type": "Unconfined"}), "seccomp-unconfined", "seccomp-missing"),
    (context(seccompProfile={"type": ""}), "seccomp-unconfined", "seccomp-missing"),
    (context(seccompProfile=None), None, "seccomp-missing"),
    (context(seccompProfile={"type": "Localhost"}), None, None),
    (context(sysctls=[{"name": "net.core.somaxconn", "value": "1"}]), "unsafe-sysctl", "unsafe-sysctl"),
    (context(sysctls=[{"name": "kernel.shm_rmid_forced", "value": "1"}]), None, None),
    (context(runAsNonRoot=False), None, "run-as-non-root-unset"),
    (context(runAsNonRoot=None), None, "run-as-non-root-unset"),
    (context(runAsUser=0), None, "run-as-root-user"),
    (context(runAsUser=1000), None, None),
    (context(runAsGroup=0, supplementalGroups=[0]), None, None),
    ({"podSecurityContext": {"runAsUser": 0, "runAsNonRoot": True}}, None, None),
]
IN_A_CONTAINER: list[tuple[Tree, str | None, str | None]] = [
    (context(windowsOptions={"hostProcess": True}), "windows-host-process", "windows-host-process"),
    (context(privileged=True), "privileged-container", "privileged-container"),
    (context(privileged=False), None, None),
    (context(capabilities={"drop": ["ALL"], "add": ["SYS_ADMIN"]}), "capability-added", "capabilities-not-dropped"),
    (context(capabilities={"drop": ["ALL"], "add": ["NET_RAW"]}), "capability-added", "capabilities-not-dropped"),
    (context(capabilities={"drop": ["ALL"], "add": ["IPC_LOCK"]}), "capability-added", "capabilities-not-dropped"),
    (context(capabilities={"drop": ["ALL"], "add": ["CAP_CHOWN"]}), "capability-added", "capabilities-not-dropped"),
    (context(capabilities={"drop": ["ALL"], "add": ["CHOWN"]}), None, "capabilities-not-dropped"),
    (context(capabilities={"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}), None, None),
    (context(capabilities={"drop": ["NET_RAW"]}), None, "capabilities-not-dropped"),
    (context(capabilities={"drop": ["NET_RAW", "ALL"]}), None, None),
    (context(capabilities={"drop": ["all"]}), None, "capabilities-not-dropped"),
    (context(capabilities=None), None, "capabilities-not-dropped"),
    ({"ports": [{"containerPort": 80, "hostPort": 80}]}, "host-port", "host-port"),
    ({"ports": [{"containerPort": 80, "hostPort": 0}, {"containerPort": 81}]}, None, None),
    ({"readinessProbe": {"httpGet": {"host": "10.0.0.1", "port": 80}}}, "probe-host-set", "probe-host-set"),
    ({"livenessProbe": {"tcpSocket": {"host": "localhost", "port": 80}}}, "probe-host-set", "probe-host-set"),
    ({"startupProbe": {"httpGet": {"host": "", "port": 80}}}, None, None),
    ({"lifecycle": {"postStart": {"httpGet": {"host": "h", "port": 80}}}}, "probe-host-set", "probe-host-set"),
    ({"lifecycle": {"preStop": {"tcpSocket": {"host": "h", "port": 80}}}}, "probe-host-set", "probe-host-set"),
    (context(appArmorProfile={"type": "Unconfined"}), "apparmor-unconfined", "apparmor-unconfined"),
    (context(seLinuxOptions={"type": "nvidia_container_t"}), "selinux-custom", "selinux-custom"),
    (context(procMount="Unmasked"), "proc-mount-unmasked", "proc-mount-unmasked"),
    (context(procMount="Default"), None, None),
    (context(seccompProfile={"type": "Unconfined"}), "seccomp-unconfined", "seccomp-missing"),
    (context(allowPrivilegeEscalation=True), None, "privilege-escalation-allowed"),
    (context(allowPrivilegeEscalation=None), None, "privilege-escalation-allowed"),
    (context(runAsNonRoot=False), None, "run-as-non-root-unset"),
    (context(runAsNonRoot=None), None, None),
    (context(runAsUser=0), None, "run-as-root-user"),
]


def assert_verdicts(document: Document, baseline: str | None, restricted: str | None, version: str = "1.36") -> None:
    for profile, rule in ((Profile.PSS_BASELINE, baseline), (Profile.PSS_RESTRICTED, restricted)):
        findings = judge([document], profile, version)
        assert [finding.rule for finding in findings] == ([rule] if rule else []), (str(profile), [str(f) for f in findings])


@pytest.mark.parametrize(("change", "baseline", "restricted"), ON_THE_POD, ids=str)
def test_fields_of_the_pod(change: Tree, baseline: str | None, restricted: str | None) -> None:
    assert_verdicts(pod(change), baseline, restricted)


@pytest.mark.parametrize(("change", "baseline", "restricted"), ON_THE_POD, ids=str)
def test_rules_hear_what_the_profiles_say(change: Tree, baseline: str | None, restricted: str | None) -> None:
    snapshot = Snapshot([pod(change)])
    ask = Judge(snapshot, [], Settings(), RULES).objection
    assert ask(snapshot.workloads[0], Profile.PSS_BASELINE) == (baseline or "")
    assert ask(snapshot.workloads[0], Profile.PSS_RESTRICTED) == (restricted or "")


def test_controls_judge_pods() -> None:
    """`Judge.objection` asks about pods only."""
    assert {RULES[name].scope for name in CONTROLS} == {Scope.POD_TEMPLATE}


@pytest.mark.parametrize("among", ["containers", "initContainers", "ephemeralContainers"])
@pytest.mark.parametrize(("change", "baseline", "restricted"), IN_A_CONTAINER, ids=str)
def test_fields_of_each_sort_of_container(change: Tree, baseline: str | None, restricted: str | None, among: str) -> None:
    assert_verdicts(pod(container=change, among=among), baseline, restricted)


@pytest.mark.parametrize(
    "name",
    [
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP",
        "SETUID", "SYS_CHROOT",
    ],
)  # fmt: skip
def test_capabilities_of_the_default_set(name: str) -> None:
    restricted = None if name == "NET_BIND_SERVICE" else "capabilities-not-dropped"
    assert_verdicts(pod(container=context(capabilities={"drop": ["ALL"], "add": [name]})), None, restricted)


@pytest.mark.parametrize(
    "source",
    [
        "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret",
        "aTypeThatNobodyKnows",  # the API server drops it, and what is left is an emptyDir
    ],
)  # fmt: skip
def test_volume_types_of_level_restricted(source: str) -> None:
    assert_verdicts(pod({"volumes": [{"name": "v", source: {}}]}), None, None)


@pytest.mark.parametrize(
    "source",
    [
        "gcePersistentDisk", "awsElasticBlockStore", "gitRepo", "nfs", "iscsi", "glusterfs", "rbd", "flexVolume", "cinder", "cephfs",
        "flocker", "fc", "azureFile", "vsphereVolume", "quobyte", "azureDisk", "photonPersistentDisk", "portworxVolume", "scaleIO",
        "storageos",
    ],
)  # fmt: skip
def test_volume_types_beyond_level_restricted(source: str) -> None:
    assert_verdicts(pod({"volumes": [{"name": "v", source: {}}]}), None, "volume-type-restricted")


@pytest.mark.parametrize(
    ("key", "value", "forbidden"),
    [
        ("container.apparmor.security.beta.kubernetes.io/containers", "unconfined", True),
        ("container.apparmor.security.beta.kubernetes.io/nobody", "localhost", True),
        ("container.apparmor.security.beta.kubernetes.io/containers", "localhost/x", False),
        ("container.apparmor.security.beta.kubernetes.io/containers", "runtime/default", False),
        ("container.apparmor.security.beta.kubernetes.io/containers", "", False),
        ("seccomp.security.alpha.kubernetes.io/pod", "unconfined", False),
    ],
)
def test_annotations(key: str, value: str, forbidden: bool) -> None:
    rule = "apparmor-unconfined" if forbidden else None
    assert_verdicts(pod(annotations={key: value}), rule, rule)


def sysctl(name: str) -> Tree:
    return context(sysctls=[{"name": name, "value": "1"}])


@pytest.mark.parametrize(
    ("change", "rule", "last_forbidding", "first_allowing"),
    [
        (sysctl("net.ipv4.ip_local_reserved_ports"), "unsafe-sysctl", "1.26", "1.27"),
        (sysctl("net.ipv4.tcp_keepalive_probes"), "unsafe-sysctl", "1.28", "1.29"),
        (sysctl("net.ipv4.tcp_fin_timeout"), "unsafe-sysctl", "1.28", "1.29"),
        (sysctl("net.ipv4.tcp_wmem"), "unsafe-sysctl", "1.31", "1.32"),
        (sysctl("net.ipv4.tcp_slow_start_after_idle"), "unsafe-sysctl", "1.36", "1.37"),
        (sysctl("net.ipv4.tcp_notsent_lowat"), "unsafe-sysctl", "1.36", "1.37"),
        (context(seLinuxOptions={"type": "container_engine_t"}), "selinux-custom", "1.30", "1.31"),
    ],
    ids=str,
)
def test_versions_that_allow_more(change: Tree, rule: str, last_forbidding: str, first_allowing: str) -> None:
    assert_verdicts(pod(change), rule, rule, last_forbidding)
    assert_verdicts(pod(change), None, None, first_allowing)


def test_hosts_of_probes_count_since_1_34() -> None:
    document = pod(container={"readinessProbe": {"tcpSocket": {"host": "h", "port": 80}}})
    assert_verdicts(document, None, None, "1.33")
    assert_verdicts(document, "probe-host-set", "probe-host-set", "1.34")
    assert rules_of(judge([document], Profile.STRICT, "1.33")) == {"probe-host-set"}


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (context(runAsUser=0), "run-as-root-user"),
        (context(runAsNonRoot=False), "run-as-non-root-unset"),
        (context(runAsNonRoot=None), "run-as-non-root-unset"),
    ],
    ids=str,
)
def test_user_namespaces_relax_users_since_1_35(change: Tree, rule: str) -> None:
    assert_verdicts(pod({**change, "hostUsers": False}), None, rule, "1.34")
    assert_verdicts(pod({**change, "hostUsers": False}), None, None, "1.35")
    for host_users in (True, None):
        assert_verdicts(pod({**change, "hostUsers": host_users}), None, rule, "1.35")


def test_user_namespaces_relax_proc_mount_at_baseline_alone() -> None:
    document = pod({"hostUsers": False}, context(procMount="Unmasked"))
    assert_verdicts(document, "proc-mount-unmasked", "proc-mount-unmasked", "1.34")
    assert_verdicts(document, None, "proc-mount-unmasked", "1.35")
    assert judge([document], Profile.STRICT) == []


@pytest.mark.parametrize(
    "change", [context(allowPrivilegeEscalation=None), context(capabilities=None), context(capabilities={"add": ["CHOWN"]})], ids=str
)
def test_windows_pods_are_exempt_from_what_linux_has(change: Tree) -> None:
    assert_verdicts(pod({"os": {"name": "windows"}}, change), None, None)
    assert_verdicts(pod({"os": {"name": "windows"}, **context(seccompProfile=None)}), None, None)
    assert judge([pod({"os": {"name": "linux"}}, change)], Profile.PSS_RESTRICTED)


def test_ports_copied_under_host_network_are_reported_once() -> None:
    copied = {"ports": [{"containerPort": 80, "hostPort": 80}]}
    own = {"ports": [{"containerPort": 80, "hostPort": 8080}]}
    assert rules_of(judge([pod({"hostNetwork": True}, copied)], Profile.PSS_BASELINE)) == {"host-namespaces"}
    assert rules_of(judge([pod({"hostNetwork": True}, own)], Profile.PSS_BASELINE)) == {"host-namespaces", "host-port"}


def test_each_container_may_say_it_where_the_pod_does_not() -> None:
    document = pod(context(seccompProfile=None, runAsNonRoot=None))
    for name in ("containers", "initContainers", "ephemeralContainers"):
        assert rules_of(judge([document], Profile.PSS_RESTRICTED)) == {"seccomp-missing", "run-as-non-root-unset"}
        document.raw["spec"][name][0]["securityContext"].update(runAsNonRoot=True, seccompProfile={"type": "RuntimeDefault"})
    assert judge([document], Profile.PSS_RESTRICTED) == []


# -- what cannot be known ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["${X}", "{{ x }}", 5, [], ["x"], {"x": 1}, 1.5, "yes"], ids=str)
def test_unknown_values_are_no_findings(value: object) -> None:
    on_pod = ({field: value} for field in ("hostNetwork", "hostPID", "hostIPC", "volumes"))
    for change in (*on_pod, context(runAsNonRoot=value), context(seccompProfile=value), context(sysctls=value)):
        if "seccompProfile" not in change.get("securityContext", {}) or not isinstance(value, dict):
            assert_verdicts(pod(change), None, None)
    for field in ("privileged", "allowPrivilegeEscalation", "seLinuxOptions", "windowsOptions", "runAsNonRoot"):
        assert_verdicts(pod(container=context(**{field: value})), None, None)
    if not isinstance(value, dict):
        for change in (context(capabilities=value), {"ports": value}, {"readinessProbe": value}, {"lifecycle": value}):
            assert_verdicts(pod(container=change), None, None)


@pytest.mark.parametrize("spec", [{"os": {"name": "${OS}"}}, {"hostUsers": "${OWN}"}], ids=str)
def test_unknown_exemptions_exempt(spec: Tree) -> None:
    change = context(capabilities=None) if "os" in spec else context(runAsUser=0)
    assert_verdicts(pod(spec, change), None, None)


def test_a_name_that_may_be_all_is_no_finding() -> None:
    assert_verdicts(pod(container=context(capabilities={"drop": ["${DROP}"]})), None, None)
    assert_verdicts(pod(container=context(capabilities={"drop": ["NET_RAW", 5]})), None, None)
    assert_verdicts(pod(container=context(capabilities={"drop": ["ALL"], "add": ["${ADD}"]})), None, None)


def test_nothing_breaks_a_rule() -> None:
    chance = random.Random(36)
    junk = (None, 5, -1.5, "x", "", "${X}", [], {}, [None], [{}], {"type": 5}, True)
    pods = [pod(change) for change, _, _ in ON_THE_POD] + [pod(container=change) for change, _, _ in IN_A_CONTAINER]
    broken = []
    for number in range(3000):
        raw = copy.deepcopy(pods[number % len(pods)].raw)
        for _ in range(chance.choice((1, 1, 2, 4))):
            node: Any = raw
            while isinstance(node, dict | list) and node:
                key = chance.choice(list(node) if isinstance(node, dict) else range(len(node)))
                if node is not raw and (chance.random() < 0.3 or not isinstance(node[key], dict | list)):
                    node[key] = copy.deepcopy(chance.choice(junk))
                    break
                node = node[key]
        broken.append(Document(pods[0].ref, raw, file="k8s/pod.yaml"))
    for profile in (Profile.PSS_BASELINE, Profile.PSS_RESTRICTED, Profile.STRICT):
        judge(broken, profile)


# -- outside of the two profiles --------------------------------------------------------------------------------------------------------


def test_infrastructure_is_exempt_but_not_from_the_standard() -> None:
    documents = read("""
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: nvidia-device-plugin, namespace: kube-system}
spec:
  selector: {matchLabels: {app: p}}
  template:
    metadata: {labels: {app: p}}
    spec:
      hostPID: true
      containers:
      - name: p
        image: nvcr.io/nvidia/k8s-device-plugin:v0.17.4
        securityContext: {privileged: true}
      volumes: [{name: v, hostPath: {path: /var/lib/kubelet/device-plugins}}]
""")
    assert judge(documents, Profile.STRICT) == []
    assert rules_of(judge(documents, Profile.PSS_BASELINE)) == {"host-namespaces", "privileged-container", "host-path-volume"}


@pytest.mark.parametrize(
    ("document", "recommended", "strict"),
    [
        (pod({"volumes": [{"name": "v", "hostPath": {"path": "/var/run/docker.sock"}}]}), {"host-path-volume"}, {"host-path-volume"}),
        (pod({"volumes": [{"name": "v", "hostPath": {"path": "/dev/nvidia0"}}]}), {"host-path-volume"}, {"host-path-volume"}),
        (pod({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}), {"host-path-volume"}, {"host-path-volume"}),
        (pod({"volumes": [{"name": "v", "hostPath": {"path": "/data"}}]}), {"host-path-volume"}, {"host-path-volume"}),
        (pod({"volumes": [{"name": "v", "nfs": {"server": "s"}}]}), set(), {"volume-type-restricted"}),
        (pod(context(seccompProfile={"type": "Unconfined"})), {"seccomp-unconfined"}, {"seccomp-unconfined"}),
        (pod(context(seccompProfile=None)), set(), {"seccomp-missing"}),
        (pod(container=context(capabilities={"drop": ["ALL"], "add": ["BPF"]})), {"capability-added"}, {"capability-added"}),
        (pod(container=context(capabilities={"drop": ["ALL"], "add": ["CHOWN"]})), set(), {"capabilities-not-dropped"}),
        (pod(container=context(allowPrivilegeEscalation=True)), *[{"privilege-escalation-allowed"}] * 2),
        (pod(container=context(allowPrivilegeEscalation=None)), set(), {"privilege-escalation-allowed"}),
        (pod(container=context(allowPrivilegeEscalation=True, privileged=True)), *[{"privileged-container"}] * 2),
        (
            pod(container=context(allowPrivilegeEscalation=None, capabilities={"drop": ["ALL"], "add": ["SYS_ADMIN"]})),
            *[{"capability-added"}] * 2,
        ),
    ],
    ids=str,
)
def test_no_violation_is_reported_twice(document: Document, recommended: set[str], strict: set[str]) -> None:
    assert rules_of(judge([document], Profile.RECOMMENDED)) == recommended
    assert rules_of(judge([document], Profile.STRICT)) == strict


def workload(kind: str, image: str, spec: str = "", container: str = "", env: str = "") -> list[Document]:
    return read(f"""
apiVersion: {"batch/v1" if kind == "Job" else "apps/v1"}
kind: {kind}
metadata: {{name: w}}
spec:
  selector: {{matchLabels: {{app: w}}}}
  template:
    metadata: {{labels: {{app: w}}}}
    spec:
      {spec}
      containers:
      - name: main
        image: {image}
        {container}
        env: [{env}]
""")


SERVER, TRAINER, OTHER = "vllm/vllm-openai:v0.10.0", "ghcr.io/example/trainer:1.0", "ghcr.io/example/thing:1.0"


@pytest.mark.parametrize(
    ("documents", "rule", "severity"),
    [
        (workload("Deployment", SERVER, "hostIPC: true"), "host-namespaces", Severity.HIGH),
        (workload("Deployment", SERVER, "hostNetwork: true"), "host-namespaces", Severity.MEDIUM),
        (workload("Deployment", SERVER, "hostNetwork: true", env="{name: NCCL_IB_HCA, value: x}"), "host-namespaces", Severity.MEDIUM),
        (workload("Deployment", SERVER, container="securityContext: {privileged: true}"), "privileged-container", Severity.CRITICAL),
        (workload("Deployment", OTHER, container="securityContext: {privileged: true}"), "privileged-container", Severity.HIGH),
        (workload("Deployment", SERVER, "securityContext: {runAsUser: 0}"), "run-as-root-user", Severity.MEDIUM),
        (workload("Deployment", OTHER, "securityContext: {runAsUser: 0}"), "run-as-root-user", Severity.LOW),
        (
            workload("Deployment", SERVER, "securityContext: {runAsUser: 0}", env="{name: NB_UID, value: '1'}"),
            "run-as-root-user",
            Severity.INFO,
        ),
        (workload("Job", TRAINER, container="securityContext: {capabilities: {add: [SYS_NICE]}}"), "capability-added", Severity.MEDIUM),
        (workload("Job", TRAINER, container="securityContext: {capabilities: {add: [BPF, SYS_NICE]}}"), "capability-added", Severity.HIGH),
        (workload("Job", TRAINER, container="securityContext: {capabilities: {add: [IPC_LOCK]}}"), "capability-added", Severity.MEDIUM),
        (
            workload("Job", TRAINER, container="securityContext: {capabilities: {add: [IPC_LOCK]}}", env="{name: NCCL_IB_HCA, value: x}"),
            "capability-added",
            Severity.LOW,
        ),
        (
            workload("Job", TRAINER, container="securityContext: {allowPrivilegeEscalation: true}"),
            "privilege-escalation-allowed",
            Severity.MEDIUM,
        ),
        (workload("Job", TRAINER), "privilege-escalation-allowed", Severity.LOW),
    ],
)
def test_severities(documents: list[Document], rule: str, severity: Severity) -> None:
    found = [finding.severity for finding in judge(documents, Profile.STRICT) if finding.rule == rule]
    assert found == [severity]


def test_host_network_of_fast_training_is_low() -> None:
    documents = read("""
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {name: t}
spec:
  pytorchReplicaSpecs:
    Worker:
      template:
        spec:
          hostNetwork: true
          containers:
          - name: pytorch
            image: ghcr.io/example/t:1
            resources: {limits: {vpc.amazonaws.com/efa: 4, nvidia.com/gpu: 8}}
""")
    (finding,) = judge(documents, Profile.RECOMMENDED)
    assert (finding.rule, finding.severity, finding.line) == ("host-namespaces", Severity.LOW, 10)


# -- one finding, all fields, other kinds -----------------------------------------------------------------------------------------------


def test_one_finding_lists_all_fields_and_stands_at_the_first() -> None:
    documents = read("""
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  initContainers:
  - name: setup
    image: ghcr.io/example/setup:1
    securityContext:
      seccompProfile: {type: Unconfined}
  containers:
  - name: main
    image: ghcr.io/example/main:1
  - name: debug
    image: ghcr.io/example/debug:1
    securityContext:
      seccompProfile:
        type: Unconfined
  securityContext:
    seccompProfile:
      type: Whatever
""")
    (finding,) = [f for f in judge(documents, Profile.RECOMMENDED) if f.rule == "seccomp-unconfined"]
    assert finding.line == 21
    assert finding.path == "spec.securityContext.seccompProfile.type"
    assert finding.message.startswith(
        "seccompProfile.type: Whatever (pod), seccompProfile.type: Unconfined (container debug, init container setup); "
    )


def test_each_pod_template_has_its_own_finding() -> None:
    documents = read("""
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: r}
spec:
  headGroupSpec:
    template:
      spec:
        containers: [{name: ray-head, image: "rayproject/ray:2.48.0", securityContext: {privileged: true}}]
  workerGroupSpecs:
  - groupName: g
    template:
      spec:
        containers: [{name: ray-worker, image: "rayproject/ray:2.48.0", securityContext: {privileged: true}}]
""")
    findings = judge(documents, Profile.PSS_BASELINE)
    assert [finding.line for finding in findings] == [9, 14]


def test_what_is_container_and_pod_in_one_is_reported_once() -> None:
    documents = read("""
apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
metadata: {name: s}
spec:
  type: Python
  driver:
    securityContext: {runAsUser: 0, seccompProfile: {type: Unconfined}}
  executor:
    podSecurityContext: {runAsUser: 0}
""")
    findings = judge(documents, Profile.PSS_RESTRICTED)
    assert [finding.line for finding in findings if finding.rule == "run-as-root-user"] == [8, 10]
    assert [finding.line for finding in findings if finding.rule == "seccomp-missing" and "Unconfined" in finding.message] == [8]


def test_inherited_fields_are_found_where_they_stand() -> None:
    documents = read("""
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: w}
spec:
  entrypoint: main
  securityContext:
    runAsUser: 0
  templates:
  - name: main
    container: {image: "ghcr.io/example/main:1", command: [run]}
""")
    (finding,) = [f for f in judge(documents, Profile.STRICT) if f.rule == "run-as-root-user"]
    assert finding.line == 8


def test_templates_for_other_objects_are_judged_for_what_they_say() -> None:
    documents = read("""
apiVersion: serving.kserve.io/v1alpha1
kind: ServingRuntime
metadata: {name: r}
spec:
  containers:
  - name: kserve-container
    image: ghcr.io/example/server:1
    securityContext: {runAsNonRoot: false, capabilities: {drop: [NET_RAW]}}
""")
    assert rules_of(judge(documents, Profile.PSS_RESTRICTED)) == {"run-as-non-root-unset", "capabilities-not-dropped"}


def test_a_model_server_that_a_runtime_describes_lacks_nothing() -> None:
    documents = read("""
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: i}
spec:
  predictor:
    model: {modelFormat: {name: sklearn}, image: "ghcr.io/example/sklearn:1", storageUri: "pvc://m"}
""")
    assert judge(documents, Profile.PSS_RESTRICTED) == []
