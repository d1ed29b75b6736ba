"""A report with something of everything, made by hand: what the page is looked at with.

``python -m tests.reports.sample FILE`` writes it as a page; with a number as second argument, as a large one.
"""

from __future__ import annotations

import datetime
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from auditor.cost.prices import USD, Currency
from auditor.document import NotJudged, ObjectRef, Unread
from auditor.finding import Confidence, Finding, RuleFailure, Severity, Skipped, Suppressed
from auditor.listing import Listing, NotListed, Resource
from auditor.registry import renderer
from auditor.report import (
    Action,
    Amount,
    Basis,
    Category,
    Cluster,
    CostLine,
    Costs,
    Coverage,
    MissingTime,
    Point,
    PriceUse,
    Report,
    Summary,
    View,
)
from tests.reports import sample_potential

ATTACK = "<img src=x onerror=alert(1)>"
REVERSED = "gnp\u202eexe.\u2066x"
START = datetime.datetime(2026, 11, 18, tzinfo=datetime.UTC)
END = START + datetime.timedelta(days=7)
WEEK = 168
EUR = Currency("EUR", Fraction(92, 100), datetime.date(2026, 11, 24), "ECB reference rate")

# pool: device, US dollars an hour, how it is paid, whether that is cash, devices
POOLS = {
    "h100-od": ("H100", Fraction(688, 100), "on-demand", True, 16),
    "a100-reserved": ("A100-80GB", Fraction(3399625, 1000000), "reserved", False, 16),
    "l4-spot": ("L4", Fraction(3973, 10000), "spot", True, 12),
    "onprem": ("Gaudi 3", None, "owned", False, 8),
}
# namespace, kind, name, team, role, pool, and of its device-hours: active, used of those, idle warm, idle cold, starting, crash loop,
# terminating, unknown
WORKLOADS = [
    ("ml-serving", "Deployment", "llm-70b", "inference", "serving", "h100-od", 420, 250, 180, 40, 12, 0, 0, 20),
    ("ml-serving", "InferenceService", "embedder", "inference", "serving", "l4-spot", 510, 130, 90, 22, 6, 0, 0, 0),
    (
        "ml-serving",
        "Deployment",
        "reranker-with-a-rather-long-name-v2-canary",
        "inference",
        "serving",
        "l4-spot",
        120,
        31,
        210,
        0,
        3,
        18,
        0,
        0,
    ),
    ("research", "PyTorchJob", "pretrain-7b", "research", "training", "h100-od", 700, 610, 30, 0, 9, 0, 6, 0),
    ("research", "Notebook", "anna", "research", "notebook", "h100-od", 11, 4, 110, 47, 0, 0, 0, 0),
    ("research", "Notebook", ATTACK, "research", "notebook", "a100-reserved", 9, 2, 60, 99, 0, 0, 0, 0),
    ("research", "RayCluster", "sweep", "research", "batch", "a100-reserved", 520, 388, 41, 0, 14, 0, 0, 97),
    ("research", "Job", "eval-2026-11", "research", "batch", "a100-reserved", 210, 180, 0, 0, 4, 61, 3, 0),
    ("vision", "Deployment", "detector", "vision", "serving", "a100-reserved", 290, 120, 205, 9, 2, 0, 0, 0),
    ("vision", "PyTorchJob", "finetune", "vision", "training", "h100-od", 164, 149, 3, 0, 5, 40, 0, 0),
    ("vision", "StatefulSet", REVERSED, "vision", "", "onprem", 300, 90, 310, 0, 0, 0, 0, 150),
    ("default", "Pod", "test-gpu", "unassigned", "", "onprem", 0, 0, 0, 0, 0, 0, 0, 168),
]


