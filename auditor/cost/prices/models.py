"""Accelerator models by one name each, whatever a label, a driver or a cloud calls them.

The size of the memory belongs to the name where it makes another price: A100 and V100. What is not known is None, never a guess.

Sources: ``nvidia.com/gpu.product`` is NVML's name with dashes for blanks, behind which GPU feature discovery writes ``-SHARED`` or
``-MIG-…``: https://github.com/NVIDIA/k8s-device-plugin (internal/lm) · GKE's names, where ``nvidia-tesla-a100`` has 40 GB and a V100 16 GB:
https://cloud.google.com/kubernetes-engine/docs/concepts/gpus, https://cloud.google.com/compute/docs/gpus ·
https://cloud.google.com/kubernetes-engine/docs/concepts/tpus · Karpenter's names: https://karpenter.sh/docs/reference/instance-types/ ·
AMD's: https://instinct.docs.amd.com/projects/gpu-operator/
"""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["MODELS", "is_fraction", "model_of"]

# What a model is called once the words about its maker, board and memory are taken out: every canonical name with the other ways to say it.
_NAMES: dict[str, tuple[str, ...]] = {
    "K80": (), "P4": (), "P40": (), "P100": (), "M60": (), "T4": (), "T4G": (),
    "V100-16GB": (), "V100-32GB": (),
    "A2": (), "A10": (), "A10G": (), "A16": (), "A30": (), "A40": (), "A100-40GB": (), "A100-80GB": (), "A800-40GB": (), "A800-80GB": (),
    "L4": (), "L20": (), "L40": (), "L40S": (), "RTX-A4000": (), "RTX-A5000": (), "RTX-A6000": ("a6000",),
    "RTX-4000-Ada": ("rtx-4000-ada-generation",),
    "RTX-5000-Ada": ("rtx-5000-ada-generation",), "RTX-6000-Ada": ("rtx-6000-ada-generation",),
    "RTX-PRO-6000": ("rtx-pro-6000-blackwell", "rtx-pro-6000-blackwell-server-edition"),
    "RTX-3090": ("geforce-rtx-3090",), "RTX-4090": ("geforce-rtx-4090",), "RTX-5090": ("geforce-rtx-5090",),
    "H20": (), "H100": ("h100-mega",), "H100-NVL": (), "H200": (), "H200-NVL": (), "H800": (),
    "GH200": (), "B200": (), "B300": (), "GB200": (), "GB300": (),
    "MI25": (), "MI100": (), "MI210": (), "MI250": (), "MI250X": (), "MI300A": (), "MI300X": (), "MI308X": (), "MI325X": (), "MI350X": (),
    "MI355X": (), "V520": ("radeon-pro-v520",),
    "Gaudi": ("gaudi1", "hl-205", "gaudi-hl-205"), "Gaudi2": ("hl-225", "gaudi-2"), "Gaudi3": ("hl-325", "gaudi-3"),
    "Inferentia": ("inferentia1",), "Inferentia2": (), "Trainium": ("trainium1",), "Trainium2": (), "Trainium3": (),
    "TPU-v4": ("tpu-v4-podslice", "tpu-v4-lite-device"), "TPU-v5e": ("tpu-v5-lite-podslice", "tpu-v5-lite-device", "tpu-v5litepod"),
    "TPU-v5p": ("tpu-v5p-slice",), "TPU-v6e": ("tpu-v6e-slice", "tpu-v6e-device"), "TPU-v7x": ("tpu7x",),
}  # fmt: skip
MODELS = tuple(_NAMES)
_KNOWN = {spelling.lower(): name for name, others in _NAMES.items() for spelling in (name, *others)}
_SIZED = {"v100": (16, 32), "a100": (40, 80), "a800": (40, 80)}

# Names that stand for one model of several, by convention of those who write them.
_WHOLE = {"nvidia-tesla-a100": "A100-40GB", "nvidia-tesla-v100": "V100-16GB"}
_NOISE = frozenset({
    "nvidia", "tesla", "amd", "instinct", "intel", "habana", "aws", "sxm", "sxm2", "sxm3", "sxm4", "sxm5", "sxm6", "pcie", "oam", "vf",
    "ac", "hbm2", "hbm2e", "hbm3", "hbm3e",
})  # fmt: skip
_PARTS = re.compile(r"(-mig-.*|-shared)$")
_VIRTUAL = re.compile(r"(?<=\w)-\d+[qabc]$")  # a profile of NVIDIA vGPU
_MEMORY = re.compile(r"(\d{1,4})gi?b")
_GIB = 1024


@lru_cache(maxsize=4096)
def model_of(product: str, memory: int | None = None) -> str | None:
    """The canonical name of a model; None where the text does not tell.

    Args:
        product: as a label, a driver, a price list or a person writes it.
        memory: MiB of a device, where another label says so; asked only for models that come in two sizes.
    """
    text = re.sub(r"[\s_-]+", "-", product.strip().lower())
    text = _VIRTUAL.sub("", _PARTS.sub("", text))
    if text in _WHOLE:
        return _WHOLE[text]
    if text in _KNOWN:
        return _KNOWN[text]
    sizes, words = [], []
    for word in text.split("-"):
        size = _MEMORY.fullmatch(word)
        if size:
            sizes.append(int(size[1]))
        elif word not in _NOISE:
            words.append(word)
    name = "-".join(words)
    if name in _SIZED:
        return _sized(name, sizes, memory)
    return _KNOWN.get(name)


def _sized(name: str, sizes: list[int], memory: int | None) -> str | None:
    if not sizes and memory is not None:  # what the driver reports is a little more or less than the round number
        sizes = [size for size in _SIZED[name] if abs(memory - size * _GIB) <= size * _GIB // 8]
    return f"{name.upper()}-{sizes[0]}GB" if len(sizes) == 1 and sizes[0] in _SIZED[name] else None


def is_fraction(product: str) -> bool:
    """Whether a product is a share of a device that a hypervisor cuts off, as ``NVIDIA A10-4Q``. What a whole one costs is no
    price of it."""
    return _VIRTUAL.search(_PARTS.sub("", product.strip().lower())) is not None
