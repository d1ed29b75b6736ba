"""One text to documents: streams, JSON, lists, and comments addressed to mlaudit."""

from __future__ import annotations

import json

import pytest
import yaml

from auditor.document import Comment, Document, DuplicateKey, NotJudged, Unread
from auditor.source import text as module
from auditor.source.files import read_bytes
from auditor.source.text import Item, read_text

A = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
B = "apiVersion: v1\nkind: Secret\nmetadata: {name: b}\n"
NO_OBJECT = "no apiVersion and kind"


def read(text: str, file: str = "a.yaml") -> list[Item]:
    return read_bytes(text.encode(), file)


def summary(items: list[Item]) -> list[tuple[str, int]]:
    """What each item is, and its line."""
    return [(item.ref.name if isinstance(item, Document) else item.reason, item.line) for item in items]


def documents(text: str) -> list[Document]:
    return [item for item in read(text) if isinstance(item, Document)]


# -- streams -----------------------------------------------------------------------------------------------------------------------------

STREAMS = [
    (A, [("a", 1)]),
    (A + "---\n" + B, [("a", 1), ("b", 5)]),
    ("---\n" + A + "---\n" + B + "---\n", [("a", 2), ("b", 6)]),
    ("\n\n# licence\n---\n\n" + A, [("a", 6)]),
    (A + "--- \n" + B, [("a", 1), ("b", 5)]),
    (A + "---   # the second\n" + B, [("a", 1), ("b", 5)]),
    (A + "---\t\n" + B, [("a", 1), ("b", 5)]),
    (A + "---\n---\n# nothing\n---\n\n---\n" + B, [("a", 1), ("b", 10)]),
    (A + "...\n", [("a", 1)]),
    (A + "...\n---\n" + B, [("a", 1), ("b", 6)]),
    (A + "...\n" + B, [("a", 1), ("b", 5)]),  # kubectl would leave it out without a word
    (A + "... # the end\n" + B, [("a", 1), ("b", 5)]),
    (A + "----\n", [("could not find expected ':' (while scanning a simple key)", 5)]),
    (A + "data: {x: |\n---\n" + B, [("found character that cannot start any token", 4), ("b", 6)]),
    (A + "--- {apiVersion: v1, kind: Pod, metadata: {name: c}}\n" + "---\n" + B, [("a", 1), ("c", 4), ("b", 6)]),
    (A + "data:\n  x: |\n    ---\n    y\n---\n" + B, [("a", 1), ("b", 9)]),
    ("a: 1\n---\n" + A + "---\nb: 1\n", [(NO_OBJECT, 1), ("a", 3), (NO_OBJECT, 6)]),
    (A + "---\nnull\n---\n~\n---\n5\n", [("a", 1), (NO_OBJECT, 4), (NO_OBJECT, 6), (NO_OBJECT, 8)]),
    ("%YAML 1.1\n---\n" + A, [("a", 3)]),
    ("%YAML 1.1\n%TAG !e! tag:example.com,2026:\n---\n" + A + "data: {x: !e!y z}\n...\n%YAML 1.1\n---\n" + B, [("a", 4), ("b", 11)]),
    (A + "data: {x: !e!y z}\n", [("found undefined tag handle (while parsing a node)", 4)]),
    ("%FOO\n", [("found unknown directive name", 1)]),
    ("", [("empty file", 1)]),
    ("\n\n", [("empty file", 1)]),
    ("# only a comment\n", [("empty file", 1)]),
    ("---\n# nothing\n---\n...\n", [("empty file", 1)]),
]


@pytest.mark.parametrize(("text", "expected"), STREAMS)
def test_stream(text: str, expected: list[tuple[str, int]]) -> None:
    found = summary(read(text))
    assert [line for _, line in found] == [line for _, line in expected]
    assert all(name.startswith(wanted) for (name, _), (wanted, _) in zip(found, expected, strict=True)), found


@pytest.mark.parametrize(("text", "expected"), STREAMS)
@pytest.mark.parametrize("line_break", ["\r\n", "\r"])
def test_stream_with_other_line_breaks(text: str, expected: list[tuple[str, int]], line_break: str) -> None:
    assert summary(read(text.replace("\n", line_break))) == summary(read(text))


