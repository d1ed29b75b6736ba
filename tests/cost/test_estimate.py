"""What manifests could cost: worked examples, ranges, jobs, parts of devices, and two versions compared."""

from __future__ import annotations

import copy
import datetime
import random
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from auditor.cost.compare import compare
from auditor.cost.estimate import estimate
from auditor.cost.potential import How, Potential, PotentialLine, Span, TermKind
from auditor.cost.prices import Owner, Prices
from auditor.cost.prices.owner import Match, Rule
from auditor.cost.schedule import runs_per_month
from auditor.document import Document
from auditor.snapshot import Snapshot
from auditor.source import read_contents
from auditor.source.text import read_text

TODAY = datetime.date(2026, 11, 25)
CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"

P5 = "nodeSelector: {node.kubernetes.io/instance-type: p5.48xlarge, topology.kubernetes.io/region: us-east-1}"
H100 = "nodeSelector: {nvidia.com/gpu.product: NVIDIA-H100-80GB-HBM3}"
TYPE = "node.kubernetes.io/instance-type"
GKE = "cloud.google.com/gke-accelerator: nvidia-tesla-t4"
P4D_OR_P5 = (
    "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: ["
    "{key: node.kubernetes.io/instance-type, operator: In, values: [p4d.24xlarge, p5.48xlarge]}]}]}}}"
)
HOUR = Fraction("6.88")  # of one H100 of a p5.48xlarge


def pod(gpus: object = 1, where: str = P5, key: str = "nvidia.com/gpu", more: str = "") -> str:
    return f"{{containers: [{{name: main, resources: {{limits: {{{key}: {gpus}{more}}}}}}}], {where}}}"


def deployment(spec: str = "", template: str = "", name: str = "llm") -> str:
    return (
        f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: ml}}\n"
        f"spec: {{{spec + ', ' if spec else ''}template: {{spec: {template or pod()}}}}}\n"
    )


def job(spec: str = "", template: str = "", metadata: str = "name: train, namespace: ml") -> str:
    return f"apiVersion: batch/v1\nkind: Job\nmetadata: {{{metadata}}}\nspec: {{{spec}template: {{spec: {template or pod()}}}}}\n"


def documents(text: str, file: str = "a.yaml") -> list[Document]:
    items = read_text(text, file)
    assert all(isinstance(item, Document) for item in items), items
    return [item for item in items if isinstance(item, Document)]


def estimated(*texts: str, region: str = "", prices: Prices | None = None) -> Potential:
    found = documents("---\n".join(texts))
    return estimate(Snapshot(found), prices or Prices(), TODAY, region)


def line(*texts: str, **options: Any) -> PotentialLine:
    found = estimated(*texts, **options).lines
    assert len(found) == 1, found
    return found[0]


def hours(devices: int | str | Fraction, high: int | str | Fraction | None = None) -> Span:
    """So many H100 of a p5.48xlarge for an hour."""
    low = Fraction(devices)
    return Span(low * HOUR, (low if high is None else Fraction(high)) * HOUR)


def test_worked_example_o10() -> None:
    found = estimated(deployment("replicas: 3", pod(2)))
    assert found.month == Span.of(Fraction("30134.40"))
    assert str(found.total.low) == "30134.40"
    assert found.total.fixed
    assert found.months == (found.total,)
    assert found.lines[0].parts[0].model == "H100"


def test_the_region_of_the_command_line_is_for_what_names_none() -> None:
    here = "nodeSelector: {node.kubernetes.io/instance-type: p5.48xlarge}"
    assert line(deployment("replicas: 3", pod(2, here)), region="us-east-1").month == Span.of(Fraction("30134.40"))
    elsewhere = line(deployment("", pod(8, here)), region="ap-northeast-1")
    assert elsewhere.hour == Span.of(Fraction("68.80"))
    assert line(deployment("", pod(8, P5)), region="ap-northeast-1").hour == Span.of(Fraction("55.04"))


