"""The table of kinds against manifests, one or more for each row: ``cases/*.yaml`` holds them and says how to read them."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor.document import format_path, parse_path
from auditor.kinds import KINDS, Kind, Match, PodCount, Role, Template, component_of, containers_at, find, matches, pod_count, pods_in
from auditor.kinds import _index as index
from auditor.kinds.paths import _factors as factors

FOLDER = Path(__file__).parent / "cases"
CASES: list[dict[str, Any]] = [case for file in sorted(FOLDER.glob("*.yaml")) for case in yaml.safe_load_all(file.read_text("utf-8"))]


def row_of(raw: dict[str, Any]) -> Kind:
    row = find(raw["apiVersion"].rpartition("/")[0], raw["kind"])
    assert row is not None, f"{raw['apiVersion']} {raw['kind']} is not in the table"
    return row


def name_of(case: dict[str, Any]) -> str:
    return f"{case['object']['apiVersion']}-{case['object']['kind']}"


def text_of(count: PodCount) -> str:
    if count.fixed:
        return str(count.low)
    return "?" if count.low is None else f"{count.low}..{'' if count.high is None else count.high}"


def pods_of(raw: dict[str, Any]) -> Iterator[tuple[Template, Match]]:
    return ((template, match) for template in row_of(raw).templates for match in pods_in(raw, template))


def lines_of(raw: dict[str, Any]) -> Iterator[str]:
    for template, match in pods_of(raw):
        below = [
            "." if container.path == match.path
            else format_path(container.path[len(match.path):]) if container.path[: len(match.path)] == match.path
            else "/" + format_path(container.path)
            for container in containers_at(raw, match, template.containers)
        ]  # fmt: skip
        count = text_of(pod_count(template, raw, match))
        yield f"{format_path(match.path)} | {component_of(template, raw, match)} | {count} | {' '.join(below)}"
    for embedded in row_of(raw).embeds:
        for match in matches(raw, embedded.path):
            yield f"> {format_path(match.path)} | {text_of(pod_count(embedded, raw, match))}"


def bare(line: str) -> str:
    return re.sub(r" *\| *", "|", line.strip())


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_case(case: dict[str, Any]) -> None:
    assert sorted(map(bare, lines_of(case["object"]))) == sorted(map(bare, case["expect"].splitlines()))


def test_each_row_has_a_case() -> None:
    assert {(row.group, row.kind) for row in KINDS} - {(row_of(case["object"]).group, case["object"]["kind"]) for case in CASES} == set()


# -- the rows themselves ----------------------------------------------------------------------------------------------------------------


def test_a_row_found_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="two rows for batch/Job"):
        index([Kind("batch", "Job"), Kind("apps", "Deployment"), Kind("batch", "Job", job=True)])


def test_rows_travel_between_processes() -> None:
    for row in KINDS:
        assert pickle.loads(pickle.dumps(row)).kind == row.kind


TEMPLATES = [(row, template) for row in KINDS for template in row.templates]


def up_to_wildcards(pattern: str) -> list[tuple[str | int, ...]]:
    steps = parse_path(pattern)
    return [steps[: at + 1] for at, step in enumerate(steps) if step in ("[]", "*")]


@pytest.mark.parametrize(("row", "template"), TEMPLATES, ids=lambda value: getattr(value, "kind", None) or value.path)
def test_a_template_refers_only_to_what_its_path_matches(row: Kind, template: Template) -> None:
    """The wildcards of a field that says more about a pod are those that its path begins with."""
    fields = [factor.fields for text in (template.pods, template.pods_min, template.pods_max) if text for factor in factors(text)]
    fields += [template.autoscaled, template.metadata, template.inherit, *re.findall(r"\{([^}]+)\}", template.component)]
    fields += [path for path, _ in template.injects_where]
    for lists in (template.containers, template.sidecars, template.init_containers):
        fields += [pattern[1:].removesuffix("[]") for pattern in lists if pattern.startswith("/")]
    for pattern in (one for field in fields for one in field.split("|")):
        mine = up_to_wildcards(pattern)
        assert mine == up_to_wildcards(template.path)[: len(mine)], pattern
        assert not re.search(r"[=?*{} ](?!\.|$)|[=?]", pattern), f"{pattern} holds what is no path"


@pytest.mark.parametrize("row", KINDS, ids=lambda row: f"{row.group}/{row.kind}")
def test_two_templates_of_a_row_never_share_a_path(row: Kind) -> None:
    paths = [template.path for template in row.templates]
    assert len(paths) == len(set(paths))


def test_the_group_decides() -> None:
    def paths(group: str, kind: str) -> list[str]:
        row = find(group, kind)
        assert row is not None
        return [template.path for template in row.templates]

    assert paths("batch", "Job") == ["spec.template.spec"]
    assert paths("batch.volcano.sh", "Job") == ["spec.tasks[].template.spec"]
    assert paths("batch", "CronJob") != paths("batch.volcano.sh", "CronJob")
    assert find("", "Service") is None
    assert paths("serving.knative.dev", "Service") != paths("inference.llmaz.io", "Service")
    assert paths("kaito.sh", "Workspace") and not paths("kubeflow.org", "Workspace")
    assert paths("argoproj.io", "Experiment") != paths("kubeflow.org", "Experiment")
    assert find("kueue.x-k8s.io", "ClusterQueue") is None and find("", "Deployment") is None


ROLES = {
    Role.TRAINING: [
        "kubeflow.org PyTorchJob TFJob MPIJob XGBoostJob PaddleJob JAXJob MXJob Experiment", "elastic.iml.github.io ElasticJob",
        "trainer.kubeflow.org TrainJob TrainingRuntime ClusterTrainingRuntime",
    ],
    Role.SERVING: [
        "serving.kserve.io InferenceService LLMInferenceService ServingRuntime ClusterServingRuntime LLMInferenceServiceConfig",
        "ray.io RayService", "machinelearning.seldon.io SeldonDeployment", "mlops.seldon.io Server Model", "apps.nvidia.com NIMService",
        "production-stack.vllm.ai VLLMRuntime", "nvidia.com DynamoGraphDeployment", "serving.yatai.ai BentoDeployment",
    ],
    Role.NOTEBOOK: ["kubeflow.org Notebook Workspace"],
    Role.BATCH: ["sparkoperator.k8s.io SparkApplication", "kubernetes.dask.org DaskJob", "flink.apache.org FlinkDeployment"],
    Role.PIPELINE: [
        "argoproj.io Workflow CronWorkflow WorkflowTemplate ClusterWorkflowTemplate", "tekton.dev PipelineRun",
        "kubeflow.org ScheduledWorkflow",
    ],
    Role.INFRASTRUCTURE: ["nvidia.com ClusterPolicy NVIDIADriver"],
    None: [
        "batch Job CronJob", "apps Deployment StatefulSet DaemonSet", "jobset.x-k8s.io JobSet", "batch.volcano.sh Job",
        "ray.io RayCluster RayJob", "leaderworkerset.x-k8s.io LeaderWorkerSet", "workload.codeflare.dev AppWrapper",
        "argoproj.io Rollout", "serving.knative.dev Service",
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("role", "group", "kind"), [(role, row.split()[0], kind) for role, rows in ROLES.items() for row in rows for kind in row.split()[1:]]
)  # fmt: skip
def test_role(role: Role | None, group: str, kind: str) -> None:
    row = find(group, kind)
    assert row is not None and row.role is role
