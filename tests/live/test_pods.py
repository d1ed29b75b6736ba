"""Where a pod is, what became of it, and what it holds."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from auditor.document import Document, ObjectRef
from auditor.listing import Listing
from auditor.live import LivePod, instant, live_pod, minutes_between
from auditor.snapshot import Snapshot
from auditor.source.text import read_text

UTC = datetime.UTC
ROOT = ObjectRef("apps", "v1", "Deployment", "team", "d")


def pod(status: str = "", spec: str = "containers: [{name: c}]", metadata: str = "", root: ObjectRef = ROOT) -> LivePod:
    text = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: p, namespace: team{metadata}}}\nspec: {{{spec}}}\nstatus: {{{status}}}\n"
    (document,) = read_text(text, "pod.yaml")
    assert isinstance(document, Document)
    return live_pod(document, root)


@pytest.mark.parametrize(
    ("phase", "node", "placed", "waits", "finished"),
    [
        ("Pending", "", False, True, False),
        ("", "", False, True, False),
        ("Pending", "n", True, False, False),
        ("Running", "n", True, False, False),
        ("Unknown", "n", True, False, False),
        ("Succeeded", "n", False, False, True),
        ("Failed", "n", False, False, True),
        ("Failed", "", False, False, True),
    ],
)
def test_what_the_phase_means(phase: str, node: str, placed: bool, waits: bool, finished: bool) -> None:
    found = pod(f"phase: '{phase}'", f"nodeName: '{node}', containers: [{{name: c}}]")
    assert (found.placed, found.waiting_for_node, found.finished) == (placed, waits, finished)


def test_why_the_scheduler_finds_no_node() -> None:
    condition = "type: PodScheduled, status: 'False', message: 0/3 nodes are available"
    assert pod(f"conditions: [{{{condition}, reason: Unschedulable}}]").unschedulable == "0/3 nodes are available"
    assert pod(f"conditions: [{{{condition}, reason: SchedulingGated}}]").unschedulable == ""
    assert pod("conditions: [{type: PodScheduled, status: 'True'}]").unschedulable == ""


def test_instants_are_in_utc() -> None:
    found = pod(
        "startTime: '2026-11-25T11:00:00+01:00'",
        metadata=", creationTimestamp: '2026-11-25T09:59:00Z', deletionTimestamp: '2026-11-25T12:00:00Z'",
    )
    assert found.created == datetime.datetime(2026, 11, 25, 9, 59, tzinfo=UTC)
    assert found.started == datetime.datetime(2026, 11, 25, 10, tzinfo=UTC)
    assert found.deleted == datetime.datetime(2026, 11, 25, 12, tzinfo=UTC)


def test_when_it_was_bound() -> None:
    created, started = ", creationTimestamp: '2026-11-24T09:00:00Z'", "startTime: '2026-11-25T10:00:05Z'"
    scheduled = "conditions: [{type: PodScheduled, status: 'True', lastTransitionTime: '2026-11-25T10:00:00Z'}]"
    assert pod(f"{scheduled}, {started}", metadata=created).bound == datetime.datetime(2026, 11, 25, 10, tzinfo=UTC)
    assert pod(started, metadata=created).bound == datetime.datetime(2026, 11, 25, 10, 0, 5, tzinfo=UTC)
    assert pod(scheduled.replace("'True'", "'False'"), metadata=created).bound == datetime.datetime(2026, 11, 24, 9, tzinfo=UTC)
    assert pod().bound is None


@pytest.mark.parametrize("value", [None, 3, "", "yesterday", "2026-13-01T00:00:00Z", []])
def test_no_instant(value: Any) -> None:
    assert instant(value) is None


def test_minutes() -> None:
    now = datetime.datetime(2026, 11, 25, 12, tzinfo=UTC)
    assert minutes_between(now - datetime.timedelta(minutes=90), now) == 90
    assert minutes_between(now + datetime.timedelta(minutes=1), now) == 0
    assert minutes_between(None, now) == 0


def test_states_of_containers() -> None:
    found = pod(
        "initContainerStatuses: ["
        "{name: i, restartCount: 0, state: {terminated: {reason: Completed, finishedAt: '2026-11-25T10:00:00Z'}}}], "
        "containerStatuses: ["
        "{name: c, restartCount: 7, state: {running: null, waiting: {reason: CrashLoopBackOff, message: again}}, lastState: {terminated: "
        "{reason: OOMKilled, startedAt: '2026-11-25T11:00:00Z', finishedAt: '2026-11-25T11:02:00Z'}}}, "
        "{name: d, restartCount: 1, state: {running: {startedAt: '2026-11-25T09:00:00Z'}}}]"
    )
    first, second, third = found.containers
    assert (first.name, first.init, first.state, first.reason, first.last_run) == ("i", True, "terminated", "Completed", None)
    assert (second.state, second.reason, second.message, second.restarts) == ("waiting", "CrashLoopBackOff", "again", 7)
    assert (second.last_reason, second.last_run) == ("OOMKilled", 2.0)
    assert second.since == datetime.datetime(2026, 11, 25, 11, 2, tzinfo=UTC)
    assert (third.state, third.since, third.last_reason) == ("running", datetime.datetime(2026, 11, 25, 9, tzinfo=UTC), "")
    assert found.restarts == 8


def test_what_it_asks_for() -> None:
    found = pod(
        spec="nodeName: n, initContainers: [{name: i, resources: {limits: {nvidia.com/gpu: 4}}}], containers: ["
        "{name: a, resources: {requests: {cpu: 500m}, limits: {nvidia.com/gpu: 1}}}, {name: b, resources: {requests: {cpu: '1'}}}]"
    )
    assert found.accelerators == {"nvidia.com/gpu": 4}
    assert found.devices == {"nvidia.com/gpu": 4}
    assert found.requests()["cpu"] == 1.5
    assert pod().accelerators == {}


def test_who_made_it() -> None:
    owner = ", ownerReferences: [{kind: DaemonSet, name: x, controller: true}]"
    assert pod(metadata=owner).by_daemon_set
    assert pod(root=ObjectRef("apps", "v1", "DaemonSet", "team", "x")).by_daemon_set
    assert not pod().by_daemon_set


def test_pods_of_the_wrong_shape() -> None:
    found = pod(
        "phase: 3, conditions: {}, startTime: [], containerStatuses: [null, {name: 1, restartCount: many, state: running, lastState: []}]",
        "nodeName: 5, priority: high, containers: null",
        ", deletionTimestamp: 5, ownerReferences: {}",
    )
    assert (found.phase, found.node, found.priority, found.deleted, found.placed) == ("", "", None, None, False)
    assert [(one.name, one.state, one.restarts) for one in found.containers] == [("", "", 0), ("", "", 0)]


LISTING = Listing(
    taken=datetime.datetime(2026, 11, 25, 12, tzinfo=UTC), server="test", version=(1, 36), namespace="", listed=(), not_listed=(),
    asked=frozenset(), requests=0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("metadata", "spec", "pods"),
    [
        ("{name: p, namespace: team}", "null", 0),
        ("{name: p, namespace: team, ownerReferences: [{kind: Job, name: j, uid: [], controller: true}]}", "{containers: []}", 1),
    ],
)
def test_an_archive_may_hold_anything(metadata: str, spec: str, pods: int) -> None:
    items = read_text(f"apiVersion: v1\nkind: Pod\nmetadata: {metadata}\nspec: {spec}\n", "pod.yaml")
    assert len(Snapshot([item for item in items if isinstance(item, Document)], listing=LISTING).pods) == pods
