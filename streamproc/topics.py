"""The Kafka topics: how they are made, and whether they are there."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.cimpl import NewTopic

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.settings import Kafka, Settings

TIMEOUT = 10.0
"""Seconds to wait for the brokers."""

ACTIVITY_MAX_BYTES = 1_048_576
"""Largest activity record; inline audio of 512 KiB leaves room for texts and references."""

DEAD_LETTER_ROOM = 65_536
"""What a dead letter may be larger than its activity: the error headers."""


KEPT_DAYS = 30
"""How long dead and parked letters are kept: they hold recordings of children, and are of no use for ever."""


def ledger_topic(dead_letter_topic: str) -> str:
    """The compacted topic that holds what was done with each dead letter."""
    return f"{dead_letter_topic}.ledger"


def parked_topic(dead_letter_topic: str) -> str:
    """The topic of letters that were replayed too often."""
    return f"{dead_letter_topic}.parked"


def audit_topic(dead_letter_topic: str) -> str:
    """The topic that says who discarded a letter, when and why."""
    return f"{dead_letter_topic}.audit"


def _client(settings: Settings) -> AdminClient:
    # librdkafka writes to standard error by itself; what matters is raised below.
    quiet = {"log_level": 0, "socket.timeout.ms": 10_000}
    return AdminClient(settings.transport.client(settings.kafka.bootstrap_servers) | quiet)


def existing(settings: Settings) -> dict[str, int]:
    """Names of the cluster's topics and their partitions.

    Raises:
        StreamprocError: KAFKA_UNAVAILABLE.
    """
    try:
        metadata = _client(settings).list_topics(timeout=TIMEOUT)
    except KafkaException as error:
        raise StreamprocError(
            ErrorCode.KAFKA_UNAVAILABLE,
            f"no answer from {settings.kafka.bootstrap_servers} within {TIMEOUT:g} s "
            f"(STREAMPROC_KAFKA__BOOTSTRAP_SERVERS): {error.args[0].str()}",
        ) from None
    return {name: len(topic.partitions) for name, topic in metadata.topics.items()}


def result_topics(kafka: Kafka) -> dict[int, str]:
    """Major version of results that is published -> its topic."""
    topics = {1: kafka.result_topic, 2: kafka.result_v2_topic}
    return {major: topics[major] for major in kafka.result_majors}


def configurations(kafka: Kafka, activity_bytes: int = ACTIVITY_MAX_BYTES) -> dict[str, dict[str, str]]:
    """Every topic and its settings; ``activity_bytes`` is what the activity topic accepts."""
    letter = kafka.dead_letter_topic
    letter_size = _size(activity_bytes + DEAD_LETTER_ROOM)
    days = {"retention.ms": str(KEPT_DAYS * 24 * 3600 * 1000)}
    return {
        kafka.activity_topic: _size(activity_bytes),
        **{topic: _size(ACTIVITY_MAX_BYTES) for topic in result_topics(kafka).values()},
        letter: letter_size | days,
        parked_topic(letter): letter_size | days,
        ledger_topic(letter): {"cleanup.policy": "compact"},
        audit_topic(letter): {"retention.ms": "-1"},
    }


def _size(max_bytes: int) -> dict[str, str]:
    return {"max.message.bytes": str(max_bytes)}


def _accepted(settings: Settings) -> int:
    """The largest record that the activity topic accepts, in bytes."""
    client = _client(settings)
    topic = ConfigResource(ConfigResource.Type.TOPIC, settings.kafka.activity_topic)
    try:
        configuration = client.describe_configs([topic], request_timeout=TIMEOUT)[topic].result(TIMEOUT)
    except KafkaException as error:
        raise StreamprocError(
            ErrorCode.KAFKA_UNAVAILABLE, f"the settings of {settings.kafka.activity_topic}: {error.args[0].str()}"
        ) from None
    return int(configuration["max.message.bytes"].value)


def create(settings: Settings) -> list[str]:
    """Create the topics that are missing; the names of those that were created.

    Raises:
        StreamprocError: KAFKA_UNAVAILABLE, or TOPIC_MISSING where Kafka refuses to create one.
    """
    kafka = settings.kafka
    there = existing(settings)
    activity_bytes = _accepted(settings) if kafka.activity_topic in there else ACTIVITY_MAX_BYTES
    missing = [
        NewTopic(
            name,
            num_partitions=kafka.partitions,
            replication_factor=kafka.replication_factor,
            config=config,
        )
        for name, config in configurations(kafka, activity_bytes).items()
        if name not in there
    ]
    created = []
    client = _client(settings)  # must outlive the futures
    for name, future in client.create_topics(missing).items() if missing else ():
        try:
            future.result(TIMEOUT)
            created.append(name)
        except KafkaException as error:
            # Another operator may have been quicker.
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise StreamprocError(ErrorCode.TOPIC_MISSING, f"{name}: {error.args[0].str()}") from None
    return created


def check(settings: Settings) -> None:
    """Check that the worker's topics exist.

    Raises:
        StreamprocError: KAFKA_UNAVAILABLE or TOPIC_MISSING.
    """
    kafka = settings.kafka
    there = existing(settings)
    wanted = (kafka.activity_topic, *result_topics(kafka).values(), kafka.dead_letter_topic)
    missing = [name for name in wanted if name not in there]
    if missing:
        raise StreamprocError(
            ErrorCode.TOPIC_MISSING,
            f"{', '.join(missing)} on {kafka.bootstrap_servers}: run 'streamproc topics create', or correct "
            "STREAMPROC_KAFKA__ACTIVITY_TOPIC, __RESULT_TOPIC or __DEAD_LETTER_TOPIC",
        )