SCALED = (
    "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: h, namespace: ml}}\n"
    "spec: {{scaleTargetRef: {{kind: Deployment, name: llm}}{}}}\n"
)
KEDA = (
    "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {{name: k, namespace: ml{}}}\nspec: {{scaleTargetRef: {{name: llm}}{}}}\n"
)
RAY = """\
apiVersion: ray.io/v1
kind: {kind}
metadata: {{name: ray, namespace: ml}}
spec:
  {spec}
  rayClusterSpec: &cluster
    enableInTreeAutoscaling: true
    headGroupSpec: {{template: {{spec: {{containers: [{{name: head}}]}}}}}}
    workerGroupSpecs:
    - {{replicas: 2, minReplicas: 1, maxReplicas: 4, template: {{spec: {pod}}}}}
"""


def ray_cluster() -> str:
    text = RAY.format(kind="RayCluster", spec="", pod=pod(8))
    head, _, rest = text.partition("  rayClusterSpec: &cluster\n")
    return head + rest.replace("\n    ", "\n  ")[2:]


@pytest.mark.parametrize(
    ("texts", "hour"),
    [
        ([deployment("replicas: 3", pod(2))], hours(6)),
        ([deployment("", pod(2))], hours(2)),
        ([deployment("replicas: 0")], hours(0)),
        ([deployment("replicas: 7"), SCALED.format(", minReplicas: 2, maxReplicas: 5")], hours(2, 5)),
        ([deployment(), SCALED.format(", maxReplicas: 5")], hours(1, 5)),
        ([deployment(), SCALED.format(", minReplicas: 2")], Span(2 * HOUR, None)),
        ([deployment("replicas: 0"), SCALED.format(", maxReplicas: 5")], hours(0)),
        ([deployment("replicas: 2", pod(4)), KEDA.format("", ", maxReplicaCount: 3")], hours(0, 12)),
        ([deployment(), KEDA.format("", ", minReplicaCount: 2")], hours(2, 100)),
        ([deployment(), KEDA.format("", ", minReplicaCount: 2, maxReplicaCount: 4, idleReplicaCount: 0")], hours(0, 4)),
        ([deployment(), KEDA.format(', annotations: {autoscaling.keda.sh/paused-replicas: "3"}', "")], hours(3)),
        ([deployment(), SCALED.format(", maxReplicas: 5"), KEDA.format("", ", minReplicaCount: 2, maxReplicaCount: 9")], hours(1, 9)),
        ([ray_cluster()], hours(8, 32)),
    ],
)
def test_autoscalers_make_ranges(texts: list[str], hour: Span) -> None:
    assert line(*texts).hour == hour
    shuffled = list(reversed(texts))
    assert line(*shuffled).hour == hour


def test_groups_of_pods_scale_together() -> None:
    text = (
        "apiVersion: leaderworkerset.x-k8s.io/v1\nkind: LeaderWorkerSet\nmetadata: {name: llm, namespace: ml}\n"
        f"spec: {{replicas: 2, leaderWorkerTemplate: {{size: 4, workerTemplate: {{spec: {pod(8)}}}}}}}\n"
    )
    assert line(text).hour == hours(64)
    scaled = SCALED.format(", minReplicas: 1, maxReplicas: 3").replace("Deployment", "LeaderWorkerSet")
    assert line(text, scaled).hour == hours(32, 96)
    assert line(text, scaled).scaler == "HorizontalPodAutoscaler/h"


def kserve(bounds: str) -> str:
    return (
        "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {name: m, namespace: ml}\n"
        f"spec: {{predictor: {{{bounds} {P5}, model: {{modelFormat: {{name: vllm}}, resources: {{limits: {{nvidia.com/gpu: 1}}}}}}}}}}\n"
    )


@pytest.mark.parametrize(
    ("bounds", "hour"),
    [
        ("minReplicas: 1, maxReplicas: 3,", hours(1, 3)),
        ("minReplicas: 0, maxReplicas: 3,", hours(0, 3)),
        ("minReplicas: 2, maxReplicas: 2,", hours(2)),
        ("", Span(HOUR, None)),
    ],
)
def test_kserve(bounds: str, hour: Span) -> None:
    assert line(kserve(bounds)).hour == hour


