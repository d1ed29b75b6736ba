"""What pods are given from outside: defaults of LimitRanges, and accelerators by resource claims."""

from __future__ import annotations

import pytest

from auditor.document import Document
from auditor.snapshot import Snapshot
from auditor.source.text import read_text


def snapshot(text: str, file: str = "a/w.yaml") -> Snapshot:
    return Snapshot([item for item in read_text(text, file) if isinstance(item, Document)])


POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c}], resourceClaims: CLAIMS}\n---\n"


@pytest.mark.parametrize(
    ("limits", "requests_given", "limits_given"),
    [
        ("[{type: Container, default: {memory: 1Gi}}]", {"memory"}, {"memory"}),
        ("[{type: Container, defaultRequest: {cpu: 1}}]", {"cpu"}, set()),
        ("[{type: Container, max: {memory: 1Gi}}]", {"memory"}, {"memory"}),
        ("[{type: Container, min: {cpu: 1}}]", {"cpu"}, set()),
        ("[{type: Container, defaultRequest: {cpu: 1}}, {type: Container, max: {memory: 1Gi}}]", {"cpu", "memory"}, {"memory"}),
        ("[{type: Pod, max: {memory: 1Gi}}]", set(), set()),
        ("[{default: {memory: 1Gi}}]", set(), set()),
        ("[null, 5, {type: Container, default: [memory]}]", set(), set()),
        ("x", set(), set()),
        ("null", set(), set()),
    ],
)
def test_limit_range_fills_in(limits: str, requests_given: set[str], limits_given: set[str]) -> None:
    found = snapshot(POD + f"apiVersion: v1\nkind: LimitRange\nmetadata: {{name: l}}\nspec: {{limits: {limits}}}\n")
    pod = found.documents[0]
    assert found.given_by_limit_range(pod, "requests") == requests_given
    assert found.given_by_limit_range(pod, "limits") == limits_given


def test_limit_range_of_another_namespace_gives_nothing() -> None:
    range_ = (
        "apiVersion: v1\nkind: LimitRange\nmetadata: {name: l, namespace: b}\nspec: {limits: [{type: Container, default: {memory: 1Gi}}]}\n"
    )
    found = snapshot(POD.replace("name: p}", "name: p, namespace: a}") + range_)
    assert found.given_by_limit_range(found.documents[0], "limits") == frozenset()


GPU, NETWORK = "gpu.nvidia.com", "compute-domain-default-channel.nvidia.com"


@pytest.mark.parametrize(
    ("claim", "kind", "requests", "accelerator"),
    [
        ("resourceClaimName: r", "ResourceClaim", f"[{{exactly: {{deviceClassName: {GPU}}}}}]", True),
        ("resourceClaimName: r", "ResourceClaim", f"[{{deviceClassName: {GPU}}}]", True),
        ("resourceClaimName: r", "ResourceClaim", f"[{{firstAvailable: [{{deviceClassName: {GPU}}}]}}]", True),
        ("resourceClaimName: r", "ResourceClaim", f"[{{exactly: {{deviceClassName: {NETWORK}}}}}]", False),
        ("resourceClaimName: other", "ResourceClaim", f"[{{deviceClassName: {GPU}}}]", False),
        ("resourceClaimTemplateName: r", "ResourceClaimTemplate", f"[{{deviceClassName: {GPU}}}]", True),
        ("resourceClaimTemplateName: r", "ResourceClaim", f"[{{deviceClassName: {GPU}}}]", False),
        ("source: {resourceClaimName: r}", "ResourceClaim", f"[{{deviceClassName: {GPU}}}]", True),
        ("resourceClaimName: r", "ResourceClaim", "[null, 5, {firstAvailable: [x], exactly: y, deviceClassName: 3}]", False),
        ("resourceClaimName: r", "ResourceClaim", "x", False),
        ("resourceClaimName: 5", "ResourceClaim", "null", False),
    ],
)  # fmt: skip
def test_claims_of_accelerators(claim: str, kind: str, requests: str, accelerator: bool) -> None:
    spec = f"{{devices: {{requests: {requests}}}}}"
    spec = f"{{spec: {spec}}}" if kind == "ResourceClaimTemplate" else spec
    other = f"apiVersion: resource.k8s.io/v1\nkind: {kind}\nmetadata: {{name: r}}\nspec: {spec}\n"
    found = snapshot(POD.replace("CLAIMS", f"[{{name: c, {claim}}}]") + other)
    assert found.claims_accelerator(found.workloads[0].templates[0]) is accelerator
