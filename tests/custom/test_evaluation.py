"""What own rules find, where, and what they do not believe."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.custom.cel import environment
from auditor.custom.fields import FIELDS, SCOPES
from auditor.custom.given import Given
from auditor.finding import Confidence, Severity
from auditor.snapshot import Snapshot
from auditor.source import read_paths
from tests.custom.rules import POD, judged, written

GIVEN_LATER = POD.replace("ghcr.io/example/vllm:0.19.0", "${IMAGE}").replace("nvidia.com/gpu: 2", 'nvidia.com/gpu: "${GPUS}"')


@pytest.mark.parametrize(
    "when",
    [
        'container.image == "ghcr.io/example/vllm:0.19.0"',
        'container.registry == "ghcr.io" && container.repository == "ghcr.io/example/vllm" && container.tag == "0.19.0"',
        'container.limits["cpu"] == 0.5 && container.limits["memory"] == quantity("48Gi") && !has(container.limits.disk)',
        'container.accelerators["nvidia.com/gpu"] > 1',
        'container.env.exists(e, e.name == "MODEL" && e.value == "llama")',
        'template.containers.all(c, c.role == "main") && template.requests["cpu"] == 0.5',
        'workload.kind == "Pod" && workload.namespace == "team-a" && workload.labels["app"] == "llm" && workload.accelerated',
        'workload.templates.exists(t, t.containers.exists(c, c.limits["cpu"] < 1))',
        'object.spec.containers[0].name == "server" && object.metadata.labels.app == "llm"',
        '"server,x".split(",")[0] == container.name && container.name.upperAscii() == "SERVER"',
        'cel.bind(names, container.env.map(e, e.name), names.join("+") == "MODEL+TOKEN")',
        '!snapshot.live && snapshot.kubernetesVersion == "1.36"',
    ],
)
def test_expressions_see_the_model(tmp_path: Path, when: str) -> None:
    outcome = judged(written(tmp_path, when=when))
    assert outcome.failures == []
    assert [(finding.line, finding.path) for finding in outcome.findings] == [(6, "spec.containers[0]")]


@pytest.mark.parametrize("field", [field for field in FIELDS if field.owner in SCOPES["container"][1]], ids=lambda field: field.full)
def test_every_field_has_the_type_it_declares(field: object, repository: Path) -> None:
    env = environment("container")
    program = env.compile(f"{field.full} == {field.full}")  # type: ignore[attr-defined]
    snapshot = Snapshot(read_paths((str(repository / "fixtures" / "demo"), str(repository / "fixtures" / "silent"))).documents)
    seen = 0
    for workload in snapshot.workloads:
        for container in workload.containers:
            things = {
                "container": container, "template": container.template, "workload": workload, "object": workload.document,
                "snapshot": snapshot,
            }  # fmt: skip
            given = Given([field], things)  # type: ignore[list-item]
            if (field.full,) not in given.absent:  # type: ignore[attr-defined]
                assert program.evaluate(given.values) is True
                seen += 1
    assert seen > 5


def test_metadata_of_a_rule_reaches_its_findings(tmp_path: Path) -> None:
    file = written(
        tmp_path, severity="critical", confidence="low", at="resources.limits.memory", messageExpression='"it is " + container.name',
        remediation="write another",
    )  # fmt: skip
    (finding,) = judged(file).findings
    assert (finding.severity, finding.confidence, finding.rule) == (Severity.CRITICAL, Confidence.LOW, "own")
    assert (finding.message, finding.remediation) == ("it is server", "write another")
    assert (finding.line, finding.path) == (12, "spec.containers[0].resources.limits.memory")


@pytest.mark.parametrize(
    ("scope", "at", "path", "line"),
    [
        ("container", "image", "spec.containers[0].image", 7),
        ("container", "template.nodeSelector", "spec.nodeSelector", 4),
        ("container", "object.metadata.labels.app", "metadata.labels.app", 3),
        ("pod template", "hostNetwork", "spec.hostNetwork", 4),
        ("pod template", "metadata.labels", "metadata.labels", 3),
        ("workload", "spec.containers[0].name", "spec.containers[0].name", 6),
        ("object", 'metadata.labels["app"]', "metadata.labels.app", 3),
        ("object", "nothing.like.this", "nothing.like.this", 1),
    ],
)
def test_a_fault_is_at_its_field(tmp_path: Path, scope: str, at: str, path: str, line: int) -> None:
    (finding,) = judged(written(tmp_path, **{"for": scope, "at": at})).findings
    assert (finding.path, finding.line) == (path, line)
    (same,) = judged(written(tmp_path, **{"for": scope, "atExpression": repr(at)})).findings
    assert same.path == path


def test_the_fixed_message_is_used_where_the_expression_has_no_value(tmp_path: Path) -> None:
    for expression in ("object.nothing", '""', "string(container.limits.disk)"):
        (finding,) = judged(written(tmp_path, messageExpression=expression)).findings
        assert finding.message == "wrong"
    (finding,) = judged(written(tmp_path, messageExpression='"a\\n  b" + "c".replace("c", "' + "d" * 900 + '")')).findings
    assert finding.message.startswith("a bd")
    assert len(finding.message) == 300


@pytest.mark.parametrize(
    "when",
    [
        'container.image != "x"',
        'container.tag == ""',
        '!(container.registry in ["ghcr.io"])',
        'container.accelerators["nvidia.com/gpu"] == 0',
        'container.limits["nvidia.com/gpu"] != 8',
        'container.env.exists(e, e.value == "${TOKEN}")',
        '!container.env.all(e, e.value == "llama")',
        'object.spec.containers[0].image != ""',
        'object.spec.containers.exists(c, c.image.startsWith("$"))',
        "object.spec.containers.filter(c, c.image != '').size() > 0",
        "object.spec.containers.map(c, c.image).join('') != ''",
        "[[object.spec]][0][0].containers[0].image != ''",
        "cel.bind(c, object.spec.containers[0], c.image != '')",
        "(true ? object.spec : {}).containers[0]['image'] != ''",
        "size(container.image) > 1",
        "object == object",
        "container.env == container.env",
        "container.env[1].value != 'x'",
        "container.env.map(e, e.value) == ['llama', '']",
    ],
)
def test_a_placeholder_is_never_a_fault(tmp_path: Path, when: str) -> None:
    outcome = judged(written(tmp_path, when=when), GIVEN_LATER)
    assert outcome.findings == []
    assert outcome.failures == []
    assert [skipped.reason for skipped in outcome.skipped] == ["values where the manifests have placeholders"]


@pytest.mark.parametrize(
    "when",
    [
        'container.limits["cpu"] < 1',
        'container.name == "server" || container.image == "x"',
        'container.env.exists(e, e.name == "TOKEN")',
        '!container.env.all(e, e.value == "x")',
        'container.env.exists(e, e.name == "MODEL" && e.value == "llama")',
        'has(object.spec.containers[0].name) && "image" in object.spec.containers[0]',
        "container.accelerators.size() == 1",
        "object.spec.containers.exists(c, c.name == 'server')",
        "object.spec.containers.map(c, c.name).exists(n, n == 'server')",
    ],
)
def test_a_placeholder_elsewhere_hides_nothing(tmp_path: Path, when: str) -> None:
    outcome = judged(written(tmp_path, when=when), GIVEN_LATER)
    assert len(outcome.findings) == 1, outcome


def test_a_variable_carries_its_placeholder_along(tmp_path: Path) -> None:
    variables = [{"name": "image", "expression": "container.image"}, {"name": "short", "expression": "variables.image.size() < 100"}]
    assert judged(written(tmp_path, variables=variables, when="variables.short")).findings
    assert judged(written(tmp_path, variables=variables, when="variables.short"), GIVEN_LATER).findings == []


def test_an_expression_that_fails_is_a_counted_failure(tmp_path: Path) -> None:
    outcome = judged(written(tmp_path, when='object.spec.nothing == "x"'))
    (failure,) = outcome.failures
    assert (failure.rule, failure.object, failure.file) == ("own", "Pod team-a/llm", "a.yaml")
    assert failure.error == 'EvaluationError: when: Key not found in map : "nothing"'
    assert judged(written(tmp_path, when="object.metadata.name")).failures[0].error.endswith("the value is str, not true or false")
    assert judged(written(tmp_path, when="object.metadata")).failures[0].error.endswith("the value is of the type map<dyn, dyn>")


def test_other_objects_are_only_missed_where_everything_is_in_view(tmp_path: Path) -> None:
    file = written(tmp_path, **{"for": "workload", "when": '!("NetworkPolicy" in snapshot.names)'})
    assert [skipped.reason for skipped in judged(file).skipped] == ["all objects that there are (--complete)"]
    assert len(judged(file, complete=True).findings) == 1
    policy = (
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: deny, namespace: team-a}\nspec: {podSelector: {}}\n"
    )
    assert judged(file, POD + policy, complete=True).findings == []
    counted = written(tmp_path, **{"for": "workload", "when": 'snapshot.kinds["Pod"] == 1 && snapshot.namespaces == ["team-a"]'})
    assert len(judged(counted, complete=True).findings) == 1


def test_templates_for_other_objects_are_judged_by_rules_that_name_them(tmp_path: Path) -> None:
    runtime = (
        "apiVersion: serving.kserve.io/v1alpha1\nkind: ServingRuntime\nmetadata: {name: vllm}\nspec:\n  containers:\n"
        "  - {name: kserve-container, image: 'ghcr.io/example/vllm:1'}\n"
    )
    assert judged(written(tmp_path), runtime).findings == []
    assert len(judged(written(tmp_path, kinds=["ServingRuntime"]), runtime).findings) == 1


def test_a_suppression_silences_an_own_rule(tmp_path: Path) -> None:
    manifest = POD.replace("    image:", "    # mlaudit: ignore[own] agreed with the platform team\n    image:")
    outcome = judged(written(tmp_path, at="image"), manifest)
    assert (len(outcome.findings), len(outcome.suppressed)) == (0, 1)


def test_values_that_cel_does_not_have_are_harmless(tmp_path: Path) -> None:
    manifest = POD + (
        '  odd: {big: 99999999999999999999999, 3: three, true: yes, "zero\\0byte": "a\\0b", nothing: null, float: 1.5e300, deep: '
        + "{a: " * 90 + "1" + "}" * 90 + "}\n"
    )  # fmt: skip
    outcome = judged(
        written(tmp_path, when='object.spec.odd.big > 1e20 && object.spec.odd["3"] == "three" && object.spec.odd.nothing == null'), manifest
    )
    assert (len(outcome.findings), outcome.failures) == (1, [])
    huge = POD.replace("48Gi", '"9e400"')
    assert judged(written(tmp_path, when='container.limits["memory"] > 1'), huge).findings == []


def test_many_objects_are_judged_by_several_processes(tmp_path: Path) -> None:
    outcome = judged(written(tmp_path, when="container.image != ''"), "---\n".join([POD] * 2_100), jobs=2)
    assert (len(outcome.findings), outcome.failures) == (2_100, [])
