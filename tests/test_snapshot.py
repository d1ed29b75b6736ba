"""What a snapshot finds, and what it knows it cannot know."""

from __future__ import annotations

import pytest

from auditor.document import Document, Unknown
from auditor.snapshot import Snapshot, same_branch, same_namespace
from auditor.source.text import read_text


def snapshot(*files: tuple[str, str], complete: bool = False) -> Snapshot:
    """A snapshot of files given as (path, text)."""
    items = [item for path, text in files for item in read_text(text, path)]
    return Snapshot([item for item in items if isinstance(item, Document)], complete=complete)


def text(kind: str, name: str, namespace: str = "", version: str = "v1", rest: str = "") -> str:
    where = f", namespace: {namespace}" if namespace else ""
    return f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: {name}{where}}}\n{rest}\n---\n"


def pod(name: str, namespace: str = "", spec: str = "") -> str:
    return text("Pod", name, namespace, rest=f"spec: {{containers: [{{name: c}}]{spec}}}")


def deployment(name: str, labels: str, namespace: str = "") -> str:
    rest = f"spec: {{template: {{metadata: {{labels: {labels}}}, spec: {{containers: [{{name: c}}]}}}}}}"
    return text("Deployment", name, namespace, "apps/v1", rest)


def names(documents: object) -> list[str]:
    return [document.ref.name for document in documents]  # type: ignore[attr-defined]


# -- completeness -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "other", "known"),
    [
        (("a/w.yaml", pod("w")), ("a/q.yaml", text("ResourceQuota", "q")), True),
        (("a/w.yaml", pod("w")), ("b/q.yaml", text("ResourceQuota", "q")), False),
        (("a/w.yaml", pod("w")), ("a/sub/q.yaml", text("ResourceQuota", "q")), False),
        (("a/w.yaml", pod("w", "left")), ("b/q.yaml", text("ResourceQuota", "q", "left")), True),
        (("a/w.yaml", pod("w", "left")), ("a/q.yaml", text("ResourceQuota", "q", "right")), False),
        (("a/w.yaml", pod("w", "left")), ("a/q.yaml", text("ResourceQuota", "q")), True),
        (("a/w.yaml", pod("w")), ("a/q.yaml", text("ResourceQuota", "q", "right")), True),
        (("a/w.yaml", pod("w")), ("a/q.yaml", text("LimitRange", "q")), False),
    ],
    ids=["folder", "other-folder", "below", "namespace", "other-namespace", "unsaid", "workload-unsaid", "other-kind"],
)
def test_complete_for_a_kind_of_which_one_lives_beside(file: tuple[str, str], other: tuple[str, str], known: bool) -> None:
    found = snapshot(file, other)
    assert found.complete_for("ResourceQuota", found.documents[0]) is known


@pytest.mark.parametrize(
    ("file", "other", "known"),
    [
        ("w.yaml", "p.yaml", True),
        ("w.yaml", "platform/p.yaml", True),
        ("teams/a/w.yaml", "p.yaml", True),
        ("teams/a/w.yaml", "teams/p.yaml", True),
        ("teams/w.yaml", "teams/a/p.yaml", True),
        ("teams/w.yaml", "platform/p.yaml", False),
        ("team/w.yaml", "teams/p.yaml", False),
        ("/x/teams/w.yaml", "/x/p.yaml", True),
    ],
)
def test_complete_for_a_cluster_scoped_kind_in_the_same_branch(file: str, other: str, known: bool) -> None:
    found = snapshot((file, pod("w", "left")), (other, text("PriorityClass", "p", version="scheduling.k8s.io/v1")))
    assert found.complete_for("PriorityClass", found.documents[0]) is known


def test_complete_when_the_user_says_so() -> None:
    found = snapshot(("a/w.yaml", pod("w")), complete=True)
    assert found.complete_for("ResourceQuota", found.documents[0])
    assert found.complete_for("PriorityClass", found.documents[0])
    assert not snapshot(("a/w.yaml", pod("w"))).complete_for("PriorityClass", found.documents[0])


# -- who lives with whom ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        (("a", "left"), ("b", "left"), True),
        (("a", "left"), ("a", "right"), False),
        (("a", ""), ("a", ""), True),
        (("a", ""), ("b", ""), False),
        (("a", ""), ("a", "left"), True),
        (("a", ""), ("b", "left"), False),
    ],
)
def test_same_namespace(one: tuple[str, str], other: tuple[str, str], together: bool) -> None:
    found = snapshot(*((f"{folder}/{i}.yaml", pod(f"p{i}", namespace)) for i, (folder, namespace) in enumerate((one, other))))
    assert same_namespace(*found.documents) is together
    assert same_namespace(*reversed(found.documents)) is together
    assert ("p1" in names(found.beside(found.documents[0], "Pod"))) is together
    assert (found.get("Pod", "p1", found.documents[0]) is not None) is together


