"""What is new beside what was known: by how many there are of each, whatever has moved."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.comparison import Known, Looked, compare
from auditor.config import Settings
from auditor.document import Document, ObjectRef, Unread
from auditor.engine import evaluate, select
from auditor.finding import Confidence, Finding, Severity, Suppressed, identity_of
from auditor.registry import load_rules
from auditor.rule import Profile
from auditor.snapshot import Snapshot
from auditor.source import read_paths
from auditor.source.text import read_text
from benchmarks.generate import documents

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT.parent / "shared" / "corpus"
STRICT = Settings(profile=Profile.STRICT, jobs=1)

# -- matching -----------------------------------------------------------------------------------------------------------------------------


def finding(fingerprint: str = "a", file: str = "a.yaml", line: int = 1, message: str = "is wrong") -> Finding:
    ref = ObjectRef("", "v1", "Pod", "ml", "train")
    return Finding(file, line, 1, "one", "spec", message, ref, Severity.HIGH, Confidence.HIGH, "", fingerprint)


EVERYWHERE = Looked({"one"})


def test_equal_findings_are_counted() -> None:
    base, prod, third = finding(file="base.yaml"), finding(file="prod.yaml"), finding(file="third.yaml")
    known = [Known.of(base), Known.of(prod)]
    assert compare([base, prod], [], known, EVERYWHERE) == ([], [base, prod], [])
    assert compare([base, prod, third], [], known, EVERYWHERE) == ([third], [base, prod], []), "an overlay's addition is seen"
    assert compare([base, third], [], known, EVERYWHERE) == ([], [base, third], []), "a renamed file is not"
    assert compare([prod], [], known, EVERYWHERE) == ([], [prod], [Known.of(base)])
    assert compare([], [], known, EVERYWHERE)[2] == sorted(known)


def test_of_equal_ones_in_a_file_the_known_is_the_one_that_says_the_same() -> None:
    first, second = finding(line=1, message="has 2"), finding(line=9, message="has 3")
    assert compare([first, second], [], [Known.of(second)], EVERYWHERE) == ([first], [second], [])


def test_what_is_silenced_is_neither_new_nor_fixed() -> None:
    one, other = finding(), finding(file="b.yaml")
    silenced = Suppressed(one, "comment", "known")
    assert compare([], [silenced], [Known.of(one)], EVERYWHERE) == ([], [], [])
    assert compare([], [silenced], [], EVERYWHERE) == ([], [], [])
    assert compare([other], [silenced], [Known.of(one)], EVERYWHERE) == ([other], [], []), "its place is not free for another"


def test_what_was_not_looked_at_is_not_fixed() -> None:
    one = Known.of(finding())
    assert compare([], [], [one], Looked({"another"})) == ([], [], [])
    assert compare([], [], [one], Looked({"one"}, covers=lambda file: file != "a.yaml")) == ([], [], [])
    there = Looked({"one"}, covers=lambda file: file == "b.yaml", elsewhere=lambda file: file == "a.yaml")
    assert compare([finding(file="b.yaml")], [], [one], there)[0], "what is known of a file that is still there says nothing of another"


# -- what moves keeps its identity --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("items", "at", "name"),
    [
        ([{"image": "a"}, {"name": "b"}], 1, "=b"),
        ([{"metadata": {"name": "claim"}, "kind": "X"}], 0, "=X"),
        ([{"groupName": "gpu", "replicas": 1}], 0, "=gpu"),
        ([{"containerPort": 80}, {"containerPort": 81}], 1, "=81"),
        ([{"resources": ["b", "a"], "verbs": ["*"]}], 0, "=['a', 'b']"),
        ([{"verbs": ["*"]}], 0, "[]"),
        (["serve", "--port=80", "--host", "0.0.0.0"], 0, "[]"),
        (["serve", "--port=80", "--host", "0.0.0.0"], 1, "=--port"),
        (["serve", "--port=80", "--host", "0.0.0.0"], 2, "=--host"),
        (["serve", "--port=80", "--host", "0.0.0.0"], 3, "=--host …"),
        (["--port=80", "model"], 1, "[]"),
        ([1, None, ["x"]], 2, "[]"),
        ([], 7, "[]"),
        (None, 0, "[]"),
    ],
)
def test_items_of_lists_are_called_by_their_names(items: object, at: int, name: str) -> None:
    assert identity_of({"spec": items}, ("spec", at, "more")) == ("spec", name, "more")


Texts = dict[str, str]  # by file


def found(texts: Texts) -> Counter[str]:
    return Counter(finding.fingerprint for finding in judged(texts))


def judged(texts: Texts) -> list[Finding]:
    items = [item for name in sorted(texts) for item in read_text(texts[name], name)]
    snapshot = Snapshot([item for item in items if isinstance(item, Document)])
    known = load_rules()
    unread = [item for item in items if isinstance(item, Unread)]
    outcome = evaluate(snapshot, select(known.values(), STRICT), STRICT, unread=unread, known=known)
    assert outcome.failures == []
    return outcome.findings


def with_comments(texts: Texts, dice: random.Random) -> Texts:
    return {
        name: "\n\n".join(f"# {part}\n\n---\n{part_text}" for part, part_text in enumerate(split(text))) for name, text in texts.items()
    }


def renamed(texts: Texts, dice: random.Random) -> Texts:
    return {f"{name.rpartition('/')[0]}/renamed-{dice.randrange(10**9)}-{number}.yaml": texts[name] for number, name in enumerate(texts)}


def reordered(texts: Texts, dice: random.Random) -> Texts:
    return {name: "---\n".join(dice.sample(parts, len(parts))) for name, parts in ((name, split(text)) for name, text in texts.items())}


def as_json(texts: Texts, dice: random.Random) -> Texts:
    return {name: text if "{{" in text else turned(text, lambda value: value) for name, text in texts.items()}


def with_keys_reordered(texts: Texts, dice: random.Random) -> Texts:
    def turn(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: turn(value[key]) for key in dice.sample(list(value), len(value))}
        return list(map(turn, value)) if isinstance(value, list) else value

    return {name: turned(text, turn) for name, text in texts.items()}


def with_items_reordered(texts: Texts, dice: random.Random) -> Texts:
    def turn(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: dice.sample(list(map(turn, child)), len(child))
                if key in ("containers", "volumes", "volumeMounts", "ports", "tolerations", "env") and isinstance(child, list)
                else turn(child)
                for key, child in value.items()
            }
        return list(map(turn, value)) if isinstance(value, list) else value

    return {name: turned(text, turn) for name, text in texts.items()}


def split(text: str) -> list[str]:
    return [part if part.endswith("\n") else part + "\n" for part in text.split("---\n")]


def turned(text: str, turn: Callable[[Any], Any]) -> str:
    return "\n---\n".join(json.dumps(turn(item.raw)) for item in read_text(text, "x.yaml") if isinstance(item, Document)) + "\n"


MUTATIONS = (with_comments, renamed, reordered, with_keys_reordered, with_items_reordered)


def trees() -> Iterator[tuple[str, Texts]]:
    many = list(documents(120))
    yield "generated", {f"team/{number}.yaml": "---\n".join(many[number : number + 6]) for number in range(0, len(many), 6)}
    yield "demo", {str(file): file.read_text() for file in sorted((ROOT / "fixtures" / "demo").rglob("*.yaml"))}


@pytest.mark.parametrize("mutate", MUTATIONS)
@pytest.mark.parametrize(("name", "texts"), list(trees()), ids=lambda value: value if isinstance(value, str) else "")
def test_findings_survive_what_changes_nothing(name: str, texts: Texts, mutate: Callable[[Texts, random.Random], Texts]) -> None:
    texts = texts if mutate in (with_comments, renamed, reordered) else as_json(texts, random.Random(0))
    before = found(texts)
    assert before
    after = found(mutate(texts, random.Random(mutate.__name__)))
    assert (after - before, before - after) == (Counter(), Counter())


def test_findings_of_real_manifests_survive_what_changes_nothing() -> None:
    if not CORPUS.is_dir():
        pytest.skip("the corpus is not beside this clone")
    by_folder: dict[str, Texts] = {}
    for document in read_paths((str(CORPUS),), jobs=1).documents[::3]:
        folder = by_folder.setdefault(document.folder, {})
        folder[document.file] = folder.get(document.file, "") + json.dumps(document.raw) + "\n---\n"
    dice = random.Random(1)
    for texts in by_folder.values():
        before = found(texts)
        for mutate in MUTATIONS:
            after = found(mutate(texts, dice))
            assert (after - before, before - after) == (Counter(), Counter()), (mutate.__name__, sorted(texts))


def test_a_limit_that_is_taken_away_is_the_one_new_finding() -> None:
    many = list(documents(60))
    number, text = next((number, text) for number, text in enumerate(many) if "kind: Job" in text and "      nvidia.com/gpu:" in text)
    memory = next(line for line in text.split("limits:\n")[1].splitlines() if "memory" in line)
    without = text.replace(f"limits:\n{memory}\n", "limits:\n")
    before = {f"{index // 6}.yaml": "---\n".join(many[index : index + 6]) for index in range(0, 60, 6)}
    many[number] = without
    after = with_comments({f"{index // 6}-b.yaml": "---\n".join(many[index : index + 6]) for index in range(0, 60, 6)}, random.Random(0))
    first, second = found(before), found(after)
    assert sum((second - first).values()) == 1
    assert first - second == Counter()


def test_an_amount_that_is_missing_is_the_same_however_much_else_is_there() -> None:
    pod = (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: ml}\nspec:\n  containers:\n  - name: x\n    image: vllm/vllm-openai:v1\n"
    )
    quota = (
        "---\napiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q, namespace: ml}\nspec: {hard: {limits.memory: 1Ti}}\n---\n"
        "apiVersion: v1\nkind: LimitRange\nmetadata: {name: l, namespace: ml}\nspec: {limits: [{type: Container, max: {cpu: 9}}]}\n"
    )
    written = ["", "    resources: {}\n", "    resources: {limits: {nvidia.com/gpu: 1}}\n", "    resources: {requests: {cpu: 1}}\n"]
    many = [{finding.rule: finding.fingerprint for finding in judged({"a.yaml": pod + resources + quota})} for resources in written]
    for rule in ("memory-limit-missing", "requests-missing", "quota-rejects-workload"):
        assert len({found[rule] for found in many if rule in found}) == 1, rule
        assert sum(rule in found for found in many) >= 2, rule


def test_broken_input_is_recognised_in_another_file_and_line() -> None:
    broken = "apiVersion: v1\nkind: Pod\nmetadata:\n  name a\n  namespace: b\n"
    assert found({"a.yaml": broken}) == found({"b/c.yaml": f"# moved\n\n{broken}"})
    assert sum(found({"a.yaml": broken, "b.yaml": broken}).values()) == 2


def test_a_silenced_finding_does_not_make_another_new() -> None:
    """Which of equal findings is silenced is no part of their identity."""
    text = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  template:\n    spec:\n      hostAliases:\n      containers:\n"
        "      - image: a:1  # mlaudit: ignore[memory-limit-missing] it is known\n      - image: b:1\n"
    )
    swapped = text.replace("a:1", "c:1").replace("b:1", "a:1").replace("c:1", "b:1")
    assert found({"a.yaml": text}) == found({"a.yaml": swapped})
