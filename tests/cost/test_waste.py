"""What findings of live rules cost: physical devices, at the price of their nodes, and nothing where that is not known."""

from __future__ import annotations

import datetime
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from auditor.cli import main, measured
from auditor.config import Settings
from auditor.cost.facts import Facts
from auditor.cost.prices import Prices
from auditor.document import Document
from auditor.engine import evaluate
from auditor.finding import Cost, CostBasis
from auditor.listing import Listing
from auditor.registry import load_rules
from auditor.snapshot import Snapshot
from auditor.source.archive import write_archive
from auditor.source.text import read_text
from auditor.usage import Activity, Held, Holder, Idling, Usage
from tests.test_rule_pages import LISTING, examples, judge

RULES = load_rules()
H100 = Fraction("6.88")
END = LISTING.taken
NODE = """
apiVersion: v1
kind: Node
metadata:
  name: {name}
  creationTimestamp: "2026-11-20T08:00:00Z"
  labels: {{node.kubernetes.io/instance-type: {type}, topology.kubernetes.io/region: us-east-1{labels}}}
spec: {{providerID: "aws:///us-east-1a/i-1"}}
status:
  capacity: {{{key}: "{count}", cpu: "96", memory: 1Ti, pods: "110"}}
  allocatable: {{{key}: "{count}", cpu: "96", memory: 1Ti, pods: "110"}}
  conditions: [{{type: Ready, status: "True"}}]
"""
POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: ml}}
spec:
  nodeName: {node}
  containers: [{{name: main, image: "train:1.0"{more}, resources: {{requests: {{cpu: "{cpu}"}}, limits: {{{key}: {count}}}}}}}]
status:
  phase: {phase}
  startTime: "2026-11-25T08:00:00Z"
  containerStatuses: [{{name: main, restartCount: 0, state: {{{state}}}}}]
