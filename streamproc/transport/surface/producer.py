"""Faust's producer: binds what agents send to the event they work on, and leaves the rest to the transactions."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import Producer as KafkaProducer
from faust.exceptions import ProducerSendError
from faust.transport import base
from faust.transport.consumer import TransactionManager as FaustTransactionManager
from faust.types import TP, RecordMetadata
from mode.utils.times import want_seconds

from streamproc.transport.errors import TransportError, Unsendable
from streamproc.transport.flight.loose import Loose
from streamproc.transport.flight.sendable import Outcome, metadata_of, outcome_of, record_metadata
from streamproc.transport.kafka.partitioner import partition_for
from streamproc.transport.shared import Shared
from streamproc.transport.surface.buffer import Buffer
from streamproc.transport.surface.delivery import current_delivery
from streamproc.transport.surface.monitor import Monitor

logger = logging.getLogger(__name__)

_FLUSH_S = 0.5
_FULL_S = 0.01


class Answers(dict[tuple[str, int | None], asyncio.Future[RecordMetadata]]):
    """The answers to sends that are held, there already: one for each topic and partition, they say nothing else."""

    def __missing__(self, place: tuple[str, int | None]) -> asyncio.Future[RecordMetadata]:
        answer = self[place] = asyncio.get_running_loop().create_future()
        answer.set_result(metadata_of(*place, -1))
        return answer


class Producer(base.Producer):
    """Sends that a topic passes on: those of an event, with a callback for example, and those outside events.

    Those of an event are held with it, others go with the next transaction; without transactions (a client, or
    at_least_once) they are produced at once.
    """

    transport: Shared
    _direct: KafkaProducer | None = None
    #: Whether a sensor wants to hear of every record that is sent.
    observed = False
    _closed: threading.Event

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.buffer = Buffer(loop=self.loop, beacon=self.beacon)
        self.buffer.app = self.app
        #: Sends that no transaction carries, and that are not confirmed yet.
        self._unconfirmed: set[asyncio.Future[RecordMetadata]] = set()
        #: Why no more of them are taken.
        self._failed: TransportError | None = None
        self.answers = Answers()

    async def on_start(self) -> None:
        """Make a producer for sends that no transaction carries."""
        await super().on_start()
        self.observed = any(not isinstance(sensor, Monitor) for sensor in self.app.sensors)
        if not self.app.in_transaction:
            self._closed = threading.Event()
            self._direct = KafkaProducer(self.transport.settings_in_force().producer(self.transport.servers, None))
            threading.Thread(target=self._serve, name="rdkafka-produce", daemon=True).start()

    async def on_stop(self) -> None:
        """Wait for what is on its way."""
        await super().on_stop()
        if self._direct is not None:
            await self.flush()
            self._closed.set()

    def _serve(self) -> None:
        direct = self._direct
        assert direct is not None
        while not self._closed.is_set():
            try:
                direct.poll(0.1)
            except Exception as error:  # noqa: BLE001 - a fatal error; confluent-kafka raises it in several ways
                if not self._closed.is_set():
                    self.loop.call_soon_threadsafe(self._fail, error)
                # What waits still fails one by one, and each failure is served by a poll.
                self._closed.wait(_FULL_S)

    def _fail(self, reason: Exception) -> None:
        """The producer is of no use any more: tell those who wait for their send, and those who send later."""
        if self._failed is not None:
            return
        self._failed = error = TransportError(f"Kafka takes no more sends, start again: {reason}")
        logger.error("%s", error)
        for sent in list(self._unconfirmed):
            if not sent.done():
                sent.set_exception(error)
        self._unconfirmed.clear()
        if self.app.in_worker:
            self.transport.crash(error)

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: Any,
        *,
        transactional_id: str | None = None,
    ) -> Awaitable[RecordMetadata]:
        """Send a record; outside events this waits while too many of them wait for their transaction.

        Bound to an event, the answer is there at once, with offset -1: the record is sent when the event's
        transaction is, and an agent that waited for that before it acknowledges the event would wait for ever.

        Raises:
            Unsendable: no client could send it.
            TransportError: the worker stops with it, or has stopped.
            SentAfterAck: the event is finished; the record could not share its transaction.
        """
        outcome = outcome_of(topic, key, value, partition, timestamp, headers)
        if outcome.partition:
            await self.find_partition(outcome)
        delivery = current_delivery.get()
        if delivery is not None:
            delivery.hold(outcome)
            return self.answers[outcome.topic, outcome.partition]
        sent: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
        if self.app.in_transaction:
            await self.transport.ledger.loose.room()
            self.transport.ledger.loose.add(Loose(outcome, sent))
        else:
            await self._produce(outcome, sent)
        return sent

    async def find_partition(self, outcome: Outcome) -> None:
        """Look whether the partition that a record names is there; the first one always is.

        Raises:
            Unsendable: it is not.
        """
        topic, partition = outcome.topic, outcome.partition or 0
        topics = self.transport.topics
        if (count := topics.known(topic)) is None or partition >= count:
            try:
                count = await asyncio.to_thread(topics.look_up, topic)
            except KafkaException:
                return  # nobody answers; the transaction will tell
        if count is not None and partition >= count:
            raise Unsendable(topic, f"it has {count} partitions, and partition {partition} is none of them")

    async def send_and_wait(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: Any,
        *,
        transactional_id: str | None = None,
    ) -> RecordMetadata:
        """Send a record and wait for it (bound to an event: no wait, see ``send``)."""
        return await (await self.send(topic, key, value, partition, timestamp, headers))

    async def _produce(self, outcome: Outcome, sent: asyncio.Future[RecordMetadata]) -> None:
        """Give a record to librdkafka; while its queue is full, wait."""
        direct = self._direct
        if direct is None:
            raise ProducerSendError("The producer is not started")
        if self._failed is not None:
            raise self._failed
        loop = asyncio.get_running_loop()

        def resolve(error: KafkaError | None, landed: Outcome, offset: int) -> None:
            self._unconfirmed.discard(sent)
            if sent.done():
                return
            if error is not None:
                sent.set_exception(ProducerSendError(f"{outcome.topic}: {error.str()}"))
            else:
                sent.set_result(record_metadata(landed, offset))

        def delivered(error: KafkaError | None, message: Any) -> None:
            landed = outcome._replace(partition=message.partition())
            loop.call_soon_threadsafe(resolve, error, landed, message.offset())

        headers: Any = outcome.headers  # the stub's type is invariant
        extra: dict[str, Any] = {}
        if outcome.partition is not None:
            extra["partition"] = outcome.partition
        if outcome.timestamp is not None:
            extra["timestamp"] = outcome.timestamp
        self._unconfirmed.add(sent)
        while self._failed is None:
            try:
                direct.produce(
                    outcome.topic,
                    value=outcome.value,
                    key=outcome.key,
                    headers=headers,
                    on_delivery=delivered,
                    **extra,
                )
                return
            except BufferError:
                await asyncio.sleep(_FULL_S)
            except KafkaException as error:
                self._unconfirmed.discard(sent)
                if error.args[0].fatal():
                    self._fail(error)
                raise ProducerSendError(f"{outcome.topic}: {error.args[0].str()}") from error

    async def flush(self) -> None:
        """Wait for what was sent outside any event; while the app stops, for ``stop_timeout`` at most.

        What is bound to events goes with their transactions.
        """
        if self.buffer.state == "running":
            await self.buffer.flush()
        if self._direct is None:
            return
        give_up = None
        while waiting := await self._flush_a_little(self._direct):
            if self.should_stop or self.app.should_stop:
                now = time.monotonic()
                give_up = give_up or now + self.transport.settings.stop_timeout
                if now >= give_up:
                    logger.error("%d sends are given up: no broker took them in time", waiting)
                    self._direct.purge()

    async def _flush_a_little(self, direct: KafkaProducer) -> int:
        """How many sends still wait."""
        try:
            return await asyncio.to_thread(direct.flush, _FLUSH_S)
        except Exception as error:  # noqa: BLE001 - as in _serve
            self._fail(error)
            return 0

    async def create_topic(
        self,
        topic: str,
        partitions: int,
        replication: int,
        *,
        config: Mapping[str, Any] | None = None,
        timeout: Any = 30.0,  # noqa: ASYNC109
        retention: Any = None,
        compacting: bool | None = None,
        deleting: bool | None = None,
        ensure_created: bool = False,
    ) -> None:
        """Create a topic; one that exists is left as it is."""
        await asyncio.to_thread(
            self.transport.topics.create,
            topic,
            partitions,
            replication,
            config=config,
            retention=want_seconds(retention) if retention is not None else None,
            compacting=compacting,
            deleting=deleting,
            timeout=min(want_seconds(timeout), 60.0),
        )

    def key_partition(self, topic: str, key: bytes) -> TP:
        """Where a Java producer would put this key; reads the topic's metadata the first time, blocking."""
        partitions = self.transport.topics.partitions(topic)
        if partitions is None:
            raise TransportError(f"There is no topic {topic!r}")
        return TP(topic, partition_for(key, partitions))

    def supports_headers(self) -> bool:
        """Yes."""
        return True


class TransactionManager(FaustTransactionManager):
    """What Faust sends through when processing_guarantee is exactly_once: the producer, which knows what to hold.

    Faust's transactions, one for each input partition, do not exist here: the consumer commits.
    """

    producer: Producer

    async def send(self, *args: Any, **kwargs: Any) -> Awaitable[RecordMetadata]:
        """See Producer.send."""
        return await self.producer.send(*args, **kwargs)

    async def send_and_wait(self, *args: Any, **kwargs: Any) -> RecordMetadata:
        """See Producer.send_and_wait."""
        return await self.producer.send_and_wait(*args, **kwargs)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """The consumer does this."""

    async def on_rebalance(self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP]) -> None:
        """The consumer does this."""

    async def commit(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:
        """The consumer does this."""
        return True

    def key_partition(self, topic: str, key: bytes) -> TP:
        """See Producer.key_partition."""
        return self.producer.key_partition(topic, key)
