"""The names of accelerator models."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.cost.prices import MODELS, book, model_of
from auditor.cost.prices.models import is_fraction


@pytest.mark.parametrize(
    ("product", "model"),
    [
        ("Tesla T4", "T4"),
        ("Tesla-T4", "T4"),
        ("Tesla-T4-SHARED", "T4"),
        ("NVIDIA_A10G", "A10G"),
        ("NVIDIA A10-4Q", "A10"),
        ("NVIDIA-L4", "L4"),
        ("NVIDIA-L40S", "L40S"),
        ("Tesla-V100-SXM2-16GB", "V100-16GB"),
        ("Tesla-V100-SXM3-32GB", "V100-32GB"),
        ("NVIDIA-A100-SXM4-80GB", "A100-80GB"),
        ("NVIDIA-A100-PCIE-40GB", "A100-40GB"),
        ("A100-SXM4-40GB-MIG-1g.5gb", "A100-40GB"),
        ("A100-SXM4-40GB-MIG-INVALID", "A100-40GB"),
        ("NVIDIA-A100-80GB-PCIe-MIG-3g.40gb-SHARED", "A100-80GB"),
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA-H100-PCIe", "H100"),
        ("NVIDIA H100 NVL MIG 3g.47gb", "H100-NVL"),
        ("NVIDIA-H200", "H200"),
        ("NVIDIA-B200", "B200"),
        ("NVIDIA B300 SXM6 AC", "B300"),
        ("NVIDIA-GB200", "GB200"),
        ("NVIDIA-GH200-480GB", "GH200"),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", "RTX-PRO-6000"),
        ("nvidia-tesla-t4", "T4"),
        ("nvidia-tesla-a100", "A100-40GB"),
        ("nvidia-tesla-v100", "V100-16GB"),
        ("nvidia-a100-80gb", "A100-80GB"),
        ("nvidia-h100-80gb", "H100"),
        ("nvidia-h100-mega-80gb", "H100"),
        ("nvidia-h200-141gb", "H200"),
        ("nvidia-l4", "L4"),
        ("tpu-v5-lite-podslice", "TPU-v5e"),
        ("tpu-v5p-slice", "TPU-v5p"),
        ("tpu-v6e-slice", "TPU-v6e"),
        ("h100", "H100"),
        ("a10g", "A10G"),
        ("radeon-pro-v520", "V520"),
        ("gaudi-hl-205", "Gaudi"),
        ("inferentia2", "Inferentia2"),
        ("trainium", "Trainium"),
        ("AMD_Instinct_MI300X_OAM", "MI300X"),
        ("AMD-Instinct-MI300X-OAM", "MI300X"),
        ("a100", None),
        ("v100", None),
        ("A100-20GB", None),
        ("nvidia", None),
        ("gpu", None),
        ("on-demand", None),
        ("80gb", None),
        ("NVIDIA-X9000", None),
        ("T4 and L4", None),
        ("", None),
    ],
)
def test_spellings(product: str, model: str | None) -> None:
    assert model_of(product) == model


def test_the_memory_of_another_label_tells_two_sizes_apart() -> None:
    assert model_of("a100", 40960) == "A100-40GB"
    assert model_of("a100", 81920) == "A100-80GB"
    assert model_of("NVIDIA-A100", 81251) == "A100-80GB"
    assert model_of("v100", 32768) == "V100-32GB"
    assert model_of("a100", 4864) is None
    assert model_of("nvidia-a100-80gb", 40960) == "A100-80GB"


@pytest.mark.parametrize("model", MODELS)
def test_a_canonical_name_is_its_own(model: str) -> None:
    assert model_of(model) == model
    assert model_of(model.lower()) == model
    assert model_of(f"NVIDIA-{model}-SHARED".replace("-", " ")) == model


def test_the_book_uses_canonical_names() -> None:
    assert {row.model for row in book().rows} - {*MODELS, ""} == set()
    assert set(book().references) <= set(MODELS)


def test_a_share_cut_off_by_a_hypervisor() -> None:
    assert is_fraction("NVIDIA A10-4Q")
    assert is_fraction("NVIDIA-A10-4Q-SHARED") is is_fraction("NVIDIA-A10-4Q")
    assert not is_fraction("NVIDIA-A10")


@given(st.text(max_size=40))
def test_any_text_is_a_known_model_or_none(text: str) -> None:
    assert model_of(text) in (None, *MODELS)