"""
STUCK, RUNS = "waiting: {reason: ImagePullBackOff}", 'running: {startedAt: "2026-11-25T08:00:00Z"}'
SLEEPS = ", command: [sleep, infinity]"


def node(name: str = "gpu-0", type: str = "p5.48xlarge", key: str = "nvidia.com/gpu", count: int = 8, labels: str = "") -> str:
    return NODE.format(name=name, type=type, key=key, count=count, labels=labels)


def pod(
    name: str, node: str = "gpu-0", key: str = "nvidia.com/gpu", count: int = 8, state: str = RUNS, more: str = "", cpu: str = "1"
) -> str:
    phase = "Running" if state == RUNS else "Pending"
    return POD.format(name=name, node=node, key=key, count=count, state=state, more=more, cpu=cpu, phase=phase)


def costs(rule: str, *texts: str, usage: Usage | None = None, listing: Listing | None = LISTING) -> list[Cost | None]:
    """What the findings of a rule cost in a cluster, or in a file."""
    documents = [item for item in read_text("---".join(texts), "a.yaml") if isinstance(item, Document)]
    found = Snapshot(documents, listing=listing)
    if listing is not None:
        measured.tell(found, Facts(found, Prices()), usage)
    outcome = evaluate(found, [RULES[rule]], Settings(rules=frozenset({rule})), known=RULES)
    assert outcome.failures == []
    return [finding.cost for finding in outcome.findings]


def now(hours: Fraction | int, usd: Fraction | None) -> Cost:
    return Cost(Fraction(hours), usd, CostBasis.NOW, Fraction(1))


def used(*held: tuple[str, int, int], hours: int = 168, unused: int = 0, observed: int = 0) -> Usage:
    """Idle and active device-hours of a pod on nodes."""
    holder = Holder("ml", "Pod", "it")
    return Usage(
        END - datetime.timedelta(hours=hours), END, 300, exporters=("DCGM exporter",),
        held=tuple(Held(holder, name, Activity(idle=Fraction(idle), active=Fraction(active))) for name, idle, active in held),
        idling={holder: Idling(observed, unused, unused, unused, observed)},
    )  # fmt: skip


# -- now ----------------------------------------------------------------------------------------------------------------------------------


def test_pods_without_work_cost_what_they_hold() -> None:
    assert costs("gpu-held-without-work", node(), pod("stuck", state=STUCK)) == [now(8, 8 * H100)]


def test_without_a_price_there_are_hours_and_no_money() -> None:
    assert costs("gpu-held-without-work", node(type="nobody-knows-it"), pod("stuck", state=STUCK)) == [now(8, None)]


def test_of_a_node_that_is_not_in_view_nothing_is_known() -> None:
    assert costs("gpu-held-without-work", pod("stuck", state=STUCK)) == [None]


def test_shares_of_a_device_are_parts_of_it() -> None:
    sliced = node(count=32, labels=", nvidia.com/gpu.sharing-strategy: time-slicing, nvidia.com/gpu.replicas: '4'")
    assert costs("gpu-held-without-work", sliced, pod("stuck", count=1, state=STUCK)) == [now(Fraction(1, 4), H100 / 4)]


def test_where_no_label_tells_of_shares_the_price_book_knows_how_many_devices_there_are() -> None:
    assert costs("gpu-held-without-work", node(count=32), pod("stuck", count=1, state=STUCK)) == [now(Fraction(1, 4), H100 / 4)]
    assert costs("gpu-node-empty", node(count=32)) == [now(8, 8 * H100)]


def test_partitions_are_sevenths() -> None:
    key = "nvidia.com/mig-1g.10gb"
    found = costs("gpu-held-without-work", node(key=key, count=56), pod("stuck", key=key, count=2, state=STUCK))
    assert found == [now(Fraction(2, 7), H100 * 2 / 7)]


def test_an_empty_node_costs_all_of_its_devices() -> None:
    assert costs("gpu-node-empty", node()) == [now(8, 8 * H100)]
    assert costs("gpu-node-empty", node(type="nobody-knows-it")) == [now(8, None)]


def test_stranded_devices_cost_what_is_free() -> None:
    assert costs("gpu-stranded", node(), pod("takes-the-host", count=2, cpu="60")) == [now(6, 6 * H100)]


def test_a_container_that_sleeps_costs_what_it_holds_now() -> None:
    assert costs("gpu-sleep-command", node(), pod("sleeps", count=2, more=SLEEPS)) == [now(2, 2 * H100)]


def test_what_has_no_node_holds_nothing() -> None:
    assert costs("gpu-sleep-command", node(), pod("sleeps", node="''", count=2, more=SLEEPS)) == [None]


@pytest.mark.parametrize("rule", ["gpu-sleep-command", "serving-floor-too-high"])
def test_files_cost_nothing_yet(rule: str) -> None:
    found = [
        finding
        for example in examples(RULES[rule], "Bad")
        if "live" not in example.words
        for finding in judge(RULES[rule], example).findings
    ]
    assert found
    assert {finding.cost for finding in found} == {None}


def test_only_pods_that_run_the_same_command_are_counted() -> None:
    """Two components of a job may have a container of the same name, of which one works."""
    job = """
apiVersion: batch.volcano.sh/v1alpha1
kind: Job
metadata: {name: job, namespace: ml, uid: job-1}
spec:
  tasks:
  - name: works
    replicas: 1
    template: {spec: {containers: [{name: main, image: "train:1.0", command: [train], resources: {limits: {nvidia.com/gpu: 4}}}]}}
  - name: sleeps
    replicas: 1
    template: {spec: {containers: [{name: main, image: "train:1.0", command: [sleep, infinity], resources: {limits: {nvidia.com/gpu: 2}}}]}}
