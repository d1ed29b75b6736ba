"""``mlaudit report``: write a stored report again, in any format."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import click

from auditor.cli import judging, options
from auditor.errors import UsageError
from auditor.finding import Severity
from auditor.stored import LARGEST, load

__all__ = ["command"]

_LEVELS = {**{str(severity): severity for severity in sorted(Severity, reverse=True)}, "never": None}


@click.command("report")
@click.argument("file", metavar="FILE")
@click.option(
    "--fail-on", type=click.Choice(list(_LEVELS)), help="Exit with 1 when a finding is at least that severe, instead of as the run said."
)
@click.option("--exit-zero", is_flag=True, help="Exit with 0 in spite of findings; errors keep their codes.")
@options.output
def command(file: str, **given: Any) -> int:
    """Write a report again that was stored as JSON, in any format: the same bytes that the run itself would have written.

    FILE is what `scan`, `cluster` or `cost` wrote with -f json; - is standard input. Nothing is judged, read or asked anew.

    \b
    Examples:
      mlaudit scan -f json -o report.json ./k8s
      mlaudit report report.json -f html -o report.html
      mlaudit report report.json --fail-on critical
    """
    report = load(_read(file), "standard input" if file == "-" else file)
    if given["fail_on"]:
        report = dataclasses.replace(report, fail_on=_LEVELS[given["fail_on"]])
    judging.write(report, given)
    return judging.exit_code(report, given)


def _read(file: str) -> bytes:
    """What is in it; of what is too large, only so much that this can be told."""
    if file == "-":
        if sys.stdin is None:
            raise UsageError("standard input is closed", "pipe a report into the command")
        return sys.stdin.buffer.read(LARGEST + 1)
    try:
        with Path(file).open("rb") as opened:
            return opened.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}", "give a file that was written with -f json") from None
