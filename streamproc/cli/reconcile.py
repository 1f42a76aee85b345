"""``streamproc reconcile``: has every activity exactly one outcome?"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import click
from prometheus_client import Gauge, start_http_server

from streamproc import settings as settings_module
from streamproc.cli.letters import Time, progress
from streamproc.cli.numbers import Number
from streamproc.deadletter.reconcile import Account, reconcile
from streamproc.settings import Settings
from streamproc.telemetry.logs import leave_retries_to_us
from streamproc.terminal import example

SHOWN = 10
"""Runs of offsets of one kind that are named; --json has all."""

MOST_SECONDS = 366 * 24 * 3600

FIGURES = ("inputs", "results", "letters", "pending", "missing", "duplicated", "unknown")


@click.command(epilog=example("reconcile --since 1h", "reconcile --since 1h --every 300"))
@click.option(
    "--since",
    type=Time(),
    help="Activities from this time on: ISO 8601, or 30s, 15m, 2h, 7d ago. [default: all that Kafka has]",
)
@click.option(
    "--every",
    type=Number(1, MOST_SECONDS),
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
    leave_retries_to_us()
    if every is None:
        accounts = _round(tree, since)
        _show(accounts, as_json)
        sys.exit(1 if any(account.difference for account in accounts) else 0)
    window_ms = None if since is None else time.time() * 1000 - since
    gauges = {
        name: Gauge(f"streamproc_reconcile_{name}", f"Reconciliation: {name} in the window", ["partition"])
        for name in FIGURES
    }
    try:
        start_http_server(tree.web.port, tree.web.host)
    except OSError as error:
        where = f"{tree.web.host}:{tree.web.port}"
        raise click.ClickException(
            f"cannot serve metrics on {where}: {error.strerror} (STREAMPROC_WEB__HOST, STREAMPROC_WEB__PORT)"
        ) from None
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
    lines: list[tuple[str, ...]] = [("partition", *FIGURES)]
    lines += [(str(one.partition), *(f"{_figure(one, name):,}" for name in FIGURES)) for one in accounts]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        click.echo("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))
    for account in accounts:
        for name in ("missing", "duplicated", "unknown"):
            if offsets := getattr(account, name):
                click.secho(f"{name}: partition {account.partition}, offsets {runs(offsets)}", fg="red")
    click.echo(f"difference: {difference:,}")


def runs(offsets: Sequence[int]) -> str:
    """Ascending offsets as text: 1-4, 7, 9-12; of very many the first, and how many follow."""
    found: list[tuple[int, int]] = []
    for offset in offsets:
        if found and found[-1][1] == offset - 1:
            found[-1] = found[-1][0], offset
        else:
            found.append((offset, offset))
    named = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in found[:SHOWN])
    rest = sum(last - first + 1 for first, last in found[SHOWN:])
    return f"{named} and {rest:,} more (--json names them)" if rest else named
