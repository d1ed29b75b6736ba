"""Several questions at once, and the amounts that answers hold."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from auditor.errors import MetricsError
from auditor.source.prometheus.answers import Sample
from auditor.source.prometheus.server import Server

__all__ = ["Answers", "Asker"]

_ZERO = Fraction(0)


@dataclass(slots=True)
class Answers:
    """What was said about one chunk, by question."""

    said: dict[str, list[Sample]] = field(default_factory=dict)
    failed: dict[str, MetricsError] = field(default_factory=dict)

    def rows(self, key: str, *labels: str) -> dict[tuple[str, ...], Fraction]:
        """Values by labels."""
        found: dict[tuple[str, ...], Fraction] = {}
        for sample in self.said.get(key, ()):
            name = tuple(sample.labels.get(label, "") for label in labels)
            found[name] = found.get(name, _ZERO) + _exact(sample.value)
        return found


class Asker:
    """Asks about chunks.

    Args:
        server: who is asked.

    Attributes:
        notes: what was not answered, of what the amounts do not depend on.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.notes: set[str] = set()

    def ask(self, questions: Mapping[str, str], end: datetime.datetime) -> Answers:
        """Ask several questions at once, a second after the end of the chunk."""
        at = end.timestamp() + 1
        found = Answers()
        for key, answer in self.server.query_many([(key, text, at) for key, text in questions.items()]):
            if isinstance(answer, MetricsError):
                found.failed[key] = answer
            else:
                found.said[key] = answer
        return found

    def noted(self, what: str, questions: Mapping[str, str], end: datetime.datetime) -> Answers:
        """Ask for what the amounts do not depend on: where there is no answer, it is said, and nothing else happens."""
        answers = self.ask(questions, end)
        self.notes |= {f"{what} are not known: {error}" for error in answers.failed.values()}
        return answers


def _exact(value: float) -> Fraction:
    """A number of a server as it writes it."""
    return Fraction(int(value)) if value == int(value) else Fraction(repr(value))
