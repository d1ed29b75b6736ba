"""Errors, one class per stage. Each says what went wrong in one line and what the user can do about it."""

from __future__ import annotations

__all__ = ["AuditError", "ConfigError", "MetricsError", "PricesError", "QuantityError", "SourceError", "UsageError"]


class AuditError(Exception):
    """Something that stops the run. The command line prints it as one line and exits with ``exit_code``.

    Args:
        message: what went wrong, naming the file or the option.
        remedy: what to do about it; empty when the message says it already.
    """

    exit_code = 3

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}; {self.remedy}" if self.remedy else self.message


class UsageError(AuditError):
    """An option or argument that cannot be meant: a path that does not exist, a rule nobody knows."""

    exit_code = 2


class ConfigError(AuditError):
    """A setting with an unknown name or a wrong type."""

    exit_code = 2


class PricesError(AuditError):
    """A file of prices that cannot be read, or that says what cannot be meant."""

    exit_code = 2


class SourceError(AuditError):
    """Input that cannot be read."""


class MetricsError(AuditError):
    """Metrics that cannot be read, wholly or in part: what they would have told is unknown, and everything else still stands."""


class QuantityError(ValueError):
    """A text that Kubernetes does not accept as a quantity."""
