"""The engine: which rules are asked, what becomes of what they say, and that nothing is lost on the way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from auditor import engine
from auditor.config import Settings
from auditor.document import Document
from auditor.engine import Outcome, evaluate, select
from auditor.finding import Confidence, Fault, Severity
from auditor.processes import forks
from auditor.registry import load_rules
from auditor.rule import PRODUCTION, PSS_BASELINE, RECOMMENDED, STRICT, Profile, Role, Rule, Skipped, rule, skip
from auditor.snapshot import Namespace, Snapshot
from auditor.source.text import read_text
from auditor.workload import Container, PodTemplate, Workload

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: train, namespace: ml}
spec:
  containers:
  - name: main
    image: ghcr.io/example/train:1.0
    resources: {limits: {nvidia.com/gpu: 2}}
  - name: other
    image: ghcr.io/example/other:1.0
"""


def documents(text: str, file: str = "a.yaml") -> list[Document]:
    return [item for item in read_text(text, file) if isinstance(item, Document)]


def judged(text: str, *rules: Rule, file: str = "a.yaml", **settings: object) -> Outcome:
    return evaluate(Snapshot(documents(text, file)), rules, Settings(**settings))  # type: ignore[arg-type]


def made(check: object) -> Rule:
    found = check.rule  # type: ignore[attr-defined]
    assert isinstance(found, Rule)
    return found


@rule("named-container", title="Every container", severity=Severity.LOW, profiles={RECOMMENDED})
def every_container(container: Container) -> Iterator[Fault]:
    yield container.fault(f"container {container.name}", at="image", remediation="none")


@rule("broken-rule", title="A rule that breaks", severity=Severity.LOW, profiles={RECOMMENDED})
def broken(container: Container) -> Iterator[Fault]:
    yield container.fault("said before it broke")
    raise ZeroDivisionError("on purpose\nsecond line")


@rule("quota-in-view", title="Skips", severity=Severity.LOW, profiles={RECOMMENDED}, needs=("ResourceQuota",))
def skipping(workload: Workload, snapshot: Snapshot) -> Iterator[Fault | Skipped]:
    if not snapshot.complete_for("ResourceQuota", workload.document):
        yield skip("no ResourceQuota in view")
        return
    yield workload.fault("complete")


def test_container_rules_see_each_container_with_its_place() -> None:
    outcome = judged(POD, made(every_container))
    found = [(finding.line, finding.column, finding.path, finding.message) for finding in outcome.findings]
    assert found == [(7, 5, "spec.containers[0].image", "container main"), (10, 5, "spec.containers[1].image", "container other")]
    assert outcome.accelerators == {"nvidia.com/gpu": 2}
    assert outcome.accelerated == 1


def test_a_rule_that_breaks_is_recorded_and_costs_only_itself() -> None:
    outcome = judged(POD, made(broken), made(every_container))
    assert [(failure.rule, failure.file, failure.line, failure.error) for failure in outcome.failures] == [
        ("broken-rule", "a.yaml", 1, "ZeroDivisionError: on purpose")
    ] * 2
    assert [finding.message for finding in outcome.findings if finding.rule == "named-container"] == ["container main", "container other"]


def test_what_could_not_be_asked_is_counted_with_its_reason() -> None:
    outcome = judged(POD + "---\n" + POD.replace("train", "again"), made(skipping))
    assert [(skipped.rule, skipped.reason, skipped.count) for skipped in outcome.skipped] == [
        ("quota-in-view", "no ResourceQuota in view", 2)
    ]
    whole = evaluate(Snapshot(documents(POD), complete=True), [made(skipping)], Settings())
    assert [finding.message for finding in whole.findings] == ["complete"]


def test_thresholds() -> None:
    assert judged(POD, made(every_container), min_severity=Severity.MEDIUM).findings == []
    unsure = replace(made(every_container), confidence=Confidence.LOW)
    assert judged(POD, unsure, min_confidence=Confidence.MEDIUM).findings == []
    assert len(judged(POD, unsure, min_confidence=Confidence.LOW).findings) == 2


def test_filters_of_a_rule() -> None:
    only_accelerated = replace(made(every_container), accelerated=True)
    assert [finding.message for finding in judged(POD, only_accelerated).findings] == ["container main"]
    other_kind = replace(made(every_container), kinds=frozenset({"Job"}))
    assert judged(POD, other_kind).findings == []
    serving = replace(made(every_container), roles=frozenset({Role.SERVING}))
    assert judged(POD, serving).findings == []


def test_infrastructure_is_exempt_but_not_from_a_standard() -> None:
    exempting = replace(made(every_container), exempt=frozenset({Role.INFRASTRUCTURE}), profiles=frozenset({RECOMMENDED, PSS_BASELINE}))
    system = POD.replace("namespace: ml", "namespace: kube-system")
    assert judged(system, exempting).findings == []
    assert len(judged(system, exempting, profile=Profile.PSS_BASELINE).findings) == 2


def test_a_fault_may_belong_to_some_profiles_only() -> None:
    @rule("partly-strict", title="Partly", severity=Severity.LOW, profiles={RECOMMENDED})
    def check(template: PodTemplate) -> Iterator[Fault]:
        yield template.fault("always")
        yield template.fault("only when strict", at="containers", profiles={STRICT})

    assert [finding.message for finding in judged(POD, made(check)).findings] == ["always"]
    assert len(judged(POD, made(check), profile=Profile.STRICT).findings) == 2
    assert len(judged(POD, made(check), rules=frozenset({"partly-strict"})).findings) == 2, "named, a rule says everything"


