"""Costs made by hand: every category and detail, three teams, ten workloads, three pools, and names that mean harm."""

from __future__ import annotations

import dataclasses
import datetime
from fractions import Fraction

from auditor.cost.prices import USD, Currency
from auditor.document import ObjectRef
from auditor.finding import Confidence, Finding, Severity
from auditor.listing import Listing
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
)

UTC = datetime.UTC
START = datetime.datetime(2026, 11, 18, tzinfo=UTC)
END = datetime.datetime(2026, 11, 25, tzinfo=UTC)
EUR = Currency("EUR", Fraction(9, 10), datetime.date(2026, 11, 20), "the owner's file")

# US dollars for a device and hour, of each pool: 55.04 / 8, 21.97 / 8, and nothing at all.
PRICES = {"h100": Fraction(5504, 800), "a100": Fraction(2197, 800), "l4": None}
MODELS = {"h100": "NVIDIA H100 80GB HBM3", "a100": "NVIDIA A100-SXM4-40GB", "l4": "NVIDIA L4"}
TERMS = {"h100": "on-demand", "a100": "reserved", "l4": "spot"}

HOSTILE = {
    "pipe": "a|b|c",
    "backtick": "`rm -rf`` ~~~ ```",
    "newline": "one\n\n# two\r\nthree\u2028four",
    "ansi": "\x1b[31mred\x1b[0m\x07",
    "bidi": "\u202egnp.exe\u2066",
    "html": "<img src=x onerror=alert(1)>&amp;<!-- -->",
    "mention": "@octocat and @org/team #123 GH-1 org/repo#5",
    "link": "[click](https://evil.example/) https://evil.example www.evil.example me@evil.example",
    "markup": "**bold** _it_ ~~no~~ $x$ \\ - [ ] 1. :tada: <details>",
}


def line(
    category: Category,
    hours: str | int | Fraction,
    holder: tuple[str, str, str, str] = ("", "", "", ""),
    *,
    pool: str = "h100",
    detail: str = "",
    role: str = "",
    used: str | int = 0,
) -> CostLine:
    """A line; the holder is namespace, kind, name and team."""
    price = PRICES.get(pool)
    return CostLine(
        category=category,
        detail=detail,
        namespace=holder[0],
        kind=holder[1],
        name=holder[2],
        team=holder[3],
        role=role,
        pool=pool,
        model=MODELS.get(pool, ""),
        capacity_type=TERMS.get(pool, "on-demand"),
        hours=Fraction(hours),
        money=None if price is None else price * Fraction(hours),
        used=Fraction(used),
        cash=TERMS.get(pool) != "reserved",
        confidence=Confidence.HIGH if pool == "h100" else Confidence.MEDIUM,
        basis="price book 2026-10-01" if price is not None else "",
    )


LLM = ("serving", "Deployment", "llm-gateway", "platform")
EMBED = ("serving", "StatefulSet", "embedding-server", "platform")
TRAIN = ("research", "PyTorchJob", "llama-finetune-7b", "research")
SWEEP = ("research", "RayCluster", "hyperparameter-sweep", "research")
NOTE = ("research", "Notebook", "anna", "research")
BERT = ("vision", "Job", "bert-nightly", "vision")
DETECT = ("vision", "InferenceService", "object-detector-production-europe-west", "vision")
CRASH = ("vision", "Deployment", "segmenter", "vision")
OLD = ("default", "Pod", "debug-gpu", "unassigned")
STUCK = ("vision", "StatefulSet", "stuck", "vision")

