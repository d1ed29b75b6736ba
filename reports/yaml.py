"""The report as YAML: the same fields as JSON."""

from __future__ import annotations

from typing import Any

import yaml

from auditor.report import Report, View

from .json import fields

__all__ = ["dump", "render"]


def render(report: Report, view: View) -> str:
    """The report as YAML in block style."""
    return dump(fields(report))


def dump(value: Any) -> str:
    """Plain data as YAML in block style."""
    shape: dict[str, Any] = {"sort_keys": False, "allow_unicode": True, "width": 120}
    try:
        text: str = yaml.dump(value, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), **shape)
    except UnicodeEncodeError:  # a file name that is no text: the fast writer wants UTF-8, the other one writes an escape
        text = yaml.dump(value, Dumper=yaml.SafeDumper, **shape)
    return text