@pytest.mark.parametrize(
    ("encoding", "mark"), [("utf-8", b"\xef\xbb\xbf"), ("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff")], ids=["utf-8", "le", "be"]
)
def test_byte_order_marks(encoding: str, mark: bytes) -> None:
    items = read_bytes(mark + (A + "data: {é: ü}\n---\n" + B).encode(encoding), "a.yaml")
    assert summary(items) == [("a", 1), ("b", 6)]
    assert isinstance(items[0], Document)
    assert items[0].raw["data"] == {"é": "ü"}
    assert items[0].location(("data", "é")).column == 8


def test_a_broken_document_costs_only_itself() -> None:
    items = read(A + "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: x\n spec: {}\n---\n" + B)
    assert summary(items)[::2] == [("a", 1), ("b", 11)]
    broken = items[1]
    assert isinstance(broken, Unread)
    assert (broken.line, broken.column, broken.syntax) == (9, 2, True)


def test_documents_are_numbered_in_their_file() -> None:
    text = A + "---\nb: 1\n---\napiVersion: v1\nkind: List\nitems:\n" + "- {apiVersion: v1, kind: Pod}\n" * 3 + "---\n" + B
    assert [(document.index, document.ref.kind) for document in documents(text)] == [
        (0, "ConfigMap"),
        (1, "Pod"),
        (2, "Pod"),
        (3, "Pod"),
        (4, "Secret"),
    ]


def test_positions_are_those_of_the_file() -> None:
    first, second = documents(f"# one\n\n{A}--- # two\n{B}data:\n  x:\n  - 1\n")
    assert (first.line, first.offset, first.location(("metadata", "name")).line) == (3, 0, 5)
    place = second.location(("data", "x", 0))
    assert (second.line, second.offset, place.line, place.column) == (7, 5, 12, 5)


def test_streams_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_DOCUMENTS", 3)
    wanted = "has more than 3 documents; from here on they are not read"
    assert summary(read("---\n".join([A] * 5))) == [("a", 1), ("a", 5), ("a", 9), (wanted, 12)]
    assert summary(read('{"apiVersion": "v1", "kind": "X"}\n' * 5)) == [("", 1), ("", 2), ("", 3), (wanted, 4)]
    assert summary(read("apiVersion: v1\nkind: List\nitems:\n" + "- {apiVersion: v1, kind: X}\n" * 5)) == [
        (wanted, 7),
        ("", 4),
        ("", 5),
        ("", 6),
    ]


# -- who an object is --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: b}\n", ("", "v1", "Pod", "b", "a")),
        ("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n", ("apps", "v1", "Deployment", "", "a")),
        ("apiVersion: serving.kserve.io/v1beta1\nkind: X\n", ("serving.kserve.io", "v1beta1", "X", "", "")),
        ("apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\n", ("", "v1", "Pod", "", "a-")),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: '', generateName: a-}\n", ("", "v1", "Pod", "", "a-")),
        ("apiVersion: v1\nkind: Pod\nmetadata: null\n", ("", "v1", "Pod", "", "")),
        ("apiVersion: v1\nkind: Pod\nmetadata: [a]\n", ("", "v1", "Pod", "", "")),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: {a: b}, namespace: 5}\n", ("", "v1", "Pod", "", "")),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: '${NS}'}\n", ("", "v1", "Pod", "", "a")),
    ],
)
def test_identity(text: str, expected: tuple[str, str, str, str, str]) -> None:
    (document,) = documents(text)
    ref = document.ref
    assert (ref.group, ref.version, ref.kind, ref.namespace, ref.name) == expected


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: 1\nkind: Pod\n",
        "apiVersion: v1\nkind: 5\n",
        "apiVersion: ''\nkind: Pod\n",
        "apiVersion: v1\nkind:\n",
        "- apiVersion: v1\n  kind: Pod\n",
    ],
)
def test_no_object(text: str) -> None:
    assert summary(read(text)) == [(NO_OBJECT, 1)]


# -- JSON --------------------------------------------------------------------------------------------------------------------------------


def test_json() -> None:
    (document,) = documents(
        json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"x": [1, True, None]}}, indent=2)
    )
    assert document.raw["spec"] == {"x": [1, True, None]}
    place = document.location(("spec", "x", 1))
    assert (place.line, place.column) == (10, 7)


