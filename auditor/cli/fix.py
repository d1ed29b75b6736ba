"""``mlaudit fix``: mend manifests where that takes no decision."""

from __future__ import annotations

import re
import sys
from typing import Any

import click

from auditor.cli import asked, options
from auditor.cli.outputs import write
from auditor.cli.own import known_rules
from auditor.cli.streams import to_standard_output
from auditor.errors import AuditError, UsageError
from auditor.fix import Fixes, fix
from auditor.fix.files import store
from auditor.processes import without_collector
from auditor.report import printable
from auditor.source import Reading, read_contents, read_paths
from auditor.source.files import MAX_BYTES, STDIN

__all__ = ["command"]

_LINES = re.compile(r"[^\n\t]+")


@click.command("fix")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--write/--diff", default=False, help="Change the files, or print what would change (the default).")
@options.choice
@click.option("-q", "--quiet", is_flag=True, help="Only what changes and one closing line.")
def command(paths: tuple[str, ...], **given: Any) -> int:
    """Mend what has one right answer in the manifests under each PATH: files, directories (recursively), or - for standard input.

    Everything else in a file stays as it is, byte for byte: comments, order, quotes, anchors, line ends. What was mended is judged
    again; a change that would not help, or bring out something new, is not made. Templates, links and suppressed findings are left
    alone. Exit codes: 1 if something that has a fix still stands in the files, 3 if something could not be read.

    \b
    Examples:
      mlaudit fix ./k8s                      print the changes as a diff
      mlaudit fix ./k8s | patch -p0          the same, applied by hand
      mlaudit fix --write ./k8s
      mlaudit fix --write - < job.yaml       print the mended text
    """
    settings = asked.settings(given, paths)
    content = _stdin(paths) if "-" in paths else None
    with without_collector():
        if content is None:
            with options.progress("reading", quiet=given["quiet"]) as progress:
                reading = read_paths(paths, jobs=settings.jobs, progress=progress, exclude=settings.exclude)
        else:
            reading = read_contents([(STDIN, content)])
        if not reading.documents and not reading.unread:
            raise UsageError("there is no Kubernetes object in what was given", "give a path with manifests")
        fixes = fix(reading, settings, known_rules(settings.own_rules), stdin=content)
    if content is not None and given["write"]:
        _put(fixes.files[STDIN].after if STDIN in fixes.files else content)
    elif given["write"]:
        _write(fixes)
    else:
        _print("".join(mended.diff(file) for file, mended in fixes.files.items()))
    _tell(fixes, reading, given)
    if reading.unread or fixes.outcome.failures:
        return 3
    return 1 if fixes.not_fixed or (fixes.fixed and not given["write"]) else 0


def _stdin(paths: tuple[str, ...]) -> bytes:
    if len(paths) > 1:
        raise UsageError("standard input is mended alone", "leave out the other paths")
    return sys.stdin.buffer.read(MAX_BYTES + 1)


def _write(fixes: Fixes) -> None:
    """Write all files that can be written.

    Raises:
        AuditError: some cannot.
    """
    errors: list[AuditError] = []
    for file, mended in fixes.files.items():
        try:
            store(file, mended.before, mended.after)
        except AuditError as error:
            errors.append(error)
    if errors:
        raise AuditError("; ".join(error.message for error in errors), errors[0].remedy)


def _print(diff: str) -> None:
    """Print a diff: to a terminal with escapes for what it would obey or hide, else byte for byte, so that it can be applied."""
    if sys.stdout.isatty():
        write(_LINES.sub(lambda match: printable(match[0]), diff), None)
    else:
        _put(diff.encode("utf-8", "surrogatepass"))


def _put(content: bytes) -> None:
    """Write to standard output byte for byte.

    Raises:
        AuditError: it cannot be written to.
    """
    with to_standard_output():
        sys.stdout.buffer.write(content)
        sys.stdout.flush()


def _tell(fixes: Fixes, reading: Reading, given: dict[str, Any]) -> None:
    """Say on standard error what was done, and what was not."""
    write = given["write"]
    if not given["quiet"]:
        for finding in fixes.fixed if write else ():
            click.echo(f"{printable(finding.file)}:{finding.line}: {finding.rule} fixed", err=True)
        for entry in fixes.not_fixed:
            finding = entry.finding
            click.echo(f"{printable(finding.file)}:{finding.line}: {finding.rule} not fixed: {printable(entry.why)}", err=True)
        for item in reading.unread:
            click.echo(f"{printable(item.file)}:{item.line}: {printable(item.reason)}", err=True)
        for failure in fixes.outcome.failures:
            click.echo(f"{printable(failure.file)}:{failure.line}: the rule {failure.rule} failed: {printable(failure.error)}", err=True)
    files = len(fixes.files)
    parts = [f"{len(fixes.fixed)} {'fixed' if write else 'can be fixed'} in {files} {'file' if files == 1 else 'files'}"]
    if fixes.not_fixed:
        parts.append(f"{len(fixes.not_fixed)} not fixed")
    if reading.unread:
        parts.append(f"{len(reading.unread)} {'input' if len(reading.unread) == 1 else 'inputs'} not read")
    hint = "; --write changes the files" if fixes.fixed and not write else ""
    click.echo(", ".join(parts) + hint, err=True)
