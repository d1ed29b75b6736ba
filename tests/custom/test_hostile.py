"""Rules written by an attacker end in time, stay small, and never take the process down. Each runs in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.custom.rules import written

_RUN = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
from pathlib import Path
from auditor.errors import ConfigError
from tests.custom.rules import judged
number = int(sys.argv[2])
container = {"name": "c", "image": "abc" * number, "env": [{"name": "a" * 50, "value": "b" * 50}] * number}
pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [container]}}
try:
    outcome = judged(Path(sys.argv[1]), json.dumps(pod))
    print("judged", len(outcome.findings), [failure.error for failure in outcome.failures])
except ConfigError as error:
    print("refused", error)
"""


def run(file: Path, size: int = 3, timeout: float = 60) -> str:
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", _RUN, str(file), str(size)], capture_output=True, text=True, cwd=root, timeout=timeout, check=False
    )
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:])
    return done.stdout


GROWING = "['" + "x" * 16 + "']" + ".map(x, x + x)" * 26
EIGHTFOLD = " + ".join(["variables.v{}"] * 8)
REFUSED: dict[str, dict[str, Any]] = {
    "a text that doubles": {"when": f"{GROWING}[0].size() > 0"},
    "a text that doubles in variables": {
        "variables": [
            {"name": "v0", "expression": f"'{'x' * 4000}'"},
            *({"name": f"v{n}", "expression": EIGHTFOLD.replace("{}", str(n - 1))} for n in range(1, 8)),
        ],
        "when": "variables.v7.size() > 1",
    },
    "a list that doubles": {"when": "[1]" + ".map(x, [x, x])" * 22 + " == [1]" + ".map(x, [x, x])" * 22},
    "a text that replaces grow": {"when": "container.image" + ".replace('a', container.image)" * 4 + " == ''"},
    "a text that squares": {
        "when": "".join(f"cel.bind(a{n + 1}, a{n}.replace('', a{n}), " for n in range(1, 14))
        .replace("a1.", "container.image.")
        .replace("('', a1)", "('', container.image)")
        + "a14 == ''"
        + ")" * 13
    },
    "loops over huge lists": {
        "when": "container.image" + ".replace('', container.image)" * 8 + ".split('')" + ".all(a, a.split('')" * 9 + ".size() > 0" + ")" * 9
    },
    "a message that grows": {"messageExpression": "container.image" + ".replace('', container.image)" * 5},
    "a path that grows": {"atExpression": f"{GROWING}[0]"},
    "a huge literal": {"when": f"'{'x' * 90_000}' == ''"},
    "a file of four megabytes": {"when": f"'{'x' * 4_000_000}' == ''"},
    "deep parentheses": {"when": "(" * 2000 + "true" + ")" * 2000},
    "deep lists": {"when": "[" * 2000},
    "deep maps": {"when": "{1:" * 1000 + "1" + "}" * 1000 + " == {}"},
    "a long chain": {"when": "+".join(["1"] * 2000) + " == 1"},
    "a long path": {"when": "object" + ".a" * 2000 + " == 1"},
    "long conditionals": {"when": "true ? true : " * 290 + "true"},
    "macros in macros": {"when": "[1].all(a, " * 200 + "true" + ")" * 200},
    "wide lists": {"when": "[" + ",".join(["1"] * 900) + "].exists(a, [" + ",".join(["1"] * 900) + "].exists(b, a == b + 1))"},
    "a pattern of the object's": {"when": "container.env.exists(e, e.name.matches(e.value))"},
    "a large pattern": {"when": f"container.image.matches('{'(a?){999}' * 20}b')"},
    "a wide format": {"when": "'%.2000000f'.format([1.0]) == ''"},
    "a message of protobuf": {"when": "google.protobuf.Any{type_url: 'x'} == google.protobuf.Any{}"},
    "a file as a time zone": {"when": "timestamp('1970-01-01T00:00:00Z').getHours('../../etc/passwd') == 1"},
    "a way out of parentheses": {"variables": [{"name": "v", "expression": "1) + (2"}], "when": "variables.v == 3"},
    "half a pair of surrogates": {"when": "'\\ud800' == container.image"},
    "endless quotes": {"when": '"""' * 1300},
    "a name that is a path": {"name": "own", "tags": ["../../x"], "profiles": ["../../x"]},
}
JUDGED: dict[str, dict[str, Any]] = {
    "three nested maps": {"when": "container.env.map(a, container.env.map(b, container.env.map(c, c))).size() > 0"},
    "many negations": {"when": "!" * 4000 + "true"},
    "many conjunctions": {"when": "&&".join(["true"] * 680)},
    "many loops": {"when": "||".join(["container.env.exists(a, a.name == '')"] * 100)},
    "loops in loops": {"when": "container.env.exists(a, container.env.exists(b, a.name == b.value))"},
    "a growing list": {"when": "container.env.map(a, a.name).size() == 1"},
    "a nested pattern": {"when": "container.image.matches('(a*)*(a|b|ab)*c{9}d')"},
    "a pattern in a loop": {"when": "container.env.exists(a, a.name.matches('((a?){30}){3}b'))"},
    "a list of letters": {"when": "container.image.split('').exists(a, a == 'z')"},
    "division by zero": {"when": "1 / 0 == 1"},
    "overflow": {"when": "9223372036854775807 + 1 == 1"},
    "a huge quantity": {"when": "quantity('9e999') > 1"},
    "an odd path": {"at": '[[[["""]]]][99999999999999999999999]'},
    "a deep path": {"atExpression": f"'{'a.' * 1900}'"},
    "a list of nulls": {"when": "[" + ",".join(["null"] * 700) + "].size() == 700", "variables": [{"name": "a", "expression": "null"}]},
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_take_for_ever_is_refused(tmp_path: Path, name: str) -> None:
    began = time.monotonic()
    assert run(written(tmp_path, **REFUSED[name])).startswith("refused")
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("name", JUDGED)
def test_what_is_judged_ends(tmp_path: Path, name: str) -> None:
    began = time.monotonic()
    assert run(written(tmp_path, **JUDGED[name]), 3000).startswith("judged")
    assert time.monotonic() - began < 20


def test_what_is_too_large_for_a_rule_is_a_failure_of_the_rule(tmp_path: Path) -> None:
    file = written(tmp_path, when="container.env.exists(a, container.env.exists(b, a.name.matches('(a?){9}b')))")
    assert run(file, 3) == "judged 0 []\n"
    assert "it may take too many steps for an object of this size" in run(file, 3000)
    assert "Iteration budget exceeded" in run(
        written(tmp_path, when="container.env.exists(a, container.env.exists(b, a.name == b.value))"), 300
    )


def test_many_slow_rules_lose_their_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from auditor.custom import check
    from tests.custom.rules import judged

    file = written(tmp_path, when="container.image == 'x'")
    monkeypatch.setattr(check._budget, "left", -1.0)
    (failure,) = judged(file).failures
    assert failure.error == "EvaluationError: when: own rules have taken too much time, and are not asked any more"


def test_many_rules_are_refused_before_they_are_compiled(tmp_path: Path) -> None:
    text = json.dumps({"name": "own", "title": "a", "severity": "low", "for": "object", "message": "a", "when": "&&".join(["true"] * 650)})
    (tmp_path / "a.yaml").write_text("\n---\n".join(text.replace('"own"', f'"own-{n}"') for n in range(200)))
    began = time.monotonic()
    said = run(tmp_path / "a.yaml")
    assert said.startswith("refused")
    assert "is one file of rules too many" in said
    assert time.monotonic() - began < 20


def test_an_alias_bomb_is_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12))]
    (tmp_path / "a.yaml").write_text("\n".join(lines) + "\nname: own\n")
    assert run(tmp_path / "a.yaml").startswith("refused")
