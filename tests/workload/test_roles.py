"""What a workload is there for: one small manifest for each sort of evidence, in the order in which it decides."""

from __future__ import annotations

import pytest

from auditor.document import Document
from auditor.rule import Confidence, Role
from auditor.snapshot import Snapshot
from auditor.source.text import read_text
from auditor.workload import Workload
from auditor.workload.roles import role_of_command, role_of_image

HIGH, MEDIUM, LOW = Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW
GPU = "resources: {limits: {nvidia.com/gpu: 1}}"
APP = "image: ghcr.io/example/app:1.0"

# kind → apiVersion, the spec around a PodSpec
BUILT_IN = {
    "Pod": ("v1", "POD"),
    "Deployment": ("apps/v1", "{template: {metadata: {labels: LABELS}, spec: POD}}"),
    "StatefulSet": ("apps/v1", "{template: {metadata: {labels: LABELS}, spec: POD}}"),
    "DaemonSet": ("apps/v1", "{template: {metadata: {labels: LABELS}, spec: POD}}"),
    "Job": ("batch/v1", "{template: {metadata: {labels: LABELS}, spec: POD}}"),
    "CronJob": ("batch/v1", "{jobTemplate: {spec: {template: {metadata: {labels: LABELS}, spec: POD}}}}"),
    "JobSet": ("jobset.x-k8s.io/v1alpha2", "{replicatedJobs: [{name: a, template: {spec: {template: {spec: POD}}}}]}"),
}


def manifest(kind: str, *containers: str, labels: str = "{}", pod: str = "", metadata: str = "name: a") -> str:
    """A manifest with these containers. ``labels`` are those of the pods; ``pod`` and ``metadata`` are further fields."""
    version, spec = BUILT_IN[kind]
    listed = ", ".join(f"{{name: c{index}, {container}}}" for index, container in enumerate(containers))
    spec = spec.replace("POD", f"{{containers: [{listed}]{', ' + pod if pod else ''}}}").replace("LABELS", labels)
    own = f", labels: {labels}" if kind == "Pod" else ""
    return f"apiVersion: {version}\nkind: {kind}\nmetadata: {{{metadata}{own}}}\nspec: {spec}\n"


def verdict(*manifests: str) -> tuple[Role, Confidence]:
    """The role of the first of some objects that stand together."""
    snapshot = Snapshot([item for item in read_text("---\n".join(manifests), "a.yaml") if isinstance(item, Document)])
    workload: Workload = snapshot.workloads[0]
    return workload.role, workload.role_confidence


# -- 1 declared ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", list(Role))
def test_annotation_decides(role: Role) -> None:
    metadata = f"name: a, namespace: kube-system, annotations: {{mlaudit.io/role: {role}}}"
    assert verdict(manifest("Deployment", "image: vllm/vllm-openai:v0.11.0", metadata=metadata)) == (role, HIGH)


@pytest.mark.parametrize("value", ["server", "''", "null", "5", "[serving]"])
def test_annotation_that_names_no_role_is_passed_over(value: str) -> None:
    metadata = f"name: a, annotations: {{mlaudit.io/role: {value}}}"
    assert verdict(manifest("Deployment", "image: vllm/vllm-openai:v0.11.0", metadata=metadata)) == (Role.SERVING, HIGH)


# -- 2 kind -------------------------------------------------------------------------------------------------------------------------------

