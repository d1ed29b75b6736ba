"""The GPU stack itself: what NVIDIA's GPU operator installs on nodes.

Each component is a DaemonSet (one pod on each node that has the hardware, so that no manifest tells the number) and is written as a
container whose image is split into ``repository``, ``image`` and ``version``. The operator supplies what is not written, from its own
release.

Source: https://github.com/NVIDIA/gpu-operator/tree/main/api/nvidia, with the default of each ``enabled``. Read in August 2026.
"""

from __future__ import annotations

from auditor.kinds.model import Inject, Kind, Role, Spelling, Template

__all__ = ["KINDS"]

_BY_OPERATOR = frozenset(Inject)
_SPLIT_IMAGE = Spelling(image="{repository}/{image}:{version}")

# Whether a component runs when its ``enabled`` is not set.
_COMPONENTS = {
    "driver": 1, "toolkit": 1, "devicePlugin": 1, "dcgm": 1, "dcgmExporter": 1, "gfd": 1, "migManager": 1, "nodeStatusExporter": 0,
    "validator": 1, "gds": 0, "gdrcopy": 0, "vfioManager": 1, "sandboxDevicePlugin": 1, "vgpuManager": 0, "vgpuDeviceManager": 1,
    "kataManager": 0, "ccManager": 0,
}  # fmt: skip


def _component(path: str, default: int = 1) -> Template:
    """A component of the operator, with the fields that it takes from the section for all DaemonSets."""
    return Template(
        path, path.rpartition(".")[2], containers=("",), init_containers=("manager",) if path == "spec.driver" else (),
        inherit="spec.daemonsets", metadata="spec.daemonsets", pods=f"unknown * {path}.enabled?{default}",
        spelling=_SPLIT_IMAGE, injects=_BY_OPERATOR,
    )  # fmt: skip


_DRA = "spec.draDriver"

KINDS = (
    Kind(
        "nvidia.com", "ClusterPolicy", tuple(_component(f"spec.{name}", default) for name, default in _COMPONENTS.items()),
        Role.INFRASTRUCTURE, "gpu-operator",
    ),
    Kind(
        "nvidia.com", "NVIDIADriver",
        (
            Template(
                "spec", "driver", containers=("",), init_containers=("manager",), metadata="spec", pods="unknown",
                spelling=_SPLIT_IMAGE, injects=_BY_OPERATOR,
            ),
        ),
        Role.INFRASTRUCTURE, "gpu-operator",
    ),
    Kind(
        "nvidia.com", "GPUCluster",
        (
            Template(
                _DRA, "kubelet-plugin", containers=("gpus.kubeletPlugin", "computeDomains.kubeletPlugin", ""), init_containers=(),
                inherit="spec.daemonsets", metadata="spec.daemonsets", pods="unknown", spelling=_SPLIT_IMAGE, injects=_BY_OPERATOR,
            ),
            Template(
                f"{_DRA}.computeDomains.controller", "controller", containers=("",), init_containers=(),
                pods=f"{_DRA}.computeDomains.enabled?1", injects=_BY_OPERATOR,
            ),
            _component("spec.dcgm", 0),
            _component("spec.dcgmExporter"),
        ),
        Role.INFRASTRUCTURE, "gpu-operator",
    ),
)  # fmt: skip
