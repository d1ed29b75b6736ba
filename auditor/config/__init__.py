"""What a run is asked to do: options of the command line and ``mlaudit.yaml`` as one frozen value.

`file` finds and reads the file by the table in `keys`, whose shapes (`shapes`) also make its JSON schema (`schema`); `effective` puts
options, file and defaults together and knows where each value comes from.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from auditor.accelerators import KNOWN_DEVICES, DeviceTable
from auditor.document import Document
from auditor.finding import Confidence, Finding, Severity
from auditor.globs import Paths
from auditor.ignores import Ignore
from auditor.listing import Listing
from auditor.rule import Profile, Rule
from auditor.snapshot import DEFAULT_KUBERNETES_VERSION, Snapshot

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one run.

    Attributes:
        profile: the set of rules.
        rules: when not empty, only these rules are asked, whatever the profile contains.
        exclude_rules: rules that are not asked.
        enabled: rules that are asked, with all that they find, although the profile may not contain them.
        tags: when not empty, only rules with one of these tags, or of one of these topics, are asked.
        severities: by rule name, how severe its findings are, whatever it says.
        fail_on: findings at or above it make the run fail; None for never.
        min_severity, min_confidence: findings below are left out.
        complete: what is not in view does not exist.
        kubernetes_version: of the cluster that the objects are meant for: major and minor number.
        options: by rule name, option name and value.
        ignores: findings that the configuration silences.
        exclude: files that are not read; None for none.
        owner_labels: labels that name owners, the best first; empty for the usual ones.
        device_table: which resource names are accelerators.
        file: the configuration, as its name is shown; empty where none was read.
        rule_dirs: folders with rules of the user's own, absolute.
        whole_tree: everything in the folder of the configuration's file is in view.
        today: decides which suppressions have expired.
        own_rules: the user's own, beside the built-in ones.
        jobs: how many processes at most; 0 for as many as there are cores.
    """

    profile: Profile = Profile.RECOMMENDED
    rules: frozenset[str] = frozenset()
    exclude_rules: frozenset[str] = frozenset()
    enabled: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    severities: Mapping[str, Severity] = field(default_factory=dict)
    fail_on: Severity | None = Severity.HIGH
    min_severity: Severity = Severity.INFO
    min_confidence: Confidence = Confidence.LOW
    complete: bool = False
    kubernetes_version: tuple[int, int] = DEFAULT_KUBERNETES_VERSION
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    ignores: tuple[Ignore, ...] = ()
    exclude: Paths | None = None
    owner_labels: tuple[str, ...] = ()
    device_table: DeviceTable = KNOWN_DEVICES
    file: str = ""
    rule_dirs: tuple[str, ...] = ()
    whole_tree: bool = False
    today: datetime.date = field(default_factory=datetime.date.today)
    own_rules: tuple[Rule, ...] = ()
    jobs: int = 0

    def snapshot(
        self,
        documents: Iterable[Document],
        *,
        kustomized_images: Mapping[str, frozenset[str]] | None = None,
        listing: Listing | None = None,
        selects: Callable[[Document], bool] | None = None,
    ) -> Snapshot:
        """Objects as these settings see them; see `Snapshot` for the arguments."""
        return Snapshot(
            documents,
            complete=self.complete,
            kubernetes_version=self.kubernetes_version,
            kustomized_images=kustomized_images,
            listing=listing,
            selects=selects,
            device_table=self.device_table,
        )

    @property
    def everything(self) -> Settings:
        """The same without thresholds: what is known is recognised whatever its severity, and left out afterwards."""
        return replace(self, min_severity=Severity.INFO, min_confidence=Confidence.LOW)

    def reaches(self, finding: Finding) -> bool:
        """Whether a finding is at or above the thresholds."""
        return finding.severity >= self.min_severity and finding.confidence >= self.min_confidence
