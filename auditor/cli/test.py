"""``mlaudit test``: execute the examples of own rules."""

from __future__ import annotations

from pathlib import Path

import click

from auditor.errors import UsageError
from auditor.registry import suggestion

__all__ = ["command"]


@click.command("test")
@click.argument("paths", nargs=-1, required=True, metavar="RULES...", type=click.Path(path_type=Path))
@click.option("--rule", "names", multiple=True, metavar="RULE", help="Only the examples of this rule; repeatable.")
def command(paths: tuple[Path, ...], names: tuple[str, ...]) -> int:
    """Execute the examples of your own rules in RULES: files, or folders of them.

    Each bad example must yield findings on exactly the lines that end with `# finding`, each good one none; a rule needs both. Exits with
    1 when an example fails, and with 2 when a rule cannot be read.
    """
    from auditor.custom import load_own  # the evaluator takes 20 ms that other commands need not wait for
    from auditor.custom.examples import test

    found = {own.rule.name: own for own in load_own(paths)}
    for name in names:
        if name not in found:
            raise UsageError(f"there is no rule {name!r} in {', '.join(map(str, paths))}", suggestion(name, found))
    tested = [test(own) for name, own in found.items() if not names or name in names]
    failures = [failure for one in tested for failure in one.failures]
    for failure in failures:
        click.echo(failure)
    rules, examples = len(tested), sum(one.examples for one in tested)
    broken = sum(bool(one.failures) for one in tested)
    click.echo(
        f"{rules} {_several('rule', rules)}, {examples} {_several('example', examples)}: " + (f"{broken} fail" if broken else "all pass")
    )
    return 1 if failures else 0


def _several(word: str, number: int) -> str:
    return word if number == 1 else f"{word}s"
