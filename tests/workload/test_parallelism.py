"""How many devices the programs of a container set out to use."""

from __future__ import annotations

from typing import Any

import pytest

from auditor.document import Document, ObjectRef
from auditor.workload import Container, Parallelism, Workload

GPUS = {"limits": {"nvidia.com/gpu": 4}}
VLLM, SGLANG, TGI = "vllm/vllm-openai:v0.10.2", "lmsysorg/sglang:v0.5", "ghcr.io/huggingface/text-generation-inference:3.0.1"
SERVE = ["python3", "-m", "sglang.launch_server"]


def pod(**raw: Any) -> Container:
    document = Document(ObjectRef("", "v1", "Pod", "", "p"), {"spec": {"containers": [{"resources": GPUS, **raw}]}}, file="p.yaml")
    return next(Workload(document).containers)


def first(group: str, version: str, kind: str, spec: dict[str, Any]) -> Container:
    document = Document(ObjectRef(group, version, kind, "", "w"), {"spec": spec}, file="w.yaml")
    return next(container for container in Workload(document).containers if container.parallelism)


def degrees(container: Container) -> list[tuple[str, int, str]]:
    return [(use.engine, use.degree, str(use)) for use in container.parallelism]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"image": VLLM}, ("vLLM", 1, "")),
        ({"image": VLLM, "args": ["--tensor-parallel-size=4"]}, ("vLLM", 4, "--tensor-parallel-size 4")),
        ({"image": VLLM, "args": ["-tp", "2", "-pp", "2"]}, ("vLLM", 4, "-tp 2 × -pp 2")),
        ({"image": VLLM, "args": ["-tp=2", "--data-parallel-size", "3"]}, ("vLLM", 6, "-tp 2 × --data-parallel-size 3")),
        (
            {"image": VLLM, "args": ["-tp=2", "-dp", "8", "--data-parallel-size-local", "1"]},
            ("vLLM", 2, "-tp 2 × --data-parallel-size-local 1"),
        ),
        ({"image": VLLM, "args": ["-tp=2", "-dp", "8", "--data-parallel-rank", "$(RANK)"]}, ("vLLM", 2, "-tp 2")),
        ({"command": ["sh", "-c", "vllm serve m --tensor_parallel_size 2"]}, ("vLLM", 2, "--tensor-parallel-size 2")),
        ({"command": ["python", "-m", "my.server"], "args": ["--tensor-parallel-size", "2"]}, ("vLLM", 2, "--tensor-parallel-size 2")),
        ({"image": SGLANG, "command": SERVE, "args": ["--tp", "2", "--dp", "2"]}, ("SGLang", 4, "--tp 2 × --dp 2")),
        ({"command": SERVE, "args": ["--tp", "4", "--dp", "4", "--enable-dp-attention"]}, ("SGLang", 4, "--tp 4")),
        ({"command": ["trtllm-serve", "m", "--tp_size", "2", "--pp_size=2"]}, ("TensorRT-LLM", 4, "--tp-size 2 × --pp-size 2")),
        ({"image": TGI}, ("TGI", 4, "")),
        ({"image": TGI, "args": ["--num-shard=2"]}, ("TGI", 2, "--num-shard 2")),
        ({"image": TGI, "env": [{"name": "NUM_SHARD", "value": "8"}]}, ("TGI", 8, "NUM_SHARD 8")),
        ({"image": TGI, "args": ["--sharded", "false"]}, ("TGI", 1, "")),
        ({"command": ["torchrun", "train.py"]}, ("torchrun", 1, "--nproc-per-node 1")),
        ({"command": ["torchrun", "--nproc_per_node=8", "train.py", "--nproc_per_node=9"]}, ("torchrun", 8, "--nproc-per-node 8")),
        ({"command": ["python", "-m", "torch.distributed.run", "--nproc-per-node", "2", "t.py"]}, ("torchrun", 2, "--nproc-per-node 2")),
        ({"command": ["torchrun", "--nproc-per-node=gpu", "t.py"]}, ("torchrun", 4, "")),
        (
            {"command": ["torchrun", "t.py"], "env": [{"name": "PET_NPROC_PER_NODE", "value": "2"}]},
            ("torchrun", 2, "PET_NPROC_PER_NODE 2"),
        ),
        ({"command": ["deepspeed", "--num_gpus=8", "t.py"]}, ("DeepSpeed", 8, "--num-gpus 8")),
        ({"command": ["deepspeed", "t.py"]}, ("DeepSpeed", 4, "")),
        ({"command": ["accelerate", "launch", "--num_processes=4", "t.py"]}, ("Accelerate", 4, "--num-processes 4")),
        (
            {"command": ["accelerate", "launch", "--num_processes=8", "--num_machines=2", "t.py"]},
            ("Accelerate", 4, "--num-processes 8 ÷ --num-machines 2"),
        ),
    ],
)
def test_degree_of_one_program(raw: dict[str, Any], expected: tuple[str, int, str]) -> None:
    assert degrees(pod(**raw)) == [expected]
    assert not pod(**raw).parallelism[0].spans_pods


