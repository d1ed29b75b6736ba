"""Whatever the content: one clear line, never a traceback, bounded time, and the same reading in one process and in several."""

from __future__ import annotations

import os
import pickle
import random
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor import source
from auditor.document import Document, NotJudged, Unread
from auditor.source import Reading, read_paths
from auditor.source.files import read_bytes
from auditor.source.text import Item

MANIFESTS = [
    """\
apiVersion: v1
kind: Pod
metadata:
  name: a
  labels: &l {x: y}
spec:
  containers:
  - name: b
    env: []
    args: ["--a", '--b']
  sel: *l
""",
    """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: a}
spec:
  template:
    spec:
      # mlaudit: ignore[x] y
      containers: []
---
a: 1
...
""",
    """\
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: A
  a: 1
  a: 2
- kind: B
  apiVersion: v1
  <<: {c: 1}
- null
""",
    """\
{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "\\ud83d\\ude00"}, "x": [1, 2.5, true, null]}
{"apiVersion": "v1", "kind": "B"}
""",
    """\
# T

```yaml
apiVersion: v1
kind: Pod
```

> ```yml
> a: b: c
> ```
- ~~~json
  {}
  ~~~
""",
    """\
apiVersion: v1
kind: ConfigMap
data:
  a: |
    {{ x }}
  b: >-

    c
{{- if x }}
  d: {{ y }}
{{- end }}
""",
    """\
resources: [a.yaml]
patches:
- path: b.yaml
- {patch: '- op: add'}
images:
- {name: a, newTag: b}
""",
    """\
apiVersion: argoproj.io/v1alpha1
kind: Workflow
spec:
  resource:
    manifest: |
      apiVersion: v1
      kind: Pod
      x: {{y}}
""",
]
NAMES = ["a.yaml", "a.json", "a.md", "kustomization.yaml", "deploy-patch.yaml", ".github/a.yml", "values.yaml"]
PIECES = st.sampled_from(
    [
        *(
            " ",
            "\n",
            "\n\n",
            ":",
            ": ",
            "- ",
            "-",
            "{",
            "}",
            "[",
            "]",
            ",",
            '"',
            "'",
            "&a ",
            "*a",
            "!x ",
            "!!int ",
            "|",
            ">",
            "#",
            "%",
            "@",
            "`",
            "\\",
        ),
        *(
            "---\n",
            "...\n",
            "<<: ",
            "~",
            "\t",
            "\r",
            "\r\n",
            "\x00",
            "\x07",
            "\x85",
            "\u2028",
            "\ufeff",
            "😀",
            "\\ud83d",
            "{{",
            "}}",
            "{% ",
            "```yaml\n",
            "> ",
        ),
        *(
            "apiVersion: v1\n",
            "kind: Pod\n",
            "items:\n",
            "a: 1\n",
            "mlaudit: x",
            "# mlaudit: y\n",
            "$patch: delete\n",
            "0x",
            ".inf",
            "1e999",
            "manifest: |\n",
        ),
    ]
)


def check(items: list[Item], file: str) -> None:
    assert items
    for item in items:
        assert item.file == file
        assert item.line >= 1
        if isinstance(item, Document):
            assert item.line >= 1
            assert item.column >= 1
            places = list(item.entries())
            assert all(line >= 1 and column >= 1 for _, _, line, column in places)
            assert not item.positioned or places
        else:
            assert item.reason
            assert "\n" not in item.reason
        if isinstance(item, Unread) and item.syntax:
            assert item.line >= 1
            assert item.culprit >= 0
    assert [item.index for item in items if isinstance(item, Document)] == list(range(sum(isinstance(item, Document) for item in items)))


def content(item: Item) -> object:
    """All that an item says."""
    if isinstance(item, Document):
        return (
            item.ref,
            item.file,
            item.index,
            item.offset,
            item.line,
            item.column,
            item.raw,
            list(item.entries()),
            item.duplicates,
            item.comments,
        )
    if isinstance(item, NotJudged):
        return type(item), [getattr(item, name, None) for name in ("file", "line", "reason", "patches", "resources", "images")]
    return item


@given(st.binary(max_size=300), st.sampled_from(NAMES))
def test_bytes(data: bytes, file: str) -> None:
    check(read_bytes(data, file), file)


