"""The report: the one value that every output format takes. The same input gives the same bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from auditor import __version__
from auditor.comparison import Comparison, Known
from auditor.cost.model import HOURS_OF_A_MONTH, Action, Amount, Basis, CostLine, Costs, Coverage, PriceUse, rounded
from auditor.cost.potential import Change, ChangeLine, How, Money, Potential, PotentialLine, PotentialPart, Span, TermKind
from auditor.cost.settled import settled
from auditor.cost.shown import DIMENSIONS, WASTE, Figure, Group, Split, details, figures, groups, percentages
from auditor.cost.words import BASES, MEANINGS, as_money, gap, oldest_price, price_mix, span, standing
from auditor.document import NotJudged, Unread
from auditor.finding import Confidence, Cost, CostBasis, Finding, RuleFailure, Severity, Skipped, Suppressed
from auditor.listing import Listing
from auditor.rule import Rule
from auditor.usage import Category, MissingTime, Point

__all__ = [
    "BASES",
    "DIMENSIONS",
    "HOURS_OF_A_MONTH",
    "MEANINGS",
    "WASTE",
    "Action",
    "Amount",
    "Basis",
    "Category",
    "Change",
    "ChangeLine",
    "Cluster",
    "Comparison",
    "Confidence",
    "Cost",
    "CostBasis",
    "CostLine",
    "Costs",
    "Coverage",
    "Figure",
    "Finding",
    "Group",
    "How",
    "Known",
    "MissingTime",
    "Money",
    "Point",
    "Potential",
    "PotentialLine",
    "PotentialPart",
    "PriceUse",
    "Report",
    "RuleFailure",
    "RuleInfo",
    "Severity",
    "Span",
    "Split",
    "Summary",
    "Suppressed",
    "TermKind",
    "Unread",
    "View",
    "as_money",
    "compared",
    "counts",
    "details",
    "figures",
    "gap",
    "groups",
    "oldest_price",
    "percentages",
    "price_mix",
    "printable",
    "rounded",
    "span",
    "standing",
]


@dataclass(frozen=True, slots=True)
class Cluster:
    """The live cluster that was judged.

    Attributes:
        listing: what was listed of it, and what could not be.
        namespaces, nodes, pods: how many are in view.
        allow_partial: the user is content with what may be listed.
    """

    listing: Listing
    namespaces: int
    nodes: int
    pods: int
    allow_partial: bool = False

    @property
    def incomplete(self) -> bool:
        """Something could not be listed, and the user did not say that this is fine."""
        return bool(self.listing.not_listed) and not self.allow_partial


@dataclass(frozen=True, slots=True)
class RuleInfo:
    """What a report says of a rule that something in it names.

    Attributes:
        name, title, topic, severity, confidence: see `auditor.rule.Rule`.
        tags, profiles: sorted.
        page: the manual page, as Markdown.
    """

    name: str
    title: str
    topic: str
    severity: Severity
    confidence: Confidence
    tags: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    page: str = ""

    @classmethod
    def of(cls, rule: Rule) -> RuleInfo:
        """What is to be said of a rule."""
        profiles = tuple(sorted(map(str, rule.profiles)))
        return cls(rule.name, rule.title, rule.topic, rule.severity, rule.confidence, tuple(sorted(rule.tags)), profiles, rule.manual)


@dataclass(frozen=True, slots=True)
class Summary:
    """What there was, in numbers.

    Attributes:
        files: files met; each is counted once in the next three.
        files_judged, files_unread, files_not_judged: with at least one object; of the others, with something unreadable; the rest.
        documents: objects, unreadable documents and documents that are no objects.
        objects: objects judged.
        workloads: objects that yield pods.
        accelerated_workloads: workloads that ask for accelerators.
        gpus_requested: accelerators that all workloads ask for together, at the lower end where an autoscaler moves the number.
        fixable: findings that `mlaudit fix` mends.
    """

    files: int
    files_judged: int
    files_unread: int
    files_not_judged: int
    documents: int
    objects: int
    workloads: int
    accelerated_workloads: int
    gpus_requested: int
    fixable: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """All that a run found, and all that it did not judge.

    Attributes:
        findings, suppressed, skipped, failures, unread: sorted.
        not_judged: how many documents were recognised as something else, by reason.
        folders: folders that were not entered, with the reason.
        summary: numbers.
        profile: the profile that was asked for.
        kubernetes_version: the version that the rules assumed.
        rules: how many rules were asked.
        configuration: the file that said how, as its name is shown; empty where there was none.
        catalogue: the rules that findings, suppressed findings and failures name, sorted by name.
        cluster: the live cluster, or None for files. The numbers of files in `summary` are then 0.
        costs: what the cluster's accelerators cost, with six digits after the point; None where that was not asked.
        potential: what the manifests could cost; None where that was not asked.
        comparison: what the findings were compared with, so that `findings` are only those that are new; None where they are all.
        fail_on: findings at or above it make the run fail; None for never.
        version: of the program that judged.
    """

    findings: tuple[Finding, ...]
    suppressed: tuple[Suppressed, ...]
    skipped: tuple[Skipped, ...]
    failures: tuple[RuleFailure, ...]
    unread: tuple[Unread, ...]
    not_judged: Mapping[str, int]
    folders: tuple[NotJudged, ...]
    summary: Summary
    profile: str
    kubernetes_version: str
    rules: int
    catalogue: tuple[RuleInfo, ...] = ()
    configuration: str = ""
    cluster: Cluster | None = None
    costs: Costs | None = None
    potential: Potential | None = None
    comparison: Comparison | None = None
    fail_on: Severity | None = None
    version: str = __version__

    def __post_init__(self) -> None:
        if self.costs is not None:
            object.__setattr__(self, "costs", settled(self.costs))

    @property
    def incomplete(self) -> bool:
        """Something could not be read or listed, or a rule failed: what is reported is not all there is."""
        missing = (self.cluster is not None and self.cluster.incomplete) or (self.costs is not None and self.costs.incomplete)
        return bool(self.unread or self.failures) or missing

    @property
    def failed(self) -> bool:
        """A finding is at or above the severity that makes the run fail."""
        return self.fail_on is not None and any(finding.severity >= self.fail_on for finding in self.findings)


@dataclass(frozen=True, slots=True)
class View:
    """How a report is to be shown, for formats that people read.

    Attributes:
        width: columns of the terminal.
        colour: whether it shows colours.
        group_by: ``file``, ``object``, ``rule`` or ``severity``.
        quiet: only findings and the last line.
        verbose: also everything that was not judged, one by one.
    """

    width: int = 100
    colour: bool = False
    group_by: str = "file"
    quiet: bool = False
    verbose: bool = False


def counts(report: Report) -> dict[str, int]:
    """Findings by severity, the worst first; all severities are there."""
    number = Counter(finding.severity for finding in report.findings)
    return {str(severity): number[severity] for severity in sorted(Severity, reverse=True)}


def compared(report: Report) -> str:
    """``3 new, 5 fixed, 120 unchanged against …``; empty where nothing was compared."""
    comparison = report.comparison
    if comparison is None:
        return ""
    numbers = f"{len(report.findings)} new, {len(comparison.fixed)} fixed, {len(comparison.unchanged)} unchanged"
    return f"{numbers} against {comparison.against}"


def printable(text: str) -> str:
    """Text from a manifest made safe to print: control characters and direction overrides are shown as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c in "\n\t" else f"\\u{ord(c):04x}" for c in text)
