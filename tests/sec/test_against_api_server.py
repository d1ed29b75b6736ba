"""The profiles pss-baseline and pss-restricted against a real API server, which admits pods to namespaces that enforce Pod Security.

The server defaults a pod before it judges it (``hostNetwork`` copies container ports to host ports, an AppArmor annotation becomes a
field): our rules judge both what was written and what a namespace without a policy would store, and have to say the same of either.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product

import pytest

from tests.sec.pods import GROUNDS, LEVELS, RULES, Pod, Version, base, container_pods, ours, random_pod, single_pods
from tests.sec.valid import valid
from tests.testbed.client import Answer
from tests.testbed.cluster import Testbed

pytestmark = pytest.mark.testbed

SEED, RANDOM_PODS, THREADS = 20261126, 470, 8
FEWER = [ground for ground in GROUNDS if ground[0] or not ground[1] or "os" in ground[1]]  # what is redundant is left to the oracle
EPHEMERAL = "ephemeralContainers"
LABEL = "pod-security.kubernetes.io"
MERGE = "application/merge-patch+json"
Policy = tuple[str, str]  # level and version, as a namespace names them
FREE: Policy = ("privileged", "")
RULE_OF_PHRASE = {  # ForbiddenReason in https://github.com/kubernetes/pod-security-admission/tree/v0.36.3/policy
    "allowPrivilegeEscalation != false": "privilege-escalation-allowed",
    "forbidden AppArmor profile": "apparmor-unconfined",
    "forbidden AppArmor profiles": "apparmor-unconfined",
    "forbidden sysctls": "unsafe-sysctl",
    "host namespaces": "host-namespaces",
    "hostPath volumes": "host-path-volume",
    "hostPort": "host-port",
    "hostProcess": "windows-host-process",
    "non-default capabilities": "capability-added",
    "privileged": "privileged-container",
    "probe or lifecycle host": "probe-host-set",
    "procMount": "proc-mount-unmasked",
    "restricted volume types": "volume-type-restricted",
    "runAsNonRoot != true": "run-as-non-root-unset",
    "runAsUser=0": "run-as-root-user",
    "seLinuxOptions": "selinux-custom",
    "unrestricted capabilities": "capabilities-not-dropped",
}
SECCOMP = {"baseline": "seccomp-unconfined", "restricted": "seccomp-missing"}  # one phrase for two controls
CONTROLS = {
    level: {name for name in (*RULE_OF_PHRASE.values(), *SECCOMP.values()) if profile in RULES[name].profiles}
    for level, profile in LEVELS.items()
}
OF_THE_POD = {  # nothing that an ephemeral container could say
    "host-namespaces", "host-path-volume", "host-port", "probe-host-set", "unsafe-sysctl", "volume-type-restricted", "windows-host-process",
}  # fmt: skip


@dataclass(frozen=True)
class Question:
    """A pod, as one may write it. One with ephemeral containers gets them later, when it is there: ``host`` is its name."""

    pod: Pod
    host: str = ""


@dataclass(frozen=True)
class Verdict:
    """What the server made of a pod."""

    question: Question
    stored: Pod
    label: str  # the version that the namespace names
    version: Version
    level: str
    phrases: tuple[str, ...]

    def rules(self) -> list[str]:
        """The rules that speak of what the server says. Ports that are the host's with its network are reported as the network only."""
        found = sorted({RULE_OF_PHRASE.get(phrase) or {"seccompProfile": SECCOMP[self.level]}[phrase] for phrase in self.phrases})
        assert len(found) == len(self.phrases)
        if self.question.pod["spec"].get("hostNetwork"):
            assert "host-namespaces" in found
            return [rule for rule in found if rule != "host-port"]
        return found


# -- pods -------------------------------------------------------------------------------------------------------------------------------


def questions() -> list[Question]:
    """Every form once, made valid: created as a whole, or as a pod to which an ephemeral container is added."""
    chance = random.Random(SEED)
    created: dict[str, Question] = {}
    for pod in (*single_pods(FEWER), *(random_pod(chance) for _ in range(RANDOM_PODS))):
        pod["spec"].pop(EPHEMERAL)
        pod = valid(pod)
        created.setdefault(json.dumps(pod, sort_keys=True), Question(pod))
    added: dict[str, Question] = {}
    hosts: dict[str, str] = {}
    for pod in (pod for ground in FEWER for pod in container_pods(EPHEMERAL, ground)):
        pod = valid(pod)
        pod["spec"]["schedulingGates"] = [{"name": "example.com/never"}]  # the host exists, and has to stay as it is
        host = hosts.setdefault(json.dumps(without_ephemeral(pod), sort_keys=True), f"host-{len(hosts)}")
        pod["metadata"]["name"] = host
        added.setdefault(json.dumps(pod, sort_keys=True), Question(pod, host))
    return [*created.values(), *added.values()]


