"""``streamproc reconcile``: has every activity exactly one outcome?"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack

import click
from prometheus_client import Gauge, start_http_server
from rich.console import Console
from rich.table import Table

from streamproc import settings as settings_module
from streamproc.cli.letters import Time, progress
from streamproc.deadletter.reconcile import Account, reconcile
from streamproc.settings import Settings

SHOWN = 10
"""Offsets of one kind that the table names; --json has all."""

FIGURES = ("inputs", "results", "letters", "pending", "missing", "duplicated", "unknown")


@click.command()
@click.option(
    "--since",
    type=Time(),
    help="Activities from this time on: ISO 8601, or 30s, 15m, 2h, 7d ago. [default: all that Kafka has]",
)
@click.option(
    "--every",
    type=click.FloatRange(min=1),
    metavar="SECONDS",
    help="Go on for ever, the window moving along, and serve the figures as metrics.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a round and nothing else.")
def command(since: int | None, every: float | None, as_json: bool) -> None:
    """Count activities, results and dead letters of every partition, and name each activity that differs.

    Workers may run meanwhile: what they have not finished is pending. Exit code 1 when an activity has no outcome
    (missing) or several (duplicated), or an outcome has no activity (unknown). All activities since the given time are
    read, with their recordings: mind the window. With --every the metrics are under STREAMPROC_WEB__PORT.
    """
    tree = settings_module.load()
    if every is None:
        accounts = _round(tree, since)
        _show(accounts, as_json)
        sys.exit(1 if any(account.difference for account in accounts) else 0)
    window_ms = None if since is None else time.time() * 1000 - since
    gauges = {
        name: Gauge(f"streamproc_reconcile_{name}", f"Reconciliation: {name} in the window", ["partition"])
        for name in FIGURES
    }
    start_http_server(tree.web.port, tree.web.host)
    while True:
        accounts = _round(tree, None if window_ms is None else int(time.time() * 1000 - window_ms))
        for account in accounts:
            for name in FIGURES:
                gauges[name].labels(str(account.partition)).set(_figure(account, name))
        _show(accounts, as_json)
        time.sleep(every)


def _round(settings: Settings, since_ms: int | None) -> list[Account]:
    with ExitStack() as bars:
        names = iter(("activities", "results", "dead letters"))

        def bar(total: int) -> Callable[[int], None]:
            bars.close()
            return bars.enter_context(progress(total, next(names)))

        return reconcile(settings, since_ms, bar)


def _figure(account: Account, name: str) -> int:
    value = getattr(account, name)
    return len(value) if isinstance(value, tuple) else int(value)


def _show(accounts: list[Account], as_json: bool) -> None:
    difference = sum(account.difference for account in accounts)
    if as_json:
        rows = [dataclasses.asdict(account) for account in accounts]
        click.echo(json.dumps({"difference": difference, "partitions": rows}))
        return
    table = Table("partition", *FIGURES)
    for account in accounts:
        table.add_row(str(account.partition), *(f"{_figure(account, name):,}" for name in FIGURES))
    Console().print(table)
    for account in accounts:
        for name in ("missing", "duplicated", "unknown"):
            offsets = getattr(account, name)
            if offsets:
                named = ", ".join(map(str, offsets[:SHOWN])) + (", …" if len(offsets) > SHOWN else "")
                click.secho(f"{name}: partition {account.partition}, offsets {named}", fg="red")
    click.echo(f"difference: {difference:,}")
