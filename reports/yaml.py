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
    text: str = yaml.dump(value, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False, allow_unicode=True, width=120)
    return text
