"""Every rule that has a patch: texts before and after, in every disguise in which the same text can come."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.config import Settings
from auditor.fix import fix
from auditor.source import read_paths
from tests.fix.mend import FIXABLE, RULES, after, judge, mend

CASES = Path(__file__).parent / "cases"
BEFORE = sorted(path for path in CASES.glob("*/*.yaml") if not path.name.endswith(".fixed.yaml"))
MENDED = [path for path in BEFORE if path.with_suffix(".fixed.yaml").exists()]
LEFT = [path for path in BEFORE if path not in MENDED]


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def fixed(path: Path) -> bytes:
    return path.with_suffix(".fixed.yaml").read_bytes()


@pytest.mark.parametrize("rule", FIXABLE)
def test_every_rule_with_a_patch_has_a_case(rule: str) -> None:
    assert [path for path in MENDED if path.parent.name == rule]
    assert [path for path in LEFT if path.parent.name == rule]


@pytest.mark.parametrize("path", MENDED, ids=name)
def test_what_is_mended(path: Path) -> None:
    content, rule = path.read_bytes(), path.parent.name
    fixes = mend(content, rule)
    assert after(fixes, content).decode() == fixed(path).decode()
    assert [entry.why for entry in fixes.not_fixed] == []
    assert {finding.rule for finding in fixes.fixed} == {rule}
    assert [finding for finding in judge(fixed(path), rule).findings if finding.patch] == []


@pytest.mark.parametrize("path", MENDED, ids=name)
def test_what_is_mended_is_not_mended_again(path: Path) -> None:
    assert mend(fixed(path), path.parent.name).files == {}


@pytest.mark.parametrize("path", LEFT, ids=name)
def test_what_takes_a_decision_is_left(path: Path) -> None:
    content, rule = path.read_bytes(), path.parent.name
    assert judge(content, rule).findings, "the case shows something that is found"
    assert mend(content, rule).files == {}


def windows(text: bytes) -> bytes:
    return text.replace(b"\n", b"\r\n")


def marked(text: bytes) -> bytes:
    return b"\xef\xbb\xbf" + text


def utf_16(text: bytes) -> bytes:
    return b"\xff\xfe" + text.decode().encode("utf-16-le")


def without_end(text: bytes) -> bytes:
    return text.rstrip(b"\n")


def between_others(text: bytes) -> bytes:
    other = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
    return b"# first\n---\n" + other + b"--- # second\n" + text + b"---\n" + other + b"...\n"


@pytest.mark.parametrize("disguise", [windows, marked, utf_16, without_end, between_others], ids=lambda function: function.__name__)
@pytest.mark.parametrize("path", MENDED, ids=name)
def test_the_rest_stays_byte_for_byte(path: Path, disguise: Callable[[bytes], bytes]) -> None:
    content = disguise(path.read_bytes())
    assert after(mend(content, path.parent.name), content) == disguise(fixed(path))


@pytest.mark.parametrize("before", ["", "  ", "> ", ">   "])
@pytest.mark.parametrize("path", MENDED, ids=name)
def test_fences_in_markdown(path: Path, before: str, tmp_path: Path) -> None:
    def page(text: str) -> str:
        lines = ["# A page", "", f"{before}```yaml", *(f"{before}{line}" for line in text.splitlines()), f"{before}```", "", "The end."]
        return "\n".join(lines) + "\n"

    file = tmp_path / "page.md"
    file.write_text(page(path.read_text()))
    fixes = fix(read_paths((str(file),)), Settings(rules=frozenset({path.parent.name})), RULES)
    assert fixes.files[str(file)].after.decode() == page(fixed(path).decode())
    assert fixes.not_fixed == []


@pytest.mark.parametrize("rule", FIXABLE)
def test_the_bad_examples_of_the_page_are_mended(rule: str) -> None:
    section = RULES[rule].page.partition("## Bad\n")[2].partition("## Good\n")[0]
    examples = re.findall(r"^```yaml[^\n]*\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    fixed = 0
    for example in examples:
        fixes = mend(example.encode(), rule)
        assert fixes.not_fixed == []
        fixed += len(fixes.fixed)
    assert fixed


@pytest.mark.parametrize("rule", FIXABLE)
def test_the_page_says_that_it_can_be_mended(rule: str) -> None:
    from auditor.cli.explain import page

    assert "mlaudit fix" in page(RULES[rule])


def test_only_rules_that_say_so_have_patches() -> None:
    for path in BEFORE:
        assert {finding.rule for finding in judge(path.read_bytes()).findings if finding.patch} <= set(FIXABLE)