def test_knative() -> None:
    text = (
        "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: m, namespace: ml}\nspec: {template: {metadata: {annotations: "
        f'{{autoscaling.knative.dev/min-scale: "1", autoscaling.knative.dev/max-scale: "4"}}}}, spec: {pod()}}}}}\n'
    )
    assert line(text).hour == hours(1, 4)


def test_parts_of_a_job_are_one_line() -> None:
    text = (
        "apiVersion: kubeflow.org/v1\nkind: PyTorchJob\nmetadata: {name: train, namespace: ml}\n"
        "spec: {runPolicy: {activeDeadlineSeconds: 7200}, "
        f"pytorchReplicaSpecs: {{Master: {{replicas: 1, template: {{spec: {pod(8)}}}}}, "
        f"Worker: {{replicas: 3, template: {{spec: {pod(8)}}}}}}}}}\n"
    )
    found = line(text)
    assert [(part.component, part.pods) for part in found.parts] == [("master", Span.of(1)), ("worker", Span.of(3))]
    assert found.devices == Span.of(32)
    assert found.run == found.month == Span.of(32 * HOUR * 2)
    assert found.role == "training"


CRON = (
    "apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: nightly, namespace: ml}}\n"
    "spec: {{schedule: '{}', {}jobTemplate: {{spec: {{{}template: {{spec: {}}}}}}}}}\n"
)
BARE = "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {}\n"
NEVER = P5 + ", restartPolicy: Never"
SHUT_DOWN = "activeDeadlineSeconds: 3600\n  shutdownAfterJobFinishes: true\n  ttlSecondsAfterFinished: 1800"
FORBID = "concurrencyPolicy: Forbid, "


@pytest.mark.parametrize(
    ("text", "kind", "run", "month"),
    [
        (job("activeDeadlineSeconds: 3600, "), TermKind.RUN, hours(1), hours(1)),
        (job("activeDeadlineSeconds: 5400, parallelism: 2, "), TermKind.RUN, hours(3), hours(3)),
        (job("activeDeadlineSeconds: 360000000, "), TermKind.RUN, hours(100000), hours(730)),
        (job(), TermKind.RUN, None, None),
        (job("suspend: true, activeDeadlineSeconds: 3600, "), TermKind.RUN, hours(1), hours(0)),
        (job("suspend: true, "), TermKind.RUN, None, hours(0)),
        (
            job("suspend: true, activeDeadlineSeconds: 3600, ", metadata="name: j, namespace: ml, labels: {kueue.x-k8s.io/queue-name: q}"),
            TermKind.RUN, hours(1), hours(1),
        ),
        (job('activeDeadlineSeconds: "{{ .Values.deadline }}", '), TermKind.RUN, None, None),
        (job(metadata='name: j, labels: {kueue.x-k8s.io/max-exec-time-seconds: "1800"}'), TermKind.RUN, hours("1/2"), hours("1/2")),
        (CRON.format("0 2 * * *", "", "activeDeadlineSeconds: 7200, ", pod(2)), TermKind.SCHEDULE, hours(4), hours(4 * Fraction(730, 24))),
        (CRON.format("0 0 1 * *", "", "activeDeadlineSeconds: 3600, ", pod()), TermKind.SCHEDULE, hours(1), hours(1)),
        (CRON.format("0 * * * *", "", "activeDeadlineSeconds: 7200, ", pod()), TermKind.SCHEDULE, hours(2), hours(1460)),
        (CRON.format("0 * * * *", FORBID, "activeDeadlineSeconds: 7200, ", pod()), TermKind.SCHEDULE, hours(2), hours(730)),
        (CRON.format("0 2 * * *", "", "", pod()), TermKind.SCHEDULE, None, None),
        (CRON.format("at night", "", "activeDeadlineSeconds: 60, ", pod()), TermKind.SCHEDULE, hours("1/60"), None),
        (CRON.format("0 2 * * *", "suspend: true, ", "activeDeadlineSeconds: 7200, ", pod()), TermKind.SCHEDULE, hours(2), hours(0)),
        (BARE.format(pod()), TermKind.ALWAYS, None, hours(730)),
        (BARE.format(pod(where=NEVER)), TermKind.RUN, None, None),
        (BARE.format(pod(where=NEVER + ", activeDeadlineSeconds: 1800")), TermKind.RUN, hours("1/2"), hours("1/2")),
        (RAY.format(kind="RayJob", spec="activeDeadlineSeconds: 3600", pod=pod(8)), TermKind.RUN, None, None),
        (RAY.format(kind="RayJob", spec=SHUT_DOWN, pod=pod(8)), TermKind.RUN, hours(12, 48), hours(12, 48)),
    ],
)  # fmt: skip
def test_how_long(text: str, kind: TermKind, run: Span | None, month: Span | None) -> None:
    found = line(text)
    assert found.term.kind is kind
    assert found.run == run
    assert found.month == month
    assert found.endless is (month is None)


