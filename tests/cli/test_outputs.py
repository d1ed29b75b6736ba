"""Several reports of one run, each in its format and place."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from click.shell_completion import ShellComplete

from auditor.cli import cli, main
from auditor.cli.outputs import Output, write_all
from auditor.registry import format_names

CLEAN = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: b}\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text(CLEAN)
    return tmp_path


def scan(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["scan", "a.yaml", *arguments])
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def test_each_format_goes_to_its_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scan("-f", "table", "-f", "json=a.json", "-f", "yaml=b.yml", "--color", "always") == 0
    assert "1 objects in 1 of 1 files" in capsys.readouterr().out
    assert json.loads((here / "a.json").read_text()) == yaml.safe_load((here / "b.yml").read_text())


def test_without_a_format_for_it_nothing_goes_to_standard_output(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scan("-f", "json=a=b.json") == 0
    assert capsys.readouterr().out == ""
    assert json.loads((here / "a=b.json").read_text())["version"] == 1


def test_the_file_of_o_is_that_of_the_format_without_one(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scan("-f", "table", "-f", "json=a.json", "-o", "table.txt") == 0
    assert capsys.readouterr().out == ""
    assert "1 objects in 1 of 1 files" in (here / "table.txt").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-f", "jsn"), "there is no format 'jsn'; did you mean json?"),
        (("-f", "?=x"), f"there is no format '?'; formats are {', '.join(format_names())}"),
        (("-f", "json="), "-f json= names no file; write it like json=report, or without the `=`"),
        (("-f", "json", "-f", "table"), "the formats json and table go to one place; write it like -f json -f table=FILE"),
        (("-f", "json=x", "-f", "table=./x"), "the formats json and table go to one file, x; give each a file of its own"),
        (("-f", "json=link", "-f", "yaml=a.yaml"), "the formats json and yaml go to one file, a.yaml; give each a file of its own"),
        (("-f", "json", "-f", "table=x", "-o", "x"), "the formats json and table go to one file, x; give each a file of its own"),
        (
            ("-f", "json=x", "-o", "y"),
            "every format has a file, and none is left to write to y; leave -o out, or name a format without `=FILE`",
        ),
    ],
)
def test_wrong_usage_is_said_before_anything_is_read(
    arguments: tuple[str, ...], message: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "link").symlink_to("a.yaml")
    assert scan(*arguments) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"mlaudit: {message}\n")
    assert (here / "a.yaml").read_text() == CLEAN
    assert not (here / "x").exists()


def test_a_directory_is_no_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scan("-f", "json=.") == 2
    assert "File '.' is a directory" in capsys.readouterr().err


def test_what_cannot_be_written_is_said_and_the_rest_is_written(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scan("-f", "json=no/a.json", "-f", "yaml=a.yml", "-f", "html=no/b.html", "-f", "table") == 3
    out, err = capsys.readouterr()
    assert "1 objects in 1 of 1 files" in out
    assert yaml.safe_load((here / "a.yml").read_text())["version"] == 1
    missing = "No such file or directory"
    assert err == f"mlaudit: cannot write no/a.json: {missing}; cannot write no/b.html: {missing}; name another file\n"


def test_the_summary_of_a_step_keeps_what_others_wrote(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = here / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    summary.write_text("## Tests\n")
    assert scan("-f", "markdown=summary.md") == 0
    assert summary.read_text().startswith("## Tests\n")
    assert "### No findings" in summary.read_text()


def test_nothing_is_null(here: Path) -> None:
    assert scan("-f", "json=/dev/null", "-f", "yaml=/dev/null", "-f", "table=/dev/null") == 0


@pytest.mark.parametrize("variable", ["GITHUB_WORKSPACE", "CI_PROJECT_DIR"])
@pytest.mark.parametrize("path", [".", "../k8s", "{}/repository/k8s"])
def test_a_pipeline_finds_files_from_its_root(
    variable: str, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "repository" / "k8s"
    folder.mkdir(parents=True)
    (folder / "a.yaml").write_text("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: a}]}\n")
    (folder / "broken.yaml").write_text("a: [")
    monkeypatch.chdir(folder)
    monkeypatch.setenv(variable, str(tmp_path / "repository"))
    where = path.format(tmp_path)
    for form in ("github", "gitlab", "junit", "sarif", "checkstyle", "json"):
        with pytest.raises(SystemExit):
            main(["scan", where, "--profile", "strict", "-f", form])
        out = capsys.readouterr().out
        if form == "json":
            assert '"file": "k8s/' not in out, "what is read again is as it was given"
            continue
        named = set(re.findall(r"(?:file=|file name=|path\": |file=|uri\": )\"?([\w./-]*\b(?:a|broken)\.yaml)", out))
        assert named == {"k8s/a.yaml", "k8s/broken.yaml"}, form


def test_the_shell_completes_names() -> None:
    names = [item.value for item in ShellComplete(cli, {}, "mlaudit", "_MLAUDIT_COMPLETE").get_completions(["scan", "-f"], "")]
    assert names == format_names()
    assert [item.value for item in ShellComplete(cli, {}, "mlaudit", "_X").get_completions(["cost", "-f"], "ya")] == ["yaml"]


@pytest.mark.parametrize("name", ["::error::no", "a\n::warning::no", "##[error]no"])
def test_names_command_no_runner(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    write_all([Output("table")], lambda _: f"{name}\n")
    first, *_, last = capsys.readouterr().out.splitlines()
    assert last == f"::{first.removeprefix('::stop-commands::')}::"
    write_all([Output("table")], lambda _: "kind: Pod::x\n")
    write_all([Output("github")], lambda _: "::error::yes\n")
    assert capsys.readouterr().out == "kind: Pod::x\n::error::yes\n"


@pytest.mark.parametrize("form", sorted(set(format_names()) - {"openmetrics"}))
def test_no_terminal_obeys_a_name(form: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "a\x1b[31m\x7f\x85\x9b31m\u061c\u200b\u2028\u202e\u2066\ufeff\u2060z"
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [{"name": name, "image": "a/b"}]}}
    (here / "a.yaml").write_text(json.dumps(pod))
    scan("--profile", "strict", "-f", form)
    out = capsys.readouterr().out
    assert "31m" in out
    assert [character for character in out if not character.isprintable() and character not in "\n\t"] == []
    if form in {"json", "yaml"}:
        assert yaml.safe_load(out)["findings"][0]["object"]["name"] == name, "to programs it is as it was"
