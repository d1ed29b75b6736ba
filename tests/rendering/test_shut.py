"""Nothing runs, and nothing is fetched, unless the user asks; and a tool that misbehaves is stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from auditor.cli import cli
from auditor.errors import UsageError
from auditor.source.rendering import tools
from tests.rendering.conftest import Tree

Fake = Callable[[str, str], Path]
TREE = {
    "k/kustomization.yaml": "resources: [pod.yaml]\n",
    "k/pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: 'example.com/a:1'}]}\n",
    "c/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n",
    "c/templates/x.yaml": "a: {{ .Values.b }}\n",
}


def scan(*arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(cli, ["scan", *arguments, "-f", "json", "--exit-zero"], standalone_mode=False)
    if done.exception:
        raise done.exception
    report: dict[str, Any] = json.loads(done.output)
    return report


def test_without_the_option_nothing_runs_and_that_is_said(tree: Tree, fake: Fake) -> None:
    marks = [fake(name, "exit 1") for name in ("kubectl", "kustomize", "helm")]
    tree(TREE)
    report = scan(".")
    assert not any(mark.exists() for mark in marks)
    assert report["not_judged"]["kustomization (not rendered)"] == 1
    assert report["not_judged"]["Helm chart (not rendered)"] == 1
    assert report["unread"] == []


@pytest.mark.parametrize(
    "kustomization",
    [
        "resources: ['https://example.com/a.yaml']",
        "resources: ['github.com/example/repository//base?ref=v1']",
        "resources: ['git@example.com:a/b.git']",
        "bases: ['git::ssh://example.com/x']",
        "components: ['https://example.com/c']",
        "resources: [pod.yaml]\npatches: [{path: 'https://example.com/patch.yaml'}]",
        "resources: [pod.yaml]\nconfigMapGenerator: [{name: a, files: ['x=https://example.com/a']}]",
        "resources: [pod.yaml]\ncrds: ['http://example.com/crd.yaml']",
        "resources: [pod.yaml]\nopenapi: {path: 'https://example.com/schema.json'}",
    ],
)
def test_what_would_be_fetched_is_refused_before_anything_runs(tree: Tree, fake: Fake, kustomization: str) -> None:
    mark = fake("kustomize", "exit 1")
    tree({**TREE, "k/kustomization.yaml": kustomization + "\n"})
    report = scan("--kustomize", "k")
    assert not mark.exists()
    assert "which is not in this tree" in report["unread"][0]["reason"]
    assert report["unread"][0]["remedy"] == "let kustomize fetch it with --render-remote"


def test_a_remote_base_far_down_is_found(tree: Tree, fake: Fake) -> None:
    mark = fake("kustomize", "exit 1")
    tree({"a/kustomization.yaml": "resources: [../b]\n", "b/kustomization.yaml": "resources: ['https://example.com/x']\n"})
    assert "b/kustomization.yaml names" in scan("--kustomize", "a")["unread"][0]["reason"]
    assert not mark.exists()


@pytest.mark.parametrize("inside", [True, False], ids=["inside of the tree", "out of it"])
def test_a_chart_with_a_link_out_of_its_tree_is_not_rendered(tree: Tree, fake: Fake, tmp_path: Path, inside: bool) -> None:
    """Its templates could print whatever the user may read."""
    mark = fake("helm", "exit 1")
    tree({**TREE, "common/far/x.txt": "x", ".git/HEAD": "x"})
    Path("c/common").symlink_to("../common")
    Path("common/far/link").symlink_to("x.txt" if inside else tmp_path)
    Path("common/far/round").symlink_to("..")
    (unread,) = [entry for entry in scan("--render", "c")["unread"] if entry["file"] == "c/Chart.yaml"]
    assert mark.exists() == inside
    assert inside or unread["reason"] == "cannot be rendered: c/common/far/link is a symbolic link out of the tree"


def test_a_base_out_of_the_repository_is_not_drawn_in(tree: Tree, fake: Fake, tmp_path: Path) -> None:
    mark = fake("kustomize", "exit 1")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "kustomization.yaml").write_text("resources: []\n")
    tree({**TREE, "k/kustomization.yaml": "resources: [../../other]\n", ".git/HEAD": "x"})
    assert scan("--kustomize", "k")["unread"][0]["reason"] == (
        "cannot be rendered: k/kustomization.yaml names '../../other', which is out of the repository"
    )
    assert not mark.exists()


def test_the_network_is_shut_unless_the_user_opens_it(tree: Tree, fake: Fake) -> None:
    fake("kustomize", 'echo "$HTTPS_PROXY,$GIT_ALLOW_PROTOCOL" >&2; exit 1')
    tree({**TREE, "r/kustomization.yaml": "resources: ['https://example.com/x']\n"})
    assert "127.0.0.1:9,none" in scan("--kustomize", "k")["unread"][0]["reason"]
    assert "127.0.0.1:9" not in scan("--kustomize", "r", "--render-remote")["unread"][0]["reason"]


def test_a_tool_that_hangs_is_stopped_with_its_children(tree: Tree, fake: Fake, tmp_path: Path) -> None:
    fake("kustomize", f"(sleep 3; touch '{tmp_path}/late') &\nsleep 60")
    tree(TREE)
    began = time.monotonic()
    report = scan("--kustomize", "k", "--render-timeout", "1s")
    assert "took longer than 1 s and was stopped" in report["unread"][0]["reason"]
    assert report["unread"][0]["remedy"] == "give it more with --render-timeout"
    assert time.monotonic() - began < 20
    time.sleep(2.5)
    assert not (tmp_path / "late").exists()


def test_a_tool_that_floods_is_stopped(tree: Tree, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "MAX_OUTPUT", 1_000_000)
    fake("helm", "while :; do printf '%01000d' 0; done")
    tree(TREE)
    assert "wrote more than" in next(u["reason"] for u in scan("c", "--render")["unread"])


def test_a_tool_that_is_missing_is_named_and_files_are_judged(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    tree(TREE)
    report = scan(".", "--render")
    assert [(u["file"], u["remedy"]) for u in report["unread"]] == [
        ("k/kustomization.yaml", "install kustomize or kubectl"),
        ("c/Chart.yaml", "install helm"),
    ]
    assert report["summary"]["objects"] == 1


def test_what_a_tool_says_is_one_printable_line(tree: Tree, fake: Fake) -> None:
    fake("kustomize", "printf 'Error: a\\n\\033[31mred\\033[0m \\342\\200\\256b' >&2; exit 1")
    tree(TREE)
    reason = scan("--kustomize", "k")["unread"][0]["reason"]
    assert "\n" not in reason
    assert "\x1b" not in reason


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--helm-values", "x.yaml", "."), "--helm-values says something about rendering"),
        (("--render-remote", "."), "--render-remote says something about rendering"),
        (("--render", ".", "--cost", "--base", "main"), "--base compares files as git holds them"),
        (("--kustomize", "c"), "there is no kustomization in 'c'"),
        (("--render", ".", "--render-timeout", "soon"), "'soon' is no time"),
        ((), "there is nothing to scan"),
    ],
)
def test_options_that_cannot_be_meant(tree: Tree, arguments: tuple[str, ...], message: str) -> None:
    tree(TREE)
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        scan(*arguments)
