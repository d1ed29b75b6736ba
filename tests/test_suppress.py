"""Suppressions: where they may stand, what they silence, and that nothing about them is silent."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

import pytest

from auditor.config import Settings
from auditor.document import Document
from auditor.engine import Outcome, evaluate
from auditor.finding import Finding, Severity
from auditor.registry import load_rules
from auditor.snapshot import Snapshot
from auditor.source.text import read_text

RULES = load_rules()
TAG, REMOTE = "image-tag-floating", "trust-remote-code"
ALL = (TAG, REMOTE, "suppression-unused", "suppression-expired", "suppression-invalid")
USUAL = "write `# mlaudit: ignore[rule-name] reason"
TODAY = datetime.date(2026, 11, 25)


def judged(text: str, *names: str, today: datetime.date = TODAY) -> Outcome:
    rules = [RULES[name] for name in names or ALL]
    documents = [item for item in read_text(text, "a.yaml") if isinstance(item, Document)]
    assert documents
    settings = Settings(rules=frozenset(rule.name for rule in rules), today=today)
    outcome = evaluate(Snapshot(documents), rules, settings, known=RULES)
    assert outcome.failures == []
    return outcome


def places(findings: list[Finding]) -> list[tuple[str, int]]:
    return [(finding.rule, finding.line) for finding in findings]


def silenced(outcome: Outcome) -> list[tuple[str, int, str, str, str]]:
    return [(s.finding.rule, s.finding.line, s.how, s.reason, s.until) for s in outcome.suppressed]


# A pod with two floating images, in lines 8 and 11, and room for comments and annotations.
def pod(comments: Mapping[int, str] | None = None, *, above: str = "", annotations: str = "{}") -> str:
    lines = f"""\
apiVersion: v1
kind: Pod
metadata:
  name: server
  annotations: {annotations}
spec:
  containers:
  - image: ghcr.io/example/server:latest
    name: server
    args: [--trust-remote-code]
  - image: ghcr.io/example/helper:latest
    name: helper
""".splitlines()
    for number, comment in (comments or {}).items():
        lines[number - 1] += f"  # {comment}"
    return above + "\n".join(lines) + "\n"


def test_without_suppressions_everything_is_found() -> None:
    assert places(judged(pod()).findings) == [(TAG, 8), (REMOTE, 10), (TAG, 11)]


# -- where it stands ----------------------------------------------------------------------------------------------------------------------


def test_a_comment_on_the_line_silences_that_line_only() -> None:
    outcome = judged(pod({8: f"mlaudit: ignore[{TAG}] rebuilt every night"}))
    assert places(outcome.findings) == [(REMOTE, 10), (TAG, 11)]
    assert silenced(outcome) == [(TAG, 8, "comment", "rebuilt every night", "")]


def test_a_comment_alone_on_the_line_above_speaks_of_the_next_line_with_content() -> None:
    helper = "  - image: ghcr.io/example/helper"
    text = pod().replace(helper, f"  # mlaudit: ignore[{TAG}] a test\n\n  # more\n{helper}")
    outcome = judged(text)
    assert places(outcome.findings) == [(TAG, 8), (REMOTE, 10)]
    assert silenced(outcome) == [(TAG, 14, "comment", "a test", "")]


@pytest.mark.parametrize(
    "above",
    [
        "# mlaudit: ignore[{}] a test\n",
        "# a header\n# mlaudit: ignore[{}] a test\n---\n",
        "---\n# mlaudit: ignore[{}] a test\n\n",
    ],
)
def test_a_comment_above_the_first_key_speaks_of_the_whole_object(above: str) -> None:
    outcome = judged(pod(above=above.format(TAG)))
    assert [finding.rule for finding in outcome.findings] == [REMOTE]
    assert [s.finding.rule for s in outcome.suppressed] == [TAG, TAG]
    assert {(s.how, s.reason) for s in outcome.suppressed} == {("comment", "a test")}


def test_a_comment_speaks_of_its_own_document_only() -> None:
    outcome = judged(pod(above=f"# mlaudit: ignore[{TAG}, {REMOTE}] a test\n") + "---\n" + pod())
    assert places(outcome.findings) == [(TAG, 22), (REMOTE, 24), (TAG, 25)]
    assert len(outcome.suppressed) == 3


def test_in_a_list_a_comment_speaks_of_the_item_it_stands_in_or_above() -> None:
    text = f"""\
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Pod
  metadata: {{name: one}}
  spec:
    containers:
    - image: busybox  # mlaudit: ignore[{TAG}] this line
    - image: alpine