KINDS = {
    Role.TRAINING: [
        *(f"kubeflow.org/v1 {kind}" for kind in ("PyTorchJob", "TFJob", "MPIJob", "XGBoostJob", "PaddleJob", "JAXJob", "MXJob")),
        "kubeflow.org/v2beta1 MPIJob", "trainer.kubeflow.org/v1alpha1 TrainJob", "trainer.kubeflow.org/v1alpha1 ClusterTrainingRuntime",
        "elastic.iml.github.io/v1alpha1 ElasticJob", "kubeflow.org/v1beta1 Experiment",
    ],
    Role.SERVING: [
        *(f"serving.kserve.io/v1beta1 {kind}" for kind in ("InferenceService", "LLMInferenceService", "ServingRuntime")),
        "serving.kserve.io/v1alpha1 ClusterServingRuntime", "serving.kserve.io/v1alpha1 LLMInferenceServiceConfig",
        "ray.io/v1 RayService", "machinelearning.seldon.io/v1 SeldonDeployment", "mlops.seldon.io/v1alpha1 Server",
        "apps.nvidia.com/v1alpha1 NIMService", "production-stack.vllm.ai/v1alpha1 VLLMRuntime", "nvidia.com/v1alpha1 DynamoGraphDeployment",
    ],
    Role.NOTEBOOK: ["kubeflow.org/v1 Notebook", "kubeflow.org/v1beta1 Workspace"],
    Role.BATCH: [
        "sparkoperator.k8s.io/v1beta2 SparkApplication", "kubernetes.dask.org/v1 DaskJob", "flink.apache.org/v1beta1 FlinkDeployment",
    ],
    Role.PIPELINE: [
        *(f"argoproj.io/v1alpha1 {kind}" for kind in ("Workflow", "CronWorkflow", "WorkflowTemplate", "ClusterWorkflowTemplate")),
        "tekton.dev/v1 PipelineRun", "kubeflow.org/v1beta1 ScheduledWorkflow",
    ],
    Role.INFRASTRUCTURE: ["nvidia.com/v1 ClusterPolicy", "nvidia.com/v1alpha1 NVIDIADriver"],
}  # fmt: skip


@pytest.mark.parametrize(("role", "who"), [(role, who) for role, kinds in KINDS.items() for who in kinds])
def test_kind_decides(role: Role, who: str) -> None:
    version, kind = who.split()
    assert verdict(f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a}}\nspec: {{}}\n") == (role, HIGH)


@pytest.mark.parametrize("who", ["example.com/v1 Notebook", "example.com/v1 PyTorchJob", "apps/v1 Job"])
def test_kind_of_another_group_decides_nothing(who: str) -> None:
    version, kind = who.split()
    document = f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a}}\nspec: {{containers: [{{name: a, {APP}}}]}}\n"
    snapshot = Snapshot([item for item in read_text(document, "a.yaml") if isinstance(item, Document)])
    assert [workload.role for workload in snapshot.workloads] in ([], [Role.UNKNOWN])


# -- infrastructure -----------------------------------------------------------------------------------------------------------------------

HOST = "volumes: [{name: v, hostPath: {path: PATH}}]"


@pytest.mark.parametrize("path", ["/var/lib/kubelet/device-plugins", "/dev", "/lib/modules", "/run/containerd/containerd.sock"])
def test_daemon_set_on_paths_of_the_node_is_infrastructure(path: str) -> None:
    assert verdict(manifest("DaemonSet", APP, pod=HOST.replace("PATH", path))) == (Role.INFRASTRUCTURE, HIGH)


def test_privileged_daemon_set_is_infrastructure() -> None:
    assert verdict(manifest("DaemonSet", f"{APP}, securityContext: {{privileged: true}}")) == (Role.INFRASTRUCTURE, HIGH)


@pytest.mark.parametrize("path", ["/data", "/devices", "/var/lib/models"])
def test_daemon_set_on_other_paths_is_not(path: str) -> None:
    assert verdict(manifest("DaemonSet", APP, pod=HOST.replace("PATH", path))) == (Role.UNKNOWN, LOW)


def test_deployment_on_paths_of_the_node_is_not() -> None:
    assert verdict(manifest("Deployment", APP, pod=HOST.replace("PATH", "/dev")))[0] is Role.UNKNOWN


@pytest.mark.parametrize("namespace", ["kube-system", "gpu-operator", "kuberay-system", "knative-serving-system"])
def test_namespace_of_the_system_is_infrastructure(namespace: str) -> None:
    text = manifest("Deployment", f"image: vllm/vllm-openai:v0.11.0, {GPU}", metadata=f"name: a, namespace: {namespace}")
    assert verdict(text) == (Role.INFRASTRUCTURE, HIGH)


