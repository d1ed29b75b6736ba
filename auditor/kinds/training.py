"""Training, and the batch systems that training runs on.

Sources, read from custom resource definitions and published manifests in August 2026:

- Kubeflow jobs: https://www.kubeflow.org/docs/components/trainer/legacy-v1/ and https://github.com/kubeflow/mpi-operator
- Kubeflow Trainer: https://www.kubeflow.org/docs/components/trainer/
- Katib: https://www.kubeflow.org/docs/components/katib/reference/
- JobSet: https://jobset.sigs.k8s.io/docs/reference/; LeaderWorkerSet and DisaggregatedSet: https://lws.sigs.k8s.io/docs/reference/
- Kueue: https://kueue.sigs.k8s.io/docs/reference/; AppWrapper: https://project-codeflare.github.io/appwrapper/
- Volcano: https://volcano.sh/en/docs/vcjob/; Grove: https://github.com/ai-dynamo/grove/tree/main/docs/api-reference
- DLRover: https://github.com/intelligent-machine-learning/dlrover
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from auditor.document import mapping, sequence
from auditor.kinds.model import Embedded, Inject, Kind, Role, Spelling, Template
from auditor.kinds.paths import number, value_at

__all__ = ["KINDS", "group_leader", "group_workers"]

Keys = tuple[str | int, ...]

_FROM_RUNTIME = frozenset({Inject.IMAGE, Inject.COMMAND, Inject.RESTART_POLICY})


def _mpi_replicas(raw: Mapping[str, Any], keys: Keys) -> int | None:
    """A launcher that sets no number is one, workers are none.

    Source: https://github.com/kubeflow/mpi-operator/blob/master/pkg/apis/kubeflow/v2beta1/default.go
    """
    return number(raw, "spec.mpiReplicaSpecs.*.replicas", keys, default=0 if keys and str(keys[0]).lower() == "worker" else 1)


def _workers_per_group(raw: Mapping[str, Any], keys: Keys, group: str) -> int | None:
    size = number(raw, f"{group}.size", keys, default=1)
    if size is None or value_at(raw, f"{group}.leaderTemplate", keys) is None:
        return size  # without a template of its own the leader is made from that of the workers
    return max(size - 1, 0)


def group_leader(group: str, pods: str, component: str = "leader") -> Template:
    """The leader of each group of a LeaderWorkerSet: one pod, where it has a template of its own."""
    return Template(f"{group}.leaderTemplate.spec", component, pods=pods)


def group_workers(group: str, pods: str, component: str = "worker") -> Template:
    """The workers of each group: ``size`` less the leader, or all of it where the leader has no template of its own."""
    workers = partial(_workers_per_group, group=group)
    return Template(f"{group}.workerTemplate.spec", component, pods=pods, scale_out=True, times=workers)


def _clique_groups(raw: Mapping[str, Any], keys: Keys) -> int | None:
    """How many copies of a clique its scaling group makes; 1 where it is in none."""
    template = mapping(value_at(raw, "spec.template"))
    name = value_at(template, "cliques[].name", keys)
    for group in sequence(template.get("podCliqueScalingGroups")):
        if isinstance(group, dict) and name is not None and name in sequence(group.get("cliqueNames")):
            return number(group, "replicas", default=1)
    return 1


def _replica_specs(kind: str, field: str) -> Kind:
    """A job of Kubeflow's training operator v1: one template for each sort of replica (Master, Worker, Chief, PS …)."""
    path = f"spec.{field}.*"
    pods = Template(f"{path}.template.spec", "*", pods=f"{path}.replicas=1", scale_out=True)
    return Kind("kubeflow.org", kind, (pods,), Role.TRAINING, "kubeflow", job=True)


def _runtime(group: str, kind: str) -> Kind:
    """The blueprint that a TrainJob names; ``numNodes`` of the TrainJob overrides the numbers of the trainer's job."""
    path = "spec.template.spec.replicatedJobs[]"
    pods = Template(
        f"{path}.template.spec.template.spec", f"{{{path}.name}}", scale_out=True,
        pods=f"{path}.replicas=1 * {path}.template.spec.parallelism=1",
    )  # fmt: skip
    return Kind(group, kind, (pods,), Role.TRAINING, "kubeflow", job=True, incomplete=True)


def _train_job(group: str) -> Kind:
    trainer = Template(
        "spec.trainer", "trainer", containers=("",), pods="spec.trainer.numNodes", spelling=Spelling(resources="resourcesPerNode"),
        injects=_FROM_RUNTIME, partial=True, scale_out=True,
    )  # fmt: skip
    overrides = (
        Template("spec.podSpecOverrides[]", "override", pods="0", injects=_FROM_RUNTIME, partial=True),
        Template("spec.podTemplateOverrides[].spec", "override", pods="0", injects=_FROM_RUNTIME, partial=True),
    )
    return Kind(group, "TrainJob", (trainer, *overrides), Role.TRAINING, "kubeflow", job=True)


def _tasks(path: str) -> tuple[Template, ...]:
    """Tasks of a Volcano job; a task without ``replicas`` has none: no webhook of Volcano fills it in."""
    return (Template(f"{path}.template.spec", f"{{{path}.name}}", pods=f"{path}.replicas=0", scale_out=True),)


