"""What a ClusterQueue can give at most, with what its cohort lends."""

from __future__ import annotations

from fractions import Fraction

import pytest

from auditor.document import Document
from auditor.queues import KUEUE, ClusterQueue, cluster_queue_of, kueue_settings, queue_names
from auditor.snapshot import Snapshot
from auditor.source.text import read_text


def snapshot(*texts: str) -> Snapshot:
    return Snapshot([item for item in read_text("\n---\n".join(texts), "a.yaml") if isinstance(item, Document)])


def queue(name: str, nominal: object, *, cohort: str = "", limits: str = "", kind: str = "ClusterQueue") -> str:
    field = "cohortName" if kind == "ClusterQueue" else "parentName"
    parent = f"{field}: {cohort}, " if cohort else ""
    quota = f"{{name: cpu, nominalQuota: {nominal}{limits}}}"
    groups = f"resourceGroups: [{{coveredResources: [cpu], flavors: [{{name: f, resources: [{quota}]}}]}}]"
    return f"{{apiVersion: kueue.x-k8s.io/v1beta2, kind: {kind}, metadata: {{name: {name}}}, spec: {{{parent}{groups}}}}}"


def capacity(*texts: str) -> Fraction | None:
    view = snapshot(*texts)
    return ClusterQueue(view.by_kind("ClusterQueue", KUEUE)[0]).capacity("f", "cpu", view)


@pytest.mark.parametrize(
    ("texts", "most"),
    [
        ([queue("a", 8)], 8),
        ([queue("a", "500m")], Fraction(1, 2)),
        ([queue("a", 8, limits=", borrowingLimit: 4")], 8),
        ([queue("a", 8, cohort="c"), queue("b", 4, cohort="c"), queue("d", 100, cohort="e")], 12),
        ([queue("a", 8, cohort="c", limits=", borrowingLimit: 3"), queue("b", 4, cohort="c")], 11),
        ([queue("a", 8, cohort="c", limits=", borrowingLimit: 0"), queue("b", 4, cohort="c")], 8),
        ([queue("a", 8, cohort="c"), queue("b", 4, cohort="c", limits=", lendingLimit: 1")], 9),
        ([queue("a", 8, cohort="c", limits=", lendingLimit: 2"), queue("b", 4, cohort="c")], 12),
        ([queue("a", 8, cohort="c"), queue("c", 16, kind="Cohort")], 24),
        # Two levels: what the cohort lends to its parent, and may borrow of it, is limited too.
        (
            [
                queue("a", 8, cohort="c"), queue("c", 0, cohort="root", kind="Cohort", limits=", borrowingLimit: 5"),
                queue("x", 100, cohort="other"), queue("other", 0, cohort="root", kind="Cohort"), queue("root", 0, kind="Cohort"),
            ],
            13,
        ),
        ([queue("a", 8, cohort="c"), queue("c", 0, cohort="c", kind="Cohort")], None),
        ([queue("a", "'${GPUS}'")], None),
        ([queue("a", 8, cohort="c"), queue("b", "'${N}'", cohort="c")], None),
    ],
)  # fmt: skip
def test_capacity(texts: list[str], most: Fraction | None) -> None:
    assert capacity(*texts) == most


LOCAL = "{apiVersion: kueue.x-k8s.io/v1beta2, kind: LocalQueue, metadata: {name: l}, spec: {clusterQueue: a}}"


def test_cluster_queue_of_a_local_queue_is_the_only_one_of_its_name() -> None:
    one, two = snapshot(LOCAL, queue("a", 8)), snapshot(LOCAL, queue("a", 8), queue("a", 9))
    (local,) = one.by_kind("LocalQueue")
    found = cluster_queue_of(local, one)
    assert found is not None
    assert found.covered == {"cpu"}
    assert cluster_queue_of(two.by_kind("LocalQueue")[0], two) is None


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{apiVersion: batch.volcano.sh/v1alpha1, kind: Job, metadata: {name: j}, spec: {tasks: []}}", [("default", ())]),
        (
            "{apiVersion: batch/v1, kind: CronJob, metadata: {name: j}, spec: {jobTemplate: {metadata:"
            " {labels: {kueue.x-k8s.io/queue-name: q}}, spec: {template: {spec: {containers: []}}}}}}",
            [("q", ("spec", "jobTemplate", "metadata", "labels", "kueue.x-k8s.io/queue-name"))],
        ),
        (
            "{apiVersion: ray.io/v1, kind: RayCluster, metadata: {name: j, labels: {volcano.sh/queue-name: q}}, spec: {}}",
            [("q", ("metadata", "labels", "volcano.sh/queue-name"))],
        ),
        ("{apiVersion: v1, kind: Pod, metadata: {name: j, labels: {kai.scheduler/queue: 7}}, spec: null}", []),
    ],
)
def test_names_of_queues(text: str, names: list[tuple[str, tuple[str, ...]]]) -> None:
    (workload,) = snapshot(text).workloads
    assert [(name.name, name.path) for name in queue_names(workload)] == names


def test_settings_without_comments() -> None:
    view = snapshot("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kueue-manager-config}\ndata:\n  c.yaml: |\n    # a: 1\n    b: 2\n")
    assert kueue_settings(view).split() == ["b:", "2"]


@pytest.mark.parametrize("spec", ["null", "3", "{resourceGroups: [null, {flavors: 3}], cohort: 5}", "{resourceGroups: {}}"])
def test_nonsense(spec: str) -> None:
    view = snapshot(f"{{apiVersion: kueue.x-k8s.io/v1beta2, kind: ClusterQueue, metadata: {{name: a}}, spec: {spec}}}")
    found = ClusterQueue(view.by_kind("ClusterQueue")[0])
    assert (found.covered, found.capacity("f", "cpu", view)) == (frozenset(), 0)
