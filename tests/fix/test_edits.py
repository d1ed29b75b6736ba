"""Changes as edits of the text: blocks, brackets, JSON, and what is refused."""

from __future__ import annotations

import json

import pytest

from auditor.finding import Confidence, Finding, Severity
from auditor.fix.files import Held, difference, mended
from auditor.patch import Change, Misfit, Patch, Put, Remove, Rename, patched

HEAD = "apiVersion: v1\nkind: Pod\n"


def edited(body: str, *changes: Change, file: str = "a.yaml", head: str = HEAD) -> str:
    """What becomes of an object; the reason where nothing does."""
    held = Held.of(file, (head + body).encode())
    patch = Patch(0, changes)
    finding = Finding(file, 1, 1, "a-rule", "", "", None, Severity.LOW, Confidence.HIGH, "", patch=patch)
    result = mended(held, [finding])
    if result.refused:
        return result.refused[0][1]
    assert difference(held, result.held, [patch]) == set()
    text = result.held.content.decode()
    assert text.startswith(head)
    return text.removeprefix(head)


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        pytest.param("a: 1 # one\n", Put(("a",), 2), "a: 2 # one\n", id="number"),
        pytest.param("a: 'x'\n", Put(("a",), "it's"), "a: 'it''s'\n", id="single quotes"),
        pytest.param('a: "x"\n', Put(("a",), 'a "b"'), 'a: "a \\"b\\""\n', id="double quotes"),
        pytest.param('a: "false"\n', Put(("a",), True), "a: true\n", id="no quotes around a word"),
        pytest.param("a: x\n", Put(("a",), "yes"), 'a: "yes"\n', id="quotes where a word would be something else"),
        pytest.param("a: x\n", Put(("a",), "1"), 'a: "1"\n', id="quotes around a number"),
        pytest.param("a:\nb: 1\n", Put(("a",), "x"), "a: x\nb: 1\n", id="nothing"),
        pytest.param("a: # why\nb: 1\n", Put(("a", "b"), 1), "a: # why\n  b: 1\nb: 1\n", id="mapping for nothing"),
        pytest.param("a: null\n", Put(("a", "b"), 1), "a: {b: 1}\n", id="mapping for null"),
        pytest.param("a: {}\n", Put(("a", "b"), 1), "a: {b: 1}\n", id="empty braces"),
        pytest.param("a: { }\n", Put(("a", "b"), 1), "a: {b: 1 }\n", id="blank braces"),
        pytest.param("a: &x {}\n", Put(("a", "b"), 1), "a: &x {b: 1}\n", id="anchor that nobody names"),
        pytest.param("a: {c: 1,}\n", Put(("a", "b"), 1), "a: {c: 1, b: 1,}\n", id="last comma"),
        pytest.param("a: [{c: 1}]\n", Put(("a", 0, "b"), 1), "a: [{c: 1, b: 1}]\n", id="item in brackets"),
        pytest.param("a:\n- c: 1\n", Put(("a", 0, "b", "d"), 1), "a:\n- c: 1\n  b:\n    d: 1\n", id="item of a block"),
        pytest.param("a:\n    c:\n        d: 1\n", Put(("a", "b", "d"), 1), "a:\n    c:\n        d: 1\n    b:\n        d: 1\n", id="wide"),
        pytest.param("a:\n  c: {d: 1}\n", Put(("a", "b", "d"), 1), "a:\n  c: {d: 1}\n  b: {d: 1}\n", id="like its neighbours"),
        pytest.param("a:\n  c: |\n    x\n\nz: 1\n", Put(("a", "b"), 1), "a:\n  c: |\n    x\n  b: 1\n\nz: 1\n", id="behind a block of text"),
        pytest.param("a:\n  c: |+\n    x\n\nz: 1\n", Put(("a", "b"), 1), "a:\n  c: |+\n    x\n\n  b: 1\nz: 1\n", id="whose end counts"),
        pytest.param("a:\n  c: 1\n", Put(("a", "x/y"), "1"), 'a:\n  c: 1\n  x/y: "1"\n', id="key with a slash"),
        pytest.param("a:\n  c: 1\n", Put(("a", "true"), 1), 'a:\n  c: 1\n  "true": 1\n', id="key in quotes"),
        pytest.param("a:\n  c: 1", Put(("a", "b"), 1), "a:\n  c: 1\n  b: 1", id="no line break at the end"),
        pytest.param("a: 1\n'b': 2\n", Rename(("b",), "c.d/e"), "a: 1\n'c.d/e': 2\n", id="key with its quotes"),
        pytest.param("a: {b: 1, c: 2}\n", Rename(("a", "b"), "d"), "a: {d: 1, c: 2}\n", id="key in braces"),
        pytest.param("a: 1 # gone\n# stays\nb: 2\n", Remove(("a",)), "# stays\nb: 2\n", id="entry with its comment"),
        pytest.param("b: 2\na:\n  c: |\n    x\n", Remove(("a",)), "b: 2\n", id="last entry"),
        pytest.param("b: 2\na: 1", Remove(("a",)), "b: 2", id="last line"),
        pytest.param("a: {b: 1, c: 2, d: 3}\n", Remove(("a", "c")), "a: {b: 1, d: 3}\n", id="entry in braces"),
        pytest.param("a: {b: 1, c: 2}\n", Remove(("a", "c")), "a: {b: 1}\n", id="last entry in braces"),
        pytest.param("b: 1\na: [x]\n", Remove(("a", 0)), "b: 1\n", id="list that would be empty"),
        pytest.param("a:\n- x: 1\n  y: 2\n", Remove(("a", 0, "x")), "a:\n- y: 2\n", id="first entry of an item"),
        pytest.param("a:\n- x: 1\n- y: 2 # two\n", Remove(("a", 1)), "a:\n- x: 1\n", id="item"),
        pytest.param("a:\n- - x\n  - y\n", Remove(("a", 0, 1)), "a:\n- - x\n", id="item of an item"),
        pytest.param("a:\n- - x\n  - y\n", Remove(("a", 0, 0)), "a:\n- - y\n", id="first item of an item"),
        pytest.param("a: 1\na: 2\n", Put(("a",), 3), "a: 1\na: 3\n", id="the key that counts"),
    ],
)
def test_edits(before: str, change: Change, after: str) -> None:
    assert edited(before, change) == after


