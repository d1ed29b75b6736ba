"""YAML fences in Markdown: which ones are read, and that positions are those of the Markdown file."""

from __future__ import annotations

import pytest

from auditor.document import Document, Unread
from auditor.source.files import read_bytes
from auditor.source.text import Item

NAME = ("metadata", "name")
FRAGMENT = "fragment in Markdown"


def manifest(name: str, indent: str = "") -> str:
    return f"{indent}apiVersion: v1\n{indent}kind: ConfigMap\n{indent}metadata:\n{indent}  name: {name}\n"


def read(text: str) -> list[Item]:
    return read_bytes(text.encode(), "guide.md")


def found(text: str) -> list[tuple[str, int, int]]:
    """Each item with its line and the column of its name."""
    return [
        (item.ref.name, item.location(NAME).line, item.location(NAME).column) if isinstance(item, Document) else (item.reason, item.line, 0)
        for item in read(text)
    ]


FENCES = {
    "plain": ("# Title\n\n```yaml\n" + manifest("a") + "```\n", [("a", 7, 3)]),
    "several": ("```yaml\n" + manifest("a") + "```\ntext\n```yml\n" + manifest("b") + "```\n", [("a", 5, 3), ("b", 12, 3)]),
    "tildes": ("~~~yaml\n" + manifest("a") + "~~~\n", [("a", 5, 3)]),
    "tildes with backticks behind them": ("~~~yaml `x`\n" + manifest("a") + "~~~\n", [("a", 5, 3)]),
    "longer": ("`````yaml\n" + manifest("a") + "# ```\n`````\n```yaml\n" + manifest("b") + "```\n", [("a", 5, 3), ("b", 12, 3)]),
    "closed by a longer one": ("```yaml\n" + manifest("a") + "`````\n\n```yaml\n" + manifest("b") + "```\n", [("a", 5, 3), ("b", 12, 3)]),
    "tildes do not close backticks": (
        "```yaml\n" + manifest("a") + "# x\n~~~\n```\n",
        [("could not find expected ':' (while scanning a simple key)", 8, 0)],
    ),
    "backticks inside tildes": ("~~~yaml\n" + manifest("a") + "data:\n  x: |\n    ```\n~~~\n", [("a", 5, 3)]),
    "a mark that is indented closes nothing": (
        "```yaml\n" + manifest("a") + "data:\n  x: |\n    ```\n    y\n```\n```yaml\n" + manifest("b") + "```\n",
        [("a", 5, 3), ("b", 15, 3)],
    ),
    "blanks behind the mark": ("```   yaml   \n" + manifest("a") + "```   \n", [("a", 5, 3)]),
    "capitals": ("```YAML\n" + manifest("a") + "```\n", [("a", 5, 3)]),
    "json": ('```json\n{"apiVersion": "v1", "kind": "X",\n "metadata": {"name": "a"}}\n```\n', [("a", 3, 15)]),
    "attributes": ('```yaml title="a.yaml" hl_lines="1"\n' + manifest("a") + "```\n", [("a", 5, 3)]),
    "attributes in braces": ("```{.yaml .numberLines}\n" + manifest("a") + "```\n", [("a", 5, 3)]),
    "directive": ("```{code-block} yaml\n" + manifest("a") + "```\n", [("a", 5, 3)]),
    "file name": ("```yaml:k8s/a.yaml\n" + manifest("a") + "```\n", [("a", 5, 3)]),
    "indented": ("1. Apply:\n\n   ```yaml\n" + manifest("a", "   ") + "   ```\n", [("a", 7, 6)]),
    "indented stream": (
        "- Apply:\n\n    ```yaml\n" + manifest("a", "    ") + "    ---\n" + manifest("b", "    ") + "    ```\n",
        [("a", 7, 7), ("b", 12, 7)],
    ),
    "less indented than its mark": ("   ```yaml\n" + manifest("a", " ") + "   ```\n", [("a", 5, 4)]),
    "in an item": (
        "- ```yaml\n" + manifest("a", "  ") + "  ```\n- ```yaml\n" + manifest("b", "  ") + "  ```\n",
        [("a", 5, 5), ("b", 11, 5)],
    ),
    "in a numbered item": ("10. ```yaml\n" + manifest("a", "    ") + "    ```\n", [("a", 5, 7)]),
    "quoted": ("> ```yaml\n" + manifest("a", "> ") + "> ```\n", [("a", 5, 5)]),
    "quoted without a blank": (">```yaml\n" + manifest("a", ">") + ">```\n", [("a", 5, 4)]),
    "quotation that ends": ("> ```yaml\n" + manifest("a", "> ") + "\n```yaml\n" + manifest("b") + "```\n", [("a", 5, 5), ("b", 11, 3)]),
    "unclosed": ("```yaml\n" + manifest("a"), [("a", 5, 3)]),
    "empty": ("```yaml\n```\n```yaml\n" + manifest("a") + "```\n", [("a", 7, 3)]),
    "other languages": (
        "```sh\n" + manifest("a") + "```\n```\n" + manifest("b") + "```\n```yaml\n" + manifest("c") + "```\n",
        [("c", 17, 3)],
    ),
    "code in a sentence": ("Use ```yaml``` and\n```yaml``` too\n```yaml\n" + manifest("a") + "```\n", [("a", 7, 3)]),
    "template": ("```yaml\nkind: Pod\napiVersion: v1\nmetadata:\n  name: {{ x }}\n```\n", [("Helm or Jinja template", 2, 0)]),
    "odd line breaks": ("a\u2028b\x0bc\x0cd\n```yaml\n" + manifest("a") + "```\n", [("a", 6, 3)]),
}