def test_workloads_beside_live_in_the_same_namespace() -> None:
    found = snapshot(
        ("a/x.yaml", pod("one", "team") + pod("loose") + pod("two", "other")), ("b/y.yaml", pod("far", "team") + pod("lost")),
    )  # fmt: skip
    for document in found.documents:
        expected = {other.ref.name for other in found.documents if same_namespace(document, other)}
        beside = [workload.ref.name for workload in found.workloads_beside(document)]
        assert (set(beside), len(beside)) == (expected, len(expected))


def test_beside_and_get_and_by_kind_tell_groups_apart() -> None:
    found = snapshot(("a/s.yaml", text("Service", "s") + text("Service", "k", version="serving.knative.dev/v1")))
    document = found.documents[0]
    assert names(found.beside(document, "Service")) == ["s", "k"]
    assert names(found.beside(document, "Service", "")) == ["s"]
    assert names(found.by_kind("Service", "serving.knative.dev")) == ["k"]
    assert found.get("Service", "k", document, "") is None
    assert found.get("Service", "k", document, "serving.knative.dev") is found.documents[1]
    assert names(found.by_kind("Nothing")) == []


def test_beside_yields_each_object_once() -> None:
    found = snapshot(
        ("a/w.yaml", pod("w", "left") + text("ConfigMap", "own", "left") + text("ConfigMap", "unsaid") + text("ConfigMap", "far", "right"))
    )
    assert names(found.beside(found.documents[0], "ConfigMap")) == ["own", "unsaid"]


def test_cluster_scoped_kinds_are_found_from_everywhere() -> None:
    found = snapshot(("a/w.yaml", pod("w", "left")), ("b/p.yaml", text("PriorityClass", "p", version="scheduling.k8s.io/v1")))
    assert found.get("PriorityClass", "p", found.documents[0]) is found.documents[1]


def test_namespaces_are_ordered_and_hold_their_objects() -> None:
    found = snapshot(
        ("b/w.yaml", pod("in-right", "right") + pod("in-b")),
        ("a/w.yaml", pod("in-a") + pod("in-left", "left") + text("ConfigMap", "c", "right")),
    )
    listed = [(n.name, names(n.documents), [w.ref.name for w in n.workloads]) for n in found.namespaces]
    assert listed == [
        ("", ["in-a"], ["in-a"]),
        ("", ["in-b"], ["in-b"]),
        ("left", ["in-left"], ["in-left"]),
        ("right", ["in-right", "c"], ["in-right"]),
    ]
    assert [str(n) for n in found.namespaces] == ["the namespace of a", "the namespace of b", "namespace left", "namespace right"]
    assert str(snapshot(("w.yaml", pod("w"))).namespaces[0]) == "the namespace of this directory"


# -- who leads to whom --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "selector", "found"),
    [
        ("{app: x, tier: web}", "{app: x}", True),
        ("{app: x, tier: web}", "{tier: web, app: x}", True),
        ("{app: x}", "{app: x, tier: web}", False),
        ("{app: x}", "{app: y}", False),
        ("{app: x}", "{}", False),
        ("{app: x}", "null", False),
        ("{app: x}", "[app]", False),
        ("{app: [x]}", "{app: [x]}", False),
        ("{app: null}", "{app: null}", False),
        ("[app]", "{app: x}", False),
    ],
)
def test_services_of_a_template(labels: str, selector: str, found: bool) -> None:
    view = snapshot(("a/w.yaml", deployment("w", labels) + text("Service", "s", rest=f"spec: {{selector: {selector}}}")))
    assert names(view.services_of(view.workloads[0].templates[0])) == (["s"] if found else [])
    assert view.workloads[0].served is found


def test_services_of_other_namespaces_do_not_lead_to_a_template() -> None:
    service = text("Service", "s", "right", rest="spec: {selector: {app: x}}")
    view = snapshot(("a/w.yaml", deployment("w", "{app: x}", "left") + service))
    assert view.services_of(view.workloads[0].templates[0]) == []


TARGET = "spec: {scaleTargetRef: TARGET}"


