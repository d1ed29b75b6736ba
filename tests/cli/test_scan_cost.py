"""``mlaudit scan --cost`` as a user meets it: what manifests could cost, and what a change does to it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import running
from tests.running import run

ROOT = Path(__file__).resolve().parents[2]

SPEC = (
    "nodeSelector: {node.kubernetes.io/instance-type: p5.48xlarge}, containers: [{name: main, resources: {limits: {nvidia.com/gpu: %d}}}]"
)


def deployment(replicas: int = 3, gpus: int = 2, name: str = "llm") -> str:
    metadata = f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: ml}}\n"
    return f"{metadata}spec: {{replicas: {replicas}, template: {{spec: {{{SPEC % gpus}}}}}}}\n"


def job() -> str:
    return f"apiVersion: batch/v1\nkind: Job\nmetadata: {{name: train, namespace: ml}}\nspec: {{template: {{spec: {{{SPEC % 8}}}}}}}\n"


UNKNOWN = (
    "apiVersion: v1\nkind: Pod\nmetadata: {name: mystery}\nspec: {containers: [{name: m, resources: {limits: {nvidia.com/gpu: 1}}}]}\n"
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def scanned(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    return running.scanned(capsys, "--cost", *arguments)


def table(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    run("scan", "--cost", "--min-severity", "critical", *arguments)
    return capsys.readouterr().out.splitlines()


def git(folder: Path, *arguments: str) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def branch(here: Path) -> Path:
    """A repository with a branch that has left main."""
    git(here, "init", "-q", "-b", "main")
    (here / "k8s").mkdir()
    (here / "k8s" / "llm.yaml").write_text(deployment())
    (here / "k8s" / "old.yaml").write_text(deployment(1, name="old"))
    (here / "k8s" / "same.yaml").write_text(deployment(1, name="same"))
    git(here, "add", ".")
    git(here, "commit", "-qm", "first")
    git(here, "checkout", "-q", "-b", "feature")
    return here


def test_worked_example_o10(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text(deployment())
    report = scanned(capsys, "--region", "us-east-1", "a.yaml")["potential"]
    assert report["month"] == {"low": 30134.4, "high": 30134.4}
    assert report["currency"] == {"code": "USD", "per_usd": 1.0, "date": None, "source": ""}
    (line,) = report["lines"]
    assert line["object"]["name"] == "llm"
    assert (line["file"], line["line"]) == ("a.yaml", 1)
    assert line["devices"] == {"low": 6, "high": 6}
    assert line["hour"] == {"low": 41.28, "high": 41.28}
    assert line["parts"][0]["price"]["device_hour"] == {"low": 6.88, "high": 6.88}
    assert line["parts"][0]["price"]["what"] == "p5.48xlarge, us-east-1, on-demand"


def test_the_table(here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    (here / "a.yaml").write_text("---\n".join([UNKNOWN, job(), deployment()]))
    lines = table(capsys, "--region", "us-east-1", "a.yaml")
    start = lines.index("Potential cost in USD a month: an upper bound, if all of it runs all month; not")
    assert lines[start : lines.index("", start)] == [
        "Potential cost in USD a month: an upper bound, if all of it runs all month; not",
        "  waste",
        "                 30,134.40  Deployment ml/llm  a.yaml:11",
        "      2 H100 in each of 3 pods at 6.88 an hour: p5.48xlarge, us-east-1,",
        "        on-demand; price book, medium confidence",
        "  55.04 an hour, unbounded  Job ml/train  a.yaml:6",
        "      8 H100 at 6.88 an hour: p5.48xlarge, us-east-1, on-demand; price book,",
        "        medium confidence",
        "      it has no deadline: nothing bounds how long it runs",
        "                  no price  Pod mystery  a.yaml:1",
        "      1 nvidia.com/gpu; no price is known",
        "Total: 30,134.40 USD a month for 3 accelerated workloads",
        "No price: 1 of them. A node selector, a NodePool in view or --prices would tell",
        "  what their devices cost",
        "Not in the total: 1 job without a deadline, 55.04 USD an hour if all run at once",
        "Prices of 2026-07-20",
    ]


def test_long_lists_are_cut_and_quiet_says_only_the_total(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text("---\n".join(deployment(name=f"d{number}") for number in range(12)))
    assert "  and 2 more (--verbose)" in table(capsys, "a.yaml")
    assert "  and 2 more (--verbose)" not in table(capsys, "-v", "a.yaml")
    quiet = table(capsys, "-q", "a.yaml")
    assert not any("Deployment" in line for line in quiet)
    assert "Total: 361,612.80 USD a month for 12 accelerated workloads" in quiet


def test_names_from_manifests_cannot_write_to_the_terminal(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text(deployment(name='"\\e[31mred\\u202e"'))
    assert "\x1b" not in "".join(table(capsys, "a.yaml"))


def test_without_accelerators_the_total_is_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n")
    assert "Total: 0.00 USD a month for 0 accelerated workloads" in table(capsys, "a.yaml")


def test_standard_input(here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(deployment().encode())))
    assert scanned(capsys, "-")["potential"]["month"]["low"] == 30134.4


def test_without_cost_nothing_is_said_or_imported(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text(deployment())
    run("scan", "-f", "json", "a.yaml")
    assert json.loads(capsys.readouterr().out)["potential"] is None
    code = "import sys\nfrom auditor.cli import main\ntry: main(['scan', '-q', 'a.yaml'])\nfinally: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert "auditor.report" in done.stderr.split()
    assert not {"auditor.cost.prices", "auditor.cost.estimate", "auditor.source.git"} & set(done.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--base", "main"], "--base says something about money; add --cost"),
        (["--region", "us-east-1"], "--region says something about money; add --cost"),
        (["--prices", "p.yaml"], "--prices says something about money; add --cost"),
        (["--cost", "--currency", "euro"], "'euro' is no code of a currency; write it like EUR"),
        (["--cost", "--currency", "XXX"], "there is no rate for XXX"),
        (["--cost", "--base", "main"], "'a.yaml' lies in no git repository; give a path inside of one"),
    ],
)
def test_what_cannot_be_meant(here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    (here / "a.yaml").write_text(deployment())
    assert run("scan", *arguments, "a.yaml") == 2
    output = capsys.readouterr()
    assert message in output.err
    assert output.out == ""


# -- the change -------------------------------------------------------------------------------------------------------------------------


def test_what_a_branch_changes(branch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    git(branch, "checkout", "-q", "main")
    (branch / "k8s" / "llm.yaml").write_text(deployment(100))
    git(branch, "commit", "-qam", "main went on")
    git(branch, "checkout", "-q", "feature")
    git(branch, "mv", "k8s/same.yaml", "k8s/moved.yaml")
    git(branch, "rm", "-q", "k8s/old.yaml")
    (branch / "k8s" / "llm.yaml").write_text(deployment(4))
    git(branch, "commit", "-qam", "a branch")
    (branch / "k8s" / "new.yaml").write_text(deployment(1, 8, "new") + "---\n" + job())
    change = scanned(capsys, "--base", "main", "k8s")["potential"]["change"]
    assert change["base"] == "main"
    assert change["commit"] == git(branch, "rev-parse", "HEAD~1"), "where the branches parted, not where main is now"
    assert [(line["how"], line["object"]["name"], line["month"] and line["month"]["low"]) for line in change["lines"]] == [
        ("added", "new", 40179.2),
        ("changed", "llm", 10044.8),
        ("removed", "old", -10044.8),
        ("added", "train", None),
    ]
    assert change["month"] == {"low": 40179.2, "high": 40179.2}
    assert change["unknown"] == 1
    lines = table(capsys, "--base", "main", "k8s")
    start = next(number for number, line in enumerate(lines) if line.startswith("Change since main, where they parted ("))
    assert lines[start].endswith("): +40,179.20 USD a month")
    assert lines[start + 1 : lines.index("", start)] == [
        "  +40,179.20  added Deployment ml/new  k8s/new.yaml:1",
        "  +10,044.80  changed Deployment ml/llm  k8s/llm.yaml:1",
        "  -10,044.80  removed Deployment ml/old  k8s/old.yaml:1",
        "  nothing → 55.04 an hour, unbounded  added Job ml/train  k8s/new.yaml:6",
        "  1 of them without a known price or end are not in the sum",
    ]


def test_nothing_changed(branch: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    (branch / "README.md").write_text("# Readme\n")
    monkeypatch.chdir(branch / "k8s")
    lines = table(capsys, "--base", "main", ".")
    assert "  no accelerated workload costs more or less" in lines
    assert any(line.endswith("): 0.00 USD a month") for line in lines)


def test_a_new_directory_is_all_new(branch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (branch / "more").mkdir()
    (branch / "more" / "x.yaml").write_text(deployment(1, name="x"))
    change = scanned(capsys, "--base", "main", "more")["potential"]["change"]
    assert [(line["how"], line["object"]["name"]) for line in change["lines"]] == [("added", "x")]


def test_what_cannot_be_compared_is_said(branch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (branch / "k8s" / "broken.yaml").write_text("kind: Pod\napiVersion: [\n")
    (branch / "k8s" / "link.yaml").symlink_to("llm.yaml")
    git(branch, "add", ".")
    git(branch, "commit", "-qm", "broken")
    (branch / "k8s" / "broken.yaml").unlink()
    notes = scanned(capsys, "--base", "HEAD", "k8s")["potential"]["change"]["notes"]
    assert notes[0] == "1 symbolic links are not followed in git"
    assert notes[1].startswith("1 files could not be read at ")


@pytest.mark.parametrize("ref", ["--upload-pack=touch executed", "-x", "a b", ""])
def test_hostile_revisions(branch: Path, capsys: pytest.CaptureFixture[str], ref: str) -> None:
    assert run("scan", "--cost", f"--base={ref}", "k8s") in ((0, 1) if not ref else (2,))
    assert ("is no name of a revision" in capsys.readouterr().err) is bool(ref)
    assert not (branch / "executed").exists()


def test_unknown_revisions(branch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("scan", "--cost", "--base", "missing", "k8s") == 2
    output = capsys.readouterr()
    assert output.err == "mlaudit: git knows no revision 'missing' here; fetch it first, or check its name\n"
    assert output.out == "", "nothing is read before it is clear that the options are meant"


def test_shallow_clones(branch: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(branch, "commit", "-q", "--allow-empty", "-m", "second")
    git(tmp_path, "clone", "-q", "--depth=1", "--no-single-branch", f"file://{branch}", "shallow")
    monkeypatch.chdir(tmp_path / "shallow")
    assert run("scan", "--cost", "--base", "origin/main", "k8s") == 2
    assert "git fetch --unshallow" in capsys.readouterr().err


def test_standard_input_has_no_base(branch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("scan", "--cost", "--base", "main", "-") == 2
    assert "standard input is none" in capsys.readouterr().err


def test_paths_outside_of_the_repository(branch: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "outside.yaml").write_text(deployment())
    assert run("scan", "--cost", "--base", "main", "k8s", str(tmp_path / "outside.yaml")) == 2
    assert "lies in no git repository" in capsys.readouterr().err
