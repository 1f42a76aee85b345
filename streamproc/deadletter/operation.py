"""What a command does to letters, exactly once: every effect and its ledger entry in one transaction.

One fixed ``transactional.id`` per dead letter topic (KIP-98): beginning an operation fences whoever had it before and
ends his open transaction, and only then is the ledger read. So a rerun, a crash or two operators at once never do a
thing twice; what a crash left undone is still open in the ledger.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streamproc import topics
from streamproc.deadletter.envelope import Headers
from streamproc.deadletter.ledger import Entry, Ledger, read_ledger
from streamproc.deadletter.letters import Letter
from streamproc.deadletter.reading import TopicReader
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.settings import Settings

INIT_TIMEOUT = 60.0
"""Seconds for taking over, the end of a predecessor's transaction included."""

COMMIT_TIMEOUT = 120.0
"""Seconds for one commit, its retries included."""

_ABORTS = 5
_BY_KEY = -1
_FENCED = {KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED}
_REFUSALS = {
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.INVALID_RECORD,
    KafkaError._UNKNOWN_PARTITION,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
}
"""Trying again does not help: the record's own, or its source topic's."""


class Fenced(Exception):  # noqa: N818 - reads as what it says
    """Another operation on the same dead letter topic has begun; this one has done what it has reported, no more."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A record to be written; partition None: Kafka chooses by the key."""

    topic: str
    partition: int | None
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class Deed:
    """What is done to one letter: the records that are written, and the ledger's entry."""

    letter: Letter
    copies: tuple[Copy, ...]
    entry: Entry


class Operation:
    """A context manager: from fencing others to the last commit.

    Raises:
        Fenced: by any method, once another operation has begun.
        StreamprocError: KAFKA_UNAVAILABLE; running again goes on where this one ended.
    """

    def __init__(self, settings: Settings, reader: TopicReader) -> None:
        kafka = settings.kafka
        self._dead_letter_topic = kafka.dead_letter_topic
        self._ledger_topic = topics.ledger_topic(kafka.dead_letter_topic)
        self._reader = reader
        self._refused: str | None = None
        self._producer = Producer(
            {
                **settings.transport.client(kafka.bootstrap_servers),
                "transactional.id": f"streamproc-dlq-{kafka.dead_letter_topic}",
                "transaction.timeout.ms": 60_000,
                # The broker has the last word on sizes.
                "message.max.bytes": 100_000_000,
                "linger.ms": 5,
                "log_level": 0,
            }
        )

    def __enter__(self) -> Operation:
        self._call(lambda: self._producer.init_transactions(INIT_TIMEOUT))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # An open transaction is left to the next operation, which ends it: aborting here could wait for long.
        self._producer.purge()

    def read_ledger(self) -> Ledger:
        """The ledger with everything that any predecessor has done."""
        return read_ledger(self._reader, self._dead_letter_topic)

    def do(self, deeds: Sequence[Deed]) -> list[tuple[Deed, str]]:
        """Do all deeds in one transaction but those that Kafka refuses for good; these, with Kafka's reason."""
        for _ in range(_ABORTS):
            if not deeds:
                return []
            self._refused = None
            try:
                self._call(self._producer.begin_transaction)
                for deed in deeds:
                    self._produce(deed)
                self._commit()
                return []
            except KafkaException as error:
                # Abortable: the only kind that _call lets through.
                reason = error.args[0].str()
                self._call(lambda: self._producer.abort_transaction(COMMIT_TIMEOUT))
            if self._refused is not None:
                if len(deeds) == 1:
                    return [(deeds[0], self._refused)]
                # Kafka refuses whole batches, good records with the bad one: one by one the order stays as it was.
                return [refusal for deed in deeds for refusal in self.do([deed])]
        raise StreamprocError(ErrorCode.KAFKA_UNAVAILABLE, f"the transaction was aborted {_ABORTS} times: {reason}")

    def _produce(self, deed: Deed) -> None:
        def delivered(error: KafkaError | None, message: Message | None) -> None:
            del message
            if error is not None and error.code() in _REFUSALS:
                self._refused = error.str()

        entry = Copy(self._ledger_topic, None, deed.entry.key(), deed.entry.value(), [])
        for copy in (*deed.copies, entry):
            self._enqueue(copy, delivered)

    def _enqueue(self, copy: Copy, delivered: Callable[[KafkaError | None, Message | None], None]) -> None:
        headers: Any = copy.headers  # Its type is invariant.
        while True:
            try:
                self._producer.produce(
                    copy.topic,
                    value=copy.value,
                    key=copy.key,
                    partition=_BY_KEY if copy.partition is None else copy.partition,
                    headers=headers,
                    on_delivery=delivered,
                )
                self._producer.poll(0)
                return
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as error:
                if error.args[0].code() in _FENCED:
                    raise Fenced from None
                delivered(error.args[0], None)
                raise

    def _commit(self) -> None:
        deadline = time.monotonic() + COMMIT_TIMEOUT
        while True:
            try:
                self._call(self._producer.commit_transaction)
                return
            except KafkaException as error:
                # In doubt: a commit that timed out is only ever committed again.
                if not error.args[0].retriable() or time.monotonic() > deadline:
                    raise

    def _call(self, call: Callable[[], object]) -> None:
        try:
            call()
        except KafkaException as error:
            found = error.args[0]
            if found.code() in _FENCED:
                raise Fenced from None
            if found.txn_requires_abort() or found.retriable():
                raise
            raise StreamprocError(ErrorCode.KAFKA_UNAVAILABLE, f"the transaction failed: {found.str()}") from None