@pytest.mark.parametrize("namespace", ["system", "ml-systems", "my-kube-system-copy"])
def test_namespace_that_only_looks_like_it_is_not(namespace: str) -> None:
    text = manifest("Deployment", "image: vllm/vllm-openai:v0.11.0", metadata=f"name: a, namespace: {namespace}")
    assert verdict(text) == (Role.SERVING, HIGH)


# -- 3 labels -----------------------------------------------------------------------------------------------------------------------------

LABELS = [
    ("training.kubeflow.org/job-name: a", Role.TRAINING),
    ("trainer.kubeflow.org/trainjob-ancestor-step: trainer", Role.TRAINING),
    ("katib.kubeflow.org/trial: a", Role.TRAINING),
    ("serving.kserve.io/inferenceservice: a", Role.SERVING),
    ("notebook-name: a", Role.NOTEBOOK),
    ("hub.jupyter.org/username: a", Role.NOTEBOOK),
    ("component: singleuser-server", Role.NOTEBOOK),
    ("spark-role: driver", Role.BATCH),
    ("workflows.argoproj.io/workflow: a", Role.PIPELINE),
    ("app.kubernetes.io/component: inference", Role.SERVING),
    ("app.kubernetes.io/component: serving", Role.SERVING),
    ("app.kubernetes.io/component: training", Role.TRAINING),
    ("app.kubernetes.io/component: notebook", Role.NOTEBOOK),
]


@pytest.mark.parametrize(("label", "role"), LABELS)
def test_label_of_an_operator_beats_the_image(label: str, role: Role) -> None:
    text = manifest("Pod", "image: minio/minio:RELEASE.2025-01-01T00-00-00Z", labels=f"{{{label}}}")
    assert verdict(text) == (role, HIGH)


def test_label_of_the_pods_counts_like_that_of_the_object() -> None:
    assert verdict(manifest("Deployment", APP, labels="{app.kubernetes.io/component: inference}")) == (Role.SERVING, HIGH)


@pytest.mark.parametrize(
    "labels", ["{app.kubernetes.io/component: controller}", "{app.kubernetes.io/component: [inference]}", "{component: null}"]
)
def test_other_components_decide_nothing(labels: str) -> None:
    assert verdict(manifest("Deployment", APP, labels=labels)) == (Role.UNKNOWN, LOW)


# -- 4 image ------------------------------------------------------------------------------------------------------------------------------

