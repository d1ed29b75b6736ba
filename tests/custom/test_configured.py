"""Own rules that the configuration names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.custom.rules import POD, written
from tests.custom.test_commands import mlaudit


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a rule in its configuration and a manifest."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "policies").mkdir()
    written(tmp_path / "policies")
    (tmp_path / "pod.yaml").write_text(POD)
    (tmp_path / "mlaudit.yaml").write_text("rule_dirs: [policies]\nrules: {own: {severity: critical}}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(out: str) -> list[tuple[str, str]]:
    return [(finding["rule"], finding["severity"]) for finding in json.loads(out)["findings"] if finding["rule"].startswith("own")]


def test_its_rules_are_asked_and_may_be_set(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = mlaudit(capsys, "scan", "pod.yaml", "-f", "json")
    assert (code, found(out)) == (1, [("own", "critical")])
    code, out, _ = mlaudit(capsys, "scan", "pod.yaml", "-f", "json", "--rule", "own")
    assert found(out) == [("own", "critical")]
    assert found(mlaudit(capsys, "scan", "pod.yaml", "-f", "json", "--no-config")[1]) == []
    assert "critical" in mlaudit(capsys, "config")[1]


def test_rules_of_both_are_asked(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "more").mkdir()
    written(here / "more", name="own-too")
    code, out, _ = mlaudit(capsys, "scan", "pod.yaml", "-f", "json", "--rules", "more", "--rules", "policies")
    assert sorted(found(out)) == [("own", "critical"), ("own-too", "low")]
    written(here / "more", name="own")
    code, _, err = mlaudit(capsys, "scan", "pod.yaml", "--rules", "more")
    assert (code, err) == (2, "mlaudit: the configuration and --rules both have a rule 'own'; leave one of them out\n")


def test_a_link_out_of_the_repository_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outside = here.parent / f"{here.name}-outside"
    outside.mkdir()
    secret = written(outside, name="secret")
    (here / "policies" / "secret.yaml").symlink_to(secret)
    code, out, err = mlaudit(capsys, "scan", "pod.yaml")
    assert (code, out) == (2, "")
    assert "leads outside" in err


def test_wrong_rules_stop_the_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(here / "policies", when="container.imag == ''")
    code, out, err = mlaudit(capsys, "scan", "pod.yaml")
    assert (code, out) == (2, "")
    assert "mlaudit: policies/own.yaml:6:16 undeclared reference to 'container.imag'; did you mean image?" in err
