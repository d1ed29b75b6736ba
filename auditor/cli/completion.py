"""``mlaudit completion``: print the completion script of a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from auditor.errors import UsageError

__all__ = ["command"]


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print the script that completes commands, options and rule names in SHELL.

    \b
      bash:  eval "$(mlaudit completion bash)"     in ~/.bashrc
      zsh:   eval "$(mlaudit completion zsh)"      in ~/.zshrc
      fish:  mlaudit completion fish > ~/.config/fish/completions/mlaudit.fish
    """
    from auditor.cli import cli  # the group that this command belongs to

    found = get_completion_class(shell)
    if found is None:
        raise UsageError(f"no completion for {shell}")
    click.echo(found(cli, {}, "mlaudit", "_MLAUDIT_COMPLETE").source())
    return 0
