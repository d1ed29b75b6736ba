"""What rules know of money: prices of nodes reach them, and what was idle is told in both."""

from __future__ import annotations

import dataclasses
import datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from auditor.config import Settings
from auditor.cost.facts import Facts
from auditor.cost.prices import Prices
from auditor.cost.split import rates_of
from auditor.document import Document
from auditor.engine import evaluate
from auditor.finding import Cost, CostBasis, Finding, Severity
from auditor.listing import Listing
from auditor.registry import load_rules
from auditor.snapshot import Snapshot
from auditor.source.text import read_text
from auditor.usage import Activity, Held, Holder, Idling, Usage

END = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
LISTING = Listing(END, "test", (1, 36), "", (), (), frozenset(), 0)
JOB = Holder("ml", "Pod", "hangs")
# Of a day, 40 device-hours of eight H100 at 6.88 USD.
USAGE = Usage(
    END - datetime.timedelta(days=1), END, 300, exporters=("DCGM exporter",),
    held=(Held(JOB, "gpu-0", Activity(idle=Fraction(40), active=Fraction(8))),), idling={JOB: Idling(8, 8, 0)},
)  # fmt: skip
TEXT = """
apiVersion: v1
kind: Node
metadata: {name: gpu-0, labels: {node.kubernetes.io/instance-type: %s, topology.kubernetes.io/region: us-east-1}}
spec: {providerID: "aws:///us-east-1a/i-1"}
status: {capacity: {nvidia.com/gpu: "8"}, allocatable: {nvidia.com/gpu: "8"}}
---
apiVersion: v1
kind: Pod
metadata: {name: hangs, namespace: ml}
spec: {nodeName: gpu-0, containers: [{name: main, image: "train:1.0", resources: {limits: {nvidia.com/gpu: 8}}}]}
status: {phase: Running, startTime: "2026-11-25T08:00:00Z"}
"""


def snapshot(instance_type: str = "p5.48xlarge", usage: Usage = USAGE) -> Snapshot:
    found = Snapshot([item for item in read_text(TEXT % instance_type, "a.yaml") if isinstance(item, Document)], listing=LISTING)
    prices = Prices()
    found.usage, found.rates = usage, rates_of(usage, Facts(found, prices), prices)
    return found


def finding(of: Snapshot, limit: int = 0) -> Finding:
    rules = load_rules()
    settings = Settings(rules=frozenset({"gpu-idle"}), options={"gpu-idle": {"usd_a_day": limit}})
    (found,) = evaluate(of, [rules["gpu-idle"]], settings, known=rules).findings
    return found


def test_nodes_that_hold_devices_have_their_price() -> None:
    assert snapshot().rates == {"gpu-0": Fraction("6.88")}
    assert snapshot("nobody-knows-it").rates == {}


@pytest.mark.parametrize(("limit", "severity"), [(0, Severity.MEDIUM), (276, Severity.MEDIUM), (275, Severity.HIGH)])
def test_an_amount_a_day_makes_it_urgent_where_somebody_says_which(limit: int, severity: Severity) -> None:
    found = finding(snapshot(), limit)
    assert found.severity is severity
    assert found.message.endswith("idle in 40 of 48 measured device-hours (83 %): 275.20 USD a day")
    assert Decimal("275.20") == 40 * Decimal("6.88")


def test_without_a_price_there_are_hours_and_no_money() -> None:
    found = finding(snapshot("nobody-knows-it"), 1)
    assert found.severity is Severity.MEDIUM
    assert found.message.endswith("(83 %)")


def test_one_node_without_a_price_leaves_the_whole_without() -> None:
    gone = Held(JOB, "gone", Activity(idle=Fraction(1)))
    found = finding(snapshot(usage=dataclasses.replace(USAGE, held=(*USAGE.held, gone))))
    assert found.cost == Cost(Fraction(41), None, CostBasis.MEASURED, Fraction(24))


def test_a_finding_says_what_it_costs_in_the_window() -> None:
    assert finding(snapshot()).cost == Cost(Fraction(40), Fraction("275.2"), CostBasis.MEASURED, Fraction(24))
    assert finding(snapshot("nobody-knows-it")).cost == Cost(Fraction(40), None, CostBasis.MEASURED, Fraction(24))


def test_its_fingerprint_does_not_depend_on_it() -> None:
    assert finding(snapshot()).fingerprint == finding(snapshot("nobody-knows-it")).fingerprint


def test_nodes_that_nobody_measured_have_a_price_too() -> None:
    found = snapshot()
    assert rates_of(Usage(END, END, 3600), Facts(found, Prices()), Prices()) == {"gpu-0": Fraction("6.88")}
