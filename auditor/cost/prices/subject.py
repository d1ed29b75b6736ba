"""What is to be priced, and what a price is."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from auditor.document import mapping
from auditor.finding import Confidence
from auditor.live import Node, is_spot, pool_of, product_of

__all__ = ["Price", "Subject", "capacity_type_of", "cloud_of", "region_of"]

_TYPES = ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type")
_REGIONS = ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region")
_ZONES = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
# us-east-1a, us-central1-b, eastus-1; AWS calls zones outside of its regions us-west-2-lax-1a.
_ZONE = re.compile(r"(?P<aws>[a-z]+(?:-[a-z]+)+-\d+)(?:-[a-z]+-\d+)?[a-z]|(?P<gcp>[a-z]+-[a-z]+\d+)-[a-z]|(?P<azure>[a-z]+\d?)-\d")
# The labels of a commitment. https://karpenter.sh/docs/concepts/nodepools/,
# https://docs.aws.amazon.com/eks/latest/userguide/capacity-blocks-mng.html
_CAPACITY = ("karpenter.sh/capacity-type", "eks.amazonaws.com/capacityType", "cloud.google.com/gke-provisioning")
_CAPACITY_TYPES = {
    "on-demand": "on-demand", "standard": "on-demand", "reserved": "reserved", "reservation": "reserved", "capacity-block": "reserved",
    "spot": "spot", "preemptible": "spot", "owned": "owned",
}  # fmt: skip
_CLOUDS = {
    "eks.amazonaws.com": "aws", "karpenter.k8s.aws": "aws", "k8s.amazonaws.com": "aws", "cloud.google.com": "gcp",
    "karpenter.k8s.gcp": "gcp", "kubernetes.azure.com": "azure", "karpenter.azure.com": "azure", "coreweave.cloud": "coreweave",
    "node.coreweave.cloud": "coreweave", "nebius.com": "nebius",
}  # fmt: skip
# Schemes of `providerID` where no cloud rents the machine out.
_OWN = frozenset({"baremetalhost", "harvester", "k3s", "kind", "maas", "metal3", "openstack", "proxmox", "rke2", "tinkerbell", "vsphere"})


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be priced: a node, or what a manifest asks for. Everything may be unknown.

    Attributes:
        instance_type, region: as the cloud names them.
        product: the accelerator's model, however written.
        pool, node: names.
        capacity_type: ``on-demand``, ``spot`` or ``reserved``; empty where unknown, which is priced on demand at list.
        labels: of the node.
        devices: how many physical devices the node has, where known; the price book knows it better for the types that it has.
        on_premises: it is nobody's cloud.
        cloud: whose it is, where labels do not tell: ``aws``, ``gcp``, ``azure``, ``coreweave`` …
        memory: MiB of one device, which tells two sorts of A100 apart.
    """

    instance_type: str = ""
    region: str = ""
    product: str = ""
    pool: str = ""
    node: str = ""
    capacity_type: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    devices: int | None = None
    on_premises: bool = False
    cloud: str = ""
    memory: int | None = None

    @classmethod
    def of_node(cls, node: Node) -> Subject:
        """A node of a live cluster."""
        provider = mapping(node.document.raw.get("spec")).get("providerID")
        found = cls.of_labels(node.name, node.labels, devices=node.physical_devices, provider=provider if isinstance(provider, str) else "")
        return replace(found, product=node.product)

    @classmethod
    def of_labels(cls, node: str, labels: Mapping[str, str], *, devices: int | None = None, provider: str = "") -> Subject:
        """A node of which no more than its labels is known, as of one that is gone.

        Args:
            node: its name.
            labels: its labels.
            devices: how many physical devices it has, where known.
            provider: its ``spec.providerID``, where known.
        """
        region = region_of(labels)
        scheme = provider.partition("://")[0]
        return cls(
            instance_type=next((labels[key] for key in _TYPES if labels.get(key)), ""),
            region=region,
            product=product_of(labels),
            pool=pool_of(labels),
            node=node,
            capacity_type="spot" if is_spot(labels) else capacity_type_of(labels),
            labels=labels,
            devices=devices or None,
            on_premises=scheme in _OWN or not (scheme or region),
            memory=_memory(labels),
        )


@dataclass(frozen=True, slots=True)
class Price:
    """What an hour costs, in USD, exactly, and what that rests on.

    Attributes:
        device_hour: of one physical device.
        node_hour: of the node, where the price is of a node.
        devices: by how many devices the node's price is shared.
        model: canonical name; None where unknown.
        capacity_type: ``on-demand``, ``spot``, ``reserved`` or ``owned``.
        basis: by what the price was found, in words.
        source, date: whose figure it is, and of which day.
        confidence: in the price.
        cash: somebody pays less once the device is stopped; not so where it is reserved or owned.
        notes: what else to know about it, in sentences.
    """

    device_hour: Fraction
    node_hour: Fraction | None
    devices: Fraction | None
    model: str | None
    capacity_type: str
    basis: str
    source: str
    date: datetime.date | None
    confidence: Confidence
    cash: bool
    notes: tuple[str, ...] = ()


def region_of(labels: Mapping[str, str]) -> str:
    """The region of a node, or that of its zone; empty where no label says."""
    region = next((labels[key] for key in _REGIONS if labels.get(key)), "")
    if region:
        return region
    zone = next((labels[key] for key in _ZONES if labels.get(key)), "")
    found = _ZONE.fullmatch(zone)
    return next((part for part in found.groups() if part), "") if found else ""


def capacity_type_of(labels: Mapping[str, str]) -> str:
    """``on-demand``, ``spot`` or ``reserved``, where a label says it in those words; `Node.spot` knows more ways to say spot."""
    return next((_CAPACITY_TYPES[word] for key in _CAPACITY if (word := normal(labels.get(key, ""))) in _CAPACITY_TYPES), "")


def normal(text: str) -> str:
    """A capacity type in our spelling: EKS writes ``ON_DEMAND``."""
    return text.strip().lower().replace("_", "-")


def known_capacity_type(text: str) -> str:
    """One of the four capacity types; what is unknown is on demand."""
    return _CAPACITY_TYPES.get(normal(text), "on-demand")


def cloud_of(labels: Mapping[str, str]) -> str:
    """Whose node it is, by the domains of its labels; empty where they do not say."""
    return next((cloud for domain, cloud in _CLOUDS.items() if any(key.startswith(f"{domain}/") for key in labels)), "")


def _memory(labels: Mapping[str, str]) -> int | None:
    keys = ("nvidia.com/gpu.memory", "karpenter.k8s.aws/instance-gpu-memory")
    text = next((labels[key] for key in keys if labels.get(key)), "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None
