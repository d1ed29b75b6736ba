"""What is said of rules that are wrong: file, line, and a suggestion; all of it at once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from auditor.custom import load, load_own
from auditor.errors import ConfigError, UsageError
from auditor.rule import Profile, Role, Scope, Severity
from tests.custom.rules import written


def refused(file: Path) -> str:
    with pytest.raises(ConfigError) as error:
        load([file])
    assert error.value.exit_code == 2
    return str(error.value).replace(f"{file}:", "")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"sevrity": "high"}, "7 a rule has no 'sevrity'; did you mean severity?"),
        ({"severity": "hight"}, "3 'severity' cannot be 'hight'; did you mean high?"),
        ({"severity": 3}, "3 'severity' cannot be '3'; it is one of info, low, medium, high, critical"),
        ({"for": "pod"}, "4 'for' cannot be 'pod'; did you mean pod template?"),
        ({"for": None}, "1 the rule has no 'for'; what is judged, one after another: container, pod template, workload or object"),
        ({"when": True}, "6 'when' is a text; put it into quotes"),
        ({"when": " "}, "6 'when' is empty"),
        ({"message": None}, "1 the rule has no 'message'; the value found and why it is wrong, in one sentence"),
        ({"name": "No_Name"}, "1 'No_Name' is no name of a rule; write it like no-latest-tag"),
        ({"name": "image-tag-floating"}, "1 'image-tag-floating' is the name of a built-in rule; take another"),
        ({"profiles": ["prod"]}, "8 'profiles' cannot be 'prod'; did you mean production?"),
        ({"profiles": ["pss-baseline"]}, "8 'profiles' cannot be 'pss-baseline'; it is one of recommended, production, strict, cost"),
        ({"roles": ["trainer"]}, "8 'roles' cannot be 'trainer'; did you mean training?"),
        ({"for": "object", "accelerated": True}, "7 'accelerated' says something about workloads, and the rule is for objects"),
        ({"accelerated": "yes"}, "7 'accelerated' is true or false"),
        ({"references": ["page 3"]}, "8 'page 3' is no link"),
        ({"variables": [{"name": "a-b", "expression": "1"}]}, "8 'a-b' is no name for a variable"),
        ({"variables": [{"name": "a"}]}, "8 a variable has `name` and `expression`, and nothing else"),
        ({"variables": {"a": "1"}}, "7 'variables' is a list of at most 8"),
        ({"examples": {"worse": "a"}}, "7 'examples' has `bad` and `good`, and nothing else"),
        ({"examples": {"bad": 3}}, "8 an example is a text: a manifest"),
        ({"when": "x" * 5000}, "6 'when' is longer than 4,096 characters"),
        ({"kinds": [1]}, "7 'kinds' is a list of texts"),
    ],
)
def test_a_wrong_field_is_said_with_its_line(tmp_path: Path, fields: dict[str, Any], said: str) -> None:
    assert refused(written(tmp_path, **fields)).startswith(said)


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("container.imag == 'a'", "6:16 undeclared reference to 'container.imag'; did you mean image?"),
        ("contaner.image == 'a'", "6:15 undeclared reference to 'contaner.image'; did you mean container?"),
        ("container.image == 1", "6:23 found no matching overload for '_==_' applied to '(string, int)'"),
        ("container.image ==", "6:25 Syntax error: mismatched input '<EOF>'"),
        ("container.env.exists(e, e.nam == 'a')", "6:32 env has no field 'nam'; did you mean name?"),
        ("workload.templates.all(t, t.containers.all(c, c.env[0].x == 1))", "6:61 env has no field 'x'; name, value, sourced"),
        ("workload.containers.map(c, c.imag) == []", "6:35 container has no field 'imag'; did you mean image?"),
        ("template.volumes.filter(v, has(v.name)).size() > 0", "6:37 the field 'name' of volume is always there; compare it"),
        ("container.image.format([]) == ''", "6:29 format() may not be used in rules"),
        ("container.image.matches(container.tag)", "6:30 matches() needs its pattern as a literal"),
        ("container.env.exists(container, true)", "6:27 a macro may not call its entry 'container'; take another word"),
        ("variables.a == 1", "6:7 there is no variable 'a'; a variable is defined before it is named"),
        ("container.name", "6 'when' is true or false, and this is string"),
        ("variables", "6:7 undeclared reference to 'variables'"),
        ("1 + 1", "6 'when' is true or false, and this is int"),
    ],
)
def test_a_wrong_expression_is_said_with_its_column(tmp_path: Path, when: str, said: str) -> None:
    file = written(tmp_path, when="x")
    file.write_text(file.read_text().replace("when: x", f"when: {when}"))
    assert refused(file).startswith(said)


def test_a_field_of_another_scope_is_explained(tmp_path: Path) -> None:
    file = written(tmp_path, **{"for": "workload", "when": "container.image == ''"})
    assert "; a rule for a workload speaks of workload, object, snapshot" in refused(file)


def test_a_place_in_a_block_of_text_is_a_place_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    head = "# a comment\nname: own\ntitle: a\nseverity: low\nfor: container\nmessage: a\n"
    file.write_text(head + "when: |\n  true\n    && container.imag == ''\n")
    assert refused(file).startswith("9:17 undeclared reference to 'container.imag'")
    file.write_text(head + 'when: "true && container.imag == 3"\n')
    assert refused(file).startswith("7:25 undeclared reference")
    file.write_text(head + "when: >-\n  true\n    && container.imag == ''\n")
    assert refused(file).startswith("7 undeclared reference")
    file.write_text(
        head
        + "variables:\n- name: a\n  expression: |\n    1 +\n    container.imag\n"
        + "- {name: b, expression: variables.a + 1}\nwhen: variables.b > 1\n"
    )
    assert refused(file).startswith("11:14 undeclared reference to 'container.imag'")
    file.write_text(head + "variables:\n- name: a\n  expression: container.image\nwhen: |\n  variables.a == ''\n\n  || variables.a == 3\n")
    assert refused(file).startswith("13:18 found no matching overload")
    file.write_text(head + "variables:\n- {name: a, expression: container.image}\nwhen: |\n  variables.a == (1\n")
    assert refused(file).startswith("10:20 Syntax error: it ends too early")


def test_all_mistakes_are_said_at_once(tmp_path: Path) -> None:
    written(tmp_path, name="one", when="container.x == 1", severity="bad")
    written(tmp_path, name="two", title=None)
    (tmp_path / "three.yaml").write_text("name: [")
    (tmp_path / "four.yaml").write_text("- a\n")
    (tmp_path / "five.yaml").write_text("name: own\nname: other\n")
    (tmp_path / "six.yaml").write_text((tmp_path / "two.yaml").read_text())
    with pytest.raises(ConfigError) as error:
        load([tmp_path])
    lines = str(error.value).split("\n")
    assert lines[0] == "8 mistakes in rules:"
    assert len(lines) == 9
    for file, what in (
        ("one.yaml:3", "'severity' cannot"), ("one.yaml:6", "undeclared reference"), ("two.yaml:1", "has no 'title'"),
        ("three.yaml:1", "is no YAML"),
        ("four.yaml:1", "holds no mapping"), ("five.yaml:2", "says name again"), ("two.yaml:1", "is the name of the rule at"),
    ):  # fmt: skip
        assert any(file in line and what in line for line in lines), (file, what)


def test_a_rule_becomes_a_rule(tmp_path: Path) -> None:
    file = written(
        tmp_path, severity="high", confidence="low", profiles=["strict"], tags=["money"], kinds=["Job"], roles=["training"],
        accelerated=True, why="Because.", ignore="Never.", references=["https://example.org/a"],
    )  # fmt: skip
    (rule,) = load([file])
    assert (rule.name, rule.topic, rule.severity, rule.scope) == ("own", "custom", Severity.HIGH, Scope.CONTAINER)
    assert (rule.profiles, rule.roles, rule.kinds) == (frozenset({Profile.STRICT}), frozenset({Role.TRAINING}), frozenset({"Job"}))
    for part in ("Wrong.", "## Why it matters\nBecause.", "```cel\ntrue\n```", "## When to ignore\nNever.", "- https://example.org/a"):
        assert part in rule.page
    assert load([written(tmp_path, name="b")])[0].profiles == frozenset({Profile.RECOMMENDED})


def test_files_are_found_at_all_depths_and_hold_several_rules(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    file = written(deep, name="one")
    file.write_text(file.read_text() + "---\n" + file.read_text().replace("name: one", "name: two") + "---\n# nothing\n")
    written(tmp_path, name="three").rename(tmp_path / "three.yml")
    written(tmp_path, name="four").rename(tmp_path / "four.txt")
    (tmp_path / ".git").mkdir()
    written(tmp_path / ".git", name="five")
    assert [own.rule.name for own in load_own([tmp_path, deep])] == ["one", "three", "two"]


def test_what_is_no_file_of_rules_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file or folder of rules"):
        load([tmp_path / "missing"])
    with pytest.raises(UsageError, match="there is no rule in"):
        load([tmp_path])
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(UsageError, match="is no regular file"):
        load([tmp_path / "pipe.yaml"])
    with pytest.raises(UsageError, match="there is no rule in"):
        load([tmp_path])


def test_rules_of_a_configuration_stay_in_its_tree(tmp_path: Path) -> None:
    tree, outside = tmp_path / "tree", tmp_path / "outside"
    tree.mkdir()
    outside.mkdir()
    secret = written(outside)
    with pytest.raises(ConfigError, match="lie outside"):
        load([tree / ".." / "outside"], tree)
    (tree / "folder").symlink_to(outside)
    with pytest.raises(ConfigError, match="lie outside"):
        load([tree / "folder"], tree)
    rules = tree / "rules"
    rules.mkdir()
    (rules / "linked").symlink_to(outside)
    written(rules, name="inside")
    assert [rule.name for rule in load([rules], tree)] == ["inside"]
    (rules / "a.yaml").symlink_to(secret)
    with pytest.raises(ConfigError, match="leads outside"):
        load([rules], tree)
    assert [rule.name for rule in load([rules])] == ["inside", "own"]