@given(st.text(max_size=200), st.sampled_from(NAMES), st.sampled_from(["utf-8", "utf-16", "utf-8-sig", "latin-1"]))
def test_text(text: str, file: str, encoding: str) -> None:
    check(read_bytes(text.encode(encoding, "replace"), file), file)


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=40), st.sampled_from(NAMES))
def test_pieces(pieces: list[str], file: str) -> None:
    check(read_bytes("".join(pieces).encode("utf-8", "replace"), file), file)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(MANIFESTS))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(text)))
        end = min(at + draw(st.integers(0, 6)), len(text))
        text = text[:at] + draw(PIECES | st.text(max_size=3)) + text[end:]
    return text


@settings(max_examples=300)
@given(mutated(), st.sampled_from(NAMES))
def test_mutated_manifests(text: str, file: str) -> None:
    items = read_bytes(text.encode("utf-8", "replace"), file)
    check(items, file)
    assert [content(item) for item in pickle.loads(pickle.dumps(items))] == [content(item) for item in items]


@given(st.lists(mutated(), min_size=1, max_size=4))
def test_a_stream_is_the_sum_of_its_documents(texts: list[str]) -> None:
    """One document cannot spoil another, as long as neither holds a separator or leaves something to the next one."""
    whole = [text for text in texts if not any(mark in text for mark in ("---", "...", "%", "mlaudit", "\r", "\x00", "\ufeff"))]
    alone = [item for text in whole for item in read_bytes(f"---\n{text}\n".encode("utf-8", "replace"), "a.yaml")]
    together = read_bytes("".join(f"---\n{text}\n" for text in whole).encode("utf-8", "replace"), "a.yaml")
    if whole and not any(getattr(item, "reason", "") == "empty file" for item in alone):
        assert [type(item) for item in together] == [type(item) for item in alone]
        assert [getattr(item, "raw", None) for item in together] == [getattr(item, "raw", None) for item in alone]


HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
LARGE = 200_000
SLOW = {
    "depth in flow": HEAD + "d: " + "[" * 10_000 + "]" * 10_000,
    "depth in JSON": '{"apiVersion": "v1", "kind": "X", "d": ' + "[" * 10_000 + "]" * 10_000 + "}",
    "depth in blocks": HEAD + "".join(" " * level + "a:\n" for level in range(1000)),
    "depth without object": "d: " + "[" * 10_000 + "]" * 10_000,
    "chain of aliases": HEAD + "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 2000)),
    "chain of merges": HEAD + "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: *a{n - 1}, k{n}: 1}}\n" for n in range(1, 1000)),
    "anchors below anchors": HEAD + "d: " + "".join(f"&a{n} [" for n in range(190)) + "1," * 30_000 + "]" * 190,
    "duplicates below duplicates": HEAD + "d: " + "{a: 1, a: " * 190 + "[" + "1," * 30_000 + "]" + "}" * 190,
    "duplicates": HEAD + "a: 1\n" * LARGE,
    "duplicates in items": "{apiVersion: v1, kind: List, items: [" + "{apiVersion: v1, kind: Pod, a: 1, a: 2}," * 20_000 + "]}",
    "separators": "---\n" * LARGE,
    "documents": "---\na\n" * 20_000,
    "JSON lines": '{"apiVersion": "v1", "kind": "X"}\n' * 10_000,
    "line breaks": "{{ a }} b\n" + "\n" * LARGE,
    "line breaks in an object": HEAD + "a: b: {{\n" + "\n" * LARGE,
    "line breaks in Markdown": "```yaml\napiVersion: v1\nkind: X\na: b: c\n" + "\n" * LARGE,
    "fences": "```yaml\na: 1\n```\n" * 10_000,
    "dashes": "- " * LARGE,
    "quote marks": "> " * LARGE,
    "braces": HEAD + 'a: "' + "{{" * LARGE + '"\n',
    "braces in a name": "apiVersion: v1\nkind: X\nmetadata: {namespace: '" + "{{" * LARGE + "'}\n",
    "dollars in a kind": "apiVersion: v1\nkind: '" + "${" * LARGE + "'\n",
    "parentheses in a version": "kind: X\napiVersion: '" + "$(" * LARGE + "'\n",
    "comments": HEAD + "# mlaudit: ignore[x] y\n" * 20_000,
    "comments in a list": "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: X\n" + "  # mlaudit: ignore[x] y\n" * 20_000,
    "hashes": HEAD + "# " * LARGE + "mlaudit: x\n",
    "odd line breaks": HEAD + "a: '\u2028'\nb: [\n" + "1,\n" * 50_000 + "]\n",
    "digits": HEAD + "a: " + "9" * LARGE + "\nb: 0" + "7" * LARGE + "\nc: 1." + "7" * LARGE + "\nd: 1" + "_" * LARGE + "\n",
    "open quote": HEAD + "a: '" + "x" * LARGE,
    "open quote and blanks": HEAD + "a: 'x" + " " * LARGE + "y\n",
    "open quote in a list": HEAD + "a: [" + '"' * LARGE + "\n",
    "long lines before a fault": HEAD + ("a: '" + "x" * 3000 + "'\n") * 50 + "b: c: d\n",
    "a fault at the end": HEAD + "".join(f"k{n}: v\n" for n in range(40_000)) + "  x: y\n",
    "broken documents": "a: b: c\n---\n" * 20_000,
    "faults": HEAD + "a: 1\n b: 2\n" * 20_000,
    "text inside text": "".join(
        f"{' ' * 4 * n}apiVersion: v1\n{' ' * 4 * n}kind: X\n{' ' * 4 * n}resource:\n{' ' * 4 * n}  manifest: |\n" for n in range(150)
    ),
    "many texts": "apiVersion: v1\nkind: X\nx:\n" + "- resource:\n    manifest: |\n      a: 1\n" * 3000,
    "many broken texts": "apiVersion: v1\nkind: X\nx:\n" + "- resource:\n    manifest: |\n      kind: a\n      apiVersion: b: c\n" * 2000,
    "directives": "%YAML 1.1\n" * LARGE,
}