"""
    owner = "ownerReferences: [{apiVersion: batch.volcano.sh/v1alpha1, kind: Job, name: job, uid: job-1, controller: true}]"
    pods = [pod("job-works-0", count=4, more=", command: [train]"), pod("job-sleeps-0", count=2, more=SLEEPS)]
    assert costs("gpu-sleep-command", node(), job, *(one.replace("namespace: ml", f"namespace: ml, {owner}") for one in pods)) == [
        now(2, 2 * H100)
    ]


@pytest.mark.parametrize(
    ("usage", "prices", "rule", "expected"),
    [
        (None, "", "gpu-held-without-work", {"hours": 8.0, "usd": 55.04, "basis": "now", "window_hours": 1.0}),
        (
            None,
            "rules: [{match: {instance-type: p5.48xlarge}, device-hour: 2}]",
            "gpu-held-without-work",
            {"hours": 8.0, "usd": 16.0, "basis": "now", "window_hours": 1.0},
        ),
        (True, "", "gpu-idle", {"hours": 192.0, "usd": 1320.96, "basis": "measured", "window_hours": 24.0}),
    ],
)
def test_a_recorded_cluster_has_them_in_its_report(
    usage: bool | None, prices: str, rule: str, expected: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether something was measured or not, and whether costs are asked for or not."""
    documents = [
        item for item in read_text("---".join((node(), pod("it", state=RUNS if usage else STUCK))), "") if isinstance(item, Document)
    ]
    live = ([Document.of_cluster(one.ref, dict(one.raw)) for one in documents], LISTING)
    write_archive(live, tmp_path / "cluster.tar.gz", used(("gpu-0", 192, 0), hours=24, unused=8, observed=8) if usage else None)
    arguments = ["cluster", "--snapshot", str(tmp_path / "cluster.tar.gz"), "--rule", rule, "-f", "json", "--exit-zero"]
    if prices:
        (tmp_path / "prices.yaml").write_text(prices, encoding="utf-8")
        arguments += ["--prices", str(tmp_path / "prices.yaml")]
    with pytest.raises(SystemExit):
        main(arguments)
    assert [finding["cost"] for finding in json.loads(capsys.readouterr().out)["findings"]] == [expected]


# -- measured -----------------------------------------------------------------------------------------------------------------------------


def test_devices_that_were_never_used_cost_their_share_of_what_ran() -> None:
    found = costs("gpu-over-requested", node(), pod("it"), usage=used(("gpu-0", 1008, 336), unused=6, observed=8))
    assert found == [Cost(Fraction(1008), 1008 * H100, CostBasis.MEASURED, Fraction(168))]


def test_and_no_more_than_what_was_idle() -> None:
    found = costs("gpu-over-requested", node(), pod("it"), usage=used(("gpu-0", 900, 444), unused=6, observed=8))
    assert found == [Cost(Fraction(900), 900 * H100, CostBasis.MEASURED, Fraction(168))]


def test_each_node_has_its_own_price() -> None:
    cheap = node("gpu-1", "g6.12xlarge", count=4)
    usage = used(("gpu-0", 100, 0), ("gpu-1", 50, 0), hours=24, unused=12, observed=12)
    (rate,) = (cost.usd / cost.hours for cost in costs("gpu-node-empty", cheap) if cost and cost.usd)
    (found,) = costs("gpu-idle", node(), cheap, pod("it"), usage=usage)
    assert found == Cost(Fraction(150), 100 * H100 + 50 * rate, CostBasis.MEASURED, Fraction(24))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("gpu-idle", [(230, None), (120, 120 * H100)]),
        ("gpu-over-requested", [(360, None)]),
        ("serving-floor-too-high", [(1050, 1050 * H100)]),
    ],
)
def test_the_measured_examples_of_pages_have_costs(rule: str, expected: list[tuple[int, Fraction | None]]) -> None:
    found = [judge(RULES[rule], example) for example in examples(RULES[rule], "Bad") if "\nmeasured:" in example.text]
    assert [[finding.cost for finding in outcome.findings] for outcome in found] == [
        [Cost(Fraction(hours), usd, CostBasis.MEASURED, Fraction(168))] for hours, usd in expected
    ]