def without_ephemeral(pod: Pod) -> Pod:
    return {**pod, "spec": {field: value for field, value in pod["spec"].items() if field != EPHEMERAL}}


# -- the server -------------------------------------------------------------------------------------------------------------------------


def prepare(testbed: Testbed, namespace: str, hosts: Sequence[Pod], policy: Policy) -> None:
    """Bring the hosts into a namespace, whatever its policy, which comes into force only then."""
    client = testbed.client()
    for host in hosts:
        assert client.request("POST", f"/api/v1/namespaces/{namespace}/pods", host).status == 201
    if policy == FREE:
        return
    body = {"metadata": {"labels": {f"{LABEL}/enforce": policy[0], f"{LABEL}/enforce-version": policy[1]}}}
    patched = client.request("PATCH", f"/api/v1/namespaces/{namespace}", body, content_type=MERGE)
    assert patched.status == 200, patched.body
    bad = valid({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "main"}], "hostPID": True}})
    testbed.wait("the policy is in force", lambda: ask(testbed, namespace, Question(bad)).status == 403)


def ask(testbed: Testbed, namespace: str, question: Question) -> Answer:
    path = f"/api/v1/namespaces/{namespace}/pods"
    if not question.host:
        return testbed.client().request("POST", path, question.pod, query={"dryRun": "All"})
    body = {"spec": {EPHEMERAL: question.pod["spec"][EPHEMERAL]}}
    place = f"{path}/{question.host}/{EPHEMERAL.lower()}"
    return testbed.client().request("PATCH", place, body, query={"dryRun": "All"}, content_type=MERGE)


def phrases(answer: Answer, level: str, label: str) -> tuple[str, ...]:
    """The reasons of a refusal, without what stands in brackets behind each; none, if the pod was admitted."""
    if answer.status in (200, 201):
        return ()
    assert answer.status == 403, answer.body
    _, found, reasons = answer.json()["message"].partition(f' is forbidden: violates PodSecurity "{level}:{label}": ')
    assert found, answer.body
    while "(" in reasons:
        fewer = re.sub(r" ?\([^()]*\)", "", reasons)
        assert fewer != reasons
        reasons = fewer
    return tuple(reasons.split(", "))


@pytest.fixture(scope="module")
def versions(testbed: Testbed) -> dict[str, Version]:
    """What a namespace may name, and what it means to this server."""
    latest = int(re.sub(r"\D", "", testbed.get("/version")["minor"]))
    return {f"v1.{minor}": (1, minor) for minor in range(25, latest + 1)} | {"latest": (1, latest)}


@pytest.fixture(scope="module")
def namespaces(testbed: Testbed, versions: dict[str, Version]) -> Iterator[dict[Policy, str]]:
    """One for each policy, and one without."""
    names: dict[Policy, str] = {policy: testbed.namespace("pss") for policy in (FREE, *product(LEVELS, versions))}
    yield names
    paths = [f"/api/v1/namespaces/{name}" for name in names.values()]
    with ThreadPoolExecutor(THREADS) as threads:  # the pods at once, for tests that list all
        list(threads.map(lambda path: testbed.client().request("DELETE", path), [*(f"{path}/pods" for path in paths), *paths]))


@pytest.fixture(scope="module")
def verdicts(testbed: Testbed, versions: dict[str, Version], namespaces: dict[Policy, str]) -> list[Verdict]:
    """Every pod under a policy of the latest version and of two in three others, at the levels by turns: a request costs a millisecond."""
    asked = questions()
    hosts = list({question.host: without_ephemeral(question.pod) for question in asked if question.host}.values())
    work = [
        (number, (list(LEVELS)[(number + turn) % 2], label))
        for number in range(len(asked))
        for turn, label in enumerate(versions)
        if label == "latest" or (number + turn) % 3
    ]
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(lambda policy: prepare(testbed, namespaces[policy], hosts, policy), namespaces))
        stored = [kept(answer) for answer in threads.map(lambda question: ask(testbed, namespaces[FREE], question), asked)]
        answers = threads.map(lambda each: ask(testbed, namespaces[each[1]], asked[each[0]]), work)
        return [
            Verdict(asked[number], stored[number], label, versions[label], level, phrases(answer, level, label))
            for (number, (level, label)), answer in zip(work, answers, strict=True)
        ]


