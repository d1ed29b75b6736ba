"""Markdown as GitHub's own parser reads it: what a cluster's users write is text, whatever it is."""

from __future__ import annotations

import dataclasses
import importlib
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor import __version__
from auditor.document import Unread
from auditor.registry import renderer
from auditor.report import Costs, Finding, Report, Severity, Suppressed, View, printable
from tests.reports import sample_costs as sample
from tests.reports import sample_machines as machines

cmarkgfm = pytest.importorskip("cmarkgfm", reason="needs the package cmarkgfm, of the dev group")
page = importlib.import_module("auditor.reports.markup.page")

EXPECTED = Path(__file__).with_name("expected")
OURS = {"h3", "h4", "p", "ul", "li", "strong", "table", "thead", "tbody", "tr", "th", "td", "code", "pre", "details", "summary", "br"}
# Outside of code: what GitHub, GitLab or a chat makes links, mentions, emoji or formulas of.
LIVE = re.compile(
    r"[@#<>`*_~|\\\[\]]|://|www\.\w|:\w+:|\w-\d|[0-9a-f]{7}|\$\S.*\S\$(?!\d)",
    re.IGNORECASE,
)
# Letters alone would seldom hit anything. All are shorter than what is cut off.
texts = st.one_of(
    st.text(max_size=20),
    st.text(st.sampled_from(list("`|\\ \n@#<>&;:[]()!*_~$-+=.1aF/'\"%{}")), max_size=30),
    st.lists(st.sampled_from([*sample.HOSTILE.values(), *["-", "1.", "1)", "|--|", "---", "===", "```", "\\", "|", "&#124;", "x"]])).map(
        lambda words: " ".join(words)[:100]
    ),
)


