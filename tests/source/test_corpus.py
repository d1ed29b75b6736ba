"""Real manifests of ten projects: every file accounted for, nothing raised, and what is known about them found again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.document import Document
from auditor.source import Reading, read_paths
from auditor.source.files import find, read_file

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real manifests is not beside the clone")


@pytest.fixture(scope="module")
def reading() -> Iterator[Reading]:
    yield read_paths((str(CORPUS),), jobs=0)


def test_every_file_is_accounted_for(reading: Reading) -> None:
    on_disk = sorted(str(path) for path in CORPUS.rglob("*") if path.is_file() or path.is_symlink())
    met = {item.file for items in (reading.documents, reading.unread, reading.not_judged) for item in items}
    assert sorted(met) == on_disk
    assert reading.files == len(on_disk) >= 2078
    assert reading.files == reading.files_judged + reading.files_unread + reading.files_not_judged
    assert reading.folders == []
    found = find((str(CORPUS),))
    documents = sum(len(read_file(file)) for file in found.files) + len(found.items)
    assert documents == len(reading.documents) + len(reading.unread) + len(reading.not_judged)


def test_what_was_found(reading: Reading) -> None:
    assert len(reading.documents) >= 2140
    assert (reading.files_judged, reading.files_unread) >= (1335, 10)
    reasons = Counter(item.reason for item in reading.not_judged)
    for reason, number in {
        "Helm or Jinja template": 485,
        "kustomization (not rendered)": 131,
        "Helm values file": 67,
        "kustomize patch": 73,
        "Helm unit test": 30,
        "Helm chart (not rendered)": 29,
        "empty file": 6,
        "kustomize transformer": 5,
        "CustomResourceDefinition": 2,
        "JSON or OpenAPI schema": 2,
        "CI configuration": 1,
    }.items():
        assert reasons[reason] >= number, reason
    assert reasons["no apiVersion and kind"] <= 32  # results and configurations of benchmarks


def test_what_is_broken_is_broken(reading: Reading) -> None:
    """Ten examples of KServe write ``image: {username}/…``, and nothing else in the corpus is no YAML."""
    assert len(reading.unread) == 10
    for item in reading.unread:
        line = Path(item.file).read_text(encoding="utf-8").splitlines()[item.line - 1]
        assert re.search(r"image: *\{[\w-]+\}/", line), line
        assert item.syntax
        assert "quote the value" in item.remedy


def test_identities_and_places(reading: Reading) -> None:
    for document in reading.documents:
        assert document.ref.kind
        assert document.ref.version
        lines = Path(document.file).read_text(encoding="utf-8-sig").split("\n")
        assert document.line <= len(lines)
    assert all(document.positioned for document in reading.documents)


def test_every_key_stands_where_it_is_said_to(reading: Reading) -> None:
    """The text at the place of each key begins with the key, quoted or not; what is merged or resolved (``y``) is the rest."""
    texts: dict[str, list[str]] = {}
    seen = odd = 0
    for document in reading.documents:
        lines = texts.setdefault(document.file, Path(document.file).read_text(encoding="utf-8-sig").split("\n"))
        for path, _, line, column in document.entries():
            if isinstance(path[-1], str):
                seen += 1
                odd += not lines[line - 1][column - 1 :].lstrip("\"'").startswith(path[-1])
    assert seen > 50_000
    assert odd <= 20


def test_objects_are_in_the_order_of_files_and_lines(reading: Reading) -> None:
    order = [(document.file, document.index) for document in reading.documents]
    assert order == sorted(order)
    assert len(set(order)) == len(order)


def test_the_pool_reads_the_same(reading: Reading) -> None:
    def told(document: Document) -> tuple[object, ...]:
        return (
            document.ref,
            document.file,
            document.line,
            document.column,
            document.index,
            document.duplicates,
            document.comments,
            document.raw,
        )

    again = read_paths((str(CORPUS),), jobs=1)
    assert list(map(told, again.documents)) == list(map(told, reading.documents))
    assert (again.unread, again.not_judged, again.folders) == (reading.unread, reading.not_judged, reading.folders)
    for first, second in zip(reading.documents[::20], again.documents[::20], strict=True):
        assert list(first.entries()) == list(second.entries())
