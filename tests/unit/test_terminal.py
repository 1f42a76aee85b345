"""What is written to a terminal: text from outside does nothing there, colours only where they are wanted."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import pseudo_terminal
from support.holes import hole

from streamproc.terminal import console, counted, safe


@hole("F4")
@given(st.text())
def test_text_from_outside_is_printable_and_on_one_line(text: str) -> None:
    shown = safe(text)
    assert shown.isprintable()
    shown.encode()


@hole("F4")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[/red] is text", "[/red] is text"),
        ("\x1b[2J\x1b]0;owned\x07", r"\x1b[2J\x1b]0;owned\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202eevil\u2066", r"\u202eevil\u2066"),
        ("two\r\nlines", r"two\r\nlines"),
        ("\udcff", r"\udcff"),
        ("Zoë läse 日本 🙂", "Zoë läse 日本 🙂"),
    ],
)
def test_what_is_no_visible_character_is_written_as_its_escape(text: str, shown: str) -> None:
    assert safe(text) == shown


@hole("F4")
def test_a_console_takes_no_text_for_markup() -> None:
    stream = io.StringIO()
    console(stream).print("[/red] [bold]x[/bold] :smile: [link=http://x]y[/link]")
    assert stream.getvalue() == "[/red] [bold]x[/bold] :smile: [link=http://x]y[/link]\n"


SCRIPT = """
import sys
from rich.text import Text
from streamproc.terminal import console
console().print(Text("red", "red"))
import click
from streamproc.cli import cli
@click.command()
def coloured() -> None:
    click.secho("bold", bold=True)
cli.get_command = lambda ctx, name: coloured
cli(["coloured"], standalone_mode=False)
"""


def written(on_terminal: bool, **environment: str) -> bytes:
    """What a program writes to a terminal, or to a pipe."""
    clean = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLORTERM")}
    env = {**clean, "TERM": "xterm-256color", **environment}
    if not on_terminal:
        return subprocess.run([sys.executable, "-c", SCRIPT], env=env, capture_output=True, check=True).stdout
    code, found = pseudo_terminal.on_terminal([sys.executable, "-c", SCRIPT], env)
    assert code == 0, found
    return found


@hole("F6")
@pytest.mark.parametrize(
    ("on_terminal", "environment", "coloured"),
    [
        (True, {}, True),
        (True, {"NO_COLOR": "1"}, False),
        (False, {}, False),
        (False, {"FORCE_COLOR": "1"}, False),
        (True, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
    ],
)
def test_colours_are_for_terminals_and_for_those_who_want_them(
    on_terminal: bool, environment: dict[str, str], coloured: bool
) -> None:
    shown = written(on_terminal, **environment)
    assert b"red" in shown
    assert b"bold" in shown
    # The colour is gone; what is bold without one may stay bold.
    assert (b"\x1b[31m" in shown) is coloured
    assert coloured or b"\x1b[1m" not in shown


@hole("F6")
def test_one_is_not_many() -> None:
    assert [counted(number, "letter") for number in (0, 1, 2, 1234)] == [
        "0 letters",
        "1 letter",
        "2 letters",
        "1,234 letters",
    ]
