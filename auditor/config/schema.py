"""The JSON schema of ``mlaudit.yaml``, for editors; made from the table of keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auditor.config.keys import KEYS
from auditor.config.rules import PLAIN, setting
from auditor.rule import Rule

__all__ = ["schema"]


def schema(rules: Mapping[str, Rule]) -> dict[str, Any]:
    """The schema, with the names and options of all rules there are."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",  # what editors know best
        "title": "mlaudit.yaml",
        "description": "What mlaudit is asked to do in this repository. Options of the command line go before it.",
        "type": "object",
        "properties": {key.name: {"description": key.meaning, **key.shape.schema(rules)} for key in KEYS},
        "additionalProperties": False,
        "definitions": {"rule": {"anyOf": [PLAIN, setting({})]}},
    }
