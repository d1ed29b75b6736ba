"""Single values of a container as rules want them: amounts, images, environment variables, probes. Pure functions over raw values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from auditor.document import Path, Unknown, is_placeholder
from auditor.errors import QuantityError
from auditor.quantity import Quantity, parse_quantity

__all__ = ["EnvVar", "Image", "Mount", "Port", "Probe", "amount", "image_of", "integer", "parse_image", "text_of"]


def amount(value: object) -> Quantity | Unknown:
    """A resource amount as Kubernetes reads it. `Unknown.why` is ``placeholder``, ``null``, ``wrong type`` or ``not a quantity``."""
    if value is None:
        return Unknown("null", "null")
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return Unknown(str(value)[:40], "wrong type")
    text = value if isinstance(value, str) else repr(value)
    try:
        return parse_quantity(text.strip())
    except QuantityError:
        return Unknown(text[:60], "placeholder" if is_placeholder(text) else "not a quantity")


def integer(value: object, default: int | None = None) -> int | Unknown | None:
    """A whole number. None or absent is the default; a number in a string counts; anything else is unknown."""
    if value is None:
        return default
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,9}", value):
        return int(value)
    return Unknown(str(value)[:40], "placeholder" if isinstance(value, str) and is_placeholder(value) else "wrong type")


def text_of(value: object) -> str | Unknown | None:
    """A string. None is absent; a placeholder or another type is unknown."""
    if value is None:
        return None
    if not isinstance(value, str):
        return Unknown(str(value)[:40], "wrong type")
    return Unknown(value, "placeholder") if is_placeholder(value) else value


@dataclass(frozen=True, slots=True)
class Image:
    """An image reference taken apart.

    Attributes:
        text: as written.
        repository: with the registry, without tag and digest, in lower case: ``docker.io`` is not added.
        tag: empty where there is none.
        digest: ``sha256:…`` or empty.
    """

    text: str
    repository: str
    tag: str
    digest: str

    def __str__(self) -> str:
        return self.text

    @property
    def name(self) -> str:
        """The last component of the repository."""
        return self.repository.rpartition("/")[2]


@lru_cache(maxsize=4096)
def parse_image(text: str) -> Image:
    """Split ``registry:port/repository:tag@digest``. A colon before the last slash belongs to the registry, not to a tag.

    Source: https://github.com/distribution/reference/blob/main/reference.go
    """
    rest, _, digest = text.partition("@")
    slash = rest.rfind("/")
    colon = rest.find(":", slash + 1)
    tag = rest[colon + 1 :] if colon >= 0 else ""
    repository = rest[:colon] if colon >= 0 else rest
    return Image(text, repository.lower(), tag, digest)


def image_of(value: object) -> Image | Unknown | None:
    """A container's image: a reference, or a mapping ``{repository, tag}`` as NIM writes it. None where it is absent or empty."""
    if isinstance(value, dict):
        repository, tag = value.get("repository"), value.get("tag")
        if not isinstance(repository, str):
            return Unknown(str(value)[:60], "wrong type")
        value = f"{repository}:{tag}" if tag else repository
    text = text_of(value)
    if not isinstance(text, str):
        return text
    return parse_image(text) if text.strip() else None


@dataclass(frozen=True, slots=True)
class EnvVar:
    """One environment variable.

    Attributes:
        name: its name; may be empty.
        value: the literal value; None where it comes from elsewhere or is not set; unknown for a placeholder.
        sourced: it has ``valueFrom``.
        path: where the entry stands in the object.
    """

    name: str
    value: str | Unknown | None
    sourced: bool
    path: Path


@dataclass(frozen=True, slots=True)
class Port:
    """One declared port. Numbers are None where they are unknown or absent."""

    name: str
    number: int | None
    host_port: int | None
    protocol: str
    path: Path


@dataclass(frozen=True, slots=True)
class Mount:
    """One volumeMount. ``volume`` and ``mount_path`` are empty where they are unknown."""

    volume: str
    mount_path: str
    read_only: bool
    path: Path


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe with Kubernetes' defaults filled in.

    Attributes:
        initial_delay, period, timeout: seconds. Defaults 0, 10, 1.
        failures: failureThreshold, default 3.
        handler: ``httpGet``, ``tcpSocket``, ``exec``, ``grpc`` or empty.
        http_path: path of an HTTP probe, else empty.
        raw: the probe as written.

    Source: https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/#configure-probes
    """

    initial_delay: int | Unknown
    period: int | Unknown
    timeout: int | Unknown
    failures: int | Unknown
    handler: str
    http_path: str
    raw: Mapping[str, Any]

    @property
    def budget(self) -> int | None:
        """Seconds from the start of the container until the probe gives up for the first time; None where a number is unknown."""
        numbers = (self.initial_delay, self.period, self.failures)
        if any(isinstance(number, Unknown) for number in numbers):
            return None
        delay, period, failures = (int(number) for number in numbers)  # type: ignore[arg-type]
        return delay + period * failures

    @classmethod
    def read(cls, raw: object) -> Probe | Unknown | None:
        """A probe from its mapping; None where it is absent, null or empty."""
        if raw is None or raw == {}:
            return None
        if not isinstance(raw, dict):
            return Unknown(str(raw)[:40], "wrong type")
        handler = next((name for name in ("httpGet", "tcpSocket", "exec", "grpc") if isinstance(raw.get(name), dict)), "")
        http = raw.get("httpGet")
        http_path = http.get("path") if isinstance(http, dict) else None
        return cls(
            _number(raw.get("initialDelaySeconds"), 0),
            _number(raw.get("periodSeconds"), 10),
            _number(raw.get("timeoutSeconds"), 1),
            _number(raw.get("failureThreshold"), 3),
            handler,
            http_path if isinstance(http_path, str) else "",
            raw,
        )


def _number(value: object, default: int) -> int | Unknown:
    """A probe's number: 0 means the default everywhere but for the delay, where the default is 0 anyway."""
    number = integer(value, default)
    return default if number is None or number == 0 else number
