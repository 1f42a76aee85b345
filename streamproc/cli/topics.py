"""``streamproc topics``: the Kafka topics."""

from __future__ import annotations

import json

import click

from streamproc import settings
from streamproc.cli.topics_grow import grow
from streamproc.kafka import topics
from streamproc.terminal import example, safe


@click.group()
def command() -> None:
    """The Kafka topics that streamproc reads and writes."""


command.add_command(grow)


@command.command(epilog=example("topics create"))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def create(as_json: bool) -> None:
    """Create the topics that are missing.

    They are those of activities, results and dead letters, the dead letter topic's three helpers, the topic by which
    operators tell workers which models score, and those of what is turned on:
    STREAMPROC_DUPLICATES__WINDOW, STREAMPROC_PROGRESS__ENABLED and __CORRECTIONS.

    Partitions and replicas come from STREAMPROC_KAFKA__PARTITIONS and STREAMPROC_KAFKA__REPLICATION_FACTOR.
    """
    tree = settings.load()
    created = topics.create(tree)
    names = list(topics.wanted(tree))
    if as_json:
        there = [name for name in names if name not in created]
        click.echo(json.dumps({"created": [name for name in names if name in created], "there": there}))
        return
    for name in names:
        click.echo(f"{safe(name)}: {'created' if name in created else 'is there already'}")
