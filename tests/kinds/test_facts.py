"""The table against the list of facts that it was made from, where that is at hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.kinds import Kind, find

SHARED = Path(__file__).parents[3] / "shared" / "KINDS.md"


def facts() -> Iterator[tuple[str, str, list[str]]]:
    """Group, kind and paths of each row of the first table."""
    for line in SHARED.read_text("utf-8").partition("## Pod templates")[2].partition("\n## ")[0].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        group, slash, kind = cells[0].partition("/")
        if len(cells) == 4 and slash and cells[0] != "group/kind":
            yield "" if group == "core" else group, kind, [path.lstrip(".") for path in re.findall(r"`\.([^`]*)`", cells[2] + cells[3])]


def covered(row: Kind) -> Iterator[str]:
    """The places that a row knows: pods, the containers of each, and where pod-level fields come from."""
    for template in row.templates:
        yield template.path
        yield from template.inherit.split("|")
        for pattern in (*template.containers, *template.sidecars, *template.init_containers):
            place = pattern[1:] if pattern.startswith("/") else ".".join(part for part in (template.path, pattern) if part)
            yield place
            yield place.removesuffix(".containers[]")


@pytest.mark.skipif(not SHARED.exists(), reason="the list of facts is not part of the repository")
def test_every_kind_and_path_of_the_facts_is_in_the_table() -> None:
    missing = []
    for group, kind, paths in facts():
        row = find(group, kind)
        if row is None:
            missing.append(f"{group}/{kind}")
            continue
        known = set(covered(row))
        for path in paths:
            path = re.sub(r"\s*\(.*\)$", "", path)
            head, brace, rest = path.partition("{")
            names = rest.rstrip("}").split(",") if brace else [""]
            for one in (f"{head}{name}" for name in names if not re.search("[…/]", head + name)):  # the rest is prose
                if one not in known and not any(one.startswith(embedded.path) for embedded in row.embeds):
                    missing.append(f"{group}/{kind} {one}")
    assert missing == []