@pytest.mark.parametrize(
    "raw",
    [
        {"command": ["python", "train.py"]},
        {"image": "pytorch/pytorch:2.6.0"},
        {"image": VLLM, "command": ["python", "client.py"]},
        {"image": VLLM, "args": ["--tensor-parallel-size", "$(TP)"]},
        {"image": VLLM, "args": ["--tensor-parallel-size", "0"]},
        {"image": VLLM, "args": ["--tensor-parallel-size", "9" * 5000]},
        {"image": VLLM, "args": ["--tensor-parallel-size", "²"]},
        {"image": VLLM, "args": ["--config", "/etc/vllm.yaml"]},
        {"image": TGI, "env": [{"name": "NUM_SHARD", "valueFrom": {}}]},
        {"image": TGI, "resources": {}},
        {"command": ["torchrun", "--nproc-per-node=cpu", "t.py"]},
        {"command": ["accelerate", "launch", "t.py"]},
        {"command": ["accelerate", "launch", "--config_file=c.yaml", "--num_processes=4", "t.py"]},
        {"command": ["trtllm-serve", "m", "--extra_llm_api_options", "o.yaml"]},
    ],
)
def test_what_nobody_can_know_has_no_degree(raw: dict[str, Any]) -> None:
    assert pod(**raw).parallelism == ()


@pytest.mark.parametrize(
    ("args", "spans"),
    [
        (["--nnodes=2", "--node-rank=0"], True),
        (["--nnodes", "$(N)"], True),
        (["--nnodes=1", "--node-rank=0"], False),
        (["--distributed-executor-backend", "ray"], True),
        (["--distributed-executor-backend=mp"], False),
    ],
)
def test_flags_that_spread_a_server_over_pods(args: list[str], spans: bool) -> None:
    assert [use.spans_pods for use in pod(image=VLLM, args=["-tp=8", *args]).parallelism] == [spans]


def test_several_programs_of_one_script() -> None:
    container = pod(command=["sh", "-c", "vllm serve a -tp 1 --port 1 & vllm serve b -tp 2 --port 2"])
    assert container.parallelism == (Parallelism("vLLM", 1, (("-tp", 1),)), Parallelism("vLLM", 2, (("-tp", 2),)))


def test_servers_of_a_group_of_pods_span_them() -> None:
    pods = {"spec": {"containers": [{"image": VLLM, "args": ["-tp=8", "-pp=2"], "resources": GPUS}]}}
    for size, spans in ((2, True), (1, False), (None, False)):
        group = {"workerTemplate": pods, **({"size": size} if size else {})}
        assert (
            first("leaderworkerset.x-k8s.io", "v1", "LeaderWorkerSet", {"leaderWorkerTemplate": group}).parallelism[0].spans_pods is spans
        )
    worker = {"rayClusterSpec": {"headGroupSpec": {"template": pods}}}
    assert first("ray.io", "v1", "RayJob", worker).parallelism[0].spans_pods
    assert (
        first("jobset.x-k8s.io", "v1", "JobSet", {"replicatedJobs": [{"template": {"spec": {"template": pods}}}]}).parallelism[0].spans_pods
    )
    assert not first("apps", "v1", "Deployment", {"template": pods}).parallelism[0].spans_pods


@pytest.mark.parametrize(("multinode", "spans"), [(None, False), ({"nodeCount": 2}, True)])
def test_servers_of_dynamo_span_pods_where_it_says_so(multinode: object, spans: bool) -> None:
    worker = {
        "multinode": multinode,
        "resources": {"limits": {"gpu": "4"}},
        "extraPodSpec": {"mainContainer": {"image": "x", "command": ["python3", "-m", "dynamo.vllm"], "args": ["-tp", "8"]}},
    }
    container = first("nvidia.com", "v1alpha1", "DynamoGraphDeployment", {"services": {"W": worker}})
    assert [(use.degree, use.spans_pods) for use in container.parallelism] == [(8, spans)]


def test_processes_that_an_operator_sets_are_as_many_as_there_are_devices() -> None:
    pods = {"spec": {"containers": [{"command": ["torchrun", "t.py"], "resources": GPUS}]}}
    spec = {"pytorchReplicaSpecs": {"Worker": {"template": pods}}}
    assert degrees(first("kubeflow.org", "v1", "PyTorchJob", spec)) == [("torchrun", 4, "")]
