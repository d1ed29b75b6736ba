"""The layers of the program: a module imports what lies below it, and nothing else."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# From the bottom to the top. A module may import modules of its own layer's package and of layers below.
LAYERS = (
    ("auditor.errors", "auditor"),
    ("auditor.quantity", "auditor.processes", "auditor.lazy", "auditor.globs"),
    ("auditor.document", "auditor.accelerators", "auditor.listing", "auditor.usage"),
    ("auditor.provenance", "auditor.patch"),
    ("auditor.finding", "auditor.kinds", "auditor.source", "auditor.selectors"),
    ("auditor.workload",),
    ("auditor.live",),
    ("auditor.snapshot", "auditor.jobs", "auditor.credentials"),
    (
        "auditor.exposure",
        "auditor.rbac",
        "auditor.placement",
        "auditor.queues",
        "auditor.quotas",
        "auditor.teams",
        "auditor.scaling",
        "auditor.exporters",
        "auditor.stranding",
        "auditor.waste",
    ),
    ("auditor.rule", "auditor.redact", "auditor.comparison"),
    ("auditor.suppress", "auditor.baseline"),
    ("auditor.ignores",),
    ("auditor.config",),
    ("auditor.judge",),
    ("auditor.cost",),
    ("auditor.engine", "auditor.report"),
    ("auditor.incremental",),
    ("auditor.registry", "auditor.stored", "auditor.fix"),
    ("auditor.custom",),
    ("auditor.cli",),
)
RULES_MAY_IMPORT = (
    "auditor.rule",
    "auditor.workload",
    "auditor.snapshot",
    "auditor.document",
    "auditor.accelerators",
    "auditor.quantity",
    "auditor.finding",
    "auditor.suppress",
    "auditor.exposure",
    "auditor.jobs",
    "auditor.live",
    "auditor.selectors",
    "auditor.credentials",
    "auditor.rbac",
    "auditor.placement",
    "auditor.queues",
    "auditor.quotas",
    "auditor.teams",
    "auditor.usage",
    "auditor.scaling",
    "auditor.exporters",
    "auditor.stranding",
    "auditor.waste",
)
IMPORTED_ONCE = {
    "click": "auditor/cli",
    "tabulate": "auditor/cli",
    "kubernetes": "auditor/source/cluster/kubeconfig.py",
    "urllib3": "auditor/source/http.py",
    "orjson": "auditor/source/cluster/answers.py",
    "yaml": "auditor/source",
    "jinja2": "reports/html.py",
    "cel_expr_python": "auditor/custom/cel.py",
}
ALSO = {("yaml", "reports/yaml.py")}  # the renderer of that format


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imports(path: Path, *, typing_too: bool = True) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in hidden and not typing_too:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def layer_of(module: str) -> int:
    best = max((name for layer in LAYERS for name in layer if module == name or module.startswith(name + ".")), key=len, default="")
    return next(number for number, layer in enumerate(LAYERS) if best in layer)


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", modules("auditor"), ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_import_only_what_lies_below(path: Path) -> None:
    own = name_of(path)
    if own == "auditor.__main__":
        return
    for imported in imports(path, typing_too=False):
        if imported.startswith("auditor"):
            package = ".".join(imported.split(".")[:2])
            same = own.startswith(package) and package != "auditor"
            assert same or layer_of(imported) < layer_of(own), f"{own} imports {imported}"


@pytest.mark.parametrize("path", [path for path in modules("rules") if path.name != "__init__.py"], ids=lambda path: path.stem)
def test_rules_import_only_the_model(path: Path) -> None:
    for imported in imports(path):
        if imported.startswith(("auditor", "rules")):
            assert imported.startswith(RULES_MAY_IMPORT), f"{path.name} imports {imported}"
        else:
            assert imported.split(".")[0] in sys.stdlib_module_names, f"{path.name} imports {imported}"


@pytest.mark.parametrize("path", [path for path in modules("reports") if path.name != "__init__.py"], ids=lambda path: path.stem)
def test_formats_import_only_the_report_and_their_library(path: Path) -> None:
    for imported in imports(path):
        if imported.startswith("auditor"):
            assert imported == "auditor.report", f"{path.name} imports {imported}"


@pytest.mark.parametrize("library", IMPORTED_ONCE)
def test_libraries_are_imported_in_one_place(library: str) -> None:
    places = {
        str(path.relative_to(ROOT))
        for folder in ("auditor", "rules", "reports")
        for path in modules(folder)
        if any(name.split(".")[0] == library for name in imports(path))
    }
    assert {place for place in places if not place.startswith(IMPORTED_ONCE[library]) and (library, place) not in ALSO} == set()


def test_every_module_has_a_layer() -> None:
    known = {name for layer in LAYERS for name in layer}
    top = {".".join(name_of(path).split(".")[:2]) for path in modules("auditor")}
    assert top - known - {"auditor.__main__"} == set()
