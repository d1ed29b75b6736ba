"""Lists and discovery as API servers of several ages give them, from a table of answers in place of a connection."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest

from auditor.errors import SourceError
from auditor.listing import Resource
from auditor.source.cluster.answers import Expired, Refused
from auditor.source.cluster.connection import MAX_IN_FLIGHT, Connection, Reader
from auditor.source.cluster.discovery import discover
from auditor.source.cluster.pages import live_document, objects_of

PODS = Resource("", "v1", "Pod", "pods", True)
JOBS = Resource("batch", "v1", "Job", "jobs", True)


class Table:
    """Answers by path, in order; the last is given for ever. An exception is raised."""

    host = "https://table"

    def __init__(self, answers: Mapping[str, list[Any]]) -> None:
        self.answers = {path: list(given) for path, given in answers.items()}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def get(self, path: str, query: Mapping[str, Any] | None = None, accept: str = "", reader: Reader | None = None) -> Any:
        self.asked.append((path, dict(query or {})))
        given = self.answers.get(path) or [Refused(404, "absent")]
        answer = given.pop(0) if len(given) > 1 else given[0]
        if isinstance(answer, Exception):
            raise answer
        return (reader or Reader()).kept(answer)


def found(table: Table) -> tuple[dict[tuple[str, str], Resource], dict[str, str]]:
    return discover(cast(Connection, table))


# -- discovery ----------------------------------------------------------------------------------------------------------------------------


def aggregated(version: str, *groups: tuple[str, list[tuple[str, str, list[tuple[str, str, str, str]]]]]) -> dict[str, Any]:
    """Groups with versions, each fresh or stale, with kind, plural, scope and verbs of resources."""
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "items": [
            {
                "metadata": {"name": name},
                "versions": [
                    {
                        "version": one,
                        "freshness": freshness,
                        "resources": [
                            {"resource": plural, "scope": scope, "verbs": verbs.split(), "responseKind": {"group": "", "kind": kind}}
                            for kind, plural, scope, verbs in resources
                        ],
                    }
                    for one, freshness, resources in versions
                ],
            }
            for name, versions in groups
        ],
    }


@pytest.mark.parametrize("version", ["v2", "v2beta1"])
def test_aggregated_discovery(version: str) -> None:
    core = aggregated(version, ("", [("v1", "Current", [("Pod", "pods", "Namespaced", "get list"), ("Node", "nodes", "Cluster", "list")])]))
    jobs = [("Job", "jobs", "Namespaced", "list"), ("Review", "reviews", "Cluster", "create")]
    groups = aggregated(version, ("batch", [("v2", "Current", jobs), ("v1", "Current", jobs)]))
    served, down = found(Table({"/api": [core], "/apis": [groups]}))
    assert served == {
        ("", "Pod"): PODS,
        ("", "Node"): Resource("", "v1", "Node", "nodes", False),
        ("batch", "Job"): Resource("batch", "v2", "Job", "jobs", True),  # the preferred version comes first
    }
    assert down == {}


def test_apis_that_do_not_answer_are_named() -> None:
    groups = aggregated("v2", ("gone", [("v1", "Stale", [])]), ("old", [("v1", "Stale", [("Job", "jobs", "Namespaced", "list")])]))
    served, down = found(Table({"/api": [aggregated("v2")], "/apis": [groups]}))
    assert list(served) == [("old", "Job")]
    assert down == dict.fromkeys(("gone", "old"), "the server of this API does not answer")


def test_discovery_one_by_one() -> None:
    def resources(*entries: tuple[str, str, bool, str]) -> dict[str, Any]:
        found = [
            {"name": name, "kind": kind, "namespaced": namespaced, "verbs": verbs.split()} for name, kind, namespaced, verbs in entries
        ]
        return {"kind": "APIResourceList", "resources": found}

    groups = [
        {"name": "batch", "preferredVersion": {"version": "v1"}, "versions": [{"version": "v1beta1"}, {"version": "v1"}]},
        {"name": "metrics.k8s.io", "preferredVersion": {"version": "v1"}, "versions": [{"version": "v1"}]},
    ]
    table = Table(
        {
            "/api": [{"kind": "APIVersions", "versions": ["v1"]}],
            "/apis": [{"kind": "APIGroupList", "groups": groups}],
            "/api/v1": [
                resources(("pods", "Pod", True, "list"), ("pods/status", "Pod", True, "get"), ("bindings", "Binding", True, "create"))
            ],
            "/apis/batch/v1": [resources(("jobs", "Job", True, "list"))],
            "/apis/batch/v1beta1": [resources(("jobs", "Job", True, "list"), ("cronjobs", "CronJob", True, "list"))],
            "/apis/metrics.k8s.io/v1": [Refused(503, "service unavailable")],
        }
    )
    served, down = found(table)
    assert served == {
        ("", "Pod"): PODS,
        ("batch", "Job"): JOBS,
        ("batch", "CronJob"): Resource("batch", "v1beta1", "CronJob", "cronjobs", True),
    }
    assert down == {"metrics.k8s.io": "service unavailable"}


@pytest.mark.parametrize(
    "wrong", [None, [], "text", 7, {}, {"groups": None}, {"kind": "APIGroupDiscoveryList"}, {"kind": "List", "items": []}]
)
def test_what_says_not_what_it_serves(wrong: Any) -> None:
    for answers in ({"/api": [wrong]}, {"/api": [aggregated("v2")], "/apis": [wrong]}):
        with pytest.raises(SourceError, match=r"^https://table is no Kubernetes API server: it does not say"):
            found(Table(answers))


@pytest.mark.parametrize("hole", [None, 7, "text", [], {}])
def test_holes_in_discovery_are_stepped_over(hole: Any) -> None:
    groups = aggregated("v2", ("batch", [("v1", "Current", [("Job", "jobs", "Namespaced", "list")])]))
    groups["items"] += [hole, {"metadata": hole, "versions": hole}, {"metadata": {"name": "x"}, "versions": [hole, {"resources": hole}]}]
    groups["items"].append(
        {"metadata": {"name": "x"}, "versions": [{"version": "v1", "resources": [hole, {"responseKind": hole, "resource": hole}]}]}
    )
    assert list(found(Table({"/api": [aggregated("v2")], "/apis": [groups]}))[0]) == [("batch", "Job")]


# -- pages --------------------------------------------------------------------------------------------------------------------------------


def page(*names: str, token: Any = None) -> dict[str, Any]:
    return {"kind": "PodList", "metadata": {"continue": token}, "items": [{"metadata": {"name": name}} for name in names]}


def listed(*answers: Any) -> tuple[list[str], list[Any]]:
    """The names found, and the tokens asked with."""
    table = Table({"/api/v1/pods": list(answers)})
    objects = objects_of(cast(Connection, table), PODS, "")
    assert {query["limit"] for _, query in table.asked} == {500}
    return [document.ref.name for document in objects], [query.get("continue") for _, query in table.asked]


def test_pages_follow_each_other() -> None:
    assert listed(page("a", token="1"), page(token="2"), page("b", token="")) == (["a", "b"], [None, "1", "2"])


def test_expired_lists_begin_again_without_what_they_had() -> None:
    answers = (page("a", "b", token="1"), Expired(), page("b", token="2"), page("c"))
    assert listed(*answers) == (["b", "c"], [None, "1", None, "2"])


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([page("a", token="1"), Expired()] * 3, "the list expired 3 times before its end"),
        ([page("a", token="1"), Refused(403, "no")], "no"),
        ([page("a", token="1"), page("b", token="1")], "its list does not go on where it should"),
        ([page("a", token={})], None),
        ([page("a", token=["1"])], "its list does not go on where it should"),
        ([page("a", token="1"), {"kind": "Status"}], "what it answers is no list of objects"),
        ([page("a", token="1"), {"kind": "PodList", "items": [{"metadata": {"name": None}}]}], "what it answers is no list of objects"),
    ],
)  # fmt: skip
def test_half_a_list_is_none(answers: list[Any], reason: str | None) -> None:
    if reason is None:
        assert listed(*answers) == (["a"], [None])
        return
    with pytest.raises(Refused) as caught:
        listed(*answers)
    assert caught.value.reason == reason


class Eager:
    """Pages by token, as built-in kinds are written. What is asked for is noted when it is asked, and when it is decoded."""

    host = "https://eager"

    def __init__(self, pages: Mapping[str, tuple[list[str], str]]) -> None:
        self.pages = pages
        self.happened: list[tuple[str, str]] = []
        self.later = threading.Event()

    def get(self, path: str, query: Mapping[str, Any], accept: str = "", reader: Reader | None = None) -> Any:
        token = query.get("continue", "")
        self.happened.append(("asked", token))
        if token:
            self.later.set()
        names, following = self.pages[token]
        head = f'{{"kind":"PodList","apiVersion":"v1","metadata":{{"resourceVersion":"7","continue":"{following}"'
        assert reader is not None
        for _ in range(2):  # as where the first answer was cut off
            reader.arrived(head.encode() if following else b'{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"7"')
        if not token:
            self.later.wait(5)
        self.happened.append(("decoded", token))
        return reader.kept(page(*names, token=following))


def test_the_next_page_is_asked_for_while_one_is_decoded() -> None:
    table = Eager({"": (["a", "b"], "MQ=="), "MQ==": (["c"], "Mg"), "Mg": (["d"], "")})
    objects = objects_of(cast(Connection, table), PODS, "")
    assert [document.ref.name for document in objects] == ["a", "b", "c", "d"]
    assert [token for what, token in table.happened if what == "asked"] == ["", "MQ==", "Mg"]
    assert table.happened.index(("asked", "MQ==")) < table.happened.index(("decoded", ""))


def test_a_list_that_turns_in_a_circle_ends() -> None:
    table = Eager({"": (["a"], "MQ"), "MQ": (["b"], "Mg"), "Mg": (["c"], "MQ")})
    with pytest.raises(Refused, match="its list does not go on where it should"):
        objects_of(cast(Connection, table), PODS, "")
    assert len(table.happened) == 6


class Counting:
    """A pool of urllib3 that counts the requests under way."""

    pool_classes_by_scheme: ClassVar[dict[str, Any]] = {}

    def __init__(self, body: bytes = b"{}") -> None:
        self.body, self.now, self.most, self.lock = body, 0, 0, threading.Lock()

    def request(self, *_: object, **__: object) -> Any:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.005)
        with self.lock:
            self.now -= 1
        return SimpleNamespace(status=200, headers={"Content-Type": "application/json"}, data=self.body, tell=lambda: len(self.body))


def connected(pool: Counting) -> Connection:
    return Connection("https://counting", "counting", pool, dict, time.monotonic() + 60)


def test_few_requests_are_in_flight_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.source.cluster.connection.REQUESTS_PER_SECOND", 5000.0)
    pool = Counting()
    with connected(pool) as connection, ThreadPoolExecutor(9) as threads:
        assert list(threads.map(lambda _: connection.get("/"), range(45))) == [{}] * 45
    assert (pool.most, connection.requests) == (MAX_IN_FLIGHT, 45)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": NaN}', None),
        ('"\\ud800"', "\ud800"),
        ('{"a": 1, "a": 2}', {"a": 2}),
        ("9223372036854775807", 2**63 - 1),
        ("[" * 950 + "]" * 950, None),
        ("\ufeff{}", {}),
    ],
)
def test_json_that_is_out_of_the_common(text: str, value: Any) -> None:
    with connected(Counting(text.encode())) as connection:
        answer = connection.get("/")
    assert value is None or answer == value


# -- what is kept -------------------------------------------------------------------------------------------------------------------------


def test_what_is_kept_of_an_object() -> None:
    state = {"running": {"startedAt": "now"}}
    item = {
        "metadata": {
            "name": "web", "namespace": "shop", "labels": {"a": "b"}, "resourceVersion": "7", "selfLink": "/", "generation": 3,
            "managedFields": [{"manager": "kubectl"}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "note": "x"},
        },
        "spec": {"containers": []},
        "status": {
            "phase": "Running", "hostIP": "1.2.3.4", "podIPs": [{"ip": "1"}], "conditions": [{"type": "Ready"}],
            "containerStatuses": [{"name": "main", "state": state, "imageID": "sha", "ready": True}, None, "x"],
        },
    }  # fmt: skip
    document = live_document(item, PODS)
    assert (document.ref.kind, document.ref.version, document.ref.namespace, document.ref.name) == ("Pod", "v1", "shop", "web")
    assert document.raw == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"a": "b"}, "annotations": {"note": "x"}},
        "spec": {"containers": []},
        "status": {
            "phase": "Running",
            "hostIP": "1.2.3.4",
            "conditions": [{"type": "Ready"}],
            "containerStatuses": [{"name": "main", "ready": True, "state": state}, {}, {}],
        },
    }


@pytest.mark.parametrize("odd", [None, [], "text", 7, {}, {"name": "x"}])
def test_any_field_may_be_anything(odd: Any) -> None:
    shapes: list[Callable[[], dict[str, Any]]] = [
        lambda: {"metadata": {"name": "x", "annotations": odd, "labels": odd, "ownerReferences": odd, "managedFields": odd}, "status": odd},
        lambda: {"metadata": {"name": "x", "ownerReferences": [odd], "managedFields": [odd]}, "status": {"containerStatuses": odd}},
        lambda: {"metadata": {"name": "x", "managedFields": [{"fieldsV1": odd, "manager": odd, "time": odd}]}, "spec": odd},
        lambda: {"metadata": {"name": "x", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": odd}}},
    ]
    for shape in shapes:
        assert live_document(shape(), PODS).ref.name == "x"