LINES = (
    line(Category.UNALLOCATED, 336, detail="empty node"),
    line(Category.UNALLOCATED, Fraction(84, 7), detail="unhealthy"),
    line(Category.UNALLOCATED, 24, pool="a100", detail="cordoned"),
    line(Category.UNALLOCATED, Fraction(168 * 3, 7), pool="a100", detail="not partitioned"),
    line(Category.UNALLOCATED, 70, pool="a100", detail="stranded"),
    line(Category.UNALLOCATED, "100.5", pool="l4", detail="free"),
    line(Category.STARTING, "6.25", TRAIN, role="training"),
    line(Category.STARTING, Fraction(7, 3), BERT, pool="a100", role="training"),
    line(Category.TERMINATING, "4.75", STUCK, pool="a100", role="serving"),
    line(Category.CRASHLOOP, 40, CRASH, pool="a100", role="serving"),
    line(Category.UNKNOWN, 168, DETECT, pool="l4", role="serving"),
    line(Category.UNKNOWN, 12, OLD, pool="h100"),
    line(Category.IDLE, 290, LLM, role="serving", detail="warm"),
    line(Category.IDLE, "30.5", LLM, role="serving", detail="cold"),
    line(Category.IDLE, Fraction(1000, 7), NOTE, pool="a100", role="notebook", detail="cold"),
    line(Category.IDLE, 60, SWEEP, role="training", detail="warm"),
    line(Category.IDLE, 30, EMBED, pool="l4", role="serving", detail="warm"),
    line(Category.ACTIVE, "351.5", LLM, role="serving", used=200),
    line(Category.ACTIVE, "665.75", TRAIN, role="training", used=610),
    line(Category.ACTIVE, 276, SWEEP, role="training", used=100),
    line(Category.ACTIVE, "180", BERT, pool="a100", role="training", used=150),
    line(Category.ACTIVE, 138, EMBED, pool="l4", role="serving", used=40),
)


def _total(*lines: CostLine) -> Amount:
    return sum((one.amount for one in lines), Amount())


ACTIONS = (
    Action(
        "scale-down",
        "2 nodes of pool h100 had no GPU pod for 7 days",
        "let the autoscaler remove empty nodes of the pool, or lower its minimum",
        "",
        "",
        "NodePool/h100",
        _total(LINES[0]),
        LINES[0].money and LINES[0].money / 168 * 730,
        True,
        Confidence.HIGH,
        ("no pod requested a device of gpu-h100-3 and gpu-h100-4 in 2,016 of 2,016 samples", "the pool's minimum is 4 nodes"),
        'sum by (node) (kube_pod_container_resource_requests{resource="nvidia_com_gpu"})',
    ),
    Action(
        "scale-with-demand",
        "Deployment/serving/llm-gateway holds 4 GPUs and uses them 52 % of the time",
        "scale it with its queue of requests (KEDA, HorizontalPodAutoscaler), with a floor of one replica at night",
        "serving",
        "platform",
        "Deployment/serving/llm-gateway",
        _total(LINES[12], LINES[13]),
        Fraction(7500),
        True,
        Confidence.MEDIUM,
        ("320.5 of 672.0 measured device-hours had no work",),
        'avg by (pod) (DCGM_FI_PROF_GR_ENGINE_ACTIVE{exported_namespace="serving"})',
    ),
    Action(
        "stop-idle",
        "Notebook/research/anna has not used its GPU for 6 days",
        "cull notebooks after an hour without work",
        "research",
        "research",
        "Notebook/research/anna",
        _total(LINES[14]),
        Fraction(170469, 100),
        False,
        Confidence.HIGH,
        ("its kernel is idle since 2026-11-19T08:00Z",),
    ),
    Action(
        "repair",
        "Deployment/vision/segmenter restarts in a loop and holds a GPU",
        "repair its image, or scale it to zero until then",
        "vision",
        "vision",
        "Deployment/vision/segmenter",
        _total(LINES[9]),
        Fraction(47700, 100),
        False,
        Confidence.HIGH,
        ("CrashLoopBackOff in 480 of 2,016 samples",),
        'max_over_time(kube_pod_container_status_waiting_reason{reason="CrashLoopBackOff"}[7d])',
    ),
    Action(
        "partition",
        "Node/gpu-a100-1 is set up for MIG and has no instances on 3 of 7 slices",
        "create the instances that pods ask for",
        "",
        "",
        "Node/gpu-a100-1",
        _total(LINES[3]),
        Fraction(85900, 100),
        False,
        Confidence.LOW,
    ),
    Action(
        "stop-idle",
        "StatefulSet/serving/embedding-server is idle at night",
        "scale it with demand",
        "serving",
        "platform",
        "StatefulSet/serving/embedding-server",
        _total(LINES[16]),
        None,
        True,
        Confidence.LOW,
        ("30.0 device-hours without work",),
    ),
)
USES = (
    PriceUse(
        "p5.48xlarge, us-east-1, on-demand", MODELS["h100"], PRICES["h100"], "list", "https://aws.amazon.com/ec2/pricing/on-demand/",
        datetime.date(2026, 10, 1), Confidence.HIGH, _total(*(one for one in LINES if one.pool == "h100")).hours, True,
    ),
    PriceUse(
        "p4d.24xlarge, us-east-1, reserved", MODELS["a100"], PRICES["a100"], "list, on demand", "https://aws.amazon.com/ec2/pricing/",
        datetime.date(2026, 6, 15), Confidence.MEDIUM, _total(*(one for one in LINES if one.pool == "a100")).hours, False,
        ("no discount for the reservation is known",),
    ),
    PriceUse("l4, spot", MODELS["l4"], None, "", "", None, None, _total(*(one for one in LINES if one.pool == "l4")).hours, True),
)  # fmt: skip
COSTS = Costs(
    basis=Basis.USAGE,
    start=START,
    end=END,
    lines=LINES,
    actions=ACTIONS,
    prices=USES,
    timeline=tuple(
        Point(START + datetime.timedelta(days=day), Fraction(24), {Category.ACTIVE: Fraction(200 + day), Category.IDLE: Fraction(553, 7)})
        for day in range(7)
    ),
    coverage=Coverage(Fraction(93, 100), Fraction(99, 100), ("DCGM", "kube-state-metrics"), Fraction(7, 2), 412, 18.25),
    currency=USD,
    notes=("labels of pods are not exported: teams of pods that are gone come from their namespace",),
    missing=(
        MissingTime(
            datetime.datetime(2026, 11, 20, 3, tzinfo=UTC), datetime.datetime(2026, 11, 20, 4, tzinfo=UTC), "telemetry",
            "the server answered 422: query processing would load too many samples into memory",
        ),
    ),
)  # fmt: skip

