"""YAML to values with positions: the same values as went in, and every key where an independent parser finds it."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from auditor.document import Document, DuplicateKey, ObjectRef, count_entries
from auditor.source import builder
from auditor.source.builder import BrokenYaml, Built, build, check_syntax
from auditor.source.scalars import NotJson, resolve

REF = ObjectRef("", "v1", "ConfigMap", "", "a")


def document(text: str) -> Document:
    built = build(text)
    return Document(REF, built.value, file="a.yaml", line=built.line + 1, column=built.column + 1, marks=built.marks)


def places(text: str) -> dict[tuple[str | int, ...], tuple[int, int]]:
    """The line and column of each key and item, found by composing with PyYAML's own parser in Python."""

    def below(node: yaml.Node, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], tuple[int, int]]]:
        children: list[tuple[str | int, yaml.Node, yaml.Node]] = []
        if isinstance(node, yaml.MappingNode):
            children = [(key.value, key, value) for key, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            children = [(index, item, item) for index, item in enumerate(node.value)]
        for step, at, value in children:
            yield (*path, step), (at.start_mark.line + 1, at.start_mark.column + 1)
            yield from below(value, (*path, step))

    return dict(below(yaml.compose(text, Loader=yaml.SafeLoader), ()))


def assert_placed(text: str) -> None:
    read = document(text)
    expected = places(text)
    assert {path: (read.location(path).line, read.location(path).column) for path in expected} == expected
    assert {path: (line, column) for path, _, line, column in read.entries()} == expected
    assert len(build(text).marks) == 2 * count_entries(read.raw) == 2 * len(expected)


def equal(a: object, b: object) -> bool:
    """Equal as JSON is: a bool is no number, and 1.0 is 1."""
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(equal, a, b))
    return a == b and isinstance(a, bool) == isinstance(b, bool) and isinstance(a, str) == isinstance(b, str)


# -- what goes in comes out, with its place ----------------------------------------------------------------------------------------------


def _plain(text: str) -> bool:
    """Whether a text means itself when PyYAML writes it without quotes: the two disagree on ``y``, ``1e3`` and others."""
    try:
        return resolve(text) == text
    except NotJson:
        return False


characters = st.characters(exclude_categories=("Cs", "Cc", "Cn", "Zl", "Zp"), exclude_characters="\ufeff")
words = st.text(characters, max_size=12) | st.sampled_from(
    ["a", "name", "a: b", "# c", "- d", "x #y", "'", '"', "\\", "{", "*a", "&b", "!c", "|", "a\nb", " a "]
)
numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | words


def trees(leaves: st.SearchStrategy[Any], keys: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        st.dictionaries(keys, leaves, max_size=4) | st.lists(leaves, max_size=4),
        lambda inner: st.dictionaries(keys, inner | leaves, max_size=4) | st.lists(inner | leaves, max_size=4),
        max_leaves=14,
    )


@given(trees(scalars.filter(lambda leaf: not isinstance(leaf, str) or _plain(leaf)), words.filter(_plain)), st.data())
def test_yaml(value: Any, data: st.DataObject) -> None:
    text = yaml.safe_dump(
        value,
        default_flow_style=data.draw(st.sampled_from([True, False, None])),
        indent=data.draw(st.sampled_from([2, 4, 7])),
        width=data.draw(st.sampled_from([10, 80, 10_000])),
        allow_unicode=data.draw(st.booleans()),
        explicit_start=data.draw(st.booleans()),
        line_break=data.draw(st.sampled_from(["\n", "\r\n"])),
        sort_keys=False,
    )
    assert equal(build(text).value, value), text
    assert_placed(text)
    check_syntax(text)


@given(trees(words, words), st.sampled_from(['"', "'", "|", ">"]), st.sampled_from([None, False, True]))
def test_quoted_and_block_scalars(value: Any, style: str, flow: bool | None) -> None:
    text = yaml.safe_dump(value, default_style=style, default_flow_style=flow, sort_keys=False)
    assert equal(build(text).value, value), text
    assert_placed(text)