@pytest.mark.parametrize(
    ("version", "kind", "target", "found"),
    [
        ("autoscaling/v2", "HorizontalPodAutoscaler", "{apiVersion: apps/v1, kind: Deployment, name: w}", True),
        ("autoscaling/v2", "HorizontalPodAutoscaler", "{kind: StatefulSet, name: w}", False),
        ("autoscaling/v2", "HorizontalPodAutoscaler", "{kind: Deployment, name: v}", False),
        ("keda.sh/v1alpha1", "ScaledObject", "{name: w}", True),
        ("example.com/v1", "ScaledObject", "{name: w}", False),
        ("autoscaling/v2", "HorizontalPodAutoscaler", "{kind: 5, name: [w]}", False),
        ("autoscaling/v2", "HorizontalPodAutoscaler", "null", False),
    ],
)
def test_scalers_of_a_workload(version: str, kind: str, target: str, found: bool) -> None:
    view = snapshot(("a/w.yaml", deployment("w", "{app: x}") + text(kind, "h", version=version, rest=TARGET.replace("TARGET", target))))
    workload, scaler = view.workloads[0], view.documents[1]
    assert names(view.scalers_of(workload)) == (["h"] if found else [])
    assert workload.served is found
    if view.by_kind(kind, "example.com") == []:
        assert view.scale_target(scaler) is (workload if found else None)


def test_scalers_of_other_namespaces_scale_nothing() -> None:
    scaler = text("HorizontalPodAutoscaler", "h", "right", "autoscaling/v2", TARGET.replace("TARGET", "{kind: Deployment, name: w}"))
    view = snapshot(("a/w.yaml", deployment("w", "{app: x}", "left") + scaler))
    assert view.scalers_of(view.workloads[0]) == []
    assert view.scale_target(view.documents[1]) is None


def test_workload_of_an_object() -> None:
    view = snapshot(("a/w.yaml", pod("w") + text("ConfigMap", "w")), ("b/w.yaml", pod("w")))
    assert view.workload_of(view.documents[0]) is view.workloads[0]
    assert view.workload_of(view.documents[2]) is view.workloads[1]
    assert view.workload_of(view.documents[1]) is None


# -- priorities ---------------------------------------------------------------------------------------------------------------------------


def priority_class(name: str, value: str, default: str = "false") -> str:
    return text("PriorityClass", name, version="scheduling.k8s.io/v1", rest=f"value: {value}\nglobalDefault: {default}")


@pytest.mark.parametrize(
    ("spec", "classes", "priority"),
    [
        (", priorityClassName: high", priority_class("high", "1000"), 1000),
        (", priorityClassName: other", priority_class("high", "1000"), None),
        (", priorityClassName: '${CLASS}'", priority_class("high", "1000"), None),
        (", priorityClassName: 5", priority_class("high", "1000"), None),
        (", priorityClassName: high", priority_class("high", "'1000'"), None),
        (", priorityClassName: high", priority_class("high", "true"), None),
        ("", priority_class("high", "1000"), 0),
        ("", priority_class("high", "1000") + priority_class("all", "-5", "true"), -5),
        ("", priority_class("all", "null", "true"), None),
        (", priorityClassName: ''", priority_class("all", "7", "true"), 7),
        ("", "", 0),
        (", priorityClassName: high", text("PriorityClass", "high", version="example.com/v1", rest="value: 5"), None),
    ],
)  # fmt: skip
def test_priority_of_a_template(spec: str, classes: str, priority: int | None) -> None:
    view = snapshot(("a/w.yaml", pod("w", spec=spec)), ("a/p.yaml", classes))
    assert view.priority_of(view.workloads[0].templates[0]) == priority


def test_global_default_of_another_branch_does_not_count() -> None:
    view = snapshot(("a/w.yaml", pod("w")), ("b/p.yaml", priority_class("all", "7", "true")))
    assert view.priority_of(view.workloads[0].templates[0]) == 0


# -- what is found once for all -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "asks"),
    [
        ("{containers: [{name: c, resources: {limits: {nvidia.com/gpu: 1}}}]}", True),
        ("{containers: [{name: c, resources: {requests: {amd.com/gpu: '${N}'}}}]}", True),
        ("{containers: [{name: c, resources: {limits: {nvidia.com/gpu: 0}}}]}", False),
        ("{containers: [{name: c, resources: {limits: {nvidia.com/gpumem: 4000}}}]}", False),
        ("{containers: [{name: c, resources: {limits: {memory: 1Gi}}}], nodeSelector: {nvidia.com/gpu: present}}", False),
        ("{containers: [{name: c}], resourceClaims: [{name: g, resourceClaimName: gpu}]}", True),
        ("{containers: [{name: c}], resourceClaims: [{name: g, resourceClaimName: other}]}", False),
        ("null", False),
    ],
)
def test_accelerated_workloads(spec: str, asks: bool) -> None:
    claim = "spec: {devices: {requests: [{name: r, exactly: {deviceClassName: gpu.nvidia.com}}]}}"
    view = snapshot(("a.yaml", text("Pod", "p", rest=f"spec: {spec}") + text("ResourceClaim", "gpu", "", "resource.k8s.io/v1", claim)))
    assert [workload.ref.name for workload in view.accelerated_workloads] == (["p"] if asks else [])


