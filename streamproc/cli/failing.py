"""How a command that cannot do its work says so."""

from __future__ import annotations

from typing import IO, Any

import click

from streamproc.errors import StreamprocError
from streamproc.terminal import colour_refused, safe


def tell(error: StreamprocError) -> None:
    """Say on standard error what is wrong: the code, and the message below it."""
    colour = False if colour_refused() else None
    click.secho(f"streamproc: {error.code.name}", fg="red", bold=True, err=True, color=colour)
    for line in error.message.splitlines():
        click.echo(f"  {safe(line)}", err=True)


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
