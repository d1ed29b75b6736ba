"""The command line: arguments to settings to exit code. Commands are imported when they are asked for, so that each starts fast.

Exit codes, the same for every command and format: 0 clean; 1 findings at or above ``--fail-on``; 2 bad usage or no input; 3 incomplete.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback

import click

from auditor import __version__
from auditor.cli import streams
from auditor.errors import AuditError

__all__ = ["main"]

_COMMANDS = {
    "scan": "judge manifests in files, directories or standard input",
    "cluster": "judge what a live cluster holds",
    "baseline": "remember what is found, so that only what is new blocks",
    "cost": "say what accelerators cost, and what stands idle",
    "fix": "mend manifests where that takes no decision",
    "report": "write a stored report again, in any format",
    "snapshot": "store what a live cluster holds",
    "rules": "list the rules",
    "config": "print the configuration in effect, and where each value comes from",
    "prices": "list what accelerators cost, and how old the prices are",
    "test": "execute the examples of your own rules",
    "explain": "print the manual page of a rule",
    "completion": "print the shell completion script",
}

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class _Commands(click.Group):
    """Commands by name; their modules are imported only when they are run, and their help lines are known without."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"auditor.cli.{cmd_name}").command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            hint = f"did you mean `mlaudit scan {args[0]}`?" if os.path.exists(args[0]) else f"commands are {', '.join(_COMMANDS)}"  # noqa: PTH110 - see auditor/__init__.py
            raise click.UsageError(f"there is no command {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Commands, context_settings=CONTEXT)
@click.version_option(__version__, prog_name="mlaudit", message="%(prog)s %(version)s")
def cli() -> None:
    """Audit machine-learning workloads on Kubernetes: what is unsafe, what will not run, and which GPUs burn money for nothing.

    \b
    Start with:
      mlaudit scan ./k8s
      mlaudit cluster
    """


def main(arguments: list[str] | None = None) -> None:
    """The ``mlaudit`` command. Exits with one of the codes above; an error is one line on standard error, never a traceback."""
    streams.open_closed()
    try:
        code = cli.main(args=arguments, prog_name="mlaudit", standalone_mode=False)
    except AuditError as error:
        click.echo(f"mlaudit: {error}", err=True)
        code = error.exit_code
    except click.UsageError as error:
        error.show()
        code = 2
    except click.ClickException as error:
        click.echo(f"mlaudit: {error.format_message()}", err=True)
        code = 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("mlaudit: interrupted", err=True)
        code = 130
    except BrokenPipeError:  # the reader of our output went away, as `head` does: nothing is wrong
        streams.unheard()
        code = 0
    except Exception as error:  # noqa: BLE001 - Python would exit with 1, which says that there are findings
        click.echo(f"mlaudit: {_mistake(error)}", err=True)
        if isinstance(error, OSError):
            streams.unheard()
        code = AuditError.exit_code
    sys.exit(code)


def _mistake(error: Exception) -> str:
    """What nobody has foreseen, in a line, with what is needed to find it."""
    if isinstance(error, OSError) and error.filename is None:
        return f"cannot write to standard output: {error.strerror}"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    text = " ".join(f"{type(error).__name__}: {error}".split())[:500]
    return f"a mistake in mlaudit itself, please report it: {text} ({os.path.basename(frame.filename)}:{frame.lineno})"  # noqa: PTH119 - see above
