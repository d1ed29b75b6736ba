"""The table of keys: what ``mlaudit.yaml`` may say. The reader, the JSON schema and `mlaudit config` are made from it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from auditor.config.ignoring import Ignores
from auditor.config.rules import SEVERITIES, RuleSettings
from auditor.config.shapes import Folders, PathPatterns, Shape, Switch, Texts, Version, Word
from auditor.finding import Confidence
from auditor.globs import mistake_in_name
from auditor.rule import Profile

__all__ = ["KEYS", "Key"]

_LABEL = re.compile(r"([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?", re.ASCII)
_RESOURCE = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?/[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?", re.ASCII)


def _label(text: str) -> str:
    return "" if len(text) <= 317 and _LABEL.fullmatch(text) else "is no key of a label"


def _resource(text: str) -> str:
    if len(text) > 317 or not _RESOURCE.fullmatch(text):
        return "is no name of a device plugin's resource"
    return "is Kubernetes' own" if text.partition("/")[0].endswith("kubernetes.io") else ""


def _registry(text: str) -> str:
    if "://" in text:
        return "has a scheme"
    if "@" in text or ":" in text.partition("/")[2] or text.startswith("/"):
        return "is no registry, with or without the beginning of a path in it"
    return mistake_in_name(text)


@dataclass(frozen=True, slots=True)
class Key:
    """One key.

    Attributes:
        name: as written.
        shape: how its value is written.
        meaning: for people, in one sentence.
        flag: the option of the command line that goes before it; empty where there is none.
    """

    name: str
    shape: Shape
    meaning: str
    flag: str = ""


KEYS = (
    Key("profile", Word(tuple(map(str, Profile))), "The set of rules to ask.", "--profile"),
    Key("rules", RuleSettings(), "By a rule's name: on, off, a severity, or a mapping of enabled, severity and options.", "--option"),
    Key("ignore", Ignores(), "Findings that are silenced: the rules, where, why and until when."),
    Key("fail_on", Word((*SEVERITIES, "never")), "Exit with 1 when a finding is at least that severe.", "--fail-on"),
    Key("min_severity", Word(SEVERITIES), "Leave out less severe findings.", "--min-severity"),
    Key("min_confidence", Word(tuple(str(c) for c in sorted(Confidence, reverse=True))), "Leave out less certain findings.",
        "--min-confidence"),
    Key("complete", Switch(), "Nothing is missing: report objects that are not in view as absent.", "--complete"),
    Key("kubernetes_version", Version(), "The version of the cluster that manifests are meant for.", "--kubernetes-version"),
    Key("exclude", PathPatterns(), "Files and folders that are not read, relative to the folder of this file."),
    Key("owner_labels", Texts(_label, "team or example.com/team"), "Labels that name an owner, the best first.", "--owner-label"),
    Key("allowed_registries", Texts(_registry, "registry.example.com/ml or *.pkg.dev"), "Where images may come from."),
    Key("resources", Texts(_resource, "example.com/npu"), "Resources of your own device plugins that are accelerators."),
    Key("rule_dirs", Folders(), "Folders with rules of your own, inside this repository.", "--rules"),
)  # fmt: skip
