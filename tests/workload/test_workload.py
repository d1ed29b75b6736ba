"""Objects that yield pods, in one shape: those that carry others, those nobody listed, and what is counted over all their pods."""

from __future__ import annotations

import pytest

from auditor.document import Document, format_path
from auditor.rule import Role
from auditor.snapshot import Snapshot
from auditor.source.text import read_text
from auditor.workload import Workload, is_workload


def documents(text: str) -> list[Document]:
    return [item for item in read_text(text, "a.yaml") if isinstance(item, Document)]


def load(text: str) -> Workload:
    (document,) = documents(text)
    assert is_workload(document)
    return Workload(document)


def paths(workload: Workload) -> list[str]:
    return [format_path(template.path) for template in workload.templates]


def pods(workload: Workload) -> list[tuple[int | None, int | None]]:
    return [(template.pods.low, template.pods.high) for template in workload.templates]


# -- objects that carry others ------------------------------------------------------------------------------------------------------------

APP_WRAPPER = """
apiVersion: workload.codeflare.dev/v1beta2
kind: AppWrapper
metadata: {name: wrapped}
spec:
  components:
  - template:
      apiVersion: kubeflow.org/v1
      kind: PyTorchJob
      metadata: {name: inner, labels: {app: inner}}
      spec:
        pytorchReplicaSpecs:
          Master:
            template:
              metadata: {labels: {role: master}}
              spec: {containers: [{name: pytorch, image: a, resources: {limits: {nvidia.com/gpu: 8}}}]}
          Worker:
            replicas: 3
            template:
              spec: {containers: [{name: pytorch, image: a, resources: {limits: {nvidia.com/gpu: 8}}}]}
  - template:
      apiVersion: v1
      kind: Service
      metadata: {name: inner}
      spec: {ports: [{port: 80}]}
  - template:
      apiVersion: v1
      kind: Pod
      metadata: {name: one, labels: {app: one}}
      spec: {containers: [{name: one, image: b}]}
"""


def test_app_wrapper_yields_the_pods_of_its_components() -> None:
    workload = load(APP_WRAPPER)
    inside = "spec.components[0].template.spec.pytorchReplicaSpecs"
    assert paths(workload) == [f"{inside}.Master.template.spec", f"{inside}.Worker.template.spec", "spec.components[2].template.spec"]
    assert [template.component for template in workload.templates] == ["master", "worker", ""]
    assert pods(workload) == [(1, 1), (3, 3), (1, 1)]
    assert workload.accelerators == {"nvidia.com/gpu": 32}
    assert workload.framework == "appwrapper"


def test_carried_pods_know_their_object_and_their_metadata() -> None:
    master, worker, one = load(APP_WRAPPER).templates
    assert [holder["kind"] for holder, _ in (master.holder, worker.holder, one.holder)] == ["PyTorchJob", "PyTorchJob", "Pod"]
    assert master.holder[1] == ("spec", "components", 0, "template")
    assert (master.labels, worker.labels, one.labels) == ({"role": "master"}, {}, {"app": "one"})
    assert format_path(one.metadata_path) == "spec.components[2].template.metadata"
    assert one.containers[0].path == ("spec", "components", 2, "template", "spec", "containers", 0)


def test_own_pods_have_the_workload_as_their_object() -> None:
    workload = load("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a}]}\n")
    assert workload.templates[0].holder == (workload.raw, ())


TRIAL = """
apiVersion: kubeflow.org/v1beta1
kind: Experiment
metadata: {name: search}
spec:
  NUMBER
  trialTemplate:
    trialSpec:
      apiVersion: batch/v1
      kind: Job
      spec:
        parallelism: 2
        template:
          spec: {containers: [{name: training, image: a, resources: {limits: {nvidia.com/gpu: 1}}}]}
"""


