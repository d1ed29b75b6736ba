"""Data processing: Spark, Flink and Dask.

Spark's and Flink's operators describe one container in several places: image, cores and memory beside the PodSpec, the rest in a
container of a fixed name inside it. Cores and memory become requests and limits.

Sources: https://www.kubeflow.org/docs/components/spark-operator/reference/api-docs/,
https://nightlies.apache.org/flink/flink-kubernetes-operator-docs-stable/docs/custom-resource/reference/,
https://kubernetes.dask.org/en/latest/operator_resources.html. Read in August 2026.
"""

from __future__ import annotations

from auditor.kinds.model import Inject, Kind, Role, Spelling, Template

__all__ = ["KINDS"]

_SUPPLIED = frozenset({Inject.IMAGE, Inject.COMMAND, Inject.REQUESTS, Inject.LIMITS, Inject.RESTART_POLICY})
_SPARK = Spelling(gpus="gpu.quantity")
_FLINK = Spelling(resources="resource")


def _spark_pod(at: str, role: str, name: str) -> Template:
    """Driver, server or executor of the application whose spec stands at ``at``; ``name`` is what Spark calls the container."""
    pod = f"{at}.{role}"
    dynamic = f"{at}.dynamicAllocation"
    executor = role == "executor"
    return Template(
        pod, role, containers=("", "template.spec.containers[]", f"/{at}"), main=name, sidecars=("sidecars[]",),
        init_containers=("initContainers[]", "template.spec.initContainers[]"), metadata=pod, inherit=f"{pod}.template.spec|{at}",
        pods=f"{pod}.instances=1" if executor else "1",
        autoscaled=f"{dynamic}.enabled" if executor else "",
        pods_min=f"{dynamic}.minExecutors=0" if executor else "",
        pods_max=f"{dynamic}.maxExecutors=unbounded" if executor else "",
        spelling=_SPARK, injects=_SUPPLIED, scale_out=executor,
    )  # fmt: skip


def _spark(kind: str, at: str, main: str) -> Kind:
    pods = (_spark_pod(at, main, "spark-kubernetes-driver"), _spark_pod(at, "executor", "spark-kubernetes-executor"))
    return Kind("sparkoperator.k8s.io", kind, pods, Role.BATCH, "spark-operator", job=main == "driver")


def _flink_pod(at: str, role: str, component: str, replicas: str) -> Template:
    """Job or task managers: each takes the PodSpec for all, with its own laid over it."""
    pod = f"{at}.{role}"
    return Template(
        pod, component, main="flink-main-container", metadata=f"{pod}.podTemplate.metadata|{at}.podTemplate.metadata",
        containers=("podTemplate.spec.containers[]", "", f"/{at}.podTemplate.spec.containers[]", f"/{at}"),
        init_containers=("podTemplate.spec.initContainers[]", f"/{at}.podTemplate.spec.initContainers[]"),
        inherit=f"{pod}.podTemplate.spec|{at}.podTemplate.spec", pods=f"{pod}.replicas={replicas}",
        spelling=_FLINK, injects=_SUPPLIED, scale_out=component == "taskmanager",
    )  # fmt: skip


def _flink(kind: str, at: str) -> Kind:
    """Without ``taskManager.replicas`` the operator computes them from the job's parallelism and the slots of a manager."""
    pods = (_flink_pod(at, "jobManager", "jobmanager", "1"), _flink_pod(at, "taskManager", "taskmanager", "unknown"))
    return Kind("flink.apache.org", kind, pods, Role.BATCH, "flink")


def _dask_workers(at: str) -> Template:
    return Template(f"{at}.worker.spec", "worker", pods=f"{at}.worker.replicas=1", scale_out=True)


def _dask_scheduler(at: str) -> Template:
    return Template(f"{at}.scheduler.spec", "scheduler")


_DASK = "kubernetes.dask.org"

KINDS = (
    _spark("SparkApplication", "spec", "driver"),
    _spark("ScheduledSparkApplication", "spec.template", "driver"),
    _spark("SparkConnect", "spec", "server"),
    _flink("FlinkDeployment", "spec"),
    _flink("FlinkBlueGreenDeployment", "spec.template.spec"),
    Kind(_DASK, "DaskCluster", (_dask_scheduler("spec"), _dask_workers("spec")), Role.BATCH, "dask"),
    Kind(_DASK, "DaskWorkerGroup", (_dask_workers("spec"),), Role.BATCH, "dask"),
    Kind(
        _DASK, "DaskJob",
        (Template("spec.job.spec", "job"), _dask_scheduler("spec.cluster.spec"), _dask_workers("spec.cluster.spec")),
        Role.BATCH, "dask", job=True,
    ),
)  # fmt: skip
