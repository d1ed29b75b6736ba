"""Files, directories and standard input: what is met, what is not entered, and that each file is counted once."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from auditor import source
from auditor.document import Document, NotJudged, Unread
from auditor.errors import UsageError
from auditor.source import Reading, read_paths
from auditor.source.files import MAX_BYTES, find, read_bytes, read_file, shown

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX file system")


def manifest(name: str, kind: str = "ConfigMap") -> str:
    return f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}}}\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(files: dict[str, str]) -> None:
    for name, text in files.items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def read(*paths: str) -> Reading:
    """Read, and check that every file is accounted for."""
    reading = read_paths(paths)
    assert reading.files == reading.files_judged + reading.files_unread + reading.files_not_judged
    items = [*reading.documents, *reading.unread, *reading.not_judged]
    assert len({item.file for item in items}) == reading.files
    if "-" not in paths:
        found = find(paths)
        assert len(items) == sum(len(read_file(file)) for file in found.files) + len(found.items)
    return reading


def names(reading: Reading) -> list[str]:
    return [document.ref.name for document in reading.documents]


def reasons(reading: Reading) -> list[tuple[str, str]]:
    return [(item.file, item.reason) for item in reading.not_judged]


# -- what is met -------------------------------------------------------------------------------------------------------------------------


def test_a_tree(here: Path) -> None:
    put(
        {
            "k/b.yaml": manifest("b"),
            "k/a.yml": manifest("a"),
            "k/deep/er/c.json": '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "c"}}',
            "k/README.md": f"```yaml\n{manifest('d')}```\n",
            "k/notes.markdown": "nothing\n",
            "k/Dockerfile": "FROM scratch\n",
            "k/chart/_helpers.tpl": "{{ define }}",
            "k/x.yaml.j2": "{{ x }}",
            "k/Kustomization": "resources: [a.yml]\n",
        }
    )
    reading = read("k")
    assert [(document.file, document.ref.name) for document in reading.documents] == [
        ("k/README.md", "d"),
        ("k/a.yml", "a"),
        ("k/b.yaml", "b"),
        ("k/deep/er/c.json", "c"),
    ]
    assert reasons(reading) == [
        ("k/Dockerfile", "not a manifest by its suffix"),
        ("k/Kustomization", "kustomization (not rendered)"),
        ("k/chart/_helpers.tpl", "Helm or Jinja template"),
        ("k/notes.markdown", "Markdown without manifests"),
        ("k/x.yaml.j2", "Helm or Jinja template"),
    ]
    assert (reading.files, reading.files_judged, reading.files_unread, reading.files_not_judged) == (9, 4, 0, 5)


def test_folders_that_are_not_entered_are_named(here: Path) -> None:
    put(
        {
            **{f"{folder}/x.yaml": manifest("x") for folder in (".git", "a/node_modules", ".terraform", "b/.tox", "b/__pycache__")},
            "venv/pyvenv.cfg": "home = /usr\n",
            "venv/lib/x.yaml": manifest("x"),
            "a/ok.yaml": manifest("ok"),
            ".github/workflows/ci.yaml": "on: push\njobs: {}\n",
        }
    )
    reading = read(".")
    assert names(reading) == ["ok"]
    assert sorted((folder.file, folder.reason) for folder in reading.folders) == [
        (".git", "folder .git"),
        (".terraform", "folder .terraform"),
        ("a/node_modules", "folder node_modules"),
        ("b/.tox", "folder .tox"),
        ("b/__pycache__", "folder __pycache__"),
        ("venv", "Python virtual environment"),
    ]
    assert names(read("a/node_modules")) == ["x"]  # asked for by name
    assert names(read(".git/x.yaml")) == ["x"]


def test_the_order_is_that_of_the_names(here: Path) -> None:
    put({f"{folder}/{name}.yaml": manifest(f"{folder}{name}") for folder in "ba" for name in "cab"})
    assert names(read("b", "a")) == names(read("a", "b")) == ["aa", "ab", "ac", "ba", "bb", "bc"]


@pytest.mark.parametrize(
    "asked",
    [("k", "k"), ("k", "./k/"), ("k/a.yaml", "k"), ("k", "k/a.yaml"), ("k", "k/deep"), ("k/deep", "."), ("./k/../k",), ("{here}/k", "k")],
)
def test_what_is_asked_for_twice_is_read_once(asked: tuple[str, ...], here: Path) -> None:
    put({"k/a.yaml": manifest("a"), "k/deep/b.yaml": manifest("b"), "k/LICENSE": "", "k/node_modules/x.yaml": ""})
    reading = read(*(path.format(here=here) for path in asked))
    assert sorted(names(reading)) == ["a", "b"]
    assert len(reading.not_judged) == len(reading.folders) == 1


@pytest.mark.parametrize(
    ("asked", "file"),
    [
        (".", "k/a.yaml"),
        ("./k", "k/a.yaml"),
        ("k/", "k/a.yaml"),
        ("k/a.yaml", "k/a.yaml"),
        ("./k//a.yaml", "k/a.yaml"),
        ("k/../k/a.yaml", "k/a.yaml"),
    ],
)
def test_files_are_named_as_they_were_asked_for(asked: str, file: str, here: Path) -> None:
    put({"k/a.yaml": manifest("a")})
    assert [document.file for document in read(asked).documents] == [file]
    absolute = str(here / asked)
    assert [document.file for document in read(absolute).documents] == [str(here / file)]


def test_a_file_is_read_whatever_its_suffix_if_it_is_asked_for(here: Path) -> None:
    put({"manifest": manifest("a"), "values.txt": manifest("b")})
    assert names(read("manifest", "values.txt")) == ["a", "b"]


def test_a_path_that_does_not_exist(here: Path) -> None:
    with pytest.raises(UsageError, match="there is no file or directory 'nope'; check the path"):
        read_paths(("nope",))


def test_an_empty_directory(here: Path) -> None:
    assert read(".").files == 0


@POSIX
def test_very_deep_trees(here: Path) -> None:
    """Deeper than Python may recurse."""
    descriptor = os.open(here, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=descriptor)
        inner = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(os.open("a.yaml", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
    os.close(descriptor)
    try:
        reading = read(".")
    finally:
        subprocess.run(["rm", "-rf", "d"], cwd=here, check=True)  # shutil would recurse
    assert (reading.files, reading.files_not_judged) == (1, 1)


# -- links -------------------------------------------------------------------------------------------------------------------------------


@POSIX
def test_symbolic_links(here: Path) -> None:
    put(
        {
            "k/a.yaml": manifest("a"),
            "k/deep/b.yaml": manifest("b"),
            "out/c.yaml": manifest("c"),
            "k/.git/d.yaml": "",
            "k/plain": manifest("e"),
        }
    )
    for link, target in {
        "k/loop": "loop",
        "k/ping": "pong",
        "k/pong": "ping",
        "k/dangling.yaml": "nowhere.yaml",
        "k/sibling.yaml": "a.yaml",
        "k/inner": "deep",
        "k/up": "..",
        "k/self": ".",
        "k/out.yaml": "../out/c.yaml",
        "k/outside": "../out",
        "k/hidden.yaml": ".git/d.yaml",
        "k/named.yaml": "plain",
    }.items():
        Path(link).symlink_to(target)
    reading = read("k")
    assert names(reading) == ["a", "b", "e"]
    assert reading.documents[2].file == "k/named.yaml"  # nobody reads `plain` by its own name
    own, away = "symbolic link (its target is read under its own name)", "symbolic link out of the scanned directory"
    assert reasons(reading) == [
        ("k/hidden.yaml", "symbolic link into a folder that is not entered"),
        ("k/out.yaml", away),
        ("k/plain", "not a manifest by its suffix"),
        ("k/sibling.yaml", own),
    ]
    assert [(item.file, item.line, item.reason) for item in reading.unread] == [
        (f"k/{name}", 0, "is a symbolic link that leads nowhere or in a circle") for name in ("dangling.yaml", "loop", "ping", "pong")
    ]
    assert sorted((folder.file, folder.reason) for folder in reading.folders) == [
        ("k/.git", "folder .git"),
        ("k/inner", own),
        ("k/outside", away),
        ("k/self", own),
        ("k/up", away),
    ]


@POSIX
def test_links_between_what_is_scanned(here: Path) -> None:
    put({"a/x.yaml": manifest("x"), "b/z.yaml": manifest("z")})
    Path("a/z.yaml").symlink_to("../b/z.yaml")
    reading = read("a", "b")
    assert names(reading) == ["x", "z"]
    assert reasons(reading) == [("a/z.yaml", "symbolic link (its target is read under its own name)")]


@POSIX
def test_links_that_are_asked_for_are_followed(here: Path) -> None:
    put({"k/a.yaml": manifest("a"), "other/k/b.yaml": manifest("b")})
    Path("link").symlink_to("k")
    Path("link.yaml").symlink_to("k/a.yaml")
    Path("away").symlink_to("other/k")
    assert [document.file for document in read("link").documents] == ["link/a.yaml"]
    assert [document.file for document in read("link.yaml").documents] == ["link.yaml"]
    assert names(read("link", "k", "link.yaml", "k/a.yaml")) == ["a"]
    assert names(read("away/../k")) == ["b"]  # not ./k


@POSIX
def test_a_mounted_config_map(here: Path) -> None:
    """Kubernetes mounts them as links into a folder that it swaps."""
    put({"m/..2026_11_25/a.yaml": manifest("a")})
    Path("m/..data").symlink_to("..2026_11_25")
    Path("m/a.yaml").symlink_to("..data/a.yaml")
    assert names(read("m")) == ["a"]


# -- what cannot be read -----------------------------------------------------------------------------------------------------------------


def only(file: str) -> Unread:
    (item,) = read_file(file)
    assert isinstance(item, Unread)
    assert "\n" not in item.reason
    assert not item.syntax
    return item


@POSIX
def test_fifo_and_device(here: Path) -> None:
    os.mkfifo("pipe.yaml")
    os.mkfifo("pipe")
    reading = read(".")
    assert [(item.file, item.reason) for item in reading.unread] == [
        ("pipe", "is not a regular file"),
        ("pipe.yaml", "is not a regular file"),
    ]
    assert "mlaudit scan -" in only("pipe.yaml").remedy
    assert only("/dev/null").reason == "is not a regular file"


def test_too_large(here: Path) -> None:
    with Path("large.yaml").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    assert only("large.yaml").reason == "has 16.0 MiB; more than 16 MiB are not read"
    (item,) = read_bytes(b"a" * (MAX_BYTES + 1), "large.yaml")
    assert item == only("large.yaml")


def test_as_large_as_it_may_be(here: Path) -> None:
    with Path("large.yaml").open("wb") as file:
        file.write(manifest("a").encode() + b"#" * (MAX_BYTES - len(manifest("a"))))
    assert names(read("large.yaml")) == ["a"]


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (b"a: 1\nb: \xff\n", 2, "is not UTF-8 (byte 8)"),
        (b"\xef\xbb\xbfa: 1\nb: \xff\n", 2, "is not UTF-8 (byte 8)"),
        (b"caf\xe9: 1\n", 1, "is not UTF-8 (byte 3)"),
        (b"\xff\xfea\x00\n", 1, "is not UTF-16 (byte 4)"),
        (b"a: 1\nb: 2\nc: \x00\n", 3, "holds NUL bytes"),
        (b"\x7fELF\x01\x00", 1, "holds NUL bytes"),
        ("a: 1\n".encode("utf-16-le"), 1, "holds NUL bytes"),
    ],
)
def test_no_text(content: bytes, line: int, reason: str, here: Path) -> None:
    Path("a.yaml").write_bytes(content)
    item = only("a.yaml")
    assert (item.line, item.reason) == (line, reason)
    assert item.remedy


@POSIX
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may read everything")
def test_without_permission(here: Path) -> None:
    put({"a.yaml": manifest("a"), "locked/b.yaml": manifest("b")})
    Path("a.yaml").chmod(0)
    Path("locked").chmod(0)
    try:
        reading = read(".")
    finally:
        Path("locked").chmod(0o700)
    assert [(item.file, item.reason) for item in reading.unread] == [
        ("a.yaml", "cannot be read: Permission denied"),
        ("locked", "cannot be listed: Permission denied"),
    ]


def test_a_file_that_is_gone(here: Path) -> None:
    assert only("gone.yaml").reason == "cannot be read: No such file or directory"


def test_a_folder_that_cannot_be_listed(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put({"k/a.yaml": manifest("a"), "k/locked/b.yaml": manifest("b")})
    scandir = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    reading = read("k")
    assert names(reading) == ["a"]
    assert [(item.file, item.line, item.reason) for item in reading.unread] == [("k/locked", 0, "cannot be listed: Permission denied")]
    assert [folder.file for folder in reading.folders] == ["k/locked"]


@pytest.mark.skipif(sys.platform != "linux", reason="other file systems refuse such names")
def test_names_that_are_no_text(here: Path) -> None:
    Path(os.fsdecode(b"\xff.yaml")).write_text(manifest("a"), encoding="utf-8")
    Path("two\nlines\x1b[31m.yaml").write_text("a: b: c\n", encoding="utf-8")
    Path("日本 語.yaml").write_text(manifest("b"), encoding="utf-8")
    reading = read(".")
    assert sorted(document.file for document in reading.documents) == ["\\xff.yaml", "日本 語.yaml"]
    assert [item.file for item in reading.unread] == ["two\\x0alines\\x1b[31m.yaml"]
    assert shown("plain/ü.yaml") == "plain/ü.yaml"


# -- standard input ----------------------------------------------------------------------------------------------------------------------

READ = "from auditor.source import read_paths; r = read_paths(('-',)); print(r.documents, r.unread, r.not_judged, r.files)"


def piped(repository: Path, content: bytes, code: str = READ) -> str:
    done = subprocess.run([sys.executable, "-c", code], input=content, cwd=repository, capture_output=True, check=True, timeout=60)
    return done.stdout.decode()


def test_standard_input(repository: Path) -> None:
    out = piped(repository, f"a: 1\n---\n{manifest('a')}---\na: b: c\n".encode())
    assert "[<Document ConfigMap a <stdin>:3>]" in out
    assert "Unread(file='<stdin>', line=7" in out
    assert "NotJudged(file='<stdin>', line=1, reason='no apiVersion and kind')] 1" in out


def test_empty_standard_input(repository: Path) -> None:
    assert piped(repository, b"") == "[] [] [NotJudged(file='<stdin>', line=1, reason='empty file')] 1\n"


def test_standard_input_that_is_too_large(repository: Path) -> None:
    assert "more than 16 MiB are not read" in piped(repository, b"#" * (MAX_BYTES + 1))


def test_standard_input_beside_files(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(manifest("file"), encoding="utf-8")
    code = f"from auditor.source import read_paths; print(sorted(d.ref.name for d in read_paths(('-', {str(tmp_path)!r}, '-')).documents))"
    assert piped(repository, manifest("input").encode(), code) == "['file', 'input']\n"


def test_closed_standard_input(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    (item,) = read("-").unread
    assert (item.file, item.reason) == ("<stdin>", "is closed")


@POSIX
def test_standard_input_that_is_a_directory(repository: Path, tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        done = subprocess.run([sys.executable, "-c", READ], stdin=descriptor, cwd=repository, capture_output=True, timeout=60, check=False)
    finally:
        os.close(descriptor)
    # Python itself refuses to start with a directory as standard input, or reading it fails
    assert b"Traceback" not in done.stderr


# -- kustomize ---------------------------------------------------------------------------------------------------------------------------

OVERLAY = """\
resources: [../base, extra.yaml, both.yaml]
patches:
- path: patch.yaml
- path: ../shared/patch.yaml
- patch: |
    - op: add
