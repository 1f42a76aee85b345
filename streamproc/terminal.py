"""What is written to a terminal or a pipe: text from outside made harmless, colours where they are wanted, counts."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from typing import IO

from rich.console import Console


def safe(text: object) -> str:
    """Text from outside as it may be printed: whatever is no visible character is written as its escape.

    A terminal obeys control characters, and bidirectional ones make a text look like another. Every value of a record,
    a registry, a file or a process goes through this before it is printed as text; in JSON it needs no such care.
    """
    plain = str(text)
    if plain.isprintable():
        return plain
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in plain)


def console(stream: IO[str] | None = None) -> Console:
    """A console of rich's that takes no text for markup, and uses no colour off terminals or with NO_COLOR."""
    stream = stream or sys.stdout
    return Console(
        file=stream,
        force_terminal=stream.isatty(),
        no_color=colour_refused(),
        highlight=False,
        markup=False,
        emoji=False,
    )


def colour_refused() -> bool:
    """Whether the user wants no colours (https://no-color.org)."""
    return bool(os.environ.get("NO_COLOR"))


def indented(text: str) -> list[str]:
    """A paragraph below a heading: wrapped on a terminal, one line for other programs; nothing of it is left out."""
    if not text:
        return []
    if not sys.stdout.isatty():
        return [f"    {text}"]
    return textwrap.wrap(text, shutil.get_terminal_size().columns, initial_indent="    ", subsequent_indent="    ")


def counted(number: int, what: str) -> str:
    """A number with its noun: 1 letter, 2 letters."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def example(*commands: str) -> str:
    """The end of a command's help: how it is called."""
    lines = [f"  streamproc {command}" for command in commands]
    return "\n".join(["\b", "Example:" if len(commands) == 1 else "Examples:", *lines])
