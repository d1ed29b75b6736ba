"""One container of a pod template, as rules see it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Unpack

from auditor.document import Path, Unknown, mapping, parse_path, sequence
from auditor.finding import Fault, FaultDetails
from auditor.kinds import PLAIN, Spelling, image_text, value_at
from auditor.lazy import lazy
from auditor.workload.flags import Command, Flags, commands_of, flag_in, flags_of, is_shell, spelled, split_script
from auditor.workload.parallelism import Parallelism, parallelism_of
from auditor.workload.resources import AcceleratorRequest, Requests
from auditor.workload.values import EnvVar, Image, Mount, Port, Probe, image_of, integer, text_of

if TYPE_CHECKING:
    from auditor.workload.template import PodTemplate

__all__ = ["AcceleratorRequest", "Container", "ContainerRole"]


class ContainerRole(StrEnum):
    """What a container is in its pod."""

    MAIN = "main"
    INIT = "init"
    SIDECAR = "sidecar"
    HELPER = "helper"
    EPHEMERAL = "ephemeral"


# Containers that infrastructure adds beside the ones that do the work, by name or by the last part of the image.
_HELPERS = re.compile(
    r"istio-proxy|istio-init|linkerd-proxy|queue-proxy|agent|storage-initializer|modelcar(-init)?|cloud-sql-proxy|cloudsql-proxy|vault-agent"
    r"|fluent-?bit|fluentd|gke-gcsfuse-sidecar|gcs-fuse-csi-driver-sidecar-mounter|autoscaler|oauth2?-proxy|kube-rbac-proxy|envoy|datadog-agent"
)


class Container(Requests):
    """A container, read on demand from its mapping. Never raises for what a manifest may hold.

    Attributes:
        raw: the mapping as written.
        path: where it stands in the object.
        template: the pod it belongs to.
        role: what it is in its pod.
    """

    def __init__(
        self,
        raw: Mapping[str, Any],
        path: Path,
        template: PodTemplate,
        role: ContainerRole,
        name: str = "",
        spelling: Spelling = PLAIN,
        origins: Mapping[str, Path] | None = None,
    ) -> None:
        self.raw = raw
        self._spelling = spelling
        self._origins = origins or {}
        self.path = path
        self.template = template
        own = raw.get("name")
        self.name = own if isinstance(own, str) and own else name
        self.role = role

    def __repr__(self) -> str:
        return f"<Container {self.name} of {self.template.workload.ref}>"

    @property
    def is_main(self) -> bool:
        """Neither an init container nor a helper that infrastructure adds."""
        return self.role is ContainerRole.MAIN

    @lazy
    def image(self) -> Image | Unknown | None:
        """The image; None where the manifest names none (an operator supplies it, or it is missing)."""
        if self._spelling.image != PLAIN.image:
            text = image_text(self.raw, self._spelling)
            if text is not None:
                return image_of(text)
        return image_of(self.raw.get("image"))

    def at(self, *steps: str | int) -> Path:
        """The path of a field of this container, for faults: where the field stands, also when an operator keeps it elsewhere."""
        if self._origins and steps:
            return (*self._origins.get(str(steps[0]), self.path), *steps)
        return (*self.path, *steps)

    def place_of(self, section: str) -> Path:
        """Where an amount of ``requests`` or ``limits`` would be written: the deepest of the fields that is there."""
        key = self.resources_key
        written = self.raw.get(key)
        if not written:
            return self.path
        return self.at(key, section) if mapping(mapping(written).get(section)) else self.at(key)

    def amounts(self, section: str) -> Path:
        """Where ``requests`` or ``limits`` are or would be: what a missing amount is a fault of, whatever of it is there."""
        return self.at(self.resources_key, section)

    # -- what it runs -------------------------------------------------------------------------------------------------------------------

    @lazy
    def command(self) -> tuple[str, ...]:
        """``command`` followed by ``args``, and an Argo script's ``source``. Numbers are taken as text."""
        words: list[str] = []
        for field in ("command", "args"):
            value = self.raw.get(field)
            words += [value] if isinstance(value, str) else [str(word) for word in sequence(value) if isinstance(word, str | int | float)]
        source = self.raw.get("source")
        return (*words, source) if isinstance(source, str) else tuple(words)

    @lazy
    def command_line(self) -> str:
        """`command` in one string."""
        return " ".join(self.command)

    @lazy
    def commands(self) -> tuple[Command, ...]:
        """The programs of `command` with their words: one entry, or the simple commands of a script that it hands to a shell."""
        source = self.raw.get("source")
        if not isinstance(source, str):
            return tuple(commands_of(self.command))
        shell = next((is_shell(word) for word in self.command[:1]), False)
        return tuple(split_script(source)) if shell else ()

    @lazy
    def _flags(self) -> Flags:
        return flags_of(word for command in self.commands for word in command)

    def flag(self, *names: str) -> str | Unknown | None:
        """The value of a command-line flag, whichever of its names is used; the last one given wins.

        Args:
            names: with their dashes: ``--tensor-parallel-size``, ``-tp``. ``-`` and ``_`` inside a name are the same.

        Returns:
            None where the flag is not given, ``""`` where it has no value, and an unknown for a placeholder.
        """
        return flag_in(self._flags, *names)

    def word_path(self, *words: str) -> Path:
        """Where one of some words of the command line stands, such as a flag; ``-`` and ``_`` inside a word are the same.

        Returns:
            The last entry of ``args`` or ``command`` that mentions one of them; the container where none does.
        """
        wanted = re.compile("|".join(rf"(?<![\w-]){re.escape(spelled(word))}(?![\w-])" for word in words))
        for field in ("source", "args", "command"):
            value = self.raw.get(field)
            if isinstance(value, str) and wanted.search(spelled(value)):
                return self.at(field)
            for index, entry in reversed(list(enumerate(sequence(value)))):
                if isinstance(entry, str) and wanted.search(spelled(entry)):
                    return self.at(field, index)
        return self.path

    @lazy
    def parallelism(self) -> tuple[Parallelism, ...]:
        """What each of its `commands` says about the number of devices it uses, where that is known."""
        return parallelism_of(self)

    @lazy
    def env(self) -> tuple[EnvVar, ...]:
        """Environment variables in order. ``$(NAME)`` is expanded by Kubernetes and is an unknown here."""
        found = []
        field = self._spelling.env
        for index, entry in enumerate(sequence(self._env)):
            if not isinstance(entry, dict):
                continue
            name, value = entry.get("name"), entry.get("value")
            if isinstance(value, bool):
                value = str(value).lower()
            literal = text_of(str(value) if isinstance(value, int | float) else value)
            found.append(
                EnvVar(
                    name if isinstance(name, str) else "",
                    literal,
                    "valueFrom" in entry,
                    self.at(field, index),
                )
            )
        return tuple(found)

    @property
    def _env(self) -> object:
        value = self.raw.get("env")
        return value_at(self.raw, self._spelling.env) if value is None and self._spelling is not PLAIN else value

    def env_value(self, name: str) -> str | Unknown | None:
        """The literal value of an environment variable; unknown where it is set from elsewhere; None where it is not set."""
        for variable in reversed(self.env):
            if variable.name == name:
                return Unknown(name, "valueFrom") if variable.sourced else variable.value
        return None

    def env_path(self, name: str) -> Path:
        """The place of an environment variable; where it is not set, the list that it belongs in."""
        return next((variable.path for variable in self.env if variable.name == name), self.at("env"))

    @lazy
    def ports(self) -> tuple[Port, ...]:
        """Declared ports."""
        found = []
        for index, entry in enumerate(sequence(self.raw.get("ports"))):
            if not isinstance(entry, dict):
                continue
            number, host = integer(entry.get("containerPort")), integer(entry.get("hostPort"))
            name, protocol = entry.get("name"), entry.get("protocol")
            found.append(
                Port(
                    name if isinstance(name, str) else "",
                    number if isinstance(number, int) else None,
                    host if isinstance(host, int) else None,
                    protocol if isinstance(protocol, str) else "TCP",
                    self.at("ports", index),
                )
            )
        return tuple(found)

    @lazy
    def mounts(self) -> tuple[Mount, ...]:
        """Volume mounts."""
        found = []
        for index, entry in enumerate(sequence(self.raw.get("volumeMounts"))):
            if not isinstance(entry, dict):
                continue
            volume, where = text_of(entry.get("name")), text_of(entry.get("mountPath"))
            found.append(
                Mount(
                    volume if isinstance(volume, str) else "",
                    where if isinstance(where, str) else "",
                    entry.get("readOnly") is True,
                    self.at("volumeMounts", index),
                )
            )
        return tuple(found)

    def probe(self, name: str) -> Probe | Unknown | None:
        """``readinessProbe``, ``livenessProbe`` or ``startupProbe`` as written; what an operator injects is in `PodTemplate.injects`."""
        return Probe.read(self.raw.get(name))

    @property
    def security_context(self) -> Mapping[str, Any]:
        """The container's own security context; empty where it has none."""
        return mapping(self.raw.get("securityContext"))

    # -- what rules yield ---------------------------------------------------------------------------------------------------------------

    def fault(self, message: str, *, at: str | Path = "", **details: Unpack[FaultDetails]) -> Fault:
        """Something wrong at a field of this container.

        Args:
            message: the value found and why it is wrong.
            at: the field, relative to the container (``resources.limits``), or a whole path.
            details: the remedy, and where severity, confidence or profiles differ from the rule's.
        """
        path = at if isinstance(at, tuple) else self.at(*parse_path(at))
        return Fault(self.template.workload.document, path, message, **details)


def is_helper(name: str, image: Image | Unknown | None) -> bool:
    """Whether a container is one that a mesh, an operator or an agent adds beside the work."""
    return _HELPERS.fullmatch(name) is not None or (
        isinstance(image, Image) and image.name != "agent" and _HELPERS.fullmatch(image.name) is not None
    )
