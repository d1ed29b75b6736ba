"""Snapshots: what was listed of a cluster, kept in a directory or one compressed file, to be judged later or elsewhere.

A snapshot holds ``snapshot.json``, which says what was asked for and when, ``objects/<resource>.jsonl`` with an object a line, as they
were kept from the listing, and ``usage.json`` where a window of measurements was recorded, too. The same listing
gives the same bytes. The index counts the objects of each file, so that what is missing is missed: a snapshot without its pods would be a
cluster without pods.
"""

from __future__ import annotations

import datetime
import gzip
import io
import json
import os
import re
import tarfile
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from auditor.document import Document, ObjectRef, mapping
from auditor.errors import SourceError, UsageError
from auditor.listing import Listing, NotListed, Resource
from auditor.provenance import packed, unpacked
from auditor.source.recording import from_recording, recording
from auditor.usage import Usage

__all__ = ["read_archive", "read_recorded", "write_archive"]

_FORMAT = 1
_INDEX, _OBJECTS, _USAGE = "snapshot.json", "objects/", "usage.json"
_MEMBER = re.compile(r"snapshot\.json|usage\.json|objects/[A-Za-z0-9][A-Za-z0-9.-]*\.jsonl")
_LARGEST = 4 << 30  # bytes of one snapshot once it is unpacked; 10,000 pods take 60 MB
_MOST = 10_000  # members; there is one for each kind
_CHUNK = 1 << 20
_COMPRESSED = (".tar.gz", ".tgz")
_RETAKE = "take the snapshot again"

_Live = tuple[list[Document], Listing]


# -- writing --------------------------------------------------------------------------------------------------------------------------


def write_archive(live: _Live, target: Path, usage: Usage | None = None) -> None:
    """Store what was listed, and what was measured: in one file if the name ends in ``.tar.gz`` or ``.tgz``, else in a directory.

    Raises:
        UsageError: the directory holds something else.
        SourceError: it cannot be written.
    """
    try:
        if target.name.endswith(_COMPRESSED):
            _write_file(live, target, usage)
        else:
            _write_folder(live, target, usage)
    except OSError as error:
        raise SourceError(f"cannot write {target}: {error.strerror or error}", "give another place to -o") from None


def _write_folder(live: _Live, target: Path, usage: Usage | None) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} is there already and not an empty directory", "give a new one, or a name that ends in .tar.gz")
    for name, content in reversed(list(_members(live, usage))):  # the index last: what was broken off has none
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _write_file(live: _Live, target: Path, usage: Usage | None) -> None:
    """Write beside the target first, so that nobody ever sees half of it."""
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=target.name, delete=False) as file:
        try:
            with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
                for name, content in _members(live, usage):
                    member = tarfile.TarInfo(name)
                    member.size, member.mtime = len(content), int(live[1].taken.timestamp())
                    archive.addfile(member, io.BytesIO(content))
            file.close()
            os.replace(file.name, target)  # noqa: PTH105 - both are names already
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _members(live: _Live, usage: Usage | None = None) -> Iterator[tuple[str, bytes]]:
    documents, listing = live
    by_file: dict[str, list[bytes]] = {}
    for document in documents:
        entry: dict[str, Any] = {"object": document.raw}
        if document.provenance:
            entry["provenance"] = unpacked(document.provenance)
        ref = document.ref
        name = f"{_OBJECTS}{ref.kind}.{ref.group}.jsonl" if ref.group else f"{_OBJECTS}{ref.kind}.jsonl"
        by_file.setdefault(name, []).append(_json(entry, separators=(",", ":")))
    files = dict(sorted(by_file.items()))
    yield _INDEX, _json(_index(listing) | {"objects": {name: len(lines) for name, lines in files.items()}}, indent=1) + b"\n"
    for name, lines in files.items():
        yield name, b"\n".join(lines) + b"\n"
    if usage is not None:
        yield _USAGE, _json(recording(usage), indent=1) + b"\n"


def _json(value: Any, **how: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, **how).encode("utf-8", "surrogatepass")


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
    """What was listed, of a snapshot; see `read_recorded`."""
    return read_recorded(source)[0]


def read_recorded(source: Path) -> tuple[_Live, Usage | None]:
    """What a snapshot holds: what was listed, and what was measured if that was recorded.

    Raises:
        UsageError: there is none.
        SourceError: it cannot be read, or is not a whole snapshot.
    """
    members = _read(source)
    if _INDEX not in members:
        raise SourceError(f"{source} is no snapshot: it holds no {_INDEX}", "`mlaudit snapshot -o FILE.tar.gz` takes one")
    try:
        index = json.loads(members[_INDEX])
        known = _typed(index, dict).get("format")
        if known == _FORMAT:
            listing, objects = _listing(index), _counts(index)
    except KeyError as error:
        raise SourceError(f"{source}: {_INDEX} is damaged: it has no {error}", _RETAKE) from None
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise SourceError(f"{source}: {_INDEX} is damaged: {error}", _RETAKE) from None
    if known != _FORMAT:
        message = f"{source} has format {known!r:.20}, and this version of mlaudit reads format {_FORMAT}"
        raise SourceError(message, "read it with the version that took it")
    documents: list[Document] = []
    for name, count in objects.items():
        found = list(_documents(members.get(name, b""), f"{source}/{name}"))
        if len(found) != count:
            raise SourceError(f"{source}/{name} is damaged: it holds {len(found)} of {count} objects", _RETAKE)
        documents += found
    documents.sort(key=lambda document: (document.ref.kind, document.ref.namespace, document.ref.name, document.ref.group))
    return (documents, listing), _recorded(source, members)


