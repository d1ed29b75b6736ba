"""Asks the rules about one thing after another, and turns what they yield into findings.

A rule that breaks is recorded and costs nothing but itself; that is the only broad ``except`` in the program.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from auditor.config import Settings
from auditor.document import Document, Location, Path, Unread, format_path, mapping
from auditor.finding import Confidence, Fault, Finding, RuleFailure, Severity, Skipped, fingerprint, identity_of
from auditor.ignores import Ignore, entries, ignored
from auditor.judge.found import Found
from auditor.judge.plan import Plans
from auditor.patch import Patch
from auditor.processes import without_collector
from auditor.provenance import set_by
from auditor.rule import Profile, Rule, Scope
from auditor.snapshot import Snapshot
from auditor.suppress import apply, suppressions_of
from auditor.workload import Workload

__all__ = ["Found", "Judge"]


class Judge:
    """One evaluation. Findings are kept by object, so that suppressions meet all of theirs."""

    def __init__(
        self, snapshot: Snapshot, rules: Sequence[Rule], settings: Settings, known: Mapping[str, Rule], view: Snapshot | None = None
    ) -> None:
        self.snapshot, self.settings, self.known = snapshot, settings, known
        self.view = view or snapshot  # what rules see of it
        self.rules = {scope: [rule for rule in rules if rule.scope is scope] for scope in Scope}
        self.active = {rule.name for rule in rules if not rule.takes_profile}  # one that knows the profile holds back what others ask for
        self.extra = {rule.name: self.arguments(rule, None if self.whole(rule) else settings.profile) for rule in rules}
        self.plans = Plans(self.rules, exact=settings.profile.exact)
        self.words = sorted({word for rule in rules for word in rule.mentions})
        self.objectors: dict[Profile, list[tuple[Rule, tuple[object, ...]]]] = {}
        self.workloads = {id(workload.document): workload for workload in snapshot.workloads}
        self.nodes = {id(node.document): node for node in snapshot.nodes} if self.rules[Scope.NODE] else {}
        self.found = Found()
        # Rules that had something to say of the object at hand, and did not: their suppressions are not unused.
        self.silent: set[str] = set()
        self.of_object: dict[int, list[tuple[Rule, Fault]]] = {}

    def whole(self, rule: Rule) -> bool:
        """Whether everything that a rule finds is wanted, not only what the profile contains."""
        return bool(self.settings.rules) or rule.name in self.settings.enabled

    def arguments(self, rule: Rule, profile: Profile | None) -> tuple[object, ...]:
        """What a rule's function takes after its subject."""
        options = {**rule.options, **self.settings.options.get(rule.name, {})}
        return (
            *((self.view,) if rule.takes_snapshot else ()),
            *((options,) if rule.takes_options else ()),
            *((profile,) if rule.takes_profile else ()),
            *((self.objection,) if rule.takes_objection else ()),
        )

    # -- asking -------------------------------------------------------------------------------------------------------------------------

    def ask(self, rule: Rule, subject: object, document: Document | None, into: list[tuple[Rule, Fault]] | None) -> None:
        """Ask one rule about one thing; its faults go to ``into``, or to the objects that they name."""
        try:
            for result in rule.check(subject, *self.extra[rule.name]):
                if isinstance(result, Skipped):
                    self.silent.add(rule.name)
                    self.found.skips[rule.name, result.reason] += 1
                elif into is not None:
                    into.append((rule, result))
                else:
                    self.of_object.setdefault(id(result.document), []).append((rule, result))
        except Exception as error:  # noqa: BLE001 - a broken rule must not cost the report
            what = f"{type(error).__name__}: {error}".partition("\n")[0][:200]
            place = (document.file, document.line, str(document.ref)) if document else ("", 0, "")
            self.found.failures.append(RuleFailure(rule.name, *place, what))

    def objection(self, workload: Workload, profile: Profile) -> str:
        """The name of a rule of ``profile``, asked for in this run or not, that finds fault with the pods of a workload; empty for none."""
        blob = workload.document.blob
        if profile not in self.objectors:
            concerned = [rule for rule in self.known.values() if profile in rule.profiles and rule.scope is Scope.POD_TEMPLATE]
            self.objectors[profile] = [(rule, self.arguments(rule, profile)) for rule in concerned]
        for rule, given in self.objectors[profile]:
            if not rule.mentions or any(word in blob for word in rule.mentions):
                for template in workload.templates:
                    for result in rule.check(template, *given):
                        if not isinstance(result, Skipped) and (not result.profiles or profile in result.profiles):
                            return rule.name
        return ""

    def inputs(self, unread: Iterable[Unread]) -> None:
        """Rules about input that could not be read."""
        for item in unread:
            faults: list[tuple[Rule, Fault]] = []
            for rule in self.rules[Scope.INPUT]:
                self.ask(rule, item, None, faults)
            self.keep(self.finished(faults), None)

    def cluster(self) -> None:
        """Rules about namespaces and about the whole; what they find belongs to the objects that they name."""
        for rule in self.rules[Scope.CLUSTER]:
            self.ask(rule, self.view, None, None)
        if self.rules[Scope.NAMESPACE]:
            for namespace in self.snapshot.namespaces:
                for rule in self.rules[Scope.NAMESPACE]:
                    self.ask(rule, namespace, namespace.documents[0], None)

    def objects(self, batch: range) -> Found:
        """Rules about single objects, object by object, for some of the documents."""
        before, self.found = self.found, Found()
        with without_collector():
            for index in batch:
                self.judge(self.snapshot.documents[index])
        found, self.found = self.found, before
        return found

    def judge(self, document: Document) -> None:
        """Every rule about one object and, if it is a workload, about its pods and containers."""
        faults = self.of_object.pop(id(document), [])
        if not self.snapshot.selects(document):
            return
        self.silent.clear()
        blob = document.blob
        words = frozenset([word for word in self.words if word in blob])
        for rule in self.rules[Scope.DOCUMENT]:
            if (not rule.kinds or document.ref.kind in rule.kinds) and (not rule.mentions or rule.mentions & words):
                self.ask(rule, document, document, faults)
        node = self.nodes.get(id(document))
        if node is not None:
            for rule in self.rules[Scope.NODE]:
                self.ask(rule, node, document, faults)
        workload = self.workloads.get(id(document))
        if workload is not None:
            self.workload(workload, words, faults)
            self.count(workload)
            workload.release()
        if faults or document.comments or "annotations" in mapping(document.raw.get("metadata")):
            self.settle(document, self.finished(faults))

    def count(self, workload: Workload) -> None:
        """What the workload asks for; counted here because its pods are derived here."""
        if not workload.incomplete and workload.accelerated:
            self.found.accelerated += 1
            self.found.accelerators.update(workload.accelerators)

    def workload(self, workload: Workload, words: frozenset[bytes], faults: list[tuple[Rule, Fault]]) -> None:
        """Rules about a workload, its pods and its containers."""
        document = workload.document
        plan = self.plans.of(workload, words)
        for rule in plan[Scope.WORKLOAD]:
            if not rule.accelerated or workload.accelerated:
                self.ask(rule, workload, document, faults)
        for template in workload.templates:
            for rule in plan[Scope.POD_TEMPLATE]:
                if not rule.accelerated or template.accelerated:
                    self.ask(rule, template, document, faults)
            for container in template.containers:
                for rule in plan[Scope.CONTAINER]:
                    if not rule.accelerated or container.accelerators:
                        self.ask(rule, container, document, faults)

    # -- settling -----------------------------------------------------------------------------------------------------------------------

    def finished(self, faults: Iterable[tuple[Rule, Fault]]) -> list[Finding]:
        """Findings of the faults that the profile contains."""
        settings = self.settings
        found: list[Finding] = []
        said: set[tuple[str, int, int, str, str]] = set()
        for rule, fault in faults:
            if fault.profiles and not self.whole(rule) and not settings.profile.contains(fault.profiles):  # type: ignore[arg-type]
                self.silent.add(rule.name)
                self.found.silent.add(rule.name)
                continue
            severity = settings.severities.get(rule.name, rule.severity if fault.severity is None else fault.severity)
            confidence = rule.confidence if fault.confidence is None else fault.confidence
            place = fault.location or (fault.document.location(fault.path) if fault.document else _NOWHERE)
            path = format_path(fault.path)
            saying = (rule.name, place.line, place.column, fault.message, "" if fault.document and fault.document.positioned else path)
            if saying in said:  # a YAML alias: one text, met at two paths
                continue
            said.add(saying)
            found.append(_finding(rule, fault, place, path, severity, confidence))
        return found

    def settle(self, document: Document, findings: list[Finding]) -> None:
        """Let the object's suppressions take out what they silence, and judge the suppressions themselves."""
        suppressions = suppressions_of(document, self.known, self.active, self.settings.today)
        if not suppressions:
            self.keep(findings, document)
            return
        kept, silenced = apply(findings, suppressions)
        for suppression in suppressions:
            suppression.active = suppression.active and suppression.rule not in self.silent
        faults: list[tuple[Rule, Fault]] = []
        for suppression in suppressions:
            for rule in self.rules[Scope.SUPPRESSION]:
                self.ask(rule, suppression, document, faults)
        self.keep(kept + self.finished(faults), document)
        self.found.suppressed += silenced
        if self.settings.ignores:  # an entry that met what was silenced already is not unused
            self.found.concerned |= ignored([one.finding for one in silenced], document, self.settings.ignores, self.settings.today)[2]

    def keep(self, findings: list[Finding], document: Document | None) -> None:
        """Findings of an object, or of input that is none, after its own suppressions: let the configuration take out what it silences."""
        if self.settings.ignores and findings:
            findings, silenced, concerned = ignored(findings, document, self.settings.ignores, self.settings.today)
            self.found.suppressed += silenced
            self.found.concerned |= concerned
        self.found.findings += self.reaching(findings)

    def ignores(self, files: Iterable[str]) -> None:
        """Judge the entries of the configuration's `ignore`, once everything else is judged.

        Args:
            files: those that could not be read.
        """
        told = self.active - self.found.silent - {rule for rule, _ in self.found.skips}
        faults: list[tuple[Rule, Fault]] = []
        for suppression in entries(self.settings.ignores, self.found.concerned, told, self.settings.today):
            if suppression.active and not (suppression.used or suppression.expired):
                suppression.active = self.in_view(self.settings.ignores[suppression.number], files)
            for rule in self.rules[Scope.SUPPRESSION]:
                self.ask(rule, suppression, None, faults)
        self.found.findings += self.reaching(self.finished(faults))

    def in_view(self, entry: Ignore, files: Iterable[str]) -> bool:
        """Whether something that an entry is for was judged, or would have been: the whole folder that its paths are relative to was."""
        if entry.paths is not None and self.settings.whole_tree:
            return True
        judged = (document for document in self.snapshot.documents if self.snapshot.selects(document))
        return any(entry.means(document, document.file) for document in judged) or any(entry.means(None, file) for file in files)

    def reaching(self, findings: list[Finding]) -> list[Finding]:
        """Those at or above the thresholds. Suppressions come first: one that silences a minor finding is not unused."""
        return list(filter(self.settings.reaches, findings))


