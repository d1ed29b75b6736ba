"""The printed parts of the documentation are up to date."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from auditor.cli import cli
from auditor.config.file import Found, read
from auditor.registry import load_rules
from tests import regenerate


def test_pages_of_the_rules_are_up_to_date() -> None:
    assert regenerate.RULES.read_text(encoding="utf-8") == regenerate.rules(), "run `make docs`"


def test_schema_of_the_configuration_is_up_to_date() -> None:
    assert regenerate.SCHEMA.read_text(encoding="utf-8") == regenerate.config_schema(), "run `make docs`"


def test_readme_is_up_to_date() -> None:
    assert regenerate.README.read_text(encoding="utf-8") == regenerate.readme(), "run `make docs`"


def test_pages_of_the_commands_are_up_to_date() -> None:
    assert regenerate.COMMANDS.read_text(encoding="utf-8") == regenerate.commands(), "run `make docs`"


def readme_commands() -> list[str]:
    """The command lines of the README that call mlaudit."""
    blocks = re.findall(r"```sh\n(.*?)```", regenerate.README.read_text(encoding="utf-8"), re.DOTALL)
    lines = (line.partition(" #")[0] for block in blocks for line in block.splitlines())
    return [part.strip() for line in lines for part in re.split(r"&&|\|", line) if part.strip().startswith("mlaudit ")]


@pytest.mark.parametrize("line", readme_commands())
def test_commands_of_the_readme_have_the_options_that_it_names(line: str) -> None:
    _, name, *arguments = shlex.split(line.removesuffix(')"'))
    command = cli.get_command(click.Context(cli), name)
    assert command is not None, f"there is no command {name}"
    known = {option for parameter in command.params for option in parameter.opts}
    assert [word for word in arguments if word.startswith("-") and word != "-" and word.partition("=")[0] not in known] == []


def test_custom_rules_page_is_up_to_date() -> None:
    assert regenerate.CUSTOM.read_text(encoding="utf-8") == regenerate.custom(), "run `make docs`"


def test_the_configuration_of_the_readme_is_one(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", regenerate.README.read_text(encoding="utf-8"), re.DOTALL)
    (block,) = (block for block in blocks if "allowed_registries" in block)
    (tmp_path / "mlaudit.yaml").write_text(block, encoding="utf-8")
    assert read(Found(str(tmp_path / "mlaudit.yaml"), str(tmp_path)), lambda _: load_rules()).values["fail_on"] == "medium"