# mlaudit: ignore[{TAG}] the whole item
- apiVersion: v1
  kind: Pod
  metadata: {{name: two}}
  spec:
    containers:
    - image: busybox
    - image: alpine
"""
    outcome = judged(text)
    assert places(outcome.findings) == [(TAG, 10)]
    assert [(entry[1], entry[3]) for entry in silenced(outcome)] == [(9, "this line"), (17, "the whole item"), (18, "the whole item")]


def test_an_annotation_speaks_of_the_whole_object() -> None:
    outcome = judged(pod(annotations=f'{{ignore.mlaudit.io/{TAG}: "rebuilt every night, until 2027-01-31"}}'))
    assert places(outcome.findings) == [(REMOTE, 10)]
    assert silenced(outcome) == [
        (TAG, 8, "annotation", "rebuilt every night", "2027-01-31"),
        (TAG, 11, "annotation", "rebuilt every night", "2027-01-31"),
    ]


def test_one_comment_may_name_several_rules() -> None:
    outcome = judged(pod(above=f"# mlaudit: ignore[{TAG},{REMOTE}]: a test\n"))
    assert outcome.findings == []
    assert [entry[:2] for entry in silenced(outcome)] == [(TAG, 9), (REMOTE, 11), (TAG, 12)]


@pytest.mark.parametrize(
    "script",
    [
        '[sh, -c, "echo # mlaudit: ignore[nothing] in quotes"]',
        "\n    - |\n      # mlaudit: ignore[nothing] in a block\n      echo\n",
        "\n    - 'one\n      # mlaudit: ignore[nothing] in quotes over lines\n      two'\n",
    ],
)
def test_text_inside_a_value_is_no_comment(script: str) -> None:
    outcome = judged(pod().replace("[--trust-remote-code]", script), "suppression-invalid", "suppression-unused", TAG)
    assert {finding.rule for finding in outcome.findings} == {TAG}
    assert outcome.suppressed == []


def test_a_comment_behind_a_value_in_quotes_or_the_head_of_a_block_is_one() -> None:
    text = pod().replace("[--trust-remote-code]", f'["#", "mlaudit: no"]  # mlaudit: ignore[{TAG}] the wrong line')
    assert ("suppression-unused", 10) in places(judged(text).findings)
    text = pod().replace("[--trust-remote-code]", f"\n    - |  # mlaudit: ignore[{REMOTE}] a test\n      serve --trust-remote-code")
    assert silenced(judged(text)) == [(REMOTE, 11, "comment", "a test", "")]


# -- until ---------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "said", "until"),
    [
        ("a test, until 2027-01-31", "a test", "2027-01-31"),
        ("a test (until 2027-01-31)", "a test", "2027-01-31"),
        ("kept until the driver is fixed, until 2027-01-31", "kept until the driver is fixed", "2027-01-31"),
        ("kept until the driver is fixed", "kept until the driver is fixed", ""),
    ],
)
def test_the_end_is_taken_from_the_reason(reason: str, said: str, until: str) -> None:
    assert silenced(judged(pod({8: f"mlaudit: ignore[{TAG}] {reason}"}))) == [(TAG, 8, "comment", said, until)]


def test_the_last_day_still_counts() -> None:
    text = pod({8: f"mlaudit: ignore[{TAG}] a test, until 2026-11-25"})
    outcome = judged(text, today=datetime.date(2026, 11, 25))
    assert places(outcome.findings) == [(REMOTE, 10), (TAG, 11)]
    assert len(outcome.suppressed) == 1


def test_after_the_last_day_the_finding_comes_back_with_the_reason_for_it() -> None:
    text = pod({8: f"mlaudit: ignore[{TAG}] a test, until 2026-11-25"})
    outcome = judged(text, today=datetime.date(2026, 11, 26))
    assert places(outcome.findings) == [("suppression-expired", 8), (TAG, 8), (REMOTE, 10), (TAG, 11)]
    assert outcome.suppressed == []
    (expired,) = [finding for finding in outcome.findings if finding.rule == "suppression-expired"]
    assert expired.message == f"this comment ended on 2026-11-25; what {TAG} finds is reported again"
    assert expired.severity is Severity.MEDIUM


def test_an_expired_one_that_would_silence_nothing_says_so() -> None:
    text = pod({9: f"mlaudit: ignore[{TAG}] a test, until 2026-01-31"})
    (expired,) = [finding for finding in judged(text).findings if finding.rule.startswith("suppression")]
    assert (expired.rule, expired.line, expired.message) == (
        "suppression-expired", 9, f"this comment ended on 2026-01-31; {TAG} finds nothing there any more",
    )  # fmt: skip


# -- unused and invalid --------------------------------------------------------------------------------------------------------------------


def test_one_that_silences_nothing_is_reported() -> None:
    outcome = judged(pod({9: f"mlaudit: ignore[{TAG}] the wrong line"}, annotations=f"{{ignore.mlaudit.io/{REMOTE}: a test}}"))
    assert places(outcome.findings) == [(TAG, 8), ("suppression-unused", 9), (TAG, 11)]
    unused = outcome.findings[1]
    assert unused.message == f"this comment silences {TAG}, which finds nothing in line 9"
    assert unused.severity is Severity.LOW


def test_of_two_for_one_finding_the_second_is_unused() -> None:
    outcome = judged(pod({8: f"mlaudit: ignore[{TAG}] this line"}, annotations=f"{{ignore.mlaudit.io/{TAG}: the whole object}}"), *ALL)
    assert [entry[1:4] for entry in silenced(outcome)] == [(8, "comment", "this line"), (11, "annotation", "the whole object")]
    assert places(outcome.findings) == [(REMOTE, 10)]


def test_one_for_a_rule_that_was_not_asked_is_not_called_unused() -> None:
    text = pod({9: f"mlaudit: ignore[{TAG}] the wrong line"})
    assert places(judged(text, REMOTE, "suppression-unused").findings) == [(REMOTE, 10)]


@pytest.mark.parametrize(
    ("comment", "message", "remedy"),
    [
        ("mlaudit: ignore[image-tag-floatin] a test", "names the rule 'image-tag-floatin', which does not exist", f"did you mean {TAG}?"),
        ("mlaudit: ignore[] a test", "names no rule", USUAL),
        (f"mlaudit: ignore[{TAG}]", "gives no reason", USUAL),
        (f"mlaudit: ignore[{TAG}] until 2027-01-31", "gives no reason", USUAL),
        (f"mlaudit: ignore[{TAG}] a test, until tomorrow", "ends at 'tomorrow', which is no date like 2027-01-31", "2027-01-31"),
        (f"mlaudit: ignore[{TAG}] a test, until 2027-02-30", "ends at '2027-02-30', which is no date like 2027-01-31", "2027-01-31"),
        (
            f"mlaudit: ignore {TAG}",
            "is not understood; write `mlaudit: ignore[rule-name] reason`",
            USUAL,
        ),
        ("mlaudit: off", "is not understood; write `mlaudit: ignore[rule-name] reason`", USUAL),
    ],
)
def test_one_that_cannot_be_followed_silences_nothing_and_is_reported(comment: str, message: str, remedy: str) -> None:
    outcome = judged(pod({8: comment}))
    assert outcome.suppressed == []
    assert sorted(places(outcome.findings)) == sorted([(TAG, 8), ("suppression-invalid", 8), (REMOTE, 10), (TAG, 11)])
    (invalid,) = [finding for finding in outcome.findings if finding.rule == "suppression-invalid"]
    assert invalid.message == f"this comment {message}; it silences nothing"
    assert remedy in invalid.remediation


def test_one_wrong_name_of_several_leaves_the_others_in_force() -> None:
    outcome = judged(pod({8: f"mlaudit: ignore[nothing-at-all, {TAG}] a test"}))
    assert silenced(outcome) == [(TAG, 8, "comment", "a test", "")]
    assert ("suppression-invalid", 8) in places(outcome.findings)


@pytest.mark.parametrize("value", ['""', "null", "5", "[a]"])
def test_an_annotation_without_a_reason_is_invalid(value: str) -> None:
    outcome = judged(pod(annotations=f"{{ignore.mlaudit.io/{TAG}: {value}}}"))
    (invalid,) = [finding for finding in outcome.findings if finding.rule == "suppression-invalid"]
    assert (invalid.line, invalid.path) == (5, f'metadata.annotations["ignore.mlaudit.io/{TAG}"]')
    assert "gives no reason" in invalid.message
    assert outcome.suppressed == []
