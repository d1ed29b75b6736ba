"""What formats for machines share: how files are written, which findings come first, and elements of XML."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePath
from typing import TYPE_CHECKING

from auditor.report import Finding, Report, Unread, printable

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["Numbered", "document", "path_of", "sentences", "unsaid", "worst"]

_VERB = re.compile(r"^[a-z](?=[a-z]* )")  # of a word that is no name


def path_of(file: str) -> str:
    """A path with slashes, and without a dot at its beginning."""
    return posixpath.normpath(PurePath(file).as_posix()) if file else "unknown"


def sentences(message: str, remedy: str) -> str:
    """What is wrong, and what to do about it, for formats that have one text for both."""
    return printable(f"{message}. {_VERB.sub(lambda match: match[0].upper(), remedy)}" if remedy else message)


def worst(findings: Iterable[Finding]) -> list[Finding]:
    """The most severe first, then the most certain."""
    return sorted(findings, key=lambda finding: (-finding.severity, -finding.confidence))


def unsaid(report: Report) -> list[Unread]:
    """Input that could not be read and of which no finding speaks, as that of a rule about broken syntax does."""
    said = {finding.file for finding in report.findings if finding.object is None}
    return [entry for entry in report.unread if entry.file not in said]


class Numbered:
    """Makes texts unique: the second of the same gets a number."""

    def __init__(self) -> None:
        self.met: Counter[str] = Counter()

    def __call__(self, text: str, form: str = "{} ({})") -> str:
        self.met[text] += 1
        number = self.met[text]
        return text if number == 1 else self(form.format(text, number), form)


def document(root: Element) -> str:
    """An XML document, indented. Texts must be printable: XML 1.0 has no way to write other characters."""
    from xml.etree import ElementTree

    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'