def test_json_with_tabs_and_escaped_slashes() -> None:
    (document,) = documents('{\n\t"apiVersion": "apps\\/v1",\n\t"kind":\t"X", "data": {"a\\/b": "\\u00e9\\n"}\n}\n')
    assert (document.ref.group, document.raw["data"]) == ("apps", {"a/b": "é\n"})
    assert document.location(("data", "a/b")).line == 3


def test_json_with_surrogate_pairs_keeps_its_places() -> None:
    text = json.dumps({"apiVersion": "v1", "kind": "X", "data": {"a": "😀 \\ud83d", "b": "\ud83d"}, "last": 1}, indent=1)
    assert "\\ud83d\\ude00" in text
    (document,) = documents(text)
    assert document.raw["data"] == {"a": "😀 \\ud83d", "b": "\ufffd"}
    assert document.positioned
    assert (document.location(("last",)).line, document.location(("data", "b")).line) == (8, 6)


def test_json_that_only_json_allows_has_no_places() -> None:
    (document,) = documents('{"apiVersion": "v1", "kind": "X", "data": {"' + "k" * 1100 + '": 1.0}}')
    assert list(document.raw["data"].values()) == [1]
    assert not document.positioned
    assert (document.location(("data",)).line, document.location(("data",)).column) == (1, 1)


@pytest.mark.parametrize("between", ["\n", "", "  ", "\n\n"])
def test_json_objects_one_after_the_other(between: str) -> None:
    """What ``jq '.items[]'`` prints; kubectl reads it."""
    objects = [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}} for name in ("a", "b", "c")]
    found = documents(between.join(json.dumps(each, indent=1) for each in objects))
    assert [document.ref.name for document in found] == ["a", "b", "c"]
    lines = 0 if between in ("", "  ") else len(between)
    assert [document.line for document in found] == [1, 7 + lines, 13 + 2 * lines]
    assert [document.location(("metadata", "name")).line for document in found] == [5, 11 + lines, 17 + 2 * lines]


def test_blanks_before_json() -> None:
    found = documents('\n \t{"apiVersion": "v1", "kind": "A"}\n\n{"apiVersion": "v1", "kind": "B"}\n')
    assert [(document.ref.kind, document.line) for document in found] == [("A", 2), ("B", 4)]


@pytest.mark.parametrize(
    "text",
    [
        '{"apiVersion": "v1", "kind": "X"',
        '{"apiVersion": "v1" "kind": "X"}',
        '{"apiVersion": "v1", "kind": "X"}}',
        '{"apiVersion": "v1", "kind": "X"} x',
    ],
)
def test_broken_json(text: str) -> None:
    (item,) = read(text, "a.json")
    assert isinstance(item, Unread)
    assert item.syntax
    assert item.line in (1, 2)


def test_json_lines_without_manifests_are_one_thing() -> None:
    assert summary(read('{"prompt": "a"}\n{"prompt": "b"}\n', "data.json")) == [("JSON lines without manifests", 1)]


# -- lists -------------------------------------------------------------------------------------------------------------------------------

LIST = """\
apiVersion: v1
kind: List
metadata: {resourceVersion: ""}
items:
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: a}
  data:
    x: 1
-
  apiVersion: v1
  kind: Secret
  metadata:
    name: b
"""


def test_list() -> None:
    first, second = documents(LIST)
    assert (first.ref.name, first.line, first.column) == ("a", 5, 3)
    assert (first.location(("data", "x")).line, first.location(("data", "x")).column) == (9, 5)
    assert (second.ref.name, second.line, second.location(("metadata", "name")).line) == ("b", 11, 14)