@pytest.mark.parametrize("file", ["a.yaml", "a.md"])
@pytest.mark.parametrize("name", SLOW)
def test_time_is_bounded(name: str, file: str) -> None:
    """What takes more than its length allows takes minutes here: each is a few hundred kilobytes, read in a fraction of a second."""
    data = SLOW[name].encode()
    start = time.process_time()
    items = read_bytes(data, file)
    assert time.process_time() - start < 5
    check(items, file)
    pickle.dumps(items)


# -- several processes -------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough files for the pool to pay, with everything in them."""
    folder = tmp_path_factory.mktemp("tree")
    chance = random.Random(20261125)
    for number in range(330):
        text = chance.choice(MANIFESTS)
        for _ in range(chance.randrange(3)):
            at = chance.randrange(len(text))
            text = text[:at] + chance.choice([":", "\n", " ", "&a ", "*a", "{", "a: 1\n", "\ud7ff"]) + text[at:]
        name = chance.choice(["{}.yaml", "{}.json", "{}.md", "{}/kustomization.yaml", "{}-patch.yaml"]).format(number)
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def everything(reading: Reading) -> Any:
    counts = reading.files, reading.files_judged, reading.files_unread, reading.files_not_judged
    return counts, [[content(item) for item in items] for items in (reading.documents, reading.unread, reading.not_judged)], reading.folders


class Forgetful(Executor):
    """A pool whose processes are killed after a while."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.done = getattr(self, "done", 0) + 1
        if self.done > 2:
            future.set_exception(BrokenProcessPool("a child process terminated abruptly"))
        else:
            future.set_result(fn(*args, **kwargs))
        return future


def test_pool_or_no_pool(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = everything(read_paths((str(tree),), jobs=1))
    assert alone[0][0] == 330
    monkeypatch.setattr(source, "pool", lambda jobs: ProcessPoolExecutor(2))
    assert everything(read_paths((str(tree),), jobs=2)) == alone


def test_a_pool_that_breaks_loses_nothing(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = everything(read_paths((str(tree),), jobs=1))
    monkeypatch.setattr(source, "pool", lambda jobs: Forgetful())
    seen: list[tuple[int, int]] = []
    assert everything(read_paths((str(tree),), jobs=0, progress=lambda *at: seen.append(at))) == alone
    assert seen[-1] == (330, 330)


def test_the_same_again(tree: Path) -> None:
    assert everything(read_paths((str(tree),))) == everything(read_paths((str(tree) + os.sep,)))