@given(
    trees(scalars, words),
    st.sampled_from([None, 0, 1, 2, 4]),
    st.sampled_from([None, (",", ":"), (" , ", " : ")]),
)
def test_json(value: Any, indent: int | None, separators: tuple[str, str] | None) -> None:
    text = json.dumps(value, indent=indent, separators=separators, ensure_ascii=False)
    assert equal(build(text).value, value), text
    assert_placed(text)
    tabs = json.dumps(value, indent="\t", separators=separators, ensure_ascii=False)  # PyYAML's own parser refuses them
    assert equal(build(tabs).value, value), tabs


@given(trees(scalars, words))
def test_copies_of_a_document_are_placed_alike(value: Any) -> None:
    read = document(json.dumps(value, ensure_ascii=False, indent=1))
    copied = pickle.loads(pickle.dumps(read))
    assert list(copied.entries()) == list(read.entries())
    assert equal(copied.raw, read.raw)


def test_equal_scalars_are_one_object() -> None:
    first, second = build("- some text that is long enough\n- some text that is long enough\n").value
    assert first is second


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n", "--- # nothing\n"])
def test_nothing(text: str) -> None:
    assert build(text) == Built(None, builder.array("I"), 0, 0, (), ())


@pytest.mark.parametrize(
    ("text", "value"), [("5", 5), ("a b", "a b"), ("- 1", [1]), ("[]", []), ("{}", {}), ('"a"', "a"), ("|\n  a\n", "a\n")]
)
def test_roots(text: str, value: object) -> None:
    assert build(text).value == value


# -- places ------------------------------------------------------------------------------------------------------------------------------

PLACED = """\
# comment
apiVersion: v1

metadata: {name: a, labels: {"x/y": 'z'}}
spec:
  containers:
  # another
  - name: one
    args: [a,
      b]
  -
    name: two
  - - nested
    - list
"""


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        ((), 2, 1),
        (("apiVersion",), 2, 1),
        (("metadata",), 4, 1),
        (("metadata", "name"), 4, 12),
        (("metadata", "labels", "x/y"), 4, 30),
        (("spec", "containers"), 6, 3),
        (("spec", "containers", 0), 8, 5),
        (("spec", "containers", 0, "name"), 8, 5),
        (("spec", "containers", 0, "args"), 9, 5),
        (("spec", "containers", 0, "args", 0), 9, 12),
        (("spec", "containers", 0, "args", 1), 10, 7),
        (("spec", "containers", 1, "name"), 12, 5),
        (("spec", "containers", 2, 1), 14, 7),
    ],
)
def test_places(path: tuple[str | int, ...], line: int, column: int) -> None:
    place = document(PLACED).location(path)
    assert (place.line, place.column, place.path) == (line, column, path)


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [(("spec", "text"), 3, 3), (("spec", "after"), 6, 3), (("spec", "complex"), 7, 5), (("spec", "last", "a"), 9, 18)],
)
def test_places_behind_other_scalars(path: tuple[str | int, ...], line: int, column: int) -> None:
    text = "a: 1\nspec:\n  text: |\n    block: 1\n\n  after: 2\n  ? complex\n  : value\n  last: !!map {? a : b}\n"
    place = document(text).location(path)
    assert (place.line, place.column) == (line, column)


@pytest.mark.parametrize(
    ("path", "line"),
    [(("spec", "nope"), 2), (("nope",), 1), (("spec", "list", 7), 3), (("spec", "list", "x"), 3), (("spec", "list", 0, "deep", 1), 4)],
)
def test_a_path_that_leads_out_yields_the_deepest_part(path: tuple[str | int, ...], line: int) -> None:
    place = document("a: 1\nspec:\n  list:\n  - x\n").location(path)
    assert (place.line, place.path) == (line, path)


@pytest.mark.parametrize("odd", ["\u2028", "\u2029", "\x85"])
def test_line_breaks_that_only_yaml_knows(odd: str) -> None:
    """An editor shows one line there, and the parser counts two."""
    read = document(f'a: "x{odd}y"\nb: {{c: 1, d: "{odd}e", f: 3}}\ng: 1\n')
    assert (read.location(("b",)).line, read.location(("g",)).line) == (2, 3)
    assert (read.location(("b", "f")).line, read.location(("b", "f")).column) == (2, 20)
    with pytest.raises(BrokenYaml) as broken:
        build(f'a: "x{odd}y"\nb: 1\n c: 2\n')
    assert (broken.value.line, broken.value.column) == (2, 2)
    built = build(f'a: "x{odd}y"\nb: 1\nb: 2\n')
    assert built.duplicates == (DuplicateKey(("b",), 1, 2, 0),)


