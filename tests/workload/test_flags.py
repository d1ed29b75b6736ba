"""Command lines taken apart: shell scripts, flags, and what nobody can know."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.document import Document, ObjectRef, Unknown
from auditor.workload import Container, Workload
from auditor.workload.flags import commands_of, flag_in, flags_of, split_script


def container(**raw: Any) -> Container:
    document = Document(ObjectRef("", "v1", "Pod", "", "p"), {"spec": {"containers": [{"name": "c", **raw}]}}, file="p.yaml")
    return next(Workload(document).containers)


@pytest.mark.parametrize(
    ("script", "commands"),
    [
        ("a b c", [("a", "b", "c")]),
        ("a; b && c || d | e &\nf", [("a",), ("b",), ("c",), ("d",), ("e",), ("f",)]),
        ("a \\\n  --b\n", [("a", "--b")]),
        ("a \\\r\n  --b\r\n", [("a", "--b")]),
        ('a \'b c\' "d \\"e\\" $f" g\\ h', [("a", "b c", 'd "e" $f', "g h")]),
        ("a --b='c d'", [("a", "--b=c d")]),
        ("# it's a comment\na # another\nb#c", [("a",), ("b#c",)]),
        ("a > out 2>&1 < in --b", [("a", "--b")]),
        ("a 2> err.log 1", [("a", "1")]),
        ('cat <<EOF > f\n--tp 9 "\nEOF\nb', [("cat",), ("b",)]),
        ("cat <<-'END'\n\tit's\n\tEND\nb", [("cat",), ("b",)]),
        ("a <<< text", [("a",)]),
        ("a ${X:-b c} $(date +%s) {{ .Values.x }} <your-model>", [("a", "${X:-b c}", "$(date +%s)", "{{ .Values.x }}", "<your-model>")]),
        ("while true; do sleep 1; done", [("while", "true"), ("do", "sleep", "1"), ("done",)]),
        ("(a; b)", [("a",), ("b",)]),
        ("a it's", [("a", "it's")]),
        ('a "b', [("a", '"b')]),
        ("a ''", [("a", "")]),
        ("", []),
        (" \n;;& ", []),
    ],
)
def test_scripts_are_split_into_simple_commands(script: str, commands: list[tuple[str, ...]]) -> None:
    assert list(split_script(script)) == commands


@pytest.mark.parametrize(
    ("words", "commands"),
    [
        (["vllm", "serve", "a model"], [("vllm", "serve", "a model")]),
        (["sh", "-c", "a b; c"], [("a", "b"), ("c",)]),
        (["/bin/bash", "-lc", "a"], [("a",)]),
        (["bash", "-euxo", "pipefail", "-c", "a"], [("a",)]),
        (["bash", "-o", "pipefail", "-ec", "a", "$0"], [("a",)]),
        (["bash", "-c", "--", "a b"], [("a", "b")]),
        (["tini", "--", "sh", "-c", "a"], [("a",)]),
        (["bash", "-c", "a; bash -c 'b c'"], [("a",), ("b", "c")]),
        (["bash", "run.sh", "-c", "x"], [("bash", "run.sh", "-c", "x")]),
        (["bash", "--rcfile"], [("bash", "--rcfile")]),
        (["sh", "-c"], [("sh", "-c")]),
        (["python train.py --epochs 3"], [("python", "train.py", "--epochs", "3")]),
        (["python"], [("python",)]),
        ([], []),
    ],
)
def test_what_a_list_of_words_runs(words: list[str], commands: list[tuple[str, ...]]) -> None:
    assert list(commands_of(words)) == commands


def test_shells_within_shells_end() -> None:
    script = "a"
    for _ in range(20):
        script = f"sh -c '{script}'"
    assert len(list(commands_of(["sh", "-c", script]))) >= 1


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (["--tp", "4"], "4"),
        (["--tp=4"], "4"),
        (["-t", "4"], "4"),
        (["--tp", "2", "--tp=4"], "4"),
        (["--tp=4", "-t", "2"], "2"),
        (["--tp"], ""),
        (["--tp", "--other", "4"], ""),
        (["--tp=", "4"], ""),
        (["--tp", "-1"], "-1"),
        (["--tp 4"], "4"),
        (["--tp=a=b"], "a=b"),
        (["--tps=4"], None),
        (["4", "tp"], None),
        ([], None),
        (["--tp=${TP}"], Unknown("${TP}", "placeholder")),
        (["--tp", "$(TP)"], Unknown("$(TP)", "placeholder")),
        (["--tp", "{{ tp }}"], Unknown("{{ tp }}", "placeholder")),
        (["--tp=2", "--tp", "$TP"], Unknown("$TP", "placeholder")),
    ],
)
def test_the_value_of_a_flag(words: list[str], value: str | Unknown | None) -> None:
    assert flag_in(flags_of(words), "--tp", "-t") == value


def test_dashes_and_underscores_are_the_same() -> None:
    assert flag_in(flags_of(["--nproc_per_node=8"]), "--nproc-per-node") == "8"
    assert flag_in(flags_of(["--nproc-per-node=8"]), "--nproc_per_node") == "8"


def test_flags_of_a_container_come_from_command_args_and_scripts() -> None:
    assert container(command=["vllm", "serve"], args=["--tp", 4]).flag("--tp") == "4"
    assert container(command=["sh", "-c"], args=["vllm serve m \\\n  --tp=4 && echo --tp"]).flag("--tp") == ""
    assert container(args=["--tp", "4"]).flag("--other") is None
    assert container(command=["bash"], source="vllm serve --tp 4").flag("--tp") == "4"
    assert container(command=["python"], source="print('--tp 4')").flag("--tp") is None
    assert container().flag("--tp") is None


@pytest.mark.parametrize("value", [None, 5, True, {}, [None, {}, ["x"]], "", [""]])
def test_a_command_of_the_wrong_type_has_no_flags(value: object) -> None:
    assert container(command=value, args=value, source=5).flag("--tp") is None


def test_the_place_of_a_word_is_the_last_entry_that_mentions_it() -> None:
    item = ("spec", "containers", 0)
    assert container(args=["--tp", "2", "--tp_size=4", "--tp", "4"]).word_path("--tp") == (*item, "args", 3)
    assert container(args=["--tp_size=4"]).word_path("--tp-size", "-t") == (*item, "args", 0)
    assert container(command=["sh", "-c", "a --tp 4"], args=["x"]).word_path("--tp") == (*item, "command", 2)
    assert container(command="a --tp 4").word_path("--tp") == (*item, "command")
    assert container(args=["--tps"]).word_path("--tp") == item


@given(st.text(alphabet="ab-= \t\n'\"\\;&|$(){}<>#E", max_size=200))
def test_no_script_breaks_the_splitting(script: str) -> None:
    for command in commands_of(["sh", "-c", script]):
        assert command
        flags_of(command)


@pytest.mark.parametrize("text", ["{{", "${", "$(", "<a", "'", '"\\"', "<<EOF", "<<a\n", "\\", "#", "a ;"])
def test_long_scripts_take_time_in_proportion(text: str) -> None:
    """Patterns that look far ahead would make these take minutes."""
    assert list(split_script(text * 20_000)) is not None
