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

from streamproc.deadletter.envelope import Headers
from streamproc.deadletter.ledger import LedgerEntry, LetterLedger, read_ledger
from streamproc.deadletter.letters import Letter
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.kafka import topics
from streamproc.kafka.places import Position
from streamproc.kafka.reading import TopicReader
from streamproc.kafka.refusals import WORKER, Refusals
from streamproc.settings import Settings
from streamproc.transport.codes import FENCED_PRODUCER, NO_TOPIC, PERMISSION, REFUSED_RECORD
from streamproc.transport.settings import LARGEST_BYTES

INIT_TIMEOUT = 60.0
"""Seconds for taking over, the end of a predecessor's transaction included."""

COMMIT_TIMEOUT = 120.0
"""Seconds for one commit, its retries included."""

_ABORTS = 5
_TOMBSTONES = 10_000
"""Of one transaction."""

_BY_KEY = -1
_REFUSALS = REFUSED_RECORD | NO_TOPIC | {KafkaError.TOPIC_AUTHORIZATION_FAILED}
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
    entry: LedgerEntry


class LetterOperation:
    """A context manager: from fencing others to the last commit.

    Raises:
        Fenced: by any method, once another operation has begun.
        StreamprocError: KAFKA_UNAVAILABLE, KAFKA_REFUSED; running again goes on where this one ended.
    """

    def __init__(self, settings: Settings, reader: TopicReader) -> None:
        kafka = settings.kafka
        self._dead_letter_topic = kafka.dead_letter_topic
        self._ledger_topic = topics.ledger_topic(kafka.dead_letter_topic)
        self._reader = reader
        self._refusals = Refusals(WORKER)
        self._producer = Producer(
            {
                **settings.transport.client(kafka.bootstrap_servers),
                "transactional.id": f"streamproc-dlq-{kafka.dead_letter_topic}",
                "transaction.timeout.ms": 60_000,
                # The broker has the last word on sizes, and it measures what is compressed.
                "message.max.bytes": LARGEST_BYTES,
                "compression.type": settings.transport.compression,
                "linger.ms": 5,
                "log_level": 0,
                "error_cb": self._refusals.heard,
            }
        )

    def __enter__(self) -> LetterOperation:
        self._call(lambda: self._producer.init_transactions(INIT_TIMEOUT))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # An open transaction is left to the next operation, which ends it: aborting here could wait for long.
        self._producer.purge()

    def read_ledger(self) -> LetterLedger:
        """The ledger with everything that any predecessor has done.

        Entries of letters that retention has deleted are deleted too. Nobody can do such a letter again: it is below
        the log's start, and who has read it before is fenced.
        """
        ledger = read_ledger(self._reader, self._dead_letter_topic)
        begins = {span.partition: span.begin for span in self._reader.bounds(self._dead_letter_topic)}
        expired = ledger.below(begins)
        for some in range(0, len(expired), _TOMBSTONES):
            self._forget(expired[some : some + _TOMBSTONES])
        return ledger

    def do(self, deeds: Sequence[Deed]) -> list[tuple[Deed, str]]:
        """Do all deeds in one transaction but those that Kafka refuses for good; these, with Kafka's reason."""
        if not deeds:
            return []
        refused = self._write([copy for deed in deeds for copy in self._copies(deed)])
        if refused is None:
            return []
        if len(deeds) == 1:
            return [(deeds[0], refused)]
        # Kafka refuses whole batches, good records with the bad one: one by one the order stays as it was.
        return [refusal for deed in deeds for refusal in self.do([deed])]

    def _forget(self, positions: Sequence[Position]) -> None:
        refused = self._write([self._entry(str(position).encode(), None) for position in positions])
        if refused is not None:
            raise StreamprocError(ErrorCode.KAFKA_UNAVAILABLE, f"{self._ledger_topic} takes no tombstone: {refused}")

    def _copies(self, deed: Deed) -> tuple[Copy, ...]:
        return (*deed.copies, self._entry(deed.entry.key(), deed.entry.value()))

    def _entry(self, key: bytes, value: bytes | None) -> Copy:
        return Copy(self._ledger_topic, None, key, value, [])

    def _write(self, copies: Sequence[Copy]) -> str | None:
        """Write all records in one transaction, or none of them: Kafka's reason, where it refuses one for good."""
        for _ in range(_ABORTS):
            refused: list[str] = []
            try:
                self._call(self._producer.begin_transaction)
                for copy in copies:
                    self._enqueue(copy, refused)
                self._commit()
                return None
            except KafkaException as error:
                # Abortable: the only kind that _call lets through.
                reason = error.args[0].str()
                if error.args[0].code() in PERMISSION:
                    # No abort: Kafka refuses to end a transaction that no topic has joined. The next operation ends it.
                    written = ", ".join(sorted({copy.topic for copy in copies}))
                    raise self._refusals.failure(error.args[0], f"writing to {written}") from None
                self._call(lambda: self._producer.abort_transaction(COMMIT_TIMEOUT))
            if refused:
                return refused[-1]
        raise StreamprocError(ErrorCode.KAFKA_UNAVAILABLE, f"the transaction was aborted {_ABORTS} times: {reason}")

    def _enqueue(self, copy: Copy, refused: list[str]) -> None:
        """Hand a record over; where Kafka refuses it for good, now or later, its reason goes to ``refused``."""

        def delivered(error: KafkaError | None, message: Message | None) -> None:
            del message
            if error is not None and error.code() in _REFUSALS:
                refused.append(error.str())

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
                if error.args[0].code() in FENCED_PRODUCER:
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
            if found.code() in FENCED_PRODUCER:
                raise Fenced from None
            if found.txn_requires_abort() or found.retriable():
                raise
            raise self._refusals.failure(found, "the transaction failed") from None
