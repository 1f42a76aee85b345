"""Which permission of Kafka each kind of user needs: enough for what it does, and none that can be left out.

``python -m streamproc.kafka.permissions`` prints the tables of docs/how-to/secure-kafka.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from streamproc.contracts import files
from streamproc.kafka.features import FEATURES, Feature, Needed, released, spelled
from streamproc.kafka.runs import prefix_of_runs
from streamproc.kafka.topics import audit_topic, is_compacted, ledger_topic, parked_topic
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
    """What each kind of user needs, results in one major version.

    A worker's transactional id begins with its group's name. Describe comes with Read, Write and Delete. All that a
    replay makes has names of its own that begin alike, so that it can touch nothing of the live workers'.
    """
    activities, results, letters = kafka.activity_topic, kafka.result_topic, kafka.dead_letter_topic
    group = kafka.group_id
    replays = prefix_of_runs(group)
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
        # What the activities' topic takes at most, the letters' must take too.
        Grant("replayer", "topic", activities, ("Read", "DescribeConfigs")),
        Grant("replayer", "topic", replays, ("Create", "Read", "Write", "DescribeConfigs"), prefixed=True),
        Grant("replayer", "group", replays, ("Read",), prefixed=True),
        Grant("replayer", "transactional id", replays, ("Write",), prefixed=True),
        Grant("administrator", "topic", f"{activities.partition('.')[0]}.", ("Create",), prefixed=True),
        Grant("administrator", "topic", kafka.control_topic, ("Create",)),
    )


def feature_grants(feature: Feature, settings: Settings) -> tuple[Grant, ...]:
    """What is needed besides, where a feature is on: by the worker, and by those for whom its topics are there."""
    return tuple(
        Grant(user, "topic", name, operations)
        for name, topic in feature.topics(settings).items()
        for user, operations in _users(topic)
    )


def _users(topic: Needed) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "worker", tuple(map(spelled, topic.operations))
    if topic.contract == files.PROGRESS:
        # It says no more of a learner than the results do that a subscriber reads.
        yield "subscriber", ("Read",)
    elif topic.contract == files.CORRECTION:
        yield "teacher", ("Write",)
        yield "operator", ("Read",)
    elif is_compacted(topic.config):
        # Its name begins with the group's, not as the other topics' do.
        yield "administrator", ("Create",)


def table(kafka: KafkaSettings) -> Iterator[str]:
    """The page's first table, in Markdown."""
    yield "| Who | Resource | Name | Operations |"
    yield "| --- | --- | --- | --- |"
    for grant in grants(kafka):
        yield f"| {_row(grant)} |"


def feature_table(kafka: KafkaSettings) -> Iterator[str]:
    """The page's second table: what features need besides."""
    yield "| Feature | Who | Resource | Name | Operations |"
    yield "| --- | --- | --- | --- | --- |"
    for feature in FEATURES:
        for grant in feature_grants(feature, released(kafka)):
            yield f"| {feature.name} | {_row(grant)} |"


def _row(grant: Grant) -> str:
    kind = f"{grant.kind}, prefixed" if grant.prefixed else grant.kind
    return f"{grant.user} | {kind} | `{grant.name}` | {', '.join(grant.operations)}"


if __name__ == "__main__":
    print(*table(KafkaSettings()), "", *feature_table(KafkaSettings()), sep="\n")
