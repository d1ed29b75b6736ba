"""Programs out of Debian packages, with an ``apt-get`` and a ``dpkg`` that are played by shell scripts; and what happens to tests without
them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.testbed import packages
from tests.testbed.build import NotBuilt

ROOT = Path(__file__).resolve().parents[2]
APT = """#!/bin/sh
echo "apt-get $*" >>"$FAKE_CALLS"
for word; do :; done
case "$*" in
    *update) exit 0 ;;
    -o*download*) : >"${word}_1_amd64.deb"; exit 0 ;;
    download*) [ -n "$FAKE_NO_LISTS" ] && { echo "E: Unable to locate package $word" >&2; exit 100; }; : >"${word}_1_amd64.deb" ;;
    install*) for program in prometheus promtool; do printf '#!/bin/sh\\n' >"$FAKE_BIN/$program"; chmod +x "$FAKE_BIN/$program"; done ;;
esac
"""
DPKG = """#!/bin/sh
mkdir -p "$3/usr/bin"
for program in prometheus promtool; do
    printf '#!/bin/sh\\nexit %s\\n' "${FAKE_STATUS:-0}" >"$3/usr/bin/$program"
    chmod +x "$3/usr/bin/$program"
done
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing on it, and an empty cache."""
    (tmp_path / "bin").mkdir()
    for name, text in {"apt-get": APT, "dpkg": DPKG}.items():
        (tmp_path / "bin" / name).write_text(text, encoding="utf-8")
        (tmp_path / "bin" / name).chmod(0o755)
    for name in ("sh", "mkdir", "chmod"):
        (tmp_path / "bin" / name).symlink_to(f"/bin/{name}")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("FAKE_CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("FAKE_BIN", str(tmp_path / "bin"))
    return tmp_path


def calls(machine: Path) -> list[str]:
    return [line.split()[-2 if "download" in line or "prometheus" in line else -1] for line in (machine / "calls").read_text().splitlines()]


def test_packages_are_unpacked_once(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NotBuilt, match=r"prometheus is missing: run python -m tests\.testbed\.packages, or install the package prometheus"):
        packages.find("prometheus")
    assert packages.main() == 0
    assert packages.main() == 0
    assert calls(machine) == ["download"]
    assert packages.find("promtool").is_relative_to(machine / "cache" / "mlaudit-testbed" / "debian")
    folder = packages.find("promtool").parents[3]
    assert {each.name for each in folder.iterdir()} == {"lock", "prometheus"}
    assert f"promtool: {packages.find('promtool')}" in capsys.readouterr().out


def test_the_path_comes_first(machine: Path) -> None:
    packages.fetch()
    (machine / "bin" / "promtool").write_text("#!/bin/sh\n", encoding="utf-8")
    (machine / "bin" / "promtool").chmod(0o755)
    assert packages.find("promtool") == machine / "bin" / "promtool"
    assert packages.find("prometheus").is_relative_to(machine / "cache")


def test_without_lists_of_packages_own_ones_are_fetched(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_NO_LISTS", "1")
    packages.fetch()
    assert calls(machine) == ["download", "update", "download"]


@pytest.mark.parametrize(("user", "code"), [(0, 0), (1000, 1)])
def test_what_does_not_run_unpacked_is_installed_by_root(
    machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], user: int, code: int
) -> None:
    monkeypatch.setenv("FAKE_STATUS", "127")
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert packages.main() == code
    said = capsys.readouterr().out
    if user:
        assert "only root could install it" in said
        assert "failed with status 127" in said
    else:
        assert packages.find("prometheus").parent == machine / "bin"


def test_a_machine_without_apt(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (machine / "bin" / "apt-get").unlink()
    assert packages.main() == 1
    assert "only root could install it: apt-get: [Errno 2]" in capsys.readouterr().out


@pytest.mark.parametrize(("ci", "word"), [("", "1 skipped"), ("true", "1 error")])
def test_without_prometheus_tests_are_skipped_but_never_in_ci(tmp_path: Path, ci: str, word: str) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(prometheus): pass\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-rs", "-p", "tests.testbed.plugin", "-c", os.devnull, "--rootdir", str(tmp_path)]
    environment = {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "CI": ci}
    done = subprocess.run([*command, str(tmp_path)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert word in done.stdout.splitlines()[-1], done.stdout
    assert "no testbed: prometheus is missing" in done.stdout
