"""Own rules on the command line: `--rules`, `mlaudit test`, and what is said where the evaluator is not installed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

from auditor.cli import main
from auditor.custom import cel, load_own
from auditor.custom.examples import test as run_examples
from auditor.custom.loading import load
from auditor.rule import Profile
from tests.custom.rules import POD, written

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "custom"
BAD = POD.replace("image: ghcr.io/example/vllm:0.19.0", "image: ghcr.io/example/vllm:latest  # finding")


def mlaudit(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit_:
        main(list(arguments))
    captured = capsys.readouterr()
    return int(exit_.value.code or 0), captured.out, captured.err


def tagged(folder: Path, **fields: object) -> Path:
    examples = {"bad": BAD, "good": POD}
    return written(folder, **{"when": 'container.tag == "latest"', "at": "image", "examples": examples, **fields})


def test_the_example_rules_pass(capsys: pytest.CaptureFixture[str]) -> None:
    assert mlaudit(capsys, "test", str(FIXTURES)) == (0, "11 rules, 27 examples: all pass\n", "")


def test_every_example_rule_is_complete() -> None:
    for own in load_own([FIXTURES]):
        assert own.draft.bad, own.rule.name
        assert own.draft.good, own.rule.name
        assert own.draft.why or own.draft.references, own.rule.name
        assert own.rule.profiles == {Profile.RECOMMENDED}


def test_own_rules_are_asked_beside_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules, manifest = tmp_path / "rules", tmp_path / "pod.yaml"
    rules.mkdir()
    tagged(rules, severity="high")
    manifest.write_text(BAD)
    code, out, _ = mlaudit(capsys, "scan", str(manifest), "--rules", str(rules), "-f", "json")
    found = {finding["rule"]: finding for finding in json.loads(out)["findings"]}
    assert code == 1
    assert {"own", "image-tag-floating"} <= found.keys()
    assert (found["own"]["line"], found["own"]["severity"]) == (7, "high")
    for option in (["--rule", "own"], ["--tag", "custom"]):
        code, out, _ = mlaudit(capsys, "scan", str(manifest), "--rules", str(rules), "-f", "json", *option)
        assert [finding["rule"] for finding in json.loads(out)["findings"]] == ["own"]
    code, out, _ = mlaudit(capsys, "scan", str(manifest), "--rules", str(rules), "-f", "json", "--exclude-rule", "own")
    assert "own" not in [finding["rule"] for finding in json.loads(out)["findings"]]
    code, _, err = mlaudit(capsys, "scan", str(manifest), "--rule", "own")
    assert (code, "there is no rule 'own'" in err) == (2, True)


def test_an_own_rule_that_fails_is_not_ours_to_mend(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pod.yaml").write_text(BAD)
    code, out, _ = mlaudit(capsys, "scan", str(tmp_path / "pod.yaml"), "--rules", str(written(tmp_path, when="1 / 0 == 1")))
    assert code == 3
    assert "Rules that failed: 1\n  own on Pod team-a/llm" in out


def test_wrong_rules_exit_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, when="container.imag == ''")
    for command in (["test", str(tmp_path)], ["rules", "--rules", str(tmp_path)], ["scan", str(FIXTURES), "--rules", str(tmp_path)]):
        code, out, err = mlaudit(capsys, *command)
        assert (code, out) == (2, "")
        assert err == f"mlaudit: {file}:6:16 undeclared reference to 'container.imag'; did you mean image?\n"


def test_own_rules_are_listed_and_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tagged(tmp_path, why="Because.")
    code, out, _ = mlaudit(capsys, "rules", "--rules", str(tmp_path), "--tag", "custom", "-f", "json")
    (entry,) = json.loads(out)
    assert (code, entry["name"], entry["topic"], entry["scope"], entry["profiles"]) == (0, "own", "custom", "container", ["recommended"])
    code, out, _ = mlaudit(capsys, "explain", "own", "--rules", str(tmp_path))
    assert out.startswith(
        "# own: Something\n\n- severity low, confidence high, judges each container\n- profiles recommended, production, strict\n"
    )
    for part in (
        "## Why it matters\nBecause.",
        '```cel\ncontainer.tag == "latest"\n```',
        "vllm:latest  # <- here",
        "## When to ignore",
        "## References",
    ):
        assert part in out
    code, _, err = mlaudit(capsys, "explain", "ovn", "--rules", str(tmp_path))
    assert (code, "did you mean own?" in err) == (2, True)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"examples": None}, "own.yaml:1 own: there is no bad example; write one under `examples`"),
        ({"examples": {"bad": BAD}}, "own.yaml:1 own: there is no good example; write one under `examples`"),
        ({"when": "false"}, "own.yaml:16 own: line 7 of the bad example: expected a finding, none"),
        ({"when": "true"}, "own.yaml:29 own: line 7 of the good example: unexpected finding: wrong"),
        ({"at": "name"}, "own.yaml:15 own: line 6 of the bad example: unexpected finding: wrong"),
        ({"examples": {"bad": POD, "good": POD}}, "own.yaml:9 own: the bad example marks no line"),
        ({"examples": {"bad": BAD, "good": "a: b\n"}}, "own.yaml:22 own: there is no Kubernetes object in the good example"),
        ({"examples": {"bad": BAD, "good": [POD, "apiVersion: v1\nkind: Pod\nmetadata: [\n"]}}, "is no YAML"),
        ({"when": "object.nothing == 1"}, "own.yaml:10 own: the rule fails on Pod team-a/llm in the bad example: EvaluationError"),
        ({"when": 'snapshot.kinds["Pod"] == 1'}, "expected a finding, none (skipped for want of all objects"),
    ],
)  # fmt: skip
def test_an_example_that_fails_is_said_by_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fields: dict[str, object], said: str
) -> None:
    yaml.SafeDumper.add_representer(str, _block)
    try:
        tagged(tmp_path, **fields)
    finally:
        yaml.SafeDumper.add_representer(str, yaml.representer.SafeRepresenter.represent_str)
    code, out, _ = mlaudit(capsys, "test", str(tmp_path))
    assert code == ("all pass" not in said)
    assert said in out, out


def _block(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


def test_one_rule_can_be_tested_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tagged(tmp_path)
    written(tmp_path, name="untested")
    assert mlaudit(capsys, "test", str(tmp_path), "--rule", "own")[:2] == (0, "1 rule, 2 examples: all pass\n")
    code, out, _ = mlaudit(capsys, "test", str(tmp_path))
    assert (code, out.splitlines()[-1]) == (1, "2 rules, 2 examples: 1 fail")
    code, _, err = mlaudit(capsys, "test", str(tmp_path), "--rule", "untest")
    assert (code, "did you mean untested?" in err) == (2, True)
    assert run_examples(load_own([tmp_path / "own.yaml"])[0]).failures == ()


def test_without_the_evaluator_its_extra_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path)
    monkeypatch.setitem(sys.modules, "cel_expr_python", None)
    cel._binding.cache_clear()
    cel.environment.cache_clear()
    try:
        code, _, err = mlaudit(capsys, "test", str(tmp_path))
        assert mlaudit(capsys, "rules", "-f", "names")[0] == 0
    finally:
        cel._binding.cache_clear()
        cel.environment.cache_clear()
    assert code == 2
    assert err == 'mlaudit: own rules need the package cel-expr-python, which is not here; install it with `pip install "mlaudit[cel]"`\n'


def test_rules_keep_their_order() -> None:
    names = [rule.name for rule in load([FIXTURES])]
    assert names == sorted(names)
