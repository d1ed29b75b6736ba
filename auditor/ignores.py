"""Findings that the configuration silences: entries of its list `ignore`, each with conditions and a reason."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from auditor.document import Document, mapping
from auditor.finding import Finding, Suppressed
from auditor.globs import Paths, any_matches
from auditor.suppress import Suppression

__all__ = ["EVERY_RULE", "Ignore", "entries", "ignored"]

EVERY_RULE = "*"


@dataclass(frozen=True, slots=True)
class Ignore:
    """One entry of the configuration: findings of these rules, in what all of the conditions hold for, are silenced.

    Attributes:
        rules: names; `EVERY_RULE` alone for all.
        reason: why.
        until: its last day; None where it has no end.
        paths: of files; None for all, and for objects of a cluster.
        kinds, namespaces, names: patterns, of which one must match; empty for all.
        labels: by key, patterns of which one must match the value.
        file, lines: where the rules' names are written, for each its 1-based line.
    """

    rules: tuple[str, ...]
    reason: str
    until: datetime.date | None = None
    paths: Paths | None = None
    kinds: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    file: str = ""
    lines: tuple[int, ...] = ()

    @property
    def place(self) -> str:
        """What it is for, in words."""
        said = {"path": self.paths.patterns if self.paths else (), "kind": self.kinds, "namespace": self.namespaces, "name": self.names}
        said |= {f"label {key}": values for key, values in self.labels.items()}
        return ", ".join(f"{what} {' or '.join(patterns)}" for what, patterns in said.items() if patterns) or "anything"

    def names_rule(self, rule: str) -> str:
        """The name by which it means a rule; empty where it does not."""
        return rule if rule in self.rules else EVERY_RULE if EVERY_RULE in self.rules else ""

    def means(self, document: Document | None, file: str) -> bool:
        """Whether its conditions hold for an object, or for input that is none."""
        if document is None:
            return not (self.kinds or self.namespaces or self.names or self.labels) and self._reaches(file)
        ref = document.ref
        namespace = ref.name if ref.kind == "Namespace" and not ref.group else ref.namespace
        if not (any_matches(self.kinds, ref.kind) and any_matches(self.namespaces, namespace) and any_matches(self.names, ref.name)):
            return False
        labels = mapping(mapping(document.raw.get("metadata")).get("labels")) if self.labels else {}
        if not all(key in labels and any_matches(values, _label(labels[key])) for key, values in self.labels.items()):
            return False
        return self.paths is None if document.live else self._reaches(file)

    def _reaches(self, file: str) -> bool:
        return self.paths is None or self.paths.match(file)


def _label(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def ignored(
    findings: Iterable[Finding], document: Document | None, ignores: Sequence[Ignore], today: datetime.date
) -> tuple[list[Finding], list[Suppressed], set[tuple[int, str]]]:
    """Take out the findings of one object, or of input that is none, that the configuration silences.

    Returns:
        What is left, what was taken out, and which entries concerned a finding: their numbers, with the names by which they mean its rule.
    """
    kept: list[Finding] = []
    silenced: list[Suppressed] = []
    concerned: set[tuple[int, str]] = set()
    meant: dict[tuple[int, str], bool] = {}
    for finding in findings:
        valid: Ignore | None = None
        for number, entry in enumerate(ignores):
            name = entry.names_rule(finding.rule)
            if not name:
                continue
            if (number, finding.file) not in meant:
                meant[number, finding.file] = entry.means(document, finding.file)
            if meant[number, finding.file]:
                concerned.add((number, name))
                valid = valid or (entry if entry.until is None or today <= entry.until else None)
        if valid is None:
            kept.append(finding)
        else:
            silenced.append(Suppressed(finding, "config", valid.reason, valid.until.isoformat() if valid.until else ""))
    return kept, silenced, concerned


def entries(
    ignores: Sequence[Ignore], concerned: Collection[tuple[int, str]], told: Collection[str], today: datetime.date
) -> Iterator[Suppression]:
    """The entries as suppressions, one for each rule that they name, after everything was judged.

    Args:
        ignores: all entries.
        concerned: those that met a finding; see `ignored`.
        told: rules that said all they had to say. Of others nobody knows whether an entry is of use.
        today: decides what has expired.
    """
    for number, entry in enumerate(ignores):
        for name, line in zip(entry.rules, entry.lines, strict=True):
            yield Suppression(
                None, "every rule" if name == EVERY_RULE else name, "config", entry.reason, entry.until.isoformat() if entry.until else "",
                line=line, expired=entry.until is not None and entry.until < today, active=name == EVERY_RULE or name in told,
                used=(number, name) in concerned, file=entry.file, number=number, place=entry.place,
            )  # fmt: skip
