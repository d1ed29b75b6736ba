"""Where the fault behind a syntax error most likely lies, and what to write there instead.

A parser complains where it cannot go on, which may be some lines below the fault. So the small repairs that a person would try are tried
near that place; the one that lets the parser get furthest names the culprit. Nothing is guessed: without such a repair there is no suspect.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from auditor.source.builder import BrokenYaml, build

__all__ = ["Suspect", "suspect"]


@dataclass(frozen=True, slots=True)
class Suspect:
    """The line that most likely holds the fault, from 0, and what to do about it."""

    line: int
    remedy: str


@dataclass(frozen=True, slots=True)
class _Repair:
    """Lines ``line`` and following, put in the place of as many; what that means in words; and where the fault is, if elsewhere."""

    line: int
    lines: list[str]
    remedy: str


_AROUND = 4  # lines with content, from the parser's upwards
_ABOVE = 40  # lines above the parser's, or above where it began, that may have opened a quote or set an indentation
_ODD_SHIFT = 3  # blanks by which a whole line may stand wrong
_BELOW = 200  # lines that are parsed again after the parser's
_MAX_TEXT = 1_000_000  # characters; each trial parses the document again
_MAX_TRIED = 5_000_000  # characters that all trials together may parse
_MAX_LINE = 2_000  # characters; a longer line is nothing to repair or to repeat

_KEY = r"[A-Za-z_][\w./-]*"
_CONFLICT = re.compile(r"^(?:<{7} |={7}$|>{7} )", re.MULTILINE)
_DASHES = r"[ \t]*(?:-[ \t]+)*"
_REST = r"(?:\s+#.*|\s*)"
_NO_COLON = re.compile(rf"^({_DASHES})({_KEY})[ \t]+(\S.*?){_REST}$")
_BARE_KEY = re.compile(rf"^({_DASHES})({_KEY}){_REST}$")
_TIGHT_COLON = re.compile(rf"^({_DASHES})({_KEY}):(?!//)([^\s:].*?){_REST}$")
_TIGHT_DASH = re.compile(r"^([ \t]*)-(\S.*?)\s*$")
_VALUE = re.compile(rf"^({_DASHES}(?:(?:{_KEY}|\"[^\"]*\"|'[^']*'):[ \t]+)?)(\S.*?)([ \t]+#.*|[ \t]*)$")
_COLON_INSIDE = re.compile(r"\S:(?:\s|$)")
_BLOCK_HEADER = re.compile(r"(?:^|[\s:-])[|>][-+0-9]{0,2}\s*(?:#.*)?$")
_STARTS_KEY = re.compile(rf"^{_DASHES}\"?{_KEY}\"?:(?:\s|$)")
_ODD_BLANK = re.compile("[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff]")
_UNCOMMENTED = re.compile(r"^.*?(?=\s+#|\s*$)")
_AFTER_QUOTE = re.compile(r"[\]},]*$")
_UNKNOWN_ESCAPE = re.compile(r"\\(?![0abtnvfre \"/\\N_LPxuU])")
_RESERVED = {
    "{": "opens a mapping", "[": "opens a list", "*": "refers to an anchor", "&": "names an anchor", "!": "names a tag",
    "%": "YAML reserves", "@": "YAML reserves", "`": "YAML reserves", "|": "opens a block of text", ">": "opens a block of text",
    "]": "closes a list", "}": "closes a mapping", ",": "separates items",
}  # fmt: skip
# What needs no search: what the parser's words say already.
_REMEDIES = {
    "must not be null": "write a key before the colon",
    "no JSON form": "quote it to make it a string, or write a number",
    "control characters": "remove the invisible character",
    "special characters": "remove the invisible character",
}
_CLOSING = {"[": "]", "{": "}"}
# A line is quoted in a report only if it holds nothing that looks like a credential.
_SENSITIVE = re.compile(r"(?i)token|secret|passw|credential|_key|apikey|(?=[\w+/=-]*\d)(?=[\w+/=-]*[a-z])[\w+/=-]{24,}")


def suspect(text: str, error: BrokenYaml) -> Suspect | None:
    """The line at fault and its remedy, for a document that ``error`` came of; None where no small repair helps."""
    lines = text.removesuffix("\n").split("\n")
    if len(text) > _MAX_TEXT:
        return None
    at = min(error.line, len(lines) - 1)
    conflict = _CONFLICT.search(text)
    if conflict is not None:
        return Suspect(text.count("\n", 0, conflict.start()), "resolve the merge conflict and remove its markers")
    if error.line < len(lines) and lines[at][error.column : error.column + 1] == "\t":
        return Suspect(at, "write blanks instead of the tab; YAML does not indent with tabs")
    if remedy := next((remedy for words, remedy in _REMEDIES.items() if words in error.problem), ""):
        return Suspect(at, remedy)
    if len(lines[at]) > _MAX_LINE:
        return None
    best, furthest = None, _reach(error)
    for repair in islice(_repairs(lines, at, error), _MAX_TRIED // len(text)):
        reached = _tried(lines[: at + _BELOW], repair)
        if reached is None:
            return Suspect(repair.line, repair.remedy)
        if reached > furthest:
            best, furthest = Suspect(repair.line, repair.remedy), reached
    if best is None and lines[at].lstrip().startswith("- ") and "block" in error.problem:
        return Suspect(at, "a list item stands among keys here: give the list a key of its own, or remove the dash")
    return best


def _reach(error: BrokenYaml) -> tuple[int, int]:
    """How far the parser got. What it never found the end of counts from its beginning."""
    here = error.line, error.column
    return min(here, error.began) if error.began and ("flow" in error.problem or "quoted" in error.problem) else here


def _tried(lines: list[str], repair: _Repair) -> tuple[int, int] | None:
    """How far the parser gets with a repair; None for the end."""
    first, last = repair.line, repair.line + len(repair.lines)
    try:
        build("\n".join([*lines[:first], *repair.lines, *lines[last:]]) + "\n")
    except BrokenYaml as error:
        return _reach(error)
    return None


def _repairs(lines: list[str], at: int, error: BrokenYaml) -> Iterator[_Repair]:
    """The repairs to try, the most telling ones first."""
    above = _contents(lines, at)
    if error.began and error.began[0] < at and above:
        above += [number for number in _contents(lines, error.began[0]) if number < above[-1]]
    yield from _odd_blanks(lines, above[:_AROUND])
    yield from _block_text(lines, at)
    yield from _spacing(lines, above)
    yield from _colons(lines, above[:_AROUND])
    yield from _quotes(lines, at, above, error)
    yield from _brackets(lines, at, above, error)
    yield from _values(lines, at)
    yield from _indentation(lines, at, above)


def _contents(lines: list[str], at: int) -> list[int]:
    """Lines with content from ``at`` upwards."""
    near = range(at, max(at - _ABOVE, -1), -1)
    return [number for number in near if len(lines[number]) <= _MAX_LINE and (lines[number].strip() or number == at)]


def _odd_blanks(lines: list[str], near: list[int]) -> Iterator[_Repair]:
    for number in near:
        if _ODD_BLANK.search(lines[number]):
            fixed = _ODD_BLANK.sub(" ", lines[number])
            code = ord(_ODD_BLANK.search(lines[number])[0])  # type: ignore[index]
            yield _Repair(number, [fixed], f"write an ordinary blank instead of U+{code:04X}")


def _block_text(lines: list[str], at: int) -> Iterator[_Repair]:
    """Text below ``key: |`` that is not indented deeper than the key."""
    header = next((number for number in range(at - 1, max(at - _AROUND, 0) - 1, -1) if _BLOCK_HEADER.search(lines[number])), None)
    if header is None or _indent(lines[header + 1]) > _indent(lines[header]):
        return
    for end in (at, at + 1):
        shifted = ["  " + line for line in lines[header + 1 : end]]
        if shifted:
            yield _Repair(header + 1, shifted, f"indent the text deeper than {_quoted(lines[header])}, whose value it is")


def _spacing(lines: list[str], above: list[int]) -> Iterator[_Repair]:
    """``key:value`` and ``-item``. Where several items share the fault, only repairing all of them helps."""
    for number in above[:_AROUND]:
        if match := _TIGHT_COLON.match(lines[number]):
            fixed = f"{match[1]}{match[2]}: {match[3]}"
            yield _Repair(number, [fixed], f"{_quoted(lines[number])} has no blank after the colon; write {_quoted(fixed)}")
    tight = [number for number in above if _TIGHT_DASH.match(lines[number])]
    for first, last in [*zip(tight, tight, strict=True), *((number, tight[0]) for number in tight[1:])]:
        fixed_lines = [_TIGHT_DASH.sub(r"\1- \2", line) for line in lines[first : last + 1]]
        yield _Repair(first, fixed_lines, f"{_quoted(lines[first])} has no blank after the dash; write {_quoted(fixed_lines[0])}")


def _colons(lines: list[str], near: list[int]) -> Iterator[_Repair]:
    """A key without its colon."""
    for number in near:
        if match := _NO_COLON.match(lines[number]):
            fixed = f"{match[1]}{match[2]}: {match[3]}"
        elif match := _BARE_KEY.match(lines[number]):
            fixed = f"{match[1]}{match[2]}:"
        else:
            continue
        yield _Repair(number, [fixed], f"{_quoted(lines[number])} has no colon; did you mean {_quoted(fixed)}?")


def _quotes(lines: list[str], at: int, above: list[int], error: BrokenYaml) -> Iterator[_Repair]:
    """A quote that nothing closes, one inside a value, text after one, and a backslash that YAML does not know."""
    line = lines[at]
    if "escape" in error.problem:
        known = _UNKNOWN_ESCAPE.sub(r"\\\\", line)
        yield _Repair(at, [known], "in double quotes a backslash begins an escape: write two of them, or use single quotes")
    for number in above:
        body = _UNCOMMENTED.match(lines[number])[0]  # type: ignore[index]
        for quote in ('"', "'"):
            if body.count(quote) % 2 and re.search(rf"(?:^|[\s\[{{,:]){quote}", body):
                for end in dict.fromkeys(("", _AFTER_QUOTE.search(body)[0])):  # type: ignore[index]
                    closed = body.removesuffix(end) + quote + end
                    yield _Repair(number, [closed], f"close the quote that {_quoted(body)} opens")
    match = _VALUE.match(line)
    if match is None or match[2][0] not in "\"'":
        return
    quote, value = match[2][0], match[2]
    if len(value) > 1 and value[-1] == quote:
        inner = value[1:-1].replace("''", "'").replace("'", "''") if quote == "'" else re.sub(r'(?<!\\)"', r"\"", value[1:-1])
        fixed = f"{match[1]}{quote}{inner}{quote}{match[3]}"
        how = "write it twice" if quote == "'" else "put a backslash before it"
        yield _Repair(at, [fixed], f"a quote inside the quotes of {_quoted(line)} ends them; {how}")
    fixed = match[1] + _in_quotes(value) + match[3]
    yield _Repair(at, [fixed], f"text follows the closing quote in {_quoted(line)}; put the whole value into one pair of quotes")


def _brackets(lines: list[str], at: int, above: list[int], error: BrokenYaml) -> Iterator[_Repair]:
    """A bracket that nothing closes, one that closes nothing, and commas missing or in excess."""
    line, column = lines[at], error.column
    here = line[column : column + 1] if error.line == at else ""
    if here and here in "]},":
        what = "this comma separates nothing" if here == "," else f"`{here}` closes nothing"
        yield _Repair(at, [line[:column] + line[column + 1 :]], f"{what}; remove it")
    if "flow" not in error.problem:
        return
    for number in above:
        body = _UNCOMMENTED.match(lines[number])[0]  # type: ignore[index]
        for opening, closing in _CLOSING.items():
            if body.count(opening) > body.count(closing):
                remedy = f"nothing closes the `{opening}` of {_quoted(body)}; write `{closing}` where it ends"
                for last in dict.fromkeys((number, max(at - 1, number), at, len(lines) - 1)):
                    yield _Repair(number, [*lines[number:last], _UNCOMMENTED.match(lines[last])[0] + closing], remedy)  # type: ignore[index]
    if len(above) > 1:
        yield _Repair(above[1], [lines[above[1]].rstrip() + ","], f"write a comma after {_quoted(lines[above[1]])}")
    yield _Repair(at, [line[:column].rstrip() + ", " + line[column:]], "separate the items with a comma")


def _values(lines: list[str], at: int) -> Iterator[_Repair]:
    """A plain value that begins with a character which means something to YAML, or holds a colon and a blank."""
    match = _VALUE.match(lines[at])
    if match is None or match[2][0] in "\"'":
        return
    value = match[2]
    fixed = match[1] + _in_quotes(value) + match[3]
    if value[0] in _RESERVED:
        why = f"{_quoted(value)} begins with `{value[0]}`, which {_RESERVED[value[0]]}"
        filled = ", or fill in the placeholder" if value[0] == "{" else ""
    elif _COLON_INSIDE.search(value) is None:
        return
    else:
        why, filled = f"{_quoted(value)} holds `: `, which makes a key of what stands before it", ""
    yield _Repair(at, [fixed], f"{why}; quote the value: {_quoted(fixed)}{filled}")


def _indentation(lines: list[str], at: int, above: list[int]) -> Iterator[_Repair]:
    """A line, with what belongs to it, at the depth of another one: the parser's line at the depths above it, or a line above it that
    stands a little too deep or too far left. Even depths are more likely than odd ones, and near ones than far ones."""
    trials: dict[tuple[int, int], str] = {}
    for number in above[1:]:
        if lines[number].lstrip().startswith("#"):
            continue
        inside = len(lines[number]) - len(_content(lines[number]))
        for depth, like in ((_indent(lines[number]), lines[number]), (inside, _content(lines[number]))):
            by = depth - _indent(lines[at])
            trials.setdefault((at, by), like)
            if abs(by) <= _ODD_SHIFT:
                trials.setdefault((number, -by), lines[at])
    ordered = sorted(trials, key=lambda trial: ((_indent(lines[trial[0]]) + trial[1]) % 2, abs(trial[1]), -trial[1], at - trial[0]))
    for number, by in ordered:
        indent = _indent(lines[number])
        if by and indent + by >= 0:
            end = next((n for n in range(number + 1, len(lines)) if lines[n].strip() and _indent(lines[n]) <= indent), len(lines))
            end = end if number == at else min(end, at)
            shifted = [" " * by + line if by > 0 else line[min(-by, _indent(line)) :] for line in lines[number:end]]
            like = re.sub(rf"^({_DASHES}\S+).*", r"\1", trials[number, by])
            remedy = f"{_quoted(lines[number])} is indented by {indent}; indent it by {indent + by} to go with {_quoted(like)}"
            yield _Repair(number, shifted, remedy)


def _content(line: str) -> str:
    return re.sub(rf"^{_DASHES}", "", line)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _in_quotes(value: str) -> str:
    return f'"{value}"' if '"' not in value and "\\" not in value else "'" + value.replace("'", "''") + "'"


def _quoted(line: str) -> str:
    """A line as it may be repeated in a report: short, and without what looks like a credential."""
    text = _UNCOMMENTED.match(line.strip()[:200])[0]  # type: ignore[index]
    if _SENSITIVE.search(text):
        text = re.match(rf"(?:-[ \t]+)*\W?(?:{_KEY})?", text)[0] + " …"  # type: ignore[index]
    text = text if len(text) <= 80 else text[:79] + "…"
    return f"`{text}`" if "`" not in text else f"“{text}”"
