"""Snapshots as files: the same listing gives the same bytes and the same report, and what is damaged is refused in one line."""

from __future__ import annotations

import dataclasses
import datetime
import gzip
import io
import json
import os
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.cli import main
from auditor.cli.cluster import judge_live, seen
from auditor.config import Settings
from auditor.document import Document
from auditor.errors import AuditError, SourceError, UsageError
from auditor.listing import Listing, NotListed, Resource
from auditor.provenance import LAST_APPLIED, set_by
from auditor.registry import renderer
from auditor.report import View
from auditor.rule import Profile
from auditor.source import archive
from auditor.source.archive import read_archive, write_archive
from auditor.source.cluster.pages import live_document

Live = tuple[list[Document], Listing]

DEPLOYMENTS = Resource("apps", "v1", "Deployment", "deployments", True)
PODS = Resource("", "v1", "Pod", "pods", True)
NODES = Resource("", "v1", "Node", "nodes", False)


def deployment(name: str) -> dict[str, Any]:
    """As the API server lists it, with notes about who set what."""
    labels = {"app": name}
    pod = {"containers": [{"name": "main", "image": "nginx:latest", "resources": {"limits": {"nvidia.com/gpu": 1}}}]}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    applied = {"kind": "Deployment", "metadata": {"name": name}, "spec": {key: spec[key] for key in ("selector", "template")}}
    image = {"f:spec": {"f:containers": {'k:{"name":"main"}': {"f:image": {}}}}}
    selector = {"f:selector": {"f:matchLabels": {".": {}, "f:app": {}}}, "f:strategy": {"f:type": {}, "f:rollingUpdate": {".": {}}}}
    metadata = {
        "name": name,
        "namespace": "ml",
        "uid": f"uid-{name}",
        "creationTimestamp": "2026-11-01T00:00:00Z",
        "annotations": {LAST_APPLIED: json.dumps(applied), "note": "ümläut ✓ \u2028"},
        "managedFields": [
            {
                "manager": "kubectl-client-side-apply",
                "time": "2026-11-01T00:00:00Z",
                "fieldsV1": {"f:spec": selector, "f:metadata": {"f:annotations": {".": {}, f"f:{LAST_APPLIED}": {}}}},
            },
            {"manager": "hpa", "time": "2026-11-02T00:00:00Z", "fieldsV1": {"f:spec": {"f:replicas": {}, "f:template": image}}},
        ],
    }
    return {"metadata": metadata, "spec": spec, "status": {"replicas": 2}}


def pod(name: str) -> dict[str, Any]:
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a", "uid": "uid-a", "controller": True}
    metadata = {"name": name, "namespace": "ml", "ownerReferences": [owner]}
    container = {"name": "main", "image": "nginx:latest", "resources": {"limits": {"nvidia.com/gpu": 1}}}
    return {"metadata": metadata, "spec": {"containers": [container]}, "status": {"phase": "Pending"}}


def listing(**changes: Any) -> Listing:
    whole = Listing(
        taken=datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC),
        server="prod",
        version=(1, 36),
        namespace="",
        listed=(NODES, PODS, DEPLOYMENTS),
        not_listed=(NotListed("jobs.batch", "jobs.batch is forbidden", "batch", "Job"),),
        asked=frozenset({("", "Node"), ("", "Pod"), ("apps", "Deployment"), ("batch", "Job")}),
        requests=7,
    )
    return dataclasses.replace(whole, **changes)


def live(**changes: Any) -> Live:
    documents = [live_document(deployment(name), DEPLOYMENTS) for name in ("a", "b")]
    documents += [live_document({"metadata": {"name": "gpu-0"}, "status": {"allocatable": {"nvidia.com/gpu": "8"}}}, NODES)]
    documents += [live_document(pod(name), PODS) for name in ("a-1", "a-2")]
    return documents, listing(**changes)


