"""Which containers are exporters of accelerator metrics."""

from __future__ import annotations

import pytest

from auditor.exporters import exporter_of


@pytest.mark.parametrize(
    ("image", "name", "vendor"),
    [
        ("nvcr.io/nvidia/k8s/dcgm-exporter:4.2.3-4.1.3-ubuntu22.04", "exporter", "nvidia"),
        ("mirror.example.com/a/b@sha256:dcc", "nvidia-dcgm-exporter", "nvidia"),
        ("bitnami/dcgm-exporter:4", "x", "nvidia"),
        ("nvcr.io/nvidia/cloud-native/dcgm:3.1.8-1-ubuntu20.04", "nvidia-dcgm", ""),
        ("nvcr.io/nvidia/k8s-device-plugin:v0.17.1", "nvidia-device-plugin-ctr", ""),
        ("utkuozdemir/nvidia_gpu_exporter:1.3.0", "x", "nvidia"),
        ("docker.io/rocm/device-metrics-exporter:v1.4.0", "x", "amd"),
        ("intel/xpumanager:1.2.39", "x", "intel"),
        ("vault.habana.ai/gaudi-metric-exporter/metric-exporter:1.21.0-555", "x", "habana"),
        ("public.ecr.aws/neuron/neuron-monitor:1.3.0", "x", "aws"),
        ("registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.17.0", "x", ""),
        ("", "", ""),
    ],
)
def test_exporter_of(image: str, name: str, vendor: str) -> None:
    found = exporter_of(image, name)
    assert (found.vendor if found else "") == vendor


def test_an_agent_for_everything_is_one_where_it_is_told_to_look_at_gpus() -> None:
    assert exporter_of("gcr.io/datadoghq/agent:7", "agent", {"DD_GPU_MONITORING_ENABLED": "true"})
    assert not exporter_of("gcr.io/datadoghq/agent:7", "agent", {"DD_GPU_MONITORING_ENABLED": "false", "DD_APM_ENABLED": "true"})