@pytest.mark.parametrize(("text", "expected"), FENCES.values(), ids=FENCES)
def test_fences(text: str, expected: list[tuple[str, int, int]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(("text", "expected"), FENCES.values(), ids=FENCES)
def test_fences_with_windows_line_breaks(text: str, expected: list[tuple[str, int, int]]) -> None:
    assert found(text.replace("\n", "\r\n")) == expected


@pytest.mark.parametrize("text", ["", "# Title\n", "```sh\nls\n```\n", "```\nkind: Pod\n```\n", "    ```yaml x ``` y\n"])
def test_nothing_to_read(text: str) -> None:
    assert found(text) == [("Markdown without manifests", 1, 0)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("resources:\n  limits: {cpu: 1}\n", [(FRAGMENT, 2, 0)]),
        ("spec:\n  a: b: c\n", [(FRAGMENT, 2, 0)]),
        ("...\n\n- a\n b\n", [(FRAGMENT, 2, 0)]),
        ("apiVersion: v1\nspec: {a: b: c}\n", [(FRAGMENT, 2, 0)]),
        ("spec:\n  ...\n", [(FRAGMENT, 2, 0)]),
        ("a: 1\n---\n" + manifest("b"), [(FRAGMENT, 2, 0), ("b", 7, 3)]),
        ("services: {}\nvolumes: {}\n", [("Compose file", 2, 0)]),
        ("apiVersion: v1\nkind: Pod\na: b: c\n", [("mapping values are not allowed in this context", 4, 0)]),
    ],
)
def test_fragments(body: str, expected: list[tuple[str, int, int]]) -> None:
    """A piece of an object is no error, whether it can be parsed or not; a whole object that cannot be is one."""
    assert found(f"```yaml\n{body}```\n") == expected


def test_a_broken_object_is_placed_in_the_markdown_file() -> None:
    (item,) = read("# Title\n\n  ```yaml\n  apiVersion: v1\n  kind: Pod\n  metadata:\n    name x\n    labels: {}\n  ```\n")
    assert isinstance(item, Unread)
    assert (item.line, item.column, item.culprit, item.syntax) == (8, 11, 7, True)


def test_documents_are_numbered_in_their_file() -> None:
    items = read("```yaml\n" + manifest("a") + "---\n" + manifest("b") + "```\n```yaml\n" + manifest("c") + "```\n")
    assert [item.index for item in items if isinstance(item, Document)] == [0, 1, 2]


def test_comments_and_duplicates_are_placed_in_the_markdown_file() -> None:
    (item,) = read("\n  ```yaml\n  # mlaudit: all\n" + manifest("a", "  ") + "  data: {x: 1, x: 2}  # mlaudit: here\n  ```\n")
    assert isinstance(item, Document)
    assert [(comment.line, comment.target, comment.whole_object) for comment in item.comments] == [(3, 4, True), (8, 8, False)]
    assert [(twice.first_line, twice.line, twice.column) for twice in item.duplicates] == [(8, 8, 16)]
    assert (item.line, item.column) == (4, 3)