_KUBEFLOW = (
    _replica_specs("PyTorchJob", "pytorchReplicaSpecs"),
    _replica_specs("TFJob", "tfReplicaSpecs"),
    _replica_specs("XGBoostJob", "xgbReplicaSpecs"),
    _replica_specs("PaddleJob", "paddleReplicaSpecs"),
    _replica_specs("JAXJob", "jaxReplicaSpecs"),
    _replica_specs("MXJob", "mxReplicaSpecs"),
    Kind(
        "kubeflow.org", "MPIJob",
        (
            Template("spec.mpiReplicaSpecs.*.template.spec", "*", times=_mpi_replicas, scale_out=True),
            Template("spec.template.spec", pods="spec.replicas", scale_out=True),  # v1alpha1: else computed from spec.gpus
        ),
        Role.TRAINING, "kubeflow", job=True,
    ),
    _train_job("trainer.kubeflow.org"),
    _runtime("trainer.kubeflow.org", "TrainingRuntime"),
    _runtime("trainer.kubeflow.org", "ClusterTrainingRuntime"),
    _train_job("kubeflow.org"),
    _runtime("kubeflow.org", "TrainingRuntime"),
    _runtime("kubeflow.org", "ClusterTrainingRuntime"),
    Kind(
        "kubeflow.org", "Experiment",
        (
            Template(
                "spec.metricsCollectorSpec.collector.customCollector", "metrics-collector", containers=("",),
                pods="spec.parallelTrialCount=3", partial=True,
            ),
        ),
        Role.TRAINING, "katib", job=True,
        embeds=(
            Embedded("spec.trialTemplate.trialSpec", pods="spec.parallelTrialCount=3"),
            Embedded("spec.trialTemplate.goTemplate.rawTemplate", pods="spec.parallelTrialCount=3", text=True),  # v1alpha3
        ),
    ),
    Kind(
        "elastic.iml.github.io", "ElasticJob",
        (Template("spec.replicaSpecs.*.template.spec", "*", pods="spec.replicaSpecs.*.replicas=1", scale_out=True),),
        Role.TRAINING, "dlrover", job=True,
    ),
)  # fmt: skip

_JOBS = "spec.replicatedJobs[]"
_LWS = "spec.leaderWorkerTemplate"
_ROLE = "spec.roles[]"
_ROLE_PODS = f"spec.slices=1 * {_ROLE}.spec.replicas=1"
_PATCH = "spec.flows[].patch.jobSpec.tasks[]"
_CLIQUE = "spec.template.cliques[]"

_GANGS = (
    Kind(
        "jobset.x-k8s.io", "JobSet",
        (
            Template(
                f"{_JOBS}.template.spec.template.spec", f"{{{_JOBS}.name}}", scale_out=True,
                pods=f"{_JOBS}.replicas=1 * {_JOBS}.template.spec.parallelism=1",
            ),
        ),
        framework="jobset", job=True,
    ),
    Kind(
        "leaderworkerset.x-k8s.io", "LeaderWorkerSet",
        (group_leader(_LWS, "spec.replicas=1"), group_workers(_LWS, "spec.replicas=1")), framework="lws",
    ),
    Kind(
        "disaggregatedset.x-k8s.io", "DisaggregatedSet",
        (
            group_leader(f"{_ROLE}.spec.leaderWorkerTemplate", _ROLE_PODS, f"{{{_ROLE}.name}}-leader"),
            group_workers(f"{_ROLE}.spec.leaderWorkerTemplate", _ROLE_PODS, f"{{{_ROLE}.name}}-worker"),
        ),
        Role.SERVING, "lws",
    ),
    Kind(
        "grove.io", "PodCliqueSet",
        (
            Template(
                f"{_CLIQUE}.spec.podSpec", f"{{{_CLIQUE}.name}}", metadata=_CLIQUE, times=_clique_groups, scale_out=True,
                pods=f"spec.replicas=0 * {_CLIQUE}.spec.replicas=1",
            ),
        ),
        framework="grove",
    ),
    Kind(
        "grove.io", "PodClique",
        (Template("spec.podSpec", metadata="metadata", pods="spec.replicas=1", scale_out=True),), framework="grove",
    ),
    Kind("batch.volcano.sh", "Job", _tasks("spec.tasks[]"), framework="volcano", job=True),
    Kind("batch.volcano.sh", "CronJob", _tasks("spec.jobTemplate.spec.tasks[]"), framework="volcano", job=True),
    Kind("flow.volcano.sh", "JobTemplate", _tasks("spec.tasks[]"), framework="volcano", job=True, incomplete=True),
    Kind(
        "flow.volcano.sh", "JobFlow",
        (Template(f"{_PATCH}.template.spec", f"{{{_PATCH}.name}}", pods=f"{_PATCH}.replicas", partial=True, scale_out=True),),
        framework="volcano", job=True,
    ),
    Kind(
        "kueue.x-k8s.io", "Workload",
        (Template("spec.podSets[].template.spec", "{spec.podSets[].name}", pods="spec.podSets[].count=1"),), framework="kueue",
    ),
    Kind(
        "workload.codeflare.dev", "AppWrapper", framework="appwrapper",
        embeds=(
            Embedded("spec.components[].template"),
            Embedded("spec.resources.GenericItems[].generictemplate", pods="spec.resources.GenericItems[].replicas=1"),  # v1beta1
        ),
    ),
)  # fmt: skip

KINDS = (*_KUBEFLOW, *_GANGS)
