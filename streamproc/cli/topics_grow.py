"""``streamproc topics grow``: more partitions, when nothing waits that they could overtake."""

from __future__ import annotations

import json
import time

import click

from streamproc import settings
from streamproc.cli.numbers import Number
from streamproc.kafka import growth, topics
from streamproc.kafka.growth import Drain, Stillness
from streamproc.settings import Settings
from streamproc.telemetry.logs import leave_retries_to_us
from streamproc.terminal import example, safe

_LOOK_S = 1.0


@click.command(epilog=example("topics grow 24", "topics grow 24 --reader reports --only-wait && terraform apply"))
@click.argument("partitions", type=click.IntRange(1, 1000))
@click.option("--reader", "readers", multiple=True, metavar="GROUP", help="A consumer group of results that relies on "
              "their order: it is waited for too. Several times for several.")  # fmt: skip
@click.option("--still", type=Number(0, 1e6), default=15.0, show_default=True, help="Seconds without a new "
              "activity, after which publishers count as stopped.")  # fmt: skip
@click.option("--timeout", type=Number(0, 1e6), default=600.0, show_default=True, help="Seconds to wait for "
              "all that.")  # fmt: skip
@click.option("--only-wait", is_flag=True, help="Add none: end when they may be added, by Terraform for example.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
def grow(
    partitions: int, readers: tuple[str, ...], still: float, timeout: float, only_wait: bool, as_json: bool
) -> None:
    """Give activities, results and dead letters more partitions.

    Learners move to other partitions. So that none of their activities overtakes an earlier one, stop the publishers
    first: this waits until every activity has its outcome and no new one has come for a while, and then adds
    partitions. Start the publishers anew when it is done: they find new partitions at their start.

    Exit code 1: it did not come to that within --timeout, or somebody has published meanwhile after all.
    """
    tree = settings.load()
    leave_retries_to_us()
    names = growth.growing(tree, partitions)
    if names:
        ends = _drained(tree, readers, still, timeout)
        if not only_wait:
            topics.add_partitions(tree, names, partitions)
            _check_nobody_published(tree, ends)
    grown = [] if only_wait else names
    if as_json:
        click.echo(json.dumps({"partitions": partitions, "drained": bool(names), "grown": grown}))
        return
    for name in names:
        done = f"may have {partitions} partitions now" if only_wait else f"{partitions} partitions"
        click.echo(safe(f"{name}: {done}"))
    if not names:
        click.echo(f"all have {partitions} partitions already")


def _drained(tree: Settings, readers: tuple[str, ...], still: float, timeout: float) -> dict[int, int]:
    """Wait for it; where activities' partitions end then."""
    stillness = Stillness(still)
    deadline = time.monotonic() + timeout
    told = ""
    while True:
        drain = growth.look(tree, readers)
        now = time.monotonic()
        if stillness.look(now, drain):
            return dict(drain.ends)
        if now > deadline:
            raise click.ClickException(_why(drain, timeout))
        if (line := _line(drain)) != told:
            click.echo(safe(line), err=True)
            told = line
        time.sleep(min(_LOOK_S, max(0.05, still)))


def _line(drain: Drain) -> str:
    waits = [f"{count:,} for {group}" for group, count in drain.waiting.items() if count]
    return (
        f"wait: {', '.join(waits)}" if waits else f"nothing waits; {sum(drain.ends.values()):,} were published so far"
    )


def _why(drain: Drain, timeout: float) -> str:
    if drain.left:
        return f"after {timeout:g} s {_line(drain)}; no partition was added"
    return f"activities still came within {timeout:g} s: stop the publishers; no partition was added"


def _check_nobody_published(tree: Settings, before: dict[int, int]) -> None:
    after = growth.activity_ends(tree)
    moved = [partition for partition, end in before.items() if after[partition] != end]
    if moved:
        raise click.ClickException(
            f"partitions were added, but somebody published to {', '.join(map(str, moved))} meanwhile: the order of "
            "those learners' activities is not certain until they have their outcomes"
        )
