"""A small cluster with something of everything, read by an account that has no more than ``deploy/`` grants."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.testbed.cluster import Testbed
from tests.testbed.definitions import define

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"

OBJECTS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: llm}
spec:
  replicas: 3
  selector: {matchLabels: {app: llm}}
  template:
    metadata: {labels: {app: llm}}
    spec:
      tolerations: [{key: nvidia.com/gpu, operator: Exists}]
      containers:
      - name: server
        image: vllm/vllm-openai:latest
        args: [--model=Qwen/Qwen3-8B]
        envFrom: [{configMapRef: {name: settings}}, {secretRef: {name: credentials}}]
        resources: {limits: {nvidia.com/gpu: 4}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: train}
spec:
  parallelism: 2
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: ghcr.io/example/train:2.0
        command: [torchrun, --nproc-per-node=16, train.py]
        resources: {limits: {nvidia.com/gpu: 16, cpu: 1, memory: 1Gi}}
---
apiVersion: v1
kind: Service
metadata: {name: llm}
spec: {type: LoadBalancer, selector: {app: llm}, ports: [{port: 8000}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {LEVEL: debug}
---
apiVersion: v1
kind: Secret
metadata: {name: credentials}
stringData: {password: q7Lz-29vXk-Tn4R}
---
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {name: tune}
spec:
  pytorchReplicaSpecs:
    Worker:
      replicas: 2
      template:
        spec:
          containers: [{name: pytorch, image: "pytorch/pytorch:2.9.0", resources: {limits: {nvidia.com/gpu: 8}}}]
"""


@pytest.fixture(scope="module")
def populated(own_testbed: Testbed) -> Testbed:
    """Two GPU nodes, workloads in namespace ``ml``, Kueue's ConfigMap; ``auditor`` has the roles of ``deploy/``, as a person has them."""
    testbed = own_testbed
    for node in ("gpu-0", "gpu-1"):
        testbed.add_gpu_node(node, labels={"topology.kubernetes.io/zone": "eu-1a"}, wait=False)
    define(testbed, [("kubeflow.org", "PyTorchJob", "v1"), ("kueue.x-k8s.io", "ClusterQueue", "v1beta1")])
    for namespace in ("kueue-system", "ml"):
        testbed.kubectl("create", "namespace", namespace)
    testbed.kubectl("create", "configmap", "kueue-manager-config", "--namespace=kueue-system", "--from-literal=a.yaml=x: y")
    for file in ("rbac.yaml", "rbac-kueue.yaml"):
        testbed.kubectl("apply", "-f", str(DEPLOY / file))
    testbed.kubectl("create", "clusterrolebinding", "person", "--clusterrole=mlaudit", "--user=auditor")
    testbed.kubectl("create", "rolebinding", "person", "--role=mlaudit", "--user=auditor", "--namespace=kueue-system")
    account = "/api/v1/namespaces/ml/serviceaccounts/default"
    testbed.wait("the account of ml", lambda: testbed.client().get(account).status == 200)
    testbed.wait_nodes("gpu-0", "gpu-1")
    testbed.apply(OBJECTS, namespace="ml")
    testbed.wait_available("llm", "ml")
    return testbed
