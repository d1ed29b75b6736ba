"""Ray clusters, and what wraps them.

KubeRay gives the Ray containers readiness and liveness probes and a memory-backed ``/dev/shm``, and writes their ``ray start`` command.

Sources: https://docs.ray.io/en/latest/cluster/kubernetes/references.html and the custom resource definitions in
https://github.com/ray-project/kuberay/tree/master/ray-operator/config/crd/bases (``numOfHosts`` 1, ``replicas`` and ``minReplicas`` 0,
``maxReplicas`` the largest int32, where they are not set); for fleets of clusters https://aibrix.readthedocs.io. Read in August 2026.
"""

from __future__ import annotations

from auditor.kinds.model import Inject, Kind, Role, Template

__all__ = ["KINDS"]

_BY_KUBERAY = frozenset({Inject.READINESS, Inject.LIVENESS, Inject.SHARED_MEMORY, Inject.COMMAND})
_BY_SUBMITTER = frozenset({Inject.IMAGE, Inject.COMMAND, Inject.RESTART_POLICY})


def _cluster(at: str, times: str = "") -> tuple[Template, Template]:
    """Head and workers of the RayCluster whose spec stands at ``at``; ``times`` is how many such clusters there are.

    A group without ``replicas`` starts with its ``minReplicas``: the operator keeps the number within its bounds.
    """
    clusters = f"{times} * " if times else ""
    group = f"{at}.workerGroupSpecs[]"
    hosts = f"{clusters}{group}.numOfHosts=1"
    collector = f"/{at}.historyServerOptions.collectorOptions"
    head = Template(
        f"{at}.headGroupSpec.template.spec", "head", pods=times or "1", injects=_BY_KUBERAY,
        sidecars=(f"/{at}.autoscalerOptions", collector),
    )  # fmt: skip
    workers = Template(
        f"{group}.template.spec", "worker", injects=_BY_KUBERAY, sidecars=(collector,), scale_out=True,
        pods=f"{hosts} * {group}.replicas|{group}.minReplicas=0",
        autoscaled=f"{at}.enableInTreeAutoscaling",
        pods_min=f"{hosts} * {group}.minReplicas=0",
        pods_max=f"{hosts} * {group}.maxReplicas=unbounded",
    )  # fmt: skip
    return head, workers


def _submitter(at: str) -> Template:
    return Template(f"{at}.submitterPodTemplate.spec", "submitter", injects=_BY_SUBMITTER)


KINDS = (
    Kind("ray.io", "RayCluster", _cluster("spec"), framework="kuberay"),
    Kind("ray.io", "RayJob", (*_cluster("spec.rayClusterSpec"), _submitter("spec")), framework="kuberay", job=True),
    Kind(
        "ray.io", "RayCronJob", (*_cluster("spec.jobTemplate.rayClusterSpec"), _submitter("spec.jobTemplate")),
        framework="kuberay", job=True,
    ),
    Kind("ray.io", "RayService", _cluster("spec.rayClusterConfig"), Role.SERVING, "kuberay"),
    Kind("orchestration.aibrix.ai", "RayClusterFleet", _cluster("spec.template.spec", "spec.replicas=1"), framework="aibrix"),
    Kind("orchestration.aibrix.ai", "RayClusterReplicaSet", _cluster("spec.template.spec", "spec.replicas=1"), framework="aibrix"),
)  # fmt: skip
