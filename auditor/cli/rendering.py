"""Options of what is rendered before it is judged, and what they mean."""

from __future__ import annotations

from typing import Any

import click

from auditor.cli.options import seconds, stack
from auditor.config import Settings
from auditor.errors import UsageError
from auditor.source.rendering import SECONDS, Rendering

__all__ = ["render_options", "rendering"]

render_options = stack(
    click.option(
        "--render",
        is_flag=True,
        help="Render kustomizations and Helm charts with your own kustomize or kubectl, and helm; judge what comes out.",
    ),
    click.option("--kustomize", "kustomize", multiple=True, metavar="DIR", help="Render this kustomization and judge it; repeatable."),
    click.option("--helm-values", multiple=True, metavar="FILE", help="Values for the charts of --render; repeatable, the last one wins."),
    click.option("--render-timeout", default=f"{SECONDS:.0f}s", show_default=True, metavar="TIME", help="For one kustomization or chart."),
    click.option("--render-remote", is_flag=True, help="Let kustomize fetch bases from elsewhere. Without it, nothing is fetched."),
)


def rendering(given: dict[str, Any], settings: Settings) -> Rendering | None:
    """What is to be rendered; None where nothing is.

    Raises:
        UsageError: an option about rendering is given and nothing is to be rendered, or one that compares with git.
    """
    if not given["render"] and not given["kustomize"]:
        for option, name in (("helm_values", "--helm-values"), ("render_remote", "--render-remote")):
            if given[option]:
                raise UsageError(f"{name} says something about rendering", "add --render")
        return None
    for option in ("base", "diff"):
        if given.get(option):
            raise UsageError(
                f"--{option} compares files as git holds them, not what they render to", f"leave out --{option}, or compare with --baseline"
            )
    return Rendering(
        found=given["render"],
        folders=given["kustomize"],
        values=given["helm_values"],
        seconds=seconds(given, "render-timeout"),
        online=given["render_remote"],
        kubernetes_version=settings.kubernetes_version,
        jobs=settings.jobs,
    )
