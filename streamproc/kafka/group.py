"""Who belongs to a consumer group now, and which partitions each member has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streamproc.kafka.reading import TIMEOUT
from streamproc.kafka.refusals import WORKER, Refusals
from streamproc.settings import Settings


@dataclass(frozen=True, slots=True)
class Member:
    """One worker: where it connects from, and the partitions of a topic that it has."""

    host: str
    partitions: tuple[int, ...]


def members(settings: Settings, group: str, topic: str) -> list[Member]:
    """The members of a group, by the first partition of ``topic`` that each has; those without any come last.

    Raises:
        StreamprocError: KAFKA_UNAVAILABLE, KAFKA_REFUSED.
    """
    bootstrap = settings.kafka.bootstrap_servers
    refusals = Refusals(WORKER)
    configuration: dict[str, Any] = {**settings.transport.client(bootstrap), "log_level": 0, "error_cb": refusals.heard}
    client = AdminClient(configuration)
    try:
        found = client.describe_consumer_groups([group], request_timeout=TIMEOUT)[group].result(TIMEOUT)
    except KafkaException as error:
        client.poll(0)
        raise refusals.failure(error.args[0], f"group {group} on {bootstrap}") from None
    listed = []
    for member in found.members:
        places = member.assignment.topic_partitions if member.assignment is not None else []
        owned = tuple(sorted(place.partition for place in places if place.topic == topic))
        listed.append(Member(str(member.host).lstrip("/"), owned))
    return sorted(listed, key=lambda member: (not member.partitions, member.partitions))