def reports(found: Live) -> dict[str, str]:
    report = judge_live(seen(found, STRICT), found, STRICT)
    return {name: renderer(name).render(report, View(verbose=True)) for name in ("table", "json", "yaml")}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def content_of(found: Live) -> list[Any]:
    return [(document.ref, document.raw, document.file, document.provenance) for document in found[0]] + [found[1]]


STRICT = Settings(profile=Profile.STRICT)
PLACES = ("snapshot", "snapshot.tar.gz", "snapshot.tgz")


# -- there and back -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("changes", [{}, {"version": None, "namespace": "ml", "not_listed": (), "server": "ü\n"}])
def test_same_report(tmp_path: Path, place: str, changes: dict[str, Any]) -> None:
    found = live(**changes)
    write_archive(found, tmp_path / place)
    again = read_archive(tmp_path / place)
    assert again[1] == found[1]
    assert [(document.ref, document.raw, document.file) for document in again[0]] == [
        (document.ref, document.raw, document.file) for document in found[0]
    ]
    said = reports(found)
    assert reports(again) == said
    assert "hpa set this field, not what was applied" in said["json"] or changes


def test_who_set_a_field_is_kept(tmp_path: Path) -> None:
    write_archive(live(), tmp_path / "snapshot")
    documents = read_archive(tmp_path / "snapshot")[0]
    assert {document.ref.name: set_by(document, ("spec", "replicas")) for document in documents if document.ref.kind == "Deployment"} == {
        "a": "hpa",
        "b": "hpa",
    }
    assert "last-applied" not in (tmp_path / "snapshot" / "objects" / "Deployment.apps.jsonl").read_text(encoding="utf-8").replace(
        f"f:{LAST_APPLIED}", ""
    )


def test_same_listing_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.tar.gz", "b.tgz"):
        write_archive(live(), tmp_path / name)
    first = (tmp_path / "a.tar.gz").read_bytes()
    assert first == (tmp_path / "b.tgz").read_bytes()
    write_archive(read_archive(tmp_path / "a.tar.gz"), tmp_path / "c.tar.gz")
    assert first == (tmp_path / "c.tar.gz").read_bytes()
    write_archive(live(), tmp_path / "a.tar.gz")  # a file is replaced
    assert first == (tmp_path / "a.tar.gz").read_bytes()
    assert names(tmp_path) == ["a.tar.gz", "b.tgz", "c.tar.gz"]
    assert (tmp_path / "a.tar.gz").stat().st_mode & 0o077 == 0  # a snapshot tells much of a cluster


def test_folder_and_file_hold_the_same(tmp_path: Path) -> None:
    write_archive(live(), tmp_path / "folder")
    write_archive(live(), tmp_path / "file.tar.gz")
    with tarfile.open(tmp_path / "file.tar.gz") as packed:
        for member in packed:
            content = packed.extractfile(member)
            assert content is not None
            assert content.read() == (tmp_path / "folder" / member.name).read_bytes()
            assert (member.uid, member.gid, member.uname, member.mode) == (0, 0, "", 0o644)


def test_an_empty_cluster(tmp_path: Path) -> None:
    found: Live = ([], listing())
    write_archive(found, tmp_path / "snapshot.tar.gz")
    assert read_archive(tmp_path / "snapshot.tar.gz") == found


# -- places -------------------------------------------------------------------------------------------------------------------------------


def test_a_place_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter").write_text("dear")
    (tmp_path / "file").write_text("dear")
    (tmp_path / "empty").mkdir()
    (tmp_path / "folder.tar.gz").mkdir()
    for name in ("full", "file"):
        with pytest.raises(UsageError, match="is there already and not an empty directory"):
            write_archive(live(), tmp_path / name)
    with pytest.raises(SourceError, match="cannot write"):
        write_archive(live(), tmp_path / "folder.tar.gz")
    write_archive(live(), tmp_path / "empty")
    assert names(tmp_path) == ["empty", "file", "folder.tar.gz", "full"]
    assert names(tmp_path / "full") == ["letter"]


