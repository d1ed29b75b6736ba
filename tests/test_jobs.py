"""What bounds a job, for every kind that has a row in the table of `auditor.jobs`."""

from __future__ import annotations

from typing import Any

import pytest

from auditor.config import Settings
from auditor.document import Document, Unknown
from auditor.engine import evaluate
from auditor.jobs import Bound, JobBounds, bounds, bounds_of
from auditor.registry import load_rules
from auditor.rule import Profile
from auditor.snapshot import Snapshot
from auditor.source.text import read_text
from auditor.workload import Workload

# apiVersion, kind, spec → (deadline, retries, TTL) as written, (their fields), retries where none are written, what else clears up
Row = tuple[str, str, str, tuple[int | None, int | None, int | None], tuple[str, str, str], int | None, str]
JOB = ("activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished")


def under(at: str, names: tuple[str, str, str] = JOB) -> tuple[str, str, str]:
    return (f"{at}.{names[0]}" if names[0] else "", f"{at}.{names[1]}", f"{at}.{names[2]}")


TABLE: list[Row] = [
    ("batch/v1", "Job", "{}", (None, None, None), under("spec"), 6, ""),
    ("batch/v1", "Job", "{activeDeadlineSeconds: 3600, backoffLimit: 2, ttlSecondsAfterFinished: 60}", (3600, 2, 60), under("spec"), 6, ""),
    ("batch/v1", "Job", "{backoffLimit: '4'}", (None, 4, None), under("spec"), 6, ""),
    ("batch/v1", "Job", "{backoffLimitPerIndex: 1}", (None, 1, None), under("spec", (JOB[0], "backoffLimitPerIndex", JOB[2])), 6, ""),
    ("batch/v1", "CronJob", "{jobTemplate: {spec: {backoffLimit: 1}}}", (None, 1, None),
     under("spec.jobTemplate.spec"), 6, "history limits"),
    ("keda.sh/v1alpha1", "ScaledJob", "{jobTargetRef: {}}", (None, None, None), under("spec.jobTargetRef"), 6, "history limits"),
    ("kubeflow.org/v1", "PyTorchJob", "{}", (None, None, None), under("spec.runPolicy"), None, ""),
    ("kubeflow.org/v1", "TFJob", "{runPolicy: {backoffLimit: 3}}", (None, 3, None), under("spec.runPolicy"), None, ""),
    ("kubeflow.org/v1beta2", "PyTorchJob", "{backoffLimit: 3}", (None, 3, None),
     ("spec.runPolicy.activeDeadlineSeconds", "spec.backoffLimit", "spec.runPolicy.ttlSecondsAfterFinished"), None, ""),
    ("kubeflow.org/v1", "MPIJob", "{runPolicy: {}}", (None, None, None), under("spec.runPolicy"), None, ""),
    ("kubeflow.org/v2beta1", "MPIJob", "{runPolicy: {ttlSecondsAfterFinished: 0}}", (None, None, 0), under("spec.runPolicy"), 6, ""),
    ("ray.io/v1", "RayJob", "{}", (None, None, None), under("spec"), 0, ""),
    ("ray.io/v1", "RayJob", "{shutdownAfterJobFinishes: true, activeDeadlineSeconds: 600}", (600, None, None), under("spec"), 0,
     "shutdownAfterJobFinishes"),
    ("ray.io/v1", "RayJob", "{deletionStrategy: {deletionRules: [{policy: DeleteCluster}]}}", (None, None, None), under("spec"), 0,
     "deletionStrategy"),
    ("ray.io/v1", "RayCronJob", "{jobTemplate: {backoffLimit: 1}}", (None, 1, None), under("spec.jobTemplate"), 0, ""),
    ("batch.volcano.sh/v1alpha1", "Job", "{maxRetry: 5}", (None, 5, None), under("spec", ("", "maxRetry", JOB[2])), 3, ""),
    ("batch.volcano.sh/v1alpha1", "CronJob", "{jobTemplate: {spec: {}}}", (None, None, None),
     under("spec.jobTemplate.spec", ("", "maxRetry", JOB[2])), 3, "history limits"),
    ("sparkoperator.k8s.io/v1beta2", "SparkApplication", "{restartPolicy: {type: OnFailure, onFailureRetries: 3}}", (None, 3, None),
     under("spec", ("", "restartPolicy.onFailureRetries", "timeToLiveSeconds")), 0, ""),
    ("sparkoperator.k8s.io/v1beta2", "SparkApplication", "{restartPolicy: {type: Never}}", (None, 0, None),
     under("spec", ("", "restartPolicy.type", "timeToLiveSeconds")), 0, ""),
    ("sparkoperator.k8s.io/v1beta2", "SparkApplication", "{restartPolicy: {type: Always}}", (None, None, None),
     under("spec", ("", "restartPolicy.onFailureRetries", "timeToLiveSeconds")), None, ""),
    ("sparkoperator.k8s.io/v1beta2", "ScheduledSparkApplication", "{template: {timeToLiveSeconds: 30}}", (None, None, 30),
     under("spec.template", ("", "restartPolicy.onFailureRetries", "timeToLiveSeconds")), 0, "history limits"),
    ("argoproj.io/v1alpha1", "Workflow", "{activeDeadlineSeconds: 60, retryStrategy: {limit: '2'}}", (60, 2, None),
     under("spec", (JOB[0], "retryStrategy.limit", "ttlStrategy.secondsAfterCompletion")), 0, ""),
    ("argoproj.io/v1alpha1", "CronWorkflow", "{workflowSpec: {ttlStrategy: {secondsAfterSuccess: 5}}}", (None, None, 5),
     under("spec.workflowSpec", (JOB[0], "retryStrategy.limit", "ttlStrategy.secondsAfterSuccess")), 0, "history limits"),
]  # fmt: skip


