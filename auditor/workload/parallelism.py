"""How many accelerators the programs of a container set out to use, from their command lines.

Sources: https://docs.vllm.ai/en/stable/serving/parallelism_scaling/ · https://docs.sglang.io/advanced_features/server_arguments.html ·
https://huggingface.co/docs/text-generation-inference/reference/launcher · https://docs.pytorch.org/docs/stable/elastic/run.html ·
https://nvidia.github.io/TensorRT-LLM/latest/commands/trtllm-serve.html · https://www.deepspeed.ai/getting-started/ ·
https://huggingface.co/docs/accelerate/package_reference/cli
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

from auditor.document import Path, Unknown, along, mapping
from auditor.kinds.model import Inject
from auditor.workload.flags import Command, Flags, flag_in, flags_of
from auditor.workload.values import Image, integer

if TYPE_CHECKING:
    from auditor.workload import Workload
    from auditor.workload.container import Container

__all__ = ["Parallelism", "parallelism_of", "processes_by_operator"]


@dataclass(frozen=True, slots=True)
class Parallelism:
    """What one program of a container says about the number of its devices.

    Attributes:
        engine: what it is, for messages: ``vLLM``, ``torchrun``.
        degree: devices that it uses. Where it says nothing: its documented default, which is 1 or as many as the container has.
        factors: the flags and environment variables that the degree is made of, by name, with their values.
        spans_pods: the degree counts devices of several pods.
    """

    engine: str
    degree: int
    factors: tuple[tuple[str, int], ...]
    spans_pods: bool = False

    def __str__(self) -> str:
        sign = " ÷ " if self.engine == "Accelerate" else " × "  # processes of all machines
        return sign.join(f"{name} {value}" for name, value in self.factors)


class _Undecided(Exception):
    """A value is a placeholder, or is given where nobody can look."""


# Names of one factor.
Names = tuple[str, ...]

_TENSOR: Names = ("--tensor-parallel-size", "-tp")
_PIPELINE: Names = ("--pipeline-parallel-size", "-pp")
_CONTEXT: Names = ("--prefill-context-parallel-size", "-pcp")
_DATA: Names = ("--data-parallel-size", "-dp")
_DATA_LOCAL: Names = ("--data-parallel-size-local", "-dpl")

_SGLANG = re.compile(r"\bsglang(_router)?\.launch_server|\bsglang serve\b|\bdynamo\.sglang\b")
_TENSORRT = re.compile(r"\btrtllm-serve\b|\bdynamo\.trtllm\b")
_VLLM = re.compile(r"\bvllm serve\b|\bvllm\.entrypoints\.(openai\.)?api_server\b|\bdynamo\.vllm\b")
_LONGEST = 400
_NUMBER = re.compile(r"0*[1-9]\d{,5}", re.ASCII)


def parallelism_of(container: Container) -> tuple[Parallelism, ...]:
    """The parallelism of each program that a container runs. Programs that say it in another way, or not at all, are left out."""
    commands = container.commands
    if not commands and Inject.COMMAND not in container.template.injects:
        commands = ((),)  # what the image starts by itself
    image = container.image.repository if isinstance(container.image, Image) and container.raw.get("command") is None else ""
    found: list[Parallelism] = []
    for command in commands:
        try:
            found += _of_command(command, image, container)
        except _Undecided:
            continue
    return tuple(found)


def _of_command(command: Command, image: str, container: Container) -> Iterator[Parallelism]:
    launched = _launched(command, container)
    if launched is not None:
        yield launched
        return
    flags = flags_of(command)
    engine = _engine(command, image, flags)
    if engine == "TGI":
        yield _tgi(flags, container)
    elif engine:
        factors = [_factor(flags, names) for names in _FACTORS[engine](flags)]
        yield _product(engine, [factor for factor in factors if factor], spans_pods=_spans_pods(engine, flags, container))


def _product(engine: str, factors: Iterable[tuple[str, int]], *, spans_pods: bool = False) -> Parallelism:
    found = tuple(factors)
    return Parallelism(engine, math.prod(value for _, value in found), found, spans_pods)


def _factor(flags: Flags, names: Names) -> tuple[str, int] | None:
    """The flag that is given of several names for one, with its value, which must be a positive number."""
    value = flag_in(flags, *names)
    if value is None:
        return None
    if not _is_number(value):
        raise _Undecided
    return max((name for name in names if name in flags), key=lambda name: flags[name]), int(value)


def _is_number(value: str | Unknown) -> TypeGuard[str]:
    return isinstance(value, str) and _NUMBER.fullmatch(value) is not None


# -- servers ----------------------------------------------------------------------------------------------------------------------------


def _engine(command: Command, image: str, flags: Flags) -> str:
    """The engine that a command starts; with only arguments, the one of the image. Wrappers around vLLM are known by its flags."""
    program = " ".join(word for word in command if not word.startswith("-"))[:_LONGEST]
    if _SGLANG.search(program) or ("sglang" in image and flag_in(flags, "--tp-size", "--tp") is not None):
        return "SGLang"
    if _TENSORRT.search(program):
        return "TensorRT-LLM"
    if "text-generation-launcher" in program or "text-generation-inference" in image:
        return "TGI"
    if _VLLM.search(program) or image.rpartition("/")[2].startswith("vllm-openai"):
        return "vLLM"
    return "vLLM" if flag_in(flags, *_TENSOR) is not None else ""


def _vllm(flags: Flags) -> tuple[Names, ...]:
    within = (_TENSOR, _PIPELINE, _CONTEXT)
    if flag_in(flags, "--config") is not None and flag_in(flags, *_TENSOR) is None:
        raise _Undecided
    if flag_in(flags, *_DATA_LOCAL) is not None:
        return *within, _DATA_LOCAL
    if flag_in(flags, "--data-parallel-rank", "-dpn", "--data-parallel-external-lb", "-dpe") is not None:
        return within  # one rank of several that are started apart
    if flag_in(flags, "--data-parallel-start-rank", "-dpr") is not None:
        raise _Undecided
    return *within, _DATA


def _sglang(flags: Flags) -> tuple[Names, ...]:
    within = (("--tp-size", "--tp", "--tensor-parallel-size"), ("--pp-size", "--pp", "--pipeline-parallel-size"))
    if flag_in(flags, "--config") is not None and flag_in(flags, *within[0]) is None:
        raise _Undecided
    if flag_in(flags, "--enable-dp-attention") is not None:
        return within  # attention by data parallelism shares the devices of the tensor parallel group
    return *within, ("--dp-size", "--dp", "--data-parallel-size")


def _tensorrt(flags: Flags) -> tuple[Names, ...]:
    tensor = ("--tp-size", "--tensor-parallel-size")
    if flag_in(flags, "--extra-llm-api-options", "--config") is not None and flag_in(flags, *tensor) is None:
        raise _Undecided
    return tensor, ("--pp-size", "--pipeline-parallel-size")


_FACTORS = {"vLLM": _vllm, "SGLang": _sglang, "TensorRT-LLM": _tensorrt}


def _tgi(flags: Flags, container: Container) -> Parallelism:
    """Without a number of shards the launcher uses every device that it sees; variables stand for the flags."""
    factor = _factor(flags, ("--num-shard",)) or _factor_of_environment(container, "NUM_SHARD")
    if "false" in (flag_in(flags, "--sharded"), container.env_value("SHARDED")):
        return Parallelism("TGI", 1, ())
    return _product("TGI", [factor]) if factor else _all("TGI", container)


def _spans_pods(engine: str, flags: Flags, container: Container) -> bool:
    """Whether a server's degree counts devices of other pods too: by its flags, by Ray or MPI, or because its pod is one of a group."""
    if flag_in(flags, "--nnodes") not in (None, "1") or flag_in(flags, "--node-rank") not in (None, "0"):
        return True
    if "ray" in (flag_in(flags, "--distributed-executor-backend"), flag_in(flags, "--data-parallel-backend", "-dpb")):
        return True
    if container.template.workload.framework in ("kuberay", "aibrix") or "ray start" in container.command_line:
        return True
    mpi = engine == "TensorRT-LLM" and any(word in container.command_line for word in ("mpirun", "srun", "trtllm-llmapi-launch"))
    return mpi or _group_of_pods(container)