@pytest.mark.parametrize("place", ["missing/a.tar.gz", "file/a", "file/a.tar.gz", "x" * 300 + ".tar.gz", "/proc/a", "/proc/a.tar.gz"])
def test_a_place_that_cannot_be_written(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SourceError, match="cannot write"):
        write_archive(live(), tmp_path / place)
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("place", PLACES)
def test_what_is_broken_off_leaves_no_snapshot(tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The index comes last in a folder, and a file appears only once it is whole."""
    full = OSError(28, "No space left on device")
    write = Path.write_bytes

    def fail(path: Path, content: bytes) -> int:
        if path.name.startswith("Node"):
            raise full
        return write(path, content)

    def add(*_: object) -> None:
        raise full

    monkeypatch.setattr(Path, "write_bytes", fail)
    monkeypatch.setattr(tarfile.TarFile, "addfile", add)
    with pytest.raises(SourceError, match="No space left on device"):
        write_archive(live(), tmp_path / place)
    with pytest.raises(AuditError, match="no snapshot"):
        read_archive(tmp_path / place)
    assert [name for name in names(tmp_path) if name != place] == []


# -- damage -------------------------------------------------------------------------------------------------------------------------------


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """The exit code and the one line of error of a command."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("mlaudit: ")
    assert captured.err.count("\n") == 1
    assert len(captured.err) < 500 + captured.err.count("/") * 60
    assert captured.err.removesuffix("\n").isprintable()
    return int(str(stopped.value.code)), captured.err


def tar(*members: tuple[str, bytes], **fields: Any) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def members(found: Live | None = None) -> dict[str, bytes]:
    return dict(archive._members(found or live()))


def index(**changes: Any) -> bytes:
    whole = json.loads(members()["snapshot.json"])
    for name, value in changes.items():
        if value is ...:
            del whole[name]
        else:
            whole[name] = value
    return json.dumps(whole).encode()


def with_index(content: bytes) -> bytes:
    return tar(*(members() | {"snapshot.json": content}).items())


def with_objects(content: bytes, number: int = 2) -> bytes:
    counts = json.loads(members()["snapshot.json"])["objects"] | {"objects/Pod.jsonl": number}
    return tar(*(members() | {"snapshot.json": index(objects=counts), "objects/Pod.jsonl": content}).items())


WHOLE = tar(*members().items())
PLAIN = gzip.decompress(WHOLE)
POD = members()["objects/Pod.jsonl"].splitlines()[0]
DEEP = b"[" * 100_000 + b"]" * 100_000

FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "cannot be read"),
    "text": (b"hello", "cannot be read"),
    "gzip of text": (gzip.compress(b"hello" * 1000), "cannot be read"),
    "gzip of nothing": (gzip.compress(b""), "cannot be read"),
    "plain tar": (gzip.decompress(WHOLE), "cannot be read"),
    "truncated header": (WHOLE[:7], "cannot be read"),
    "truncated": (WHOLE[: len(WHOLE) // 2], "cannot be read"),
    "truncated checksum": (WHOLE[:-3], "cannot be read"),
    "wrong checksum": (WHOLE[:-8] + b"\0\0\0\0" + WHOLE[-4:], "cannot be read"),
    "rubbish behind": (WHOLE + b"rubbish", "cannot be read"),
    "cut between members": (gzip.compress(PLAIN[: PLAIN.index(b"objects/Pod.jsonl\0")]), "Pod.jsonl is damaged: it holds 0 of 2"),
    "no index": (tar(("objects/Pod.jsonl", POD)), "holds no snapshot.json"),
    "nothing": (tar(), "holds no snapshot.json"),
    "another index": (tar(("SNAPSHOT.json", b"{}")), "holds no snapshot.json"),
    "index is no JSON": (with_index(b"{"), "is damaged"),
    "index is no UTF-8": (with_index(b"\xff\xfe\xfd"), "is damaged"),
    "index is empty": (with_index(b""), "is damaged"),
    "index is deep": (with_index(DEEP), "is damaged"),
    "index is a list": (with_index(b"[]"), r"\[\] where a mapping belongs"),
    "index is null": (with_index(b"null"), "None where a mapping belongs"),
    "no format": (with_index(index(format=...)), "has format None"),
    "format of tomorrow": (with_index(index(format=2)), "has format 2, and this version of mlaudit reads format 1"),
    "long format": (with_index(index(format="\x1b[31m" + "x" * 5000)), "has format"),
    "time of no zone": (with_index(index(taken="2026-01-01T00:00:00")), "the time has no zone"),
    "time of no sense": (with_index(index(taken="today")), "is damaged"),
    "time before time": (with_index(index(taken="0001-01-01T00:00:00+14:00")), "is damaged"),
    "version of one": (with_index(index(version=[1])), "where 2 items belong"),
    "huge number": (with_index(index().replace(b'"requests": 7', b'"requests": ' + b"9" * 5000)), "is damaged"),
    "infinite": (with_index(index().replace(b'"requests": 7', b'"requests": 1e999')), "inf where a number belongs"),
    "short row": (with_index(index(listed=[["", "v1", "Pod"]])), "where 5 items belong"),
    "row is text": (with_index(index(asked=["ab"])), "where a list belongs"),
    "strange file": (with_index(index(objects={"../x.jsonl": 1})), "is no file of a snapshot"),
    "file of no name": (with_index(index(objects={"objects/\x1b[31m.jsonl": 1})), "is no file of a snapshot"),
    "objects missing": (tar(*(pair for pair in members().items() if "Pod" not in pair[0])), "Pod.jsonl is damaged: it holds 0 of 2"),
    "object missing": (with_objects(POD), "it holds 1 of 2"),
    "objects too many": (with_objects(POD + b"\n" + POD + b"\n" + POD), "it holds 3 of 2"),
    "line cut": (with_objects(POD + b"\n" + POD[:50]), "Pod.jsonl:2 is damaged: no object"),
    "line empty": (with_objects(POD + b"\n\n"), "Pod.jsonl:2 is damaged"),
    "line of rubbish": (with_objects(b"\x00\xff" * 10), "Pod.jsonl:1 is damaged"),
    "huge line": (with_objects(b'{"object": "' + b"x" * 20_000_000 + b'"}'), "Pod.jsonl:1 is damaged"),
    "huge line cut": (with_objects(b'{"object": {"kind": "' + b"x" * 20_000_000), "Pod.jsonl:1 is damaged"),
    "deep line": (with_objects(b'{"object": {"kind": "Pod", "spec": ' + DEEP + b"}}"), "Pod.jsonl:1 is damaged"),
    "line is a list": (with_objects(b"[1]"), "Pod.jsonl:1 is damaged"),
    "no kind": (with_objects(b'{"object": {}}'), "Pod.jsonl:1 is damaged"),
    "kind is null": (with_objects(b'{"object": {"kind": null}}'), "Pod.jsonl:1 is damaged"),
    "wrong provenance": (with_objects(POD[:-1] + b',"provenance":[1,2,3]}'), "Pod.jsonl:1 is damaged"),
    "wrong managers": (with_objects(POD[:-1] + b',"provenance":[null,[["x"]]]}'), "Pod.jsonl:1 is damaged"),
}


@pytest.mark.parametrize(("content", "message"), FILES.values(), ids=FILES)
def test_damage_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, message: str) -> None:
    file = tmp_path / "s.tar.gz"
    file.write_bytes(content)
    for command in (("cluster",), ("snapshot", "-o", str(tmp_path / "again"))):
        code, error = run(capsys, *command, "--snapshot", str(file))
        assert code == 3
        assert re.search(message, error), error
    assert names(tmp_path) == ["s.tar.gz"]