def test_what_has_no_deadline_is_not_in_the_total() -> None:
    found = estimated(deployment(), job())
    assert found.month == hours(730)
    assert [each.ref.name for each in found.endless] == ["train"]
    assert found.endless_hour == hours(1)


@pytest.mark.parametrize("annotation", ["kubeflow-resource-stopped: '2026-11-01T00:00:00Z'", "serving.kserve.io/stop: 'true'"])
def test_what_is_stopped_costs_nothing_now(annotation: str) -> None:
    head = f"apiVersion: kubeflow.org/v1\nkind: Notebook\nmetadata: {{name: n, annotations: {{{annotation}}}}}\n"
    text = f"{head}spec: {{template: {{spec: {pod()}}}}}\n"
    found = line(text)
    assert found.term.suspended
    assert found.month == Span()
    assert found.hour == hours(1)


@pytest.mark.parametrize(
    ("template", "devices", "hour"),
    [
        (pod(2, H100), 2, "13.76"),
        (pod(3, H100, "nvidia.com/mig-3g.40gb"), "9/7", Fraction(9, 7) * HOUR),
        (pod(1, H100, "nvidia.com/mig-1g.10gb+me"), "1/7", Fraction(1, 7) * HOUR),
        (pod(2, H100, "nvidia.com/gpu.shared"), None, None),
        (pod(2, H100, more=", nvidia.com/gpucores: 30"), "3/5", Fraction(3, 5) * HOUR),
        (pod(1, H100, more=", nvidia.com/gpumem-percentage: 50"), "1/2", HOUR / 2),
        (pod(1, H100, more=", nvidia.com/gpumem: 3000"), None, None),
        (pod(1, "nodeSelector: {nvidia.com/gpu.product: NVIDIA-H100-80GB-HBM3-SHARED}"), None, None),
        (pod(1, 'nodeSelector: {nvidia.com/gpu.product: NVIDIA-H100-80GB-HBM3-SHARED, nvidia.com/gpu.replicas: "4"}'), "1/4", HOUR / 4),
        (pod(7, "nodeSelector: {nvidia.com/gpu.product: NVIDIA-H100-80GB-HBM3-MIG-1g.10gb}"), 1, HOUR),
        (pod(1, f'nodeSelector: {{{GKE}, cloud.google.com/gke-max-shared-clients-per-gpu: "2"}}'), "1/2", "0.265"),
        (pod(4, "nodeSelector: {amd.com/gpu.product-name: MI300X}", "amd.com/cpx_nps4"), "1/2", 3),
        (pod(4, "nodeSelector: {node.kubernetes.io/instance-type: trn1.2xlarge}", "aws.amazon.com/neuroncore"), 2, "2.6875"),
        (pod(4, "", "aws.amazon.com/neuroncore"), None, None),
        (pod('"{{ .Values.gpus }}"'), None, None),
        (pod(1, ""), 1, None),
        (pod(1, "nodeSelector: {nvidia.com/gpu.product: Some-Future-GPU}"), 1, None),
        (pod(1, "nodeSelector: {node.kubernetes.io/instance-type: x9.huge}"), 1, None),
    ],
)
def test_parts_of_devices_and_unknown_ones(template: str, devices: int | str | None, hour: int | str | Fraction | None) -> None:
    found = line(deployment("", template))
    assert found.devices == (None if devices is None else Span.of(Fraction(devices)))
    assert found.hour == (None if hour is None else Span.of(Fraction(hour)))
    assert (found.month is None) is (hour is None), "unknown is never 0"
    assert found.priced is (hour is not None)


