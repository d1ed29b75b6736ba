"""Documents mean what they mean to kubectl (`test_scalars.py` has the scalars). Executed on a real API server, v1.36.3, on 2026-11-24."""

from __future__ import annotations

from auditor.document import Document
from auditor.source.builder import build
from auditor.source.text import read_text


def test_keys_are_strings() -> None:
    assert build("y: 2\nno: 3\n1: a\n'on': b\n").value == {"true": 2, "false": 3, "1": "a", "on": "b"}


def test_merge_keys() -> None:
    text = "base: &base {a: 1, b: 2}\nmine:\n  <<: *base\n  b: 3\n"
    assert build(text).value["mine"] == {"a": 1, "b": 3}


def test_the_last_of_equal_keys_wins_and_both_lines_are_known() -> None:
    (document,) = read_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a: x\n  b: q\n  a: z\n", "f.yaml")
    assert isinstance(document, Document)
    assert document.raw["data"] == {"a": "z", "b": "q"}
    assert [(twice.path, twice.first_line, twice.line) for twice in document.duplicates] == [(("data", "a"), 5, 7)]
    assert document.location(("data", "b")).line == 6
    assert document.location(("data", "a")).line == 7


def test_an_empty_document_between_separators_is_skipped() -> None:
    one = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
    items = read_text(f"{one}---\n---\n# nothing\n---\n{one}", "f.yaml")
    assert [(type(item), item.line) for item in items] == [(Document, 1), (Document, 8)]
