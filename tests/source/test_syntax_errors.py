"""Broken documents: where the parser stops, which line is at fault, and what the report proposes. The documents beside them are read."""

from __future__ import annotations

import time

import pytest

from auditor.document import Document, Unread
from auditor.source.builder import BrokenYaml, build
from auditor.source.markdown import read_markdown
from auditor.source.suspect import suspect
from auditor.source.text import read_text

HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"  # three lines; the cases begin in line 4
BEFORE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: before}\n---\n"
AFTER = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: after}\n"

# What stands below HEAD, where the parser stops (line:column), the line at fault, and a part of the remedy.
CASES = {
    "item without a colon": (
        "spec:\n  volumes:\n  - name model-volume\n    persistentVolumeClaim:\n      claimName: x\n",
        "7:26", 6, "`- name model-volume` has no colon; did you mean `- name: model-volume`?",
    ),
    "key without a colon": ("spec:\n  nodeName foo\n  volumes: []\n", "6:10", 5, "did you mean `nodeName: foo`?"),
    "last key without a colon": ("spec:\n  a: b\n  foo bar\n", "7:1", 6, "did you mean `foo: bar`?"),
    "section without a colon": ("spec:\n  containers\n  - name: a\n", "6:9", 5, "did you mean `containers:`?"),
    "no blank after the colon": ("spec:\n  name:foo\n  image: x\n", "6:8", 5, "`name:foo` has no blank after the colon; write `name: foo`"),
    "no blank after the dash": ("spec:\n  args:\n    -name: a\n    - name: b\n", "7:5", 6, "write `- name: a`"),
    "placeholder in braces": (
        "spec:\n  image: {username}/torchserve:1\n  name: x\n",
        "5:20", 5, 'quote the value: `image: "{username}/torchserve:1"`, or fill in the placeholder',
    ),
    "wildcard": ("spec:\n  host: *.example.com\n", "5:10", 5, 'quote the value: `host: "*.example.com"`'),
    "schedule": ("spec:\n  schedule: */5 * * * *\n", "5:14", 5, 'quote the value: `schedule: "*/5 * * * *"`'),
    "at sign": ("spec:\n  user: @team\n", "5:9", 5, "begins with `@`, which YAML reserves"),
    "colon in a value": ("spec:\n  note: warning: hot\n  b: 1\n", "5:16", 5, 'quote the value: `note: "warning: hot"`'),
    "text after a quote": ('spec:\n  image: "repo":tag\n  b: 1\n', "5:16", 5, "text follows the closing quote"),
    "apostrophe": ("spec:\n  note: 'it's'\n  b: 1\n", "5:13", 5, "write it twice"),
    "open double quote": ('spec:\n  a: "foo\n  b: bar\n', "7:1", 5, 'close the quote that `a: "foo` opens'),
    "quote that the next one closes": ('spec:\n  a: "foo\n  b: "bar"\n', "6:7", 5, 'close the quote that `a: "foo` opens'),
    "open quote in a list": ('spec:\n  command: [sh, "-c]\n  args: ["x"]\n', "6:11", 5, "close the quote"),
    "backslash": ('spec:\n  pattern: "\\d+"\n', "5:13", 5, "use single quotes"),
    "open bracket": ("spec:\n  args: [a, b\n  env:\n  - x\n", "6:6", 5, "nothing closes the `[` of `args: [a, b`; write `]` where it ends"),
    "open brace": ("spec:\n  selector: {\n  other:\n  - x\n", "7:3", 5, "nothing closes the `{`"),
    "bracket too many": ("spec:\n  args: [a]]\n", "5:12", 5, "`]` closes nothing; remove it"),
    "missing comma": ('spec:\n  args: ["a" "b"]\n', "5:14", 5, "comma"),
    "tab": ("spec:\n\ta: 1\n", "5:1", 5, "write blanks instead of the tab"),
    "tab below blanks": ("spec:\n  a: 1\n\tb: 2\n", "6:1", 6, "write blanks instead of the tab"),
    "tab after a dash": ("spec:\n- \ta: 1\n  b: 1\n", "5:3", 5, "write blanks instead of the tab"),
    "no-break space": ("spec:\n\u00a0 a: b\n  c: d\n", "6:4", 5, "write an ordinary blank instead of U+00A0"),
    "field too deep": ("spec:\n  containers:\n  - name: a\n     image: b\n", "7:11", 7, "by 5; indent it by 4 to go with `name:`"),
    "field too shallow": ("spec:\n  containers:\n  - name: a\n   image: b\n", "7:4", 7, "by 3; indent it by 4 to go with `name:`"),
    "item too shallow": ("spec:\n  a:\n    - name: a\n   - name: b\n", "7:4", 7, "is indented by 3; indent it by 4 to go with `- name:`"),
    "line above too deep": ("spec:\n   a: 1\n  b: 2\n  c: 3\n", "6:3", 5, "is indented by 3; indent it by 2 to go with `b:`"),
    "text of a block not indented": ("data:\n  a: |\n  foo bar\n  baz: 1\n", "7:3", 6, "indent the text deeper than `a: |`"),
    "text of a block dedented": ("data:\n  a: |\n    foo bar\n   baz\n  b: 1\n", "7:4", 7, "indent it by 4"),
    "item among keys": ("spec:\n  a: 1\n  - name: b\n", "6:3", 6, "a list item stands among keys here"),
    "merge conflict": ("spec:\n  a: 1\n<<<<<<< HEAD\n  b: 1\n=======\n  b: 2\n>>>>>>> x\n", "7:4", 6, "resolve the merge conflict"),
    "control character": ("spec:\n  a: b\x01\n", "5:7", 5, "remove the invisible character"),
    "not a number": ("spec:\n  a: .nan\n", "5:6", 5, "quote it"),
    "no remedy": ("spec:\n  a: b\n  : c\n", "6:3", 6, ""),
}  # fmt: skip


