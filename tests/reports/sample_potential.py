"""What manifests could cost, made by hand: a bit of everything, and what a change does to it."""

from __future__ import annotations

import datetime
from fractions import Fraction

from auditor.cost.compare import compare
from auditor.cost.potential import DevicePrice, Potential, PotentialLine, PotentialPart, Span, Term, TermKind
from auditor.cost.prices import USD, Currency
from auditor.document import ObjectRef
from auditor.finding import Confidence

DAY = datetime.date(2026, 11, 25)
H100 = DevicePrice(
    "p5.48xlarge, us-east-1, on-demand", Span.of(Fraction(688, 100)), "price book", "https://aws.amazon.com/ec2/pricing/",
    datetime.date(2026, 7, 20), Confidence.MEDIUM, cash=True, notes=("a note",),
)  # fmt: skip
A100 = DevicePrice(
    "a2-ultragpu-1g or -8g, spot", Span(Fraction(19, 7), Fraction(15, 4)), "owner's rule", "our prices", None, Confidence.LOW, cash=False
)
ATTACK = "<img src=x onerror=alert(1)>"


def line(name: str, *parts: PotentialPart, kind: str = "Deployment", term: Term | None = None, **more: object) -> PotentialLine:
    """A workload in a file of its own."""
    found = {"role": "serving", "team": "search", **more}
    return PotentialLine(ObjectRef("apps", "v1", kind, "ml", name), f"k8s/{name}.yaml", 7, parts=parts, term=term or Term(), **found)  # type: ignore[arg-type]


def part(price: DevicePrice | None, units: int | None, pods: Span | int, share: Fraction | None = Fraction(1)) -> PotentialPart:
    """Pods of one sort."""
    model = {H100: "H100", A100: "A100-80GB"}.get(price, "") if price else ""
    return PotentialPart("main", "nvidia.com/gpu", model, units, share, pods if isinstance(pods, Span) else Span.of(pods), price)


def potential(currency: Currency = USD) -> Potential:
    """What it is now, and since a version in which one was smaller, one larger, one not there and one more was."""
    run, nightly = Term(TermKind.RUN), Term(TermKind.SCHEDULE, Fraction(5, 3), Fraction(365, 12))
    same = (
        line("chat", part(A100, 2, Span(Fraction(2), Fraction(6))), scaler="HorizontalPodAutoscaler/chat"),
        line("embed", part(A100, 1, 3, Fraction(2, 7))),
        line("eval", part(H100, 8, 1), kind="CronJob", term=nightly, role="batch", team=""),
        line("mystery", part(None, 1, 1), kind="Pod", role="", team=""),
        line("open", part(A100, 4, Span(Fraction(1), None))),
        line("agent", part(H100, 1, 1), kind="DaemonSet", per="node"),
        line("shares", part(H100, 1, 1, None), term=Term(suspended=True)),
    )
    before = (line("llm", part(H100, 2, 3)), line("old", part(H100, 1, 1)), line(ATTACK, part(H100, 4, 2)))
    now = (
        line("llm", part(H100, 2, 4)),
        line("train", part(H100, 8, 2), kind="Job", term=run, role="training", notes=("it has no deadline",)),
        line(ATTACK, part(H100, 4, 1)),
    )
    ordered = tuple(sorted((*now, *same), key=lambda one: -(one.counted.low if one.counted else 0)))
    found = Potential(ordered, DAY, "us-east-1", currency, templates=1)
    return found.compared(compare((*before, *same), ordered, "main", "0123456789abcdef" * 2 + "01234567", ("1 file is missing",)))