IMAGES = {
    Role.SERVING: [
        "vllm/vllm-openai", "lmsysorg/sglang", "ghcr.io/huggingface/text-generation-inference",
        "ghcr.io/huggingface/text-embeddings-inference",
        "nvcr.io/nvidia/tritonserver", "tensorflow/serving", "pytorch/torchserve", "seldonio/mlserver", "kserve/sklearnserver",
        "kserve/huggingfaceserver", "nvcr.io/nim/meta/llama-3.1-8b-instruct", "openmmlab/lmdeploy", "ollama/ollama",
        "ghcr.io/ggml-org/llama.cpp",
        "localai/localai", "openvino/model_server", "michaelf34/infinity", "seldonio/mlflowserver",
    ],
    Role.NOTEBOOK: [
        "jupyter/scipy-notebook", "quay.io/jupyter/pytorch-notebook", "jupyterhub/k8s-singleuser-sample",
        "kubeflownotebookswg/jupyter-scipy",
        "codercom/code-server", "rocker/rstudio", "ghcr.io/example/base-notebook",
    ],
    Role.TRAINING: [
        "pytorch/pytorch", "nvcr.io/nvidia/pytorch", "nvcr.io/nvidia/nemo", "tensorflow/tensorflow", "rocm/pytorch",
        "huggingface/transformers-pytorch-gpu", "ghcr.io/example/deepspeed", "axolotlai/axolotl", "mpioperator/mpi-pi",
        "ghcr.io/example/sft-trainer",
        "ghcr.io/example/train",
    ],
    Role.BATCH: ["apache/spark", "ghcr.io/dask/dask", "apache/beam_python3.11_sdk", "library/flink"],
    Role.PLATFORM: [
        "ghcr.io/mlflow/mlflow", "tensorflow/tensorboard", "ghcr.io/kubeflow/kubeflow/centraldashboard", "gcr.io/ml-pipeline/api-server",
        "argoproj/argocli", "minio/minio", "ghcr.io/kubeflow/katib/katib-ui", "apache/airflow", "prefecthq/prefect", "wandb/local",
        "heartexlabs/label-studio", "langfuse/langfuse", "milvusdb/milvus", "qdrant/qdrant", "semitechnologies/weaviate", "chromadb/chroma",
    ],
    Role.INFRASTRUCTURE: [
        "nvcr.io/nvidia/k8s-device-plugin", "nvcr.io/nvidia/gpu-operator", "nvcr.io/nvidia/gpu-feature-discovery",
        "nvcr.io/nvidia/k8s/dcgm-exporter", "nvcr.io/nvidia/k8s/container-toolkit", "nvcr.io/nvidia/driver",
        "nvcr.io/nvidia/k8s-dra-driver-gpu",
        "registry.k8s.io/nfd/node-feature-discovery", "registry.k8s.io/kueue/kueue", "volcanosh/vc-scheduler", "quay.io/kuberay/operator",
        "kubeflow/training-operator", "ghcr.io/example/cache-controller", "ghcr.io/example/cache-operator", "ghcr.io/example/pod-webhook",
        "quay.io/brancz/kube-rbac-proxy",
    ],
    None: ["ghcr.io/example/app", "library/nginx", "ghcr.io/example/trainings-portal", "ghcr.io/example/vllmish/app", "rayproject/ray",
    "python"],
}  # fmt: skip


@pytest.mark.parametrize(("role", "image"), [(role, image) for role, images in IMAGES.items() for image in images])
def test_role_of_an_image(role: Role | None, image: str) -> None:
    assert role_of_image(image) is role


def test_image_decides() -> None:
    assert verdict(manifest("Deployment", "image: 'vllm/vllm-openai:v0.11.0'")) == (Role.SERVING, HIGH)
    assert verdict(manifest("StatefulSet", "image: 'registry.example.com:5000/qdrant/qdrant@sha256:00'")) == (Role.PLATFORM, HIGH)


@pytest.mark.parametrize("image", ["'${IMAGE}'", "null", "5", "{a: b}"])
def test_image_that_is_unknown_decides_nothing(image: str) -> None:
    assert verdict(manifest("Deployment", f"image: {image}")) == (Role.UNKNOWN, LOW)


# -- 5 command ----------------------------------------------------------------------------------------------------------------------------

COMMANDS = {
    Role.TRAINING: [
        "torchrun --nproc-per-node 8 main.py", "python -m torch.distributed.run main.py", "accelerate launch main.py", "deepspeed main.py",
        "horovodrun -np 4 python main.py", "mpirun -np 4 python main.py", "python train.py", "python /workspace/finetune_lora.py",
        "sh -c 'cd /src && python pretrain_gpt.py'", "python main.py --epochs 3", "python main.py --learning_rate=1e-4",
    ],
    Role.SERVING: [
        "vllm serve meta-llama/Llama-3.1-8B", "python -m vllm.entrypoints.openai.api_server", "python -m sglang.launch_server",
        "text-generation-launcher --model-id x", "tritonserver --model-store /models", "tensorflow_model_server --port=8500",
        "torchserve --start", "ollama serve", "serve run app:deployment", "mlflow models serve -m models:/a/1",
    ],
    Role.NOTEBOOK: ["jupyter lab --ip 0.0.0.0", "jupyter notebook", "jupyter server", "start-notebook.sh", "code-server --auth none"],
    Role.BATCH: ["spark-submit job.py", "python preprocess.py", "python tokenize_corpus.py", "bash etl.sh", "python batch_infer.py"],
    None: ["python main.py", "sleep infinity", "nvidia-smi", "python constrained.py", "python -m http.server"],
}  # fmt: skip


