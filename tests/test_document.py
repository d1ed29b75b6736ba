"""Paths through values: met step by step, printed, and read again."""

from __future__ import annotations

from typing import Any

import pytest

from auditor.document import Path, along, format_path, parse_path

VALUE: dict[str, Any] = {"a": [{"b": 1}, None], "c.d": {"e": "f"}}


@pytest.mark.parametrize(
    ("path", "met"),
    [
        ((), [VALUE]),
        (("a", 0, "b"), [VALUE, VALUE["a"], {"b": 1}, 1]),
        (("a", 1, "b"), [VALUE, VALUE["a"], None, None]),
        (("a", 2), [VALUE, VALUE["a"], None]),
        (("a", -1), [VALUE, VALUE["a"], None]),
        (("a", "0"), [VALUE, VALUE["a"], None]),
        (("c.d", "e", "f", 0), [VALUE, {"e": "f"}, "f", None, None]),
    ],
)
def test_along(path: Path, met: list[Any]) -> None:
    assert along(VALUE, path) == met


@pytest.mark.parametrize(("path", "text"), [(("a", 0, "b"), "a[0].b"), (("c.d", "e"), '["c.d"].e'), ((), "")])
def test_paths_are_printed_and_read_again(path: Path, text: str) -> None:
    assert format_path(path) == text
    assert parse_path(text) == path
