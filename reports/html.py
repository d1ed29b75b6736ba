"""The report as one page: nothing is fetched, and only its own script and style may run, by their hashes.

It works without a script; that adds sorting and filtering. Everything that comes from files or from a cluster goes through `_visible` and
is escaped by jinja2, without exception: only the page's own style and script are not.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import groupby
from typing import Any

from auditor.report import Action, Basis, Cost, CostBasis, Costs, Finding, Report, Severity, View, compared, counts, rounded

from .page.amounts import ORDER, Money, hours, percent, quantity
from .page.charts import timeline
from .page.groups import groups
from .page.overview import WORDS, overview
from .page.potential import potential

__all__ = ["render"]

_OPEN = 200  # findings; where there are more, groups begin folded


def render(report: Report, view: View) -> str:
    """The page. Findings are grouped by object where the view says so, else by rule."""
    import jinja2

    style, script = _file("page.css"), _file("page.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_file),
        autoescape=True,
        finalize=_visible,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["hours"] = hours
    page = environment.get_template("page.html").render(
        report=report,
        policy=policy,
        style=_Own(style),
        script=_Own(script),
        money=_costs(report.costs) if report.costs else None,
        potential=potential(report.potential) if report.potential else None,
        findings=_findings(report, by_object=view.group_by == "object"),
        cost=lambda finding: _cost(finding.cost, report.costs),
        severities=counts(report),
        compared=compared(report),
        by_object=view.group_by == "object",
        opened=len(report.findings) <= _OPEN,
        folders=Counter(folder.reason for folder in report.folders),
    )
    # In ASCII it is the same page in every encoding: a changed letter in the style would change its hash.
    return page.encode("ascii", "xmlcharrefreplace").decode()


class _Own(str):
    """The page's own script and style: not escaped, since they are text to the parser of HTML."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


@cache
def _file(name: str) -> str:
    """A file of the page, with the line ends that the parser of HTML makes of any."""
    path = importlib.resources.files(f"{__name__.rpartition('.')[0]}.page") / name
    return path.read_text(encoding="utf-8").replace("\r\n", "\n")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _visible(value: object) -> object:
    """A value as text, with its control characters and overrides of direction shown as escapes."""
    if hasattr(value, "__html__"):  # the page's own
        return value
    text = str(value)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\u{ord(c):04x}" for c in text)


@dataclass(frozen=True, slots=True)
class _Group:
    """Findings of one rule, or of one object."""

    name: str
    worst: Severity
    findings: tuple[Finding, ...]


def _who(finding: Finding) -> str:
    return str(finding.object) if finding.object else "(no object)"


def _findings(report: Report, *, by_object: bool) -> list[_Group]:
    """The worst group first, then the largest."""
    name = _who if by_object else lambda finding: finding.rule
    ordered = sorted(report.findings, key=lambda finding: (name(finding), -finding.severity, _who(finding), finding.file, finding.line))
    found = [_Group(key, max(finding.severity for finding in members), members) for key, members in _grouped(ordered, name)]
    return sorted(found, key=lambda group: (-group.worst, -len(group.findings), group.name))


def _grouped(findings: Iterable[Finding], name: Any) -> list[tuple[str, tuple[Finding, ...]]]:
    return [(key, tuple(members)) for key, members in groupby(findings, name)]


def _cost(cost: Cost | None, costs: Costs | None) -> str:
    """``40 device-hours in 7 days, 275.20 USD``, ``8 devices, 55.04 USD an hour``, in the page's currency; empty where nothing is known."""
    if cost is None:
        return ""
    now = cost.basis is CostBasis.NOW
    what = f"{_few(cost.hours)} {'device' if now else 'device-hour'}{'' if cost.hours == 1 else 's'}"
    what += "" if now else f" in {_length(cost.window)}"
    if cost.usd is None:
        return what
    shown, code = (costs.shown(cost.usd), costs.currency.code) if costs else (cost.usd, "USD")
    return f"{what}, {quantity(rounded([shown], 2)[0])} {code}{' an hour' if now else ''}"


def _costs(costs: Costs) -> dict[str, Any]:
    """What the template draws of costs."""
    money = Money.of(costs)
    currency, coverage = costs.currency, costs.coverage
    return {
        "costs": costs,
        "basis": costs.basis.value,
        "now": costs.basis is Basis.NOW,
        "devices": "devices" if costs.basis is Basis.NOW else "device-hours",
        "length": _length(costs.hours),
        "code": currency.code,
        "rate": "" if currency.per_usd == 1 else f"1 USD = {_plain(currency.per_usd)} {currency.code}",
        "all": overview(money),
        "categories": [(category.value, *WORDS[category]) for category in ORDER],
        "timeline": timeline(costs),
        "groups": groups(money),
        "actions": [_action(money, action) for action in costs.actions],
        "month": money.month,
        "price": money.rate,
        "telemetry": "" if coverage.telemetry is None else percent(coverage.telemetry, Fraction(1)),
        "capacity": percent(coverage.capacity, Fraction(1)),
    }


def _action(money: Money, action: Action) -> dict[str, Any]:
    """An action, and what was wasted in the window."""
    return {"it": action, "month": money.month(action.month), "hours": hours(action.amount.hours), "wasted": money.single(action.amount)}


def _plain(rate: Fraction) -> str:
    """A rate of exchange, without zeros at its end."""
    return quantity(rounded([rate], 6)[0]).rstrip("0").rstrip(".")


def _length(window: Fraction) -> str:
    """``7 days``, ``1 hour``, ``1.5 hours``."""
    number, unit = (window / 24, "day") if window >= 48 and window % 24 == 0 else (window, "hour")
    return f"{_few(number)} {unit}{'' if number == 1 else 's'}"


def _few(number: Fraction) -> str:
    """Without a point where it is whole."""
    return f"{number.numerator:,}" if number.denominator == 1 else hours(number)
