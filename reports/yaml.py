"""The report as YAML: the same fields as JSON."""

from __future__ import annotations

from typing import Any

import yaml

from auditor.report import Report, View

from .json import OBEYED, fields

__all__ = ["dump", "render"]


def render(report: Report, view: View) -> str:
    """The report as YAML in block style."""
    return dump(fields(report))


def dump(value: Any) -> str:
    """Plain data as YAML in block style."""
    text = _dumped(value, unicode=True)
    return _dumped(value, unicode=False) if OBEYED.search(text) else text


def _dumped(value: Any, *, unicode: bool) -> str:
    """With characters beyond ASCII as they are, or as escapes."""
    shape: dict[str, Any] = {"sort_keys": False, "allow_unicode": unicode, "width": 120}
    try:
        text: str = yaml.dump(value, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), **shape)
    except UnicodeEncodeError:  # a file name that is no text: the fast writer wants UTF-8, the other one writes an escape
        text = yaml.dump(value, Dumper=yaml.SafeDumper, **shape)
    return text