- {path: both.yaml}
patchesStrategicMerge:
- old.yaml
- |-
  apiVersion: v1
  kind: Pod
patchesJson6902:
- {path: json.yaml, target: {kind: Pod}}
"""
FILES = {
    "k/overlay/kustomization.yaml": OVERLAY,
    "k/base/kustomization.yaml": "resources: [deploy.yaml]\n",
    **{
        f"k/{name}.yaml": manifest(name.replace("/", "-"))
        for name in ("base/deploy", "overlay/patch", "shared/patch", "overlay/old", "overlay/extra", "overlay/both", "shared/free")
    },
    "k/overlay/json.yaml": "# about\n- op: remove\n  path: /spec\n",
}
JUDGED = ["base-deploy", "overlay-both", "overlay-extra", "shared-free"]


@pytest.mark.parametrize("root", ["k", "./k", "k/", "../{name}/k", "{here}/k", "k/overlay/..", "k/shared/../overlay/../../k"])
def test_patches_that_a_kustomization_names(root: str, here: Path) -> None:
    """A file that some kustomization draws in as a resource is judged, whoever else patches with it."""
    put(FILES)
    reading = read(root.format(here=here, name=here.name))
    assert sorted(names(reading)) == JUDGED
    patches = [(Path(item.file).name, item.line) for item in reading.not_judged if item.reason == "kustomize patch"]
    assert sorted(patches) == [("json.yaml", 1), ("old.yaml", 1), ("patch.yaml", 1), ("patch.yaml", 1)]


def test_patches_given_as_files(here: Path) -> None:
    put(FILES)
    overlay, patch = "k/overlay/kustomization.yaml", "k/overlay/patch.yaml"
    for first in (overlay, f"./{overlay}", f"{here}/{overlay}", f"k/base/../overlay/{Path(overlay).name}"):
        for second in (patch, f"./{patch}", f"{here}/{patch}", "k/shared/../overlay/patch.yaml"):
            assert names(read(first, second)) == [], (first, second)
    assert names(read(patch)) == ["overlay-patch"]  # nobody in view says that it is one


@pytest.mark.parametrize("name", ["p.yaml", "./p.yaml", "../k/p.yaml", "./deep/../p.yaml", "..//k/./p.yaml", "{here}/k/p.yaml"])
@pytest.mark.parametrize("root", [".", "k", "{here}", "{here}/k/../k"])
def test_the_names_of_a_patch(root: str, name: str, here: Path) -> None:
    put({"k/p.yaml": manifest("p"), "k/r.yaml": manifest("r"), "k/pp.yaml": manifest("pp")})
    put({"k/kustomization.yaml": f"resources: [r.yaml]\npatches: [{{path: {name.format(here=here)}}}]\n"})
    assert names(read(root.format(here=here))) == ["pp", "r"]


@pytest.mark.parametrize("name", ["../k/p.yaml", "./../k/p.yaml", "{here}/k/p.yaml"])
def test_a_patch_that_another_draws_in_by_another_name(name: str, here: Path) -> None:
    put({"k/p.yaml": manifest("p"), "k/q.yaml": manifest("q"), "k/kustomization.yaml": "patchesStrategicMerge: [p.yaml, q.yaml]\n"})
    put({"o/kustomization.yml": f"resources: [{name.format(here=here)}]\n"})
    assert names(read(".")) == ["p"]


@POSIX
@pytest.mark.parametrize("root", ["away/../j", "{here}/away/../j", "{here}/other/j"])
def test_patches_behind_a_link(root: str, here: Path) -> None:
    """There ``..`` cannot be left out of a path, and stays in the names of its files."""
    put({"other/k/x.yaml": "", "other/j/kustomization.yaml": "patches: [{path: p.yaml}]\n", "other/j/p.yaml": manifest("p")})
    Path("away").symlink_to("other/k")
    reading = read(root.format(here=here))
    assert [reason for _, reason in reasons(reading)] == ["kustomization (not rendered)", "kustomize patch"]


def test_a_patch_without_kind_is_called_one(here: Path) -> None:
    put({"kustomization.yaml": "patches: [{path: p.yaml, target: {kind: Deployment}}]\n", "p.yaml": "spec: {replicas: 2}\n"})
    assert reasons(read(".")) == [("kustomization.yaml", "kustomization (not rendered)"), ("p.yaml", "kustomize patch")]


# -- counting ----------------------------------------------------------------------------------------------------------------------------


def test_a_file_is_counted_by_the_best_that_it_holds(here: Path) -> None:
    broken = "a: b: c\n"
    put({"a.yaml": f"{broken}---\n{manifest('a')}---\nb: 1\n", "b.yaml": f"b: 1\n---\n{broken}", "c.yaml": "c: 1\n"})
    reading = read(".")
    assert (reading.files, reading.files_judged, reading.files_unread, reading.files_not_judged) == (3, 1, 1, 1)
    assert (len(reading.documents), len(reading.unread), len(reading.not_judged)) == (1, 2, 3)


def test_a_pool_reads_the_same(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(FILES)
    put({f"t/{number}.yaml": f"a: 1\n---\n{manifest(str(number))}---\na: b: c\n" for number in range(70)})
    alone = read(".")
    used: list[int] = []

    def two(jobs: int) -> ProcessPoolExecutor:
        used.append(jobs)
        return ProcessPoolExecutor(2)

    monkeypatch.setattr(source, "pool", two)
    assert read_paths((".",), jobs=2).files == alone.files
    assert used == []  # so few files are not worth it
    monkeypatch.setattr(source, "_PARALLEL_FROM", 2)
    assert read_paths((".",), jobs=1).files == alone.files
    assert used == []
    together = read_paths((".",), jobs=2)
    assert used == [2]
    assert [repr(document) for document in together.documents] == [repr(document) for document in alone.documents]
    assert [document.raw for document in together.documents] == [document.raw for document in alone.documents]
    assert (together.unread, together.not_judged, together.folders) == (alone.unread, alone.not_judged, alone.folders)
    assert (together.files_judged, together.files_unread) == (alone.files_judged, alone.files_unread)


def test_progress(here: Path) -> None:
    put({f"{number:03}.yaml": manifest("a") for number in range(130)})
    seen: list[tuple[int, int]] = []
    read_paths((".",), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(64, 130), (128, 130), (130, 130)]


def test_nothing_of_the_walk_is_lost(here: Path) -> None:
    put({"a.yaml": "", "b": "", "c.md": "", "d.j2": ""})
    found = find((".",))
    assert sorted([*found.files, *(item.file for item in found.items)]) == ["a.yaml", "b", "c.md", "d.j2"]
    assert all(isinstance(item, NotJudged | Unread | Document) for item in found.items)