def test_a_fraction_by_annotation() -> None:
    text = deployment().replace("template: {spec:", 'template: {metadata: {annotations: {gpu-fraction: "0.25"}}, spec:')
    text = text.replace("limits: {nvidia.com/gpu: 1}", "limits: {cpu: 1}")
    assert line(text).hour == hours("1/4")
    assert line(text.replace('"0.25"', '"2000"').replace("gpu-fraction", "gpu-memory")).hour is None


def test_daemon_sets_are_for_each_node() -> None:
    found = estimated(deployment().replace("Deployment", "DaemonSet"))
    assert found.lines[0].per == "node"
    assert found.lines[0].month == hours(730)
    assert found.month == Span()
    assert found.uncounted == found.lines


def test_claims() -> None:
    requests = "devices: {requests: [{name: gpu, exactly: {deviceClassName: gpu.nvidia.com%s}}]}"
    head = "apiVersion: resource.k8s.io/v1\nkind: "
    template = f"{head}ResourceClaimTemplate\nmetadata: {{name: two, namespace: ml}}\nspec: {{spec: {{{requests % ', count: 2'}}}}}\n"
    shared = f"{head}ResourceClaim\nmetadata: {{name: one, namespace: ml}}\nspec: {{{requests % ''}}}\n"
    asks = f"{{containers: [{{name: main, resources: {{claims: [{{name: g}}]}}}}], {P5}, resourceClaims: [{{name: g, %s}}]}}"
    own = deployment("replicas: 3", asks % "resourceClaimTemplateName: two")
    assert line(own, template).hour == hours(6)
    assert line(deployment("replicas: 3", asks % "resourceClaimName: one"), shared).hour == hours(1), "all pods share it"
    partition = template.replace("gpu.nvidia.com", "mig.nvidia.com")
    assert line(own, partition).hour is None


@pytest.mark.parametrize(
    ("where", "hour", "what"),
    [
        (P4D_OR_P5, Span(Fraction("21.957642") / 8, HOUR), "p5.48xlarge, on-demand and 1 more"),
        (f"nodeSelector: {{{TYPE}: g2-standard-4, cloud.google.com/gke-spot: 'true', topology.kubernetes.io/zone: us-central1-a}}",
         Span.of(Fraction("0.3973")), "g2-standard-4, us-central1, spot"),
        (f"nodeSelector: {{{TYPE}: g5.2xlarge, karpenter.sh/capacity-type: spot, topology.kubernetes.io/region: us-east-1}}",
         Span.of(Fraction("0.62")), "g5.2xlarge, us-east-1, spot"),
        ("nodeSelector: {node.kubernetes.io/instance-type: g4dn.xlarge, eks.amazonaws.com/capacityType: SPOT}", None, "g4dn.xlarge, spot"),
        ("nodeSelector: {beta.kubernetes.io/instance-type: p5.48xlarge, failure-domain.beta.kubernetes.io/zone: us-east-1a}",
         Span.of(HOUR), "p5.48xlarge, us-east-1, on-demand"),
        ("nodeSelector: {karpenter.k8s.aws/instance-gpu-name: h100}", Span.of(HOUR), "H100, on-demand"),
        ("nodeSelector: {karpenter.k8s.aws/instance-family: p5}", Span.of(HOUR), "p5.4xlarge, on-demand and 1 more"),
        ("nodeSelector: {cloud.google.com/gke-accelerator: nvidia-h100-80gb}", None, "H100, on-demand"),
        ("nodeSelector: {kubernetes.azure.com/scalesetpriority: spot, node.kubernetes.io/instance-type: Standard_ND96asr_v4}", None,
         "Standard_ND96asr_v4, spot"),
    ],
)  # fmt: skip
def test_what_the_pod_says_of_its_nodes(where: str, hour: Span | None, what: str) -> None:
    part = line(deployment("", pod(1, where))).parts[0]
    assert part.price is not None
    assert part.price.what == what
    if hour is not None:
        assert part.price.hour == hour


