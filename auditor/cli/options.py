"""Options that commands share; what those about rules mean is in `auditor.cli.asked`."""

from __future__ import annotations

import contextlib
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from auditor.cli import configured
from auditor.cli.outputs import FormatOption, planned
from auditor.cli.own import rules_option
from auditor.errors import UsageError
from auditor.finding import Confidence, Severity
from auditor.registry import format_names, load_rules
from auditor.report import View
from auditor.rule import Profile
from auditor.snapshot import DEFAULT_KUBERNETES_VERSION

__all__ = ["baseline", "choice", "complete_rule", "output", "progress", "seconds", "selection", "stack", "view"]

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SEVERITIES = [str(severity) for severity in sorted(Severity, reverse=True)]
_CONFIDENCES = [str(confidence) for confidence in sorted(Confidence, reverse=True)]
_NARROWEST, _WIDEST = 80, 200


def complete_rule(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Rule names for the shell."""
    return [CompletionItem(name, help=rule.title) for name, rule in load_rules().items() if name.startswith(incomplete)]


def stack(*decorators: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Decorator:
    """Several decorators as one, the first outermost."""

    def apply(function: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


# What becomes a finding.
choice = stack(
    configured.config_options,
    click.option(
        "--profile", type=click.Choice([str(p) for p in Profile]), default="recommended", show_default=True, help="The set of rules to ask."
    ),
    click.option(
        "--rule",
        "rules",
        multiple=True,
        metavar="RULE",
        shell_complete=complete_rule,
        help="Ask only this rule, whatever the profile; repeatable.",
    ),
    rules_option,
    click.option(
        "--exclude-rule",
        "exclude_rules",
        multiple=True,
        metavar="RULE",
        shell_complete=complete_rule,
        help="Leave this rule out; repeatable.",
    ),
    click.option(
        "--tag",
        "tags",
        multiple=True,
        metavar="TAG",
        help="Ask only rules with this tag or topic (llm-serving, multi-tenant, gpu …), of every profile.",
    ),
    click.option("--option", "rule_options", multiple=True, metavar="RULE.NAME=VALUE", help="Set an option of a rule; repeatable."),
    click.option(
        "--min-severity", type=click.Choice(_SEVERITIES), default="info", show_default=True, help="Leave out less severe findings."
    ),
    click.option(
        "--min-confidence", type=click.Choice(_CONFIDENCES), default="low", show_default=True, help="Leave out less certain findings."
    ),
    click.option("--complete", is_flag=True, help="Nothing is missing: report objects that are not in view as absent."),
    click.option(
        "--kubernetes-version",
        metavar="X.Y",
        default=".".join(map(str, DEFAULT_KUBERNETES_VERSION)),
        show_default=True,
        help="The cluster's version.",
    ),
)

# What becomes a finding, and when findings make the run fail.
selection = stack(
    choice,
    click.option(
        "--fail-on",
        type=click.Choice([*_SEVERITIES, "never"]),
        default="high",
        show_default=True,
        help="Exit with 1 when a finding is at least that severe.",
    ),
    click.option("--exit-zero", is_flag=True, help="Exit with 0 in spite of findings; errors keep their codes."),
)

baseline = click.option(
    "--baseline",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Report only what is not in FILE, as `mlaudit baseline` wrote it.",
)

output = stack(
    click.option(
        "-f",
        "--format",
        type=FormatOption(),
        multiple=True,
        default=("table",),
        show_default=True,
        metavar="NAME[=FILE]",
        help=f"How to write the report, and to which file; repeatable: {', '.join(format_names())}.",
    ),
    click.option(
        "-o",
        "--output",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Write the report whose format names no file to FILE.",
    ),
    click.option(
        "--group-by",
        type=click.Choice(["file", "object", "rule", "severity"]),
        default="file",
        show_default=True,
        help="How the table is grouped.",
    ),
    click.option(
        "--color", "colour", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True, help="Colours in the table."
    ),
    click.option("-q", "--quiet", is_flag=True, help="Only what needs attention, and one closing line."),
    click.option("-v", "--verbose", is_flag=True, help="Also name every input and rule that was not judged, and why."),
    planned,
)


def seconds(given: dict[str, Any], option: str) -> int:
    """The value of an option that is a duration: 90, 90s, 5m, 24h, 7d or 4w.

    Args:
        given: the options.
        option: its name, without the dashes in front.

    Raises:
        UsageError: it is none.
    """
    text = given[option.replace("-", "_")]
    match = re.fullmatch(r"(\d{1,6})([smhdw])?", text)
    if match is None or int(match[1]) == 0:
        raise UsageError(f"--{option} {text!r} is no time", "write it like 90s, 5m, 24h, 7d or 4w")
    return int(match[1]) * _UNITS[match[2] or "s"]


def view(given: dict[str, Any], file: Path | None = None) -> View:
    """How a report is shown that goes to a file, or to standard output: as wide as the terminal, in colour only there."""
    terminal = file is None and sys.stdout.isatty()
    width = shutil.get_terminal_size((100, 24)).columns
    return View(
        width=min(max(width, _NARROWEST), _WIDEST),
        colour=given["colour"] == "always" or (given["colour"] == "auto" and terminal),
        group_by=given["group_by"],
        quiet=given["quiet"],
        verbose=given["verbose"],
    )


@contextlib.contextmanager
def progress(label: str, *, quiet: bool, long: int = 300) -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar on standard error, for long work on a terminal only.

    Args:
        label: what is being done.
        quiet: no bar at all.
        long: work of more steps than these is long.
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    bar: Any = None

    def show(done: int, total: int) -> None:
        nonlocal bar
        if bar is None and total > long:
            bar = click.progressbar(length=total, label=label, file=sys.stderr)
            bar.__enter__()
        if bar is not None:
            bar.update(done - bar.pos)

    try:
        yield show
    finally:
        if bar is not None:
            bar.__exit__(None, None, None)
