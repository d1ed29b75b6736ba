"""Free devices that nobody can use are told apart from those that somebody could."""

from __future__ import annotations

import datetime
from fractions import Fraction
from typing import Any

import pytest

from auditor.cost.facts import Facts
from auditor.cost.now import look
from auditor.cost.prices import Prices
from auditor.cost.split import costs_of
from auditor.document import Document, ObjectRef
from auditor.listing import Listing
from auditor.report import Category, details
from auditor.snapshot import Snapshot

TAKEN = datetime.datetime(2026, 11, 25, tzinfo=datetime.UTC)
PRICES = Prices.load(None)


def listing(namespace: str) -> Listing:
    return Listing(TAKEN, "made up", (1, 36), namespace, (), (), frozenset({("", "Pod"), ("", "Node")}), 1)


def node(name: str, **labels: str) -> Document:
    amounts = {"nvidia.com/gpu": "4", "cpu": "32", "memory": "256Gi", "pods": "110"}
    status = {"capacity": amounts, "allocatable": amounts, "conditions": [{"type": "Ready", "status": "True"}]}
    named = {"node.kubernetes.io/instance-type": "g6.12xlarge", "topology.kubernetes.io/region": "us-east-1", **labels}
    raw = {"metadata": {"name": name, "labels": named}, "spec": {"providerID": "aws:///x"}, "status": status}
    return Document.of_cluster(ObjectRef("", "v1", "Node", "", name), raw)


def pod(name: str, where: str, cpu: str, gpus: int = 0) -> Document:
    limits: dict[str, Any] = {"nvidia.com/gpu": gpus} if gpus else {}
    containers = [{"name": "main", "image": "a:1", "resources": {"requests": {"cpu": cpu, "memory": "16Gi"}, "limits": limits}}]
    raw = {
        "metadata": {"name": name, "namespace": "ml"},
        "spec": {"nodeName": where, "containers": containers},
        "status": {"phase": "Running"},
    }
    return Document.of_cluster(ObjectRef("", "v1", "Pod", "ml", name), raw)


@pytest.mark.parametrize(
    ("other", "namespace", "expected"),
    [
        ("20", "", {"stranded": 3}),  # 4 CPUs are left, and a pod wants 8
        ("12", "", {"free": 3}),
        ("20", "ml", {"free": 3}),  # other namespaces' pods are not in view: what is left is not known
    ],
)
def test_free_devices_without_cpu_are_stranded(other: str, namespace: str, expected: dict[str, int]) -> None:
    documents = [node("gpu-1"), pod("train", "gpu-1", "8", 1), pod("etl", "gpu-1", other)]
    snapshot = Snapshot(documents, listing=listing(namespace))
    facts = Facts(snapshot, PRICES)
    costs = costs_of(look(snapshot, facts), facts, PRICES, PRICES.currency("USD"), now=True)
    found = details(costs, Category.UNALLOCATED)
    assert {name: amount.hours for name, amount in found.items()} == expected
    assert costs.total().hours == 4
    assert sum((amount.money for amount in found.values()), Fraction()) == Fraction("4.6016") * 3 / 4
