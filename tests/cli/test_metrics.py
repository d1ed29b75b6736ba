"""The options of commands that ask a Prometheus."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from auditor.cli.metrics import metrics_options, server
from auditor.errors import UsageError
from auditor.source.prometheus import Access, Server


def given(*arguments: str, **environment: str) -> Server | None:
    @click.command()
    @metrics_options
    def command(**options: object) -> None:
        found.append(server(options))

    found: list[Server | None] = []
    cleared = dict.fromkeys(("PROMETHEUS_URL", "PROMETHEUS_TOKEN", "PROMETHEUS_USERNAME", "PROMETHEUS_HEADERS"))
    CliRunner(env=cleared | environment).invoke(command, list(arguments), standalone_mode=False, catch_exceptions=False)
    return found[0]


def test_none_is_named() -> None:
    assert given() is None


def test_options_and_environment(tmp_path: Path) -> None:
    (tmp_path / "headers").write_text("X-Scope-OrgID: a\n", encoding="utf-8")
    found = given(
        "--prometheus", "https://a/", "--prometheus-insecure", "--prometheus-timeout", "90s",
        "--prometheus-headers", str(tmp_path / "headers"),
        PROMETHEUS_URL="http://b", PROMETHEUS_TOKEN="T",
    )  # fmt: skip
    assert found
    assert found.access == Access("https://a", "T", headers={"X-Scope-OrgID": "a"}, insecure=True, timeout=90)
    also = given(PROMETHEUS_URL="http://b")
    assert also
    assert also.access == Access("http://b")


def test_what_cannot_be_meant() -> None:
    with pytest.raises(UsageError, match="--prometheus-ca needs --prometheus; name the server, or set PROMETHEUS_URL"):
        given("--prometheus-ca", "ca.pem")
    with pytest.raises(UsageError, match="'soon' is no time"):
        given("--prometheus", "http://a", "--prometheus-timeout", "soon")
    with pytest.raises(UsageError, match="holds credentials"):
        given("--prometheus", "http://me:geheim@a")