class Reader(HTMLParser):
    """Tags, text outside of code, and all text."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.outside, self.whole, self.depth, self.rows = "", "", 0, [0]
        options = cmarkgfm.Options.CMARK_OPT_UNSAFE if hasattr(cmarkgfm, "Options") else 1 << 17
        self.feed(cmarkgfm.github_flavored_markdown_to_html(markdown, options))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src") or name.startswith("on")]
        self.depth += tag in ("code", "pre")
        if tag == "tr":
            self.rows.append(0)
        self.rows[-1] += tag in ("td", "th")

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag in ("code", "pre")

    def handle_data(self, data: str) -> None:
        self.whole += data
        if not self.depth:
            self.outside += data


def squeezed(text: str) -> str:
    return " ".join(text.split())


def letters(text: str) -> str:
    """Text without white space, and without the backticks that sentences put around `code`, which are gone when it is code."""
    return "".join(text.replace("`", "").split())


def render(report: Report, **view: bool) -> str:
    text: str = renderer("markdown").render(report, View(**view))
    return text


@given(texts)
def test_a_name_is_code_and_nothing_else(text: str) -> None:
    shown = printable(text)
    in_line, in_table = Reader(f"It is {page.code(text)}."), Reader(f"| a | b |\n|---|---|\n| {page.code(text)} | c |")
    assert in_line.tags <= {"p", "code"}
    assert in_table.tags <= {"table", "thead", "tbody", "tr", "th", "td", "code"}
    assert in_table.rows[1:] == [2, 2]
    assert squeezed(in_line.whole) == squeezed(f"It is {shown}.")
    assert squeezed(in_table.whole) == squeezed(f"a b {shown} c")
    assert set(in_line.outside) <= set("It is.|\n ")


@given(texts)
def test_a_sentence_is_text_and_code(text: str) -> None:
    for before, after, tags in (
        ("", "", {"p", "code"}),
        ("- ", "", {"ul", "li", "code"}),
        ("| a | b |\n|---|---|\n| ", " | c |", {"table", "thead", "tbody", "tr", "th", "td", "code"}),
        ("", "\n\nc", {"p", "code"}),
    ):
        read = Reader(before + page.prose(text) + after)
        assert read.tags <= tags
        assert not read.links
        assert letters(printable(text)) in letters(read.whole)
        assert not LIVE.search(read.outside.replace("|", "")), read.outside


@given(st.text(max_size=40) | texts)
def test_a_query_is_a_block_of_code(text: str) -> None:
    read = Reader("- query:\n\n" + "\n".join(page.fence(text, "    ")) + "\n\nend")
    assert read.tags <= {"ul", "li", "p", "pre", "code"}
    assert squeezed(read.whole) == squeezed(f"query: {printable(text)} end")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Deployment/ml/llm-2 holds 4 of 8 GPUs, 52 % of 1,320.96", "`Deployment/ml/llm-2` holds 4 of 8 GPUs, 52 % of 1,320.96"),
        ("the image (ml/llm:latest) has no digest", "the image (`ml/llm:latest`) has no digest"),
        ("ask @octocat, see #12 and GH-12", "ask `@octocat`, see `#12` and `GH-12`"),
        ("1. is no list", "`1`. is no list"),
        ("320.5 hours of 2026-11-24 03:00", "320.5 hours of 2026-11-24 `03:00`"),
        ("deadbeef is a commit, cafe is none", "`deadbeef` is a commit, cafe is none"),
        ("a|b", "`a`&#124;`b`"),
        ("drain it (`kubectl drain NODE`), then", "drain it (`kubectl drain NODE`), then"),
        ("`a|b`: `c``d`", "`a`&#124;`b`: ``` `c``d` ```"),
        ("", ""),
    ],
)
def test_sentences_stay_readable(text: str, shown: str) -> None:
    assert page.prose(text) == shown


@pytest.mark.parametrize(("name", "verbose"), [("comment.md", False), ("comment-verbose.md", True)])
def test_the_page_is_the_expected_one(name: str, verbose: bool) -> None:
    text = render(sample.report(sample.COSTS, findings(3), 100), verbose=verbose)
    assert text.replace(__version__, "VERSION") == (EXPECTED / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize("costs", [sample.COSTS, sample.NOW, sample.hostile(), None])
def test_nothing_from_a_cluster_is_markup(costs: Costs | None, verbose: bool) -> None:
    hostile = tuple(sample.finding(1, Severity.HIGH, text, text) for text in sample.HOSTILE.values())
    report = dataclasses.replace(sample.report(costs, hostile, 1), unread=(Unread("a|b`.yaml", 1, sample.HOSTILE["html"]),))
    read = Reader(render(report, verbose=verbose))
    assert read.tags <= OURS
    assert not read.links
    assert not re.search(r"[@#<>`*_~\\\[\]]|://|www\.|:\w+:", read.outside)
    for text in sample.HOSTILE.values():
        assert letters(printable(text)) in letters(read.whole)


def test_hostile_reports_on_files() -> None:
    report = machines.hostile()
    read = Reader(render(report, verbose=True))
    assert read.tags <= OURS
    assert not read.links
    assert not re.search(r"[@#<>`*_~\\\[\]]|://|www\.|:\w+:", read.outside)
    for text in machines.TEXTS.values():
        assert letters(printable(text)) in letters(read.whole)
    assert set(read.rows[1:]) <= {4, 5}


def test_suppressed_findings_are_told_with_their_reason() -> None:
    text = render(machines.scanned())
    assert "<details><summary>3 suppressed</summary>\n\n| rule | object | place | why |" in text
    assert "| accepted by the platform team (until 2027-01-31) |" in text
    assert "suppressed" not in render(machines.scanned(), quiet=True)


def findings(number: int) -> tuple[Finding, ...]:
    return tuple(sample.finding(line, Severity(line % 5)) for line in range(1, number + 1))


def test_findings_are_the_worst_and_the_others_are_counted() -> None:
    text = render(sample.report(None, findings(100), 100))
    assert text.startswith("### 100 findings: 20 critical, 20 high, 20 medium, 20 low, 20 info\n\n| severity |")
    assert text.count("| critical |") == 20
    assert text.count("| high |") == 5
    assert "\n\n75 more are left out.\n" in text
    assert text.endswith(" of profile recommended\n\n<!-- mlaudit -->\n")
    assert render(sample.report(None, findings(100), 100), verbose=True).count("| `gpu-idle` |") == 100


def test_no_findings_are_said() -> None:
    assert render(sample.report(None, (), 100)).startswith("### No findings\n")
    assert "finding" not in render(sample.report(sample.COSTS))


def test_quiet_is_headline_and_findings() -> None:
    text = render(sample.report(sample.NOW, findings(1), 100), quiet=True)
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "### What accelerators cost: 25 Nov 2026 00:00 UTC, for an hour",
        "### 1 finding: 1 low",
    ]
    assert text.endswith("→ repair the message |\n\n<!-- mlaudit -->\n")


@pytest.mark.parametrize("text", ["x" * 700, "`| " * 300, "@a " * 300, "\x1b" * 500])
def test_a_comment_is_no_longer_than_github_takes(text: str) -> None:
    many = 700
    costs = dataclasses.replace(
        sample.COSTS,
        lines=tuple(
            dataclasses.replace(sample.LINES[12], namespace=text, name=f"{text}{number}", team=f"{number}{text}", pool=text, model=text)
            for number in range(many)
        ),
        actions=tuple(
            dataclasses.replace(sample.ACTIONS[0], title=text, remedy=text, evidence=(text,) * 9, query=text) for _ in range(many)
        ),
        prices=(dataclasses.replace(sample.USES[0], what=text, source=text),) * many,
        notes=(text,) * many,
        missing=(dataclasses.replace(sample.COSTS.missing[0], reason=text),) * many,
        coverage=dataclasses.replace(sample.COSTS.coverage, exporters=(text,)),
    )
    hostile = tuple(sample.finding(number, Severity.HIGH, text, text) for number in range(many))
    suppressed = tuple(Suppressed(one, "comment", text, text) for one in hostile)
    for verbose in (False, True):
        comment = render(dataclasses.replace(sample.report(costs, hostile, 100), suppressed=suppressed), verbose=verbose)
        assert len(comment) <= 65_536
        assert comment.count("<details>") == comment.count("</details>")
        assert "more are left out" in comment


def test_what_manifests_could_cost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from auditor.cli import main

    monkeypatch.chdir(tmp_path)
    manifest = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: llm}\nspec: {replicas: %d, template: {spec: {nodeSelector: "
        "{node.kubernetes.io/instance-type: p5.48xlarge}, containers: [{name: main, resources: {limits: {nvidia.com/gpu: 2}}}]}}}\n"
    )
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main")
    for number, *command in ((1, "init", "-q"), (1, "add", "."), (1, "commit", "-qm", "one")):
        (tmp_path / "a|b.yaml").write_text(manifest % number)
        subprocess.run([*git, *command], check=True)
    (tmp_path / "a|b.yaml").write_text(manifest % 3)
    with pytest.raises(SystemExit):
        main(["scan", "--cost", "--base", "main", "-f", "markdown", "."])
    text = capsys.readouterr().out
    read = Reader(text)
    assert read.tags <= OURS
    assert not read.links
    assert "#### What this change costs: `+" in text
    assert "| changed `Deployment llm` | `a`&#124;`b.yaml:1` |" in text
    assert "#### What it could cost in USD a month\n" in text
    assert "2 `nvidia.com/gpu` in each of 3 pods" in text or "in each of 3 pods at" in text
