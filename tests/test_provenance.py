"""Who set a field: from the API server's notes alone, and on a real one after several people and controllers had their say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from auditor.cli import cli
from auditor.document import Document, ObjectRef, Path
from auditor.provenance import LAST_APPLIED, packed, provenance_of, set_by, unpacked
from tests.testbed.cluster import Testbed

POD = ("spec", "template", "spec")
IMAGE = (*POD, "containers", 0, "image")
REPLICAS = ("spec", "replicas")
ADMISSION = "a default or an admission webhook"
BOTH = {"f:metadata": {"f:annotations": {f"f:{LAST_APPLIED}": {}}}}


def container(**fields: Any) -> dict[str, Any]:
    return {"name": "main", "image": "a:1"} | fields


def spec(*containers: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"template": {"spec": {"containers": list(containers) or [container()]}}} | fields


def owned(*fields: str, **spec_fields: Any) -> dict[str, Any]:
    """A set of fields: those of the container called main, and some of the spec."""
    item = {'k:{"name":"main"}': {".": {}} | {f"f:{field}": {} for field in fields}}
    return {"f:spec": {**spec_fields, **({"f:template": {"f:spec": {"f:containers": item}}} if fields else {})}}


def manager(name: str, fields: dict[str, Any], time: str = "2026-01-01T00:00:00Z", **more: str) -> dict[str, Any]:
    return {"manager": name, "time": time, "fieldsV1": fields, **more}


def live(spec: dict[str, Any], applied: Any = None, *managers: dict[str, Any]) -> Document:
    """A Deployment as a cluster lists it. ``applied`` is what its annotation says was applied: a spec, or text."""
    text = applied if isinstance(applied, str) else json.dumps({"kind": "Deployment", "metadata": {"name": "llm"}, "spec": applied})
    metadata = {"name": "llm", "managedFields": list(managers)} | ({"annotations": {LAST_APPLIED: text}} if applied is not None else {})
    raw = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "llm"}, "spec": spec}
    return Document.of_cluster(ObjectRef("apps", "v1", "Deployment", "ml", "llm"), raw, provenance_of(metadata))


# -- with the annotation of kubectl apply -------------------------------------------------------------------------------------------------

KUBECTL = manager("kubectl-client-side-apply", BOTH | owned("name", "image", **{"f:replicas": {}}))


def test_what_was_applied_needs_no_word() -> None:
    document = live(spec(replicas=2), spec(replicas=2), KUBECTL)
    assert [set_by(document, path) for path in (IMAGE, REPLICAS, POD, ("spec",), ("metadata", "name"), ())] == [""] * 6


def test_what_was_not_applied_is_a_default_or_somebody_elses() -> None:
    scaler = manager("kube-controller-manager", owned(**{"f:replicas": {}}), "2026-01-02T00:00:00Z", subresource="scale")
    assert set_by(live(spec(replicas=2), spec(), KUBECTL), REPLICAS) == ADMISSION
    assert set_by(live(spec(replicas=2), spec(), KUBECTL, scaler), REPLICAS) == "kube-controller-manager"


def test_what_was_applied_and_then_changed_belongs_to_who_changed_it() -> None:
    """The value in the manifest is not the one in the cluster: whoever looks into the file does not find the fault."""
    applier = manager("kubectl-client-side-apply", BOTH | owned("name", "image"))
    scaler = manager("kube-controller-manager", owned(**{"f:replicas": {}}), subresource="scale")
    assert set_by(live(spec(replicas=9), spec(replicas=2), applier, scaler), REPLICAS) == "kube-controller-manager"


def test_two_who_want_the_same() -> None:
    other = manager("x", owned("image"))
    assert set_by(live(spec(), spec(), KUBECTL, other), IMAGE) == ""


def test_whoever_wrote_the_annotation_applied_it() -> None:
    """Not only kubectl does: and what a person edits by hand is not in the manifest either."""
    argo = manager("argocd-controller", BOTH | owned("name", "image"))
    edited = manager("kubectl-edit", owned(**{"f:replicas": {}}))
    document = live(spec(replicas=2), spec(), argo, edited)
    assert (set_by(document, IMAGE), set_by(document, REPLICAS)) == ("", "kubectl-edit")


def test_items_are_found_by_name() -> None:
    injected = container() | {"name": "proxy", "image": "envoy:1"}
    document = live(spec(injected, container()), spec(container()), KUBECTL)
    assert set_by(document, IMAGE) == ADMISSION
    assert set_by(document, (*POD, "containers", 1, "image")) == ""
    assert set_by(document, (*POD, "containers", 1)) == ""


def test_items_without_a_name_are_found_by_place() -> None:
    given = [container(args=["--a", "--b"])]
    document = live(spec(container(args=["--a", "--b"])), spec(*given), manager("kubectl-client-side-apply", BOTH | owned("args")))
    assert set_by(document, (*POD, "containers", 0, "args", 1)) == ""
    longer = live(spec(container(args=["--a", "--b", "--c"])), spec(*given), KUBECTL)
    assert set_by(longer, (*POD, "containers", 0, "args", 2)) == ADMISSION


def test_whole_lists_and_sets_are_owned() -> None:
    fields = {"f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"main"}': {"f:args": {}}}}}}}
    document = live(spec(container(args=["--a"])), spec(container()), KUBECTL, manager("x", fields))
    assert set_by(document, (*POD, "containers", 0, "args", 0)) == "x"
    fields = {"f:metadata": {"f:finalizers": {".": {}, 'v:"a/b"': {}}}}
    document = live(spec(), spec(), KUBECTL, manager("x", fields))
    raw = document.raw | {"metadata": {"name": "llm", "finalizers": ["a/b", "c"]}}
    document = Document.of_cluster(document.ref, raw, document.provenance)
    assert [set_by(document, ("metadata", "finalizers", at)) for at in (0, 1)] == ["x", ADMISSION]


def test_status_is_nobodys_word() -> None:
    status = manager("x", owned(**{"f:replicas": {}}), subresource="status")
    assert set_by(live(spec(replicas=2), spec(), KUBECTL, status), REPLICAS) == ADMISSION


def test_a_field_that_is_not_there_was_set_by_nobody() -> None:
    assert set_by(live(spec(), spec(), KUBECTL), REPLICAS) == ""


@pytest.mark.parametrize("text", ["", "{", "[" * 5000])
def test_annotations_that_say_nothing(text: str) -> None:
    assert set_by(live(spec(replicas=1), text, manager("helm", owned("image", **{"f:replicas": {}}))), REPLICAS) == ""


# -- without it ---------------------------------------------------------------------------------------------------------------------------


def test_one_manager_wrote_everything() -> None:
    document = live(spec(replicas=2), None, manager("helm", owned("image", **{"f:replicas": {}})))
    assert document.provenance == b""
    assert set_by(document, REPLICAS) == ""


@pytest.mark.parametrize("upgraded", ["2026-01-01T00:00:00Z", "2026-01-09T00:00:00Z"])
def test_the_author_is_who_owns_most_and_not_who_was_there_first(upgraded: str) -> None:
    """Whoever upgrades a release, or applies it again on the server, gets the time of that."""
    helm = manager("helm", owned("name", "image", "resources"), upgraded, operation="Update")
    scaler = manager("kube-controller-manager", owned(**{"f:replicas": {}}), "2026-01-05T00:00:00Z", subresource="scale")
    document = live(spec(replicas=2), None, helm, scaler)
    assert (set_by(document, REPLICAS), set_by(document, IMAGE)) == ("kube-controller-manager", "")


# -- anything -----------------------------------------------------------------------------------------------------------------------------

_KEYS = st.sampled_from(
    [
        "f:spec",
        "f:a",
        "f:name",
        ".",
        'k:{"name":"x"}',
        'k:{"name":',
        "k:[]",
        'v:"x"',
        "v:1",
        "i:0",
        "i:x",
        "f:metadata",
        "f:annotations",
        "",
    ]
)
_FIELDS = st.recursive(st.just({}), lambda inner: st.dictionaries(_KEYS, inner, max_size=4), max_leaves=12)
_STEPS = st.sampled_from(["spec", "a", "name", 0, 1])
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["x", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["spec", "a", "name"]), inner, max_size=3),
    max_leaves=12,
)


@given(
    raw=st.dictionaries(st.sampled_from(["spec", "a"]), _VALUES, max_size=2),
    applied=st.none() | _VALUES,
    managers=st.lists(st.tuples(st.sampled_from(["kubectl-edit", "helm", "x"]), _FIELDS), max_size=4),
    path=st.lists(_STEPS, max_size=5).map(tuple),
)
def test_any_notes_about_any_object(raw: dict[str, Any], applied: Any, managers: list[tuple[str, dict[str, Any]]], path: Path) -> None:
    metadata: dict[str, Any] = {"managedFields": [manager(name, fields) for name, fields in managers]}
    if applied is not None:
        metadata["annotations"] = {LAST_APPLIED: json.dumps(applied)}
    document = Document.of_cluster(ObjectRef("", "v1", "Thing", "", "x"), raw, provenance_of(metadata))
    assert set_by(document, path) in {"", ADMISSION, *(name for name, _ in managers)}
    if applied is not None and applied == raw and not managers:
        assert set_by(document, path) == ""
    kept = unpacked(document.provenance)
    assert unpacked(packed(json.loads(json.dumps(kept)))) == kept  # as a snapshot keeps it


@given(st.dictionaries(st.text(), _VALUES) | _VALUES)
def test_metadata_of_any_shape(value: Any) -> None:
    for metadata in (value, {"managedFields": value}, {"managedFields": [{"fieldsV1": value}, value, {}]}, {"annotations": value}):
        if isinstance(metadata, dict):
            provenance_of(metadata)


@given(_VALUES | st.tuples(_VALUES, _VALUES).map(list) | st.tuples(st.none(), st.lists(st.lists(_VALUES, max_size=4))).map(list))
def test_what_a_snapshot_may_hold_in_its_place(value: Any) -> None:
    """It is refused, or harmless."""
    try:
        kept = packed(value)
    except ValueError:
        return
    document = Document.of_cluster(ObjectRef("", "v1", "Thing", "", "x"), {"spec": {"a": ["x"]}}, kept)
    for path in (("spec",), ("spec", "a"), ("spec", "a", 0)):
        set_by(document, path)


# -- on a real API server -----------------------------------------------------------------------------------------------------------------

IMAGES = ("nginx:latest", "busybox:latest")


def deployment(namespace: str, **fields: Any) -> dict[str, Any]:
    labels = {"app": "llm"}
    pod = {"containers": [{"name": "main", "image": "nginx:1.29"}, {"name": "side", "image": IMAGES[0]}]}
    template = {"metadata": {"labels": labels}, "spec": pod}
    body = {"selector": {"matchLabels": labels}, "template": template, **fields}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "llm", "namespace": namespace}, "spec": body}


def listed(testbed: Testbed, namespace: str) -> Document:
    """The Deployment as mlaudit keeps it."""
    from auditor.cli.live import WORKLOADS
    from auditor.source.cluster import connect, read_cluster

    documents, _ = read_cluster(connect(str(testbed.kubeconfig("admin")), None, 60), WORKLOADS, namespace=namespace)
    return next(document for document in documents if document.ref.kind == "Deployment")


@pytest.mark.testbed
def test_each_says_who_it_was(testbed: Testbed, testbed_namespace: str) -> None:
    space = testbed_namespace
    testbed.apply(deployment(space, replicas=1), namespace=space)
    testbed.kubectl("autoscale", "deployment", "llm", f"--namespace={space}", "--min=3", "--max=5", "--cpu=50%")
    at = f"/apis/apps/v1/namespaces/{space}/deployments/llm"
    testbed.wait("the autoscaler scales", lambda: testbed.get(at)["spec"]["replicas"] == 3, timeout=60)
    patch: dict[str, Any] = {"apiVersion": "apps/v1", "kind": "Deployment"}
    patch["spec"] = {"template": {"spec": {"containers": [{"name": "side", "image": IMAGES[1]}]}}}
    query = {"fieldManager": "x", "force": "true"}
    assert testbed.client().request("PATCH", at, patch, query=query, content_type="application/apply-patch+yaml").status == 200
    merge = {"spec": {"template": {"spec": {"priorityClassName": "system-node-critical"}}}}
    query = {"fieldManager": "y"}
    assert testbed.client().request("PATCH", at, merge, query=query, content_type="application/merge-patch+json").status == 200
    testbed.kubectl("set", "env", "deployment/llm", f"--namespace={space}", "--containers=main", "MODE=debug")

    document = listed(testbed, space)
    said = {
        (*POD, "containers", 0, "image"): "",
        (*POD, "containers", 1, "image"): "x",
        (*POD, "containers", 1, "name"): "",
        REPLICAS: "kube-controller-manager",
        (*POD, "priorityClassName"): "y",
        (*POD, "containers", 0, "env", 0): "kubectl-set",
        (*POD, "terminationGracePeriodSeconds"): ADMISSION,
        (*POD, "containers", 0, "imagePullPolicy"): ADMISSION,
        ("spec", "selector"): "",
    }
    assert {path: set_by(document, path) for path in said} == said

    arguments = ["cluster", "--kubeconfig", str(testbed.kubeconfig("admin")), "-n", space, "-f", "json", "--profile", "strict"]
    report = json.loads(CliRunner().invoke(cli, arguments, standalone_mode=False).stdout)
    tags = [finding for finding in report["findings"] if finding["path"].endswith("containers[1].image")]
    assert tags
    assert all("x set this field, not what was applied" in finding["remediation"] for finding in tags)
    others = [finding for finding in report["findings"] if finding["path"].endswith(("containers[0].image", "containers[0].name"))]
    assert not any("set this field" in finding["remediation"] for finding in others)


@pytest.mark.testbed
@pytest.mark.parametrize("server_side", [False, True])
@pytest.mark.parametrize("manager", [(), ("--field-manager=x",)])
def test_applied_again_by_another_way(testbed: Testbed, testbed_namespace: str, server_side: bool, manager: tuple[str, ...]) -> None:
    """An object that goes over from one kind of apply to the other is its new author's: kubectl hands all fields over."""
    ways = [("apply",), ("apply", "--server-side", "--force-conflicts", *manager)]
    for way in reversed(ways) if server_side else ways:
        testbed.kubectl(*way, "-f", "-", input=json.dumps(deployment(testbed_namespace, replicas=2)))
    document = listed(testbed, testbed_namespace)
    assert [set_by(document, path) for path in (REPLICAS, IMAGE, ("spec", "selector"))] == ["", "", ""]


@pytest.mark.testbed
def test_what_a_controller_makes_names_its_maker(testbed: Testbed, testbed_namespace: str) -> None:
    owner = testbed.get(f"/api/v1/namespaces/{testbed_namespace}")["metadata"]["uid"]
    reference = {"apiVersion": "example.com/v1", "kind": "Fleet", "name": "fleet", "uid": owner, "controller": True}
    made = deployment(testbed_namespace)
    made["metadata"]["ownerReferences"] = [reference]
    made["spec"]["replicas"] = 0
    testbed.apply(made, namespace=testbed_namespace)
    arguments = ["cluster", "--kubeconfig", str(testbed.kubeconfig("admin")), "-n", testbed_namespace, "-f", "json", "--profile", "strict"]
    report = json.loads(CliRunner().invoke(cli, arguments, standalone_mode=False).stdout)
    found = [finding["remediation"] for finding in report["findings"] if finding["object"]["kind"] == "Deployment"]
    assert found
    assert all(remediation.endswith("Fleet fleet makes this object: change it there") for remediation in found)
