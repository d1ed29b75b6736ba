"""What a container asks for: requests and limits, accelerators, resource claims."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.accelerators import Device
from auditor.document import Unknown, mapping, sequence
from auditor.kinds import PLAIN, Spelling, value_at
from auditor.lazy import lazy
from auditor.quantity import Quantity
from auditor.workload.values import amount

if TYPE_CHECKING:
    from auditor.workload.template import PodTemplate

__all__ = ["AcceleratorRequest", "Requests"]


@dataclass(frozen=True, slots=True)
class AcceleratorRequest:
    """What a container asks of one device key.

    Attributes:
        key: the resource name.
        device: what it stands for.
        request, limit: as written; None where absent.
        count: devices asked for: the limit, else the request; None where that is unknown or no whole number.
    """

    key: str
    device: Device
    request: Quantity | Unknown | None
    limit: Quantity | Unknown | None
    count: int | None

    @classmethod
    def of(cls, key: str, device: Device, request: Quantity | Unknown | None, limit: Quantity | Unknown | None) -> AcceleratorRequest:
        """A request with its count worked out once: every second rule asks for it."""
        value = limit if limit is not None else request
        known = isinstance(value, Quantity) and value.denominator == 1 and value.numerator >= 0
        return cls(key, device, request, limit, value.numerator if known and isinstance(value, Quantity) else None)

    def __str__(self) -> str:
        value = self.limit if self.limit is not None else self.request
        return f"{self.key}: {value}"


class Requests:
    """The part of a container that says what it asks for.

    Attributes:
        raw: the container's mapping as written.
        template: the pod it belongs to.
    """

    raw: Mapping[str, Any]
    template: PodTemplate
    _spelling: Spelling

    @lazy
    def resources(self) -> Mapping[str, Any] | Unknown:
        """The ``resources`` mapping; unknown where it is a placeholder or of a wrong type; empty where it is absent or null."""
        value = self.raw.get("resources")
        if value is None and self._spelling is not PLAIN:
            value = value_at(self.raw, self._spelling.resources)
        if value is None:
            return {}
        if not isinstance(value, dict):
            return Unknown(str(value)[:40], "wrong type")
        if self._spelling is not PLAIN and not {"limits", "requests", "claims"} & value.keys():
            return {"limits": value, "requests": value}  # an operator that writes cpu and memory right there means both
        return value

    @property
    def resources_key(self) -> str:
        """The field that holds the resources: ``resources``, or what the operator calls it."""
        if "resources" in self.raw or self._spelling is PLAIN:
            return "resources"
        names = self._spelling.resources.split("|")
        return next((name for name in names if name in self.raw), names[0])

    def request(self, key: str) -> Quantity | Unknown | None:
        """The request for a resource as written; None where it is absent."""
        return self._amount("requests", key)

    def limit(self, key: str) -> Quantity | Unknown | None:
        """The limit for a resource as written; None where it is absent."""
        return self._amount("limits", key)

    def effective_request(self, key: str) -> Quantity | Unknown | None:
        """The request that Kubernetes uses: the request, else the limit.

        Source: https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#requests-and-limits
        """
        request = self.request(key)
        return request if request is not None else self.limit(key)

    def resource_keys(self, section: str) -> Iterable[str]:
        """The resource names that ``requests`` or ``limits`` mentions, without an operator's own word for a number of GPUs."""
        keys = mapping(self._section(section)).keys()
        return [key for key in keys if key not in ("gpu", "gpus")] if self._spelling.gpus else keys

    def _section(self, section: str) -> Mapping[str, Any] | Unknown:
        if isinstance(self.resources, Unknown):
            return self.resources
        value = self.resources.get(section)
        if value is None:
            return {}
        return value if isinstance(value, dict) else Unknown(str(value)[:40], "wrong type")

    def _amount(self, section: str, key: str) -> Quantity | Unknown | None:
        values = self._section(section)
        if isinstance(values, Unknown):
            return values
        if key in values:
            return amount(values[key])
        return self._gpus[1] if self._gpus and self._gpus[0] == key and section == "limits" else None

    @lazy
    def _gpus(self) -> tuple[str, Quantity | Unknown] | None:
        """A number of GPUs that an operator's own field stands for, with the resource that it becomes: Spark names it beside the number,
        Dynamo, NIM and the vLLM production stack mean NVIDIA's."""
        if not self._spelling.gpus:
            return None
        value = value_at(self.raw, self._spelling.gpus)
        if value is None:
            return None
        name = mapping(self.raw.get("gpu")).get("name")
        return name if isinstance(name, str) else "nvidia.com/gpu", amount(value)

    @lazy
    def accelerators(self) -> tuple[AcceleratorRequest, ...]:
        """The accelerators that the container asks for, by key. Companions (memory, cores of a share) are not devices."""
        keys = {*self.resource_keys("limits"), *self.resource_keys("requests")}
        if self._gpus:
            keys.add(self._gpus[0])
        found = []
        table = self.template.workload.device_table
        for key in sorted(keys):
            known = table.device(key)
            if known is not None:
                found.append(AcceleratorRequest.of(key, known, self.request(key), self.limit(key)))
        return tuple(found)

    @property
    def accelerator_count(self) -> int | None:
        """Devices asked for, over all keys; None where one of them is unknown."""
        counts = [request.count for request in self.accelerators]
        return None if any(count is None for count in counts) else sum(count for count in counts if count is not None)

    @property
    def claims(self) -> tuple[str, ...]:
        """Names of the pod's resource claims that the container uses (DRA)."""
        entries = sequence(mapping(self.resources).get("claims")) if isinstance(self.resources, dict) else ()
        return tuple(entry["name"] for entry in entries if isinstance(entry, dict) and isinstance(entry.get("name"), str))
