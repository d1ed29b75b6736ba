"""What one request comes to, whoever carries it: an answer, or a fault that may pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["BROKE", "RETRIED", "TRIES", "Again", "Response", "Slow", "printable", "retry_after"]

RETRIED = frozenset({429, 500, 502, 503, 504})
BROKE = "the connection broke"
TRIES = 8


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, read to its end or to the limit. ``received`` counts the bytes that came over the network."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    received: int

    @property
    def kind(self) -> str:
        """The media type, for messages."""
        return printable(self.headers.get("Content-Type", "no content type").partition(";")[0])


class Again(Exception):
    """The request may succeed when it is made again.

    Attributes:
        fault: what is wrong.
        wait: the seconds that the server asks to wait; 0 where it does not say.
        status: what the server answers; 0 where it does not.
        tries: not more often than so, whatever the channel allows.
    """

    def __init__(self, fault: str, wait: float = 0, status: int = 0, tries: int = TRIES) -> None:
        super().__init__(fault)
        self.fault, self.wait, self.status, self.tries = fault, wait, status, tries


class Slow(Again):
    """There was no answer in time."""


def retry_after(headers: Mapping[str, str]) -> int:
    """The seconds that the server asks to wait. Nobody sends the date that HTTP also allows."""
    after = headers.get("Retry-After", "")
    return int(after) if after.isdecimal() and len(after) < 9 else 0


def printable(text: str) -> str:
    """Text of a server, as part of one line."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
