"""What the reader promises for input of every sort: one clear line each, bounded time and memory, every file accounted for."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from auditor import source
from auditor.document import Document, NotJudged, Unread
from auditor.source import Reading, read_paths
from auditor.source.builder import build
from auditor.source.files import read_bytes

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT.parent / "shared" / "corpus"
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: main\n    image: a:1\n"

keys = st.text("abcdefxyz", min_size=2, max_size=6)
leaves = st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.text("abc xz\n:#'\"", max_size=12)
trees = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=20)


def adds_up(reading: Reading) -> None:
    assert reading.files == reading.files_judged + reading.files_unread + reading.files_not_judged


@given(st.dictionaries(keys, trees, min_size=1), st.sampled_from(["block", "flow", "json"]))
def test_values_and_positions_are_those_of_the_text(value: dict, style: str) -> None:
    text = json.dumps(value) if style == "json" else yaml.safe_dump(value, default_flow_style=style == "flow", sort_keys=False)
    built = build(text)
    assert built.value == value
    expected: list[int] = []

    def walk(node: yaml.Node) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, child in node.value:
                expected.extend((key.start_mark.line, key.start_mark.column))
                walk(child)
        elif isinstance(node, yaml.SequenceNode):
            for child in node.value:
                expected.extend((child.start_mark.line, child.start_mark.column))
                walk(child)

    walk(yaml.compose(text))
    assert list(built.marks) == expected


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_yield_at_least_one_item_with_a_line(content: bytes) -> None:
    items = read_bytes(content, "f.yaml")
    assert items
    assert all(item.line >= 0 for item in items)


@given(st.integers(0, len(POD) - 1), st.sampled_from(["", "\t", "{", "}", ":", "- ", "&a ", "*a", "!", "\n", "'", "|", "\u0000", "---\n"]))
def test_mutated_manifests_never_raise(at: int, piece: str) -> None:
    items = read_bytes((POD[:at] + piece + POD[at:]).encode(), "f.yaml")
    assert all(isinstance(item, Document | Unread | NotJudged) for item in items)


HOSTILE = {
    "cyclic alias": ("a: &a [*a]\napiVersion: v1\nkind: Pod\n", "never end"),
    "unknown alias": ("apiVersion: v1\nkind: Pod\nmetadata: *nobody\n", "alias"),
    "deep flow": ("apiVersion: v1\nkind: Pod\na: " + "[" * 10_000 + "]" * 10_000, "nest"),
    "deep block": ("apiVersion: v1\nkind: Pod\n" + "\n".join(" " * depth + "a:" for depth in range(3_000)), "nest"),
    "collection as a key": ("apiVersion: v1\nkind: Pod\n? [a]\n: b\n", "key"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_documents_are_one_line_each(name: str) -> None:
    text, said = HOSTILE[name]
    (item,) = read_bytes(text.encode(), "f.yaml")
    assert isinstance(item, Unread)
    assert said in item.reason
    assert "\n" not in item.reason


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_an_alias_bomb_costs_less_than_a_second_and_100_megabytes() -> None:
    levels = ["a: &a [x,x,x,x,x,x,x,x,x,x]"] + [f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 10)}]" for n in range(10)]
    program = (
        "import resource, sys\nfrom auditor.source.files import read_bytes\nitems = read_bytes(sys.stdin.buffer.read(), 'f.yaml')\n"
        "peak = next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_utime, int(peak) // 1024, items[0].reason)"
    )
    text = "apiVersion: v1\nkind: Pod\n" + "\n".join(levels) + "\n"
    done = subprocess.run([sys.executable, "-c", program], input=text.encode(), cwd=ROOT, capture_output=True, check=True)
    seconds, megabytes, reason = done.stdout.decode().split(" ", 2)
    assert float(seconds) < 1
    assert int(megabytes) < 100
    assert "alias" in reason


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(POD)
    (tmp_path / "nul.yaml").write_bytes(b"a: \x00\n")
    (tmp_path / "latin.yaml").write_bytes("a: caf\xe9\n".encode("latin-1"))
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "lost.yaml").symlink_to("nowhere.yaml")
    with (tmp_path / "huge.yaml").open("wb") as file:
        file.truncate(17 * 1024 * 1024)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "fifo.yaml")
    reading = read_paths((str(tmp_path),))
    adds_up(reading)
    assert [document.ref.name for document in reading.documents] == ["a"]
    reasons = {Path(item.file).name: item.reason for item in reading.unread}
    assert set(reasons) == {"nul.yaml", "latin.yaml", "loop.yaml", "lost.yaml", "huge.yaml", "fifo.yaml"}
    assert "NUL" in reasons["nul.yaml"]
    assert "UTF-8" in reasons["latin.yaml"]
    assert "MiB" in reasons["huge.yaml"]
    assert "regular" in reasons["fifo.yaml"]


def test_folders_that_are_not_entered_are_said(tmp_path: Path) -> None:
    for folder in (".git", "node_modules", "venv", "k8s"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.yaml").write_text(POD)
    (tmp_path / "venv" / "pyvenv.cfg").write_text("")
    reading = read_paths((str(tmp_path), str(tmp_path / "k8s" / "a.yaml")))
    assert len(reading.documents) == 1
    assert sorted(folder.reason for folder in reading.folders) == ["Python virtual environment", "folder .git", "folder node_modules"]


def test_patches_that_a_kustomization_names_are_set_aside(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "pod.yaml").write_text(POD)
    (tmp_path / "base" / "change.yaml").write_text(POD)
    (tmp_path / "kustomization.yaml").write_text("resources: [base/pod.yaml]\npatches:\n- path: ./base/../base/change.yaml\n")
    reading = read_paths((str(tmp_path),))
    assert [Path(document.file).name for document in reading.documents] == ["pod.yaml"]
    assert sorted(item.reason for item in reading.not_judged) == ["kustomization (not rendered)", "kustomize patch"]


def test_several_processes_read_the_same_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        twice = POD.replace("name: main", "name: main\n    image: b:1") if number % 3 else POD
        (tmp_path / f"{number:02}.yaml").write_text(f"{twice}---\nkind: [\n---\n# mlaudit: ignore[requests-missing] test\n{POD}")
    monkeypatch.setattr(source, "_PARALLEL_FROM", 2)
    alone, together = read_paths((str(tmp_path),), jobs=1), read_paths((str(tmp_path),), jobs=2)

    def content(reading: Reading) -> list[object]:
        return [(d.ref, d.raw, d.line, d.location(("spec", "containers", 0, "image")), d.duplicates, d.comments) for d in reading.documents]

    assert content(alone) == content(together)
    assert alone.unread == together.unread
    assert len(alone.documents) == 60
    assert content(alone) == [
        (d.ref, d.raw, d.line, d.location(("spec", "containers", 0, "image")), d.duplicates, d.comments)
        for d in pickle.loads(pickle.dumps(alone.documents))
    ]


def test_markdown_positions_are_those_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "guide.md").write_text(f"# Guide\n\n```yaml\n{POD}```\n\n~~~yml\na: [1\n~~~\n\n```sh\nkubectl get pods\n```\n")
    reading = read_paths((str(tmp_path),))
    (document,) = reading.documents
    place = document.location(("spec", "containers", 0, "image"))
    assert (document.line, place.line, place.column) == (4, 10, 5)
    assert [item.reason for item in reading.not_judged] == ["fragment in Markdown"]


CLASSES = {
    "helm": ("{{- if .Values.on }}\napiVersion: v1\nkind: Pod\n{{- end }}\n", "templates/a.yaml", "Helm or Jinja template"),
    "helm value": ("apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Release.Name }}\n", "a.yaml", "Helm or Jinja template"),
    "jinja": ("apiVersion: v1\nkind: Pod\n{% if x %}\nmetadata: {}\n{% endif %}\n", "a.yaml", "Helm or Jinja template"),
    "values": ("image:\n  tag: latest\n", "values-prod.yaml", "Helm values file"),
    "chart": ("apiVersion: v2\nname: x\nversion: 1.0.0\n", "Chart.yaml", "Helm chart (not rendered)"),
    "kustomization (not rendered)": ("resources: [a.yaml]\n", "kustomization.yaml", "kustomization (not rendered)"),
    "definition": (
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a}\n",
        "a.yaml",
        "CustomResourceDefinition",
    ),
    "json patch": ("- op: replace\n  path: /spec\n  value: 1\n", "a.yaml", "kustomize patch"),
    "workflow": ("on: push\njobs: {}\n", ".github/workflows/ci.yaml", "CI configuration"),
    "nothing": ("a: b\n", "a.yaml", "no apiVersion and kind"),
}


@pytest.mark.parametrize("name", CLASSES)
def test_what_is_not_judged_is_recognised(name: str) -> None:
    text, file, reason = CLASSES[name]
    assert [item.reason for item in read_bytes(text.encode(), file) if isinstance(item, NotJudged)] == [reason]


def test_braces_inside_strings_make_no_template() -> None:
    (item,) = read_bytes(POD.replace("image: a:1", 'image: "{{inputs.parameters.image}}"').encode(), "a.yaml")
    assert isinstance(item, Document)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real manifests is not beside this clone")
def test_every_file_of_the_corpus_is_accounted_for() -> None:
    reading = read_paths((str(CORPUS),), jobs=0)
    adds_up(reading)
    assert reading.files == 2078
    reasons = [item.reason for item in reading.not_judged]
    assert reasons.count("CustomResourceDefinition") >= 2
    assert reasons.count("Helm or Jinja template") >= 400
    assert len(reading.documents) >= 2000
    assert all(item.reason and "\n" not in item.reason for item in reading.unread)


def test_a_manifest_written_as_text_is_read_where_it_stands(tmp_path: Path) -> None:
    inner = POD.replace("\n", "\n        ").rstrip()
    template = "  - name: {}\n    resource:\n      action: create\n      manifest: |\n        {}\n"
    workflow = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: w}\nspec:\n  templates:\n"
    workflow += template.format("one", inner) + template.format("two", "kind: {{inputs.kind}}")
    (tmp_path / "w.yaml").write_text(workflow)
    reading = read_paths((str(tmp_path),))
    outer, pod = reading.documents
    assert (outer.ref.kind, pod.ref.kind, pod.line, pod.column) == ("Workflow", "Pod", 10, 9)
    place = pod.location(("spec", "containers", 0, "image"))
    assert (place.line, place.column) == (16, 13)
    assert workflow.splitlines()[15][12:] == "image: a:1"
    assert [(item.line, item.reason) for item in reading.not_judged] == [(21, "manifest as text inside an object, to be filled in")]