@pytest.mark.parametrize("name", [name for name in json.loads(index()) if name not in ("format",)], ids=str)
@pytest.mark.parametrize("value", [..., None, 1, True, "x", [], {}, [1], ["x"], [[]], [None], {"a": 1}, [["a", "b"]], 1.5], ids=repr)
def test_wrong_types_in_the_index(tmp_path: Path, name: str, value: Any) -> None:
    """Each entry absent, or anything else: refused, or as good as what was there."""
    (tmp_path / "s.tar.gz").write_bytes(with_index(index(**{name: value})))
    try:
        found = read_archive(tmp_path / "s.tar.gz")
    except SourceError as error:
        assert "is damaged" in error.message
        return
    assert value in ([], {}, "x", 1, [["a", "b"]])
    reports(found)


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, child in children for found in _paths(child, (*path, key)))]


def _put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    made = dict(value) if isinstance(value, dict) else list(value)
    made[path[0]] = _put(made[path[0]], path[1:], new)
    return made


_LINE = json.loads(members()["objects/Deployment.apps.jsonl"].splitlines()[0])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(path=st.sampled_from(_paths(_LINE)), value=_ANY)
def test_wrong_types_in_an_object(tmp_path: Path, path: tuple[Any, ...], value: Any) -> None:
    """Refused, or judged without a failure of any rule."""
    content = json.dumps(_put(_LINE, path, value)).encode()
    (tmp_path / "s.tar.gz").write_bytes(with_objects(content, 1))
    try:
        found = read_archive(tmp_path / "s.tar.gz")
    except SourceError as error:
        assert "is damaged" in error.message
        return
    assert judge_live(seen(found, STRICT), found, STRICT).failures == ()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, len(WHOLE) - 1), byte=st.integers(0, 255), cut=st.booleans())