def test_columns_count_characters() -> None:
    assert document("é: {ü😀: 1, b: 2}\n").location(("é", "b")).column == 12


def test_blocks_are_where_scalars_are_quoted_or_long() -> None:
    text = "a: \"b\"\nc: |\n  d\n  e\nf: g\n  h\ni: 'j\n  k'\nl: m\n"
    assert build(text, want_blocks=True).blocks == ((0, 3, 0, 6), (2, 0, 4, 0), (4, 3, 5, 3), (6, 3, 7, 4))
    assert build(text).blocks == ()


# -- duplicate keys ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value", "duplicates"),
    [
        ("a: 1\na: 2\n", {"a": 2}, [(("a",), 1, 2, 1)]),
        ("a: 1\nb: 3\na: 2\na: 4\n", {"b": 3, "a": 4}, [(("a",), 1, 3, 1), (("a",), 3, 4, 1)]),
        ("x:\n- {}\n- b: 1\n  b: 2\n", {"x": [{}, {"b": 2}]}, [(("x", 1, "b"), 3, 4, 3)]),
        ("a: {b: 1, b: {c: 1}}\n", {"a": {"b": {"c": 1}}}, [(("a", "b"), 1, 1, 11)]),
        ("y: 1\n'true': 2\n", {"true": 2}, [(("true",), 1, 2, 1)]),
        ("1: a\n'1': b\n0x1: c\n", {"1": "c"}, [(("1",), 1, 2, 1), (("1",), 2, 3, 1)]),
        ("a: {b: 1, b: 2}\na: 3\n", {"a": 3}, [(("a", "b"), 1, 1, 11), (("a",), 1, 2, 1)]),
        ("a: &x {b: 1, b: 2}\nc: *x\n", {"a": {"b": 2}, "c": {"b": 2}}, [(("a", "b"), 1, 1, 14)]),
        ("a:\n  <<: {b: 1, b: 2}\n", {"a": {"b": 2}}, [(("a", "b"), 2, 2, 14)]),
        ("a:\n  <<: [{c: 1}, {b: 1, b: 2}]\n", {"a": {"c": 1, "b": 2}}, [(("a", "b"), 2, 2, 23)]),
    ],
)
def test_duplicate_keys(text: str, value: object, duplicates: list[tuple[tuple[str | int, ...], int, int, int]]) -> None:
    built = build(text)
    assert equal(built.value, value)
    assert [(d.path, d.first_line + 1, d.line + 1, d.column + 1) for d in built.duplicates] == duplicates
    assert len(built.marks) == 2 * count_entries(value)


def test_places_after_a_duplicate_are_those_of_the_last() -> None:
    read = document("a:\n  x: {y: 1}\n  z: 1\n  x: {w: 1, v: [1, 2]}\nb: 1\n")
    assert [(path, line, column) for path, _, line, column in read.entries()] == [
        (("a",), 1, 1),
        (("a", "z"), 3, 3),
        (("a", "x"), 4, 3),
        (("a", "x", "w"), 4, 7),
        (("a", "x", "v"), 4, 13),
        (("a", "x", "v", 0), 4, 17),
        (("a", "x", "v", 1), 4, 20),
        (("b",), 5, 1),
    ]


def test_very_many_duplicates_are_refused() -> None:
    with pytest.raises(BrokenYaml, match="more than 10,000 keys of a mapping stand twice"):
        build("a: 1\n" * 11_000)