# Fields beside or around a pod that make a group of it: NIM, Dynamo, KServe.
_GROUPS = ("multiNode", "multinode", "workerSpec", "worker")


def _group_of_pods(container: Container) -> bool:
    """Whether the pod is one of several that run a program together."""
    template = container.template
    around = [node for node in along(template.workload.raw, template.path) if isinstance(node, dict)]
    if any(one.get(key) is not None for one in around for key in _GROUPS):
        return True
    for one in around:
        if "workerTemplate" in one:
            return bool(one.get("size", 1) != 1)
    return template.row.scale_out and template.workload.framework != "dynamo"


# -- launchers of one process a device --------------------------------------------------------------------------------------------------


def _launched(command: Command, container: Container) -> Parallelism | None:
    """The launcher that a command starts, with the flags before the script that it launches."""
    names = [word.rpartition("/")[2] for word in command]
    script = next((index for index, word in enumerate(names) if word.endswith(".py") and index), len(names))
    flags = flags_of(command[:script])
    if any(word in ("torchrun", "torch.distributed.run", "torch.distributed.launch") for word in names):
        return _torchrun(flags, container)
    if "deepspeed" in names[:script]:
        factor = _factor(flags, ("--num-gpus",))
        return _product("DeepSpeed", [factor]) if factor else _all("DeepSpeed", container)
    if "accelerate" in names and "launch" in names:
        processes, machines = _factor(flags, ("--num-processes",)), _factor(flags, ("--num-machines",))
        if processes is None or (machines is None and flag_in(flags, "--config-file") is not None):
            raise _Undecided
        if machines is None or machines[1] == 1:
            return _product("Accelerate", [processes])
        return Parallelism("Accelerate", processes[1] // machines[1], (processes, machines))
    return None


def _torchrun(flags: Flags, container: Container) -> Parallelism:
    """The launcher takes its flags from ``PET_*`` too, which Kubeflow's operators set; its own default is one process."""
    value = flag_in(flags, "--nproc-per-node")
    if value is None:
        value = container.env_value("PET_NPROC_PER_NODE")
    if value in ("auto", "gpu") or (value is None and container.template.workload.framework == "kubeflow"):
        return _all("torchrun", container)
    factor = _factor(flags, ("--nproc-per-node",)) or _factor_of_environment(container, "PET_NPROC_PER_NODE")
    return _product("torchrun", [factor or ("--nproc-per-node", 1)])


def _factor_of_environment(container: Container, name: str) -> tuple[str, int] | None:
    value = container.env_value(name)
    if value is None:
        return None
    if not _is_number(value):
        raise _Undecided
    return name, int(value)


def _all(engine: str, container: Container) -> Parallelism:
    """As many as the container has."""
    if not container.accelerator_count:
        raise _Undecided
    return Parallelism(engine, container.accelerator_count, ())


# Where operators are told how many processes to start in each pod: kind → path of the field.
_PROCESSES: dict[str, Path] = {
    "PyTorchJob": ("spec", "nprocPerNode"),
    "MPIJob": ("spec", "slotsPerWorker"),
    "TrainJob": ("spec", "trainer", "numProcPerNode"),
}


def processes_by_operator(container: Container) -> tuple[Path, int] | None:
    """The number of processes that the container's operator is told to start in each pod, with its field; None where it is not given as a
    number. A field counts once: for the first container with accelerators that is no launcher's."""
    workload = container.template.workload
    path = _PROCESSES.get(workload.ref.kind)
    if path is None or not container.is_main or container.template.component == "launcher":
        return None
    node: object = workload.raw
    for step in path:
        node = mapping(node).get(str(step))
    processes = integer(node)
    return (path, processes) if isinstance(processes, int) and _first(workload) is container else None


def _first(workload: Workload) -> Container | None:
    templates = (template for template in workload.templates if template.component != "launcher")
    return next((other for template in templates for other in template.main_containers if other.accelerators), None)
