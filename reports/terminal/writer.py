"""Text for a terminal: its width, its colours, and what it must not be told."""

from __future__ import annotations

import textwrap

from auditor.report import View, printable

__all__ = ["Writer"]


class Writer:
    """Writes for one view."""

    def __init__(self, view: View) -> None:
        self.view = view

    def paint(self, text: str, code: str) -> str:
        """Text in a colour, where the terminal shows colours."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.view.colour else text

    def wrapped(self, text: str, indent: int, first: str | None = None, room: int = 0) -> list[str]:
        """Text in the width of the terminal. Long words (paths, images) are kept whole, so that they can be copied.

        Args:
            text: what to write.
            indent: columns that stay free on the left.
            first: what the first line begins with instead.
            room: columns that stay free on the right.
        """
        return textwrap.wrap(
            printable(text),
            self.view.width - room,
            initial_indent=" " * indent if first is None else first,
            subsequent_indent=" " * indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