def test_a_text_met_twice_through_an_alias_is_one_finding() -> None:
    text = """\
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {name: a}
spec:
  pytorchReplicaSpecs:
    Master: &replica
      template: {spec: {containers: [{name: pytorch, image: "a:1"}]}}
    Worker: *replica
"""
    assert [finding.line for finding in judged(text, made(every_container)).findings] == [7]


def test_namespace_rules_name_the_object_they_mean() -> None:
    @rule("per-namespace", title="Namespaces", severity=Severity.LOW, profiles={RECOMMENDED})
    def check(namespace: Namespace) -> Iterator[Fault]:
        yield namespace.workloads[0].fault(f"{namespace.name} has {len(namespace.workloads)}", at="metadata.name")

    outcome = judged(
        POD + "---\n" + POD.replace("train", "again") + "---\n" + POD.replace("namespace: ml", "namespace: other"), made(check)
    )
    assert [(finding.message, finding.line) for finding in outcome.findings] == [("ml has 2", 3), ("other has 1", 25)]


def test_fingerprints_survive_moves_renames_and_reordering() -> None:
    other = "apiVersion: v1\nkind: Pod\nmetadata: {name: first}\nspec: {containers: [{name: a, image: 'a:1'}]}\n"

    def prints(text: str, file: str) -> dict[str, str]:
        return {
            finding.message + str(finding.object): finding.fingerprint
            for finding in judged(text, made(every_container), file=file).findings
        }

    head, main, second = POD.partition("  - name: main")[0], *POD.partition("  - name: main")[2].split("  - name: other")
    swapped = f"{head}  - name: other{second}  - name: main{main}"
    before = prints(other + "---\n" + POD, "a.yaml")
    assert len(set(before.values())) == 3
    assert prints("# moved\n\n" + POD + "---\n" + other, "b/c.yaml") == before
    assert prints(other + "---\n" + swapped, "a.yaml") == before, "containers may change places too"


def test_selection() -> None:
    rules = load_rules()
    names = {profile: {chosen.name for chosen in select(rules.values(), Settings(profile=profile))} for profile in Profile}
    assert names[Profile.RECOMMENDED] <= names[PRODUCTION] <= names[STRICT]
    assert names[PSS_BASELINE] == {name for name, found in rules.items() if PSS_BASELINE in found.profiles}
    assert [chosen.name for chosen in select(rules.values(), Settings(rules=frozenset({"quota-key-ignored"})))] == ["quota-key-ignored"]
    without = select(rules.values(), Settings(exclude_rules=frozenset({"quota-key-ignored"})))
    assert "quota-key-ignored" not in {chosen.name for chosen in without}


def test_several_processes_say_the_same_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "---\n".join(POD.replace("train", f"train-{number}") for number in range(60))
    rules = [made(every_container), made(broken), made(skipping), *load_rules().values()]
    alone = evaluate(Snapshot(documents(text)), rules, Settings(jobs=1))
    monkeypatch.setattr(engine, "_PARALLEL_FROM", 10)
    monkeypatch.setattr(engine, "_BATCH", 7)
    assert evaluate(Snapshot(documents(text)), rules, Settings(jobs=2)) == alone
    assert alone.findings
    assert alone.failures
    assert alone.skipped


def test_a_suppression_that_another_profile_needs_is_not_unused() -> None:
    @rule("partly-strict", title="Partly", severity=Severity.LOW, profiles={RECOMMENDED})
    def check(template: PodTemplate) -> Iterator[Fault]:
        yield template.fault("only when strict", at="containers", profiles={STRICT})

    unused = load_rules()["suppression-unused"]
    text = POD.replace("namespace: ml}", 'namespace: ml, annotations: {ignore.mlaudit.io/partly-strict: "known"}}')
    assert judged(text, made(check), unused).findings == []
    strict = judged(text, made(check), unused, profile=Profile.STRICT)
    assert ([suppressed.reason for suppressed in strict.suppressed], strict.findings) == (["known"], [])
    skipped = POD.replace("namespace: ml}", 'namespace: ml, annotations: {ignore.mlaudit.io/quota-in-view: "known"}}')
    assert judged(skipped, made(skipping), unused).findings == [], "a rule that could not be asked could not be silenced"


def test_fingerprints_of_unreadable_input_survive_moved_lines() -> None:
    def prints(text: str) -> list[str]:
        items = read_text(text, "a.yaml")
        unread = [item for item in items if not isinstance(item, Document)]
        outcome = evaluate(Snapshot([]), [load_rules()["yaml-syntax-error"]], Settings(), unread=unread)  # type: ignore[arg-type]
        return [finding.fingerprint for finding in outcome.findings]

    broken = "apiVersion: v1\nkind: Pod\nmetadata:\n  name a\n  namespace: b\n"
    assert prints(broken) == prints(f"# moved\n\n{broken}")
    assert prints(broken) != prints(broken.replace("name a", "label a"))


@pytest.mark.skipif(not forks(), reason="processes are not forked here")
def test_a_killed_process_costs_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    parent = os.getpid()

    @rule("kills-its-process", title="Kills", severity=Severity.LOW, profiles={RECOMMENDED})
    def check(container: Container) -> Iterator[Fault]:
        if os.getpid() != parent and container.template.workload.ref.name == "train-9":
            os._exit(1)
        yield container.fault("alive")

    text = "---\n".join(POD.replace("train", f"train-{number}") for number in range(30))
    alone = evaluate(Snapshot(documents(text)), [made(check)], Settings(jobs=1))
    monkeypatch.setattr(engine, "_PARALLEL_FROM", 10)
    monkeypatch.setattr(engine, "_BATCH", 7)
    assert evaluate(Snapshot(documents(text)), [made(check)], Settings(jobs=2)) == alone
    assert len(alone.findings) == 60