# -- anchors, aliases, merge keys --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: &x 1\nb: *x\n", {"a": 1, "b": 1}),
        ("a: &x {b: [1, 2]}\nc: *x\nd: [*x]\n", {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}, "d": [{"b": [1, 2]}]}),
        ("&k a: 1\nb: *k\n", {"a": 1, "b": "a"}),
        ("a: &x 1\n? *x\n: 2\n", {"a": 1, "1": 2}),
        ("a: &x yes\n*x : 2\n", {"a": True, "true": 2}),
        ("a: &x 1\nb: &x 2\nc: *x\n", {"a": 1, "b": 2, "c": 2}),
        ("a: &x [&x [1], 2]\nb: *x\n", {"a": [[1], 2], "b": [1]}),
        ("a: &x {b: &x 1, c: *x}\n", {"a": {"b": 1, "c": 1}}),
        ("a: &x\nb: *x\n", {"a": None, "b": None}),
        ("a: &x !t y\nb: *x\n", {"a": "y", "b": "y"}),
    ],
)
def test_aliases(text: str, value: object) -> None:
    built = build(text)
    assert equal(built.value, value)
    assert len(built.marks) == 2 * count_entries(value)


def test_places_below_an_alias_are_those_of_the_anchor() -> None:
    read = document("a: &x\n  b: [1,\n    2]\nc: *x\nd:\n- *x\n")
    assert (read.location(("c",)).line, read.location(("c", "b")).line, read.location(("c", "b", 1)).line) == (4, 2, 3)
    assert (read.location(("d", 0)).line, read.location(("d", 0, "b", 1)).line) == (6, 3)


# kubectl takes a merge key for an assignment at its place; executed with sigs.k8s.io/yaml 1.6.0.
MERGES = [
    ("b: &b {x: 1, z: 2}\nm: {<<: *b, x: 9}\n", {"z": 2, "x": 9}),
    ("b: &b {x: 1, z: 2}\nm: {x: 9, <<: *b}\n", {"x": 1, "z": 2}),  # the written one stands above, and loses
    ("a: &a {x: 1}\nb: &b {x: 2, z: 3}\nm: {<<: [*a, *b]}\n", {"x": 1, "z": 3}),
    ("a: &a {x: 1}\nb: &b {x: 2, z: 3}\nm: {<<: *a, <<: *b}\n", {"x": 2, "z": 3}),
    ("m: {<<: {a: 1}, b: 2}\n", {"a": 1, "b": 2}),
    ("m: {<<: [{a: 1}, {a: 2, b: 3}]}\n", {"a": 1, "b": 3}),
    ("m: {<<: {a: {<<: {q: 1}}}}\n", {"a": {"q": 1}}),
    ("m: {<<: []}\n", {}),
    ("m: {!!merge <<: {a: 1}}\n", {"a": 1}),
    ('m: {"<<": {a: 1}}\n', {"<<": {"a": 1}}),
    ("m: {!!str <<: {a: 1}}\n", {"<<": {"a": 1}}),
]


@pytest.mark.parametrize(("text", "value"), MERGES)
def test_merge_keys(text: str, value: dict[str, object]) -> None:
    built = build(text)
    assert built.value["m"] == value
    assert len(built.marks) == 2 * count_entries(built.value)


def test_places_of_merged_entries() -> None:
    read = document("base: &b\n  x: 1\n  z: [1]\nm:\n  a: 1\n  <<: *b\n  x: 2\n  q: 1\n")
    assert read.raw["m"] == {"a": 1, "z": [1], "x": 2, "q": 1}
    assert [(p[1:], line) for p, _, line, _ in read.entries() if p[0] == "m"] == [
        ((), 4),
        (("a",), 5),
        (("z",), 3),
        (("z", 0), 3),
        (("x",), 7),
        (("q",), 8),
    ]


def test_a_merge_key_that_overrides_what_is_written_is_told() -> None:
    text = "base: &b {image: x, name: z}\nc:\n  name: mine\n  image: x\n  <<: *b\n  name: again\n"
    built = build(text)
    assert built.value["c"] == {"image": "x", "name": "again"}
    assert [(d.path, d.first_line, d.line) for d in built.duplicates] == [(("c", "name"), 2, 5)]
    built = build(text.replace("  name: again\n", ""))
    assert built.value["c"] == {"image": "x", "name": "z"}  # not mine
    assert [(d.path, d.first_line, d.line) for d in built.duplicates] == [(("c", "name"), 2, 4)]  # the equal image is no news