def test_list_in_json() -> None:
    found = documents(json.dumps(yaml.safe_load(LIST), indent=2))
    assert [(document.ref.name, document.location(("metadata", "name")).line) for document in found] == [("a", 12), ("b", 22)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("apiVersion: v1\nkind: PodList\nitems:\n- metadata: {name: a}\n- metadata: {name: b}\n", [("Pod", "a", 4), ("Pod", "b", 5)]),
        ("apiVersion: apps/v1\nkind: DeploymentList\nitems:\n- kind:\n  metadata: {name: a}\n", [("Deployment", "a", 4)]),
        ("items:\n- metadata: {name: a}\nkind: PodList\napiVersion: v1\n", [("Pod", "a", 2)]),
        ("apiVersion: v1\nkind: PodList\nitems:\n- {kind: Service, metadata: {name: a}}\n", [("Service", "a", 4)]),
        ("apiVersion: x.io/v1\nkind: AllowList\nspec: {items: [a]}\n", [("AllowList", "", 1)]),
        ("apiVersion: x.io/v1\nkind: AllowList\nitems: {a: b}\n", [("AllowList", "", 1)]),
        (
            "kind: List\napiVersion: v1\nitems:\n- kind: List\n  apiVersion: v1\n  items:\n  - {apiVersion: v1, kind: Pod}\n",
            [("Pod", "", 7)],
        ),
    ],
)
def test_kinds_of_lists(text: str, expected: list[tuple[str, str, int]]) -> None:
    assert [(document.ref.kind, document.ref.name, document.line) for document in documents(text)] == expected


def test_holes_in_a_list_are_counted() -> None:
    text = "apiVersion: v1\nkind: List\nitems:\n- null\n- 5\n- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n- {a: 1}\n-\n"
    assert summary(read(text)) == [(NO_OBJECT, 4), (NO_OBJECT, 5), ("a", 6), (NO_OBJECT, 7), (NO_OBJECT, 8)]


@pytest.mark.parametrize("items", ["items: []\n", "items: null\n", "items:\n", ""])
def test_empty_list(items: str) -> None:
    assert summary(read("apiVersion: v1\nkind: List\n" + items)) == [("empty list", 1)]


def test_items_that_are_no_objects_to_judge() -> None:
    text = """\
apiVersion: v1
kind: List
items:
- {apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: a}}
- {apiVersion: v1, kind: Pod, metadata: {name: b}, $patch: delete}
- {apiVersion: kustomize.config.k8s.io/v1beta1, kind: Kustomization}
- {apiVersion: v1, kind: '{{ kind }}'}
- {apiVersion: v1, kind: Pod, metadata: {name: c}}
"""
    assert summary(read(text)) == [
        ("CustomResourceDefinition", 4),
        ("kustomize patch", 5),
        ("kustomization (not rendered)", 6),
        ("Helm or Jinja template", 7),
        ("c", 8),
    ]


def test_duplicate_keys_of_an_item() -> None:
    first, second = documents("---\n" + LIST.replace("x: 1", "x: 1\n    x: 2"))
    assert first.duplicates == (DuplicateKey(("data", "x"), 10, 11, 5),)
    assert second.duplicates == ()
    first, second = documents(LIST.replace("    name: b", "    name: c\n    name: b"))
    assert first.duplicates == ()
    assert second.duplicates == (DuplicateKey(("metadata", "name"), 14, 15, 5),)


def test_items_that_stand_twice_are_not_lost_without_a_word() -> None:
    items = read(LIST + "items:\n- {apiVersion: v1, kind: Pod, metadata: {name: c}}\n")
    assert summary(items) == [("`items` stands in line 4 already; kubectl reads this one only", 15), ("c", 16)]


# -- comments ----------------------------------------------------------------------------------------------------------------------------


def comments(text: str) -> list[tuple[Comment, ...]]:
    return [document.comments for document in documents(text)]


def one(text: str) -> tuple[Comment, ...]:
    (found,) = comments(text)
    return found


