"""A stranger's configuration runs no code, reads nothing outside of its repository, and ends in bounded time."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.config.keys import KEYS
from auditor.errors import ConfigError
from auditor.globs import MAX_LENGTH, Paths, any_matches, mistake_in_name, mistake_in_path
from tests.config.writing import TAG, pod, run, scanned, written


def refused(folder: Path, text: str) -> str:
    began = time.process_time()
    with pytest.raises(ConfigError) as caught:
        written(folder, text)
    assert time.process_time() - began < 5
    assert len(str(caught.value)) < 20_000
    return str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        "!!python/object/apply:os.system ['touch pwned']",
        "!!python/object/new:subprocess.Popen [[touch, pwned]]",
        "!!python/name:os.system ''",
        "!!python/module:antigravity ''",
        "!include /etc/passwd",
    ],
)
def test_tags_run_nothing(here: Path, value: str) -> None:
    assert "root:" not in refused(here, f"profile: {value}\nexclude: {value}\nfail_on: no\n")
    assert sorted(path.name for path in here.iterdir()) == [".git", "mlaudit.yaml"]


def test_aliases_of_aliases(here: Path) -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    refused(here, bomb + "exclude: *a11\n")


def test_many_entries_by_aliases(here: Path) -> None:
    entries = ", ".join(["*e"] * 5000)
    assert "more than 1,000" in refused(
        here, f"x: &e {{rules: {TAG}, reason: x}}\nignore: [{entries}]\nexclude: [{', '.join(['a'] * 5000)}]\n"
    )


def test_deep_nesting(here: Path) -> None:
    refused(here, "ignore: " + "[" * 5000 + "]" * 5000)


def test_a_large_file(here: Path) -> None:
    assert "more than 1 MiB" in refused(here, "exclude:\n" + "- some/path/of/files/**\n" * 200_000)


def test_long_words_and_names(here: Path) -> None:
    long = "x" * 200_000
    said = refused(
        here, f"{long}: 1\nprofile: {long}\nrules:\n  {long}: off\nexclude: {long}\nignore:\n- {{rules: {long}, reason: {long}}}\n"
    )
    assert long not in said


def test_control_characters_do_not_reach_the_terminal(here: Path) -> None:
    said = refused(here, '"\\e[31mred\\u202e": 1\nprofile: "\\e[2J"\nexclude: "\\e]0;title\\a"\n')
    assert "\x1b" not in said
    assert "\u202e" not in said


@pytest.mark.parametrize("folder", ["../../etc", "/etc", "..", "x" * 5000, "policies/../../x", "link", "link/inner", "a\\0b"])
def test_folders_of_rules_lie_inside_the_repository(here: Path, folder: str) -> None:
    outside = here.parent / "outside"
    (outside / "inner").mkdir(parents=True)
    (here / "link").symlink_to(outside)
    said = refused(here, f'rule_dirs: ["{folder}"]\n')
    assert "leads out of the folder repository" in said or "cannot be" in said or "is no folder" in said


def test_a_folder_of_rules_may_lie_beside_that_of_the_file(here: Path) -> None:
    for name in ("team", "policies"):
        (here / name).mkdir()
    assert written(here / "team", "rule_dirs: ../policies\n").values["rule_dirs"] == (str(here / "policies"),)


def test_a_link_out_of_the_repository_is_not_read(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = here.parent / "secret"
    secret.write_text("password: hunter2\n")
    (here / "mlaudit.yaml").symlink_to(secret)
    assert run("scan", ".") == 2
    said = capsys.readouterr().err
    assert "is a symbolic link out of" in said
    assert "password" not in said


def test_a_link_inside_of_the_repository_is_read(here: Path) -> None:
    (here / "shared").mkdir()
    (here / "shared" / "settings.yaml").write_text("profile: strict\n")
    (here / "mlaudit.yaml").symlink_to("shared/settings.yaml")
    (here / "a.yaml").write_text(pod())
    assert run("scan", "--exit-zero", "a.yaml") == 0


@pytest.mark.parametrize("kind", ["pipe", "folder", "dangling link", "link to itself"])
def test_what_is_no_file_is_said(here: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    path = here / "mlaudit.yaml"
    {
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
        "dangling link": lambda: path.symlink_to("nowhere"),
        "link to itself": lambda: path.symlink_to(path),
    }[kind]()
    (here / "a.yaml").write_text(pod())
    assert run("scan", "a.yaml") == 2
    assert capsys.readouterr().err.startswith("mlaudit: mlaudit.yaml ")


@pytest.mark.parametrize("pattern", ["*a" * 140 + "b", "**/" * 90 + "b", "*" * MAX_LENGTH, "[a-z]*" * 49 + "!", "?" * 250 + "*"])
def test_patterns_match_in_bounded_time(pattern: str) -> None:
    text, path = "a" * 4000, "/root/" + "a/" * 2000
    began = time.process_time()
    any_matches((pattern,), text)
    Paths("/root", (pattern,)).match(path)
    assert time.process_time() - began < 2


def test_thousands_of_findings_and_a_thousand_ignores(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text("---\n".join(pod(f"train-{number}") for number in range(1000)))
    entry = f"- {{rules: {TAG}, reason: x, path: '**/b/**/c/*.yaml', name: '*a*b*c*NUMBER', labels: {{team: '*z*'}}}}\n"
    (here / "mlaudit.yaml").write_text("ignore:\n" + "".join(entry.replace("NUMBER", str(number)) for number in range(1000)))
    began = time.process_time()
    report = scanned(capsys, "--rule", TAG, "a.yaml")
    assert len(report["findings"]) == 1000
    assert time.process_time() - began < 20


def test_dates_far_away(here: Path) -> None:
    assert written(here, f"ignore:\n- {{rules: {TAG}, reason: x, until: 9999-12-31}}\n").values["ignore"][0].until.year == 9999
    for day in ("99999-01-01", "10000-01-01", "0000-01-01", "9999-99-99", "2027-01-31T00:00:00Z"):
        assert "is no day" in refused(here, f"ignore:\n- {{rules: {TAG}, reason: x, until: {day}}}\n")


@pytest.mark.parametrize("pattern", ["", " ", "a" * (MAX_LENGTH + 1), "a\nb", "[", "[!]", "x[a"])
def test_patterns_that_cannot_be_meant(pattern: str) -> None:
    assert mistake_in_name(pattern)
    assert mistake_in_path(pattern)


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=20))
OTHERS = ["path", "kind", "labels", "reason", "until", TAG, "enabled", "severity", "options", "high", "*", "a/**", "[", "2027-01-31"]
WORDS = st.sampled_from([*(key.name for key in KEYS), *OTHERS])
VALUES = st.recursive(
    st.one_of(SCALARS, WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.one_of(WORDS, st.text(max_size=5)), inner, max_size=4)),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.dictionaries(WORDS, VALUES, max_size=6))
def test_whatever_it_says_is_read_or_refused(here: Path, value: dict[str, object]) -> None:
    with contextlib.suppress(ConfigError):
        written(here, yaml.safe_dump(value))