def test_any_byte_changed_or_any_end_cut_off(tmp_path: Path, at: int, byte: int, cut: bool) -> None:
    """Never silently another cluster: gzip's checksum is looked at."""
    damaged = WHOLE[:at] if cut else WHOLE[:at] + bytes([byte]) + WHOLE[at + 1 :]
    (tmp_path / "s.tar.gz").write_bytes(damaged)
    try:
        found = read_archive(tmp_path / "s.tar.gz")
    except SourceError:
        return
    assert content_of(found) == content_of(read(tmp_path, WHOLE))  # in gzip's header are a time and a name that mean nothing


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bytes_inside(tmp_path: Path, data: st.DataObject) -> None:
    """With a right checksum: refused or read, but never an exception of another sort."""
    plain = bytearray(gzip.decompress(WHOLE))
    for _ in range(data.draw(st.integers(1, 8))):
        plain[data.draw(st.integers(0, len(plain) - 1))] = data.draw(st.sampled_from(b'\0\x80\xff0179xgLKSV5 /.\n{["'))
    (tmp_path / "s.tar.gz").write_bytes(gzip.compress(bytes(plain), 1))
    try:
        found = read_archive(tmp_path / "s.tar.gz")
    except SourceError:
        return
    assert isinstance(found[1], Listing)


def read(tmp_path: Path, content: bytes) -> Live:
    (tmp_path / "whole.tar.gz").write_bytes(content)
    return read_archive(tmp_path / "whole.tar.gz")


# -- attacks ------------------------------------------------------------------------------------------------------------------------------


