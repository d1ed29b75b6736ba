"""The printed parts of the documentation are up to date."""

from __future__ import annotations

from tests import regenerate


def test_pages_of_the_rules_are_up_to_date() -> None:
    assert regenerate.RULES.read_text(encoding="utf-8") == regenerate.rules(), "run `make docs`"


def test_schema_of_the_configuration_is_up_to_date() -> None:
    assert regenerate.SCHEMA.read_text(encoding="utf-8") == regenerate.config_schema(), "run `make docs`"


def test_readme_is_up_to_date() -> None:
    assert regenerate.README.read_text(encoding="utf-8") == regenerate.readme(), "run `make docs`"


def test_readme_shows_real_exit_codes_and_commands() -> None:
    text = regenerate.README.read_text(encoding="utf-8")
    for command in ("scan", "rules", "explain", "completion"):
        assert f"mlaudit {command}" in text
