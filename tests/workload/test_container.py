"""Containers, pod templates and single values as rules see them: what is there, what is missing, and what nobody can know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.document import Document, ObjectRef, Path, Unknown
from auditor.quantity import Quantity, parse_quantity
from auditor.workload import Container, ContainerRole, EnvVar, Image, Inject, Mount, PodTemplate, Port, Probe, Workload
from auditor.workload.container import is_helper
from auditor.workload.values import amount, image_of, integer, parse_image, text_of

MAIN, INIT, SIDECAR, HELPER, EPHEMERAL = (
    ContainerRole.MAIN, ContainerRole.INIT, ContainerRole.SIDECAR, ContainerRole.HELPER, ContainerRole.EPHEMERAL,
)  # fmt: skip
NULL = Unknown("null", "null")
ITEM: Path = ("spec", "containers", 0)

# Values that a field may hold although it is meant for a mapping or a list.
JUNK = [None, True, 5, 0.5, "x", "${X}", [], {}, [None], [5, "x", [], {}], {"x": None}, {"x": {"y": []}}]


def workload(kind: str = "Pod", version: str = "v1", **raw: Any) -> Workload:
    group, _, number = version.rpartition("/")
    return Workload(Document(ObjectRef(group, number, kind, "", "w"), {"metadata": {"name": "w"}, **raw}, file="w.yaml"))


def pod(**spec: Any) -> PodTemplate:
    return workload(spec=spec).templates[0]


def container(**raw: Any) -> Container:
    return pod(containers=[{"name": "c", **raw}]).containers[0]


def gpus(number: object, **raw: Any) -> dict[str, Any]:
    return {"resources": {"limits": {"nvidia.com/gpu": number}}, **raw}


# -- single values ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "number"),
    [
        (1, "1"),
        ("1", "1"),
        (1.0, "1.0"),
        (0.5, "0.5"),
        ("500m", "500m"),
        ("1.5Gi", "1.5Gi"),
        ("-1", "-1"),
        (0, "0"),
        (1e3, "1000.0"),
        (" 1 ", "1"),
    ],
)
def test_amounts_are_read_as_kubernetes_reads_them(written: object, number: str) -> None:
    found = amount(written)
    assert isinstance(found, Quantity)
    assert found == parse_quantity(number)
    assert str(found) == number


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (None, "null"), ("${GPUS}", "placeholder"), ("{{ gpus }}", "placeholder"), ("$(params.gpus)", "placeholder"),
        ("<gpus>", "placeholder"), ("GPU_COUNT", "placeholder"), ("one", "not a quantity"), ("", "not a quantity"),
        ("1 Gi", "not a quantity"), ("1gb", "not a quantity"), (float("inf"), "not a quantity"), (float("nan"), "not a quantity"),
        (True, "wrong type"), ([1], "wrong type"), ({"gpus": None}, "wrong type"),
    ],
)  # fmt: skip
def test_amounts_that_nobody_can_know(written: object, why: str) -> None:
    found = amount(written)
    assert isinstance(found, Unknown)
    assert found.why == why


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (None, 7), (3, 3), (-3, -3), (0, 0), ("3", 3), ("-3", -3), ("${N}", Unknown("${N}", "placeholder")),
        ("3.5", Unknown("3.5", "wrong type")),
        (3.5, Unknown("3.5", "wrong type")), (True, Unknown("True", "wrong type")), ([], Unknown("[]", "wrong type")),
        ("9" * 5000, Unknown("9" * 40, "wrong type")),
    ],
)  # fmt: skip
def test_whole_numbers(written: object, expected: int | Unknown) -> None:
    assert integer(written, 7) == expected


def test_whole_number_without_a_default() -> None:
    assert integer(None) is None


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (None, None),
        ("a", "a"),
        ("", ""),
        ("${A}", Unknown("${A}", "placeholder")),
        (5, Unknown("5", "wrong type")),
        ({}, Unknown("{}", "wrong type")),
    ],
)
def test_texts(written: object, expected: str | Unknown | None) -> None:
    assert text_of(written) == expected


@pytest.mark.parametrize(
    ("text", "repository", "name", "tag", "digest"),
    [
        ("vllm/vllm-openai:v0.10.2", "vllm/vllm-openai", "vllm-openai", "v0.10.2", ""),
        ("ubuntu", "ubuntu", "ubuntu", "", ""),
        ("host:5000/team/app", "host:5000/team/app", "app", "", ""),
        ("host:5000/team/app:1", "host:5000/team/app", "app", "1", ""),
        ("nvcr.io/nvidia/pytorch:24.05-py3", "nvcr.io/nvidia/pytorch", "pytorch", "24.05-py3", ""),
        ("app@sha256:abc", "app", "app", "", "sha256:abc"),
        ("app:latest@sha256:abc", "app", "app", "latest", "sha256:abc"),
        ("GHCR.io/Team/App:V1", "ghcr.io/team/app", "app", "V1", ""),
    ],
)
def test_images_are_taken_apart(text: str, repository: str, name: str, tag: str, digest: str) -> None:
    image = parse_image(text)
    assert (image.repository, image.name, image.tag, image.digest, str(image)) == (repository, name, tag, digest, text)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (None, None), ("", None), ("  ", None), ("app:1", parse_image("app:1")),
        ("<your-image>", Unknown("<your-image>", "placeholder")), ("app:${TAG}", Unknown("app:${TAG}", "placeholder")),
        (5, Unknown("5", "wrong type")), (["app"], Unknown("['app']", "wrong type")),
        ({"repository": "nvcr.io/nim/x", "tag": "1.8"}, parse_image("nvcr.io/nim/x:1.8")), ({"repository": "app"}, parse_image("app")),
        ({"tag": "1"}, Unknown("{'tag': '1'}", "wrong type")),
    ],
)  # fmt: skip
def test_image_of_a_field(written: object, expected: Image | Unknown | None) -> None:
    assert image_of(written) == expected


# -- resources ----------------------------------------------------------------------------------------------------------------------------


def test_request_limit_and_what_kubernetes_makes_of_them() -> None:
    found = container(resources={"requests": {"memory": "1Gi"}, "limits": {"memory": "2Gi", "cpu": 2}})
    assert (str(found.request("memory")), str(found.limit("memory")), str(found.effective_request("memory"))) == ("1Gi", "2Gi", "1Gi")
    assert (found.request("cpu"), str(found.limit("cpu")), str(found.effective_request("cpu"))) == (None, "2", "2")
    assert (found.request("nvidia.com/gpu"), found.effective_request("nvidia.com/gpu")) == (None, None)
    assert (list(found.resource_keys("requests")), list(found.resource_keys("limits"))) == (["memory"], ["memory", "cpu"])


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        (None, None), ({}, None), ({"limits": None}, None), ({"limits": {}}, None),
        ("${RESOURCES}", Unknown("${RESOURCES}", "wrong type")), ([], Unknown("[]", "wrong type")), (5, Unknown("5", "wrong type")),
        ({"limits": "${LIMITS}"}, Unknown("${LIMITS}", "wrong type")), ({"limits": [1]}, Unknown("[1]", "wrong type")),
        ({"limits": {"cpu": None}}, NULL), ({"limits": {"cpu": "${CPU}"}}, Unknown("${CPU}", "placeholder")),
    ],
)  # fmt: skip
def test_resources_that_are_missing_or_unknown(resources: object, expected: Unknown | None) -> None:
    found = container(resources=resources)
    assert found.limit("cpu") == expected
    assert found.accelerators == ()


def test_missing_resources_are_empty() -> None:
    assert container().resources == {}
    assert list(container().resource_keys("limits")) == []


def test_accelerators_by_key_without_companions() -> None:
    found = container(
        resources={
            "limits": {"nvidia.com/gpu": 2, "nvidia.com/gpumem": 4000, "cpu": 1, "rdma/hca": 1, "hugepages-2Mi": "1Gi"},
            "requests": {"amd.com/gpu": "1"},
        }
    )
    assert [(str(request), request.count, request.device.vendor) for request in found.accelerators] == [
        ("amd.com/gpu: 1", 1, "amd"),
        ("nvidia.com/gpu: 2", 2, "nvidia"),
    ]
    assert found.accelerator_count == 3


@pytest.mark.parametrize(
    ("limit", "request_", "count"),
    [
        (2, None, 2),
        (None, 2, 2),
        (2, 1, 2),
        ("${N}", 1, None),
        (0.5, None, None),
        ("-1", None, None),
        ("one", None, None),
        (0, None, 0),
        ("1k", None, 1000),
    ],
)
def test_number_of_devices_is_the_limit_else_the_request(limit: object, request_: object, count: int | None) -> None:
    sections = (("limits", limit), ("requests", request_))
    found = container(resources={name: {"nvidia.com/gpu": value} for name, value in sections if value is not None})
    assert [request.count for request in found.accelerators] == [count]
    assert found.accelerator_count == count


def test_claims_are_names() -> None:
    assert container(resources={"claims": [{"name": "gpu"}, {"name": 5}, "x", {"request": "a"}]}).claims == ("gpu",)
    assert container(resources="${X}").claims == ()


@pytest.mark.parametrize(
    ("worker", "devices"),
    [
        ({"gpu": {"name": "nvidia.com/gpu", "quantity": 2}}, {"nvidia.com/gpu": 2}),
        ({"gpu": {"name": "amd.com/gpu", "quantity": "1"}}, {"amd.com/gpu": 1}),
        ({"gpu": {"name": "nvidia.com/gpu"}}, {}),
        ({"gpu": "${GPU}"}, {}),
        ({}, {}),
    ],
)
def test_devices_that_spark_names_itself(worker: dict[str, Any], devices: dict[str, int]) -> None:
    found = workload(
        "SparkApplication", "sparkoperator.k8s.io/v1beta2", spec={"driver": {}, "executor": {"image": "spark:4.0.0", **worker}}
    )
    assert {key: number for template in found.templates for key, number in template.accelerators.items()} == devices


def test_resources_under_another_name() -> None:
    trainer = {"resourcesPerNode": {"limits": {"nvidia.com/gpu": 2}, "requests": {"cpu": "4"}}}
    found = next(workload("TrainJob", "trainer.kubeflow.org/v1alpha1", spec={"trainer": trainer}).containers)
    assert (found.resources_key, found.accelerator_count, str(found.request("cpu"))) == ("resourcesPerNode", 2, "4")
    assert found.at(found.resources_key, "limits") == ("spec", "trainer", "resourcesPerNode", "limits")


# -- what it runs -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"command": ["a"], "args": ["b", 1, 0.5]}, ("a", "b", "1", "0.5")),
        ({"args": ["b"]}, ("b",)),
        ({"command": None, "args": None}, ()),
        ({"command": "a b", "args": {"x": 1}}, ("a b",)),
        ({"command": [None, ["a"], {}, "b"]}, ("b",)),
        ({"command": ["sh"], "source": "echo"}, ("sh", "echo")),
        ({}, ()),
    ],
)
def test_command_is_command_and_args(raw: dict[str, Any], words: tuple[str, ...]) -> None:
    found = container(**raw)
    assert found.command == words
    assert found.command_line == " ".join(words)


def test_environment() -> None:
    found = container(
        env=[
            {"name": "A", "value": "1"}, {"name": "B", "value": 2}, {"name": "C", "value": True}, {"name": "D", "value": "${X}"},
            {"name": "E"},
            {"name": "F", "valueFrom": {"secretKeyRef": {}}}, {"name": 5, "value": "x"}, "junk", None, {"name": "A", "value": "last"},
            {"name": "G", "value": {"a": 1}},
        ]
    )  # fmt: skip
    assert found.env[0] == EnvVar("A", "1", False, (*ITEM, "env", 0))
    assert found.env[-1].path == (*ITEM, "env", 10)
    assert [found.env_value(name) for name in "ABCDEFGH"] == [
        "last", "2", "true", Unknown("${X}", "placeholder"), None, Unknown("F", "valueFrom"), Unknown("{'a': 1}", "wrong type"), None,
    ]  # fmt: skip


@pytest.mark.parametrize("env", JUNK)
def test_environment_of_the_wrong_type(env: object) -> None:
    assert container(env=env).env_value("A") is None


def test_ports() -> None:
    found = container(
        ports=[{"containerPort": 8000, "name": "http"}, {"containerPort": "8001", "hostPort": 80, "protocol": "UDP"}, {"name": 5}, None]
    )
    assert found.ports == (
        Port("http", 8000, None, "TCP", (*ITEM, "ports", 0)),
        Port("", 8001, 80, "UDP", (*ITEM, "ports", 1)),
        Port("", None, None, "TCP", (*ITEM, "ports", 2)),
    )


def test_mounts() -> None:
    found = container(volumeMounts=[{"name": "a", "mountPath": "/a", "readOnly": True}, {"name": "${V}", "mountPath": None}, "x"])
    assert found.mounts == (Mount("a", "/a", True, (*ITEM, "volumeMounts", 0)), Mount("", "", False, (*ITEM, "volumeMounts", 1)))


@pytest.mark.parametrize("junk", JUNK)
def test_fields_of_the_wrong_type_hold_nothing(junk: object) -> None:
    found = container(ports=junk, volumeMounts=junk, securityContext=junk, image=junk, resources=junk, livenessProbe=junk)
    assert all(port.number is None for port in found.ports)
    assert all(mount.mount_path == "" for mount in found.mounts)
    assert found.accelerators == ()
    assert found.security_context in ({}, junk)


# -- probes -------------------------------------------------------------------------------------------------------------------------------


def test_probe_with_the_defaults_of_kubernetes() -> None:
    probe = container(readinessProbe={"httpGet": {"path": "/health", "port": 8000}}).probe("readinessProbe")
    assert isinstance(probe, Probe)
    assert (probe.initial_delay, probe.period, probe.timeout, probe.failures) == (0, 10, 1, 3)
    assert (probe.handler, probe.http_path, probe.budget) == ("httpGet", "/health", 30)


def test_probe_with_its_own_numbers() -> None:
    raw = {"initialDelaySeconds": 60, "periodSeconds": "5", "timeoutSeconds": 0, "failureThreshold": 100, "exec": {"command": ["x"]}}
    probe = container(startupProbe=raw).probe("startupProbe")
    assert isinstance(probe, Probe)
    assert (probe.initial_delay, probe.period, probe.timeout, probe.failures, probe.handler, probe.budget) == (60, 5, 1, 100, "exec", 560)


@pytest.mark.parametrize("number", ["${DELAY}", "soon", [], 0.5, True])
def test_probe_with_a_number_that_nobody_knows_has_no_budget(number: object) -> None:
    probe = container(livenessProbe={"initialDelaySeconds": number, "tcpSocket": {"port": 1}}).probe("livenessProbe")
    assert isinstance(probe, Probe)
    assert isinstance(probe.initial_delay, Unknown)
    assert probe.budget is None


@pytest.mark.parametrize("raw", [None, {}])
def test_no_probe(raw: object) -> None:
    assert container(livenessProbe=raw).probe("livenessProbe") is None
    assert container().probe("livenessProbe") is None


@pytest.mark.parametrize("raw", ["${PROBE}", 5, [], True])
def test_probe_that_nobody_knows(raw: object) -> None:
    assert isinstance(container(livenessProbe=raw).probe("livenessProbe"), Unknown)


@pytest.mark.parametrize("raw", [{"httpGet": None}, {"httpGet": "x"}, {"periodSeconds": 5}])
def test_probe_without_a_handler(raw: dict[str, Any]) -> None:
    probe = container(livenessProbe=raw).probe("livenessProbe")
    assert isinstance(probe, Probe)
    assert (probe.handler, probe.http_path) == ("", "")


# -- containers of a pod ------------------------------------------------------------------------------------------------------------------


def test_roles_of_containers() -> None:
    found = pod(
        containers=[{"name": "train"}, {"name": "istio-proxy"}, {"name": "x", "image": "gke.gcr.io/gke-gcsfuse-sidecar:1"}],
        initContainers=[{"name": "download"}, {"name": "logs", "restartPolicy": "Always"}],
        ephemeralContainers=[{"name": "debug"}],
    )
    roles = [(each.name, each.role) for each in found.containers]
    assert roles == [("train", MAIN), ("istio-proxy", HELPER), ("x", HELPER), ("download", INIT), ("logs", SIDECAR), ("debug", EPHEMERAL)]
    assert [each.name for each in found.main_containers] == ["train"]
    assert [each.is_main for each in found.containers] == [True, False, False, False, False, False]


@pytest.mark.parametrize(
    ("name", "image", "helper"),
    [
        ("queue-proxy", None, True), ("storage-initializer", None, True), ("agent", None, True), ("fluent-bit", None, True),
        ("autoscaler", None, True),
        ("x", "docker.io/istio/istio-proxy:1", True), ("x", "quay.io/oauth2-proxy/oauth2-proxy:v7", True), ("x", "kserve/agent:v1", False),
        ("my-agent", None, False), ("train", "ghcr.io/example/train:1", False), ("", None, False), ("x", "${IMAGE}", False),
    ],
)  # fmt: skip
def test_helpers_are_known_by_name_or_image(name: str, image: str | None, helper: bool) -> None:
    assert is_helper(name, image_of(image)) is helper


@pytest.mark.parametrize("containers", JUNK)
def test_containers_of_the_wrong_type(containers: object) -> None:
    found = pod(containers=containers, initContainers=containers, ephemeralContainers=containers)
    assert all(each.name == "" for each in found.containers)
    assert found.accelerators == {}


def test_container_without_a_name() -> None:
    assert pod(containers=[{"image": "a"}, {"name": None}, {"name": 5}]).containers[0].name == ""


def test_container_of_a_field_is_called_after_it() -> None:
    found = workload("InferenceService", "serving.kserve.io/v1beta1", spec={"predictor": {"model": {"modelFormat": {"name": "sklearn"}}}})
    assert [each.name for each in found.containers] == ["model"]


# -- accelerators of a pod ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "devices"),
    [
        ({"containers": [gpus(1), gpus(2)]}, {"nvidia.com/gpu": 3}),
        ({"containers": [gpus(1)], "initContainers": [gpus(1)]}, {"nvidia.com/gpu": 1}),
        ({"containers": [gpus(1)], "initContainers": [gpus(4), gpus(2)]}, {"nvidia.com/gpu": 4}),
        ({"containers": [gpus(1)], "initContainers": [gpus(1, restartPolicy="Always")]}, {"nvidia.com/gpu": 2}),
        ({"containers": [gpus(1)], "ephemeralContainers": [gpus(8)]}, {"nvidia.com/gpu": 1}),
        ({"containers": [gpus("${N}")]}, {"nvidia.com/gpu": 1}),
        ({"containers": [gpus(0)]}, {}),
        ({"containers": [gpus(0)], "initContainers": [gpus(1)]}, {"nvidia.com/gpu": 1}),
        ({"containers": [{"resources": {"limits": {"cpu": 1}}}]}, {}),
        ({"resources": {"limits": {"nvidia.com/gpu": 1}}, "containers": [{}]}, {}),
        ({"containers": [gpus(1), {"resources": {"limits": {"amd.com/gpu": 2}}}]}, {"amd.com/gpu": 2, "nvidia.com/gpu": 1}),
    ],
)
def test_devices_of_one_pod(spec: dict[str, Any], devices: dict[str, int]) -> None:
    found = pod(**spec)
    assert found.accelerators == devices
    assert found.accelerated is bool(devices)


@pytest.mark.parametrize(
    ("annotations", "accelerated"),
    [({"gpu-fraction": "0.5"}, True), ({"gpu-memory": "4000"}, True), ({"gpu": "1"}, False), (None, False), ("x", False)],
)
def test_part_of_a_gpu_by_annotation(annotations: object, accelerated: bool) -> None:
    found = workload(metadata={"name": "w", "annotations": annotations}, spec={"containers": [{}]}).templates[0]
    assert found.accelerators == {}
    assert (found.has_accelerator_fraction, found.accelerated) == (accelerated, accelerated)


def test_claims_do_not_make_a_pod_accelerated() -> None:
    found = pod(containers=[{}], resourceClaims=[{"name": "a", "resourceClaimName": "b"}, "x", None])
    assert found.resource_claims == ({"name": "a", "resourceClaimName": "b"},)
    assert not found.accelerated


# -- fields of a pod ----------------------------------------------------------------------------------------------------------------------


def test_volumes() -> None:
    found = pod(containers=[], volumes=[{"name": "shm", "emptyDir": {"medium": "Memory"}}, {"emptyDir": None}, {"name": 5}, None, "x"])
    assert [(volume.name, volume.kind, volume.source, volume.path) for volume in found.volumes] == [
        ("shm", "emptyDir", {"medium": "Memory"}, ("spec", "volumes", 0)),
        ("", "emptyDir", {}, ("spec", "volumes", 1)),
        ("", "", {}, ("spec", "volumes", 2)),
    ]
    shm = found.volume("shm")
    assert shm is not None
    assert shm.kind == "emptyDir"
    assert found.volume("other") is None


def test_labels_and_annotations_are_those_of_the_pods() -> None:
    template = {"metadata": {"labels": {"app": "pods"}, "annotations": {"a": "b"}}, "spec": {"containers": []}}
    found = workload("Deployment", "apps/v1", metadata={"labels": {"app": "own"}}, spec={"template": template})
    assert (found.labels, found.templates[0].labels, found.templates[0].annotations) == ({"app": "own"}, {"app": "pods"}, {"a": "b"})
    assert found.templates[0].metadata_path == ("spec", "template", "metadata")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (None, None), ("", None), ("high", "high"), ("${CLASS}", Unknown("${CLASS}", "placeholder")),
        ("{{ class }}", Unknown("{{ class }}", "placeholder")), (5, Unknown("5", "placeholder")),
    ],
)  # fmt: skip
def test_priority_class(written: object, expected: str | Unknown | None) -> None:
    assert pod(containers=[], priorityClassName=written).priority_class == expected


@pytest.mark.parametrize("junk", JUNK)
def test_pod_fields_of_the_wrong_type_hold_nothing(junk: object) -> None:
    found = pod(containers=[{}], volumes=junk, nodeSelector=junk, securityContext=junk, resourceClaims=junk)
    assert all(volume.name == "" for volume in found.volumes)
    assert found.node_selector in ({}, junk)
    assert found.security_context in ({}, junk)
    assert all(isinstance(claim, dict) for claim in found.resource_claims)


def test_template_of_a_workflow_takes_what_it_lacks_from_its_workflow() -> None:
    steps = [
        {"name": "a", "container": {"image": "x"}, "nodeSelector": {"own": "1"}},
        {"name": "b", "script": {"image": "y", "source": "echo"}, "volumes": [{"name": "own", "emptyDir": {}}]},
    ]
    shared = {"nodeSelector": {"all": "1"}, "volumes": [{"name": "shared", "emptyDir": {}}], "securityContext": {"runAsUser": 1}}
    found = workload("Workflow", "argoproj.io/v1alpha1", spec={**shared, "templates": steps})
    one, two = found.templates
    assert (one.node_selector, two.node_selector) == ({"own": "1"}, {"all": "1"})
    assert one.security_context == {"runAsUser": 1}
    assert [(volume.name, volume.path) for volume in two.volumes] == [
        ("own", ("spec", "templates", 1, "volumes", 0)),
        ("shared", ("spec", "volumes", 0)),
    ]
    assert one.volume("shared") is not None


def test_what_an_operator_fills_in() -> None:
    head = {"template": {"spec": {"containers": [{"name": "head"}]}}}
    found = workload("RayCluster", "ray.io/v1", spec={"headGroupSpec": head}).templates[0]
    assert {Inject.SHARED_MEMORY, Inject.READINESS} <= found.injects
    assert not pod(containers=[]).injects


def test_pods_that_are_laid_over_others_are_incomplete() -> None:
    assert not pod(containers=[]).incomplete
    assert workload("TrainJob", "trainer.kubeflow.org/v1alpha1", spec={"trainer": {"numNodes": 2}}).templates[0].incomplete
    assert workload("ServingRuntime", "serving.kserve.io/v1alpha1", spec={"containers": [{}]}).templates[0].incomplete


# -- where things stand -------------------------------------------------------------------------------------------------------------------


def test_faults_point_to_fields_of_their_container() -> None:
    found = container()
    assert found.fault("x", at="resources.limits").path == (*ITEM, "resources", "limits")
    assert found.fault("x", at=("spec",)).path == ("spec",)
    assert found.fault("x").path == ITEM
    assert found.template.fault("x", at="volumes[0].name").path == ("spec", "volumes", 0, "name")
    assert found.fault("x").document is found.template.workload.document


def test_container_that_is_described_in_two_places_knows_where_each_field_stands() -> None:
    spec = {
        "deploymentConfig": {"image": {"registry": "docker.io", "name": "vllm/vllm-openai:v1"}, "resources": {"gpu": "2", "memory": "8Gi"}},
        "podTemplate": {"spec": {"containers": [{"name": "vllm", "env": [{"name": "A", "value": "1"}]}, {"name": "other"}]}},
    }
    found = workload("VLLMRuntime", "production-stack.vllm.ai/v1alpha1", spec=spec)
    first, second = found.templates[0].main_containers
    assert (first.name, str(first.image), second.name) == ("vllm", "docker.io/vllm/vllm-openai:v1", "other")
    assert (first.accelerator_count, str(first.limit("memory")), str(first.request("memory"))) == (2, "8Gi", "8Gi")
    assert first.at("image") == ("spec", "deploymentConfig", "image")
    assert first.at("env", 0) == ("spec", "podTemplate", "spec", "containers", 0, "env", 0)


# -- anything ----------------------------------------------------------------------------------------------------------------------------

_TEXTS = st.sampled_from(["", "x", "${X}", "1", "nvidia.com/gpu", "/dev/shm"])
_LEAVES = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | _TEXTS
_KEYS = st.sampled_from(
    [
        "name", "image", "resources", "limits", "requests", "nvidia.com/gpu", "cpu", "command", "args", "env", "value", "valueFrom",
        "ports", "containerPort", "volumeMounts", "mountPath", "livenessProbe", "httpGet", "periodSeconds", "securityContext", "claims",
        "gpu", "source", "restartPolicy", "containers", "initContainers", "volumes", "emptyDir", "resourceClaims", "nodeSelector",
    ]
)  # fmt: skip
_ANYTHING = st.recursive(_LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=5), max_leaves=25)


@pytest.mark.parametrize(
    "around",
    [
        lambda spec: workload(spec=spec),
        lambda spec: workload("Deployment", "apps/v1", spec={"template": {"spec": spec}}),
        lambda spec: workload("NIMService", "apps.nvidia.com/v1alpha1", spec=spec),
        lambda spec: workload("SparkApplication", "sparkoperator.k8s.io/v1beta2", spec={"driver": spec, "executor": spec}),
        lambda spec: workload("Workflow", "argoproj.io/v1alpha1", spec={"templates": [{"container": spec}]}),
    ],
)
@given(anything=_ANYTHING, items=st.lists(_ANYTHING, max_size=2))
def test_nothing_that_a_manifest_may_hold_breaks_the_model(around: Callable[[Any], Workload], anything: Any, items: list[Any]) -> None:
    found = around({**anything, "containers": items} if isinstance(anything, dict) else anything)
    for template in found.templates:
        assert isinstance(template.accelerated, bool)
        assert all(isinstance(volume.name, str) for volume in template.volumes)
        assert template.priority_class is None or str(template.priority_class)
        for each in template.containers:
            assert each.command_line == " ".join(each.command)
            assert each.image is None or isinstance(each.image, Image | Unknown)
            assert all(isinstance(variable.name, str) for variable in each.env)
            assert all(port.number is None or isinstance(port.number, int) for port in each.ports)
            assert all(isinstance(mount.mount_path, str) for mount in each.mounts)
            assert all(request.count is None or request.count >= 0 for request in each.accelerators)
            assert all(use.degree > 0 for use in each.parallelism)
            probe = each.probe("livenessProbe")
            assert probe is None or isinstance(probe, Probe | Unknown)
            assert each.flag("--x") is None
    assert all(count > 0 for count in found.accelerators.values())
    assert found.role is not None
