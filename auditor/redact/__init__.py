"""What leaves a cluster in a snapshot: no credentials, and on request no names.

`without_credentials` takes out what `secret-in-plain-text` reports, so that the rule reports the same of what is left.
"""

from __future__ import annotations

from auditor.redact.standins import without_credentials

__all__ = ["without_credentials"]