@pytest.mark.parametrize(("role", "command"), [(role, command) for role, commands in COMMANDS.items() for command in commands])
def test_role_of_a_command(role: Role | None, command: str) -> None:
    assert role_of_command(command) is role


def test_command_decides_where_the_image_says_nothing() -> None:
    assert verdict(manifest("Deployment", f"{APP}, command: [vllm, serve, a/b]")) == (Role.SERVING, MEDIUM)
    assert verdict(manifest("Job", f"{APP}, command: [bash, -c], args: ['torchrun train.py']")) == (Role.TRAINING, MEDIUM)


def test_command_confirms_or_weakens_the_image() -> None:
    assert verdict(manifest("Deployment", "image: vllm/vllm-openai:v1, command: [vllm, serve, a/b]")) == (Role.SERVING, HIGH)
    assert verdict(manifest("Deployment", "image: vllm/vllm-openai:v1, command: [python, train.py]")) == (Role.SERVING, MEDIUM)
    assert verdict(manifest("Job", "image: pytorch/pytorch:2.9.0, command: [python, train.py]")) == (Role.TRAINING, HIGH)


def test_command_beats_the_image_of_a_framework() -> None:
    assert verdict(manifest("Deployment", "image: pytorch/pytorch:2.9.0, command: [jupyter, lab]")) == (Role.NOTEBOOK, MEDIUM)


# -- 2 kinds whose role the context decides -----------------------------------------------------------------------------------------------

GROUPS = """
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {name: a}
spec:
  leaderWorkerTemplate:
    size: 2
    leaderTemplate: {spec: {containers: [{name: a, image: ghcr.io/example/app:1.0, COMMAND}]}}
    workerTemplate: {spec: {containers: [{name: a, image: ghcr.io/example/app:1.0, RESOURCES}]}}
"""
TASKS = """
apiVersion: batch.volcano.sh/v1alpha1
kind: Job
metadata: {name: a}
spec:
  plugins: {PLUGIN: []}
  tasks: [{name: w, replicas: 2, template: {spec: {containers: [{name: a, image: ghcr.io/example/app:1.0}]}}}]
"""


def test_leader_worker_set_serves_unless_it_shows_training() -> None:
    text = GROUPS.replace("RESOURCES", GPU)
    assert verdict(text.replace("COMMAND", "command: [./serve]")) == (Role.SERVING, MEDIUM)
    assert verdict(text.replace("COMMAND", "command: [torchrun, a.py]")) == (Role.TRAINING, MEDIUM)


@pytest.mark.parametrize("plugin", ["pytorch", "tensorflow", "mpi"])
def test_volcano_job_with_a_plugin_of_a_framework_trains(plugin: str) -> None:
    assert verdict(TASKS.replace("PLUGIN", plugin)) == (Role.TRAINING, MEDIUM)


def test_volcano_job_with_another_plugin_is_unknown() -> None:
    assert verdict(TASKS.replace("PLUGIN", "svc")) == (Role.UNKNOWN, LOW)


def test_cron_job_without_training_is_batch() -> None:
    assert verdict(manifest("CronJob", f"{APP}, {GPU}")) == (Role.BATCH, MEDIUM)
    assert verdict(manifest("CronJob", f"{APP}, command: [torchrun, a.py]")) == (Role.TRAINING, MEDIUM)


def test_ray_job_by_its_entrypoint() -> None:
    text = """
apiVersion: ray.io/v1
kind: RayJob
metadata: {name: a}
spec:
  entrypoint: ENTRYPOINT
  rayClusterSpec: {headGroupSpec: {template: {spec: {containers: [{name: h, image: 'rayproject/ray:2.46.0'}]}}}}
"""
    assert verdict(text.replace("ENTRYPOINT", "python train.py")) == (Role.TRAINING, MEDIUM)
    assert verdict(text.replace("ENTRYPOINT", "python main.py")) == (Role.BATCH, LOW)


