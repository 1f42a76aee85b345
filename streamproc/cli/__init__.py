"""The command line: one file a command group, imported only when it is asked for."""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

import click

from streamproc import __version__
from streamproc.cli.failing import tell
from streamproc.errors import ErrorClass, StreamprocError
from streamproc.terminal import colour_refused, safe

COMMANDS = {
    "corrections": "What teachers have overruled, as labelled data.",
    "demo": "Publish known readings, wait for their results and show them.",
    "dlq": "Dead letters: list, show, count, replay, export, discard.",
    "doctor": "Will a worker work here, and if not, what is to be done?",
    "health": "Whether the worker on this machine lives, or is ready.",
    "lag": "Unfinished records of each partition, and the age of the oldest.",
    "local": "A Kafka, a schema registry and a Triton on this machine.",
    "models": "Phoneme models: check one, judge one on people, choose which score.",
    "plan": "Workers, partitions and Tritons that a load needs, and their cost.",
    "progress": "How a learner gets on: the last readings, words to practise, streak.",
    "reconcile": "Check that every activity has exactly one outcome.",
    "release": "Images from environment to environment, each promotion a commit.",
    "replay": "Read past activities again: another model, another result topic.",
    "schemas": "The event schemas: check, compare and register them.",
    "settings": "List every setting with its variable, default and meaning.",
    "synthetic": "Publish a synthetic activity each minute: are readings scored?",
    "topics": "Create the topics.",
    "worker": "Score readings: consume activities, publish results.",
}
"""Command -> its line in the help; the module ``streamproc.cli.<command>`` holds it as ``command``."""


_JSON = "streamproc.cli.json"


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is used (click's documented lazy loading).

    Where ``--json`` is asked for, an error is JSON on standard output too: an object with ``error``, which holds a
    ``code`` and a ``message``. A program reads the same stream whatever happens; exit codes are the same.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Note what holds for every command: whether JSON is wanted, and no colours."""
        ctx.meta[_JSON] = "--json" in args
        if colour_refused():
            ctx.color = False
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, StreamprocError) as error:
            if not ctx.meta[_JSON]:
                if isinstance(error, click.ClickException):
                    error.message = "\n".join(safe(line) for line in error.message.split("\n"))
                raise
            click.echo(json.dumps({"error": _described(error)}))
            ctx.exit(_exit_code(error))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in order."""
        del ctx
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; None where there is no such command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"streamproc.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="streamproc")
def cli() -> None:
    """Score children's reading: activities in, exactly one result out for each.

    Begin with `streamproc local up`, then `streamproc demo`. Every command explains itself with --help; every
    setting is an environment variable that `streamproc settings` explains.
    """


def main() -> None:
    """Run the command line; a known error is one message and exit code 2 when it is fatal, else 1."""
    try:
        cli(prog_name="streamproc")
    except StreamprocError as error:
        tell(error)
        sys.exit(_exit_code(error))


def _exit_code(error: Exception) -> int:
    if isinstance(error, StreamprocError):
        return 2 if error.code.error_class is ErrorClass.FATAL else 1
    return error.exit_code if isinstance(error, click.ClickException) else 1


def _described(error: Exception) -> dict[str, str]:
    if isinstance(error, StreamprocError):
        return {"code": error.code.name, "message": error.message}
    if isinstance(error, click.UsageError):
        return {"code": "USAGE", "message": error.format_message()}
    return {
        "code": "FAILED",
        "message": error.format_message() if isinstance(error, click.ClickException) else "aborted",
    }
