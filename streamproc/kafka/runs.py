"""What each run of `streamproc replay` was begun as: a compacted topic, by the runs' names.

A run's record and its group's first offsets are one transaction, whose id is the run's own (KIP-98): whoever begins it
fences whoever was about to, and reads the topic only then. So several processes that are started at once agree; a
record without offsets means that Kafka has forgotten these, never that the run has not begun.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.kafka.history import History
from streamproc.kafka.places import OffsetRange
from streamproc.kafka.reading import TIMEOUT, TopicReader, configuration
from streamproc.kafka.refusals import WORKER, Refusals
from streamproc.settings import KafkaSettings, Settings
from streamproc.transport.codes import FENCED_PRODUCER

CONFIG = {"cleanup.policy": "compact"}
"""Of the topic."""

_TRIES = 10
_INIT_S = 60.0
"""For taking over, the end of a predecessor's transaction included."""


@dataclass(frozen=True, slots=True)
class ReplayRun:
    """What one run reads and makes: it stays so to its end.

    Times are milliseconds since 1970; ``since_said`` and ``until_said`` are how they were written, "" for now.
    ``results`` is their topic, or those of several versions; ``into_live``: these are the workers' own. ``model``,
    ``version`` and ``sha256`` are the model's that makes them.
    """

    part: History
    since_ms: int
    until_ms: int
    since_said: str
    until_said: str
    results: str
    into_live: bool
    model: str
    version: str
    sha256: str

    def value(self) -> bytes:
        """The record's value, JSON."""
        fields = {
            "topic": self.part.topic,
            "spans": [[span.partition, span.begin, span.end] for span in self.part.spans],
            "from": [self.since_ms, self.since_said],
            "to": [self.until_ms, self.until_said],
            "results": [self.results, self.into_live],
            "model": [self.model, self.version, self.sha256],
        }
        return json.dumps(fields).encode()

    @classmethod
    def of(cls, value: bytes) -> ReplayRun:
        """What ``value`` has written. Raises ValueError, KeyError, TypeError."""
        fields: dict[str, Any] = json.loads(value)
        part = History(fields["topic"], [OffsetRange(*span) for span in fields["spans"]])
        (since, since_said), (until, until_said) = fields["from"], fields["to"]
        return cls(part, since, until, since_said, until_said, *fields["results"], *fields["model"])


def prefix_of_runs(group: str) -> str:
    """What all names of runs begin with, by the workers' group: topics, groups, transactional ids."""
    return f"{group}.replay"


def runs_topic(kafka: KafkaSettings) -> str:
    """Where the runs of these workers are told."""
    return f"{prefix_of_runs(kafka.group_id)}s"


def group_of_run(group: str, name: str) -> str:
    """The consumer group of a run, by the workers' group."""
    return f"{prefix_of_runs(group)}.{name}"


def find(settings: Settings, name: str) -> ReplayRun | None:
    """The run of this name; None: it was never begun.

    Raises:
        StreamprocError: KAFKA_UNAVAILABLE, KAFKA_REFUSED; SETTINGS_INVALID, its record is none that we know.
    """
    found: bytes | None = None
    topic = runs_topic(settings.kafka)
    try:
        with TopicReader(settings) as reader:
            for batch in reader.read_all(topic):
                for message in batch:
                    if message.key() == name.encode():
                        found = message.value()
    except StreamprocError as error:
        if error.code is not ErrorCode.TOPIC_MISSING:
            raise
    try:
        return None if found is None else ReplayRun.of(found)
    except (ValueError, KeyError, TypeError):
        raise StreamprocError(
            ErrorCode.SETTINGS_INVALID, f"{topic}: what is said of {name} was not written by this version: take another"
        ) from None


def begin(settings: Settings, name: str, run: ReplayRun) -> ReplayRun:
    """Write it down, and have its group begin where its part does; the run that holds: another one may be quicker.

    Raises:
        StreamprocError: KAFKA_UNAVAILABLE, KAFKA_REFUSED.
    """
    group, topic = group_of_run(settings.kafka.group_id, name), runs_topic(settings.kafka)
    refusals = Refusals(WORKER)
    identified = settings.transport.producer(settings.kafka.bootstrap_servers, f"{group}-begin")
    places = [TopicPartition(run.part.topic, span.partition, span.begin) for span in run.part.spans]
    consumer = Consumer({**configuration(settings, refusals), "group.id": group})
    try:
        for _ in range(_TRIES):
            producer = Producer(identified | {"log_level": 0, "error_cb": refusals.heard})
            try:
                producer.init_transactions(_INIT_S)
                if (found := find(settings, name)) is not None:
                    return found
                producer.begin_transaction()
                producer.send_offsets_to_transaction(places, consumer.consumer_group_metadata(), TIMEOUT)
                producer.produce(topic, key=name.encode(), value=run.value())
                producer.commit_transaction(_INIT_S)
                return run
            except KafkaException as error:
                if error.args[0].code() not in FENCED_PRODUCER:
                    raise refusals.failure(error.args[0], f"beginning {name}, group {group}") from None
            time.sleep(0.2)  # another process begins it: it may need a moment
        raise StreamprocError(ErrorCode.KAFKA_UNAVAILABLE, f"{name} is begun by others all the time: try again")
    finally:
        consumer.close()
