"""What a run is asked to do: command-line options as one frozen value."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from auditor.finding import Confidence, Severity
from auditor.rule import Profile
from auditor.snapshot import DEFAULT_KUBERNETES_VERSION

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one run.

    Attributes:
        profile: the set of rules.
        rules: when not empty, only these rules are asked, whatever the profile contains.
        exclude_rules: rules that are not asked.
        tags: when not empty, only rules with one of these tags, or of one of these topics, are asked.
        fail_on: findings at or above it make the run fail; None for never.
        min_severity, min_confidence: findings below are left out.
        complete: what is not in view does not exist.
        kubernetes_version: of the cluster that the objects are meant for: major and minor number.
        options: by rule name, option name and value.
        today: decides which suppressions have expired.
        jobs: how many processes at most; 0 for as many as there are cores.
    """

    profile: Profile = Profile.RECOMMENDED
    rules: frozenset[str] = frozenset()
    exclude_rules: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    fail_on: Severity | None = Severity.HIGH
    min_severity: Severity = Severity.INFO
    min_confidence: Confidence = Confidence.LOW
    complete: bool = False
    kubernetes_version: tuple[int, int] = DEFAULT_KUBERNETES_VERSION
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    today: datetime.date = field(default_factory=datetime.date.today)
    jobs: int = 0
