"""Files as a pipeline's own views look for them: from the root of its checkout, wherever in it the command was started.

Sources: https://docs.github.com/en/actions/reference/workflows-and-actions/variables#default-environment-variables (``GITHUB_WORKSPACE``)
https://docs.gitlab.com/ci/variables/predefined_variables (``CI_PROJECT_DIR``)
"""

# ruff: noqa: PTH100, PTH117, PTH118
# paths are text here, as they are in auditor.source

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

from auditor.report import Report
from auditor.source.files import STDIN

__all__ = ["FORMATS", "from_its_root"]

FORMATS = frozenset({"checkstyle", "github", "gitlab", "junit", "sarif"})  # what shows findings beside the lines of a checkout
_ROOTS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")


def from_its_root(report: Report) -> Report:
    """The report with the files of a checkout named from its root; as it is outside of a pipeline, or started there."""
    root = next((os.path.realpath(os.environ[name]) for name in _ROOTS if os.path.isabs(os.environ.get(name, ""))), "")
    if not root or report.cluster is not None:
        return report
    name = _names(root)
    return replace(
        report,
        findings=tuple(replace(finding, file=name(finding.file)) for finding in report.findings),
        suppressed=tuple(replace(one, finding=replace(one.finding, file=name(one.finding.file))) for one in report.suppressed),
        failures=tuple(replace(failure, file=name(failure.file)) for failure in report.failures),
        unread=tuple(replace(one, file=name(one.file)) for one in report.unread),
    )


def _names(root: str) -> Callable[[str], str]:
    known: dict[str, str] = {"": "", STDIN: STDIN}

    def name(file: str) -> str:
        if file not in known:
            full = os.path.abspath(file)
            known[file] = os.path.relpath(full, root) if full.startswith(os.path.join(root, "")) else file
        return known[file]

    return name
