"""``streamproc topics``: the Kafka topics."""

from __future__ import annotations

import click

from streamproc import settings
from streamproc.kafka import topics
from streamproc.terminal import example, safe


@click.group()
def command() -> None:
    """The Kafka topics that streamproc reads and writes."""


@command.command(epilog=example("topics create"))
def create() -> None:
    """Create the activity and result topics, the dead letter topic and its three helpers, where they are missing.

    Partitions and replicas come from STREAMPROC_KAFKA__PARTITIONS and STREAMPROC_KAFKA__REPLICATION_FACTOR.
    """
    tree = settings.load()
    created = topics.create(tree)
    for name in topics.configurations(tree.kafka):
        click.echo(f"{safe(name)}: {'created' if name in created else 'is there already'}")
