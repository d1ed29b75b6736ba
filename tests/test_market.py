"""How a pod's node is bought, in every way that pods say it."""

from __future__ import annotations

import pytest

from auditor.document import Document
from auditor.placement.market import Market, offers_spot, purchase_of
from auditor.source.text import read_text
from auditor.workload import Workload


def workload(spec: str, annotations: str = "{}") -> Workload:
    text = f"""
apiVersion: batch/v1
kind: Job
metadata: {{name: one}}
spec:
  template:
    metadata: {{annotations: {annotations}}}
    spec: {spec}
"""
    (document,) = (item for item in read_text(text, "a.yaml") if isinstance(item, Document))
    return Workload(document)


def terms(*expressions: str, preferred: bool = False) -> str:
    if preferred:
        weighed = ", ".join(f"{{weight: 1, preference: {{matchExpressions: [{one}]}}}}" for one in expressions)
        return f"{{affinity: {{nodeAffinity: {{preferredDuringSchedulingIgnoredDuringExecution: [{weighed}]}}}}}}"
    required = ", ".join(f"{{matchExpressions: [{one}]}}" for one in expressions)
    return f"{{affinity: {{nodeAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: {{nodeSelectorTerms: [{required}]}}}}}}}}"


TYPE = "key: karpenter.sh/capacity-type, operator: In, values"


@pytest.mark.parametrize(
    ("spec", "market"),
    [
        ("{}", Market.UNSAID),
        ("{nodeSelector: null, tolerations: 3, affinity: []}", Market.UNSAID),
        ("{nodeSelector: {accelerator: a100}}", Market.UNSAID),
        ('{nodeSelector: {cloud.google.com/gke-spot: "true"}}', Market.SPOT),
        ("{nodeSelector: {cloud.google.com/gke-spot: true}}", Market.SPOT),
        ("{nodeSelector: {cloud.google.com/gke-provisioning: spot}}", Market.SPOT),
        ("{nodeSelector: {cloud.google.com/gke-provisioning: standard}}", Market.ON_DEMAND),
        ("{nodeSelector: {karpenter.sh/capacity-type: on-demand}}", Market.ON_DEMAND),
        ("{nodeSelector: {karpenter.sh/capacity-type: reserved}}", Market.RESERVED),
        ("{nodeSelector: {eks.amazonaws.com/capacityType: SPOT}}", Market.SPOT),
        ("{nodeSelector: {eks.amazonaws.com/capacityType: '${CAPACITY}'}}", Market.ELSEWHERE),
        ("{nodeSelector: {karpenter.sh/capacity-type: null}}", Market.ELSEWHERE),
        ("{nodeSelector: {cloud.google.com/reservation-name: block}}", Market.RESERVED),
        ("{nodeSelector: {cloud.google.com/gke-nodepool: a100}}", Market.ELSEWHERE),
        ("{nodeSelector: {cloud.google.com/gke-nodepool: a100-spot}}", Market.SPOT),
        ("{nodeSelector: {cloud.google.com/gke-nodepool: a100-non-spot}}", Market.ELSEWHERE),
        ("{nodeSelector: {cloud.google.com/compute-class: gpus}}", Market.ELSEWHERE),
        (terms(f"{{{TYPE}: [spot]}}"), Market.SPOT),
        (terms(f"{{{TYPE}: [spot, on-demand]}}"), Market.EITHER),
        (terms(f"{{{TYPE}: [on-demand]}}"), Market.ON_DEMAND),
        (terms("{key: karpenter.sh/capacity-type, operator: NotIn, values: [spot]}"), Market.ON_DEMAND),
        (terms("{key: cloud.google.com/gke-spot, operator: Exists}"), Market.SPOT),
        (terms("{key: cloud.google.com/gke-spot, operator: DoesNotExist}"), Market.ON_DEMAND),
        (terms(f"{{{TYPE}: [spot]}}", "{key: accelerator, operator: In, values: [a100]}"), Market.EITHER),
        (terms(f"{{{TYPE}: [spot]}}", preferred=True), Market.EITHER),
        ("{tolerations: [{key: cloud.google.com/gke-spot, operator: Exists}]}", Market.EITHER),
        ("{tolerations: [{operator: Exists}]}", Market.EITHER),
        ("{tolerations: [{key: nvidia.com/gpu, operator: Exists}]}", Market.UNSAID),
        ("{nodeSelector: {karpenter.sh/capacity-type: on-demand}, tolerations: [{operator: Exists}]}", Market.ON_DEMAND),
    ],
)
def test_market(spec: str, market: Market) -> None:
    (template,) = workload(spec).templates
    assert purchase_of(template).market is market


def test_queued_capacity_is_decided_elsewhere() -> None:
    (template,) = workload("{}", "{cluster-autoscaler.kubernetes.io/consume-provisioning-request: one}").templates
    assert purchase_of(template).market is Market.ELSEWHERE


def test_the_field_that_says_so() -> None:
    (template,) = workload('{nodeSelector: {disk: ssd, cloud.google.com/gke-spot: "true"}}').templates
    purchase = purchase_of(template)
    assert purchase.path == ("spec", "template", "spec", "nodeSelector", "cloud.google.com/gke-spot")
    assert purchase.label == "cloud.google.com/gke-spot: true"


@pytest.mark.parametrize(
    ("spec", "spot"),
    [
        ("{nodeLabels: {cloud.google.com/gke-provisioning: spot}}", True),
        ("{nodeLabels: {cloud.google.com/gke-provisioning: standard}}", False),
        (f"{{template: {{spec: {{requirements: [{{{TYPE}: [spot, on-demand]}}]}}}}}}", True),
        (f"{{template: {{spec: {{requirements: [{{{TYPE}: [on-demand]}}]}}}}}}", False),
        ("{template: {spec: {requirements: null}}}", False),
        ("null", False),
    ],
)
def test_pools_and_flavors_of_spot_capacity(spec: str, spot: bool) -> None:
    text = f"apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {{name: one}}\nspec: {spec}\n"
    (document,) = (item for item in read_text(text, "a.yaml") if isinstance(item, Document))
    assert offers_spot(document) is spot
