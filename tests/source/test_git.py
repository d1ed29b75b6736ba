"""Files at a revision, from real repositories."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.document import Document
from auditor.errors import SourceError, UsageError
from auditor.source import git
from auditor.source.files import is_read
from auditor.source.revision import LINK, MISSING, POINTER, SUBMODULE, read_revision

SETTINGS = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {}}}\ndata: {{a: b}}\n"
POINTER_TEXT = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"

Git = Callable[..., str]


def command(folder: Path) -> Git:
    def run(*arguments: str) -> str:
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com",
            "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com",
        }  # fmt: skip
        done = subprocess.run(["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.chdir(folder)
    run = command(folder)
    run("init", "-q", "-b", "main")
    for name in ("a.yaml", "k8s/b.yaml", "k8s/deep/c.yml", "README.txt", "node_modules/d.yaml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(SETTINGS.format(Path(name).stem))
    run("add", ".")
    run("commit", "-qm", "first")
    return folder


def names(repository: git.Repository, commit: str, *paths: str) -> list[str]:
    return [blob.name for blob in repository.tree(commit, paths, is_read).files]


def objects(repository: git.Repository, commit: str, *paths: str) -> list[str]:
    return [document.ref.name for document in read_revision(repository, commit, paths).documents]


def test_files_have_the_names_that_a_scan_shows(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = git.repository(["."])
    commit = repository.commit("HEAD")
    assert names(repository, commit, ".") == ["a.yaml", "k8s/b.yaml", "k8s/deep/c.yml"]
    assert names(repository, commit, "k8s/") == ["k8s/b.yaml", "k8s/deep/c.yml"]
    assert names(repository, commit, str(root / "k8s")) == [f"{root}/k8s/b.yaml", f"{root}/k8s/deep/c.yml"]
    assert names(repository, commit, "README.txt") == ["README.txt"], "a file that was asked for is read whatever it is called"
    assert names(repository, commit, "k8s", "k8s/deep", ".") == ["k8s/b.yaml", "k8s/deep/c.yml", "a.yaml"], "each once"
    monkeypatch.chdir(root / "k8s" / "deep")
    assert names(git.repository(["."]), commit, ".") == ["c.yml"]
    assert names(git.repository([".."]), commit, "..") == ["../b.yaml", "../deep/c.yml"]


def test_contents_are_those_of_the_commit_and_not_of_the_working_tree(root: Path) -> None:
    (root / "a.yaml").write_text(SETTINGS.format("changed"))
    (root / "k8s" / "b.yaml").unlink()
    (root / "new.yaml").write_text(SETTINGS.format("new"))
    repository = git.repository(["."])
    before = {path.name: path.stat().st_mtime_ns for path in (root / ".git").iterdir()}
    assert objects(repository, repository.commit("main"), ".") == ["a", "b", "c"]
    assert {path.name: path.stat().st_mtime_ns for path in (root / ".git").iterdir()} == before, "nothing is written"


def test_documents_have_the_same_places_as_in_files(root: Path) -> None:
    repository = git.repository(["."])
    reading = read_revision(repository, repository.commit("HEAD"), (".",))
    assert [(document.file, document.line) for document in reading.documents if isinstance(document, Document)] == [
        ("a.yaml", 1),
        ("k8s/b.yaml", 1),
        ("k8s/deep/c.yml", 1),
    ]


def test_what_was_not_there_holds_nothing(root: Path) -> None:
    (root / "later").mkdir()
    (root / "later" / "x.yaml").write_text(SETTINGS.format("x"))
    repository = git.repository(["later"])
    assert names(repository, repository.commit("HEAD"), "later") == []


def test_merge_base_is_where_branches_parted(root: Path) -> None:
    run = command(root)
    first = run("rev-parse", "HEAD")
    run("checkout", "-q", "-b", "feature")
    (root / "a.yaml").write_text(SETTINGS.format("feature"))
    run("commit", "-qam", "on the branch")
    run("checkout", "-q", "main")
    (root / "a.yaml").write_text(SETTINGS.format("main"))
    run("commit", "-qam", "on main")
    run("checkout", "-q", "feature")
    repository = git.repository(["."])
    assert repository.merge_base("main") == first
    assert repository.merge_base("HEAD~1") == first
    assert repository.commit("main") != first


def test_annotated_tags_stand_for_their_commit(root: Path) -> None:
    run = command(root)
    run("tag", "-a", "v1.0", "-m", "release")
    assert git.repository(["."]).commit("v1.0") == run("rev-parse", "HEAD")


def test_other_working_trees(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command(root)("worktree", "add", "-q", str(tmp_path / "other"), "-b", "other")
    monkeypatch.chdir(tmp_path / "other")
    repository = git.repository(["."])
    assert repository.root == str(tmp_path / "other")
    assert objects(repository, repository.merge_base("main"), "k8s") == ["b", "c"]


def test_names_of_every_sort(root: Path) -> None:
    for name in ("with space.yaml", "ümläut.yaml", "tab\tname.yaml", ":(top)x.yaml", "*.yaml", "line\nbreak.yaml"):
        (root / name).write_text(SETTINGS.format("x"))
    command(root)("add", ".")
    command(root)("commit", "-qm", "names")
    repository = git.repository(["."])
    commit = repository.commit("HEAD")
    assert len(names(repository, commit, ".")) == 9
    assert names(repository, commit, "*.yaml") == ["*.yaml"]
    assert names(repository, commit, ":(top)x.yaml") == [":(top)x.yaml"]
    assert len(objects(repository, commit, ".")) == 9


def test_links_submodules_and_pointers_are_counted_and_not_read(root: Path, tmp_path: Path) -> None:
    run = command(root)
    (tmp_path / "secret.yaml").write_text(SETTINGS.format("secret"))
    (root / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    (root / "large.yaml").write_text(POINTER_TEXT)
    run("add", ".")
    run("update-index", "--add", "--cacheinfo", f"160000,{run('rev-parse', 'HEAD')},module")
    run("commit", "-qm", "others")
    repository = git.repository(["."])
    reading = read_revision(repository, repository.commit("HEAD"), (".",))
    assert {(item.file, item.reason) for item in reading.not_judged} == {
        ("link.yaml", LINK),
        ("module", SUBMODULE),
        ("large.yaml", POINTER),
    }
    assert [document.ref.name for document in reading.documents] == ["a", "b", "c"]


def test_large_files_are_not_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.source.revision.MAX_BYTES", 10)
    repository = git.repository(["."])
    reading = read_revision(repository, repository.commit("HEAD"), (".",))
    assert not reading.documents
    assert len(reading.unread) == 3


def test_too_many_files_and_bytes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = git.repository(["."])
    commit = repository.commit("HEAD")
    monkeypatch.setattr(git, "MAX_TOTAL", 10)
    with pytest.raises(SourceError, match="of files in git"):
        objects(repository, commit, ".")
    monkeypatch.setattr(git, "MAX_FILES", 2)
    with pytest.raises(SourceError, match="more than 2 files"):
        objects(repository, commit, ".")


@pytest.mark.parametrize(
    "ref",
    [
        "--upload-pack=touch x", "-x", "--output=x", "", " main", "main feature", "a..b", "main:a.yaml", "main^{tree}", ":/first", "^main",
        "main\n--all", "\x00", "a\\b", "x" * 501, "refs/heads/", "@{-1}", "main@{yesterday}",
    ],
)  # fmt: skip
def test_what_is_no_name_of_a_revision_is_refused(root: Path, ref: str) -> None:
    with pytest.raises(UsageError, match="is no name of a revision"):
        git.repository(["."]).commit(ref)
    assert sorted(path.name for path in root.iterdir()) == [".git", "README.txt", "a.yaml", "k8s", "node_modules"]


@pytest.mark.parametrize("ref", ["main", "HEAD", "@", "refs/heads/main", "HEAD^0", "main~0", "main^0~0", "HEAD@{0}"])
def test_names_of_revisions(root: Path, ref: str) -> None:
    assert git.repository(["."]).commit(ref) == command(root)("rev-parse", "HEAD")


def test_unknown_revisions_say_what_to_do(root: Path) -> None:
    with pytest.raises(UsageError, match="git knows no revision 'missing' here; fetch it first"):
        git.repository(["."]).merge_base("missing")
    command(root)("update-ref", "refs/remotes/origin/release", "HEAD")
    with pytest.raises(UsageError, match="did you mean origin/release"):
        git.repository(["."]).merge_base("release")


def test_shallow_clones_say_what_to_do(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = command(root)
    run("branch", "old")
    run("checkout", "-q", "-b", "feature")
    (root / "a.yaml").write_text(SETTINGS.format("two"))
    run("commit", "-qam", "second")
    run("commit", "-q", "--allow-empty", "-m", "third")
    command(tmp_path)("clone", "-q", "--depth=1", "--no-single-branch", f"file://{root}", "shallow")
    monkeypatch.chdir(tmp_path / "shallow")
    repository = git.repository(["."])
    assert repository.shallow
    with pytest.raises(UsageError, match=r"this clone is shallow.*git fetch --unshallow"):
        repository.merge_base("origin/old")
    for unknown in ("gone", "origin/gone"):
        remedy = "run `git fetch --unshallow origin gone:refs/remotes/origin/gone`, or check out with `fetch-depth: 0`"
        with pytest.raises(UsageError, match=f"git knows no revision '{unknown}' here; {remedy}"):
            repository.merge_base(unknown)
    for unknown in ("HEAD~5", "1234567", "FETCH_HEAD"):
        with pytest.raises(UsageError, match=f"git knows no revision '{unknown}' here; run `git fetch --unshallow`, or check out"):
            repository.merge_base(unknown)
    assert objects(repository, repository.merge_base("HEAD"), ".") == ["two", "b", "c"]


def test_a_clone_of_one_branch_is_told_how_to_get_another(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = command(root)
    run("branch", "team/old")
    run("commit", "-q", "--allow-empty", "-m", "second")
    run("commit", "-q", "--allow-empty", "-m", "third")
    command(tmp_path)("clone", "-q", "--depth=1", f"file://{root}", "shallow")
    monkeypatch.chdir(tmp_path / "shallow")
    repository = git.repository(["."])
    with pytest.raises(UsageError, match="run `git fetch ") as said:
        repository.merge_base("origin/team/old")
    command(tmp_path / "shallow")(*said.value.remedy.split("`")[1].split()[1:])
    assert repository.merge_base("origin/team/old") == run("rev-parse", "team/old")
    with pytest.raises(UsageError, match="did you mean origin/team/old"):
        repository.merge_base("team/old")
    with pytest.raises(UsageError, match="run `git fetch origin other:refs/remotes/origin/other`, or check its name"):
        repository.merge_base("origin/other")


def test_partial_clones_fetch_nothing(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command(root)("config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "partial"
    command(tmp_path)("clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{root}", str(clone))
    command(clone)("config", "remote.origin.uploadpack", f"touch {tmp_path}/executed; git-upload-pack")
    monkeypatch.chdir(clone)
    repository = git.repository(["."])
    try:
        reading = read_revision(repository, repository.commit("HEAD"), (".",))
    except SourceError as error:
        assert "git" in str(error)
    else:
        assert {item.reason for item in reading.not_judged} == {MISSING}
    assert not (tmp_path / "executed").exists()


def test_histories_without_anything_in_common(root: Path) -> None:
    run = command(root)
    run("checkout", "-q", "--orphan", "other")
    run("commit", "-qm", "other root")
    with pytest.raises(UsageError, match="no commit in common"):
        git.repository(["."]).merge_base("main")


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_before_the_first_commit_there_was_nothing(algorithm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command(tmp_path)("init", "-q", f"--object-format={algorithm}")
    (tmp_path / "a.yaml").write_text(SETTINGS.format("a"))
    monkeypatch.chdir(tmp_path)
    repository = git.repository(["."])
    for head in ("HEAD", "@"):
        assert objects(repository, repository.merge_base(head), ".") == []
    with pytest.raises(UsageError, match="this git repository has no commit yet"):
        repository.merge_base("main")


def test_paths_outside_of_a_repository(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    with pytest.raises(UsageError, match="lies in no git repository"):
        git.repository([str(outside)])
    with pytest.raises(UsageError, match="lies in no git repository"):
        git.repository([".", str(outside)])
    command(outside)("init", "-q")
    with pytest.raises(UsageError, match="several git repositories"):
        git.repository([".", str(outside)])
    repository = git.repository(["."])
    with pytest.raises(UsageError, match="outside of the git repository"):
        repository.tree(repository.commit("HEAD"), ["../outside"], is_read)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_repositories_of_others_say_what_to_do(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(root.parent))
    os.chown(root, 12345, 12345)
    os.chown(root / ".git", 12345, 12345)
    with pytest.raises(UsageError, match=r"repository of somebody else; trust it: `git config --global --add safe\.directory"):
        git.repository(["."])
    (root.parent / ".gitconfig").write_text(f"[safe]\n\tdirectory = {root}\n")
    assert git.repository(["."]).root == str(root)


def test_without_git(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UsageError, match="git is not installed"):
        git.repository(["."])


def test_configuration_executes_nothing(root: Path, tmp_path: Path) -> None:
    run = command(root)
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch {tmp_path}/executed\ncat\n")
    script.chmod(0o755)
    (root / ".gitattributes").write_text("*.yaml filter=evil diff=evil\n")
    for name in ("post-checkout", "pre-commit", "reference-transaction", "post-index-change"):
        (root / ".git" / "hooks").mkdir(exist_ok=True)
        (root / ".git" / "hooks" / name).symlink_to(script)
    for key in (
        "core.fsmonitor", "core.pager", "core.sshCommand", "core.askPass", "core.gitProxy", "core.editor", "diff.external",
        "filter.evil.smudge",
        "filter.evil.clean", "filter.evil.process", "diff.evil.textconv", "diff.evil.command", "credential.helper", "pager.cat-file",
        "pager.ls-tree", "alias.ls-tree", "alias.cat-file", "gpg.program", "uploadpack.packObjectsHook", "core.alternateRefsCommand",
    ):  # fmt: skip
        run("config", key, f"!{script}" if key.startswith("alias") else str(script))
    repository = git.repository(["."])
    assert objects(repository, repository.merge_base("main"), ".") == ["a", "b", "c"]
    assert not (tmp_path / "executed").exists()


def test_variables_of_a_hook_lead_nowhere_else(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))
    repository = git.repository(["."])
    assert objects(repository, repository.commit("HEAD"), "a.yaml") == ["a"]
    assert not (tmp_path / "trace").exists()
