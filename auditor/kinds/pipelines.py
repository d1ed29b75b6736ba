"""Workflows, data processing, notebooks, and objects that start others.

Sources, read from custom resource definitions and published manifests in August 2026:

- Argo: https://argo-workflows.readthedocs.io/en/latest/fields/, https://argoproj.github.io/argo-events/sensors/trigger-conditions/,
  https://argo-rollouts.readthedocs.io/en/stable/features/analysis/
- Tekton: https://tekton.dev/docs/pipelines/
- Kubeflow: https://github.com/kubeflow/kubeflow/tree/master/components, https://github.com/kubeflow/notebooks,
  https://github.com/kubeflow/pipelines/tree/master/backend/src/crd
- Agent Sandbox: https://agent-sandbox.sigs.k8s.io/docs/
"""

from __future__ import annotations

from auditor.kinds.model import Embedded, Inject, Kind, Role, Spelling, Template

__all__ = ["KINDS"]

_RESTART = frozenset({Inject.RESTART_POLICY})  # steps are never restarted in place: their engine retries them


def _step(path: str, component: str, at: str, pods: str = "1") -> Template:
    """One Argo template. A template may be a DAG, a list of steps or an approval instead, which make no pod."""
    return Template(
        path, component, containers=("container", "script", "containerSet.containers[]"), sidecars=("sidecars[]",),
        needs=("container", "script", "containerSet"), metadata=f"{path}.metadata", pods=pods,
        inherit=f"{at}.templateDefaults|{at}", injects=_RESTART,
    )  # fmt: skip


def _argo(at: str) -> tuple[Template, ...]:
    """The templates of the WorkflowSpec that stands at ``at``, with those written inline in steps and DAGs."""
    templates = f"{at}.templates[]"
    return (
        _step(templates, f"{{{templates}.name}}", at),
        _step(f"{templates}.steps[][].inline", f"{{{templates}.steps[][].name}}", at),
        _step(f"{templates}.dag.tasks[].inline", f"{{{templates}.dag.tasks[].name}}", at),
        _step(f"{at}.templateDefaults", "defaults", at, pods="0"),
        Template(
            f"{at}.executorPlugins[].spec.sidecar", "agent", containers=("container",), init_containers=(), inherit=at, injects=_RESTART,
        ),
    )  # fmt: skip


def _argo_kind(kind: str, at: str = "spec", *, incomplete: bool = False) -> Kind:
    manifests = (Embedded(f"{at}.templates[].resource.manifest", text=True),)
    return Kind("argoproj.io", kind, _argo(at), Role.PIPELINE, "argo", job=True, incomplete=incomplete, embeds=manifests)


def _analysis(kind: str, *, incomplete: bool) -> Kind:
    """A Job that judges a rollout."""
    job = "spec.metrics[].provider.job.spec"
    pods = Template(f"{job}.template.spec", "{spec.metrics[].name}", pods=f"{job}.parallelism=1")
    return Kind("argoproj.io", kind, (pods,), Role.BATCH, "argo-rollouts", job=True, incomplete=incomplete)


def _task(at: str, component: str, pod: str) -> Template:
    """A Tekton task: one pod, whose steps run one after the other. Resources are ``resources`` in v1beta1, ``computeResources`` in v1."""
    return Template(
        at, component, containers=("steps[]",), sidecars=("sidecars[]",), init_containers=(), inherit=pod, metadata=f"{at}.metadata",
        spelling=Spelling(resources="computeResources|resources"), injects=_RESTART,
    )  # fmt: skip


def _tekton(kind: str, templates: tuple[Template, ...], *, incomplete: bool = False) -> Kind:
    return Kind("tekton.dev", kind, templates, Role.PIPELINE, "tekton", job=True, incomplete=incomplete)


def _pipeline(at: str, pod: str = "") -> tuple[Template, ...]:
    return tuple(
        _task(f"{at}.{tasks}[].taskSpec", f"{{{at}.{tasks}[].name}}", pod) for tasks in ("tasks", "finally")
    )  # fmt: skip


