"""Options that commands share, and what they mean."""

from __future__ import annotations

import contextlib
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from auditor.cli import configured
from auditor.cli.outputs import FormatOption, planned
from auditor.cli.own import known_rules, rules_option
from auditor.config import Settings
from auditor.config.effective import Effective, Flags
from auditor.errors import ConfigError, UsageError
from auditor.finding import Confidence, Severity
from auditor.registry import format_names, load_rules, rule_named, suggestion
from auditor.report import View
from auditor.rule import Profile, Rule
from auditor.snapshot import DEFAULT_KUBERNETES_VERSION

__all__ = ["baseline", "choice", "complete_rule", "effective", "output", "progress", "seconds", "selection", "settings", "stack", "view"]

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


def settings(given: dict[str, Any], paths: Iterable[str] = ()) -> Settings:
    """The settings that the selection options and the configuration stand for; see `effective`."""
    return effective(given, paths).settings


def effective(given: dict[str, Any], paths: Iterable[str] = ()) -> Effective:
    """What a run is asked to do by the selection options and the configuration, and where each value comes from.

    Args:
        given: the options.
        paths: where the configuration is looked for; none for the current directory.

    Raises:
        UsageError: a rule, tag or version that does not exist.
        ConfigError: an option that its rule does not have, a value of the wrong type, or a configuration that cannot be meant.
    """
    file, own = configured.opened(given, paths)
    known = known_rules(own)
    for name in (*given["rules"], *given["exclude_rules"]):
        rule_named(name, known)
    known_tags = {tag for rule in known.values() for tag in (*rule.tags, rule.topic)}
    for tag in given["tags"]:
        if tag not in known_tags:
            raise UsageError(f"there is no tag {tag!r}", suggestion(tag, known_tags) or f"tags are {', '.join(sorted(known_tags))}")
    values = configured.given_values(given, *_KEYS)
    if "kubernetes_version" in values:
        values["kubernetes_version"] = _version(given["kubernetes_version"])
    flags = Flags(
        values,
        frozenset(given["rules"]),
        frozenset(given["exclude_rules"]),
        frozenset(given["tags"]),
        _rule_options(given["rule_options"], known),
    )
    return configured.settled(file, flags, paths, own)


# Options that are keys of the configuration, too.
_KEYS = ("profile", "fail_on", "min_severity", "min_confidence", "complete", "kubernetes_version", "owner_labels")


def _version(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"v?(\d+)\.(\d+)(?:\.\d+)?", text)
    if match is None:
        raise UsageError(f"{text!r} is no Kubernetes version", "write it like 1.33")
    return int(match[1]), int(match[2])


def _rule_options(given: tuple[str, ...], known: Mapping[str, Rule]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for text in given:
        match = re.fullmatch(r"([\w-]+)\.(\w+)=(.*)", text)
        if match is None:
            raise UsageError(f"{text!r} is no option of a rule", "write it like liveness-kills-loading-model.min_startup_seconds=300")
        rule, name = rule_named(match[1], known), match[2]
        if name not in rule.options:
            raise ConfigError(
                f"the rule {rule.name} has no option {name!r}",
                suggestion(name, rule.options) or f"it has {', '.join(rule.options) or 'none'}",
            )
        found.setdefault(rule.name, {})[name] = _value(rule.options[name], match[3], text)
    return found


def _value(default: Any, text: str, given: str) -> Any:
    """A value of the type of the option's default."""
    if isinstance(default, bool):
        if text.lower() not in ("true", "false"):
            raise ConfigError(f"{given!r} needs true or false")
        return text.lower() == "true"
    if isinstance(default, int):
        if not re.fullmatch(r"-?\d+", text):
            raise ConfigError(f"{given!r} needs a whole number")
        return int(text)
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text


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
