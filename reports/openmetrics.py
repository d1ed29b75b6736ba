"""The report as OpenMetrics text, for Prometheus: node_exporter's textfile collector (in a file ``….prom``) and the Pushgateway read it.

All metrics are gauges of one run; amounts are those of the window, in base units. https://prometheus.io/docs/practices/naming/

    mlaudit_build_info{version, profile}                                1
    mlaudit_report_timestamp_seconds                                    when the cluster was looked at; absent for files
    mlaudit_incomplete                                                  1 where something could not be read, listed or asked, else 0
    mlaudit_findings{severity, rule}                                    for a severity without findings, 0 with an empty rule
    mlaudit_window_seconds                                              how long the window is
    mlaudit_device_seconds{category, namespace, team, pool, model}      what devices did; divided by 3,600: device-hours
    mlaudit_used_device_seconds{namespace, team, pool, model}           of active ones, what utilisation makes of them
    mlaudit_unpriced_device_seconds{category, namespace, …}             those without a price, which are in no cost
    mlaudit_cost_dollars{category, namespace, team, pool, model}        US dollars, whatever currency other formats show
    mlaudit_actions{kind, cash}                                         how many things there are to do
    mlaudit_actions_saving_dollars_per_month{kind, cash}                what they save; cash is "false" for what is paid for anyway
    mlaudit_telemetry_coverage_ratio                                    of what ran, the part that was measured
    mlaudit_capacity_coverage_ratio                                     of the window, the part that has samples

Labels are bounded: no metric has more than 1,000 series. Of owners and pools, the dearest are told apart; those beyond are summed, with
the label value ``other`` for namespace, team, pool and model. What is unallocated has an empty namespace and team.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction

from auditor.report import Category, CostLine, Costs, Report, Severity, View, printable, rounded

__all__ = ["MOST", "render"]

MOST = 1_000  # series of a metric
_LONGEST = 200  # characters of a label's value
_PLACES = {"seconds": 1, "dollars": 4}  # after the point, by unit: what hours and money of six say for certain
_OTHER = ("other",) * 4
_OWNER = ("namespace", "team", "pool", "model")

Labels = tuple[tuple[str, str], ...]
Owner = tuple[str, ...]


def render(report: Report, view: View) -> str:
    """Every metric, with its type, its unit and what it says."""
    lines = [*_run(report)]
    if report.costs is not None:
        lines += _costs(report.costs)
    return "\n".join([*lines, "# EOF"]) + "\n"


def _run(report: Report) -> Iterator[str]:
    build = (("version", report.version), ("profile", report.profile))
    yield from _metric("mlaudit_build_info", "Which mlaudit wrote this, and the profile of rules.", {build: Fraction(1)})
    looked = report.cluster.listing.taken if report.cluster else report.costs.end if report.costs else None
    if looked is not None:
        moment = _single(int(looked.timestamp()))
        yield from _metric("mlaudit_report_timestamp_seconds", "When the cluster was looked at.", moment, "seconds")
    incomplete = _single(report.incomplete)
    yield from _metric("mlaudit_incomplete", "Whether something could not be read, listed or asked.", incomplete)
    number = Counter((str(finding.severity), finding.rule) for finding in report.findings)
    quiet = {str(severity) for severity in Severity} - {severity for severity, _ in number}
    findings: dict[Labels, Fraction] = {(("severity", severity), ("rule", "")): Fraction() for severity in quiet}
    findings |= {(("severity", severity), ("rule", rule)): Fraction(count) for (severity, rule), count in number.items()}
    yield from _metric("mlaudit_findings", "Findings by severity and rule.", findings)


def _costs(costs: Costs) -> Iterator[str]:
    owner = _owners(costs)

    def by_category(value: Callable[[CostLine], Fraction | None]) -> dict[Labels, Fraction]:
        return _sums(costs.lines, value, lambda line: (("category", str(line.category)), *zip(_OWNER, owner(line), strict=True)))

    def used(line: CostLine) -> Fraction | None:
        return line.used * 3600 if line.category is Category.ACTIVE else None

    window = _single(costs.hours * 3600)
    yield from _metric("mlaudit_window_seconds", "How long the window of the costs is.", window, "seconds")
    seconds = by_category(lambda line: line.hours * 3600)
    yield from _metric("mlaudit_device_seconds", "What accelerators did in the window.", seconds, "seconds")
    worked = _sums(costs.lines, used, lambda line: tuple(zip(_OWNER, owner(line), strict=True)))
    yield from _metric("mlaudit_used_device_seconds", "Of active accelerators, what utilisation makes of them.", worked, "seconds")
    unpriced = by_category(lambda line: line.hours * 3600 if line.money is None else None)
    yield from _metric("mlaudit_unpriced_device_seconds", "What has no price, and is in no cost.", unpriced, "seconds")
    dollars = by_category(lambda line: line.money)
    yield from _metric("mlaudit_cost_dollars", "What accelerators cost in the window, in US dollars.", dollars, "dollars")
    yield from _actions(costs)
    cover = costs.coverage
    telemetry = {} if cover.telemetry is None else _single(cover.telemetry)
    yield from _metric("mlaudit_telemetry_coverage_ratio", "Of what ran, the part that was measured.", telemetry, "ratio")
    yield from _metric("mlaudit_capacity_coverage_ratio", "Of the window, the part that has samples.", _single(cover.capacity), "ratio")


def _actions(costs: Costs) -> Iterator[str]:
    number: dict[Labels, Fraction] = {}
    saving: dict[Labels, Fraction] = {}
    for action in costs.actions:
        labels = (("kind", action.kind), ("cash", str(action.cash).lower()))
        number[labels] = number.get(labels, Fraction()) + 1
        if action.month is not None:
            saving[labels] = saving.get(labels, Fraction()) + action.month
    yield from _metric("mlaudit_actions", "Things to do about accelerators that do nothing.", number)
    yield from _metric("mlaudit_actions_saving_dollars_per_month", "What these things save, in US dollars.", saving)


def _owners(costs: Costs) -> Callable[[CostLine], Owner]:
    """Who a line is counted for: its own labels, or ``other``, so that all categories of all of them are fewer than `MOST`."""

    def own(line: CostLine) -> Owner:
        return tuple(_value(text) for text in (line.namespace, line.team, line.pool, line.model))

    found = costs.by(own)  # the dearest first
    room, named = MOST - len(Category), set()
    for owner, categories in found.items():
        room -= len(categories)
        if room < 0:
            break
        named.add(owner)
    return lambda line: owner if (owner := own(line)) in named else _OTHER


def _sums(
    lines: Iterable[CostLine], value: Callable[[CostLine], Fraction | None], labels: Callable[[CostLine], Labels]
) -> dict[Labels, Fraction]:
    found: dict[Labels, Fraction] = {}
    for line in lines:
        amount = value(line)
        if amount is not None:
            found[labels(line)] = found.get(labels(line), Fraction()) + amount
    return found


def _metric(name: str, says: str, series: Mapping[Labels, Fraction], unit: str = "") -> Iterator[str]:
    """One metric and its series, sorted; a metric without series is absent. Values add up to their sum."""
    if not series:
        return
    yield f"# TYPE {name} gauge"
    if unit:
        yield f"# UNIT {name} {unit}"
    yield f"# HELP {name} {says}"
    ordered = sorted(series)
    for labels, value in zip(ordered, rounded([series[labels] for labels in ordered], _PLACES.get(unit, 6)), strict=True):
        inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
        number = f"{value:f}".rstrip("0").rstrip(".")
        yield f"{name}{{{inside}}} {number}" if inside else f"{name} {number}"


def _single(value: Fraction | int) -> dict[Labels, Fraction]:
    """The series of a metric without labels."""
    return {(): Fraction(value)}


def _value(text: str) -> str:
    """A label's value: no control characters, and not without end."""
    shown = printable(text)
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"


def _escaped(text: str) -> str:
    """https://prometheus.io/docs/specs/om/open_metrics_spec/#escaping (the line feed is escaped by `printable`)."""
    return printable(text).replace("\\", "\\\\").replace('"', '\\"')
