"""What the tests of the configuration share: a repository with manifests and a file, and the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from auditor.config.file import ConfigFile, Found, find, read
from auditor.registry import load_rules
from tests.running import run

POD = """\
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {namespace}, labels: {{team: search}}}}
spec:
  containers:
  - name: main
    image: ghcr.io/example/train:latest
"""
TAG = "image-tag-floating"


def pod(name: str = "train", namespace: str = "ml") -> str:
    """A pod with one finding of `TAG`, in line 7."""
    return POD.format(name=name, namespace=namespace)


def written(folder: Path, text: str) -> ConfigFile:
    """What a file says."""
    (folder / "mlaudit.yaml").write_text(text, encoding="utf-8")
    found = find((str(folder),))
    assert found is not None
    return read(found, lambda folders: load_rules())


def found_in(folder: Path) -> Found | None:
    return find((str(folder),))


def scanned(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    code = run("scan", "-f", "json", *arguments)
    out = capsys.readouterr()
    assert code in (0, 1), out.err
    return json.loads(out.out)


def places(report: dict) -> list[tuple[str, str, int]]:
    return [(finding["rule"], finding["file"], finding["line"]) for finding in report["findings"]]
