"""What bounds a job: how long it may run, how often it is tried again, and how long it stays after it has finished.

Every kind that runs to an end writes this in fields of its own; one table says which. All numbers of time are seconds.

Sources, read in November 2026:

- Job: https://kubernetes.io/docs/concepts/workloads/controllers/job/ (six retries where none are set)
- Kubeflow jobs: ``RunPolicy`` in https://github.com/kubeflow/training-operator/tree/release-1.9/pkg/apis/kubeflow.org/v1 and
  https://github.com/kubeflow/mpi-operator (whose launcher is a Job); before ``runPolicy`` the fields stood in ``spec``
- TrainJob: https://github.com/kubeflow/trainer/blob/master/pkg/apis/trainer/v1alpha1/trainjob_types.go (the rest is its runtime's)
- JobSet: https://jobset.sigs.k8s.io/docs/reference/jobset.v1alpha2/; KEDA: https://keda.sh/docs/latest/reference/scaledjob-spec/
- RayJob: https://docs.ray.io/en/latest/cluster/kubernetes/getting-started/rayjob-quick-start.html
- Volcano: https://volcano.sh/en/docs/vcjob/ (three retries where none are set, and no deadline)
- Spark: https://www.kubeflow.org/docs/components/spark-operator/reference/api-docs/
- Argo: https://argo-workflows.readthedocs.io/en/latest/fields/
- Kueue's label: https://kueue.sigs.k8s.io/docs/concepts/workload/#maximum-execution-time; the annotation, after which GKE takes the nodes
  away: https://cloud.google.com/kubernetes-engine/docs/how-to/provisioningrequest
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from auditor.document import Path, Unknown, format_path, mapping, parse_path, sequence
from auditor.kinds.paths import value_at
from auditor.workload import Workload
from auditor.workload.values import integer

__all__ = ["Bound", "JobBounds", "bounds", "bounds_of"]

# Deadlines of a queue, which hold for every kind: where in the metadata they stand.
_OF_THE_QUEUE = (("labels", "kueue.x-k8s.io/max-exec-time-seconds"), ("annotations", "provreq.kueue.x-k8s.io/maxRunDurationSeconds"))

# What removes the finished objects of a kind that starts jobs again and again: it keeps the last few.
_HISTORY = "history limits"


@dataclass(frozen=True, slots=True)
class Bound:
    """One number that bounds a job.

    Attributes:
        value: as written: None where nothing is, unknown for a placeholder, a null, or what another object decides.
        path: where it is written, or would be; empty where the kind has no such field.
        default: what holds where nothing is written; None for no bound at all.
    """

    value: int | Unknown | None = None
    path: Path = ()
    default: int | None = None

    @property
    def written(self) -> bool:
        """Somebody decided it, be it by a value that cannot be known."""
        return self.value is not None

    @property
    def effective(self) -> int | Unknown | None:
        """The value, else the default; None where nothing bounds the job."""
        return self.default if self.value is None else self.value

    @property
    def field(self) -> str:
        """The field as people write it; empty where the kind has none."""
        return format_path(self.path)


@dataclass(frozen=True, slots=True)
class JobBounds:
    """The bounds of one job.

    Attributes:
        deadline_seconds: how long it may be active, with all its retries.
        retries: how often it is tried again: by new pods (Job), or from the start (JobSet, RayJob).
        ttl_seconds: how long it stays after it has finished.
        child_retries: how often the Jobs it is made of are tried again within one try (JobSet).
        cleanup: what removes what has finished where no TTL does: a field, or the history limits of the object that starts it; empty
            where nothing does.
    """

    deadline_seconds: Bound = field(default_factory=Bound)
    retries: Bound = field(default_factory=Bound)
    ttl_seconds: Bound = field(default_factory=Bound)
    child_retries: Bound = field(default_factory=Bound)
    cleanup: str = ""

    @property
    def unbounded(self) -> bool:
        """Nobody wrote a deadline, a limit of retries or a TTL, and nothing else clears up."""
        return not (
            self.deadline_seconds.written or self.retries.written or self.child_retries.written or self.ttl_seconds.written or self.cleanup
        )


def bounds(workload: Workload) -> JobBounds | None:
    """What bounds a workload; None for kinds that do not run to an end, or whose fields are not known."""
    return bounds_of(workload.raw)


def bounds_of(raw: Mapping[str, Any], at: Path = ()) -> JobBounds | None:
    """What bounds one object.

    Args:
        raw: the object; one inside another (a Katib trial, a component of an AppWrapper) may be passed by itself.
        at: where it stands in the document, so that the paths lead from the document.
    """
    version, kind = raw.get("apiVersion"), raw.get("kind")
    if not isinstance(version, str) or not isinstance(kind, str):
        return None
    row = _ROWS.get((version.rpartition("/")[0], kind))
    if row is None:
        return None
    found = row(raw)
    if not found.deadline_seconds.written:
        metadata = mapping(raw.get("metadata"))
        for section, key in _OF_THE_QUEUE:
            value = integer(mapping(metadata.get(section)).get(key))
            if value is not None:
                found = replace(found, deadline_seconds=Bound(value, ("metadata", section, key)))
                break
    return _moved(found, at) if at else found


def _moved(found: JobBounds, at: Path) -> JobBounds:
    def moved(bound: Bound) -> Bound:
        return replace(bound, path=(*at, *bound.path)) if bound.path else bound

    return replace(
        found, deadline_seconds=moved(found.deadline_seconds), retries=moved(found.retries), ttl_seconds=moved(found.ttl_seconds),
        child_retries=moved(found.child_retries),
    )  # fmt: skip


_Row = Callable[[Mapping[str, Any]], JobBounds]


def _bound(raw: Mapping[str, Any], fields: str, default: int | None = None) -> Bound:
    """The first of the fields ``one|other`` that is there, else the place of the first. A null decides nothing, but is not missing."""
    for path in _paths(fields):
        parent = value_at(raw, format_path(path[:-1])) if len(path) > 1 else raw
        if isinstance(parent, dict) and path[-1] in parent:
            value = parent[path[-1]]
            return Bound(Unknown("null", "null") if value is None else integer(value), path, default)
    return Bound(None, _paths(fields)[0], default)


@lru_cache(maxsize=256)
def _paths(fields: str) -> tuple[Path, ...]:
    return tuple(parse_path(one) for one in fields.split("|"))


def _job(at: str = "spec", cleanup: str = "") -> _Row:
    def read(raw: Mapping[str, Any]) -> JobBounds:
        # With a limit for each index the one for all is 2³¹ - 1: https://kubernetes.io/docs/concepts/workloads/controllers/job/
        return JobBounds(
            _bound(raw, f"{at}.activeDeadlineSeconds"), _bound(raw, f"{at}.backoffLimit|{at}.backoffLimitPerIndex", default=6),
            _bound(raw, f"{at}.ttlSecondsAfterFinished"), cleanup=cleanup,
        )  # fmt: skip

    return read


def _kubeflow(raw: Mapping[str, Any]) -> JobBounds:
    # The training operator counts restarts only where a limit is set; the launcher of MPI operator v2 is a Job.
    launcher_is_a_job = raw.get("kind") == "MPIJob" and str(raw.get("apiVersion")).endswith("/v2beta1")
    return JobBounds(
        _bound(raw, "spec.runPolicy.activeDeadlineSeconds|spec.activeDeadlineSeconds"),
        _bound(raw, "spec.runPolicy.backoffLimit|spec.backoffLimit", default=6 if launcher_is_a_job else None),
        _bound(raw, "spec.runPolicy.ttlSecondsAfterFinished|spec.ttlSecondsAfterFinished"),
    )


def _train_job(raw: Mapping[str, Any]) -> JobBounds:
    by_runtime = Bound(Unknown("", "set by the runtime"))
    return JobBounds(_bound(raw, "spec.activeDeadlineSeconds"), by_runtime, by_runtime, by_runtime)


def _job_set(at: str = "spec") -> _Row:
    def read(raw: Mapping[str, Any]) -> JobBounds:
        jobs = [f"{at}.replicatedJobs[{index}].template.spec" for index, _ in enumerate(sequence(value_at(raw, f"{at}.replicatedJobs")))]
        return JobBounds(
            _first_to_end(_bound(raw, f"{job}.activeDeadlineSeconds") for job in jobs),
            _bound(raw, f"{at}.failurePolicy.maxRestarts", default=0), _bound(raw, f"{at}.ttlSecondsAfterFinished"),
            _first_to_end(_bound(raw, f"{job}.backoffLimit", default=6) for job in jobs),
        )  # fmt: skip

    return read


def _first_to_end(children: Iterator[Bound]) -> Bound:
    """The tightest bound of a JobSet's Jobs: one that fails ends them all. Where none has any, the place in the first."""
    found = list(children)
    known = [bound for bound in found if isinstance(bound.value, int)]
    if known:
        return min(known, key=lambda bound: bound.value if isinstance(bound.value, int) else 0)
    return next((bound for bound in found if bound.written), found[0] if found else Bound())