@pytest.mark.parametrize(
    ("text", "change", "why"),
    [
        ("a: &x {b: 1}\nc: *x\n", Put(("a", "b"), 2), "share"),
        ("a: &x {b: 1}\nc: *x\n", Put(("c", "b"), 2), "share"),
        ("a: &x {b: 1}\nc: {<<: *x}\n", Put(("a", "b"), 2), "share"),
        ("a: &x {b: {d: 1}}\nc: {<<: *x}\n", Put(("c", "b", "d"), 2), "merge key"),
        ("a: &x {b: 1}\nc: {<<: *x}\n", Rename(("c", "b"), "d"), "not written out"),
        ("a: &x 1\n", Put(("a",), 2), "anchor"),
        ("a: !!str 1\n", Put(("a",), 2), "tag"),
        ("a: |\n  x\n", Put(("a",), "y"), "more than a word"),
        ("a: x\n  y\n", Put(("a",), "y"), "more than a word"),
        ("a: [1]\n", Put(("a",), "y"), "more than a word"),
        ("a: x\n", Put(("a", "b"), 1), "no mapping"),
        ("a: [1]\n", Put(("a", "b"), 1), "no mapping"),
        ("a: 1\nb: 2\n", Rename(("a",), "b"), "cannot be renamed"),
        ("a: {b: 1, # why\n  c: 2}\n", Remove(("a", "b")), "comment"),
    ],
)
def test_what_is_refused(text: str, change: Change, why: str) -> None:
    assert why in edited(text, change)


def test_json_stays_json() -> None:
    text = json.dumps({"apiVersion": "v1", "kind": "Pod", "spec": {"a": 1, "none": {}}, "list": [{"b": "x"}]}, indent=4)
    changes = (Put(("spec", "c", "d"), True), Put(("list", 0, "b"), "y"), Put(("spec", "none", "e"), "1"))
    after = edited(text, *changes, file="a.json", head="")
    assert json.loads(after) == patched(json.loads(text), changes)
    assert after == text.replace('"none": {}', '"none": {"e": "1"},\n        "c": {"d": true}').replace('"x"', '"y"')


def test_braces_that_are_not_json_stay_so() -> None:
    text = "{apiVersion: v1, kind: Pod, spec: {a: x}}\n"
    assert edited(text, Put(("spec", "b"), "z"), head="") == "{apiVersion: v1, kind: Pod, spec: {a: x, b: z}}\n"


def test_changes_of_a_value() -> None:
    value = {"a": {"b": [1, 2]}, "c": {"d": 1}}
    assert patched(value, [Remove(("a", "b", 0)), Rename(("c", "d"), "e"), Put(("f", "g"), 1)]) == {
        "a": {"b": [2]},
        "c": {"e": 1},
        "f": {"g": 1},
    }
    assert patched(value, [Remove(("c", "d"))]) == {"a": {"b": [1, 2]}}
    assert value == {"a": {"b": [1, 2]}, "c": {"d": 1}}
    for change in (Remove(("x",)), Remove(("a", "b", 5)), Rename(("a", "b", 0), "x"), Rename(("a",), "c"), Put(("a", "b", "c"), 1)):
        with pytest.raises(Misfit):
            patched(value, [change])
