"""The report as GitHub-flavoured Markdown, for chats, tickets and comments on pull requests.

At most 65,536 characters, GitHub's limit of a comment: what has no room is left out, and counted. The last line is a comment that nobody
sees, by which whoever posts the report finds the one that they posted before. https://docs.github.com/en/rest/issues/comments
"""

from __future__ import annotations

from itertools import chain

from auditor.report import Finding, Report, Suppressed, View, compared, counts, gap

from .markup import costs, potential
from .markup.page import Page, code, prose, row

__all__ = ["render"]

_LIMIT = 65_536
_MARK = "<!-- mlaudit -->"
_RESERVE = 12_000  # for what is always there: headings, categories, the last lines
_FINDINGS, _GAPS = 25, 10  # so many are named without --verbose


def render(report: Report, view: View) -> str:
    """The headline, what could not be judged, what to do, findings; then what stands behind it, folded."""
    page = Page(_LIMIT - _RESERVE)
    if report.costs is not None:
        costs.headline(page, report.costs)
    _gaps(page, report, view)
    if report.costs is not None and not view.quiet:
        costs.where_it_goes(page, report.costs, view)
        costs.what_to_do(page, report.costs, view)
    if report.costs is None or report.rules or report.findings:
        _findings(page, report, view)
    if report.potential is not None:
        potential.section(page, report.potential, view)
    if report.suppressed and not view.quiet:
        _suppressed(page, report, view)
    if report.costs is not None and not view.quiet:
        costs.standing_lines(page, report.costs, view)
        costs.evidence(page, report.costs, view)
        costs.owners(page, report.costs, view)
    if not view.quiet:
        page.add(" · ".join(_closing(report)), "")
    page.add(_MARK)
    return str(page)


def _findings(page: Page, report: Report, view: View) -> None:
    """Findings, the worst first."""
    number = counts(report)
    parts = ", ".join(f"{count} {name}" for name, count in number.items() if count)
    total = len(report.findings)
    new = "new " if report.comparison else ""
    page.add(f"### {total or 'No'} {new}finding{'s' if total != 1 else ''}" + (f": {parts}" if parts else ""), "")
    if report.comparison:
        page.add(prose(compared(report)), "")
        page.add(*(line for note in report.comparison.notes for line in (prose(note), "")))
    if not total:
        return
    ordered = sorted(report.findings, key=lambda finding: (-finding.severity, finding.file, finding.line, finding.rule))
    page.add(row("severity", "rule", "object", "place", "what"), "|:--|:--|:--|:--|:--|")
    page.rows(map(_finding, ordered), total, None if view.verbose else _FINDINGS)
    page.add("")


def _finding(finding: Finding) -> str:
    remedy = f"<br>→ {prose(finding.remediation)}" if finding.remediation else ""
    return row(str(finding.severity), code(finding.rule), _who(finding), code(_place(finding)), prose(finding.message) + remedy)


def _who(finding: Finding) -> str:
    return code(str(finding.object)) if finding.object else "(no object)"


def _place(finding: Finding) -> str:
    if finding.line:
        return f"{finding.file}:{finding.line}:{finding.column}"
    return finding.path if finding.object else finding.file


def _suppressed(page: Page, report: Report, view: View) -> None:
    """What somebody silenced, and why, folded."""
    number = len(report.suppressed)
    page.add(f"<details><summary>{number} suppressed</summary>", "", row("rule", "object", "place", "why"), "|:--|:--|:--|:--|")
    rows = (row(code(entry.finding.rule), _who(entry.finding), code(_place(entry.finding)), _why(entry)) for entry in report.suppressed)
    page.rows(rows, number, None if view.verbose else _FINDINGS)
    page.add("", "</details>", "")


def _why(entry: Suppressed) -> str:
    return prose(f"{entry.reason} (until {entry.until})" if entry.until else entry.reason)


def _gaps(page: Page, report: Report, view: View) -> None:
    """What could not be read, listed or asked: what is reported is not all there is."""
    costs = report.costs.missing if report.costs else ()
    not_listed = report.cluster.listing.not_listed if report.cluster else ()
    number = len(report.unread) + len(report.failures) + len(not_listed) + len(costs)
    if number:
        rows = chain(
            (f"- {code(entry.file)}: {prose(entry.reason)}" for entry in report.unread),
            (f"- the rule {code(entry.rule)} failed on {code(entry.object)}: {prose(entry.error)}" for entry in report.failures),
            (f"- {code(entry.resource)}: {prose(entry.reason)}" for entry in not_listed),
            (f"- {prose(gap(missing))}" for missing in costs),
        )
        page.add("**Not everything is in view:**", "")
        page.rows(rows, number, None if view.verbose else _GAPS, "- {}")
        page.add("")


def _closing(report: Report) -> list[str]:
    """What was looked at, in numbers."""
    summary = report.summary
    where = f"{summary.files_judged} of {summary.files} files"
    if report.cluster is not None:
        listing = report.cluster.listing
        scope = f"namespace {code(listing.namespace)}" if listing.namespace else f"{report.cluster.namespaces} namespaces"
        where = f"{scope} of {code(listing.server)}, {report.cluster.pods} pods on {report.cluster.nodes} nodes"
    judged = report.rules or report.findings or report.costs is None
    found = [f"mlaudit {report.version}: {summary.objects} objects in {where}" if judged else f"mlaudit {report.version}: {where}"]
    if report.rules:
        found.append(f"{report.rules} rules of profile {report.profile}")
    if skipped := sum(entry.count for entry in report.skipped):
        found.append(f"{skipped} checks without what to compare with")
    if report.suppressed:
        found.append(f"{len(report.suppressed)} suppressed")
    return found