@pytest.mark.parametrize(("field", "number"), [("parallelTrialCount: 5", 10), ("maxTrialCount: 9", 6)])
def test_trials_of_an_experiment(field: str, number: int) -> None:
    workload = load(TRIAL.replace("NUMBER", field))
    assert paths(workload) == ["spec.trialTemplate.trialSpec.spec.template.spec"]
    assert pods(workload) == [(number, number)]
    assert workload.accelerators == {"nvidia.com/gpu": number}
    assert workload.role is Role.TRAINING


def test_trials_of_unknown_number_count_once() -> None:
    workload = load(TRIAL.replace("NUMBER", "parallelTrialCount: '${TRIALS}'"))
    assert pods(workload) == [(None, None)]
    assert workload.accelerators == {"nvidia.com/gpu": 1}


def test_list_is_as_many_objects() -> None:
    text = """
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Pod, metadata: {name: one}, spec: {containers: [{name: a}]}}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: settings}}
- {apiVersion: apps/v1, kind: Deployment, metadata: {name: two}, spec: {replicas: 2, template: {spec: {containers: [{name: a}]}}}}
"""
    workloads = Snapshot(documents(text)).workloads
    assert [(workload.ref.kind, workload.ref.name, pods(workload)) for workload in workloads] == [
        ("Pod", "one", [(1, 1)]),
        ("Deployment", "two", [(2, 2)]),
    ]


def nested(depth: int) -> str:
    inner = "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: a}]}}"
    for _ in range(depth):
        spec = f"{{components: [{{template: {inner}}}]}}"
        inner = f"{{apiVersion: workload.codeflare.dev/v1beta2, kind: AppWrapper, metadata: {{name: w}}, spec: {spec}}}"
    return inner


@pytest.mark.parametrize(("depth", "number"), [(1, 1), (4, 1), (5, 0), (15, 0)])
def test_objects_inside_objects_end_somewhere(depth: int, number: int) -> None:
    assert len(load(nested(depth)).templates) == number


@pytest.mark.parametrize(
    "inner",
    ["null", "5", "[]", "{}", "{kind: Pod}", "{apiVersion: 1, kind: Pod}", "{apiVersion: v1, kind: [Pod]}", "{apiVersion: v1, kind: Pod}",
     "{apiVersion: v1, kind: Pod, spec: null}", "{apiVersion: example.com/v1, kind: Unlisted, spec: {containers: [{name: a}]}}"],
)  # fmt: skip
def test_what_is_no_object_inside_yields_nothing(inner: str) -> None:
    spec = f"{{components: [{{template: {inner}}}]}}"
    text = f"apiVersion: workload.codeflare.dev/v1beta2\nkind: AppWrapper\nmetadata: {{name: a}}\nspec: {spec}\n"
    assert load(text).templates == ()


# -- kinds that nobody listed -------------------------------------------------------------------------------------------------------------

UNLISTED = """
apiVersion: example.com/v1
kind: TrainingService
metadata: {name: a}
spec:
  groups:
  - name: head
    pod: {containers: [{name: head, image: a}]}
  - name: body
    pod:
      nodeSelector: {pool: gpu}
      initContainers: [{name: wait, image: b}]
      containers:
      - {name: body, image: a, resources: {limits: {nvidia.com/gpu: 4}}}
status:
  pod: {containers: [{name: head, ready: true}]}
"""


def test_pods_of_an_unlisted_kind_are_found_by_their_shape() -> None:
    workload = load(UNLISTED)
    assert workload.kind is None
    assert paths(workload) == ["spec.groups[0].pod", "spec.groups[1].pod"]
    assert pods(workload) == [(None, None), (None, None)]
    assert [container.name for container in workload.containers] == ["head", "body", "wait"]
    assert workload.templates[1].node_selector == {"pool": "gpu"}
    assert workload.templates[0].metadata_path == ()
    assert workload.accelerators == {"nvidia.com/gpu": 4}
    assert (workload.job, workload.incomplete, workload.validated, workload.framework) == (False, False, False, "")