_NUMBERS = re.compile(r"\d+")  # positions in a message move with the lines
_NOWHERE = Location("", 0, 0, ())


def _finding(rule: Rule, fault: Fault, place: Location, path: str, severity: Severity, confidence: Confidence) -> Finding:
    document = fault.document
    if document is None:  # all that tells one from another is what is said of it; file and position move
        identity, detail = fault.path, _NUMBERS.sub("", f"{fault.message}\x1f{fault.remediation}")
    else:
        identity, detail = identity_of(document.raw, fault.path if fault.about is None else fault.about), ""
    return Finding(
        file=place.file,
        line=place.line,
        column=place.column,
        rule=rule.name,
        path=path,
        message=fault.message,
        object=document.ref if document else None,
        severity=severity,
        confidence=confidence,
        remediation="; ".join(filter(None, (fault.remediation, _who_edits(document, fault.path)))),
        fingerprint=fingerprint(rule.name, document.ref if document else None, identity, detail),
        cost=fault.cost,
        rendered=document.rendered if document else "",
        patch=Patch(document.index, fault.patch) if document and fault.patch and document.positioned and not document.rendered else None,
    )


def _who_edits(document: Document | None, path: Path) -> str:
    """Where a live field is to be changed, if it is not where it was found: a controller or admission wrote it."""
    if document is None or not document.live:
        return ""
    if document.owner is not None:
        return f"{document.owner.kind} {document.owner.name} makes this object: change it there"
    setter = set_by(document, path)
    return f"{setter} set this field, not what was applied" if setter else ""