def test_accelerated_workloads_by_annotation_and_by_operator() -> None:
    part = "apiVersion: v1\nkind: Pod\nmetadata: {name: part, annotations: {gpu-fraction: '0.5'}}\nspec: {containers: [{name: c}]}\n---\n"
    executor = "spec: {executor: {gpu: {name: nvidia.com/gpu, quantity: 1}}}"
    view = snapshot(("a.yaml", part + text("SparkApplication", "spark", "", "sparkoperator.k8s.io/v1beta2", executor) + pod("plain")))
    assert [workload.ref.name for workload in view.accelerated_workloads] == ["part", "spark"]


def test_accelerated_workloads_leave_a_workload_in_use_as_it_is() -> None:
    view = snapshot(("a.yaml", text("Pod", "p", rest="spec: {containers: [{name: c, resources: {limits: {nvidia.com/gpu: 1}}}]}")))
    template = view.workloads[0].templates[0]
    assert view.accelerated_workloads == (view.workloads[0],)
    assert view.workloads[0].templates[0] is template
    assert template.containers[0].name == "c"


def test_what_is_derived_is_derived_once() -> None:
    view = snapshot(("a.yaml", pod("p")))
    seen: list[Snapshot] = []

    def count(of: Snapshot) -> int:
        seen.append(of)
        return len(of.documents)

    assert (view.derived(count), view.derived(count)) == (1, 1)
    assert seen == [view]


def test_services_matching_labels_that_no_manifest_shows() -> None:
    view = snapshot(("a.yaml", pod("p") + text("Service", "s", rest="spec: {selector: {ray.io/cluster: c}}")))
    document = view.documents[0]
    assert names(view.services_matching({"ray.io/cluster": "c", "more": "x"}, document)) == ["s"]
    assert view.services_matching({"ray.io/cluster": "other"}, document) == []


def test_same_branch_is_symmetric() -> None:
    view = snapshot(("a/b/p.yaml", pod("p")), ("a/q.yaml", pod("q")), ("a/bc/r.yaml", pod("r")))
    deep, high, aside = (next(document for document in view.documents if document.ref.name == name) for name in "pqr")
    assert same_branch(deep, high)
    assert same_branch(high, deep)
    assert not same_branch(deep, aside)
    assert same_branch(aside, high)


# -- environment ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("", None),
        ('env: [{name: MODE, value: a}, {name: MODE, value: "b"}]', "b"),
        ("env: [{name: MODE, value: a}], envFrom: [{configMapRef: {name: settings}}]", "a"),
        ("env: [{name: MODE, valueFrom: {configMapKeyRef: {name: settings, key: MODE}}}]", "quick"),
        ("env: [{name: MODE, valueFrom: {configMapKeyRef: {name: settings, key: NO}}}]", None),
        ("env: [{name: MODE, valueFrom: {configMapKeyRef: {name: elsewhere, key: MODE}}}]", Unknown),
        ("env: [{name: MODE, valueFrom: {secretKeyRef: {name: settings, key: MODE}}}]", Unknown),
        ("envFrom: [{configMapRef: {name: settings}}]", "quick"),
        ("envFrom: [{configMapRef: {name: settings}}, {configMapRef: {name: later}}]", "slow"),
        ("envFrom: [{configMapRef: {name: settings}, prefix: MO}]", "prefixed"),
        ("envFrom: [{configMapRef: {name: settings}, prefix: X_}]", None),
        ("envFrom: [{configMapRef: {name: settings}}, {secretRef: {name: credentials}}]", Unknown),
        ("envFrom: [null, {configMapRef: null}]", Unknown),
    ],
)
def test_what_an_environment_variable_is(given: str, value: object) -> None:
    settings = text("ConfigMap", "settings", rest="data: {MODE: quick, DE: prefixed, LIST: [1]}")
    settings += text("ConfigMap", "later", rest="data: {MODE: slow}")
    view = snapshot(("a.yaml", text("Pod", "p", rest=f"spec: {{containers: [{{name: c, {given}}}]}}") + settings))
    found = view.env_value(next(view.workloads[0].containers), "MODE")
    assert found == value if value is not Unknown else isinstance(found, Unknown)