def test_tolerating_spot_nodes_is_not_choosing_them() -> None:
    where = P5 + ", tolerations: [{key: cloud.google.com/gke-spot, operator: Exists}]"
    assert line(deployment("", pod(1, where))).hour == hours(1)


POOL = """\
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {{name: {name}}}
spec: {{template: {{spec: {{{more}requirements: [{requirements}]}}}}}}
"""


def test_a_node_pool_in_view_tells() -> None:
    types = "{key: node.kubernetes.io/instance-type, operator: In, values: [p5.48xlarge]}"
    cpu = POOL.format(name="cpu", more="", requirements="{key: karpenter.k8s.aws/instance-family, operator: In, values: [m7i]}")
    gpu = POOL.format(name="gpu", more="", requirements=types)
    tainted = POOL.format(name="gpu", more="taints: [{key: nvidia.com/gpu, effect: NoSchedule}], ", requirements=types)
    assert line(deployment("", pod(1, "")), cpu, gpu, region="us-east-1").hour == hours(1)
    assert line(deployment("", pod(1, "")), tainted).hour is None
    tolerating = pod(1, "tolerations: [{key: nvidia.com/gpu, operator: Exists}]")
    assert line(deployment("", tolerating), tainted, region="us-east-1").hour == hours(1)
    assert line(deployment("", pod(1, "nodeSelector: {karpenter.sh/nodepool: gpu}")), gpu, cpu, region="us-east-1").hour == hours(1)


QUEUE = (
    "apiVersion: kueue.x-k8s.io/v1beta1\nkind: LocalQueue\nmetadata: {name: q, namespace: ml}\nspec: {clusterQueue: c}\n---\n"
    "apiVersion: kueue.x-k8s.io/v1beta1\nkind: ClusterQueue\nmetadata: {name: c}\n"
    "spec: {resourceGroups: [{coveredResources: [nvidia.com/gpu], "
    "flavors: [{name: h100, resources: [{name: nvidia.com/gpu, nominalQuota: 8}]}]}]}\n---\n"
    "apiVersion: kueue.x-k8s.io/v1beta1\nkind: ResourceFlavor\nmetadata: {name: h100}\n"
    "spec: {nodeLabels: {node.kubernetes.io/instance-type: p5.48xlarge, topology.kubernetes.io/region: us-east-1}}\n"
)


def test_a_flavor_of_the_queue_tells() -> None:
    queued = job("activeDeadlineSeconds: 3600, ", pod(1, ""), "name: j, namespace: ml, labels: {kueue.x-k8s.io/queue-name: q}")
    assert line(queued, QUEUE).run == hours(1)


def test_prices_of_the_owner_go_first() -> None:
    rule = Rule(Match(labels={"example.com/rack": ("h100",)}), device_hour=Fraction(2), devices=Fraction(8), commitment="owned")
    prices = Prices(Owner(rules=(rule,)))
    found = line(deployment("replicas: 2", pod(4, "nodeSelector: {example.com/rack: h100}")), prices=prices)
    assert found.hour == Span.of(16)
    price = found.parts[0].price
    assert price is not None
    assert not price.cash


def test_templates_are_counted_and_not_priced() -> None:
    runtime = f"apiVersion: serving.kserve.io/v1alpha1\nkind: ServingRuntime\nmetadata: {{name: vllm}}\nspec: {pod()}\n"
    found = estimated(runtime)
    assert not found.lines
    assert found.templates == 1


@pytest.mark.parametrize("kind", ["ServingRuntime", "ClusterServingRuntime"])
def test_a_service_holds_what_its_runtime_asks_for(kind: str) -> None:
    runtime = f"apiVersion: serving.kserve.io/v1alpha1\nkind: {kind}\nmetadata: {{name: vllm, namespace: ml}}\nspec: {pod(2)}\n"
    service = (
        "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {name: m, namespace: ml}\n"
        "spec: {predictor: {minReplicas: 1, maxReplicas: 3, model: {runtime: vllm, modelFormat: {name: vllm}}}}\n"
    )
    found = line(service, runtime)
    assert found.hour == hours(2, 6)
    assert found.notes == (f"{kind}/vllm asks for them",)
    assert estimated(service).lines == ()
    own = service.replace("model: {", f"{P5}, model: {{resources: {{limits: {{nvidia.com/gpu: 1}}}}, ")
    assert line(own, runtime).hour == hours(1, 3)