def load(text: str) -> Document:
    (document,) = (item for item in read_text(text, "job.yaml") if isinstance(item, Document))
    return document


def bounds_in(version: str, kind: str, spec: str, metadata: str = "{name: a}") -> JobBounds:
    found = bounds(Workload(load(f"apiVersion: {version}\nkind: {kind}\nmetadata: {metadata}\nspec: {spec}\n")))
    assert found is not None
    return found


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[1]}-{row[2]}")
def test_table(row: Row) -> None:
    version, kind, spec, values, fields, default_retries, cleanup = row
    found = bounds_in(version, kind, spec)
    assert (found.deadline_seconds.value, found.retries.value, found.ttl_seconds.value) == values
    assert (found.deadline_seconds.field, found.retries.field, found.ttl_seconds.field) == fields
    assert found.retries.default == default_retries
    assert found.cleanup == cleanup


@pytest.mark.parametrize("value", ["'${HOURS}'", "null", "{}", "[1]", "true", "ten"])
def test_what_cannot_be_known_is_written_but_unknown(value: str) -> None:
    found = bounds_in("batch/v1", "Job", f"{{backoffLimit: {value}}}")
    assert isinstance(found.retries.value, Unknown)
    assert found.retries.written
    assert not found.unbounded


@pytest.mark.parametrize(
    "spec", ["null", "[]", "5", "{replicatedJobs: 3}", "{replicatedJobs: [null, 1, {template: []}]}", "{failurePolicy: x}"]
)
@pytest.mark.parametrize(("version", "kind"), sorted({(row[0], row[1]) for row in TABLE} | {("jobset.x-k8s.io/v1alpha2", "JobSet")}))
def test_junk_is_no_bound(version: str, kind: str, spec: str) -> None:
    assert not bounds_in(version, kind, spec).retries.written


def test_effective_value_is_the_default_where_nothing_is_written() -> None:
    found = bounds_in("batch/v1", "Job", "{}")
    assert found.retries.effective == 6
    assert found.deadline_seconds.effective is None
    assert found.unbounded
    assert Bound(Unknown("x", "placeholder"), (), 6).effective == Unknown("x", "placeholder")


def test_jobs_of_a_job_set() -> None:
    spec = """
  replicatedJobs:
  - {name: driver, template: {spec: {activeDeadlineSeconds: 7200, backoffLimit: 4}}}
  - {name: workers, template: {spec: {activeDeadlineSeconds: 3600}}}
"""
    found = bounds_in("jobset.x-k8s.io/v1alpha2", "JobSet", spec)
    assert found.deadline_seconds == Bound(3600, ("spec", "replicatedJobs", 1, "template", "spec", "activeDeadlineSeconds"))
    assert found.child_retries == Bound(4, ("spec", "replicatedJobs", 0, "template", "spec", "backoffLimit"), 6)
    assert found.retries == Bound(None, ("spec", "failurePolicy", "maxRestarts"), 0)
    assert not found.unbounded