def _ray_job(at: str = "spec") -> _Row:
    def read(raw: Mapping[str, Any]) -> JobBounds:
        spec = mapping(value_at(raw, at))
        shutdown = spec.get("shutdownAfterJobFinishes", False)
        cleanup = "shutdownAfterJobFinishes" if shutdown is not False else "deletionStrategy" if spec.get("deletionStrategy") else ""
        ttl = _bound(raw, f"{at}.ttlSecondsAfterFinished", default=0 if shutdown is True else None)
        return JobBounds(_bound(raw, f"{at}.activeDeadlineSeconds"), _bound(raw, f"{at}.backoffLimit", default=0), ttl, cleanup=cleanup)

    return read


def _volcano(at: str = "spec", cleanup: str = "") -> _Row:
    def read(raw: Mapping[str, Any]) -> JobBounds:
        return JobBounds(
            retries=_bound(raw, f"{at}.maxRetry", default=3), ttl_seconds=_bound(raw, f"{at}.ttlSecondsAfterFinished"), cleanup=cleanup
        )

    return read


def _spark(at: str = "spec", cleanup: str = "") -> _Row:
    def read(raw: Mapping[str, Any]) -> JobBounds:
        policy = value_at(raw, f"{at}.restartPolicy.type")
        retries = _bound(raw, f"{at}.restartPolicy.onFailureRetries", default=0)
        if policy == "Always":  # also after it has succeeded
            retries = replace(retries, value=None, default=None)
        elif policy == "Never":
            retries = Bound(0, parse_path(f"{at}.restartPolicy.type"), 0)
        elif isinstance(policy, str) and policy != "OnFailure":
            retries = replace(retries, value=Unknown(policy, "placeholder"))
        return JobBounds(retries=retries, ttl_seconds=_bound(raw, f"{at}.timeToLiveSeconds"), cleanup=cleanup)

    return read


