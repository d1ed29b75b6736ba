"""A job that could run on spot capacity does not, or a server that should not does.

## Why it matters
Clouds sell what nobody needs at the moment for a fraction of the price, and take it back at short notice. A job that is tried again and
goes on from its last checkpoint loses minutes by that, so that spot capacity is the cheapest way to train. A job that has both and is bound
to no sort of capacity runs on demand: the nodes of spot pools carry taints that it does not tolerate.

The opposite is a fault rather than an opportunity: a model server of one replica, the head of a Ray cluster or the launcher of a job on
nothing but spot capacity goes away with its node, and everything that hangs on it goes too.

What it saves depends on region and day: `mlaudit prices` lists both prices. Savings of reserved capacity are none in cash.

## Bad
```yaml
apiVersion: batch/v1
kind: Job
metadata: {name: finetune}
spec:
  backoffLimit: 4
  template:
    spec:  # finding
      restartPolicy: Never
      containers:
      - name: train
        image: ghcr.io/example/train:2.0
        command: [torchrun, train.py, --resume_from_checkpoint=latest, --output_dir=/checkpoints]
        resources: {limits: {nvidia.com/gpu: 1}}
        volumeMounts: [{name: checkpoints, mountPath: /checkpoints}]
      volumes:
      - name: checkpoints
        persistentVolumeClaim: {claimName: checkpoints}
```

```yaml
apiVersion: batch/v1
kind: Job
metadata: {name: on-demand-by-name}
spec:
  backoffLimit: 4
  template:
    spec:
      restartPolicy: Never
      nodeSelector:
        karpenter.sh/capacity-type: on-demand  # finding
      containers:
      - name: train
        image: ghcr.io/example/train:2.0
        command: [python, train.py, --resume, --checkpoint-dir=s3://models/run-7]
        resources: {limits: {nvidia.com/gpu: 1}}
```

The opposite:

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: chat}
spec:
  replicas: 1
  template:
    spec:
      nodeSelector:
        cloud.google.com/gke-spot: "true"  # finding
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.10.2
        resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: shared}
spec:
  headGroupSpec:
    template:
      spec:
        nodeSelector:
          cloud.google.com/gke-spot: "true"  # finding
        containers: [{name: head, image: "rayproject/ray:2.46.0"}]
  workerGroupSpecs:
  - groupName: gpu
    replicas: 2
    template:
      spec:
        nodeSelector: {cloud.google.com/gke-spot: "true"}
        containers: [{name: worker, image: "rayproject/ray:2.46.0-gpu", resources: {limits: {nvidia.com/gpu: 1}}}]
```

```yaml complete
apiVersion: apps/v1
kind: Deployment
metadata: {name: without-a-budget}
spec:
  replicas: 3
  template:
    metadata: {labels: {app: without-a-budget}}
    spec:
      affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:  # finding
            nodeSelectorTerms:
            - matchExpressions: [{key: karpenter.sh/capacity-type, operator: In, values: [spot]}]
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.10.2
        resources: {limits: {nvidia.com/gpu: 1}}
```

## Good
```yaml
apiVersion: batch/v1
kind: Job
metadata: {name: on-spot}
spec:
  backoffLimit: 4
  template:
    spec:
      restartPolicy: Never
      nodeSelector: {cloud.google.com/gke-spot: "true"}
      containers:
      - name: train
        image: ghcr.io/example/train:2.0
        command: [torchrun, train.py, --resume_from_checkpoint=latest, --output_dir=s3://models/run-7]
        resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: on-either}
spec:
  backoffLimit: 4
  template:
    spec:
      restartPolicy: Never
      tolerations: [{key: kubernetes.azure.com/scalesetpriority, operator: Equal, value: spot, effect: NoSchedule}]
      containers:
      - name: train
        image: ghcr.io/example/train:2.0
        command: [torchrun, train.py, --resume_from_checkpoint=latest, --output_dir=s3://models/run-7]
        resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: on-a-reservation}
spec:
  backoffLimit: 4
  template:
    spec:
      restartPolicy: Never
      nodeSelector: {cloud.google.com/reservation-name: h100-block}
      containers:
      - name: train
        image: ghcr.io/example/train:2.0
        command: [torchrun, train.py, --resume_from_checkpoint=latest, --output_dir=s3://models/run-7]
        resources: {limits: {nvidia.com/gpu: 8}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: starts-over}
spec:
  backoffLimit: 4
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: train
        image: ghcr.io/example/train:2.0
        command: [torchrun, train.py]
        resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: tried-once}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: train
        image: ghcr.io/example/train:2.0
        command: [torchrun, train.py, --resume_from_checkpoint=latest, --output_dir=s3://models/run-7]
        resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: in-development, namespace: chat-dev}
spec:
  template:
    spec:
      nodeSelector: {cloud.google.com/gke-spot: "true"}
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.10.2
        resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: on-spot-where-there-is-some}
spec:
  template:
    spec:
      tolerations: [{key: cloud.google.com/gke-spot, operator: Equal, value: "true", effect: NoSchedule}]
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.10.2
        resources: {limits: {nvidia.com/gpu: 1}}
```

## When to ignore
Where the capacity is yours or reserved, where a deadline leaves no time for interruptions, or where your cloud has no spot capacity of this
accelerator. For servers: where callers wait and try again.

## References
- https://cloud.google.com/kubernetes-engine/docs/concepts/spot-vms
- https://docs.aws.amazon.com/eks/latest/best-practices/aiml-compute.html
- https://karpenter.sh/docs/concepts/nodepools/
- https://learn.microsoft.com/azure/aks/spot-node-pool
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.document import mapping
from auditor.jobs import bounds
from auditor.placement.market import Market, Purchase, cluster_has_spot, offers_spot, purchase_of
from auditor.queues import KUEUE, cluster_queue_of, local_queue, queue_names
from auditor.rule import COST, RECOMMENDED, Confidence, Fault, Result, Role, Severity, rule, skip
from auditor.scaling import floor_of
from auditor.selectors import label_selector
from auditor.snapshot import Snapshot, is_development_namespace
from auditor.workload import Container, PodTemplate, Workload

GOES_ON = re.compile(r"checkpoint|ckpt|(?<![a-z])resum(e|ing)(?![a-z])|--?save[-_](steps|interval|strategy|every)", re.IGNORECASE)
STORE = re.compile(r"\b(s3|gs|gcs|abfss?|wasbs?|oss|hdfs|hf)://")
OUTPUT = re.compile(r"checkpoint|ckpt|output|result|snapshot|(?<![a-z])(runs?|save[ds]?|work|workspace|experiments?|logs?)(?![a-z])", re.I)
PERSISTENT = ("persistentVolumeClaim", "nfs", "csi", "hostPath", "glusterfs", "cephfs", "azureFile")
RESTARTED = ("OnFailure", "ExitCode", "Always")  # a replica's restartPolicy in Kubeflow's jobs
# Pods that exist once, and end what they lead when they go.
LEADS = {"head": "the head of the Ray cluster", "launcher": "the launcher", "driver": "the driver", "coordinator": "the coordinator"}
GANG = 8  # pods


@rule(
    "training-on-demand-only",
    title="Restartable job on demand, or lone server on spot capacity",
    severity=Severity.INFO,
    profiles={COST, RECOMMENDED},
    confidence=Confidence.MEDIUM,
    needs=("ClusterQueue", "LocalQueue", "Node", "NodePool", "PodDisruptionBudget", "ResourceFlavor"),
)
def check(workload: Workload, snapshot: Snapshot) -> Iterator[Result]:
    if workload.incomplete:
        return
    for template in workload.templates:
        if template.component in LEADS or workload.is_role(Role.SERVING):
            yield from _on_spot_alone(template, snapshot)
    if workload.job and workload.is_role(Role.TRAINING, Role.BATCH):
        yield from _on_demand_only(workload, snapshot)


# -- jobs that could run on spot capacity -----------------------------------------------------------------------------------------


def _on_demand_only(workload: Workload, snapshot: Snapshot) -> Iterator[Result]:
    template = next((one for one in workload.templates if one.accelerated and not one.incomplete), None)
    if template is None or not _is_tried_again(workload) or not _goes_on(template):
        return
    purchase = purchase_of(template)
    if purchase.market not in (Market.UNSAID, Market.ON_DEMAND):
        return
    if snapshot.listing is not None and (not cluster_has_spot(snapshot) or _runs_on_spot(workload, snapshot)):
        return
    queues = [queue.name for queue in queue_names(workload) if queue.group == KUEUE]
    if queues and purchase.market is Market.UNSAID:
        gives = _queue_gives_spot(queues[0], workload, snapshot)
        if gives is None:
            yield skip("the ClusterQueue and the ResourceFlavors that decide on what capacity a job runs")
        if gives is not False:
            return
    yield _opportunity(template, purchase)


def _opportunity(template: PodTemplate, purchase: Purchase) -> Fault:
    pods = template.pods.low or 1
    gang = f"; one node that is taken back stops all of its {pods} pods, so that checkpoints must be frequent" if pods > GANG else ""
    where = f"{purchase.label} keeps it off spot capacity" if purchase.label else "nothing lets it run on spot capacity"
    return template.fault(
        f"goes on from its checkpoints when it is started again, but {where}{gang}",
        at=purchase.path or "",
        remediation="tolerate the taint of a spot node pool and prefer its label, with on demand to fall back on",
        profiles={COST},
    )


def _is_tried_again(workload: Workload) -> bool:
    """Whether something starts it again when its node is gone."""
    found = bounds(workload)
    if found is not None and any(isinstance(one.effective, int) and one.effective > 0 for one in (found.retries, found.child_retries)):
        return True
    if workload.spec.get("elasticPolicy"):
        return True
    replicas = (value for key, value in workload.spec.items() if key.endswith("ReplicaSpecs"))
    policies = [mapping(one).get("restartPolicy") for spec in replicas for one in mapping(spec).values()]
    return bool(policies) and all(policy in RESTARTED for policy in policies)


def _goes_on(template: PodTemplate) -> bool:
    """Whether what it has computed outlives its pod: checkpoints in a store, or on a volume that stays."""
    for container in template.main_containers:
        if not container.accelerators:
            continue
        said = " ".join((container.command_line, *(f"{one.name}={one.value}" for one in container.env if isinstance(one.value, str))))
        mounts = _persistent_mounts(container)
        if GOES_ON.search(said) and (STORE.search(said) or mounts):
            return True
        if any(OUTPUT.search(mount) for mount in mounts):
            return True
    return False


def _persistent_mounts(container: Container) -> list[str]:
    found = []
    for mount in container.mounts:
        volume = container.template.volume(mount.volume)
        if volume is not None and volume.kind in PERSISTENT and not mount.read_only and volume.source.get("readOnly") is not True:
            found.append(f"{mount.volume} {mount.mount_path}")
    return found


def _runs_on_spot(workload: Workload, snapshot: Snapshot) -> bool:
    nodes = {node.name: node for node in snapshot.nodes}
    return any(nodes[pod.node].spot for pod in workload.pods if pod.node in nodes)


def _queue_gives_spot(name: str, workload: Workload, snapshot: Snapshot) -> bool | None:
    """Whether one of a queue's flavors is spot capacity; None where that is not in view."""
    local = local_queue(name, workload.document, snapshot)
    queue = cluster_queue_of(local, snapshot) if local is not None else None
    if queue is None:
        return None
    names = {flavor for _, flavors in queue.groups for flavor in flavors}
    flavors = [one for one in snapshot.by_kind("ResourceFlavor", KUEUE) if one.ref.name in names]
    if any(map(offers_spot, flavors)):
        return True
    return False if names <= {one.ref.name for one in flavors} else None


