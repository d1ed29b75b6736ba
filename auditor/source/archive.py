"""Snapshots: what was listed of a cluster, kept in a directory or one compressed file, to be judged later or elsewhere.

A snapshot holds ``snapshot.json``, which says what was asked for and when, and ``objects/<resource>.jsonl`` with an object a line, as they
were kept from the listing. The same listing gives the same bytes.
"""

from __future__ import annotations

import datetime
import gzip
import io
import json
import marshal
import os
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from auditor.document import Document, ObjectRef, mapping, sequence
from auditor.errors import SourceError, UsageError
from auditor.listing import Listing, NotListed, Resource

__all__ = ["read_archive", "write_archive"]

_FORMAT = 1
_INDEX, _OBJECTS = "snapshot.json", "objects/"
_LARGEST = 4 << 30  # bytes of one snapshot once it is unpacked; 10,000 pods take 60 MB
_COMPRESSED = (".tar.gz", ".tgz")
_RETAKE = "take the snapshot again"

_Live = tuple[list[Document], Listing]


# -- writing --------------------------------------------------------------------------------------------------------------------------


def write_archive(live: _Live, target: Path) -> None:
    """Store what was listed: in one file if the name ends in ``.tar.gz`` or ``.tgz``, else in a directory.

    Raises:
        UsageError: the directory holds something else.
        SourceError: it cannot be written.
    """
    try:
        if target.name.endswith(_COMPRESSED):
            _write_file(live, target)
        else:
            _write_folder(live, target)
    except OSError as error:
        raise SourceError(f"cannot write {target}: {error.strerror or error}", "give another place to -o") from None


def _write_folder(live: _Live, target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} is there already and not an empty directory", "give a new one, or a name that ends in .tar.gz")
    for name, content in _members(live):
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _write_file(live: _Live, target: Path) -> None:
    """Write beside the target first, so that nobody ever sees half of it."""
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=target.name, delete=False) as file:
        try:
            with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
                for name, content in _members(live):
                    member = tarfile.TarInfo(name)
                    member.size, member.mtime = len(content), int(live[1].taken.timestamp())
                    archive.addfile(member, io.BytesIO(content))
            file.close()
            os.replace(file.name, target)  # noqa: PTH105 - both are names already
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _members(live: _Live) -> Iterator[tuple[str, bytes]]:
    documents, listing = live
    yield _INDEX, (json.dumps(_index(listing), indent=1, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")
    by_resource: dict[tuple[str, str], list[bytes]] = {}
    for document in documents:
        entry: dict[str, Any] = {"object": document.raw}
        if document.provenance:
            entry["provenance"] = marshal.loads(document.provenance)
        line = json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        by_resource.setdefault((document.ref.group, document.ref.kind), []).append(line)
    for (group, kind), lines in sorted(by_resource.items()):
        yield f"{_OBJECTS}{kind}.{group}.jsonl" if group else f"{_OBJECTS}{kind}.jsonl", b"\n".join(lines) + b"\n"


def _index(listing: Listing) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "taken": listing.taken.isoformat(),
        "server": listing.server,
        "version": list(listing.version or ()),
        "namespace": listing.namespace,
        "requests": listing.requests,
        "listed": [[one.group, one.version, one.kind, one.plural, one.namespaced] for one in listing.listed],
        "not_listed": [[one.resource, one.reason, one.group, one.kind] for one in listing.not_listed],
        "asked": sorted(map(list, listing.asked)),
    }


# -- reading --------------------------------------------------------------------------------------------------------------------------


def read_archive(source: Path) -> _Live:
    """What a snapshot holds.

    Raises:
        UsageError: there is none.
        SourceError: it cannot be read, or is not a whole snapshot.
    """
    if not source.exists():
        raise UsageError(f"there is no snapshot {source}", "`mlaudit snapshot -o FILE.tar.gz` takes one")
    try:
        members = _folder(source) if source.is_dir() else _file(source)
    except (OSError, tarfile.TarError, EOFError, gzip.zlib.error) as error:  # type: ignore[attr-defined]
        raise SourceError(f"the snapshot {source} cannot be read: {error}", _RETAKE) from None
    if _INDEX not in members:
        raise SourceError(f"{source} is no snapshot: it holds no {_INDEX}", "`mlaudit snapshot -o FILE.tar.gz` takes one")
    try:
        listing = _listing(json.loads(members.pop(_INDEX)))
    except (ValueError, TypeError, KeyError) as error:
        raise SourceError(f"{source}: {_INDEX} is damaged ({error})", _RETAKE) from None
    documents: list[Document] = []
    for name, content in members.items():
        documents += _documents(content, f"{source}/{name}")
    documents.sort(key=lambda document: (document.ref.kind, document.ref.namespace, document.ref.name, document.ref.group))
    return documents, listing


def _folder(source: Path) -> dict[str, bytes]:
    names = [source / _INDEX, *sorted((source / _OBJECTS).glob("*.jsonl"))]
    return {str(path.relative_to(source).as_posix()): path.read_bytes() for path in names if path.is_file()}


def _file(source: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    left = _LARGEST
    with tarfile.open(source, "r:gz") as archive:
        for member in archive:
            wanted = member.name == _INDEX or (member.name.startswith(_OBJECTS) and member.name.endswith(".jsonl"))
            if not member.isreg() or not wanted:
                continue
            left -= member.size
            if left < 0:
                raise SourceError(f"the snapshot {source} holds more than {_LARGEST >> 30} GiB", "it is no snapshot of mlaudit's")
            content = archive.extractfile(member)
            found[member.name] = content.read() if content else b""
    return found


def _listing(index: Mapping[str, Any]) -> Listing:
    if index.get("format") != _FORMAT:
        raise ValueError(f"format {index.get('format')!r} is not known to this version")
    version = index["version"]
    return Listing(
        taken=datetime.datetime.fromisoformat(index["taken"]),
        server=str(index["server"]),
        version=(int(version[0]), int(version[1])) if version else None,
        namespace=str(index["namespace"]),
        listed=tuple(Resource(str(g), str(v), str(k), str(p), bool(n)) for g, v, k, p, n in index["listed"]),
        not_listed=tuple(NotListed(*map(str, entry)) for entry in index["not_listed"]),
        asked=frozenset((str(group), str(kind)) for group, kind in index["asked"]),
        requests=int(index["requests"]),
    )


def _documents(content: bytes, where: str) -> Iterable[Document]:
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            entry = mapping(json.loads(line))
        except (ValueError, RecursionError):
            entry = {}
        raw = entry.get("object")
        if not isinstance(raw, dict) or not isinstance(raw.get("kind"), str):
            raise SourceError(f"{where}:{number} is damaged: no object", _RETAKE)
        provenance = sequence(entry.get("provenance"))
        yield _document(raw, marshal.dumps(list(provenance)) if provenance else b"")


def _document(raw: dict[str, Any], provenance: bytes) -> Document:
    group, _, version = str(raw.get("apiVersion") or "").rpartition("/")
    metadata = mapping(raw.get("metadata"))
    ref = ObjectRef(group, version, raw["kind"], str(metadata.get("namespace") or ""), str(metadata.get("name") or ""))
    return Document.of_cluster(ref, raw, provenance)