def special(kind: bytes, name: str, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


@pytest.mark.parametrize(
    "member",
    [
        special(tarfile.SYMTYPE, "objects/Pod.jsonl", "/etc/passwd"),
        special(tarfile.LNKTYPE, "objects/Pod.jsonl", "snapshot.json"),
        special(tarfile.CHRTYPE, "objects/Pod.jsonl"),
        special(tarfile.FIFOTYPE, "objects/Pod.jsonl"),
        special(tarfile.DIRTYPE, "objects/Pod.jsonl"),
        special(tarfile.REGTYPE, "objects/../../Pod.jsonl"),
        special(tarfile.REGTYPE, "/objects/Pod.jsonl"),
        special(tarfile.REGTYPE, "./objects/Pod.jsonl"),
    ],
    ids=lambda member: f"{member.type!r} {member.name}",
)
def test_members_that_are_no_files_of_ours(tmp_path: Path, member: tarfile.TarInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not there: nothing is written, opened or followed."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for name, content in members().items():
            if "Pod" in name:
                member.size = len(content) if member.isreg() else 0
                packed.addfile(member, io.BytesIO(content) if member.isreg() else None)
            else:
                plain = tarfile.TarInfo(name)
                plain.size = len(content)
                packed.addfile(plain, io.BytesIO(content))
    (tmp_path / "s.tar.gz").write_bytes(buffer.getvalue())
    with pytest.raises(SourceError, match="it holds 0 of 2 objects"):
        read_archive(tmp_path / "s.tar.gz")
    assert names(tmp_path) == ["s.tar.gz"]


def bombs() -> dict[str, Callable[[], bytes]]:
    much = bytes(300_000)
    extended = tarfile.TarInfo("objects/Pod.jsonl")
    extended.pax_headers = {"comment": "x" * 300_000}
    long_name = tarfile.TarInfo("x" * 300_000)
    sparse = tarfile.TarInfo("objects/Pod.jsonl")
    sparse.size = 0
    sparse.pax_headers = {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(1 << 60)}

    def of(member: tarfile.TarInfo, form: int) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz", format=form) as packed:
            packed.addfile(member)
        return buffer.getvalue()

    return {
        "of ours": lambda: tar(("objects/Pod.jsonl", much)),
        "of others": lambda: tar(("other", much)),
        "many small": lambda: tar(*((f"objects/A{number}.jsonl", b"x" * 512) for number in range(200))),
        "header": lambda: of(extended, tarfile.PAX_FORMAT),
        "name": lambda: of(long_name, tarfile.GNU_FORMAT),
        "behind the end": lambda: gzip.compress(gzip.decompress(WHOLE) + much),
        "sparse": lambda: of(sparse, tarfile.PAX_FORMAT),
    }


@pytest.mark.parametrize("name", bombs())
def test_bombs_go_off_at_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """Whatever part of the archive is large: all that comes out of the compression counts."""
    monkeypatch.setattr(archive, "_LARGEST", 100_000)
    (tmp_path / "s.tar.gz").write_bytes(bombs()[name]())
    code, error = run(capsys, "cluster", "--snapshot", str(tmp_path / "s.tar.gz"))
    assert code == 3
    assert "holds more than 100000 bytes" in error or (name == "sparse" and "holds no snapshot.json" in error)


def test_too_many_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_MOST", 10)
    (tmp_path / "s.tar.gz").write_bytes(tar(*((f"x{number}", b"") for number in range(20))))
    with pytest.raises(SourceError, match="more than 10 members"):
        read_archive(tmp_path / "s.tar.gz")


# -- folders ------------------------------------------------------------------------------------------------------------------------------


def test_folders_that_are_not_whole(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no snapshot"):
        read_archive(tmp_path / "missing")
    with pytest.raises(SourceError, match=r"holds no snapshot\.json"):
        read_archive(tmp_path)
    write_archive(live(), tmp_path / "s")
    file = tmp_path / "s" / "objects" / "Pod.jsonl"
    content = file.read_bytes()
    file.write_bytes(content[:-10])
    with pytest.raises(SourceError, match=r"Pod\.jsonl:2 is damaged"):
        read_archive(tmp_path / "s")
    file.unlink()
    with pytest.raises(SourceError, match="it holds 0 of 2 objects"):
        read_archive(tmp_path / "s")
    os.mkfifo(file)  # would wait for ever
    with pytest.raises(SourceError, match="it holds 0 of 2 objects"):
        read_archive(tmp_path / "s")
    file.unlink()
    file.write_bytes(content)
    (tmp_path / "s" / "objects" / "notes.txt").write_text("mine")
    assert len(read_archive(tmp_path / "s")[0]) == 5


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_archive(live(), tmp_path / "s.tar.gz")
    (tmp_path / "s.tar.gz").chmod(0)
    assert run(capsys, "cluster", "--snapshot", str(tmp_path / "s.tar.gz"))[0] == 3


def test_a_snapshot_that_is_not_there_is_the_users_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "cluster", "--snapshot", str(tmp_path / "none.tar.gz"))[0] == 2