@pytest.mark.parametrize(
    ("text", "problem", "line"),
    [
        ("a: *b\n", r"the alias \*b has no anchor before it", 0),
        ("*b : 1\n", r"the alias \*b has no anchor before it", 0),
        ("a: *b\nb: &b 1\n", r"the alias \*b has no anchor before it", 0),
        ("a: &a\n- *a\n", r"the alias \*a stands inside the value it repeats", 1),
        ("a: &a {b: {c: *a}}\n", r"the alias \*a stands inside", 0),
        ("&a [*a]\n", r"the alias \*a stands inside", 0),
        ("a: &x {b: &y [*x]}\n", r"the alias \*x stands inside", 0),
        ("a: &x [1]\n? *x\n: 2\n", "must be a string, not an alias to a collection", 1),
        ("? [1]\n: 2\n", "must be a string, not a collection", 0),
        ("a: 1\n{b: 1}: 2\n", "must be a string, not a collection", 1),
        ("a: {{ x }}\n", "must be a string, not a collection", 0),
        ("m: {<<: 3}\n", "a merge key .* needs a mapping", 0),
        ("m:\n  <<: null\n", "a merge key .* needs a mapping", 1),
        ("m:\n  <<: [{}, [1]]\n", "a merge key .* needs a mapping", 1),
        ("a: &a [{x: 1}]\nm:\n  <<: *a\n", "a merge key .* needs a mapping", 2),
        ("a: &a 1\nm: {<<: [*a]}\n", "a merge key .* needs a mapping", 1),
        ("a: b: c\n", "mapping values are not allowed", 0),
        ("a: 1\nb: [1, 2\n", "did not find expected ',' or ']'", 2),
        ("a: 1\n b: 2\n", "mapping values are not allowed", 1),
        (" a: 1\nb: 2\n", "did not find expected <document start>", 1),
        ('a: "x\n', "found unexpected end of stream", 1),
        ("a: 1\n\tb: 2\n", "found a tab character that violates indentation", 1),
        ("a: @x\n", "found character that cannot start any token", 0),
        ("a: 1\nb: !e!y 1\n", "found undefined tag handle", 1),
        ("a: 1\nb: \x07\n", "control characters are not allowed", 1),
        ("a: é\nb: \x7f\n", "control characters are not allowed", 1),
        ("a: 1\u2028---\u2028b: 2\n", "a second document begins here", 0),
    ],
)
def test_broken(text: str, problem: str, line: int) -> None:
    with pytest.raises(BrokenYaml, match=problem) as broken:
        build(text)
    assert broken.value.line == line
    assert broken.value.column >= 0


def test_the_column_of_a_control_character_counts_characters() -> None:
    with pytest.raises(BrokenYaml) as broken:
        build("a: 1\né: ü\x07\n")
    assert (broken.value.line, broken.value.column) == (1, 4)


@given(st.text(max_size=60) | st.text("ab:-[]{}&*!|>'\"#%@`?, \n\t01~<=", max_size=60))
def test_any_text_is_built_or_broken(text: str) -> None:
    try:
        built = build(text, want_blocks=True)
    except BrokenYaml as broken:
        lines = text.replace("\r\n", "\n").replace("\r", "\n").count("\n")
        assert 0 <= broken.line <= lines + 1
        assert broken.column >= 0
        assert broken.problem
        return
    assert len(built.marks) == 2 * count_entries(built.value)
    json.dumps(built.value, allow_nan=False)


