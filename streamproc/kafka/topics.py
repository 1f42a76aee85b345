"""The Kafka topics: how they are made, and whether they are there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclOperation
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.cimpl import NewPartitions, NewTopic

from streamproc.contracts import files
from streamproc.contracts.majors import MAJORS
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.kafka import features
from streamproc.kafka.refusals import WORKER, Refusals, misconfigured
from streamproc.settings import KafkaSettings, Settings
from streamproc.transport.codes import PERMISSION

T = TypeVar("T")

TIMEOUT = 10.0
"""Seconds to wait for the brokers."""

_ATTEMPT = 1.0
"""Seconds after which it is asked whether they refuse to answer."""

ACTIVITY_MAX_BYTES = 1_048_576
"""Largest activity record; inline audio of 512 KiB leaves room for texts and references."""

DEAD_LETTER_ROOM = 65_536
"""What a dead letter may be larger than its activity: the error headers."""

DEAD_LETTER_FACTOR = 2
"""So many times the activity's limit is a dead letter's: Kafka measures what is compressed, and the publisher may have
compressed better than we do."""


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


def _client(settings: Settings, refusals: Refusals) -> AdminClient:
    # librdkafka writes to standard error by itself; what matters is raised below.
    quiet = {"log_level": 0, "socket.timeout.ms": 10_000, "error_cb": refusals.heard}
    try:
        return AdminClient(settings.transport.client(settings.kafka.bootstrap_servers) | quiet)
    except KafkaException as error:
        raise misconfigured(error.args[0], WORKER) from None


def _ask(settings: Settings, question: Callable[[AdminClient], T]) -> T:
    """The brokers' answer to a question that waits for _ATTEMPT seconds; it is asked again until TIMEOUT.

    Raises:
        StreamprocError: KAFKA_UNAVAILABLE; KAFKA_REFUSED; SETTINGS_INVALID where librdkafka takes no such settings.
    """
    servers = settings.kafka.bootstrap_servers
    refusals = Refusals(WORKER)
    client = _client(settings, refusals)
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            return question(client)
        except KafkaException as error:
            client.poll(0)  # serves the callback
            reason: KafkaError = error.args[0]
            if refusals.shut_out or reason.code() in PERMISSION:
                raise refusals.failure(reason, servers) from None
            if time.monotonic() > deadline:
                raise refusals.failure(reason, f"no answer from {servers} within {TIMEOUT:g} s") from None


def existing(settings: Settings) -> dict[str, int]:
    """Names of the cluster's topics, as far as this user may see them, and their partitions.

    Raises:
        StreamprocError: KAFKA_UNAVAILABLE; KAFKA_REFUSED; SETTINGS_INVALID.
    """
    metadata = _ask(settings, lambda client: client.list_topics(timeout=_ATTEMPT))
    return {name: len(topic.partitions) for name, topic in metadata.topics.items()}


def result_topics(kafka: KafkaSettings) -> dict[int, str]:
    """Major version of results that is published -> its topic."""
    return {number: kafka.topic_of(MAJORS[number]) for number in kafka.result_majors}


def topics_of_contracts(kafka: KafkaSettings) -> dict[str, str]:
    """Contract -> topic of every major version of results that is published."""
    return {MAJORS[number].contract: topic for number, topic in result_topics(kafka).items()}


def contracts_written(settings: Settings) -> dict[str, str]:
    """Contract -> topic of all that a worker with these settings writes by a schema."""
    progress = {files.PROGRESS: settings.progress.topic} if settings.progress.enabled else {}
    return topics_of_contracts(settings.kafka) | progress


def configurations(kafka: KafkaSettings, activity_bytes: int = ACTIVITY_MAX_BYTES) -> dict[str, dict[str, str]]:
    """Every topic that there always is, and its settings; ``activity_bytes`` is what the activity topic accepts."""
    letter = kafka.dead_letter_topic
    letter_size = _size(DEAD_LETTER_FACTOR * activity_bytes + DEAD_LETTER_ROOM)
    days = {one.name: one.retention_days for one in files.contracts() if one.retention != files.FOR_EVER}
    return {
        kafka.activity_topic: _size(activity_bytes) | features.kept(days[files.ACTIVITY]),
        **{
            topic: _size(ACTIVITY_MAX_BYTES) | features.kept(days[contract])
            for contract, topic in topics_of_contracts(kafka).items()
        },
        letter: letter_size | features.kept(KEPT_DAYS),
        parked_topic(letter): letter_size | features.kept(KEPT_DAYS),
        ledger_topic(letter): {"cleanup.policy": "compact"},
        audit_topic(letter): {"retention.ms": "-1"},
        # Each change has a key of its own: none is ever removed, and the topic tells who changed what, when and why.
        kafka.control_topic: {"cleanup.policy": "compact"},
    }


def wanted(settings: Settings, activity_bytes: int = ACTIVITY_MAX_BYTES) -> dict[str, dict[str, str]]:
    """As ``configurations``, and those of the features that are on."""
    of_features = {name: dict(topic.config) for name, topic in features.needed(settings).items()}
    return configurations(settings.kafka, activity_bytes) | of_features


def partitions_of(kafka: KafkaSettings, config: Mapping[str, str]) -> int:
    """How many partitions a topic of these settings is made with.

    A compacted topic is read whole, for the last record of each key. With a second partition, added later, that record
    could lie in the one that is read first, and an older one win: so it has one, for ever.
    """
    return 1 if is_compacted(config) else kafka.partitions


def is_compacted(config: Mapping[str, str]) -> bool:
    """Whether a topic keeps the last record of each key."""
    return config.get("cleanup.policy") == "compact"


def _size(max_bytes: int) -> dict[str, str]:
    return {"max.message.bytes": str(max_bytes)}


def _accepted(settings: Settings) -> int:
    """The largest record that the activity topic accepts, in bytes."""
    topic = ConfigResource(ConfigResource.Type.TOPIC, settings.kafka.activity_topic)
    configuration = _ask(
        settings, lambda client: client.describe_configs([topic], request_timeout=_ATTEMPT)[topic].result()
    )
    return int(configuration["max.message.bytes"].value)


def create(
    settings: Settings, besides: Mapping[str, Mapping[str, str]] | None = None, follows: bool = True
) -> list[str]:
    """Create the topics that are missing, and those ``besides``, by their settings; the names of the new ones.

    Args:
        settings: the workers'.
        besides: topic -> settings.
        follows: they obey the control topic, so that there must be one.

    Raises:
        StreamprocError: as ``existing``, and TOPIC_MISSING where Kafka refuses to create one.
    """
    kafka = settings.kafka
    there, of_features = existing(settings), features.needed(settings)
    activity_bytes = _accepted(settings) if kafka.activity_topic in there else ACTIVITY_MAX_BYTES
    partitions = there.get(kafka.activity_topic, kafka.partitions)
    missing = [
        NewTopic(
            name,
            # State is beside the activities that it is of.
            num_partitions=partitions if name in of_features else partitions_of(kafka, config),
            replication_factor=kafka.replication_factor,
            config=dict(config),
        )
        for name, config in {**wanted(settings, activity_bytes), **(besides or {})}.items()
        if name not in there and (follows or name != kafka.control_topic)
    ]
    created = []
    client = _client(settings, Refusals(WORKER))  # must outlive the futures
    for name, future in client.create_topics(missing).items() if missing else ():
        try:
            future.result(TIMEOUT)
            created.append(name)
        except KafkaException as error:
            # Another operator may have been quicker.
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise _refusal(name, error) from None
    return created


def add_partitions(settings: Settings, names: Iterable[str], count: int) -> None:
    """Give topics more partitions, so that they have ``count``.

    Raises:
        StreamprocError: as ``existing``, and KAFKA_REFUSED or TOPIC_MISSING with what Kafka says.
    """
    client = _client(settings, Refusals(WORKER))  # must outlive the futures
    for name, future in client.create_partitions([NewPartitions(name, count) for name in names]).items():
        try:
            future.result(TIMEOUT)
        except KafkaException as error:
            raise _refusal(name, error) from None


def _refusal(name: str, error: KafkaException) -> StreamprocError:
    reason = error.args[0].str()
    if error.args[0].code() in PERMISSION:
        # A topic that this user may not see looks like one that is missing.
        why = "this user may not create or alter it; if it is there, grant what it needs of it, as Write on topic"
        return StreamprocError(ErrorCode.KAFKA_REFUSED, f"{name}: {reason} ({why} {name})")
    return StreamprocError(ErrorCode.TOPIC_MISSING, f"{name}: {reason}")


def check(settings: Settings, follows: bool = True) -> None:
    """Check that the worker's topics exist, and that it may use them and its group.

    Args:
        settings: the worker's.
        follows: it obeys the control topic.

    Raises:
        StreamprocError: as ``existing``, and TOPIC_MISSING; KAFKA_REFUSED with every permission that is missing.
    """
    kafka = settings.kafka
    used = {
        kafka.activity_topic: (AclOperation.READ,),
        **dict.fromkeys((*result_topics(kafka).values(), kafka.dead_letter_topic), (AclOperation.WRITE,)),
        **{name: topic.operations for name, topic in features.needed(settings).items()},
    }
    allowed = _ask(settings, lambda client: _allowed(client, [*used, kafka.control_topic]))
    if follows and allowed.get(kafka.control_topic):
        # Where it is not there, or is nobody's business here, workers are not steered.
        used[kafka.control_topic] = (AclOperation.READ, AclOperation.WRITE)
    missing = [name for name in used if name not in allowed]
    if missing:
        raise StreamprocError(
            ErrorCode.TOPIC_MISSING,
            f"{', '.join(missing)} on {kafka.bootstrap_servers}: run 'streamproc topics create', or correct "
            "STREAMPROC_KAFKA__ACTIVITY_TOPIC, __RESULT_TOPIC or __DEAD_LETTER_TOPIC",
        )
    refused = [
        f"{features.spelled(operation)} on topic {name}"
        for name, operations in used.items()
        for operation in operations
        if operation not in allowed[name]
    ]
    if not _may_see_group(settings):
        refused.append(f"Read on group {kafka.group_id}")
    if refused:
        raise StreamprocError(
            ErrorCode.KAFKA_REFUSED,
            f"{kafka.bootstrap_servers} does not allow this user (STREAMPROC_TRANSPORT__SASL_USERNAME, or the client "
            f"certificate's) to {', '.join(refused)}: grant it, or correct STREAMPROC_KAFKA__ACTIVITY_TOPIC, "
            "__RESULT_TOPIC, __DEAD_LETTER_TOPIC or __GROUP_ID",
        )


def _allowed(client: AdminClient, names: list[str]) -> dict[str, set[AclOperation]]:
    """What this user may do with each topic that exists."""
    futures = client.describe_topics(
        TopicCollection(names), include_authorized_operations=True, request_timeout=_ATTEMPT
    )
    allowed: dict[str, set[AclOperation]] = {}
    for name, future in futures.items():
        try:
            allowed[name] = set(future.result().authorized_operations)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                allowed[name] = set()  # It may exist.
            elif error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise
    return allowed


def _may_see_group(settings: Settings) -> bool:
    # Asked by a consumer that never joins: librdkafka's admin client crashes the process when a coordinator answers a
    # question about a group too late, or is one no more (its issues 4605 and 5040).
    kafka = settings.kafka
    quiet = {
        "group.id": kafka.group_id,
        "isolation.level": "read_uncommitted",
        "enable.auto.commit": False,
        "log_level": 0,
    }
    reader = Consumer(settings.transport.client(kafka.bootstrap_servers) | quiet)

    def may_see(_client: AdminClient) -> bool:
        try:
            reader.committed([TopicPartition(kafka.activity_topic, 0)], timeout=_ATTEMPT)
        except KafkaException:
            # Who may not see the group gets no answer; the reason comes like a record.
            told = reader.poll(0)
            reason = told.error() if told is not None else None
            if reason is None or reason.code() != KafkaError.GROUP_AUTHORIZATION_FAILED:
                raise
            return False
        return True

    try:
        return _ask(settings, may_see)
    finally:
        reader.close()
