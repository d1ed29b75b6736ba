"""Options of commands that ask a Prometheus."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from auditor.cli import options
from auditor.errors import UsageError
from auditor.source.prometheus import Server, access

__all__ = ["metrics_options", "server"]

_FILE = click.Path(dir_okay=False, path_type=Path)

metrics_options = options.stack(
    click.option("--prometheus", metavar="URL", envvar="PROMETHEUS_URL", help="Prometheus, Thanos or Mimir; by default $PROMETHEUS_URL."),
    click.option("--prometheus-ca", type=_FILE, metavar="FILE", help="Trust the authorities of this file, and no others."),
    click.option("--prometheus-cert", type=_FILE, metavar="FILE", help="The client's certificate, where the server wants one."),
    click.option("--prometheus-key", type=_FILE, metavar="FILE", help="Its key, if it is not in the same file."),
    click.option("--prometheus-headers", type=_FILE, metavar="FILE", help="Send these headers along: lines like `X-Scope-OrgID: team-a`."),
    click.option("--prometheus-insecure", is_flag=True, help="Believe any certificate."),
    click.option("--prometheus-timeout", default="30m", show_default=True, metavar="TIME", help="For all queries together: 90s or 30m."),
)


def server(given: dict[str, Any]) -> Server | None:
    """The server that the options stand for; None where none is named.

    Raises:
        UsageError: something of it cannot be meant.
    """
    files = {name: given[f"prometheus_{name}"] for name in ("ca", "cert", "key", "headers")}
    if not given["prometheus"]:
        if extra := [name for name, file in files.items() if file]:
            raise UsageError(f"--prometheus-{extra[0]} needs --prometheus", "name the server, or set PROMETHEUS_URL")
        return None
    where = access(
        given["prometheus"],
        os.environ,
        headers_file=files["headers"],
        ca_file=files["ca"],
        cert_file=files["cert"],
        key_file=files["key"],
        insecure=given["prometheus_insecure"],
        timeout=options.seconds(given, "prometheus-timeout"),
    )
    return Server(where)
