"""How a command that cannot do its work says so."""

from __future__ import annotations

from typing import IO, Any

import click

from streamproc.terminal import safe


class Failed(click.ClickException):
    """A command failed: one message, named after the command, and exit code 1."""

    def __init__(self, command: str, reason: object) -> None:
        super().__init__(str(reason))
        self._command = command

    def show(self, file: IO[Any] | None = None) -> None:
        """Say it on standard error."""
        for number, line in enumerate(self.message.splitlines()):
            head = "  " if number else f"streamproc {self._command}: "
            click.secho(f"{head}{safe(line)}", file=file, fg="red", err=True)