def lines() -> tuple[CostLine, ...]:
    """Twelve workloads on four pools; what they leave is unallocated."""
    found = []
    left = {pool: Fraction(devices * WEEK) for pool, (_, _, _, _, devices) in POOLS.items()}

    def add(who: tuple[str, ...], category: Category, detail: str, hours: Fraction, used: Fraction = Fraction(0)) -> None:
        namespace, kind, name, team, role, pool = who
        model, price, capacity, cash, _ = POOLS[pool]
        confidence = Confidence.HIGH if cash else Confidence.MEDIUM
        money = None if price is None else price * hours
        if hours:
            found.append(
                CostLine(
                    category,
                    detail,
                    namespace,
                    kind,
                    name,
                    team,
                    role,
                    pool,
                    model,
                    capacity,
                    hours,
                    money,
                    used,
                    cash,
                    confidence,
                    "table",
                )
            )

    for namespace, kind, name, team, role, pool, *numbers in WORKLOADS:
        active, used, warm, cold, starting, crashed, ending, unknown = (Fraction(number) for number in numbers)
        active += Fraction(1, 7)
        who = (namespace, kind, name, team, role, pool)
        add(who, Category.ACTIVE, "", active, used)
        add(who, Category.IDLE, "warm", warm)
        add(who, Category.IDLE, "cold", cold)
        add(who, Category.STARTING, "", starting)
        add(who, Category.CRASHLOOP, "", crashed)
        add(who, Category.TERMINATING, "", ending)
        add(who, Category.UNKNOWN, "", unknown)
        left[pool] -= active + warm + cold + starting + crashed + ending + unknown
    for pool, hours in left.items():
        assert hours > 0, (pool, hours)
        nobody = ("", "", "", "", "", pool)
        add(nobody, Category.UNALLOCATED, "empty node", hours * 5 / 9)
        add(nobody, Category.UNALLOCATED, "stranded" if pool == "a100-reserved" else "cordoned", hours / 9)
        add(nobody, Category.UNALLOCATED, "free", hours * 3 / 9)
    return tuple(found)


