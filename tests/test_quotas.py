"""What a quota counts of which pods."""

from __future__ import annotations

from fractions import Fraction

import pytest

from auditor.accelerators import KNOWN_DEVICES
from auditor.document import Document, Unknown
from auditor.quotas import Quota, device_keys, mentions_devices, quotas_beside, quotas_from_elsewhere
from auditor.snapshot import Snapshot
from auditor.source.text import read_text

POD = "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: %s}"
PLAIN = "{containers: [{name: c, image: a}]}"
REQUESTING = "{containers: [{name: c, image: a, resources: {requests: {cpu: 1}}}]}"


def view(*texts: str, complete: bool = False) -> Snapshot:
    items = read_text("\n---\n".join(texts), "a.yaml")
    return Snapshot([item for item in items if isinstance(item, Document)], complete=complete)


def quota(more: str = "", hard: str = "{pods: 1}") -> str:
    return f"{{apiVersion: v1, kind: ResourceQuota, metadata: {{name: q}}, spec: {{hard: {hard}{more}}}}}"


def selector(operator: str, values: str = "[]", scope: str = "PriorityClass") -> str:
    return f", scopeSelector: {{matchExpressions: [{{scopeName: {scope}, operator: {operator}, values: {values}}}]}}"


def counts(more: str, spec: str, *others: str, complete: bool = False) -> bool | None:
    snapshot = view(quota(more), POD % spec, *others, complete=complete)
    (template,) = snapshot.workloads[0].templates
    (found,) = quotas_beside(snapshot.workloads[0].document, snapshot)
    return found.counts(template, snapshot)


BOUNDED = "{activeDeadlineSeconds: 60, containers: [{name: c, image: a}]}"
URGENT = "{priorityClassName: urgent, containers: [{name: c, image: a}]}"
LIMITS = "{apiVersion: v1, kind: LimitRange, metadata: {name: l}, spec: {limits: [{type: Container, default: {memory: 1Gi}}]}}"
DEFAULT = "{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: urgent}, value: 1, globalDefault: true}"


@pytest.mark.parametrize(
    ("more", "spec", "expected"),
    [
        ("", PLAIN, True),
        (", scopes: [Terminating]", BOUNDED, True),
        (", scopes: [Terminating]", PLAIN, False),
        (", scopes: [NotTerminating]", PLAIN, True),
        (", scopes: [BestEffort]", PLAIN, True),
        (", scopes: [BestEffort]", REQUESTING, False),
        (", scopes: [NotBestEffort]", REQUESTING, True),
        (", scopes: [NotBestEffort]", PLAIN, False),
        (", scopes: [NotBestEffort]", "{resources: {limits: {cpu: 1}}, containers: [{name: c, image: a}]}", True),
        (", scopes: [BestEffort]", "{containers: [{name: c, image: a, resources: {limits: {cpu: '${CPU}'}}}]}", None),
        (", scopes: [NotBestEffort, Terminating]", REQUESTING, False),
        (selector("In", "[urgent]"), URGENT, True),
        (selector("In", "[other]"), URGENT, False),
        (selector("NotIn", "[urgent]"), URGENT, False),
        (selector("Exists"), URGENT, True),
        (selector("DoesNotExist"), URGENT, False),
        (selector("In", "[urgent]"), PLAIN, None),
        (selector("Exists", scope="CrossNamespacePodAffinity"), PLAIN, None),
        (selector("In", "[a]", scope="VolumeAttributesClass"), PLAIN, False),
        (", scopes: 3, scopeSelector: []", PLAIN, True),
    ],
)
def test_scopes(more: str, spec: str, expected: bool | None) -> None:
    assert counts(more, spec) is expected


def test_what_others_give_to_a_pod_counts() -> None:
    assert counts(", scopes: [BestEffort]", PLAIN, LIMITS) is False
    assert counts(selector("In", "[urgent]"), PLAIN, DEFAULT) is True
    assert counts(selector("In", "[urgent]"), PLAIN, complete=True) is False


@pytest.mark.parametrize(
    ("key", "use"),
    [
        ("pods", 1), ("count/pods", 1), ("cpu", 2), ("requests.cpu", 2), ("limits.cpu", 3), ("memory", None), ("limits.memory", None),
        ("requests.nvidia.com/gpu", 1), ("nvidia.com/gpu", None), ("limits.nvidia.com/gpu", None), ("hugepages-2Mi", 4 * 1024**2),
        ("requests.hugepages-2Mi", 4 * 1024**2), ("requests.storage", None), ("services", None), ("count/jobs.batch", None),
    ],
)  # fmt: skip
def test_what_a_pod_adds(key: str, use: int | None) -> None:
    resources = "{requests: {cpu: 2, hugepages-2Mi: 4Mi}, limits: {cpu: 3, nvidia.com/gpu: 1, hugepages-2Mi: 4Mi}}"
    (workload,) = view(POD % f"{{containers: [{{name: c, image: a, resources: {resources}}}]}}").workloads
    assert Quota.use(workload.templates[0], key) == (None if use is None else Fraction(use))


def test_amounts_and_devices() -> None:
    snapshot = view(
        quota(hard="{cpu: 500m, memory: '${M}', requests.nvidia.com/gpu: 8, gpu.nvidia.com.deviceclass.resource.k8s.io/devices: 1}")
    )
    found = Quota.read(snapshot.documents[0], "spec")
    assert found.hard["cpu"] == Fraction(1, 2)
    assert isinstance(found.hard["memory"], Unknown)
    assert device_keys(found, snapshot.device_table) == ["requests.nvidia.com/gpu", "gpu.nvidia.com.deviceclass.resource.k8s.io/devices"]
    ignored = Quota.read(view(quota(hard="{limits.nvidia.com/gpu: 1}")).documents[0], "spec")
    assert (device_keys(ignored, KNOWN_DEVICES), mentions_devices(ignored, KNOWN_DEVICES)) == ([], True)


def test_quota_of_a_profile() -> None:
    snapshot = view("{apiVersion: kubeflow.org/v1, kind: Profile, metadata: {name: team}, spec: {resourceQuotaSpec: {hard: {cpu: 2}}}}")
    assert [dict(found.hard) for found in quotas_from_elsewhere("team", snapshot)] == [{"cpu": 2}]
    assert list(quotas_from_elsewhere("other", snapshot)) == []