_ARGO = (
    _argo_kind("Workflow"),
    _argo_kind("CronWorkflow", "spec.workflowSpec"),
    _argo_kind("WorkflowTemplate", incomplete=True),
    _argo_kind("ClusterWorkflowTemplate", incomplete=True),
    _analysis("AnalysisRun", incomplete=False),
    _analysis("AnalysisTemplate", incomplete=True),
    _analysis("ClusterAnalysisTemplate", incomplete=True),
    Kind(
        "argoproj.io", "Experiment",
        (Template("spec.templates[].template.spec", "{spec.templates[].name}", pods="spec.templates[].replicas=1"),),
        framework="argo-rollouts",
    ),
    Kind(
        "argoproj.io", "Sensor", (), Role.PIPELINE, "argo-events",
        embeds=(
            Embedded("spec.triggers[].template.k8s.source.resource"),
            Embedded("spec.triggers[].template.argoWorkflow.source.resource"),
        ),
    ),
)  # fmt: skip

_TEKTON = (
    _tekton("Task", (_task("spec", "", ""),), incomplete=True),
    _tekton("ClusterTask", (_task("spec", "", ""),), incomplete=True),
    _tekton("TaskRun", (_task("spec.taskSpec", "", "spec.podTemplate"),)),
    _tekton("Pipeline", _pipeline("spec"), incomplete=True),
    _tekton("PipelineRun", _pipeline("spec.pipelineSpec", "spec.taskRunTemplate.podTemplate|spec.podTemplate")),
)

_OPTIONS = "spec.podTemplate.options"
_BY_NOTEBOOKS = frozenset({Inject.IMAGE, Inject.COMMAND, Inject.REQUESTS, Inject.LIMITS})

_KUBEFLOW = (
    Kind("kubeflow.org", "ScheduledWorkflow", _argo("spec.workflow.spec"), Role.PIPELINE, "kubeflow-pipelines", job=True),
    Kind("kubeflow.org", "Viewer", (Template("spec.podTemplateSpec.spec"),), Role.PLATFORM, "kubeflow-pipelines"),
    Kind("kubeflow.org", "Notebook", (Template("spec.template.spec"),), Role.NOTEBOOK, "kubeflow"),
    Kind(
        "kubeflow.org", "PodDefault", (Template("spec", containers=(), sidecars=("sidecars[]",), metadata="spec", partial=True),),
        framework="kubeflow", incomplete=True,
    ),
    # Notebooks version 2: a Workspace picks one image and one pod size from the options of its WorkspaceKind.
    Kind("kubeflow.org", "Workspace", (), Role.NOTEBOOK, "kubeflow"),
    Kind(
        "kubeflow.org", "WorkspaceKind",
        (
            Template(
                f"{_OPTIONS}.imageConfig.values[].spec", f"{{{_OPTIONS}.imageConfig.values[].id}}", containers=("",), init_containers=(),
                injects=_BY_NOTEBOOKS, partial=True,
            ),
            Template(
                f"{_OPTIONS}.podConfig.values[]", f"{{{_OPTIONS}.podConfig.values[].id}}", containers=("spec", ""), init_containers=(),
                main="main", inherit=f"{_OPTIONS}.podConfig.values[].spec", injects=_BY_NOTEBOOKS, partial=True,
            ),
        ),
        Role.NOTEBOOK, "kubeflow", incomplete=True,
    ),
)  # fmt: skip

_SANDBOX = Template("spec.podTemplate.spec", pods="spec.replicas=1")
_SANDBOXES = (
    Kind("agents.x-k8s.io", "Sandbox", (_SANDBOX,), framework="agent-sandbox"),
    Kind("extensions.agents.x-k8s.io", "SandboxTemplate", (_SANDBOX,), framework="agent-sandbox", incomplete=True),
)

KINDS = (*_ARGO, *_TEKTON, *_KUBEFLOW, *_SANDBOXES)