@pytest.mark.parametrize(
    "spec",
    ["{}", "null", "{containers: []}", "{containers: null}", "{containers: {a: {}}}", "{containers: [a]}", "{containers: [{name: a}, 5]}"],
)
def test_unlisted_kind_without_pods_is_no_workload(spec: str) -> None:
    (document,) = documents(f"apiVersion: example.com/v1\nkind: Thing\nmetadata: {{name: a}}\nspec: {spec}\n")
    assert not is_workload(document)


@pytest.mark.parametrize(
    "who", ["v1 ConfigMap", "apps/v1 ControllerRevision", "policy/v1 PodDisruptionBudget", "gateway.networking.k8s.io/v1 Gateway"]
)
def test_kinds_of_kubernetes_without_pods_are_not_searched(who: str) -> None:
    version, kind = who.split()
    (document,) = documents(f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a}}\nspec: {{containers: [{{name: a}}]}}\n")
    assert not is_workload(document)


# -- numbers over all pods ----------------------------------------------------------------------------------------------------------------


def deployment(replicas: str, *containers: str, init: str = "") -> Workload:
    listed = ", ".join(f"{{name: c{index}, {container}}}" for index, container in enumerate(containers))
    pod = f"containers: [{listed}], initContainers: [{init}]"
    return load(
        f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: a}}\nspec: {{replicas: {replicas}, template: {{spec: {{{pod}}}}}}}\n"
    )


def limits(*pairs: str) -> str:
    return f"resources: {{limits: {{{', '.join(pairs)}}}}}"


@pytest.mark.parametrize(("replicas", "devices"), [("3", 6), ("'3'", 6), ("null", 2), ("0", 0), ("'${N}'", 2), ("-1", 2), ("2.5", 2)])
def test_devices_of_all_pods(replicas: str, devices: int) -> None:
    assert deployment(replicas, limits("nvidia.com/gpu: 2")).accelerators == {"nvidia.com/gpu": devices}


def test_devices_of_several_containers_and_keys() -> None:
    workload = deployment(
        "2", limits("nvidia.com/gpu: 1"), limits("nvidia.com/gpu: 2", "nvidia.com/mig-1g.10gb: 1", "nvidia.com/gpumem: 4000")
    )
    assert workload.accelerators == {"nvidia.com/gpu": 6, "nvidia.com/mig-1g.10gb": 2}


@pytest.mark.parametrize(
    ("init", "devices"),
    [
        ("{name: i, LIMITS4}", 4),
        ("{name: i, LIMITS1}", 2),
        ("{name: i, restartPolicy: Always, LIMITS4}", 6),
        ("{name: i, LIMITS1}, {name: j, LIMITS4}", 4),
    ],
)
def test_init_containers_count_by_the_largest_and_native_sidecars_add(init: str, devices: int) -> None:
    init = init.replace("LIMITS4", limits("nvidia.com/gpu: 4")).replace("LIMITS1", limits("nvidia.com/gpu: 1"))
    assert deployment("1", limits("nvidia.com/gpu: 2"), init=init).accelerators == {"nvidia.com/gpu": devices}


@pytest.mark.parametrize("amount", ["'${GPUS}'", "null", "many", "0.5"])
def test_devices_of_unknown_number_count_as_one(amount: str) -> None:
    assert deployment("3", limits(f"nvidia.com/gpu: {amount}")).accelerators == {"nvidia.com/gpu": 3}


def test_no_devices() -> None:
    workload = deployment("3", limits("cpu: 1", "nvidia.com/gpu: 0", "rdma/hca: 1"))
    assert workload.accelerators == {}
    assert not workload.accelerated


RAY = """
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: a}
spec:
  AUTOSCALING
  headGroupSpec: {template: {spec: {containers: [{name: head, image: a}]}}}
  workerGroupSpecs:
  - groupName: gpu
    replicas: 3
    minReplicas: 1
    maxReplicas: 8
    numOfHosts: 2
    template: {spec: {containers: [{name: worker, image: a, resources: {limits: {nvidia.com/gpu: 4}}}]}}
"""