def timeline() -> tuple[Point, ...]:
    """A week of hours that rises by day and falls by night. It is not the sum of the lines, and the page does not claim it."""
    points = []
    for hour in range(WEEK):
        day = min(abs(hour % 24 - 3), 24 - abs(hour % 24 - 3))  # 0 in the night, 12 in the afternoon
        weekend = hour // 24 in (3, 4)
        active = 14 + (day if not weekend else day // 3) + (hour * 7 % 5) / 4
        parts = {
            Category.ACTIVE: active,
            Category.IDLE: 16 - day / 2 - (3 if weekend else 0),
            Category.STARTING: 2 if hour % 24 in (8, 9) else 0,
            Category.CRASHLOOP: 3 if 60 <= hour < 81 else 0,
            Category.TERMINATING: 1 if hour % 41 == 0 else 0,
            Category.UNKNOWN: 0 if hour < 100 else 3,
        }
        parts[Category.UNALLOCATED] = 52 - sum(parts.values())
        devices = {category: Fraction(number) for category, number in parts.items() if number}
        if not 120 <= hour < 124:
            points.append(Point(START + datetime.timedelta(hours=hour), Fraction(1), devices))
    return tuple(points)


def actions() -> tuple[Action, ...]:
    """Eight things to do."""

    def one(
        kind: str, title: str, remedy: str, target: str, team: str, hours: int, price: Fraction | None, cash: bool = True, query: str = ""
    ) -> Action:
        amount = Amount(Fraction(hours), (price or 0) * Fraction(hours), Fraction(0 if price else hours))
        month = None if price is None else amount.money / WEEK * 730
        namespace = target.split("/")[1] if target.count("/") == 2 else ""
        evidence = (f"idle for {hours} of 1,176 device-hours", "2,016 of 2,016 samples of DCGM_FI_PROF_GR_ENGINE_ACTIVE were at most 1 %")
        confidence = Confidence.HIGH if price else Confidence.LOW
        return Action(kind, title, remedy, namespace, team, target, amount, month, cash, confidence, evidence, query)

    h100, a100, l4 = (POOLS[pool][1] for pool in ("h100-od", "a100-reserved", "l4-spot"))
    query = (
        "sum by (namespace, pod) (\n  count_over_time((max by (UUID, pod) (\n"
        '    DCGM_FI_PROF_GR_ENGINE_ACTIVE{namespace="research"}\n  ) <= 0.01)[1h:5m])\n) / 12'
    )
    return (
        one(
            "empty-node",
            "Pool h100-od holds 3 nodes that nobody uses",
            "Let the autoscaler remove them: set the pool's minimum to 0",
            "NodePool/h100-od",
            "",
            495,
            h100,
        ),
        one(
            "scale-down",
            "Deployment ml-serving/llm-70b idles 180 hours a week",
            "Set minReplicas to 1 and scale on queue length between 20:00 and 07:00",
            "Deployment/ml-serving/llm-70b",
            "inference",
            220,
            h100,
            query=query,
        ),
        one(
            "stop-idle",
            "Notebook research/anna has not used its GPU for 2 days",
            "Turn on notebook culling after 8 hours, or stop it",
            "Notebook/research/anna",
            "research",
            157,
            h100,
            query=query,
        ),
        one(
            "over-requested",
            "Deployment vision/detector uses 1 of its 3 GPUs",
            "Request 1 GPU: two were never used",
            "Deployment/vision/detector",
            "vision",
            205,
            a100,
            False,
            query,
        ),
        one(
            "stop-idle",
            f"Notebook research/{ATTACK} has not used its GPU",
            "Stop it",
            f"Notebook/research/{ATTACK}",
            "research",
            159,
            a100,
            False,
            query,
        ),
        one(
            "crashloop",
            "PyTorchJob vision/finetune restarts without end on 8 H100",
            "Set backoffLimit, and read why it ends: exit code 137",
            "PyTorchJob/vision/finetune",
            "vision",
            40,
            h100,
        ),
        one(
            "scale-down",
            "Deployment ml-serving/reranker-with-a-rather-long-name-v2-canary idles",
            "Scale it to zero with KEDA",
            "Deployment/ml-serving/reranker-with-a-rather-long-name-v2-canary",
            "inference",
            210,
            l4,
            query=query,
        ),
        one(
            "stop-idle",
            f"StatefulSet vision/{REVERSED} idles",
            "Scale it to 1 replica",
            f"StatefulSet/vision/{REVERSED}",
            "vision",
            310,
            None,
            False,
            query,
        ),
    )


def prices() -> tuple[PriceUse, ...]:
    """One for each pool."""
    sources = {
        "h100-od": (
            "p5.48xlarge, us-east-1, on-demand",
            "table",
            "https://aws.amazon.com/ec2/pricing/on-demand/",
            datetime.date(2026, 11, 3),
        ),
        "a100-reserved": ("ND96asr_v4, eastus, reserved", "table, other capacity type", "https://azure.microsoft.com/pricing/", None),
        "l4-spot": ("g2-standard-4, us-central1, spot", "owner", "prices.yaml, line 12", datetime.date(2026, 10, 1)),
        "onprem": ("Gaudi 3 of pool onprem", "none", "", None),
    }
    return tuple(
        PriceUse(
            what,
            POOLS[pool][0],
            POOLS[pool][1],
            basis,
            source,
            date,
            Confidence.HIGH if date else (None if pool == "onprem" else Confidence.LOW),
            Fraction(POOLS[pool][4] * WEEK),
            POOLS[pool][3],
            ("list price: the discount of the reservation is not known",) if pool == "a100-reserved" else (),
        )
        for pool, (what, basis, source, date) in sources.items()
    )


def costs(currency: Currency = USD) -> Costs:
    """A week, measured."""
    return Costs(
        basis=Basis.USAGE,
        start=START,
        end=END,
        lines=lines(),
        actions=actions(),
        prices=prices(),
        timeline=timeline(),
        coverage=Coverage(Fraction(934, 1000), Fraction(164, 168), ("DCGM", "kube-state-metrics"), Fraction(37, 2), 1544, 21.4),
        currency=currency,
        notes=("exporter labels are in exported_pod: honor_labels is false", f"the pod {ATTACK} has measurements and no request"),
        missing=(
            MissingTime(
                START + datetime.timedelta(hours=120), START + datetime.timedelta(hours=124), "allocation", "the server answered 503"
            ),
        ),
    )


def now() -> Costs:
    """One look: an hour of the same."""
    week = costs()
    hour = tuple(
        replace(
            line,
            category=line.category if line.category not in (Category.ACTIVE, Category.IDLE) else Category.UNKNOWN,
            detail="" if line.category is Category.IDLE else line.detail,
            hours=line.hours / WEEK,
            money=None if line.money is None else line.money / WEEK,
            used=Fraction(0),
        )
        for line in week.lines
    )
    return replace(
        week,
        basis=Basis.NOW,
        end=START + datetime.timedelta(hours=1),
        lines=hour,
        timeline=(),
        missing=(),
        coverage=Coverage(),
        actions=tuple(replace(action, query="") for action in week.actions),
    )


def allocation() -> Costs:
    """The same week without measurements of use."""
    week = costs()
    held = tuple(
        replace(line, category=Category.UNKNOWN, detail="", used=Fraction(0)) if line.category in (Category.ACTIVE, Category.IDLE) else line
        for line in week.lines
    )
    return replace(week, basis=Basis.ALLOCATION, lines=held, coverage=Coverage(exporters=("kube-state-metrics",)))


_RULES = (
    ("gpu-without-limit", Severity.CRITICAL, "requests nvidia.com/gpu: 8 but sets no limit", "set limits to the same number"),
    (
        "probe-missing",
        Severity.HIGH,
        "has no readinessProbe, so requests reach it while it loads its model",
        "add a readinessProbe on /health",
    ),
    (
        "image-without-digest",
        Severity.MEDIUM,
        "uses the image vllm/vllm-openai:latest, which can change under it",
        "write the digest after the tag",
    ),
    ("shm-too-small", Severity.MEDIUM, "mounts no /dev/shm, so that it has 64 MiB", "mount an emptyDir of medium Memory at /dev/shm"),
    ("owner-label-missing", Severity.LOW, "says nowhere which team owns it", "add the label team"),
    ("gpu-idle", Severity.INFO, "used its GPUs in 4 % of the last 24 hours", ""),
)


def findings(number: int, file: str = "") -> tuple[Finding, ...]:
    """Findings of six rules on the workloads, by turns."""
    found = []
    for index in range(number):
        rule, severity, message, remedy = _RULES[index % len(_RULES)]
        namespace, kind, name, *_ = WORKLOADS[index * 5 % len(WORKLOADS)]
        name = name if index < 60 else f"{name}-{index // 10}"
        place = (file or "k8s/serving/deployment.yaml", 17 + index, 9) if file or index % 7 == 0 else ("cluster", 0, 0)
        found.append(
            Finding(
                *place,
                rule,
                "spec.template.spec.containers[0].resources",
                message,
                ObjectRef("apps", "v1", kind, namespace, name),
                severity,
                Confidence.HIGH if index % 3 else Confidence.MEDIUM,
                remedy,
                f"{index:016x}",
            )
        )
    return tuple(found)


def report(costs: Costs | None, number: int = 40) -> Report:
    """A report on a cluster, with something that could not be read."""
    found = findings(number)
    pods = Resource("", "v1", "Pod", "pods", True)
    listing = Listing(
        END,
        "gke_acme_europe-west4_ml-prod",
        (1, 33),
        "",
        (pods,),
        (NotListed("nodepools.karpenter.sh", "forbidden: the account may not list them"),),
        frozenset(),
        61,
    )
    return Report(
        findings=found,
        suppressed=tuple(Suppressed(finding, "annotation", "accepted by the platform team", "2027-01-31") for finding in found[:3]),
        skipped=(Skipped("pdb-missing", "PodDisruptionBudgets of the namespace", 4), Skipped("quota-missing", "ResourceQuotas", 2)),
        failures=(
            RuleFailure("gpu-stranded", "cluster", 0, f"Notebook research/{ATTACK}", "TypeError: 'NoneType' object is not subscriptable"),
        ),
        unread=(Unread("k8s/broken.yaml", 12, "mapping values are not allowed here", 5, True),),
        not_judged={"not a Kubernetes object": 7, "a Helm template": 3},
        folders=(NotJudged("node_modules", 0, "a folder of packages"),),
        summary=Summary(0, 0, 0, 0, 412, 402, 61, 12, 44),
        profile="recommended",
        kubernetes_version="1.33",
        rules=97,
        cluster=Cluster(listing, 14, 23, 187),
        costs=costs,
    )


def scan(number: int = 40) -> Report:
    """A report on files: findings only."""
    return replace(
        report(None),
        findings=findings(number, "k8s/serving/deployment.yaml"),
        failures=(),
        unread=(),
        cluster=None,
        summary=Summary(31, 24, 0, 7, 88, 80, 12, 9, 44),
    )


def empty() -> Report:
    """Nothing found, and nothing left out."""
    return replace(scan(), findings=(), suppressed=(), skipped=(), not_judged={}, folders=())


def money_alone() -> Report:
    """Money, and nothing that was judged or could not be read."""
    return replace(empty(), costs=costs(), rules=0, summary=Summary(0, 0, 0, 0, 0, 0, 0, 0, 0))


def large(findings: int = 5000, workloads: int = 500) -> Report:
    """Many of everything."""
    some = lines()
    many = tuple(replace(line, name=f"{line.name}-{index}") if line.name else line for index in range(workloads // 12 + 1) for line in some)
    return report(replace(costs(), lines=many), findings)


SAMPLES = {
    "usage": lambda: report(costs()),
    "euro": lambda: report(costs(EUR)),
    "now": lambda: report(now()),
    "allocation": lambda: report(allocation()),
    "money": money_alone,
    "scan": scan,
    "empty": empty,
    "potential": lambda: replace(scan(), potential=sample_potential.potential()),
    "large": large,
}


if __name__ == "__main__":
    for name, make in SAMPLES.items():
        (Path(sys.argv[1]) / f"{name}.html").write_text(renderer("html").render(make(), View()), encoding="utf-8")
