"""The report as JUnit XML, for the test views of pipelines: a suite for each rule, and in it a failed case for each finding.

A case is known by its class and name, of which GitLab takes the first and forgets others that are the same; so a name has the object and
the field, a number where that is met again, and no line, which moves. GitLab shows what an element contains and not its attribute
``message``, Jenkins shows both. https://docs.gitlab.com/ci/testing/unit_test_reports/

Suppressed findings are skipped cases. What could not be read and rules that failed are errors. One case is always there, for Jenkins
takes a file without any for a mistake.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement

from auditor.report import Finding, Report, View, printable

from ._places import Numbered, document, path_of, worst

__all__ = ["render"]

_OWN = "mlaudit"  # the suite of what is no rule's


def render(report: Report, view: View) -> str:
    """Suites: the program's own, then rules by name."""
    suites = _Suites()
    for unread in report.unread:
        where = f"{unread.file}:{unread.line}" if unread.line else unread.file
        case = suites.case(_OWN, f"reads {where}", unread.file, unread.line)
        _outcome(case, "error", unread.reason, f"\n→ {printable(unread.remedy)}" if unread.remedy else "")
    for missing in report.cluster.listing.not_listed if report.cluster and report.cluster.incomplete else ():
        _outcome(suites.case(_OWN, f"lists {missing.resource}"), "error", missing.reason)
    if not report.unread and not (report.cluster and report.cluster.incomplete):
        suites.case(_OWN, "reads everything")
    for failure in report.failures:
        case = suites.case(failure.rule, f"judges {failure.object}", failure.file, failure.line)
        _outcome(case, "error", f"the rule failed: {failure.error}")
    for finding in worst(report.findings):
        _outcome(_case(suites, finding), "failure", finding.message, _details(finding), kind=str(finding.severity))
    for entry in report.suppressed:
        until = f", until {entry.until}" if entry.until else ""
        _outcome(_case(suites, entry.finding), "skipped", f"suppressed: {entry.reason}{until}", _details(entry.finding))
    return document(suites.root())


class _Suites:
    """Suites by name."""

    def __init__(self) -> None:
        self.found: dict[str, Element] = {}
        self.unique = Numbered()

    def case(self, suite: str, name: str, file: str = "", line: int = 0) -> Element:
        """A new case, which so far has passed."""
        parent = self.found.setdefault(suite, Element("testsuite", name=suite))
        _, _, unique = self.unique(f"{suite}\n{printable(name)}").partition("\n")
        case = SubElement(parent, "testcase", classname=_OWN if suite == _OWN else f"{_OWN}.{suite}", name=unique)
        if file:
            case.set("file", printable(path_of(file)))
        if line:
            case.set("line", str(line))
        case.set("time", "0")
        return case

    def root(self) -> Element:
        """All of them, with their numbers."""
        root = Element("testsuites", name=_OWN)
        root.extend(self.found[name] for name in sorted(self.found, key=lambda name: (name != _OWN, name)))
        for one in (root, *root):
            one.set("tests", str(sum(1 for _ in one.iter("testcase"))))
            for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
                one.set(attribute, str(sum(1 for _ in one.iter(tag))))
            one.set("time", "0")
        return root


def _case(suites: _Suites, finding: Finding) -> Element:
    who = str(finding.object) if finding.object else path_of(finding.file)
    return suites.case(finding.rule, f"{who}: {finding.path}" if finding.path else who, finding.file, finding.line)


def _details(finding: Finding) -> str:
    place = f"{path_of(finding.file)}:{finding.line}:{finding.column}" if finding.line else path_of(finding.file)
    remedy = f"\n→ {printable(finding.remediation)}" if finding.remediation else ""
    return f"{remedy}\n\n{printable(place)}\n{finding.severity}, confidence {finding.confidence}"


def _outcome(case: Element, tag: str, message: str, details: str = "", kind: str = "") -> None:
    """What became of a case; ``details`` are printable already."""
    outcome = SubElement(case, tag, message=printable(message))
    if kind:
        outcome.set("type", kind)
    outcome.text = printable(message) + details
