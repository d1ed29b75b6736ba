"""A LimitRange gives accelerators to every container that asks for none.

## Why it matters
Kubernetes completes a LimitRange of type Container before it applies it: `default` is taken from `max`, `defaultRequest` from
`default`, else from `min`. What was meant as a cap becomes a gift: a LimitRange with nothing but `max: {nvidia.com/gpu: 2}` gave
2 GPUs to each of two nginx containers and to their init container (executed on Kubernetes 1.36.3). Web servers, sidecars and init
containers then hold GPUs, or stay pending for want of them. From `min` or `defaultRequest` alone a container gets a request without
a limit, and its pod is refused.

## Bad
```yaml
apiVersion: v1
kind: LimitRange
metadata: {name: caps, namespace: team-a}
spec:
  limits:
  - type: Container
    max:
      memory: 64Gi
      nvidia.com/gpu: 2  # finding
```

```yaml
apiVersion: v1
kind: LimitRange
metadata: {name: defaults, namespace: team-a}
spec:
  limits:
  - type: Container
    max: {nvidia.com/gpu: 4}
    default:
      nvidia.com/gpu: 1  # finding
  - type: Container
    min:
      amd.com/gpu: 1  # finding
  - type: Container
    defaultRequest:
      google.com/tpu: 4  # finding
```

## Good
```yaml
apiVersion: v1
kind: LimitRange
metadata: {name: caps, namespace: team-a}
spec:
  limits:
  - type: Container
    max: {nvidia.com/gpu: 2, amd.com/gpu: "${GPUS}", memory: 64Gi, google.com/tpu: 4}
    default: {nvidia.com/gpu: 0, memory: 4Gi, google.com/tpu: "0"}
    defaultRequest: {nvidia.com/gpu: 0, memory: 1Gi}
  - type: Pod
    max: {nvidia.com/gpu: 8}
```

## When to ignore
In a namespace that holds nothing but GPU pods with one container each.

## References
- https://github.com/kubernetes/kubernetes/blob/master/pkg/apis/core/v1/defaults.go
- https://github.com/intel/intel-device-plugins-for-kubernetes/issues/1408
- https://kubernetes.io/docs/concepts/policy/limit-range/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auditor.document import Document
from auditor.quantity import Quantity
from auditor.rule import COST, RECOMMENDED, Fault, Path, Put, Severity, mapping, rule, sequence
from auditor.snapshot import Snapshot
from auditor.workload.values import amount

# Where the limit of a container that sets none comes from, and where its request does; the first that holds the key decides.
_LIMIT = ("default", "max")
_REQUEST = ("defaultRequest", "default", "max", "min")


@rule(
    "limit-range-gives-gpus",
    title="LimitRange gives GPUs to every container",
    severity=Severity.HIGH,
    profiles={RECOMMENDED, COST},
    kinds={"LimitRange"},
    fixable=True,
)
def check(document: Document, snapshot: Snapshot) -> Iterator[Fault]:
    if document.ref.group:
        return
    for index, entry in enumerate(sequence(mapping(document.raw.get("spec")).get("limits"))):
        item = mapping(entry)
        if item.get("type") != "Container":
            continue
        keys = dict.fromkeys(key for field in _REQUEST for key in mapping(item.get(field)) if snapshot.device(key))
        for key in keys:
            limit, request = _given(item, key, _LIMIT), _given(item, key, _REQUEST)
            if limit is not None:
                field, number = limit
                what = f"gives {number} to every container that sets none, sidecars and init containers too"
            elif request is not None:
                field, number = request
                what = "gives every container that sets none a request without a limit, and its pod is refused"
            else:
                continue
            yield Fault(
                document,
                ("spec", "limits", index, field, key),
                f"{field} {key}: {number} {'without a default ' if field in ('max', 'min') else ''}{what}",
                remediation=f'cap it with a ResourceQuota on `requests.{key}`, or set `{key}: "0"` under both default and defaultRequest',
                patch=_patch(item, key, ("spec", "limits", index)),
            )


def _patch(item: Mapping[str, Any], key: str, at: Path) -> tuple[Put, ...]:
    """Nothing given, where the item only caps; a default must not be smaller than a minimum, nor than a default request."""
    asked = mapping(item.get("defaultRequest"))
    if key in mapping(item.get("default")) or key in mapping(item.get("min")) or (key in asked and amount(asked[key]) != 0):
        return ()
    fields = ("default",) if key in asked else ("default", "defaultRequest")
    return tuple(Put((*at, field, key), "0") for field in fields)


def _given(item: Mapping[str, Any], key: str, fields: tuple[str, ...]) -> tuple[str, Quantity] | None:
    """The field that decides what a container gets, with its amount; None where that is nothing or unknown."""
    for field in fields:
        values = mapping(item.get(field))
        if key in values:
            number = amount(values[key])
            return (field, number) if isinstance(number, Quantity) and number > 0 else None
    return None
