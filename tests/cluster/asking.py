"""`mlaudit cluster` as a process would run it, and what must hold however it ends."""

from __future__ import annotations

import contextlib
import io
import json
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditor.cli import main

RULE = "image-tag-floating"
MANY = 45  # Deployments at fault, on three pages of twenty


@dataclass(frozen=True)
class Answer:
    """How it ended.

    Attributes:
        code: the exit code.
        error: the one line on standard error, without ``mlaudit: ``; empty where there is a report.
        report: the report; empty where there is none.
        seconds: how long it took.
    """

    code: int
    error: str
    report: dict[str, Any]
    seconds: float

    @property
    def not_listed(self) -> dict[str, str]:
        """Reasons by resource."""
        return {entry["resource"]: entry["reason"] for entry in self.report["cluster"]["not_listed"]}


def ask(config: Path | str | None, *arguments: str, namespace: str = "") -> Answer:
    """Run it, and see that the end is one of those it may have: one line and no report, or a report that says what it lacks.

    Args:
        config: the kubeconfig, or None to leave it to the environment.
        arguments: options of the command.
        namespace: where there are `MANY` Deployments at fault, none of which a report may leave out in silence.
    """
    before = set(threading.enumerate())
    out, err = io.StringIO(), io.StringIO()
    given = () if config is None else ("--kubeconfig", str(config))
    began = time.monotonic()
    code: Any = None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(["cluster", "-f", "json", "--rule", RULE, "--fail-on", "low", *given, *arguments])
        except SystemExit as stop:
            code = stop.code
    seconds = time.monotonic() - began
    assert not {thread for thread in threading.enumerate() if thread not in before and thread.is_alive() and _ours(thread)}
    lines = err.getvalue().splitlines()
    assert len(lines) <= 1, lines
    assert "Traceback" not in err.getvalue()
    error = lines[0].removeprefix("mlaudit: ") if lines else ""
    if error:
        assert (out.getvalue(), code) in (("", 2), ("", 3)), (out.getvalue()[:500], code)
        return Answer(code, error, {}, seconds)
    answer = Answer(code, "", json.loads(out.getvalue()), seconds)
    assert answer.report["failures"] == []
    incomplete = bool(answer.not_listed) and "--allow-partial" not in arguments
    assert code == (3 if incomplete else 1 if answer.report["findings"] else 0)
    if namespace:
        missing = "deployments.apps" in answer.not_listed
        assert named(answer, namespace) == (set() if missing else {f"llm-{number:02}" for number in range(MANY)})
    return answer


def named(answer: Answer, namespace: str) -> set[str]:
    """The Deployments of a namespace that findings name. Where those may not be listed, their ReplicaSets are named instead."""
    objects = [finding["object"] for finding in answer.report["findings"]]
    return {one["name"] for one in objects if (one["kind"], one["namespace"]) == ("Deployment", namespace)}


def _ours(thread: threading.Thread) -> bool:
    """Those of the proxy end by themselves."""
    return "process_request" not in thread.name
