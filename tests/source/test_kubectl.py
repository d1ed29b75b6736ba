"""YAML means what it means to kubectl. Each row was executed on a real API server, v1.36.3, on 2026-11-24."""

from __future__ import annotations

import pytest

from auditor.document import Document
from auditor.source.builder import BrokenYaml, build
from auditor.source.text import read_text

VALUES = [
    *[(text, True) for text in ("y", "Y", "yes", "Yes", "on", "On", "true", "True")],
    *[(text, False) for text in ("n", "N", "no", "No", "off", "Off", "false", "False")],
    ("010", 8),
    ("0o10", 8),
    ("08", 8),
    ("0x1F", 31),
    ("0b11", 3),
    ("1_000", 1000),
    ("1e3", 1000),
    ("+1", 1),
    (".5", 0.5),
    ("~", None),
    ("Null", None),
    ("", None),
    ("1:30", "1:30"),
    ("12:30:45", "12:30:45"),
    ("2001-01-01", "2001-01-01"),
    ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"),
    ("=", "="),
    ("2e", "2e"),
    ("!!str 1", "1"),
    ('"1"', "1"),
    ("'no'", "no"),
]


@pytest.mark.parametrize(("text", "value"), VALUES, ids=[text or "empty" for text, _ in VALUES])
def test_plain_scalars(text: str, value: object) -> None:
    found = build(f"a: {text}\n").value["a"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", [".inf", "-.inf", ".Inf", ".nan", ".NaN"])
def test_what_json_does_not_have_is_an_error(text: str) -> None:
    with pytest.raises(BrokenYaml) as broken:
        build(f"a:\n  b: {text}\n")
    assert (broken.value.line, broken.value.column) == (1, 5)


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
