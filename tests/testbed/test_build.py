"""Building the programs of the testbed, with a ``go`` that is played by a shell script; and what happens to tests without it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.testbed import build

ROOT = Path(__file__).resolve().parents[2]
# Writes down what it is asked for; takes a while, so that two builds meet; puts a file where -o says.
GO = """#!/bin/sh
[ "$1" = version ] && { echo "go version ${FAKE_VERSION:-go1.26} linux/amd64"; exit; }
for package; do :; done
[ "$package" = "$FAKE_FAILURE" ] && { echo "undefined: everything" >&2; exit 1; }
sleep 0.05
while [ "$1" != -o ]; do shift; done
echo "$package" >"$2"
echo "$(basename "$PWD") $package" >>"$FAKE_CALLS"
"""
PACKAGES = [
    "testbed go.etcd.io/etcd/server/v3",
    "testbed k8s.io/kubernetes/cmd/kube-apiserver",
    "testbed k8s.io/kubernetes/cmd/kube-controller-manager",
    "testbed k8s.io/kubernetes/cmd/kube-scheduler",
    "testbed k8s.io/kubernetes/cmd/kubectl",
    "kwok sigs.k8s.io/kwok/cmd/kwok",
]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of its own, and the fake ``go`` first in the path."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "go").write_text(GO, encoding="utf-8")
    (tmp_path / "bin" / "go").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("FAKE_CALLS", str(tmp_path / "calls"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    return tmp_path


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text(encoding="utf-8").splitlines()


def test_each_program_is_built_once_by_two_builds_at_once(environment: Path) -> None:
    command = [sys.executable, "-m", "tests.testbed.build"]
    both = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert calls(environment) == PACKAGES
    assert sum("another build is running: waiting for it" in text for text in said) == 1
    folder = build.find().folder
    assert folder.parent == environment / "cache" / "mlaudit-testbed"
    assert {file.name for file in folder.iterdir()} == {*build.PROGRAMS, "lock"}


def test_another_go_has_another_folder(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build.build().folder
    monkeypatch.setenv("FAKE_VERSION", "go1.27")
    with pytest.raises(build.NotBuilt, match=r"not built: etcd, kube-apiserver, .* run python -m tests\.testbed\.build"):
        build.find()
    assert build.build().folder != first


def test_failure_shows_what_go_said_and_leaves_nothing_half_done(
    environment: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAKE_FAILURE", "k8s.io/kubernetes/cmd/kube-scheduler")
    assert build.main() == 1
    assert "undefined: everything" in capsys.readouterr().out
    monkeypatch.delenv("FAKE_FAILURE")
    assert build.main() == 0
    assert calls(environment) == PACKAGES  # what was built before the failure is not built again


def test_kubebuilder_assets_supply_two_programs(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assets = environment / "assets"
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    with pytest.raises(build.NotBuilt, match="KUBEBUILDER_ASSETS has no etcd"):
        build.build()
    assets.mkdir()
    for program in ("etcd", "kube-apiserver"):
        (assets / program).touch()
    binaries = build.build()
    assert calls(environment) == PACKAGES[2:]
    assert (binaries.path("etcd").parent, binaries.path("kwok").parent) == (assets, binaries.folder)


@pytest.mark.parametrize(("ci", "word"), [("", "1 skipped"), ("true", "1 error")])
def test_without_go_tests_are_skipped_but_never_in_ci(tmp_path: Path, ci: str, word: str) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(testbed): pass\n", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-rs",
        "-p",
        "tests.testbed.plugin",
        "-c",
        os.devnull,
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    (tmp_path / "openssl").touch(mode=0o755)
    environment = {"PATH": str(tmp_path), "PYTHONPATH": str(ROOT), "CI": ci}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert word in done.stdout.splitlines()[-1], done.stdout
    assert "no testbed: Go is missing" in done.stdout