# -- the opposite -------------------------------------------------------------------------------------------------------------------------


def _on_spot_alone(template: PodTemplate, snapshot: Snapshot) -> Iterator[Result]:
    workload = template.workload
    if template.incomplete or workload.suspended or is_development_namespace(workload.ref.namespace):
        return
    purchase = purchase_of(template)
    if purchase.market is not Market.SPOT:
        return
    remedy = "run it on demand, or let it run there too: prefer spot capacity instead of requiring it"
    if template.component in LEADS:
        yield _lost(template, purchase, f"{LEADS[template.component]} runs on nothing but spot capacity, and all ends with it", remedy)
        return
    replicas = _replicas(template, snapshot)
    if replicas == 1:
        message = "the only replica runs on nothing but spot capacity: when its node is taken back nothing answers"
        yield _lost(template, purchase, message, remedy)
    elif replicas is not None and replicas > 1 and template.labels:
        if not snapshot.complete_for("PodDisruptionBudget", workload.document):
            yield skip("the PodDisruptionBudgets of servers on spot capacity")
        elif not _has_budget(template, snapshot):
            message = f"all {replicas} replicas run on nothing but spot capacity, and no PodDisruptionBudget keeps some while nodes drain"
            yield _lost(template, purchase, message, "add a PodDisruptionBudget, and keep one replica on demand", Severity.LOW)


def _lost(template: PodTemplate, purchase: Purchase, message: str, remedy: str, severity: Severity = Severity.MEDIUM) -> Fault:
    message = f"{message} ({purchase.label})" if purchase.label else message
    return template.fault(message, at=purchase.path, remediation=remedy, severity=severity, profiles={RECOMMENDED})


def _replicas(template: PodTemplate, snapshot: Snapshot) -> int | None:
    """How many there are at least; None where that is not known."""
    floors = [floor_of(scaler) for scaler in snapshot.scalers_of(template.workload)]
    if floors:
        return None if floors[0] is None else floors[0][0]
    return None if template.row.scale_out else template.pods.low


def _has_budget(template: PodTemplate, snapshot: Snapshot) -> bool:
    budgets = snapshot.beside(template.workload.document, "PodDisruptionBudget", "policy")
    return any(label_selector(mapping(one.raw.get("spec")).get("selector")).matches(template.labels) for one in budgets)
