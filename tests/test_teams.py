"""Who owns a workload: the pod's labels before the workload's, and those before its namespace's."""

from __future__ import annotations

import datetime

import pytest

from auditor.document import Document
from auditor.listing import Listing
from auditor.snapshot import Snapshot
from auditor.source.text import read_text
from auditor.teams import namespace_of, owner_of

CRON_JOB = """
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly, namespace: a, uid: u-1, labels: {%(workload)s}}
spec:
  jobTemplate:
    metadata: {labels: {%(job)s}}
    spec:
      template:
        metadata: {labels: {%(pod)s}}
        spec: {containers: [{name: main, image: "x:1"}]}
---
apiVersion: v1
kind: Namespace
metadata: {name: a, labels: {%(namespace)s}, annotations: {%(annotation)s}}
"""
LIVE = """
---
apiVersion: batch/v1
kind: Job
metadata:
  name: nightly-1
  namespace: a
  uid: u-2
  ownerReferences: [{apiVersion: batch/v1, kind: CronJob, name: nightly, uid: u-1, controller: true}]
spec: {template: {spec: {containers: [{name: main, image: "x:1"}]}}}
---
apiVersion: v1
kind: Pod
metadata:
  name: nightly-1-x
  namespace: a
  labels: {%(pod)s}
  ownerReferences: [{apiVersion: batch/v1, kind: Job, name: nightly-1, uid: u-2, controller: true}]
spec: {containers: [{name: main, image: "x:1"}]}
"""
NONE = dict.fromkeys(("pod", "job", "workload", "namespace", "annotation"), "")
LISTING = Listing(
    taken=datetime.datetime(2026, 11, 25, tzinfo=datetime.UTC), server="", version=None, namespace="", listed=(), not_listed=(),
    asked=frozenset(), requests=0,
)  # fmt: skip


def read(text: str, *, live: bool = False) -> Snapshot:
    documents = [item for item in read_text(text, "a.yaml") if isinstance(item, Document)]
    return Snapshot(documents, listing=LISTING if live else None)


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("place", list(NONE))
def test_asks_the_pod_then_what_is_around_it_then_the_namespace(place: str, live: bool) -> None:
    places = list(NONE)
    labels = {**NONE, **{other: f"team: {other}" for other in places[places.index(place) :]}}
    snapshot = read(CRON_JOB % labels + (LIVE % labels if live else ""), live=live)
    what = snapshot.pods[0] if live else snapshot.workloads[0]
    assert owner_of(what, snapshot) == ("team", place)


def test_the_nearest_place_wins_and_there_the_best_key() -> None:
    snapshot = read(CRON_JOB % {**NONE, "pod": "cost-center: c7, owner: me", "namespace": "team: search"})
    assert owner_of(snapshot.workloads[0], snapshot) == ("owner", "me")
    assert owner_of(snapshot.workloads[0].templates[0], snapshot, ["cost-center"]) == ("cost-center", "c7")
    assert owner_of(snapshot.workloads[0], snapshot, ["team"]) == ("team", "search")


@pytest.mark.parametrize(
    ("label", "owner"),
    [
        ("example.com/team: search", ("example.com/team", "search")),
        ("scheduling.k8s.io/team: x", None),
        ('team: ""', None),
        ("team: null", None),
        ("team: [a]", None),
        ("team: true", None),
        ("cost-center: 4711", ("cost-center", "4711")),
        ('team: "${TEAM}"', ("team", "${TEAM}")),
        ("app.kubernetes.io/name: x", None),
    ],
)
def test_what_counts_as_an_owner(label: str, owner: tuple[str, str] | None) -> None:
    snapshot = read(CRON_JOB % {**NONE, "pod": label})
    assert owner_of(snapshot.workloads[0], snapshot) == owner


def test_pods_of_one_group_are_not_charged_to_the_owner_of_another() -> None:
    snapshot = read(
        """
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: ray, namespace: a, uid: u-1}
spec:
  headGroupSpec: {template: {metadata: {labels: {team: head}}, spec: {containers: [{name: ray, image: "ray:2"}]}}}
  workerGroupSpecs: [{groupName: gpu, template: {spec: {containers: [{name: ray, image: "ray:2"}]}}}]
---
apiVersion: v1
kind: Pod
metadata:
  name: ray-gpu-0
  namespace: a
  ownerReferences: [{apiVersion: ray.io/v1, kind: RayCluster, name: ray, uid: u-1, controller: true}]
spec: {containers: [{name: ray, image: "ray:2"}]}
""",
        live=True,
    )
    assert owner_of(snapshot.pods[0], snapshot) is None
    head, worker = snapshot.workloads[0].templates
    assert owner_of(head, snapshot) == ("team", "head")
    assert owner_of(worker, snapshot) is None
    assert owner_of(snapshot.workloads[0], snapshot) == ("team", "head")


def test_a_pod_that_stands_for_itself() -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: a, labels: {team: x}}\nspec: {containers: [{name: main, image: y}]}\n"
    snapshot = read(pod, live=True)
    assert owner_of(snapshot.pods[0], snapshot) == ("team", "x")
    assert namespace_of(snapshot.pods[0].document, snapshot) is None


def test_files_that_name_no_namespace_live_in_the_only_one_beside_them() -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: main, image: y}]}\n"
    one = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {team: x}}\n"
    snapshot = read(pod + one)
    assert owner_of(snapshot.workloads[0], snapshot) == ("team", "x")
    snapshot = read(pod + one + one.replace("name: a", "name: b"))
    assert owner_of(snapshot.workloads[0], snapshot) is None


def test_what_kubeflow_writes_on_every_namespace_of_a_profile_is_no_owner() -> None:
    profile = {"namespace": "app.kubernetes.io/part-of: kubeflow-profile", "annotation": "owner: jane@example.com"}
    snapshot = read(CRON_JOB % {**NONE, **profile})
    assert owner_of(snapshot.workloads[0], snapshot) == ("owner", "jane@example.com")
