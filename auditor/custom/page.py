"""The manual page of an own rule, in the shape of those of built-in ones."""

from __future__ import annotations

from auditor.custom.keys import Draft, Example

__all__ = ["page_of"]


def page_of(draft: Draft) -> str:
    """A page as Markdown, made of the rule's fields."""
    summary = draft.message or draft.title
    condition = "\n".join((*(f"variables.{name} = {' '.join(text.split())}" for name, text in draft.variables), draft.when.strip()))
    parts = [
        f"{summary[:1].upper()}{summary[1:].rstrip('.')}.",
        f"## Why it matters\n{draft.why or 'The rule does not say.'}",
        f"## Condition\nIn CEL; true is a fault.\n{_fenced(condition, 'cel')}",
        *([f"## Remediation\n{draft.remediation}"] if draft.remediation else []),
        _section("Bad", draft.bad),
        _section("Good", draft.good),
        f"## When to ignore\n{draft.ignore or 'The rule does not say.'}",
        "## References\n" + ("\n".join(f"- {link}" for link in draft.references) or "The rule names none."),
    ]
    return "\n\n".join(parts)


def _section(title: str, examples: tuple[Example, ...]) -> str:
    shown = "\n\n".join(_fenced(example.text.rstrip(), "yaml complete" if example.complete else "yaml") for example in examples)
    return f"## {title}\n{shown or 'The rule has no such example.'}"


def _fenced(text: str, word: str) -> str:
    """A fence longer than any in the text."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{word}\n{text}\n{fence}"
