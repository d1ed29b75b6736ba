"""``mlaudit scan --diff`` as a user meets it, in real repositories."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.history import Repository
from tests.running import run, scanned


def pod(name: str, *, limit: bool = False, image: str = "a:latest") -> str:
    memory = ", memory: 1Gi" if limit else ""
    return (
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: ml}}\nspec:\n  containers:\n  - name: main\n    image: {image}\n"
        f"    resources: {{requests: {{cpu: 1, memory: 1Gi}}, limits: {{nvidia.com/gpu: 1{memory}}}}}\n"
    )


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """On the branch ``change``, which parted from ``main``."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "repository"
    (folder / "k8s" / "deep").mkdir(parents=True)
    monkeypatch.chdir(folder)
    repository = Repository(folder)
    (folder / "k8s" / "a.yaml").write_text(pod("a", limit=True))
    (folder / "k8s" / "deep" / "b.yaml").write_text(pod("b", limit=True))
    repository.commit("first")
    repository.git("branch", "change")
    (folder / "k8s" / "later.yaml").write_text(pod("later"))
    repository.commit("later on main")
    repository.git("checkout", "-q", "change")
    return repository


def new(report: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(finding["rule"], finding["file"], finding["line"]) for finding in report["findings"]]


def test_only_what_the_change_introduced_is_reported(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    report = scanned(capsys, "--diff", "main", ".")
    assert (report["findings"], report["comparison"]["fixed"], len(report["comparison"]["unchanged"])) == ([], [], 2)
    assert report["comparison"]["against"] == f"main (merge base {repository.git('rev-parse', 'main~1')[:12]})"
    (repository.folder / "k8s" / "a.yaml").write_text("# moved\n" + pod("a", image="a:1"))
    report = scanned(capsys, "--diff", "main", ".")
    assert new(report) == [("memory-limit-missing", "k8s/a.yaml", 9)]
    assert [(one["rule"], one["file"], one["line"]) for one in report["comparison"]["fixed"]] == [("image-tag-floating", "k8s/a.yaml", 7)]
    assert len(report["comparison"]["unchanged"]) == 1
    assert run("scan", "--diff", "main", "--fail-on", "medium", ".") == 1
    repository.git("mv", "k8s/a.yaml", "k8s/deep/renamed.yaml")
    assert new(scanned(capsys, "--diff", "main", "--no-cache", ".")) == [("memory-limit-missing", "k8s/deep/renamed.yaml", 9)]


def test_subfolders_and_several_paths(repository: Repository, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    (repository.folder / "k8s" / "a.yaml").write_text(pod("a"))
    (repository.folder / "k8s" / "deep" / "b.yaml").write_text(pod("b"))
    assert len(scanned(capsys, "--diff", "main", "k8s/deep")["findings"]) == 1
    assert len(scanned(capsys, "--diff", "main", "k8s/deep", "k8s/a.yaml")["findings"]) == 2
    assert len(scanned(capsys, "--diff", "main", str(repository.folder))["findings"]) == 2
    monkeypatch.chdir(repository.folder / "k8s" / "deep")
    assert new(scanned(capsys, "--diff", "main", "..")) == [
        ("memory-limit-missing", "../a.yaml", 8),
        ("memory-limit-missing", "../deep/b.yaml", 8),
    ]


def test_with_a_baseline_what_is_in_neither_is_new(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    a = repository.folder / "k8s" / "a.yaml"
    a.write_text(pod("a"))
    run("baseline", "k8s")
    report = scanned(capsys, "--diff", "main", "--baseline", "mlaudit-baseline.json", "k8s")
    assert (report["findings"], len(report["comparison"]["unchanged"])) == ([], 3), "the change is in the baseline already"
    assert report["comparison"]["against"].endswith(") and baseline mlaudit-baseline.json")
    (repository.folder / "k8s" / "c.yaml").write_text(pod("c", limit=True))
    a.write_text(pod("a", image="a:1"))
    report = scanned(capsys, "--diff", "main", "--baseline", "mlaudit-baseline.json", "k8s")
    assert new(report) == [("image-tag-floating", "k8s/c.yaml", 7)]
    assert [one["rule"] for one in report["comparison"]["fixed"]] == ["image-tag-floating"]
    (repository.folder / "k8s" / "copy.yaml").write_text(pod("b", limit=True))
    report = scanned(capsys, "--diff", "main", "--baseline", "mlaudit-baseline.json", "k8s")
    assert ("image-tag-floating", "k8s/copy.yaml", 7) in new(report), "one that is in both is not counted twice"


def test_settings_of_now_hold_for_both_sides(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (("--profile", "strict"), ("--rule", "requests-missing"), ("--complete",), ("--min-severity", "medium")):
        report = scanned(capsys, "--diff", "main", *arguments, ".")
        assert (report["findings"], report["comparison"]["fixed"]) == ([], []), arguments


def test_what_cannot_be_read_is_said(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    (repository.folder / "k8s" / "a.yaml").write_text("a: [\n")
    assert run("scan", "--diff", "main", ".") == 3
    report = scanned(capsys, "--diff", "main", ".")
    assert report["comparison"]["fixed"] == [], "what is in a broken file is not fixed"
    repository.commit("broken")
    (repository.folder / "k8s" / "a.yaml").write_text(pod("a", limit=True))
    report = scanned(capsys, "--diff", "HEAD", ".")
    assert new(report) == [("image-tag-floating", "k8s/a.yaml", 7)]
    (note,) = report["comparison"]["notes"]
    assert note.startswith("1 files could not be read at ")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"
    (repository.folder / "k8s" / "a.yaml").write_text(pointer)
    repository.commit("pointer")
    (repository.folder / "k8s" / "a.yaml").write_text(pod("a", limit=True))
    report = scanned(capsys, "--diff", "HEAD", ".")
    assert report["comparison"]["notes"] == ["1 files are kept by Git LFS: what is found in them counts as new"]


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert run("scan", *arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error.removeprefix("mlaudit: ").strip()


def test_what_cannot_be_compared_is_said_in_a_line(
    repository: Repository, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert (
        said(capsys, "--diff", "main", "-") == "--diff compares files in git, and standard input is none; give the files or their directory"
    )
    assert said(capsys, "--diff", "nope", ".") == "git knows no revision 'nope' here; fetch it first, or check its name"
    assert "is no name of a revision" in said(capsys, "--diff", "--output=x", ".")
    assert "is no name of a revision" in said(capsys, "--diff", "", "."), "of a variable that is not set"
    assert "the baseline . cannot be read" in said(capsys, "--baseline", "", ".")
    repository.git("checkout", "-q", "--orphan", "alone")
    repository.commit("of another history")
    assert said(capsys, "--diff", "main", ".") == "'main' and HEAD have no commit in common; compare with a revision of the same history"
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.yaml").write_text(pod("a"))
    assert "lies in no git repository" in said(capsys, "--diff", "main", str(outside))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert said(capsys, "--diff", "main", ".").startswith("git is not installed")


def test_the_first_commit_is_all_new(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "fresh"
    folder.mkdir()
    monkeypatch.chdir(folder)
    subprocess.run(["git", "init", "-q"], check=True)
    (folder / "a.yaml").write_text(pod("a"))
    report = scanned(capsys, "--diff", "HEAD", ".")
    assert new(report) == [("image-tag-floating", "a.yaml", 7), ("memory-limit-missing", "a.yaml", 8)]
    assert report["comparison"]["against"] == "HEAD (no commit yet)"


def test_to_remove_the_last_manifest_is_no_mistake(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(repository.folder / "k8s")
    assert run("scan", "--diff", "main", ".") == 0
    assert "2 fixed" in capsys.readouterr().out
    repository.commit("removed")
    assert "there is nothing to scan" in said(capsys, "--diff", "HEAD", ".")


def test_a_shallow_clone_says_what_to_do(
    repository: Repository, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (repository.folder / "k8s" / "a.yaml").write_text(pod("a"))
    repository.commit("on change")
    clone = tmp_path / "clone"
    command = ["git", "clone", "-q", "--depth", "1", "--no-single-branch", f"file://{repository.folder}", str(clone)]
    subprocess.run(command, check=True)
    monkeypatch.chdir(clone)
    line = said(capsys, "--diff", "origin/main", ".")
    assert line == (
        "this clone is shallow, and does not reach back to where it parted from 'origin/main'; run `git fetch --unshallow`, "
        "or check out with `fetch-depth: 0`"
    )
    subprocess.run(["git", "fetch", "-q", "--unshallow"], check=True)
    assert new(scanned(capsys, "--diff", "origin/main", ".")) == [("memory-limit-missing", "k8s/a.yaml", 8)]
