"""``streamproc settings``: the reference of every setting."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Iterator

import click

from streamproc import settings
from streamproc.terminal import example

MARKDOWN_HEAD = """\
# Settings

Every setting of streamproc, as `streamproc settings --markdown` writes it. A setting is an environment variable, or an
entry of the TOML file that `STREAMPROC_CONFIG` names: `STREAMPROC_WORKER__MAX_IN_FLIGHT=4` is `max_in_flight = 4` under
`[worker]`. The environment wins over the file. Lists and tables are written as JSON in the environment; a word of a
choice is read in any case (`info`, `SASL_SSL`). Everything is checked at the start, and all problems are told in one
message; a name that is no setting is told with the nearest that is one. What Kubernetes sets in every pod for a service
whose name begins with `streamproc` (`STREAMPROC_PORT=tcp://…`, `STREAMPROC_TRITON_SERVICE_HOST=…`) is known as such and
ignored.
"""


@click.command(epilog=example("settings", "settings --json"))
@click.option("--json", "as_json", is_flag=True, help="One JSON array of objects, for machines.")
@click.option("--markdown", is_flag=True, help="The reference page, docs/reference/settings.md.")
def command(as_json: bool, markdown: bool) -> None:
    """List every setting: its environment variable, type, default and meaning.

    The file that STREAMPROC_CONFIG names may hold the same settings as TOML, a table a section; the environment wins.
    """
    rows = list(settings.documentation())
    if as_json:
        keys = ("variable", "type", "default", "meaning")
        click.echo(json.dumps([dict(zip(keys, row, strict=True)) for row in rows]))
    elif markdown:
        click.echo("\n".join(_markdown(rows)))
    else:
        click.echo("\n".join(_text(rows)))


def _text(rows: list[tuple[str, str, str, str]]) -> Iterator[str]:
    """A variable a line with its default, its meaning below: it fits any width, and no name is ever cut."""
    width = shutil.get_terminal_size().columns
    for variable, kind, default, meaning in rows:
        yield click.style(variable, bold=True)
        yield from _wrapped(f"{kind}; default: {default or 'empty'}", width)
        yield from _wrapped(meaning, width)


def _wrapped(text: str, width: int) -> list[str]:
    indent = "    "
    return textwrap.wrap(" ".join(text.split()), width, initial_indent=indent, subsequent_indent=indent)


def _markdown(rows: list[tuple[str, str, str, str]]) -> Iterator[str]:
    yield MARKDOWN_HEAD
    sections = dict.fromkeys(_section(variable) for variable, _, _, _ in rows)
    for section in sections:
        yield f"## {section}\n"
        yield "| Variable | Type | Default | Meaning |"
        yield "| --- | --- | --- | --- |"
        for variable, kind, default, meaning in rows:
            if _section(variable) == section:
                cells = (f"`{variable}`", f"`{kind}`", f"`{default}`" if default else "", " ".join(meaning.split()))
                yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
        yield ""


def _section(variable: str) -> str:
    return variable.removeprefix(settings.PREFIX).partition("__")[0].lower()