def test_comments() -> None:
    text = f"""\
# mlaudit: about the object
{A}data:  # mlaudit: on the line
  # mlaudit: above
  # and more

  x: 1
  # not mlaudit
  #mlaudit:tight
  y: 2  #  mlaudit:   spaced  #
"""
    assert one(text) == (
        Comment(1, 2, True, "about the object"),
        Comment(5, 5, False, "on the line"),
        Comment(6, 9, False, "above"),
        Comment(11, 12, False, "tight"),
        Comment(12, 12, False, "spaced  #"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "data: {x: '# mlaudit: quoted'}\n",
        'data: {x: "a # mlaudit: quoted"}\n',
        "data:\n  x: |\n    # mlaudit: in a block\n    y\n",
        "data:\n  x: |\n    y\n    # mlaudit: last in a block\n",
        "data:\n  x: >-\n\n    # mlaudit: folded\n",
        "data:\n  x: 'a\n    # mlaudit: long\n    b'\n",
        "data:\n  x: y#mlaudit:no-comment\n",
        "data:\n  x: see # mlaudits: other\n",
    ],
)
def test_what_is_no_comment(text: str) -> None:
    assert one(A + text) == ()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("data:\n  x: |  # mlaudit: header\n    y\n", 5),
        ("data:\n  x: !!str |-  # mlaudit: header\n    y\n", 5),
        ("data:\n  x: |\n    y\n# mlaudit: below a block\ny: 1\n", 7),
        ("data:\n  x: |\n    y\n  # mlaudit: below a block\n  y: 1\n", 7),
        ("data:\n  x: 'a\n    b'  # mlaudit: behind\n", 6),
        ("data: {x: '# mlaudit: quoted'}  # mlaudit: real\n", 4),
        ("data:\n  x: a\n    b  # mlaudit: behind a long plain one\n", 6),
    ],
)
def test_comments_beside_scalars(text: str, line: int) -> None:
    assert [comment.line for comment in one(A + text)] == [line]


def test_a_comment_above_the_separator_is_about_the_object_below() -> None:
    assert one(f"# mlaudit: all\n---\n{A}") == (Comment(1, 3, True, "all"),)
    assert one(f"# mlaudit: all\n---\n---\n{A}") == (Comment(1, 4, True, "all"),)
    first, second = comments(f"{A}---\n# mlaudit: all\n---\n{B}")
    assert (first, second) == ((), (Comment(5, 7, True, "all"),))
    assert comments(f"{A}# mlaudit: the end\n---\n{B}") == [(Comment(4, 4, False, "the end"),), ()]


def test_comments_of_a_list_belong_to_its_items() -> None:
    text = """\
# mlaudit: every
apiVersion: v1
kind: List
# mlaudit: head
items:
# mlaudit: all of a
- apiVersion: v1  # mlaudit: in a
  kind: ConfigMap
  # mlaudit: last of a
  metadata: {name: a}
# mlaudit: all of b
-
  apiVersion: v1
  kind: Secret  # mlaudit: in b
- # mlaudit: all of c
  apiVersion: v1
  kind: Pod
"""
    every = Comment(1, 2, True, "every")
    a, b, c = comments(text)
    assert a == (
        every,
        Comment(4, 5, False, "head"),
        Comment(6, 7, True, "all of a"),
        Comment(7, 7, False, "in a"),
        Comment(9, 10, False, "last of a"),
    )
    assert [(comment.text, comment.line) for comment in b] == [("every", 1), ("all of b", 11), ("in b", 14)]
    assert [(comment.text, comment.whole_object) for comment in c] == [("every", True), ("all of c", True)]


def test_comments_in_json_do_not_exist() -> None:
    assert one('{"apiVersion": "v1", "kind": "X", "a": "# mlaudit: x"}') == ()


# -- objects written as text -------------------------------------------------------------------------------------------------------------


def test_objects_written_as_text_are_read_where_they_stand() -> None:
    inner = "        apiVersion: v1\n        kind: Pod\n        metadata: {name: inner}\n"
    text = f"apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nspec:\n  templates:\n  - resource:\n      manifest: |\n{inner}  - name: x\n"
    outer, pod = documents(text + "---\n" + B)[:2]
    assert (outer.ref.kind, pod.ref.name, pod.line, pod.column) == ("Workflow", "inner", 7, 9)
    assert (pod.location(("metadata", "name")).line, pod.location(("metadata", "name")).column) == (9, 20)


def test_objects_as_text_in_objects_as_text_end_somewhere() -> None:
    text, indent = "", ""
    for _ in range(60):
        text += f"{indent}apiVersion: v1\n{indent}kind: X\n{indent}resource:\n{indent}  manifest: |\n"
        indent += "    "
    assert len(documents(text + indent + "a: 1\n")) == 4


# -- files that are named to say what they are -------------------------------------------------------------------------------------------


def test_kustomization_without_kind() -> None:
    (item,) = read_text("resources: [a.yaml]\npatches:\n- path: p.yaml\n", "k/kustomization.yaml")
    assert isinstance(item, NotJudged)
    assert item.reason == "kustomization (not rendered)"
