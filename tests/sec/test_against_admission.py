"""The profiles pss-baseline and pss-restricted against the code of Pod Security admission itself, pod by pod and control by control.

``oracle/`` is a Go program around https://github.com/kubernetes/pod-security-admission. It is built once and kept in the user's cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.sec.pods import LEVELS, LISTS, RULES, Pod, Version, ours, random_pod, single_pods

ORACLE = Path(__file__).with_name("oracle")
VERSIONS = [(1, minor) for minor in range(25, 38)]
SEED, RANDOM_PODS = 20261125, 4000

RULE_OF_CHECK = {
    "allowPrivilegeEscalation": "privilege-escalation-allowed",
    "appArmorProfile": "apparmor-unconfined",
    "capabilities_baseline": "capability-added",
    "capabilities_restricted": "capabilities-not-dropped",
    "hostNamespaces": "host-namespaces",
    "hostPathVolumes": "host-path-volume",
    "hostPorts": "host-port",
    "hostProbesAndHostLifecycle": "probe-host-set",
    "privileged": "privileged-container",
    "procMount": "proc-mount-unmasked",
    "procMount_restricted": "proc-mount-unmasked",
    "restrictedVolumes": "volume-type-restricted",
    "runAsNonRoot": "run-as-non-root-unset",
    "runAsUser": "run-as-root-user",
    "seLinuxOptions": "selinux-custom",
    "seccompProfile_baseline": "seccomp-unconfined",
    "seccompProfile_restricted": "seccomp-missing",
    "sysctls": "unsafe-sysctl",
    "windowsHostProcess": "windows-host-process",
}

# -- the two judges ---------------------------------------------------------------------------------------------------------------------


def cannot(reason: str) -> None:
    """Without the oracle there is nothing to compare with. Where tests run for everybody, that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def oracle() -> Path:
    go = shutil.which("go")
    if go is None:
        cannot("the command go is missing, which builds the code of Pod Security admission")
    key = hashlib.sha256(b"".join((ORACLE / name).read_bytes() for name in ("go.mod", "go.sum", "main.go"))).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlaudit-tests"
    program = cache / f"pod-security-oracle-{key}"
    if not program.exists():
        cache.mkdir(parents=True, exist_ok=True)
        fresh = cache / f"{program.name}.{os.getpid()}"
        built = subprocess.run(
            [str(go), "build", "-trimpath", "-o", str(fresh), "."], cwd=ORACLE, capture_output=True, text=True, check=False
        )
        if built.returncode:
            cannot(f"the code of Pod Security admission could not be built: {built.stderr.strip()[-300:]}")
        fresh.replace(program)
    return program


def admission(oracle: Path, asked: list[tuple[Version, Pod]]) -> list[dict[str, list[str]]]:
    lines = (json.dumps({"version": "v{}.{}".format(*version), "pod": pod}) for version, pod in asked)
    done = subprocess.run([str(oracle)], input="\n".join(lines), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def expected(answer: dict[str, list[str]], level: str, pod: Pod) -> list[str]:
    """The rules that speak of the checks that failed. A port that the API server only copied is reported once, as the host's network."""
    assert "error" not in answer, (answer, pod)
    checks = set(answer[level])
    if pod["spec"].get("hostNetwork") is True and not opens_ports(pod):
        checks.discard("hostPorts")
    return sorted(RULE_OF_CHECK[check] for check in checks)


def opens_ports(pod: Pod) -> bool:
    ports = [port for name in LISTS for container in pod["spec"].get(name) or () for port in container.get("ports") or ()]
    return any(port.get("hostPort") not in (None, 0, port["containerPort"]) for port in ports)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("sort", ["single", "random"])
def test_rules_agree_with_admission(oracle: Path, level: str, sort: str) -> None:
    chance = random.Random(SEED)
    if sort == "single":
        pods = list(single_pods())
        asked = [
            (version, pod) for number, pod in enumerate(pods) for version in (VERSIONS[number % len(VERSIONS)], (1, 34), (1, 36), (1, 37))
        ]
    else:
        asked = [(chance.choice(VERSIONS), random_pod(chance)) for _ in range(RANDOM_PODS)]
    answers = admission(oracle, asked)
    assert len(answers) == len(asked) > 2000
    wanted = [expected(answer, level, pod) for answer, (_, pod) in zip(answers, asked, strict=True)]
    for want, got, (version, pod) in zip(wanted, ours(asked, LEVELS[level]), asked, strict=True):
        assert sorted(got) == want, (version, json.dumps(pod))
    verdicts = [not want for want in wanted]
    assert any(verdicts), "no pod is admitted: the comparison says little"
    assert not all(verdicts)


@pytest.mark.parametrize("level", LEVELS)
def test_every_control_is_met(oracle: Path, level: str) -> None:
    """Each rule of the profile was asked about pods that violate it and about pods that violate nothing else."""
    asked = [((1, 36), pod) for pod in single_pods()]
    met = {rule for answer, (_, pod) in zip(admission(oracle, asked), asked, strict=True) for rule in expected(answer, level, pod)}
    assert met == {name for name in RULE_OF_CHECK.values() if LEVELS[level] in RULES[name].profiles}
