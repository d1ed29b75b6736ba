"""What judging yields: findings, and all that was noticed beside them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from auditor.finding import Finding, RuleFailure, Suppressed

__all__ = ["Found"]


@dataclass(slots=True)
class Found:
    """What judging some objects yielded.

    Attributes:
        concerned: entries of the configuration's `ignore` that met a finding, by number and by the name that they give its rule.
        silent: rules that found something which the profile leaves out.
    """

    findings: list[Finding] = field(default_factory=list)
    suppressed: list[Suppressed] = field(default_factory=list)
    failures: list[RuleFailure] = field(default_factory=list)
    skips: Counter[tuple[str, str]] = field(default_factory=Counter)
    accelerated: int = 0
    accelerators: Counter[str] = field(default_factory=Counter)
    concerned: set[tuple[int, str]] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)

    def add(self, other: Found) -> None:
        """Take in what another part yielded."""
        self.findings += other.findings
        self.suppressed += other.suppressed
        self.failures += other.failures
        self.skips += other.skips
        self.accelerated += other.accelerated
        self.accelerators += other.accelerators
        self.concerned |= other.concerned
        self.silent |= other.silent
