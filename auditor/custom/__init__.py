"""Rules that users write, without code: YAML whose conditions are CEL expressions over the model that built-in rules judge.

A rule is data. Its expressions can read what the manual lists (`auditor.custom.fields`) and nothing else: no file, no network, no
environment, no clock; and what they may cost is bounded before they are evaluated (`auditor.custom.cost`).
"""

from __future__ import annotations

from auditor.custom.loading import load, load_own

__all__ = ["load", "load_own"]