def _recorded(source: Path, members: dict[str, bytes]) -> Usage | None:
    """The window of measurements in a snapshot; None where none was recorded."""
    content = members.get(_USAGE)
    if content is None:
        return None
    try:
        return from_recording(json.loads(content))
    except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError) as error:
        raise SourceError(f"{source}: {_USAGE} is damaged: {error}", _RETAKE) from None


def _read(source: Path) -> dict[str, bytes]:
    """The members of a snapshot."""
    if not source.exists():
        raise UsageError(f"there is no snapshot {source}", "`mlaudit snapshot -o FILE.tar.gz` takes one")
    try:
        return _folder(source) if source.is_dir() else _file(source)
    except OSError as error:
        raise SourceError(f"the snapshot {source} cannot be read: {error.strerror or error}", _RETAKE) from None
    except (tarfile.TarError, EOFError, zlib.error, ValueError, OverflowError) as error:  # tarfile does not check all that it reads
        raise SourceError(f"the snapshot {source} cannot be read: {error}", _RETAKE) from None


def _folder(source: Path) -> dict[str, bytes]:
    paths = [source / _INDEX, source / _USAGE, *sorted((source / _OBJECTS).glob("*.jsonl"))]
    return {path.relative_to(source).as_posix(): path.read_bytes() for path in paths if path.is_file()}


def _file(source: Path) -> dict[str, bytes]:
    """The members that belong to a snapshot. Nothing is unpacked to a place that an archive names."""
    found: dict[str, bytes] = {}
    with _Bounded(source) as stream:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for number, member in enumerate(archive):
                if number > _MOST:
                    raise SourceError(f"the snapshot {source} holds more than {_MOST} members", _FOREIGN)
                if member.isreg() and not member.issparse() and _MEMBER.fullmatch(member.name):
                    content = archive.extractfile(member)
                    found[member.name] = content.read() if content else b""
        while stream.read(_CHUNK):
            pass  # the checksum stands at the end
    return found


_FOREIGN = "it is no snapshot of mlaudit's"


class _Bounded(gzip.GzipFile):
    """What a compressed file holds, up to `_LARGEST` bytes, whichever part of an archive asks for them."""

    def __init__(self, source: Path) -> None:
        super().__init__(source, "rb")
        self._source, self._taken = source, 0

    def read(self, size: int | None = -1) -> bytes:
        content = super().read(min(size, _CHUNK) if size and size > 0 else _CHUNK)
        self._taken += len(content)
        if self._taken > _LARGEST:
            raise SourceError(f"the snapshot {self._source} holds more than {_LARGEST} bytes", _FOREIGN)
        return content


# -- what an index may hold -----------------------------------------------------------------------------------------------------------


def _listing(index: dict[str, Any]) -> Listing:
    taken = datetime.datetime.fromisoformat(_typed(index["taken"], str))
    if taken.tzinfo is None:
        raise ValueError("the time has no zone")
    version = _typed(index["version"], list)
    return Listing(
        taken=taken.astimezone(datetime.UTC),
        server=_typed(index["server"], str),
        version=_row(version, int, int) if version else None,
        namespace=_typed(index["namespace"], str),
        listed=tuple(Resource(*_row(entry, str, str, str, str, bool)) for entry in _typed(index["listed"], list)),
        not_listed=tuple(NotListed(*_row(entry, str, str, str, str)) for entry in _typed(index["not_listed"], list)),
        asked=frozenset(_row(entry, str, str) for entry in _typed(index["asked"], list)),
        requests=_typed(index["requests"], int),
    )


def _counts(index: dict[str, Any]) -> dict[str, int]:
    """How many objects each file holds."""
    counts = {name: _typed(count, int) for name, count in _typed(index["objects"], dict).items()}
    if strange := [name for name in counts if not _MEMBER.fullmatch(name)]:
        raise ValueError(f"{strange[0]!r:.80} is no file of a snapshot")
    return counts


def _typed(value: Any, expected: type) -> Any:
    if type(value) is not expected:
        raise TypeError(f"{value!r:.40} where {_A[expected]} belongs")
    return value


_A = {str: "a text", int: "a number", bool: "true or false", list: "a list", dict: "a mapping"}


def _row(entry: Any, *types: type) -> Any:
    """A list with items of these types, as a tuple."""
    if len(_typed(entry, list)) != len(types):
        raise TypeError(f"{entry!r:.40} where {len(types)} items belong")
    return tuple(map(_typed, entry, types))


# -- objects --------------------------------------------------------------------------------------------------------------------------


def _documents(content: bytes, where: str) -> Iterable[Document]:
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            entry = _typed(json.loads(line), dict)
            raw = _typed(entry.get("object"), dict)
            _typed(raw.get("kind"), str)
            yield _document(raw, packed(entry.get("provenance")))
        except (ValueError, TypeError, RecursionError):
            raise SourceError(f"{where}:{number} is damaged: no object", _RETAKE) from None


def _document(raw: dict[str, Any], provenance: bytes) -> Document:
    group, _, version = str(raw.get("apiVersion") or "").rpartition("/")
    metadata = mapping(raw.get("metadata"))
    ref = ObjectRef(group, version, raw["kind"], str(metadata.get("namespace") or ""), str(metadata.get("name") or ""))
    return Document.of_cluster(ref, raw, provenance)
