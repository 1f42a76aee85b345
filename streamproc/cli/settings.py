"""``streamproc settings``: the reference of every setting."""

from __future__ import annotations

import json

import click
from rich.console import Console
from rich.table import Table

from streamproc import settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON array of objects, for machines.")
def command(as_json: bool) -> None:
    """List every setting: its environment variable, type, default and meaning."""
    rows = list(settings.documentation())
    if as_json:
        keys = ("variable", "type", "default", "meaning")
        click.echo(json.dumps([dict(zip(keys, row, strict=True)) for row in rows]))
        return
    table = Table("variable", "type", "default", "meaning", row_styles=["", "dim"])
    for row in rows:
        table.add_row(*row)
    Console().print(table)
