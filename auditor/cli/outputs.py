"""Where reports are written, and in which formats: ``-f table -f sarif=report.sarif``, several at once."""

from __future__ import annotations

import functools
import io
import os
import re
import secrets
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from auditor.cli.streams import to_standard_output
from auditor.errors import AuditError, UsageError
from auditor.registry import format_names, suggestion

__all__ = ["FormatOption", "Output", "planned", "write", "write_all"]

_COMMAND = re.compile(r"^\s*::|##\[", re.MULTILINE)
_FILE = click.Path(dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class Output:
    """One report to write.

    Attributes:
        format: its name.
        file: where it goes; None for standard output.
    """

    format: str
    file: Path | None = None


class FormatOption(click.ParamType):  # type: ignore[type-arg]  # generic in new versions of click only
    """``NAME`` or ``NAME=FILE``."""

    name = "format"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Output:
        """The format, which must be one there is, and its file."""
        if isinstance(value, Output):
            return value
        name, equals, file = str(value).partition("=")
        known = format_names()
        if name not in known:
            raise UsageError(f"there is no format {name!r}", suggestion(name, known) or f"formats are {', '.join(known)}")
        if equals and not file:
            raise UsageError(f"-f {value} names no file", f"write it like {name}=report, or without the `=`")
        return Output(name, _FILE.convert(file, param, ctx) if equals else None)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Names of formats."""
        return [CompletionItem(name) for name in format_names() if name.startswith(incomplete)]


def planned(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command that is told its ``outputs``, once it is clear that each has a place of its own."""

    @functools.wraps(command)
    def run(*arguments: Any, **given: Any) -> Any:
        return command(*arguments, **given, outputs=_plan(given["format"], given["output"]))

    return run


def _plan(formats: Iterable[Output], file: Path | None) -> tuple[Output, ...]:
    """What is to be written, where.

    Args:
        formats: as given; one of them may name no file.
        file: where that one goes; None for standard output.

    Raises:
        UsageError: two would be written to one place, or there is nothing to write to ``file``.
    """
    formats = list(formats)
    bare = [one.format for one in formats if one.file is None]
    if len(bare) > 1:
        raise UsageError(f"the formats {' and '.join(bare)} go to one place", f"write it like -f {bare[0]} -f {bare[1]}=FILE")
    if file is not None and not bare:
        raise UsageError(f"every format has a file, and none is left to write to {file}", "leave -o out, or name a format without `=FILE`")
    outputs = tuple(Output(one.format, one.file or file) for one in formats)
    places: dict[str, Output] = {}
    for one in outputs:
        if one.file is None or str(one.file) == os.devnull:
            continue
        other = places.setdefault(os.path.realpath(one.file), one)
        if other is not one:
            raise UsageError(f"the formats {other.format} and {one.format} go to one file, {one.file}", "give each a file of its own")
    return outputs


def write_all(outputs: Iterable[Output], render: Callable[[Output], str]) -> None:
    """Write every report: files first, for who reads standard output may go away.

    Raises:
        AuditError: files cannot be written; the others are.
    """
    errors: list[AuditError] = []
    for one in sorted(outputs, key=lambda one: one.file is None):
        try:
            text = render(one)
            write(text if one.file or one.format == "github" else _obeyed_by_nobody(text), one.file)
        except AuditError as error:
            errors.append(error)
    if errors:
        raise AuditError("; ".join(error.message for error in errors), errors[0].remedy)


def write(text: str, file: Path | None) -> None:
    """Write a text to a file, or to standard output.

    Raises:
        AuditError: it cannot be written.
    """
    if file is None:
        if isinstance(sys.stdout, io.TextIOWrapper):  # a file name need not be UTF-8, and a terminal need not know an arrow
            sys.stdout.reconfigure(errors="backslashreplace")
        with to_standard_output():
            sys.stdout.write(text)
            sys.stdout.flush()
        return
    try:
        with file.open("a" if _shared(file) else "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(text)
    except OSError as error:
        raise AuditError(f"cannot write {file}: {error.strerror}", "name another file") from None


def _obeyed_by_nobody(text: str) -> str:
    """A report in the log of GitHub Actions, whose runner obeys lines of it that look like commands: names in manifests may.

    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#stopping-and-starting-workflow-commands
    """
    if os.environ.get("GITHUB_ACTIONS") != "true" or not _COMMAND.search(text):
        return text
    token = secrets.token_hex(16)
    return f"::stop-commands::{token}\n{text}\n::{token}::\n"


def _shared(file: Path) -> bool:
    """Whether others write to a file too: what all commands of a step of GitHub Actions say of it.

    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#adding-a-job-summary
    """
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    return bool(summary) and os.path.realpath(file) == os.path.realpath(str(summary))