# -- 6 ports and wiring -------------------------------------------------------------------------------------------------------------------

SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}, ports: [{port: 80}]}\n"
SCALER = (
    "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\n"
    "spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n"
)


def test_framework_image_behind_a_service_serves() -> None:
    text = manifest("Deployment", "image: pytorch/pytorch:2.9.0", labels="{app: a}")
    assert verdict(text, SERVICE) == (Role.SERVING, MEDIUM)
    assert verdict(text) == (Role.TRAINING, LOW)


def test_framework_image_with_a_serving_port_serves() -> None:
    assert verdict(manifest("Deployment", "image: pytorch/pytorch:2.9.0, ports: [{containerPort: 8080}]")) == (Role.SERVING, MEDIUM)


def test_framework_image_in_a_job_trains_behind_whatever_port() -> None:
    assert verdict(manifest("Job", "image: pytorch/pytorch:2.9.0, ports: [{containerPort: 8080}]")) == (Role.TRAINING, MEDIUM)


@pytest.mark.parametrize("wiring", [SERVICE, SCALER])
def test_accelerator_behind_a_service_or_an_autoscaler_serves(wiring: str) -> None:
    text = manifest("Deployment", f"{APP}, {GPU}", labels="{app: a}")
    assert verdict(text, wiring) == (Role.SERVING, MEDIUM)


def test_service_of_other_pods_leads_nowhere() -> None:
    assert verdict(manifest("Deployment", f"{APP}, {GPU}", labels="{app: b}"), SERVICE) == (Role.SERVING, LOW)


def test_web_server_with_an_accelerator_serves() -> None:
    assert verdict(manifest("Deployment", f"{APP}, command: [uvicorn, 'app:app'], {GPU}")) == (Role.SERVING, MEDIUM)
    assert verdict(manifest("Deployment", f"{APP}, command: [uvicorn, 'app:app']")) == (Role.UNKNOWN, LOW)


@pytest.mark.parametrize(("port", "role"), [(8888, Role.NOTEBOOK), (5000, Role.PLATFORM), (6006, Role.PLATFORM), (2746, Role.PLATFORM)])
def test_port_alone_is_weak(port: int, role: Role) -> None:
    assert verdict(manifest("Deployment", f"{APP}, ports: [{{containerPort: {port}}}]")) == (role, LOW)


@pytest.mark.parametrize("variable", ["MASTER_ADDR", "WORLD_SIZE", "NCCL_DEBUG"])
def test_variables_of_distributed_training(variable: str) -> None:
    env = f"env: [{{name: {variable}, value: x}}]"
    assert verdict(manifest("JobSet", f"{APP}, {env}")) == (Role.TRAINING, MEDIUM)
    assert verdict(manifest("Deployment", f"{APP}, {env}")) == (Role.UNKNOWN, LOW)


# -- 7 fallback ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_accelerator_that_runs_on_probably_serves(kind: str) -> None:
    assert verdict(manifest(kind, f"{APP}, {GPU}")) == (Role.SERVING, LOW)


@pytest.mark.parametrize("kind", ["Job", "JobSet"])
def test_accelerator_that_ends_probably_trains(kind: str) -> None:
    assert verdict(manifest(kind, f"{APP}, {GPU}")) == (Role.TRAINING, LOW)


@pytest.mark.parametrize("command", ["", "command: [sleep, infinity], ", "command: [tail, -f, /dev/null], "])
def test_bare_pod_that_waits_is_interactive(command: str) -> None:
    assert verdict(manifest("Pod", f"{APP}, {command}{GPU}")) == (Role.NOTEBOOK, LOW)


@pytest.mark.parametrize("text", [
    manifest("Pod", f"{APP}, command: [./run], {GPU}"), manifest("Pod", APP), manifest("Deployment", APP), manifest("Job", APP),
    manifest("DaemonSet", f"{APP}, {GPU}"), manifest("Deployment"),
])  # fmt: skip
def test_all_else_is_unknown(text: str) -> None:
    assert verdict(text) == (Role.UNKNOWN, LOW)


