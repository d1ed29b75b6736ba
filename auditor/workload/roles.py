"""What a workload is there for, from its kind, its labels, its images, its command and its ports.

The first piece of evidence that decides wins. Kind beats image: a serving image in a Job is batch inference.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from auditor.document import mapping
from auditor.finding import Confidence
from auditor.kinds.model import Role
from auditor.workload.values import Image

if TYPE_CHECKING:
    from auditor.workload import Workload
    from auditor.workload.container import Container
    from auditor.workload.template import PodTemplate

__all__ = ["ROLE_ANNOTATION", "Verdict", "classify"]

Verdict = tuple[Role, Confidence]

ROLE_ANNOTATION = "mlaudit.io/role"

_LABELS: tuple[tuple[str, Role], ...] = (
    ("training.kubeflow.org/job-name", Role.TRAINING),
    ("trainer.kubeflow.org/trainjob-ancestor-step", Role.TRAINING),
    ("katib.kubeflow.org/trial", Role.TRAINING),
    ("serving.kserve.io/inferenceservice", Role.SERVING),
    ("notebook-name", Role.NOTEBOOK),
    ("hub.jupyter.org/username", Role.NOTEBOOK),
    ("spark-role", Role.BATCH),
    ("workflows.argoproj.io/workflow", Role.PIPELINE),
)
_ROLE_NAMES = frozenset(str(role) for role in Role)
_COMPONENT = "app.kubernetes.io/component"
_COMPONENTS = {
    "inference": Role.SERVING,
    "serving": Role.SERVING,
    "training": Role.TRAINING,
    "notebook": Role.NOTEBOOK,
    "singleuser-server": Role.NOTEBOOK,
}

# Matched against the repository in lower case, as whole path components where a name alone would be too short to mean something.
_IMAGES: tuple[tuple[Role, re.Pattern[str]], ...] = (
    (
        Role.INFRASTRUCTURE,
        re.compile(
            r"device-plugin|gpu-operator|gpu-feature-discovery|dcgm|container-toolkit|/driver$|dra-driver|node-feature-discovery|(^|/)kueue$"
            r"|(^|/)vc-(scheduler|controller-manager|webhook-manager|agent[\w-]*)$|(^|/)volcano-[\w-]+$|volcanosh/kube-|kuberay/operator|training-operator|kube-rbac-proxy|[\w.]-(controller|operator|webhook|scheduler)$"
            r"|controller-manager|(^|/)(controller|operator|webhook|manager)$"
        ),
    ),
    (
        Role.NOTEBOOK,
        re.compile(
            r"(^|/)jupyter/|quay\.io/jupyter|k8s-singleuser|kubeflownotebookswg/|notebook-servers/|code-server|rstudio|-notebook$|(^|/)jupyterlab$"
        ),
    ),
    (
        Role.PLATFORM,
        re.compile(
            r"(^|/)mlflow$|mlflow/mlflow|tensorboard$|kubeflow/.*dashboard|ml-pipeline/|argoproj/(argocli|workflow-controller)|(^|/)minio$|metadata-\w+$|(^|/)katib-|(^|/)feast"
            r"|(^|/)epp$|lmcache/(gateway|lmstack-\w+)|(^|/)airflow|prefect|wandb/local|label-studio|langfuse|milvus|qdrant|weaviate|chroma(db)?$|(^|/)(postgres|mysql|mariadb|redis|mongo|grafana|prometheus)$"
        ),
    ),
    (
        Role.SERVING,
        re.compile(
            r"vllm-openai|(^|/)vllm(-\w+)?$|sglang|text-generation-inference|text-embeddings-inference|tritonserver|tensorflow/serving|tf-?serving|torchserve|mlserver"
            r"|kserve/\w*server|huggingfaceserver|(^|/)nim/|lmdeploy|(^|/)ollama$|llama[.-]?cpp|localai|bentoml|openvino/model_server|(^|/)tei$|(^|/)infinity$|jetstream|maxengine"
            r"|seldonio/[\w-]*server|sax-model-server"
        ),
    ),
    (Role.BATCH, re.compile(r"apache/spark|(^|/)spark(-\w+)?$|ghcr\.io/dask|apache/beam|(^|/)flink$|sparkoperator")),
    (
        Role.TRAINING,
        re.compile(
            r"pytorch/pytorch|nvcr\.io/nvidia/(pytorch|tensorflow|nemo|jax)|tensorflow/tensorflow|rocm/pytorch|huggingface/transformers-pytorch|deepspeed|axolotl|(^|/)verl$|mpioperator/"
            r"|-trainer$|(^|[/-])train(ing)?([/-]|$)"
        ),
    ),
)

_COMMANDS: tuple[tuple[Role, re.Pattern[str]], ...] = (
    (
        Role.SERVING,
        re.compile(
            r"\bvllm serve\b|vllm\.entrypoints|sglang\.launch_server|text-generation-launcher|\btritonserver\b|tensorflow_model_server"
            r"|\btorchserve\b|\bollama serve\b|\bserve run\b|mlflow models serve|llama-server"
        ),
    ),
    (
        Role.TRAINING,
        re.compile(
            r"\btorchrun\b|torch\.distributed\.(run|launch)|accelerate launch|\bdeepspeed\b|horovodrun|mpirun\b.*python"
            r"|(^|[\s/'\"])([\w-]*[_-])?(train|fine[-_]?tune|pretrain|sft|dpo|grpo)[\w-]*\.py"
            r"|--(num_train_)?epochs\b|--learning[-_]rate\b|\bnemo\b"
        ),
    ),
    (Role.NOTEBOOK, re.compile(r"\bjupyter([- ](lab|notebook|server))|start-notebook|code-server")),
    (Role.BATCH, re.compile(r"spark-submit|\b(preprocess|tokenize|etl|evaluate|batch[-_]infer)\w*\.(py|sh)\b")),
)
# Names say little by themselves; they decide between what an image or a kind leaves open.
_TRAINING_NAME = re.compile(r"(^|[-_.])(pre)?train(ing|er|job)?([-_.]|$)|fine-?tun(e|er|ing)")
_BATCH_NAME = re.compile(r"(^|[-_.])(batch-)?(predict(ion)?|infer(ence)?|eval(uate|uation)?)([-_.]|$)")

_WEAK_SERVING_COMMAND = re.compile(r"\b(uvicorn|gunicorn)\b")

_SERVING_PORTS = frozenset({8000, 8080, 8500, 8501, 9000, 8033, 3000})
_PLATFORM_PORTS = frozenset({5000, 6006, 2746})
_NOTEBOOK_PORT = 8888
_WAITS = re.compile(r"\bsleep\b|tail\s+-f")

_SYSTEM_NAMESPACES = re.compile(r"kube-system|kube-public|gpu-operator|nvidia-gpu-operator|node-feature-discovery|.+-system")
_SYSTEM_PATHS = re.compile(r"/(var/lib/kubelet|dev|lib/modules|run/containerd|sys|run/nvidia|etc/cni|opt/cni)(/|$)")

# Roles that a second container does not give to a pod: a Redis beside a Ray head serves the head.
_BESIDE = (Role.PLATFORM, Role.INFRASTRUCTURE)

# Plugins of Volcano that wire up distributed training: https://volcano.sh/en/docs/plugins/
_TRAINING_PLUGINS = frozenset({"pytorch", "tensorflow", "mpi"})

# Kinds whose pods may be anything: a job-like kind never serves, whatever its image.
_JOB_ROLES = {Role.SERVING: Role.BATCH}


def classify(workload: Workload) -> Verdict:
    """The role of a workload with the certainty of it."""
    declared = workload.annotations.get(ROLE_ANNOTATION)
    if isinstance(declared, str) and declared in _ROLE_NAMES:
        return Role(declared), Confidence.HIGH
    row = workload.kind
    if row is not None and row.role is not None and row.role is not Role.PIPELINE:
        return row.role, Confidence.HIGH
    if _is_infrastructure(workload):
        return Role.INFRASTRUCTURE, Confidence.HIGH
    verdict = _from_labels(workload) or _from_templates(workload)
    if verdict is None:
        return (Role.PIPELINE, Confidence.HIGH) if row is not None and row.role is Role.PIPELINE else (Role.UNKNOWN, Confidence.LOW)
    role, confidence = verdict
    return (_JOB_ROLES.get(role, role) if workload.job else role), confidence


def _is_infrastructure(workload: Workload) -> bool:
    if _SYSTEM_NAMESPACES.fullmatch(workload.ref.namespace):
        return True
    if workload.ref.kind != "DaemonSet":
        return False
    return any(
        any(_SYSTEM_PATHS.match(str(volume.source.get("path"))) for volume in template.volumes if volume.kind == "hostPath")
        or any(container.security_context.get("privileged") is True for container in template.containers)
        for template in workload.templates
    )


def _from_labels(workload: Workload) -> Verdict | None:
    for labels in (workload.labels, *(template.labels for template in workload.templates)):
        for key, role in _LABELS:
            if key in labels:
                return role, Confidence.HIGH
        component = labels.get(_COMPONENT, labels.get("component"))
        if isinstance(component, str) and component in _COMPONENTS:
            return _COMPONENTS[component], Confidence.HIGH
    return None


def _from_templates(workload: Workload) -> Verdict | None:
    """The role that the template with accelerators shows, else another one; where none shows any, what kind and accelerators suggest."""
    ordered = sorted(workload.templates, key=lambda template: not template.accelerated)
    for index, template in enumerate(ordered):
        verdict = _from_template(workload, template)
        if verdict is not None and (index == 0 or verdict[0] not in _BESIDE):
            return verdict
    return next((verdict for template in ordered if (verdict := _fallback(workload, template)) is not None), None)


def _from_template(workload: Workload, template: PodTemplate) -> Verdict | None:
    containers = sorted(template.main_containers, key=lambda container: not container.accelerators)
    for index, container in enumerate(containers):
        verdict = _from_container(workload, container)
        if verdict is not None and (index == 0 or verdict[0] not in _BESIDE):
            return verdict
    return None


def _from_container(workload: Workload, container: Container) -> Verdict | None:
    by_image = role_of_image(container.image.repository) if isinstance(container.image, Image) else None
    by_command = role_of_command(container.command_line)
    if by_image is not None and by_image is not Role.TRAINING:
        return by_image, Confidence.HIGH if by_command in (None, by_image) else Confidence.MEDIUM
    if by_command is not None:
        return by_command, Confidence.HIGH if by_image is by_command else Confidence.MEDIUM
    numbers = {port.number for port in container.ports}
    long_running = not workload.job and workload.ref.kind != "Pod"
    if by_image is Role.TRAINING:  # framework images train and serve alike
        if workload.served or (long_running and numbers & _SERVING_PORTS):
            return Role.SERVING, Confidence.MEDIUM
        if _NOTEBOOK_PORT in numbers:
            return Role.NOTEBOOK, Confidence.MEDIUM
        if workload.job and _BATCH_NAME.search(workload.ref.name):
            return Role.BATCH, Confidence.MEDIUM
        return Role.TRAINING, Confidence.MEDIUM if workload.job or _is_named_training(workload, container) else Confidence.LOW
    if _NOTEBOOK_PORT in numbers and workload.framework != "kuberay":
        return Role.NOTEBOOK, Confidence.LOW
    if long_running and _WEAK_SERVING_COMMAND.search(container.command_line) and container.accelerators:
        return Role.SERVING, Confidence.MEDIUM
    if numbers & _PLATFORM_PORTS and not container.accelerators:
        return Role.PLATFORM, Confidence.LOW
    return None


def _is_named_training(workload: Workload, container: Container) -> bool:
    return _TRAINING_NAME.search(workload.ref.name) is not None or _TRAINING_NAME.search(container.name) is not None


def _fallback(workload: Workload, template: PodTemplate) -> Verdict | None:
    if workload.framework == "kuberay":
        return _of_ray(workload)
    if workload.job:
        distributed = any(
            v.name in ("MASTER_ADDR", "WORLD_SIZE") or v.name.startswith("NCCL_") for c in template.main_containers for v in c.env
        )
        if distributed or (template.accelerated and any(_is_named_training(workload, c) for c in template.main_containers)):
            return Role.TRAINING, Confidence.MEDIUM
        return _of_job(workload, template)
    if workload.framework == "lws":
        return Role.SERVING, Confidence.MEDIUM
    if not template.accelerated:
        return None
    if workload.ref.kind == "Pod" and not workload.served:
        waits = any(_WAITS.search(container.command_line) or not container.command for container in template.main_containers)
        return (Role.NOTEBOOK, Confidence.LOW) if waits else None
    if workload.ref.kind == "DaemonSet":
        return None
    return Role.SERVING, Confidence.MEDIUM if workload.served else Confidence.LOW


def _of_job(workload: Workload, template: PodTemplate) -> Verdict | None:
    """The role of a job that shows nothing but its kind."""
    if workload.framework == "volcano" and _TRAINING_PLUGINS & mapping(workload.spec.get("plugins")).keys():
        return Role.TRAINING, Confidence.MEDIUM
    if workload.ref.kind == "CronJob":
        return Role.BATCH, Confidence.MEDIUM
    return (Role.TRAINING, Confidence.LOW) if template.accelerated else None


def _of_ray(workload: Workload) -> Verdict | None:
    """The role of a Ray job by its entrypoint, else by its name; a cluster may be there for anything."""
    if not workload.job:
        return None
    job = mapping(workload.spec.get("jobTemplate")) or workload.spec
    entrypoint = job.get("entrypoint")
    if role_of_command(entrypoint if isinstance(entrypoint, str) else "") is Role.TRAINING or _TRAINING_NAME.search(workload.ref.name):
        return Role.TRAINING, Confidence.MEDIUM
    return Role.BATCH, Confidence.LOW


@lru_cache(maxsize=4096)
def role_of_image(repository: str) -> Role | None:
    """The role that an image's repository shows. `Role.TRAINING` is weak: framework images serve both."""
    return next((role for role, pattern in _IMAGES if pattern.search(repository)), None)


@lru_cache(maxsize=4096)
def role_of_command(command_line: str) -> Role | None:
    """The role that a command line shows."""
    return next((role for role, pattern in _COMMANDS if pattern.search(command_line)), None) if command_line else None
