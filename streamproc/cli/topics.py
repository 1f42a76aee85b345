"""``streamproc topics``: the Kafka topics."""

from __future__ import annotations

import click

from streamproc import settings, topics


@click.group()
def command() -> None:
    """The Kafka topics that streamproc reads and writes."""


@command.command()
def create() -> None:
    """Create the activity, result and dead letter topics where they are missing.

    Partitions and replicas come from STREAMPROC_KAFKA__PARTITIONS and STREAMPROC_KAFKA__REPLICATION_FACTOR.
    """
    kafka = settings.load().kafka
    created = topics.create(kafka)
    for name in (kafka.activity_topic, kafka.result_topic, kafka.dead_letter_topic):
        click.echo(f"{name}: {'created' if name in created else 'is there already'}")