def test_job_set_without_any_names_the_first_job() -> None:
    found = bounds_in("jobset.x-k8s.io/v1alpha2", "JobSet", "{replicatedJobs: [{name: a}, {name: b}]}")
    assert found.deadline_seconds.field == "spec.replicatedJobs[0].template.spec.activeDeadlineSeconds"
    assert found.unbounded


def test_runtime_of_a_train_job_is_a_job_set() -> None:
    spec = "{template: {spec: {ttlSecondsAfterFinished: 9, failurePolicy: {maxRestarts: 2}}}}"
    found = bounds_in("trainer.kubeflow.org/v1alpha1", "ClusterTrainingRuntime", spec)
    assert (found.retries.value, found.ttl_seconds.value) == (2, 9)
    assert found.ttl_seconds.field == "spec.template.spec.ttlSecondsAfterFinished"


def test_train_job_leaves_the_rest_to_its_runtime() -> None:
    found = bounds_in("trainer.kubeflow.org/v1alpha1", "TrainJob", "{runtimeRef: {name: torch}}")
    assert found.deadline_seconds == Bound(None, ("spec", "activeDeadlineSeconds"))
    assert isinstance(found.retries.value, Unknown)
    assert isinstance(found.ttl_seconds.value, Unknown)


def test_workflow_from_a_template_leaves_all_to_it() -> None:
    found = bounds_in("argoproj.io/v1alpha1", "Workflow", "{workflowTemplateRef: {name: train}}")
    assert isinstance(found.deadline_seconds.value, Unknown)


def test_ttl_of_a_cluster_that_is_shut_down_is_zero() -> None:
    found = bounds_in("ray.io/v1", "RayJob", "{shutdownAfterJobFinishes: true}")
    assert (found.ttl_seconds.value, found.ttl_seconds.effective) == (None, 0)
    assert not found.unbounded


@pytest.mark.parametrize(
    ("section", "key"),
    [("labels", "kueue.x-k8s.io/max-exec-time-seconds"), ("annotations", "provreq.kueue.x-k8s.io/maxRunDurationSeconds")],
)
def test_deadline_of_the_queue(section: str, key: str) -> None:
    metadata = f"{{name: a, {section}: {{{key}: '900'}}}}"
    found = bounds_in("batch/v1", "Job", "{}", metadata)
    assert found.deadline_seconds == Bound(900, ("metadata", section, key))
    assert bounds_in("batch/v1", "Job", "{activeDeadlineSeconds: 60}", metadata).deadline_seconds.value == 60


def test_object_inside_another() -> None:
    inner: dict[str, Any] = {"apiVersion": "batch/v1", "kind": "Job", "spec": {"backoffLimit": 1}}
    found = bounds_of(inner, at=("spec", "components", 0, "template"))
    assert found is not None
    assert found.retries == Bound(1, ("spec", "components", 0, "template", "spec", "backoffLimit"), 6)
    assert found.ttl_seconds.field == "spec.components[0].template.spec.ttlSecondsAfterFinished"


@pytest.mark.parametrize("raw", [{}, {"kind": "Job"}, {"apiVersion": 1, "kind": []}, {"apiVersion": "apps/v1", "kind": "Deployment"}])
def test_no_job(raw: dict[str, Any]) -> None:
    assert bounds_of(raw) is None


# -- the option of job-unbounded, which the examples of its page cannot set ---------------------------------------------------------------

LIMITED = """
apiVersion: batch/v1
kind: Job
metadata: {name: a}
spec:
  backoffLimit: 3
  template:
    spec:
      restartPolicy: Never
      containers: [{name: a, image: ghcr.io/example/train:1.0, resources: {limits: {nvidia.com/gpu: 1}}}]
"""


@pytest.mark.parametrize(("profile", "expected"), [(Profile.STRICT, [(5, "low")]), (Profile.RECOMMENDED, [])])
def test_missing_deadline_alone_is_reported_on_demand(profile: Profile, expected: list[tuple[int, str]]) -> None:
    rule = load_rules()["job-unbounded"]
    settings = Settings(profile=profile, options={rule.name: {"require": ["deadline"]}})
    found = evaluate(Snapshot([load(LIMITED)]), [rule], settings).findings
    assert [(finding.line, str(finding.severity)) for finding in found] == expected
    assert not evaluate(Snapshot([load(LIMITED)]), [rule], Settings(profile=profile)).findings
