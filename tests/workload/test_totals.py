"""What one pod asks for as a whole, as the scheduler and a quota count it."""

from __future__ import annotations

from fractions import Fraction

import pytest

from auditor.document import Document, Unknown
from auditor.source.text import read_text
from auditor.workload import PodTemplate, Workload


def pod(spec: str) -> PodTemplate:
    text = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {spec}\n"
    (document,) = [item for item in read_text(text, "a.yaml") if isinstance(item, Document)]
    (template,) = Workload(document).templates
    return template


def container(requests: str = "{}", limits: str = "{}", more: str = "") -> str:
    return f"{{name: c, image: a, resources: {{requests: {requests}, limits: {limits}}}{more}}}"


SIDECAR = ", restartPolicy: Always"


@pytest.mark.parametrize(
    ("spec", "cpu"),
    [
        (f"{{containers: [{container('{cpu: 100m}')}, {container('{cpu: 900m}')}]}}", Fraction(1)),
        (f"{{containers: [{container(limits='{cpu: 2}')}]}}", Fraction(2)),
        (f"{{containers: [{container('{cpu: 1}', '{cpu: 2}')}]}}", Fraction(1)),
        (f"{{containers: [{container('{cpu: 1}')}], initContainers: [{container('{cpu: 3}')}, {container('{cpu: 2}')}]}}", Fraction(3)),
        # The init container runs beside the sidecar that started before it, not beside the later one.
        (
            f"{{containers: [{container('{cpu: 1}')}], initContainers:"
            f" [{container('{cpu: 1}', more=SIDECAR)}, {container('{cpu: 4}')}, {container('{cpu: 2}', more=SIDECAR)}]}}",
            Fraction(5),
        ),
        (
            f"{{containers: [{container('{cpu: 1}')}], initContainers: [{container('{cpu: 4}')}, {container('{cpu: 2}', more=SIDECAR)}]}}",
            Fraction(4),
        ),
        (f"{{containers: [{container('{cpu: 1}')}], ephemeralContainers: [{container('{cpu: 9}')}]}}", Fraction(1)),
        (f"{{containers: [{container('{cpu: 1}')}], overhead: {{cpu: 250m}}}}", Fraction(5, 4)),
        # Pod-level resources: the request replaces the sum, the limit stands in only where no container asks.
        (f"{{containers: [{container('{cpu: 1}')}], resources: {{requests: {{cpu: 3}}}}}}", Fraction(3)),
        (f"{{containers: [{container('{cpu: 1}')}], resources: {{limits: {{cpu: 3}}}}}}", Fraction(1)),
        (f"{{containers: [{container()}], resources: {{limits: {{cpu: 3}}}}}}", Fraction(3)),
        (f"{{containers: [{container()}]}}", None),
    ],
)
def test_request(spec: str, cpu: Fraction | None) -> None:
    assert pod(spec).total_requests.get("cpu") == cpu


def test_limit() -> None:
    spec = f"{{containers: [{container('{memory: 1Gi}', '{cpu: 2}')}, {container('{cpu: 1}')}], overhead: {{cpu: 1, memory: 1Gi}}}}"
    assert pod(spec).total_limits == {"cpu": 3}
    assert pod(spec).total_requests == {"cpu": 4, "memory": 2 * 1024**3}


def test_every_resource_counts_and_pod_level_only_what_may_stand_there() -> None:
    spec = (
        f"{{containers: [{container(limits='{nvidia.com/gpu: 2, rdma/ib: 1}')}, {container(limits='{nvidia.com/gpu: 1}')}],"
        " resources: {limits: {nvidia.com/gpu: 8, hugepages-2Mi: 4Mi}}}"
    )
    assert pod(spec).total_requests == {"nvidia.com/gpu": 3, "rdma/ib": 1, "hugepages-2Mi": 4 * 1024**2}


@pytest.mark.parametrize("other", [container("{cpu: '${CPU}'}"), container("{cpu: null}"), container("'${ALL}'"), "{resources: 7}"])
def test_unknown_amounts_make_the_total_unknown(other: str) -> None:
    for place in ("containers", "initContainers"):
        fields = {"containers": f"[{container('{cpu: 1}')}]"}
        fields[place] = f"[{container('{cpu: 1}')}, {other}]"
        spec = "{" + ", ".join(f"{key}: {value}" for key, value in fields.items()) + "}"
        assert isinstance(pod(spec).total_requests["cpu"], Unknown), spec


def test_resources_that_are_unknown_as_a_whole_spoil_what_others_ask_for() -> None:
    total = pod(f"{{containers: [{container(limits='{nvidia.com/gpu: 1}')}, {{name: b, resources: '${{R}}'}}]}}").total_requests
    assert sorted(total) == ["cpu", "memory", "nvidia.com/gpu"]
    assert all(isinstance(amount, Unknown) for amount in total.values())


@pytest.mark.parametrize("spec", ["{containers: 3}", "null", "{containers: [null], overhead: 3, resources: []}"])
def test_nonsense_asks_for_nothing(spec: str) -> None:
    (document,) = [
        item
        for item in read_text(f"apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {spec}\n", "a.yaml")
        if isinstance(item, Document)
    ]
    for template in Workload(document).templates:
        assert (template.total_requests, template.total_limits) == ({}, {})
