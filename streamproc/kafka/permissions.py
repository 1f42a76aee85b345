"""Which permission of Kafka each kind of user needs: enough for what it does, and none that can be left out.

``python -m streamproc.kafka.permissions`` prints the table of docs/how-to/secure-kafka.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from streamproc.kafka.features import Feature, spelled
from streamproc.kafka.topics import audit_topic, ledger_topic, parked_topic
from streamproc.settings import KafkaSettings, Settings

Kind = Literal["topic", "group", "transactional id"]

SUBSCRIBER_GROUP = "my-service"
"""The consumer group of the table's subscriber: each service has its own."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Operations of one kind of user on one resource, or on all whose names begin so."""

    user: str
    kind: Kind
    name: str
    operations: tuple[str, ...]
    prefixed: bool = False


def grants(kafka: KafkaSettings, subscriber_group: str = SUBSCRIBER_GROUP) -> tuple[Grant, ...]:
    """What worker, publisher, subscriber, follower, operator and administrator need, results in one major version.

    A worker's transactional id begins with its group's name. Describe comes with Read, Write and Delete.
    """
    activities, results, letters = kafka.activity_topic, kafka.result_topic, kafka.dead_letter_topic
    group = kafka.group_id
    return (
        Grant("worker", "topic", activities, ("Read",)),
        Grant("worker", "topic", results, ("Write",)),
        Grant("worker", "topic", letters, ("Write",)),
        Grant("worker", "topic", kafka.control_topic, ("Read", "Write")),
        Grant("worker", "group", group, ("Read",)),
        Grant("worker", "transactional id", f"{group}-", ("Write",), prefixed=True),
        Grant("publisher", "topic", activities, ("Write",)),
        Grant("subscriber", "topic", results, ("Read",)),
        Grant("subscriber", "group", subscriber_group, ("Read",)),
        Grant("follower", "topic", results, ("Read",)),
        Grant("follower", "topic", letters, ("Read",)),
        Grant("operator", "topic", letters, ("Read",)),
        Grant("operator", "topic", ledger_topic(letters), ("Read", "Write")),
        Grant("operator", "topic", activities, ("Read", "Write")),
        Grant("operator", "topic", parked_topic(letters), ("Write",)),
        Grant("operator", "topic", audit_topic(letters), ("Write",)),
        Grant("operator", "topic", results, ("Read",)),
        Grant("operator", "topic", kafka.control_topic, ("Read", "Write")),
        Grant("operator", "group", group, ("Describe",)),
        Grant("operator", "transactional id", f"streamproc-dlq-{letters}", ("Write",)),
        Grant("administrator", "topic", f"{activities.partition('.')[0]}.", ("Create",), prefixed=True),
        Grant("administrator", "topic", kafka.control_topic, ("Create",)),
    )


def feature_grants(feature: Feature, settings: Settings) -> tuple[Grant, ...]:
    """What a worker needs besides, where a feature is on."""
    return tuple(
        Grant("worker", "topic", name, tuple(map(spelled, topic.operations)))
        for name, topic in feature.topics(settings).items()
    )


def table(kafka: KafkaSettings) -> Iterator[str]:
    """The page's lines, in Markdown."""
    yield "| Who | Resource | Name | Operations |"
    yield "| --- | --- | --- | --- |"
    for grant in grants(kafka):
        kind = f"{grant.kind}, prefixed" if grant.prefixed else grant.kind
        yield f"| {grant.user} | {kind} | `{grant.name}` | {', '.join(grant.operations)} |"


if __name__ == "__main__":
    print(*table(KafkaSettings()), sep="\n")
