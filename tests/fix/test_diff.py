"""Diffs of edited texts, applied by ``patch``."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.fix.diff import unified
from auditor.fix.mending import Mended
from auditor.fix.sheet import Edit, Sheet

pytestmark = pytest.mark.skipif(shutil.which("patch") is None, reason="patch is not installed")

LINES = st.lists(st.sampled_from(["a", "b", "  c: 1", ""]), min_size=1, max_size=30)


@st.composite
def edited(draw: st.DrawFn) -> tuple[bytes, list[Edit]]:
    """A text of alike lines, and edits: lines changed, added and taken out, no two of them at one place."""
    lines = draw(LINES)
    text = "\n".join(lines) + draw(st.sampled_from(["", "\n"]))
    edits = []
    for number in sorted(draw(st.sets(st.integers(0, len(lines) - 1), max_size=4))):
        end = (number, len(lines[number]))
        what = draw(st.sampled_from(["change", "add", "remove"]))
        if what == "change":
            edits.append(Edit((number, 0), end, draw(st.sampled_from(["x", "a", "b"]))))
        elif what == "add":
            edits.append(Edit(end, end, draw(st.sampled_from(["\nx", "\na\n  b"]))))
        elif number + 1 < len(lines):
            edits.append(Edit((number, 0), (number + 1, 0), ""))
    return text.encode(), edits


@given(edited())
def test_the_diff_makes_one_text_of_the_other(tmp_path_factory: pytest.TempPathFactory, given: tuple[bytes, list[Edit]]) -> None:
    before, edits = given
    after, origins = Sheet(before, "a.yaml").edited(edits)
    assert len(origins) == after.count(b"\n") + 1
    if after == before or not before:
        return
    folder: Path = tmp_path_factory.mktemp("diff")
    (folder / "a.yaml").write_bytes(before)
    diff = unified("a.yaml", before.decode(), after.decode(), origins)
    subprocess.run(["patch", "-p0", "-s"], cwd=folder, input=diff.encode(), check=True, capture_output=True)
    assert ((folder / "a.yaml").read_bytes() if (folder / "a.yaml").exists() else b"") == after


@pytest.mark.parametrize("name", ["with a blank.yaml", "a -p0 é.yaml", "plain.yaml"])
@pytest.mark.parametrize("command", [["patch", "-p0", "-s"], ["git", "apply", "-p0"]], ids=["patch", "git"])
def test_names_with_blanks_are_found(name: str, command: list[str], tmp_path: Path) -> None:
    before = "a\nb\n"
    (tmp_path / name).write_text(before)
    after, origins = Sheet(before.encode(), name).edited([Edit((0, 0), (0, 1), "x")])
    subprocess.run(command, cwd=tmp_path, input=unified(name, before, after.decode(), origins).encode(), check=True, capture_output=True)
    assert (tmp_path / name).read_text() == "x\nb\n"


def test_a_byte_order_mark_stays_where_it_is(tmp_path: Path) -> None:
    before = "\ufeffapiVersion: v1\n".encode()
    after, origins = Sheet(before, "a.yaml").edited([Edit((0, 12), (0, 14), "v2")])
    (tmp_path / "a.yaml").write_bytes(before)
    diff = Mended(before, after, tuple(origins)).diff("a.yaml")
    subprocess.run(["patch", "-p0", "-s"], cwd=tmp_path, input=diff.encode(), check=True, capture_output=True)
    assert (tmp_path / "a.yaml").read_bytes() == after == "\ufeffapiVersion: v2\n".encode()