@pytest.mark.parametrize("text", [PLACED, *(text for text, _ in MERGES), "a: &x [1, {b: 2}]\nc: *x\n", "- 'a\n  b'\n- |\n  c\n"])
def test_without_libyaml(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML may have been built without it."""
    fast = build(text)
    monkeypatch.setattr(builder, "_Parser", yaml.SafeLoader)
    monkeypatch.setattr(builder, "_COUNTS_BYTES", False)
    assert build(text) == fast
    check_syntax(text)
    for broken, line, column in (("a: b: c\n", 0, 4), ("a: 1\nb: é\x07\n", 1, 4)):
        with pytest.raises(BrokenYaml) as error:
            build(broken)
        assert (error.value.line, error.value.column) == (line, column)
        with pytest.raises(BrokenYaml):
            check_syntax(broken)


# -- bounds ------------------------------------------------------------------------------------------------------------------------------


def nested(levels: int, style: str) -> str:
    if style == "flow":
        return "a: " + "[" * levels + "]" * levels
    if style == "json":
        return '{"a": ' * levels + "1" + "}" * levels
    if style == "block":
        return "".join(f"{' ' * level}a:\n" for level in range(levels)) + " " * levels + "b"
    if style == "open brackets":
        return "[" * levels
    if style == "open braces":
        return '{"a": ' * levels
    if style == "items":
        return "- " * levels + "x\n"
    if style == "items in a key":
        return "a:\n" + "- " * levels + "b: c\n"
    return "a: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, levels))


@pytest.mark.parametrize("style", ["flow", "json", "block", "items", "aliases"])
def test_depth(style: str) -> None:
    assert count_entries(build(nested(199, style)).value) >= 199
    with pytest.raises(BrokenYaml, match=r"nested deeper than 200 levels"):
        build(nested(202, style))


@pytest.mark.parametrize(
    ("style", "line"),
    [("flow", 0), ("json", 0), ("open brackets", 0), ("open braces", 0), ("block", 200), ("items", 0), ("items in a key", 1)],
)
def test_ten_thousand_levels_are_refused_at_once(style: str, line: int) -> None:
    text = nested(10_000, style)  # in block style 50 MB of blanks, nearly all behind the place where it stops
    start = time.process_time()
    with pytest.raises(BrokenYaml, match=r"nested deeper than 200 levels|maximum nesting depth") as broken:
        build(text)
    assert broken.value.line == line
    with suppress(BrokenYaml):  # that libyaml bounds the depth by itself depends on its version
        check_syntax(text)
    assert time.process_time() - start < 1


def test_anchors_below_anchors_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder, "MAX_ANCHORED_ENTRIES", 100)
    assert build("&a [&b [&c [" + "1," * 30 + "]]]").value
    with pytest.raises(BrokenYaml, match="more than 100 entries below anchors"):
        build("&a [&b [&c [" + "1," * 60 + "]]]")


# Reads in a fork: to Linux the peak of a program begins at the size of the process that started it, which is here all of pytest.
MEASURE = """
import os, resource, sys
sys.path.insert(0, sys.argv[1])
from auditor.source.files import read_bytes
read_bytes(b"apiVersion: v1\\nkind: ConfigMap\\n", "warm.yaml")
content = sys.stdin.buffer.read()
child = os.fork()
if not child:
    resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
    print(read_bytes(content, "bomb.yaml"), flush=True)
    os._exit(0)
_, status, used = os.wait4(child, 0)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024))
sys.exit(status != 0)
"""
LISTS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10))
MAPPINGS = "a0: &a0 {x: 1, y: 2}\n" + "".join(f"a{n}: &a{n} {{{', '.join(f'k{m}: *a{n - 1}' for m in range(10))}}}\n" for n in range(1, 10))
MERGING = "a0: &a0 {k0: {}}\n" + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}], k{n}: *a{n - 1}}}\n" for n in range(1, 30))


@pytest.mark.skipif(sys.platform == "win32", reason="the resource module is POSIX's")
@pytest.mark.parametrize("bomb", [LISTS, MAPPINGS, MERGING], ids=["lists", "mappings", "merge keys"])
def test_an_alias_bomb_costs_little(bomb: str, repository: Path) -> None:
    """Ten levels of ten aliases are ten thousand million entries: one line within a second of CPU, and never more than 100 MB."""
    content = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: bomb}}\n{bomb}"
    done = subprocess.run([sys.executable, "-c", MEASURE, repository], input=content.encode(), capture_output=True, check=True, timeout=60)
    items, used = done.stdout.decode().splitlines()
    seconds, megabytes = map(float, used.split())
    assert "Unread(file='bomb.yaml'" in items
    assert "aliases expand to more than 400,000 entries (an alias bomb?)" in items
    assert seconds < 1
    assert megabytes < 100


def test_long_texts_behind_aliases_are_shared() -> None:
    built = build("a: &a " + "x" * 100_000 + "\nb: [" + "*a," * 1000 + "]\n")
    assert all(item is built.value["a"] for item in built.value["b"])
