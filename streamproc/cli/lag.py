"""``streamproc lag``: how much work is left."""

from __future__ import annotations

import dataclasses
import json
import time

import click

from streamproc import settings
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.kafka.lag import Lag, lags
from streamproc.telemetry.logs import leave_retries_to_us
from streamproc.terminal import example, safe

_AGAIN_S = 2.0


@click.command(epilog=example("lag", "lag --json --watch", "lag --group another --topic its.topic"))
@click.option("--group", help="A consumer group on rdkafka://. [default: the workers']")
@click.option("--topic", "topics", multiple=True, help="A topic that it reads; several times for several. [default: "
              "the activities']")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list a look and nothing else.")
@click.option("--watch", is_flag=True, help="Go on, a look every two seconds, also when Kafka goes away.")
def command(group: str | None, topics: tuple[str, ...], as_json: bool, watch: bool) -> None:
    """Count the unfinished records of each partition, and tell the age of the oldest, by its timestamp.

    It needs no worker. Up to 100,000 records are read; of more than that, the number is an upper bound, which counts
    transaction markers too ("exact" is false, "<=" is shown).
    """
    tree = settings.load()
    leave_retries_to_us()
    seen = False
    while True:
        try:
            found = lags(tree, group or tree.kafka.group_id, topics or (tree.kafka.activity_topic,))
        except StreamprocError as error:
            # Whoever watches wants to see it come back; one that never answered is more likely misspelt.
            if not seen or error.code is not ErrorCode.KAFKA_UNAVAILABLE:
                raise
            click.echo(f"{time.strftime('%H:%M:%S')}  {error.message}", err=True)
        else:
            seen = True
            _tell(found, as_json=as_json, at=time.strftime("%H:%M:%S") if watch else None)
        if not watch:
            return
        time.sleep(_AGAIN_S)


def _tell(found: list[Lag], *, as_json: bool, at: str | None) -> None:
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(lag) for lag in found]))
        return
    if at is not None:
        click.echo(at)
    _show(found)


def _show(found: list[Lag]) -> None:
    rows = [("topic", "partition", "unfinished", "oldest")]
    rows += [
        (
            safe(lag.topic),
            str(lag.partition),
            f"{'' if lag.exact else '<= '}{lag.unfinished:,}",
            "" if lag.oldest_s is None else f"{lag.oldest_s:,.1f} s",
        )
        for lag in found
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for topic, *cells in rows:
        numbers = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        click.echo("  ".join((topic.ljust(widths[0]), *numbers)))