def kept(answer: Answer) -> Pod:
    """The pod that would be stored. Every one is valid, so that only Pod Security has something against it."""
    assert answer.status in (200, 201), answer.body
    found: Pod = answer.json()
    return found


# -- comparisons ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("form", ["written", "stored"])
def test_rules_agree_with_the_server(verdicts: list[Verdict], level: str, form: str) -> None:
    of_level = [verdict for verdict in verdicts if verdict.level == level]
    asked = [(verdict.version, verdict.question.pod if form == "written" else verdict.stored) for verdict in of_level]
    for verdict, found in zip(of_level, ours(asked, LEVELS[level]), strict=True):
        assert sorted(found) == verdict.rules(), (verdict.label, verdict.phrases, json.dumps(verdict.question.pod))


def test_two_thousand_pods_meet_each_version(verdicts: list[Verdict], versions: dict[str, Version]) -> None:
    """With server 1.36: 3,075 pods meet latest, and 2,050 each other version; half of them meet either level."""
    assert len(versions) == versions["latest"][1] - 23
    for label, version in versions.items():
        of_label = [verdict for verdict in verdicts if verdict.label == label]
        assert {verdict.version for verdict in of_label} == {version}
        assert len({id(verdict.question) for verdict in of_label}) == len(of_label) >= (3000 if label == "latest" else 2000)
        for level in LEVELS:
            admitted = Counter(not verdict.phrases for verdict in of_label if verdict.level == level)
            assert admitted.total() >= 1000
            assert min(admitted[True], admitted[False]) >= 150


@pytest.mark.parametrize("level", LEVELS)
def test_every_control_is_violated_and_satisfied(verdicts: list[Verdict], level: str) -> None:
    """And violated alone, apart from those that validation ties to another."""
    of_level = [verdict for verdict in verdicts if verdict.level == level]
    violated = Counter(rule for verdict in of_level for rule in verdict.rules())
    assert set(violated) == CONTROLS[level]
    assert min(violated.values()) >= 100
    assert len(of_level) - max(violated.values()) >= 1000
    alone = Counter(verdict.rules()[0] for verdict in of_level if len(verdict.rules()) == 1)
    tied = {"windows-host-process"}  # uses the host's network
    tied |= {"privileged-container"} if level == "restricted" else set()  # cannot say allowPrivilegeEscalation: false
    assert set(alone) == CONTROLS[level] - tied
    assert min(alone.values()) >= 20


def test_every_control_is_violated_in_the_latest_version(verdicts: list[Verdict]) -> None:
    """Apart from one: validation allows an unmasked /proc with ``hostUsers: false`` only, where level baseline allows it since 1.35."""
    for level in LEVELS:
        of_level = [verdict for verdict in verdicts if (verdict.level, verdict.label) == (level, "latest")]
        violated = Counter(rule for verdict in of_level for rule in verdict.rules())
        assert set(violated) == CONTROLS[level] - ({"proc-mount-unmasked"} if level == "baseline" else set())
        assert min(violated.values()) >= 10


@pytest.mark.parametrize("level", LEVELS)
def test_ephemeral_containers_alone_break_controls(verdicts: list[Verdict], level: str) -> None:
    """Added to a pod that is admitted with other ephemeral containers, so that it is they who break what is broken."""
    of_level = [verdict for verdict in verdicts if verdict.level == level and verdict.question.host]
    good = {(verdict.label, verdict.question.host) for verdict in of_level if not verdict.phrases}
    broken = {rule for verdict in of_level if (verdict.label, verdict.question.host) in good for rule in verdict.rules()}
    assert broken == CONTROLS[level] - OF_THE_POD
    assert len(good) >= 3 * len({verdict.label for verdict in of_level})


def test_relaxations_are_met(verdicts: list[Verdict]) -> None:
    """Windows and user namespaces are admitted at level restricted to what others are refused for."""
    admitted: list[Pod] = [verdict.question.pod["spec"] for verdict in verdicts if verdict.level == "restricted" and not verdict.phrases]
    assert sum(spec.get("os") == {"name": "windows"} for spec in admitted) >= 100
    plain = [spec for spec in admitted if spec.get("hostUsers") is False and not (spec.get("securityContext") or {}).get("runAsNonRoot")]
    assert len(plain) >= 30


def test_ephemeral_containers_cannot_be_created_with_the_pod(testbed: Testbed, namespaces: dict[Policy, str]) -> None:
    """Why they are added here to a pod that is there already."""
    pod = valid(base(restricted=True))
    answer = ask(testbed, namespaces[FREE], Question(pod))
    assert (answer.status, answer.json()["details"]["causes"][0]["field"]) == (422, "spec.ephemeralContainers")
