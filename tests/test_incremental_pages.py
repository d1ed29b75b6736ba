"""What is judged again is enough for every rule: the examples of its page, with each of their objects gone and come back."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from auditor.cli.judging import asked, seen
from auditor.config import Settings
from auditor.engine import evaluate
from auditor.incremental import State, Tree, advance
from auditor.registry import load_rules
from auditor.rule import Profile
from auditor.source import read_contents
from auditor.source.stream import split_stream
from tests.test_rule_pages import examples

RULES = load_rules()
FILES = [name for name, rule in RULES.items() if not rule.live]
_Texts = Sequence[tuple[str, str]]


def objects(name: str) -> list[_Texts]:
    """The examples of a page as files, an object in each."""
    found = []
    for section in ("Bad", "Good"):
        for example in examples(RULES[name], section):
            chunks = [chunk for chunk, _ in split_stream(example.manifest)]
            if len(chunks) > 1 and "live" not in example.words:
                found.append([(f"{number:02}.yaml", chunk) for number, chunk in enumerate(chunks)])
    return found


def tree(texts: _Texts, settings: Settings) -> Tree:
    reading = read_contents([(file, text.encode()) for file, text in texts])
    return Tree(seen(reading, settings), reading.unread, dict(texts))


@pytest.mark.parametrize("complete", [False, True])
@pytest.mark.parametrize("name", [name for name in FILES if objects(name)])
def test_each_object_of_an_example_may_come_and_go(name: str, complete: bool) -> None:
    settings = Settings(profile=Profile.STRICT, enabled=frozenset(FILES), complete=complete, jobs=1)
    rules = asked(settings)
    for texts in objects(name):
        whole, _ = advance(State(), tree(texts, settings), rules, settings, RULES)
        for gone in range(len(texts)):
            without = tree([*texts[:gone], *texts[gone + 1 :]], settings)
            expected = evaluate(without.snapshot, rules, settings, unread=without.unread, known=RULES)
            part, outcome = advance(whole, without, rules, settings, RULES)
            assert outcome == expected, f"without {texts[gone][1]}"
            again = tree(texts, settings)
            expected = evaluate(again.snapshot, rules, settings, unread=again.unread, known=RULES)
            _, outcome = advance(part, again, rules, settings, RULES)
            assert outcome == expected, f"with {texts[gone][1]}"
