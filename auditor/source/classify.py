"""What a text is, when it is not a Kubernetes object: recognised by its name and its top-level keys, counted, never judged."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from auditor.document import is_placeholder, mapping, sequence

__all__ = [
    "CHART",
    "CUSTOM_RESOURCE_DEFINITION",
    "EMPTY",
    "EMPTY_LIST",
    "FRAGMENT",
    "JSON_LINES",
    "KUSTOMIZATION",
    "KUSTOMIZED",
    "NO_OBJECT",
    "PATCH",
    "RENDERED",
    "TEMPLATE",
    "TEMPLATED",
    "TEXT_IN_OBJECT",
    "has_braces",
    "is_definition",
    "is_kustomization_file",
    "is_template",
    "reason_broken",
    "reason_for",
    "set_aside",
]

TEMPLATE = "Helm or Jinja template"
CUSTOM_RESOURCE_DEFINITION = "CustomResourceDefinition"
KUSTOMIZATION, KUSTOMIZED = "kustomization (not rendered)", "kustomization (rendered)"
CHART, TEMPLATED = "Helm chart (not rendered)", "Helm chart (rendered)"
RENDERED = "judged as rendered"
PATCH = "kustomize patch"
NO_OBJECT = "no apiVersion and kind"
EMPTY = "empty file"
TEXT_IN_OBJECT = "manifest as text inside an object, to be filled in"
EMPTY_LIST = "empty list"
FRAGMENT = "fragment in Markdown"
JSON_LINES = "JSON lines without manifests"
_TRANSFORMER = "kustomize transformer"
_CI = "CI configuration"
_SCHEMA = "JSON or OpenAPI schema"
_CONFIGURATION = "configuration of mlaudit"
_CONFIGURATION_NAME = "mlaudit.yaml"

_DEFINITION = re.compile(r"^kind:[ \t]*[\"']?CustomResourceDefinition\b", re.MULTILINE)
_TOP_LEVEL_KEY = re.compile(r"^[\"']?([A-Za-z_$][\w.$/-]*)[\"']?[ \t]*:(?:\s|$)", re.MULTILINE)
_JSON_KEY = re.compile(r"\s*\{\s*\"([\w$-]+)\"")
_LEADING_COMMENTS = re.compile(r"(?:\s*(?:#[^\n]*)?(?:\n|$)|---[ \t]*(?=#|\n))*")
_KUSTOMIZATION_FILES = frozenset({"kustomization.yaml", "kustomization.yml", "Kustomization"})

_VALUES_NAME = re.compile(r"(?:values.*|.*values|.*[-_.]values[-_.].*)\.(?:yaml|yml|json)", re.DOTALL)
_PATCH_NAME = re.compile(r"(?:^|[/\\_.-])patch(?:es)?[/\\_.-]", re.IGNORECASE)
_CI_NAMES = frozenset(
    {
        *(".travis.yml", ".pre-commit-config.yaml", ".pre-commit-hooks.yaml", "appveyor.yml", "buildspec.yml", "cloudbuild.yaml"),
        "cloudbuild.yml",
        *(".golangci.yml", ".golangci.yaml", "codecov.yml", ".codecov.yml", "dependabot.yml", ".readthedocs.yaml", ".readthedocs.yml"),
        *(".goreleaser.yaml", ".goreleaser.yml", "bitbucket-pipelines.yml", "mkdocs.yml", ".yamllint", ".yamllint.yaml", ".yamllint.yml"),
        *("renovate.json", ".drone.yml", "circle.yml", ".woodpecker.yml"),
    }
)
_CI_PREFIXES = (".gitlab-ci", "azure-pipelines")
_CI_FOLDERS = frozenset({".github", ".gitlab", ".circleci", ".buildkite", ".woodpecker"})
_CHART_NAMES = frozenset({"Chart.lock", "requirements.lock"})

# Keys at the top that together say what a file is.
_BY_KEYS: tuple[tuple[frozenset[str], str], ...] = tuple(
    (frozenset(keys.split()), reason)
    for keys, reason in (
        ("on jobs", _CI),
        ("runs inputs", _CI),
        ("stages script", _CI),
        ("presubmits", _CI),
        ("postsubmits", _CI),
        ("periodics", _CI),
        ("$schema", _SCHEMA),
        ("$id", _SCHEMA),
        ("$defs", _SCHEMA),
        ("openapi", _SCHEMA),
        ("swagger", _SCHEMA),
        ("suite tests", "Helm unit test"),
        ("templates tests", "Helm unit test"),
        ("services version", "Compose file"),
        ("services networks", "Compose file"),
        ("services volumes", "Compose file"),
        ("nameReference", "kustomize configuration"),
        ("varReference", "kustomize configuration"),
        ("channels dependencies", "Conda environment"),
    )
)
_JSON_PATCH = re.compile(r"-[ \t]+[\"']?(?:op|path|value|from)[\"']?[ \t]*:|\[\s*\{\s*\"(?:op|path|value|from)\"")
_REPLACEMENTS = re.compile(r"-[ \t]+source:")
_PROMETHEUS_RULE = re.compile(r"^[ \t]*(?:-[ \t]+)?(?:alert|record):", re.MULTILINE)
_JSON_COMMENT = re.compile(r"^[ \t]*(?://|/\*)|,[ \t]*//", re.MULTILINE)

_BRACES = re.compile(r"\{\{|\{%")
_BLOCK_HEADER = re.compile(r"(?:[:-]|^)[ \t]+[|>][-+0-9]{0,2}[ \t]*(?:#.*)?$")


def is_kustomization_file(file: str) -> bool:
    """Whether the name alone makes a file a kustomization; it may leave out apiVersion and kind.

    Source: https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/
    """
    return file.endswith(("ization.yaml", "ization.yml", "ization")) and PurePosixPath(file).name in _KUSTOMIZATION_FILES


def is_definition(text: str) -> bool:
    """Whether a document defines a custom resource. Its schema holds keys such as ``containers`` that mean nothing."""
    return "CustomResourceDefinition" in text and _DEFINITION.search(text) is not None


def set_aside(file: str, value: Mapping[str, Any], version: str, kind: str) -> str:
    """Why something with apiVersion and kind is not an object to judge; empty if it is one."""
    if version == "builtin":
        return _TRANSFORMER
    if kind == "CustomResourceDefinition":
        return CUSTOM_RESOURCE_DEFINITION
    if _unfilled(version, kind):
        return TEMPLATE
    if "$patch" in value or (_named_as_patch(file) and _incomplete(value, version)):
        return PATCH
    return ""


@lru_cache(maxsize=1024)
def _unfilled(version: str, kind: str) -> bool:
    return is_placeholder(version) or is_placeholder(kind)


@lru_cache(maxsize=64)
def _named_as_patch(file: str) -> bool:
    return _PATCH_NAME.search(file) is not None


def _incomplete(value: Mapping[str, Any], version: str) -> bool:
    """Whether an object lacks what the API server always demands: the selector of a workload, or the image of a container.

    Only asked of files and folders called patch: overlays also patch from places where no kustomization in view names the file, and
    manifests without a selector that are no patches do exist (kustomize adds it with the labels).
    """
    spec = mapping(value.get("spec"))
    template = mapping(spec.get("template"))
    if version.startswith("apps/") and template and "selector" not in spec:
        return True
    containers = sequence(mapping(template.get("spec") or spec).get("containers"))
    return any(isinstance(container, dict) and "image" not in container for container in containers)


def is_template(text: str) -> bool:
    """Whether a text that is not YAML is so because a template engine has yet to fill it in: it has double braces or ``{%`` outside of
    strings and blocks of text, where Argo and Prometheus write them."""
    if "{{" not in text and "{%" not in text:
        return False
    return any(_bare(line, match.start()) for line in _outside_blocks(text) for match in _BRACES.finditer(line))


def has_braces(text: str) -> bool:
    """Whether a template engine may have yet to fill a text in, even though it is YAML: it has double braces or ``{%`` outside of blocks
    of text, in strings and comments too."""
    return ("{{" in text or "{%" in text) and any(_BRACES.search(line) for line in _outside_blocks(text))


def _outside_blocks(text: str) -> Iterator[str]:
    """The lines that are no part of a block scalar, as far as indentation tells."""
    block = -1  # how deep the line stands that opened it
    for line in text.split("\n"):
        content = line.lstrip(" ")
        indent = len(line) - len(content)
        if not content or indent > block >= 0:
            continue
        block = indent if _BLOCK_HEADER.search(line) else -1
        yield line


def _bare(line: str, at: int) -> bool:
    """Whether the braces at a place stand outside of quotes, or hold the quotes that they stand in."""
    before = line[:at]
    if before.endswith("$"):  # an expression of GitHub or Azure
        return False
    for quote in ('"', "'"):
        if before.count(quote) % 2:
            end = line.find("}}", at)
            return quote in line[at : end if end >= 0 else len(line)]
    return True


def reason_broken(file: str, text: str) -> str:
    """Why a text that is not YAML is nothing to judge; empty where it should have been YAML."""
    path = PurePosixPath(file)
    if path.name == _CONFIGURATION_NAME:
        return _CONFIGURATION
    if _is_ci(path):
        return _CI
    if is_template(text):
        return TEMPLATE
    if path.suffix == ".json" and "apiVersion" not in text and _JSON_COMMENT.search(text):
        return "JSON with comments"
    return ""


def _is_ci(path: PurePosixPath) -> bool:
    return path.name in _CI_NAMES or path.name.startswith(_CI_PREFIXES) or not _CI_FOLDERS.isdisjoint(path.parts)


def reason_for(file: str, text: str) -> str:
    """Why a well-formed text holds no Kubernetes object."""
    path = PurePosixPath(file)
    name = path.name
    if is_kustomization_file(file):
        return KUSTOMIZATION
    if name == "Chart.yaml":
        return CHART
    if name == _CONFIGURATION_NAME:
        return _CONFIGURATION
    if name in _CHART_NAMES:
        return "Helm chart metadata"
    if name.endswith(".schema.json"):
        return _SCHEMA
    if _VALUES_NAME.fullmatch(name):
        return "Helm values file"
    if _is_ci(path):
        return _CI
    keys = set(_TOP_LEVEL_KEY.findall(text))
    if not keys and (match := _JSON_KEY.match(text)):
        keys = {match[1]}
    for wanted, reason in _BY_KEYS:
        if wanted <= keys:
            return reason
    return _reason_by_content(name, keys, text)


def _reason_by_content(name: str, keys: set[str], text: str) -> str:
    if "services" in keys and "compose" in name:
        return "Compose file"
    start = _LEADING_COMMENTS.match(text).end()  # type: ignore[union-attr]
    if _JSON_PATCH.match(text, start):
        return PATCH
    if _REPLACEMENTS.match(text, start) and "targets:" in text:
        return "kustomize configuration"
    if "groups" in keys and _PROMETHEUS_RULE.search(text):
        return "Prometheus rules"
    if '"panels"' in text and '"schemaVersion"' in text:
        return "Grafana dashboard"
    return TEMPLATE if is_template(text) else NO_OBJECT
