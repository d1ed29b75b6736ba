"""The report as GitHub-flavoured Markdown, for chats, tickets and comments on pull requests.

At most 65,536 characters, GitHub's limit of a comment: what has no room is left out, and counted.
"""

from __future__ import annotations

from itertools import chain

from auditor.report import Finding, Report, View, counts, gap

from .markup import costs
from .markup.page import Page, code, prose, row

__all__ = ["render"]

_LIMIT = 65_536
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
    if report.costs is not None and not view.quiet:
        costs.standing_lines(page, report.costs, view)
        costs.evidence(page, report.costs, view)
        costs.owners(page, report.costs, view)
    if not view.quiet:
        page.add(" · ".join(_closing(report)))
    return str(page)


def _findings(page: Page, report: Report, view: View) -> None:
    """Findings, the worst first."""
    number = counts(report)
    parts = ", ".join(f"{count} {name}" for name, count in number.items() if count)
    total = len(report.findings)
    page.add(f"### {total or 'No'} finding{'s' if total != 1 else ''}" + (f": {parts}" if parts else ""), "")
    if not total:
        return
    ordered = sorted(report.findings, key=lambda finding: (-finding.severity, finding.file, finding.line, finding.rule))
    page.add(row("severity", "rule", "object", "place", "what"), "|:--|:--|:--|:--|:--|")
    page.rows(map(_finding, ordered), total, None if view.verbose else _FINDINGS)
    page.add("")


def _finding(finding: Finding) -> str:
    place = f"{finding.file}:{finding.line}:{finding.column}" if finding.line else finding.path if finding.object else finding.file
    remedy = f"<br>→ {prose(finding.remediation)}" if finding.remediation else ""
    who = code(str(finding.object)) if finding.object else "(unreadable)"
    return row(str(finding.severity), code(finding.rule), who, code(place), prose(finding.message) + remedy)


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
    found = [f"mlaudit {report.version}: {summary.objects} objects in {where}"]
    if report.rules:
        found.append(f"{report.rules} rules of profile {report.profile}")
    if skipped := sum(entry.count for entry in report.skipped):
        found.append(f"{skipped} checks without what to compare with")
    if report.suppressed:
        found.append(f"{len(report.suppressed)} suppressed")
    return found