def test_autoscaler_counts_at_its_lower_end() -> None:
    scaled, fixed = (
        load(RAY.replace("AUTOSCALING", "enableInTreeAutoscaling: true")),
        load(RAY.replace("AUTOSCALING", "rayVersion: 2.46.0")),
    )
    assert (pods(scaled)[1], scaled.accelerators) == ((2, 16), {"nvidia.com/gpu": 8})
    assert (pods(fixed)[1], fixed.accelerators) == ((6, 6), {"nvidia.com/gpu": 24})


# -- what an Argo template inherits -------------------------------------------------------------------------------------------------------

WORKFLOW = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: a}
spec:
  nodeSelector: {pool: workflow}
  priorityClassName: low
  serviceAccountName: runner
  volumes: [{name: shared, emptyDir: {}}]
  templateDefaults:
    nodeSelector: {pool: defaults}
    volumes: [{name: defaults, emptyDir: {}}]
  templates:
  - name: main
    dag: {tasks: [{name: a, template: own}]}
  - name: own
    nodeSelector: {pool: own}
    volumes: [{name: own, emptyDir: {}}]
    container: {image: a}
  - name: inherits
    script: {image: a, source: print()}
"""


def test_template_of_a_workflow_inherits_what_it_does_not_set() -> None:
    templates = {template.component: template for template in load(WORKFLOW).templates}
    own, inherits = templates["own"], templates["inherits"]
    assert "main" not in templates
    assert (own.node_selector, inherits.node_selector) == ({"pool": "own"}, {"pool": "defaults"})
    assert (own.priority_class, own.get("serviceAccountName"), own.get("schedulerName")) == ("low", "runner", None)
    assert [volume.name for volume in own.volumes] == ["own", "defaults", "shared"]
    assert [volume.name for volume in inherits.volumes] == ["defaults", "shared"]
    shared = inherits.volume("shared")
    assert shared is not None
    assert format_path(shared.path) == "spec.volumes[0]"
    assert inherits.volume("own") is None


# -- single properties --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "suspended"), [("{suspend: true}", True), ("{suspend: false}", False), ("{suspend: 'true'}", False), ("null", False)]
)
def test_suspended(spec: str, suspended: bool) -> None:
    assert load(f"apiVersion: batch/v1\nkind: Job\nmetadata: {{name: a}}\nspec: {spec}\n").suspended is suspended


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ("batch/v1 Job", (True, False, True)),
        ("apps/v1 Deployment", (False, False, True)),
        ("v1 PodTemplate", (False, True, True)),
        ("kubeflow.org/v1 PyTorchJob", (True, False, False)),
        ("serving.kserve.io/v1alpha1 ServingRuntime", (False, True, False)),
        ("argoproj.io/v1alpha1 WorkflowTemplate", (True, True, False)),
    ],
)
def test_job_incomplete_validated(who: str, expected: tuple[bool, bool, bool]) -> None:
    version, kind = who.split()
    workload = load(f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a}}\nspec: {{}}\n")
    assert (workload.job, workload.incomplete, workload.validated) == expected


@pytest.mark.parametrize("text", [APP_WRAPPER, UNLISTED, WORKFLOW, RAY.replace("AUTOSCALING", "enableInTreeAutoscaling: true")])
def test_what_was_released_is_derived_again(text: str) -> None:
    workload = load(text)

    def seen() -> object:
        containers = [(container.name, container.path, str(container.image), container.role) for container in workload.containers]
        return paths(workload), pods(workload), containers, workload.accelerators, workload.verdict, workload.raw

    before, templates = seen(), workload.templates
    workload.release()
    assert "templates" not in vars(workload)
    workload.release()
    assert seen() == before
    assert workload.templates is not templates


def test_pods_lead_traffic_only_where_something_selects_them() -> None:
    text = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: a}
spec: {template: {metadata: {labels: {app: a, tier: web}}, spec: {containers: [{name: a}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {selector: {app: a, tier: TIER}}
"""
    for tier, served in (("web", True), ("db", False)):
        (workload,) = Snapshot(documents(text.replace("TIER", tier))).workloads
        assert workload.served is served
    assert not load(text.partition("---")[0]).served
