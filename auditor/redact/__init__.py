"""What leaves a cluster in a snapshot: no credentials, and on request no names.

`without_credentials` takes out what `secret-in-plain-text` reports, so that the rule reports the same of what is left. `Pseudonyms`
replaces the words that are not everybody's, so that every join and every judgement stays.
"""

from __future__ import annotations

from auditor.redact.measured import renamed_usage
from auditor.redact.pseudonyms import Pseudonyms
from auditor.redact.standins import without_credentials
from auditor.redact.words import words_of

__all__ = ["Pseudonyms", "renamed_usage", "without_credentials", "words_of"]
