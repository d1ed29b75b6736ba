"""Which containers are exporters of accelerator metrics, and of which devices Prometheus knows something."""

from __future__ import annotations

import dataclasses
import datetime
from fractions import Fraction
from typing import Any

import pytest

from auditor.document import Document
from auditor.exporters import MEASURING, exporter_of, telemetry
from auditor.listing import Listing
from auditor.snapshot import Snapshot
from auditor.source.prometheus.exporters import EXPORTERS
from auditor.source.text import read_text
from auditor.usage import Activity, Held, Holder, MissingTime, Usage


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


# -- telemetry -----------------------------------------------------------------------------------------------------------------------------

END = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
WINDOW = Usage(END - datetime.timedelta(days=7), END, 300, exporters=("DCGM exporter",))
LISTING = Listing(END, "test", (1, 36), "", (), (), frozenset(), 0)


def node(name: str, units: str = "nvidia.com/gpu: 8", labels: str = "") -> str:
    """A node, and a pod that has held its devices for two hours."""
    resource = units.partition(":")[0]
    return f"""
apiVersion: v1
kind: Node
metadata: {{name: {name}, labels: {{{labels}}}}}
status: {{capacity: {{{units}}}, allocatable: {{{units}}}}}
---
apiVersion: v1
kind: Pod
metadata: {{name: of-{name}, namespace: ml}}
spec: {{nodeName: {name}, containers: [{{name: main, image: "a:1", resources: {{limits: {{{resource}: 1}}}}}}]}}
status: {{phase: Running, startTime: "2026-11-25T10:00:00Z", conditions: [{{type: Ready, status: "True"}}]}}
"""


def look(*nodes: str, usage: Usage = WINDOW, **hours: Activity) -> list[tuple[str, list[str], list[str], bool | None]]:
    documents = [item for item in read_text("---".join(nodes), "a.yaml") if isinstance(item, Document)]
    snapshot = Snapshot(documents, listing=LISTING)
    held = tuple(Held(Holder("ml", "Pod", f"of-{name}"), name, activity) for name, activity in hours.items())
    snapshot.usage = dataclasses.replace(usage, held=held)
    return [
        (one.vendor, [node.name for node in one.measured], [node.name for node in one.unmeasured], one.names_pods)
        for one in telemetry(snapshot)
    ]


DARK, SEEN = Activity(unknown=Fraction(2)), Activity(idle=Fraction(2))


def test_every_exporter_that_prometheus_is_asked_about_has_a_maker() -> None:
    assert {exporter.name for exporter in EXPORTERS} == MEASURING.keys()


def test_a_node_without_measurements_beside_one_that_has_some() -> None:
    assert look(node("a"), node("b"), a=SEEN, b=DARK) == [("nvidia", ["a"], ["b"], True)]


@pytest.mark.parametrize(
    ("changes", "names_pods"),
    [({"exporters": ()}, None), ({"unattributed": ("DCGM exporter",)}, False), ({"orphans": Fraction(9)}, False), ({}, True)],
)
def test_whether_measurements_name_pods(changes: dict[str, Any], names_pods: bool | None) -> None:
    assert look(node("a"), usage=dataclasses.replace(WINDOW, **changes), a=DARK) == [("nvidia", [], ["a"], names_pods)]


def test_orphans_beside_measurements_of_pods_are_leftovers() -> None:
    assert look(node("a"), node("b"), usage=dataclasses.replace(WINDOW, orphans=Fraction(1)), a=SEEN, b=DARK)[0][3] is True


@pytest.mark.parametrize(
    ("machine", "changes", "activity"),
    [
        (node("a"), {}, Activity(unknown=Fraction(1, 2))),  # held for minutes
        (node("a"), {}, Activity(crashloop=Fraction(9))),  # never ran
        (node("a", labels="nvidia.com/gpu.replicas: '4', nvidia.com/gpu.count: '2'"), {}, DARK),  # by another host name
        (node("a", "nvidia.com/mig-1g.5gb: 7"), {"profiling": False}, DARK),  # no counter tells
        (node("a", "aws.amazon.com/neuron: 4"), {"exporters": ("neuron-monitor",)}, DARK),  # no series while at rest
    ],
)
def test_nodes_that_need_not_be_seen(machine: str, changes: dict[str, Any], activity: Activity) -> None:
    assert [one[2] for one in look(machine, usage=dataclasses.replace(WINDOW, **changes), a=activity)] == [[]]


def test_what_prometheus_did_not_answer_is_not_held_against_anybody() -> None:
    gap = MissingTime(WINDOW.start, END, "telemetry", "too slow")
    assert look(node("a"), usage=dataclasses.replace(WINDOW, missing=(gap,)), a=DARK) == []