def broken(text: str) -> Unread:
    (item,) = [item for item in read_text(text, "a.yaml") if isinstance(item, Unread)]
    assert item.syntax
    return item


@pytest.mark.parametrize("name", CASES)
def test_position_culprit_and_remedy(name: str) -> None:
    body, position, culprit, remedy = CASES[name]
    item = broken(HEAD + body)
    assert f"{item.line}:{item.column}" == position
    assert (item.culprit or item.line) == culprit
    assert item.culprit != item.line, "the culprit is named only where it is not the parser's line"
    assert remedy in item.remedy
    assert bool(remedy) == bool(item.remedy)


@pytest.mark.parametrize("name", CASES)
def test_the_documents_beside_it_are_read(name: str) -> None:
    body, _, culprit, _ = CASES[name]
    items = read_text(BEFORE + HEAD + body + AFTER, "a.yaml")
    assert [item.ref.name for item in items if isinstance(item, Document)] == ["before", "after"]
    (item,) = [item for item in items if isinstance(item, Unread)]
    assert (item.culprit or item.line) == culprit + BEFORE.count("\n")


@pytest.mark.parametrize("name", [name for name in CASES if "did you mean" in CASES[name][3] or "write `" in CASES[name][3]])
def test_what_is_proposed_can_be_parsed(name: str) -> None:
    body, _, culprit, _ = CASES[name]
    lines = (HEAD + body).splitlines()
    line = lines[culprit - 1]
    proposed = broken(HEAD + body).remedy.rpartition("`?")[0] or broken(HEAD + body).remedy.rpartition("`")[0]
    proposed = proposed.rpartition("`")[2]
    if proposed in "]}":
        proposed = line.strip() + proposed
    lines[culprit - 1] = line[: len(line) - len(line.lstrip())] + proposed
    build("\n".join(lines) + "\n")


def test_in_markdown_the_lines_are_those_of_the_file() -> None:
    text = "# Guide\n\n```yaml\n" + HEAD + "spec:\n  volumes:\n  - name model-volume\n    claim:\n      x: y\n```\n"
    (item,) = read_markdown(text, "guide.md")
    assert isinstance(item, Unread)
    assert (item.line, item.column, item.culprit) == (10, 10, 9)


def test_two_faults_name_the_first() -> None:
    item = broken(HEAD + "spec:\n  a b\n  c: d\n  e: [1, 2\n  f: g\n")
    assert item.culprit == 5
    assert "did you mean `a: b`?" in item.remedy


@pytest.mark.parametrize(
    "line",
    ["password hunter2hunter2", "HF_TOKEN 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", "apiKey abc", "value 9f31c2d7a04be8569f31c2d7a04be856"],
)
def test_a_line_with_what_may_be_a_credential_is_not_repeated(line: str) -> None:
    item = broken(HEAD + f"data:\n  {line}\n  other: x\n")
    assert item.culprit == 5
    key, value = line.split()
    assert value not in item.remedy
    assert f"`{key} …` has no colon" in item.remedy


def test_a_long_line_is_cut() -> None:
    item = broken(HEAD + "data:\n  note " + "very " * 40 + "long\n  other: x\n")
    assert len(item.remedy) < 250


def test_json_is_helped_too() -> None:
    item = broken('{\n  "apiVersion": "v1",\n  "kind": "Pod"\n  "metadata": {}\n}\n')
    assert (item.line, item.culprit or item.line) == (4, 3)
    assert item.remedy == 'write a comma after `"kind": "Pod"`'


@pytest.mark.parametrize(
    "text", ["", "\n", ":", "a: [", "[", "{", "'", '"', "\t", "%", "- -\n -", "?", "a: b: c", "\x00", "\ufeff\t:", "a:\n\n\n\n- b\nc"]
)
def test_the_search_never_raises(text: str) -> None:
    try:
        build(text)
    except BrokenYaml as error:
        found = suspect(text, error)
        assert found is None or (0 <= found.line <= text.count("\n") and found.remedy)


def test_the_search_is_bounded() -> None:
    text = HEAD + "data:\n" + "".join(f"  key{number}: value\n" for number in range(30_000)) + "  a b\n  c: d\n"
    start = time.perf_counter()
    assert broken(text).culprit == 30_005
    assert time.perf_counter() - start < 20
