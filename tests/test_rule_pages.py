"""Every rule's page is executed: the bad examples yield findings on exactly the marked lines, the good ones yield none."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from fractions import Fraction

import pytest
import yaml

from auditor.config import Settings
from auditor.document import Document, Unread
from auditor.engine import Outcome, evaluate
from auditor.kinds import KINDS
from auditor.listing import Listing
from auditor.registry import load_rules
from auditor.rule import Rule
from auditor.snapshot import Snapshot
from auditor.source.cluster import CONTEXT
from auditor.source.kustomize import images_by_file
from auditor.source.text import read_text
from auditor.usage import Activity, Held, Holder, Idling, Usage

RULES = load_rules()
SECTIONS = ("Why it matters", "Bad", "Good", "When to ignore", "References")
_MARK = re.compile(r"[ \t]*# finding[ \t]*$", re.MULTILINE)
_FENCE = re.compile(r"^```yaml([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


LISTING = Listing(
    taken=datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC), server="page", version=(1, 36), namespace="", listed=(), not_listed=(),
    asked=frozenset({(row.group, row.kind) for row in KINDS} | CONTEXT), requests=0,
)  # fmt: skip


@dataclass(frozen=True)
class Example:
    words: tuple[str, ...]
    text: str

    @property
    def marked(self) -> list[int]:
        return [number for number, line in enumerate(self.text.splitlines(), start=1) if _MARK.search(line)]

    @property
    def manifest(self) -> str:
        """The text without the marks, which would otherwise be part of a comment that the page is about."""
        return _MARK.sub("", self.text)


def sections(rule: Rule) -> dict[str, str]:
    parts = re.split(r"^## (.+)$", rule.page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def examples(rule: Rule, section: str) -> list[Example]:
    return [Example(tuple(words.split()), text) for words, text in _FENCE.findall(sections(rule)[section])]


def measured(text: str) -> Usage | None:
    """The measurements in an example; None where it has none."""
    if "\nmeasured:" not in text:
        return None
    entries = next(entry["measured"] for entry in yaml.safe_load_all(text) if isinstance(entry, dict) and "measured" in entry)
    held, idling = [], {}
    for entry in entries.get("held", ()):
        kind, namespace, name = entry["holder"].split("/")
        holder = Holder(namespace, kind, name)
        hours = {field: Fraction(entry.get(field, 0)) for field in Activity.__dataclass_fields__}
        held.append(Held(holder, entry.get("node", "gpu-0"), Activity(**hours)))
        if "devices" in entry:
            idling[holder] = Idling(*(entry.get(field, 0) for field in Idling.__dataclass_fields__))
    facts = {key: tuple(value) if isinstance(value, list) else value for key, value in entries.items() if key not in ("held", "rates")}
    window = {"start": LISTING.taken - datetime.timedelta(days=7), "end": LISTING.taken, "step": 300, "exporters": ("DCGM exporter",)}
    return Usage(**{**window, "held": tuple(held), "idling": idling, **facts})


def rates(text: str) -> dict[str, Fraction]:
    """What a device costs on each node of an example, as `measured` says it."""
    said = yaml.safe_load_all(text) if "\nmeasured:" in text else ()
    entries = [entry["measured"].get("rates", {}) for entry in said if isinstance(entry, dict) and "measured" in entry]
    return {node: Fraction(str(usd)) for each in entries for node, usd in each.items()}


def judge(rule: Rule, example: Example) -> Outcome:
    """What the rule finds in an example.

    A document ``measured`` says what Prometheus would: device-hours of holders in the seven days before, and what devices did lately,
    with what a device costs on a node.

    Words after ``yaml`` on the fence are options: ``live`` (what a cluster holds, at noon of 25 November 2026 UTC), ``complete``,
    ``kubernetes=1.27``, ``file=k8s/a.yaml``, ``name=value`` of the rule, and ``with=other-rule`` to ask another rule as well, whose
    findings are left out.
    """
    file, settings = "example.yaml", {}
    asked = [rule]
    options: dict[str, object] = {}
    for word in example.words:
        key, _, value = word.partition("=")
        if key == "live":
            continue
        if key == "complete":
            settings["complete"] = True
        elif key == "kubernetes":
            major, minor = value.split(".")
            settings["kubernetes_version"] = (int(major), int(minor))
        elif key == "file":
            file = value
        elif key == "with":
            asked.append(RULES[value])
        else:
            default = rule.options[key]
            options[key] = tuple(value.split(",")) if isinstance(default, tuple) else type(default)(value)
    items = read_text(example.manifest, file)
    documents = [item for item in items if isinstance(item, Document)]
    listing = LISTING if "live" in example.words else None
    snapshot = Snapshot(documents, kustomized_images=images_by_file(items), listing=listing, **settings)
    snapshot.usage, snapshot.rates = measured(example.manifest), rates(example.manifest)
    unread = [item for item in items if isinstance(item, Unread)]
    chosen = Settings(rules=frozenset(other.name for other in asked), options={rule.name: options}, **settings)
    outcome = evaluate(snapshot, asked, chosen, unread=unread, known=RULES)
    outcome.findings = [finding for finding in outcome.findings if finding.rule == rule.name]
    return outcome


@pytest.mark.parametrize("name", RULES)
def test_page_has_its_sections(name: str) -> None:
    rule = RULES[name]
    assert tuple(sections(rule)) == SECTIONS
    assert examples(rule, "Bad"), "a page shows at least one bad example"
    assert examples(rule, "Good"), "a page shows at least one good example"
    assert "https://" in sections(rule)["References"]
    summary = rule.page.split("##")[0].strip()
    assert summary.endswith("."), "the first line says in one sentence what is wrong"
    assert len(rule.title) <= 60
    assert not rule.title.endswith(".")


@pytest.mark.parametrize("name", RULES)
def test_bad_examples_yield_findings_on_the_marked_lines(name: str) -> None:
    for example in examples(RULES[name], "Bad"):
        outcome = judge(RULES[name], example)
        assert outcome.failures == []
        assert example.marked, "a bad example marks its lines with `# finding`"
        assert sorted({finding.line for finding in outcome.findings}) == example.marked, [str(f) for f in outcome.findings]


@pytest.mark.parametrize("name", RULES)
def test_good_examples_yield_nothing(name: str) -> None:
    for example in examples(RULES[name], "Good"):
        outcome = judge(RULES[name], example)
        assert outcome.failures == []
        assert outcome.findings == []
