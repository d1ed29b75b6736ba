"""What an installation brings: one package, everything it needs at run time, nothing else, and a quick start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from email.parser import BytesParser
from pathlib import Path, PurePosixPath

import pytest

import auditor

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ("auditor", "rules", "reports")
IMPORT = "import time:"  # how a line of `python -X importtime` begins
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers: [{name: web, image: "nginx:1.27"}]
"""


def run(*command: str | Path, cwd: Path = ROOT, path: Path = ROOT, ok: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
    """Run ``python …`` with ``path`` as the first place for imports."""
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in ok:
        said = [line for line in done.stderr.splitlines() if not line.startswith(IMPORT)]
        pytest.fail(f"exit code {done.returncode}\n{done.stdout}\n" + "\n".join(said), pytrace=False)
    return done


def in_clone() -> set[str]:
    """Every file that belongs in the wheel, under its name there."""
    found = set()
    for folder in SHIPPED:
        for file in (ROOT / folder).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                name = file.relative_to(ROOT).as_posix()
                found.add(name if folder == "auditor" else f"auditor/{name}")
    return found


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the source archive, and the wheel built from it, without the network."""
    pytest.importorskip("build", reason="needs the package build, of the dev group")
    pytest.importorskip("hatchling", reason="needs the package hatchling, of the dev group")
    out = tmp_path_factory.mktemp("dist")
    run("-m", "build", "--no-isolation", "--outdir", out, ROOT)
    return out


@pytest.fixture(scope="module")
def wheel(built: Path) -> zipfile.ZipFile:
    (file,) = built.glob("*.whl")
    return zipfile.ZipFile(file)


@pytest.fixture(scope="module")
def unpacked(wheel: zipfile.ZipFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What pip would put into site-packages."""
    site = tmp_path_factory.mktemp("site")
    wheel.extractall(site)
    return site


def names(wheel: zipfile.ZipFile) -> set[str]:
    return {name for name in wheel.namelist() if not name.endswith("/")}


def metadata(wheel: zipfile.ZipFile, file: str) -> bytes:
    return wheel.read(f"mlaudit-{auditor.__version__}.dist-info/{file}")


def test_wheel_has_one_package(wheel: zipfile.ZipFile) -> None:
    tops = {PurePosixPath(name).parts[0] for name in names(wheel)}
    assert tops == {"auditor", f"mlaudit-{auditor.__version__}.dist-info"}


def test_wheel_holds_what_the_clone_holds(wheel: zipfile.ZipFile) -> None:
    shipped = {name for name in names(wheel) if name.startswith("auditor/")}
    assert shipped == in_clone()
    assert any(name.startswith("auditor/rules/") for name in shipped)
    assert any(name.startswith("auditor/reports/") for name in shipped)


def test_source_archive_can_be_tested(built: Path) -> None:
    (file,) = built.glob("*.tar.gz")
    with tarfile.open(file) as archive:
        inside = {PurePosixPath(name).relative_to(PurePosixPath(name).parts[0]).as_posix() for name in archive.getnames()}
    assert {"pyproject.toml", "LICENSE", "Makefile", "tests/test_packaging.py"} <= inside
    assert any(name.startswith("fixtures/demo/") for name in inside)


def test_metadata(wheel: zipfile.ZipFile) -> None:
    fields = BytesParser().parsebytes(metadata(wheel, "METADATA"))
    assert fields["Name"] == "mlaudit"
    assert fields["Version"] == auditor.__version__
    assert fields["License-Expression"] == "Apache-2.0"
    assert b"Apache License" in metadata(wheel, "licenses/LICENSE")
    assert metadata(wheel, "entry_points.txt").decode().split() == ["[console_scripts]", "mlaudit", "=", "auditor.cli:main"]


def test_every_folder_of_code_is_a_package() -> None:
    """The registry does not see a folder without ``__init__.py``: its rules would be missing without a word."""
    folders = {file.parent for folder in SHIPPED for file in (ROOT / folder).rglob("*.py")}
    assert sorted(folder.relative_to(ROOT).as_posix() for folder in folders if not (folder / "__init__.py").exists()) == []


def test_wheel_imports_by_itself(unpacked: Path, tmp_path: Path) -> None:
    modules = sorted(
        ".".join(file.relative_to(unpacked).with_suffix("").parts).removesuffix(".__init__")
        for folder in ("rules", "reports")
        for file in (unpacked / "auditor" / folder).rglob("*.py")
    )
    code = "import importlib, sys\nfor name in sys.argv[1:]: print(importlib.import_module(name).__file__)"
    files = run("-c", code, *modules, cwd=tmp_path, path=unpacked).stdout.splitlines()
    assert len(files) == len(modules)
    assert [file for file in files if unpacked not in Path(file).parents] == []


def test_wheel_lists_the_rules_of_the_clone(unpacked: Path, tmp_path: Path) -> None:
    in_wheel = run("-m", "auditor", "rules", cwd=tmp_path, path=unpacked).stdout
    assert in_wheel.strip()
    assert in_wheel == run("-m", "auditor", "rules", cwd=tmp_path).stdout


def imported(done: subprocess.CompletedProcess[str]) -> set[str]:
    """The top-level names of all modules that ``python -X importtime …`` imported."""
    lines = done.stderr.splitlines()
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines if line.startswith(IMPORT)}


def test_version_imports_nothing_heavy(tmp_path: Path) -> None:
    modules = imported(run("-X", "importtime", "-m", "auditor", "--version", cwd=tmp_path))
    assert {"auditor", "click"} <= modules
    assert modules & {"kubernetes", "yaml", "tabulate"} == set()


def test_command_line_does_not_import_kubernetes(tmp_path: Path) -> None:
    modules = imported(run("-X", "importtime", "-c", "import auditor.cli", cwd=tmp_path))
    assert "auditor" in modules
    assert "kubernetes" not in modules


def test_scan_does_not_import_kubernetes(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(POD, encoding="utf-8")
    done = run("-X", "importtime", "-m", "auditor", "scan", "pod.yaml", "--format", "json", cwd=tmp_path, ok=(0, 1))
    assert "findings" in json.loads(done.stdout)
    modules = imported(done)
    assert {"auditor", "yaml"} <= modules
    assert "kubernetes" not in modules