# -- conflicts ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["Job", "JobSet"])
def test_serving_image_in_a_job_is_batch_inference(kind: str) -> None:
    assert verdict(manifest(kind, f"image: vllm/vllm-openai:v0.11.0, {GPU}")) == (Role.BATCH, HIGH)


def test_kind_beats_image_command_and_label() -> None:
    text = """
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {name: a, labels: {app.kubernetes.io/component: inference}}
spec: {pytorchReplicaSpecs: {Worker: {template: {spec: {containers: [{name: a, image: vllm/vllm-openai:v1, command: [vllm, serve, b]}]}}}}}
"""
    assert verdict(text) == (Role.TRAINING, HIGH)


def test_kind_beats_the_namespace_of_the_system() -> None:
    text = "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {name: a, namespace: kserve-system}\nspec: {}\n"
    assert verdict(text) == (Role.SERVING, HIGH)


def test_container_with_the_accelerator_decides() -> None:
    assert verdict(manifest("Deployment", "image: minio/minio:1", f"image: vllm/vllm-openai:v1, {GPU}")) == (Role.SERVING, HIGH)
    assert verdict(manifest("Job", "image: ollama/ollama:1", f"{APP}, command: [torchrun, a.py], {GPU}")) == (Role.TRAINING, MEDIUM)


def test_pods_with_the_accelerator_decide() -> None:
    text = """
apiVersion: batch.volcano.sh/v1alpha1
kind: Job
metadata: {name: a}
spec:
  tasks:
  - {name: first, replicas: 1, template: {spec: {containers: [{name: a, image: apache/spark:3.5}]}}}
  - {name: second, replicas: 1, template: {spec: {containers: [{name: a, image: ghcr.io/example/a, command: [torchrun], GPU}]}}}
"""
    assert verdict(text.replace("GPU", GPU)) == (Role.TRAINING, MEDIUM)


def test_helpers_decide_nothing() -> None:
    text = manifest("Deployment", APP).replace(
        "name: c0, image: ghcr.io/example/app:1.0", "name: oauth2-proxy, image: quay.io/jupyter/x-notebook:1"
    )
    assert verdict(text) == (Role.UNKNOWN, LOW)


def test_init_containers_decide_nothing() -> None:
    assert verdict(manifest("Deployment", APP, pod="initContainers: [{name: i, image: vllm/vllm-openai:v1}]")) == (Role.UNKNOWN, LOW)


def test_step_of_a_pipeline_is_classified_and_else_stays_a_pipeline() -> None:
    text = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: a}
spec: {templates: [{name: t, container: {image: IMAGE}}]}
"""
    assert verdict(text.replace("IMAGE", "nvcr.io/nvidia/nemo:25.07")) == (Role.TRAINING, MEDIUM)
    assert verdict(text.replace("IMAGE", "ghcr.io/example/app:1.0")) == (Role.PIPELINE, HIGH)


def test_minimum_certainty() -> None:
    snapshot = Snapshot([item for item in read_text(manifest("Deployment", f"{APP}, {GPU}"), "a.yaml") if isinstance(item, Document)])
    (workload,) = snapshot.workloads
    assert not workload.is_role(Role.SERVING)
    assert workload.is_role(Role.SERVING, confidence=LOW)
    assert list(snapshot.workloads_of(Role.SERVING)) == []


@pytest.mark.parametrize(
    "spec", ["null", "[]", "5", "{template: 3}", "{template: {spec: {containers: [null, 5, {image: []}]}}}", "{template: {metadata: []}}"]
)
@pytest.mark.parametrize("kind", ["Deployment", "Job", "DaemonSet", "CronJob"])
def test_junk_has_no_role(kind: str, spec: str) -> None:
    assert verdict(f"apiVersion: {BUILT_IN[kind][0]}\nkind: {kind}\nmetadata: {{name: a, labels: null}}\nspec: {spec}\n") == (
        Role.UNKNOWN,
        LOW,
    )
