"""Reports for formats that machines read: something of everything, and names that mean harm in one format or another."""

from __future__ import annotations

import dataclasses
import os

from auditor.document import ObjectRef, Unread
from auditor.finding import Confidence, Finding, RuleFailure, Severity, Suppressed
from auditor.registry import load_rules
from auditor.report import Report, RuleInfo
from tests.reports import sample
from tests.reports.sample_costs import HOSTILE

TEXTS = {
    **HOSTILE,
    "cdata": "]]> <![CDATA[ & </failure>",
    "escaped": "%0A::error::x %25 %3A %2C",
    "command": "\n::error file=x::evil\n##[error]evil",
    "nul": "a\0b\ufffe\uffff\ud800",
    "braces": "{0} {{ }}",
    "quotes": "\"'\\\\",
    "equals": "a=b,c=d;e:f",
}


def hostile() -> Report:
    """Every text everywhere a text may come from what is scanned."""
    findings = tuple(finding(number, text) for number, text in enumerate(TEXTS.values()))
    return dataclasses.replace(
        scanned(),
        findings=findings,
        suppressed=tuple(
            Suppressed(one, how, one.message) for one, how in zip(findings, ("comment", "annotation", "config") * 9, strict=False)
        ),
        unread=tuple(Unread(file_of(text), 3, text or "?", 2, remedy=text) for text in TEXTS.values()),
        failures=tuple(RuleFailure("gpu-without-limit", file_of(text), 1, text, text) for text in TEXTS.values()),
        catalogue=(RuleInfo("gpu-without-limit", HOSTILE["html"], "gpu", Severity.HIGH, Confidence.LOW, (), (), TEXTS["nul"]),),
    )


def finding(number: int, text: str, rule: str = "gpu-without-limit") -> Finding:
    return Finding(
        file=file_of(text), line=number, column=number, rule=rule, path=f"metadata.labels[{text}]", message=text,
        object=ObjectRef("apps", "v1", "Deployment", text, text), severity=Severity(number % 5), confidence=Confidence(number % 3),
        remediation=text, fingerprint=f"{number:016x}",
    )  # fmt: skip


def file_of(text: str) -> str:
    """A file of that name, as the operating system may hand it over."""
    return f"./k8s/{os.fsdecode(text.encode('utf-8', 'surrogatepass').replace(bytes(1), b''))}.yaml"


def scanned() -> Report:
    """A report on files, whose rules are known, with something that was suppressed."""
    report = sample.scan()
    named = sorted({finding.rule for finding in report.findings} | {entry.finding.rule for entry in report.suppressed})
    known = load_rules()
    return dataclasses.replace(
        report,
        catalogue=tuple(
            RuleInfo.of(known[name]) if name in known else RuleInfo(name, name, "sec", Severity.LOW, Confidence.HIGH) for name in named
        ),
    )


def many(number: int, length: int = 10) -> Report:
    """As many findings, each with a message of its own."""
    found = tuple(
        dataclasses.replace(finding(number, f"{number * 7919 % 1_000_003:x}" * length), file=f"k8s/{number % 100}.yaml")
        for number in range(number)
    )
    return dataclasses.replace(scanned(), findings=found)