def _argo(at: str = "spec", cleanup: str = "") -> _Row:
    ttl = f"{at}.ttlStrategy"

    def read(raw: Mapping[str, Any]) -> JobBounds:
        if value_at(raw, f"{at}.workflowTemplateRef") is not None:
            by_template = Bound(Unknown("", "set by the template"))
            return JobBounds(by_template, by_template, by_template, cleanup=cleanup)
        return JobBounds(
            _bound(raw, f"{at}.activeDeadlineSeconds"), _bound(raw, f"{at}.retryStrategy.limit", default=0),
            _bound(raw, f"{ttl}.secondsAfterCompletion|{ttl}.secondsAfterSuccess|{ttl}.secondsAfterFailure|{at}.ttlSecondsAfterFinished"),
            cleanup=cleanup,
        )  # fmt: skip

    return read


_ROWS: Mapping[tuple[str, str], _Row] = {
    ("batch", "Job"): _job(),
    ("batch", "CronJob"): _job("spec.jobTemplate.spec", _HISTORY),
    ("keda.sh", "ScaledJob"): _job("spec.jobTargetRef", _HISTORY),
    **{("kubeflow.org", kind): _kubeflow for kind in ("PyTorchJob", "TFJob", "MPIJob", "XGBoostJob", "PaddleJob", "JAXJob", "MXJob")},
    ("trainer.kubeflow.org", "TrainJob"): _train_job,
    ("kubeflow.org", "TrainJob"): _train_job,
    ("jobset.x-k8s.io", "JobSet"): _job_set(),
    ("trainer.kubeflow.org", "TrainingRuntime"): _job_set("spec.template.spec"),
    ("trainer.kubeflow.org", "ClusterTrainingRuntime"): _job_set("spec.template.spec"),
    ("ray.io", "RayJob"): _ray_job(),
    ("ray.io", "RayCronJob"): _ray_job("spec.jobTemplate"),  # it keeps no history, and so clears nothing up
    ("batch.volcano.sh", "Job"): _volcano(),
    ("batch.volcano.sh", "CronJob"): _volcano("spec.jobTemplate.spec", _HISTORY),
    ("sparkoperator.k8s.io", "SparkApplication"): _spark(),
    ("sparkoperator.k8s.io", "ScheduledSparkApplication"): _spark("spec.template", _HISTORY),
    ("argoproj.io", "Workflow"): _argo(),
    ("argoproj.io", "CronWorkflow"): _argo("spec.workflowSpec", _HISTORY),
}
