"""A window of measurements with pseudonyms in place of names. The same names as in the objects get the same ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from auditor.redact.pseudonyms import Pseudonyms
from auditor.usage import Holder, Usage

__all__ = ["renamed_usage"]

# Labels of nodes, as kube-state-metrics writes them, whose values say what a machine is and not what somebody called it.
_HARDWARE = re.compile(
    r"label_(nvidia_com_.+|amd_com_.+|gpu_intel_com_.+|karpenter_k8s_.+|karpenter_azure_com_.+|kubernetes_azure_com_(accelerator|scalesetpriority)|"
    r"k8s_amazonaws_com_accelerator|node_kubernetes_io_(instance_type|lifecycle)|topology_kubernetes_io_(region|zone)|"
    r"karpenter_sh_capacity_type|eks_amazonaws_com_capacity_type|cloud_google_com_gke_(spot|preemptible|provisioning|accelerator.*|"
    r"tpu_accelerator|gpu_.+|max_shared_clients_per_gpu))"
)
_POOL = re.compile(
    r"label_(.+_nodepool|.+_nodegroup(_name)?|(kubernetes_azure_com_)?agentpool|.+_node_pool|.+_machine_set|.+_instancegroup)"
)


def renamed_usage(usage: Usage, pseudonyms: Pseudonyms) -> Usage:
    """The same window under other names. Queries are left out, and of what went wrong only that it did."""
    text = pseudonyms.text

    def renamed(holder: Holder) -> Holder:
        return replace(holder, namespace=text(holder.namespace), name=text(holder.name))

    def labels(of: Mapping[str, str]) -> dict[str, str]:
        return {key: value if _HARDWARE.fullmatch(key) else text(value) for key, value in of.items() if _known(key)}

    return replace(
        usage,
        nodes=tuple(replace(one, node=text(one.node)) for one in usage.nodes),
        held=tuple(replace(one, holder=renamed(one.holder), node=text(one.node)) for one in usage.held),
        labels={text(node): labels(of) for node, of in usage.labels.items()},
        idling={renamed(holder): one for holder, one in usage.idling.items()},
        queries={},
        notes=tuple(sorted(map(text, usage.notes))),
        missing=tuple(replace(one, reason="the server did not answer") for one in usage.missing),
        metered={text(node): usd for node, usd in usage.metered.items()},
    )


def _known(key: str) -> bool:
    return _HARDWARE.fullmatch(key) is not None or _POOL.fullmatch(key) is not None
