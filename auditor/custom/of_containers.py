"""What the fields of a container hold. `Unknown` may stand anywhere in them."""

from __future__ import annotations

from collections.abc import Callable

from auditor.custom.readers import NOT_KNOWN, amount
from auditor.document import Unknown
from auditor.quantity import Quantity
from auditor.workload import Container, EnvVar, Image, PodTemplate

__all__ = [
    "accelerators",
    "command",
    "container_role",
    "digest",
    "env",
    "env_value",
    "image",
    "limits",
    "mounts",
    "name",
    "ports",
    "raw",
    "registry",
    "repository",
    "requests",
    "security_context",
    "tag",
]


def name(container: Container) -> object:
    """Its name."""
    return container.name


def container_role(container: Container) -> object:
    """What it is in its pod."""
    return str(container.role)


def image(container: Container) -> object:
    """The image as written."""
    return _of_image(container, lambda one: one.text)


def repository(container: Container) -> object:
    """The image without tag and digest."""
    return _of_image(container, lambda one: one.repository)


def tag(container: Container) -> object:
    """The image's tag."""
    return _of_image(container, lambda one: one.tag)


def digest(container: Container) -> object:
    """The image's digest."""
    return _of_image(container, lambda one: one.digest)


def registry(container: Container) -> object:
    """The image's registry, by the rule that container runtimes use: https://github.com/distribution/reference/blob/main/normalize.go."""
    return _of_image(container, _registry)


def _registry(found: Image) -> str:
    first, slash, _ = found.repository.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else "docker.io"


def _of_image(container: Container, part: Callable[[Image], str]) -> object:
    found = container.image
    return part(found) if isinstance(found, Image) else "" if found is None else found


def command(container: Container) -> object:
    """Its words."""
    return list(container.command)


def env(container: Container) -> object:
    """Its environment variables."""
    return list(container.env)


def env_value(variable: EnvVar) -> object:
    """The literal value."""
    return "" if variable.value is None else variable.value


def ports(container: Container) -> object:
    """Its ports."""
    return list(container.ports)


def mounts(container: Container) -> object:
    """Its volume mounts."""
    return list(container.mounts)


def requests(container: Container) -> object:
    """What it requests."""
    return _amounts(container, "requests", container.request)


def limits(container: Container) -> object:
    """Its limits."""
    return _amounts(container, "limits", container.limit)


def _amounts(container: Container, section: str, asked: Callable[[str], Quantity | Unknown | None]) -> object:
    keys = list(container.resource_keys(section))
    probe = asked("cpu")
    if not keys and isinstance(probe, Unknown):
        return probe  # the section as a whole is not known
    found = {key: amount(asked(key)) for key in keys}
    return found | {one.key: amount(asked(one.key)) for one in container.accelerators if asked(one.key) is not None}


def accelerators(container: Container) -> object:
    """Devices by resource name."""
    return {one.key: NOT_KNOWN if one.count is None else one.count for one in container.accelerators}


def security_context(thing: Container | PodTemplate) -> object:
    """Its own security context."""
    return thing.security_context


def raw(container: Container) -> object:
    """The container as written."""
    return container.raw
