"""Rules on what really runs: each manifest of ``cases/`` is applied to the API server, and ``mlaudit cluster`` must find what it marks.

A case is called after its rule. A line marked ``# finding`` must be found there, nothing else in the case's objects. Comments above the
first object may say ``# option: RULE.NAME=VALUE`` (passed on), and ``# after: kubectl …`` for what is done once everything has settled.
A document ``measured`` says what Prometheus has seen of its pods (see ``measured.py``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from auditor.cli import cli
from auditor.document import Document, mapping, parse_path
from auditor.source.text import read_text
from tests.cluster.measured import HOURS, world
from tests.testbed.cluster import Testbed
from tests.testbed.definitions import define
from tests.testbed.prometheus import Prometheus

pytestmark = pytest.mark.testbed

CASES = sorted(Path(__file__).with_name("cases").glob("*.yaml"))
_MARK = re.compile(r"[ \t]*# finding[ \t]*$", re.MULTILINE)
_BUILT_IN = re.compile(r"(?!.*\.x-k8s\.io$)(?!.*gateway).*\.k8s\.io|[a-z]*")


class Case:
    """One manifest, with what it expects."""

    def __init__(self, path: Path) -> None:
        self.rule = path.stem
        text = path.read_text(encoding="utf-8")
        self.text = _MARK.sub("", text)
        self.marked = {number for number, line in enumerate(text.splitlines(), start=1) if _MARK.search(line)}
        self.options = re.findall(r"^# option: (\S+)$", text, re.MULTILINE)
        self.after = re.findall(r"^# after: kubectl (.+)$", text, re.MULTILINE)
        self.measured = "\nmeasured:" in text
        self.documents = [item for item in read_text(self.text, path.name) if isinstance(item, Document)]
        self.namespaces = sorted({document.ref.namespace for document in self.documents} - {""})

    def document(self, wanted: dict[str, str]) -> Document | None:
        return next(
            (
                one
                for one in self.documents
                if (one.ref.kind, one.ref.namespace, one.ref.name) == (wanted["kind"], wanted["namespace"], wanted["name"])
            ),
            None,
        )

    def kinds(self) -> set[tuple[str, str, str]]:
        refs = (document.ref for document in self.documents)
        return {(ref.group, ref.kind, ref.version) for ref in refs if not _BUILT_IN.fullmatch(ref.group)}


@pytest.fixture(scope="module")
def measurements(prometheus: Callable[..., AbstractContextManager[Prometheus]]) -> Iterator[list[str]]:
    """The options that ask a Prometheus in which the pods of all cases have been measured."""
    made = world(CASES)
    with prometheus(made.series) as server:
        yield ["--prometheus", server.url, "--until", made.end.isoformat(), "--window", f"{HOURS}h"]


@pytest.fixture(params=CASES, ids=lambda path: path.stem)
def case(request: pytest.FixtureRequest, testbed: Testbed) -> Iterator[Case]:
    found = Case(request.param)
    define(testbed, found.kinds())
    _apply(testbed, [document for document in found.documents if document.ref.kind == "Namespace"])
    for namespace in found.namespaces:  # no pod is admitted before
        account = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
        testbed.wait(f"account of {namespace}", lambda account=account: testbed.client().get(account).status == 200)
    nodes = [document for document in found.documents if document.ref.kind == "Node"]
    try:
        for node in nodes:
            testbed.client().request("POST", "/api/v1/nodes", node.raw)
        testbed.wait_nodes(*(node.ref.name for node in nodes if _made_ready(node)))
        _apply(testbed, [document for document in found.documents if document.ref.kind not in ("Namespace", "Node")])
        _settle(testbed, found)
        for command in found.after:
            testbed.kubectl(*command.split())
        yield found
    finally:
        _clean(testbed, found)


def _made_ready(node: Document) -> bool:
    """Whether kwok makes it ready for pods: not one whose status the case writes, and not a cordoned one."""
    own = "mlaudit.test/stage" in mapping(mapping(node.raw["metadata"]).get("annotations"))
    return not own and mapping(node.raw.get("spec")).get("unschedulable") is not True


def _apply(testbed: Testbed, documents: list[Document]) -> None:
    if documents:
        testbed.kubectl("apply", "-f", "-", input=_list(documents))


def _list(documents: list[Document]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": [document.raw for document in documents]})


def _settle(testbed: Testbed, case: Case) -> None:
    """Wait until each controller has made its pods, and each pod is where it will stay."""

    def settled() -> bool:
        items = [item for namespace in case.namespaces for item in testbed.get(f"/api/v1/namespaces/{namespace}/pods")["items"]]
        seen.append([(item["metadata"]["name"], item["status"]) for item in items])
        quiet = len(seen) > _QUIET and all(one == seen[-1] for one in seen[-_QUIET:])
        placed = all(item["spec"].get("nodeName") or _unschedulable(item) for item in items)
        return quiet and placed

    seen: list[list[Any]] = []
    testbed.wait(f"{case.rule} settles", settled)


_QUIET = 5  # polls without a change


def _unschedulable(pod: dict[str, Any]) -> bool:
    return any(one["type"] == "PodScheduled" and one["status"] == "False" for one in pod["status"].get("conditions", []))


def _clean(testbed: Testbed, case: Case) -> None:
    client = testbed.client()
    for namespace in case.namespaces:
        client.request("DELETE", f"/api/v1/namespaces/{namespace}")
        client.request("DELETE", f"/api/v1/namespaces/{namespace}/pods?gracePeriodSeconds=0")
    elsewhere = [document for document in case.documents if not document.ref.namespace and document.ref.kind != "Namespace"]
    if elsewhere:
        testbed.kubectl("delete", "--ignore-not-found", "--wait=false", "-f", "-", input=_list(elsewhere))


def test_finds_what_is_marked_and_nothing_else(testbed: Testbed, case: Case, request: pytest.FixtureRequest) -> None:
    options = [word for option in case.options for word in ("--option", option)]
    if case.measured:
        options += request.getfixturevalue("measurements")
    config = testbed.kubeconfig("admin")
    arguments = ["cluster", "--kubeconfig", str(config), "--rule", case.rule, "-f", "json", "--exit-zero", *options]
    answer = CliRunner().invoke(cli, arguments, standalone_mode=False)
    assert answer.exception is None, answer.output
    report = json.loads(answer.stdout)
    assert report["failures"] == []
    assert report["cluster"]["not_listed"] == []
    lines = set()
    for finding in report["findings"]:
        document = case.document(finding["object"])
        if document is not None:
            lines.add(document.location(parse_path(finding["path"])).line)
        else:
            assert finding["object"]["namespace"] not in case.namespaces, finding
    assert lines == case.marked, report["findings"]