def test_the_most_expensive_first_and_shown_parts_add_up() -> None:
    where = f"nodeSelector: {{{TYPE}: p4d.24xlarge}}"
    texts = [deployment(f"replicas: {count}", pod(1, where), f"d{count}") for count in range(1, 8)]
    found = estimated(*texts)
    assert [each.ref.name for each in found.lines] == [f"d{count}" for count in range(7, 0, -1)]
    assert sum(month.low for month in found.months if month) == found.total.low


def test_estimates_do_not_depend_on_the_order_of_documents() -> None:
    where = {
        "a.yaml": [deployment("replicas: 3"), SCALED.format(", maxReplicas: 5"), kserve("")],
        "b.yaml": [job(), ray_cluster(), deployment("", name="x")],
    }
    everything = [found for file, texts in where.items() for found in documents("---\n".join(texts), file)]
    first = estimate(Snapshot(everything), Prices(), TODAY)
    shuffle = random.Random(5)
    for _ in range(10):
        shuffle.shuffle(everything)
        assert estimate(Snapshot(everything), Prices(), TODAY) == first


ODD = (None, [], {}, "", 0, -1, True, 10**30, 1.5, "{{ x }}", [None], {"a": None}, [[1]], "99999999999", "1g.5gb", "nvidia.com/gpu")


def entries(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key, child in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield (*path, key)
        yield from entries(child, (*path, key))


@pytest.mark.parametrize("seed", range(40))
def test_nothing_that_a_manifest_holds_breaks_it(seed: int) -> None:
    chance = random.Random(seed)
    texts = [deployment("replicas: 2"), SCALED.format(", maxReplicas: 5"), kserve(""), job(), ray_cluster(), KEDA.format("", "")]
    texts += [CRON.format("0 2 * * *", FORBID, "activeDeadlineSeconds: 60, ", pod(2, P4D_OR_P5)), QUEUE]
    texts += [POOL.format(name="p", more="", requirements="{key: karpenter.k8s.aws/instance-family, operator: In, values: [p5]}")]
    changed = []
    for document in documents("---\n".join(texts)):
        raw = copy.deepcopy(document.raw)
        for _ in range(chance.randint(1, 3)):
            *steps, last = chance.choice([path for path in entries(raw) if path[0] not in ("apiVersion", "kind")])
            node: Any = raw
            for step in steps:
                node = node[step]
            node[last] = copy.deepcopy(chance.choice(ODD))
        changed.append(Document(document.ref, raw, file=document.file, line=len(changed)))
    found = estimate(Snapshot(changed), Prices(), TODAY)
    assert all(month is None or month.high is None or month.low <= month.high for month in found.months)
    assert estimate(Snapshot(changed[::-1]), Prices(), TODAY) == found


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus lies beside the repository")
def test_nothing_in_the_corpus_breaks_it() -> None:
    files = [(str(path.relative_to(CORPUS)), path.read_bytes()) for path in sorted(CORPUS.rglob("*.y*ml"))]
    everything = read_contents(files).documents
    found = estimate(Snapshot(everything), Prices(), TODAY)
    assert len(found.lines) > 200
    everything.reverse()
    assert estimate(Snapshot(everything), Prices(), TODAY) == found


# -- schedules ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "runs"),
    [
        ("0 2 * * *", Fraction(365, 12)), ("@daily", Fraction(365, 12)), ("*/15 * * * *", 2920), ("@hourly", 730),
        ("0 0 * * 0", Fraction(365, 84)), ("0 0 * * 7", Fraction(365, 84)), ("0 0 * * SUN", Fraction(365, 84)),
        ("0 0 * * 1-5", Fraction(5 * 365, 84)), ("0 0 1 * *", 1), ("0 0 1,15 * *", 2), ("0 0 1 jan,JUL *", Fraction(1, 6)),
        ("@yearly", Fraction(1, 12)), ("0 0 31 2 *", 0), ("TZ=Europe/Berlin 0 0 1 * *", 1), ("CRON_TZ=UTC 0 0 1 * ?", 1),
        ("@every 1h30m", Fraction(1460, 3)), ("0 0 13 * FRI", Fraction(12 * 7 + 365 - 12, 84)), ("5/20 * * * *", 2190),
        ("0 0 0 1 * *", 1), ("*/30 * * * * *", 87600), ("", None), ("at night", None), ("60 * * * *", None),
        ("* * * *", None), ("0 0 0 * *", None), ("*/0 * * * *", None), ("5-1 * * * *", None), ("@reboot", None),
        ("@every", None), ("@every 0s", None), ("{{ .Values.schedule }}", None), ("0 0 * * 1#2", None),
    ],
)  # fmt: skip
def test_runs_per_month(schedule: str, runs: Fraction | int | None) -> None:
    assert runs_per_month(schedule) == runs


