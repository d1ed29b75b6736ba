"""Command lines: the programs that a container runs, and the flags that they are given.

A script inside ``sh -c`` is taken apart into its simple commands; everything else is read word by word, as Kubernetes passes it on. Nothing
is executed or expanded: what a shell or Kubernetes would fill in stays as written, and is an unknown. Nothing raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from auditor.document import Unknown, is_placeholder

__all__ = ["Command", "Flags", "commands_of", "flag_in", "flags_of", "is_shell", "spelled", "split_script"]

Command = tuple[str, ...]

# Flags of a command by their normal spelling: where the flag stands last, and its value.
Flags = dict[str, tuple[int, str]]

_DEEPEST = 4

_TOKEN = re.compile(
    r"""
      (?P<blank>(?:[ \t\r\f\v]|\\\r?\n)+)
    | (?P<comment>\#[^\n]*)
    | (?P<redirect>\d*(?:>>|>&|&>>?|<&|>\||<(?![A-Za-z][^<>\n]{,200}>)|>))
    | (?P<end>[;&|()\n]+)
    | (?P<word>(?:
          \{\{.{,200}?\}\} | \$\{[^}]{,200}\} | \$\([^()]{,200}\) | <[A-Za-z][^<>\n]{,200}>     # what somebody fills in, in one piece
        | '[^']*' | "[^"\\]*(?:\\.[^"\\]*)*" | \\.
        | [^\s'"\\;&|()<>${]+ | [^\s;&|()<>]                                 # a quote that nothing closes is a character
      )+)
    | .
    """,
    re.VERBOSE | re.DOTALL,
)
_QUOTED = re.compile(r"""'([^']*)'|"([^"\\]*(?:\\.[^"\\]*)*)"|\\(.)""", re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\$`])|\\\n')
_HEREDOC = re.compile(r"(?<!<)<<-?[ \t]*(['\"]?)([A-Za-z_]\w{,60})\1")

_SHELL = re.compile(r"(?:.*/)?(?:ba|da|a|z|k)?sh")
# A blank in one argument is a value too: some entrypoints split it.
_FLAG = re.compile(r"(?P<name>--?[A-Za-z][\w.-]*)(?:[= \t](?P<value>.*))?", re.DOTALL)


def is_shell(program: str) -> bool:
    """Whether a program is a POSIX shell, by its name or path."""
    return _SHELL.fullmatch(program) is not None


def split_script(text: str) -> Iterator[Command]:
    """The simple commands of a shell script, in order: words without their quotes, no comments, redirections and here-documents.

    Keywords (``while``, ``do`` …) stay words of the command that they begin.
    """
    if "<<" in text:
        text = _without_heredocs(text)
    words: list[str] = []
    target = False
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        if kind == "word":
            if not target:
                words.append(_unquoted(token[0]))
            target = False
        elif kind == "redirect":
            target = True
        elif kind == "end":
            if words:
                yield tuple(words)
            words, target = [], False
    if words:
        yield tuple(words)


def _without_heredocs(text: str) -> str:
    kept, mark = [], ""
    for line in text.split("\n"):
        if mark:
            mark = "" if line.strip() == mark else mark
            continue
        start = _HEREDOC.search(line)
        mark = start[2] if start else ""
        kept.append(_HEREDOC.sub("", line) if start else line)
    return "\n".join(kept)


def _unquoted(word: str) -> str:
    return _QUOTED.sub(_content, word) if "'" in word or '"' in word or "\\" in word else word


def _content(quoted: re.Match[str]) -> str:
    single, double, escaped = quoted.groups()
    if single is not None:
        return single
    return escaped if double is None else _ESCAPED.sub(lambda match: match[1] or "", double)


def commands_of(words: Sequence[str], depth: int = 0) -> Iterator[Command]:
    """The simple commands that a list of words runs: itself, or those of the script that it hands to a shell."""
    script = _script(words)
    if script is None and len(words) == 1 and any(character.isspace() for character in words[0]):
        script = words[0]
    if script is None or depth == _DEEPEST:
        if words:
            yield tuple(words)
        return
    for command in split_script(script):
        yield from commands_of(command, depth + 1) if len(command) > 1 else (command,)


def _script(words: Sequence[str]) -> str | None:
    """The text that follows ``sh -c``, with options before and after the ``-c``."""
    for index, word in enumerate(words):
        if not _SHELL.fullmatch(word):
            continue
        found = False
        rest = iter(words[index + 1 :])
        for option in rest:
            if not option.startswith(("-", "+")):
                if found:
                    return option
                break
            if option[1:2] != "-":
                found = found or (option[0] == "-" and "c" in option)
                if option[-1] == "o":  # -o pipefail
                    next(rest, None)
    return None


def spelled(name: str) -> str:
    """The normal spelling of a flag's name: parsers of Python programs take ``--a_b`` for ``--a-b``."""
    return name.replace("_", "-")


def flags_of(words: Iterable[str]) -> Flags:
    """Flags by normal spelling, from ``--name=value`` and ``--name value``; the last one wins. A flag without a value has ``""``.

    A word after a flag is taken for its value unless it is a flag itself, for no parser is at hand that knows which flags are switches.
    """
    found: Flags = {}
    waiting = ""
    for position, word in enumerate(words):
        match = _FLAG.fullmatch(word) if word.startswith("-") else None
        if match is not None:
            name, value = spelled(match["name"]), match["value"]
            found[name] = position, (value or "").strip()
            waiting = name if value is None else ""
        elif waiting:
            found[waiting] = position, word
            waiting = ""
    return found


def flag_in(flags: Flags, *names: str) -> str | Unknown | None:
    """The value of a flag with several names; see `auditor.workload.container.Container.flag`."""
    given = [flags[name] for name in map(spelled, names) if name in flags]
    if not given:
        return None
    value = max(given)[1]
    return Unknown(value, "placeholder") if is_placeholder(value) else value