NOW = dataclasses.replace(
    COSTS,
    basis=Basis.NOW,
    start=END,
    end=END + datetime.timedelta(hours=1),
    lines=(line(Category.UNALLOCATED, 2, detail="empty node"), line(Category.UNKNOWN, 6, LLM)),
    actions=(),
    prices=USES[:1],
    timeline=(),
    coverage=Coverage(),
    notes=(),
    missing=(),
)


def hostile() -> Costs:
    """The same, with names and sentences that a cluster's users may choose."""
    names = list(HOSTILE.values())
    lines = tuple(
        dataclasses.replace(one, namespace=text, kind="Deployment", name=text, team=text, pool=text, model=text)
        for one, text in zip(LINES[12:], names, strict=False)
    )
    actions = tuple(
        dataclasses.replace(one, title=text, remedy=text, target=text, team=text, namespace=text, evidence=(text, text), query=text)
        for one, text in zip(ACTIONS * 2, names, strict=False)
    )
    notes = tuple(names)
    missing = tuple(MissingTime(START, END, "allocation", text) for text in names)
    uses = tuple(dataclasses.replace(USES[0], what=text, model=text, source=text, notes=(text,)) for text in names)
    coverage = dataclasses.replace(COSTS.coverage, exporters=tuple(names))
    return dataclasses.replace(COSTS, lines=lines, actions=actions, notes=notes, missing=missing, prices=uses, coverage=coverage)


def report(costs: Costs | None = COSTS, findings: tuple[Finding, ...] = (), rules: int = 0) -> Report:
    """A report around costs."""
    return Report(
        findings=findings,
        suppressed=(),
        skipped=(),
        failures=(),
        unread=(),
        not_judged={},
        folders=(),
        summary=Summary(0, 0, 0, 0, 400, 400, 60, 10, 24),
        profile="recommended",
        kubernetes_version="1.33",
        rules=rules,
        cluster=Cluster(Listing(END, "production", (1, 33), "", (), (), frozenset(), 41), 12, 6, 310),
        costs=costs,
    )


def finding(number: int = 1, severity: Severity = Severity.HIGH, text: str = "the message", name: str = "llm") -> Finding:
    """A finding about an object."""
    return Finding(
        file=f"{name}.yaml",
        line=number,
        column=5,
        rule="gpu-idle",
        path="spec.replicas",
        severity=severity,
        confidence=Confidence.HIGH,
        object=ObjectRef("apps", "v1", "Deployment", "ml", name),
        message=text,
        remediation=f"repair {text}",
        fingerprint=f"{number:016x}",
    )