# -- two versions -------------------------------------------------------------------------------------------------------------------------


def lines_of(*texts: tuple[str, str]) -> tuple[PotentialLine, ...]:
    found = [document for file, text in texts for document in documents(text, file)]
    return estimate(Snapshot(found), Prices(), TODAY).lines


def test_added_removed_and_changed() -> None:
    before = lines_of(("a.yaml", deployment("replicas: 2")), ("b.yaml", deployment(name="gone")), ("c.yaml", deployment(name="same")))
    after = lines_of(
        ("a.yaml", deployment("replicas: 3")), ("d.yaml", deployment(name="new", template=pod(8))), ("moved.yaml", deployment(name="same"))
    )
    change = compare(before, after, "main", "c0ffee")
    assert [(each.how, each.line.ref.name, each.month) for each in change.lines] == [
        (How.ADDED, "new", hours(8 * 730)),
        (How.CHANGED, "llm", hours(730)),
        (How.REMOVED, "gone", Span(-730 * HOUR, -730 * HOUR)),
    ]
    assert change.month == hours(8 * 730)
    assert not change.unknown


def test_of_several_with_one_name_the_one_in_the_same_file_counts() -> None:
    before = lines_of(("dev/a.yaml", deployment("replicas: 1")), ("prod/a.yaml", deployment("replicas: 4")))
    after = lines_of(
        ("dev/a.yaml", deployment("replicas: 2")), ("prod/a.yaml", deployment("replicas: 4")), ("test/a.yaml", deployment("replicas: 1"))
    )
    assert [(each.how, each.line.file) for each in compare(before, after, "", "").lines] == [
        (How.CHANGED, "dev/a.yaml"),
        (How.ADDED, "test/a.yaml"),
    ]


def test_differences_of_ranges_and_of_what_is_unbounded() -> None:
    before = lines_of(("a.yaml", deployment() + "---\n" + SCALED.format(", minReplicas: 1, maxReplicas: 2")))
    after = lines_of(("a.yaml", deployment() + "---\n" + SCALED.format(", minReplicas: 2, maxReplicas: 5")))
    endless = lines_of(("a.yaml", deployment() + "---\n" + SCALED.format(", minReplicas: 2")))
    assert compare(before, after, "", "").month == hours(730, 3 * 730)
    assert compare(before, endless, "", "").month == Span(730 * HOUR, None)
    assert compare(after, after, "", "").lines == ()


def test_what_has_no_price_or_no_end_has_an_unknown_difference() -> None:
    before = lines_of(("a.yaml", deployment("", pod(1, ""))), ("j.yaml", job("activeDeadlineSeconds: 60, ")))
    after = lines_of(("a.yaml", deployment("", pod(3, ""))), ("j.yaml", job()))
    change = compare(before, after, "", "")
    assert [each.month for each in change.lines] == [None, None]
    assert {each.line.ref.kind: each.devices for each in change.lines} == {"Deployment": Span.of(2), "Job": Span.of(0)}
    assert change.unknown == 2
    assert change.month == Span()
