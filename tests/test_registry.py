"""Contracts that every rule keeps: names, places, metadata."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from auditor.errors import UsageError
from auditor.registry import format_names, load_rules, renderer, rule_named, suggestion
from auditor.rule import Profile, Scope

ROOT = Path(__file__).resolve().parents[1]
RULES = load_rules()
PROMISED = """
yaml-syntax-error duplicate-key unresolved-placeholder removed-api-version deprecated-ml-api gpu-request-not-equal-limit
gpu-quantity-invalid gpu-key-unknown gpu-image-without-gpu parallelism-exceeds-gpus requests-missing memory-limit-missing
serving-without-readiness liveness-kills-loading-model priority-class-undefined training-not-below-inference namespace-without-gpu-quota
quota-key-ignored limit-range-gives-gpus job-unbounded job-restart-policy-invalid shared-memory-missing mpijob-workers-kept
rayjob-leaves-cluster ray-gpu-count-mismatch scaling-metric-unfit volume-reference-broken ml-ui-exposed namespace-without-network-policy
secret-in-plain-text image-tag-floating trust-remote-code gpu-sleep-command windows-host-process host-namespaces privileged-container
capability-added host-path-volume host-port probe-host-set apparmor-unconfined selinux-custom proc-mount-unmasked seccomp-unconfined
unsafe-sysctl volume-type-restricted privilege-escalation-allowed run-as-non-root-unset run-as-root-user seccomp-missing
capabilities-not-dropped
""".split()  # noqa: SIM905 - a list of names is easier to read than a list of strings


def test_promised_rules_are_there() -> None:
    assert set(PROMISED) - RULES.keys() == set()


@pytest.mark.parametrize("name", RULES)
def test_a_rule_keeps_the_contract(name: str) -> None:
    rule = RULES[name]
    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)+", name)
    assert (ROOT / "rules" / rule.topic / f"{name.replace('-', '_')}.py").is_file()
    assert rule.profiles, "a rule belongs to a profile"
    assert isinstance(rule.scope, Scope)
    assert rule.title[0].isupper()
    assert not rule.kinds or rule.scope not in (Scope.NAMESPACE, Scope.CLUSTER, Scope.INPUT, Scope.SUPPRESSION)


def test_every_scope_is_proven_by_a_rule() -> None:
    assert {rule.scope for rule in RULES.values()} >= {
        Scope.CONTAINER, Scope.POD_TEMPLATE, Scope.WORKLOAD, Scope.DOCUMENT, Scope.NAMESPACE, Scope.INPUT, Scope.SUPPRESSION,
    }  # fmt: skip


def test_a_pod_security_profile_holds_the_controls_of_the_standard() -> None:
    baseline = {name for name, rule in RULES.items() if Profile.PSS_BASELINE in rule.profiles}
    assert len(baseline - {"yaml-syntax-error", "suppression-unused", "suppression-expired", "suppression-invalid"}) == 12


def test_unknown_names_get_suggestions() -> None:
    with pytest.raises(UsageError, match="did you mean shared-memory-missing"):
        rule_named("shared-memory-mising")
    assert suggestion("zzz", RULES) == ""


def test_formats_render() -> None:
    assert {"table", "json", "yaml"} <= set(format_names())
    assert all(callable(renderer(name).render) for name in format_names())
