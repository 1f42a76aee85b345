"""The consumer of a client-only app: it reads the replies to what it asked, and belongs to no group."""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, cast

import confluent_kafka
from confluent_kafka import OFFSET_BEGINNING, TopicPartition
from faust.app.base import App
from faust.transport import base
from faust.types import TP
from faust.types.tuples import Message
from mode import Service

from streamproc.transport.codes import READER_ENDS
from streamproc.transport.errors import TransportError, Unsupported
from streamproc.transport.headers import headers_of
from streamproc.transport.shared import Shared
from streamproc.transport.surface.seams import fail_replies, until_stopped

logger = logging.getLogger(__name__)

_POLL_S = 0.1


class ClientConsumer(base.Consumer):
    """Reads partition 0 of each topic from its start: a client's reply topic is its own, and new."""

    transport: Shared
    logger = logger

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._topics: set[str] = set()
        self._changed = threading.Event()
        self._closed = threading.Event()
        self._arrived: asyncio.Queue[Any] = asyncio.Queue()

    async def on_start(self) -> None:
        """Start to read."""
        threading.Thread(target=self._run, name="rdkafka-client", daemon=True).start()

    async def on_stop(self) -> None:
        """End the thread."""
        self._closed.set()

    def _run(self) -> None:
        settings = self.transport.settings_in_force()
        config = settings.client(self.transport.servers) | {
            "group.id": f"client-{uuid.uuid4()}",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
        try:
            self._read(confluent_kafka.Consumer(config))
        except Exception as error:  # noqa: BLE001 - whatever ends this thread, those who wait for a reply must hear of it
            self.loop.call_soon_threadsafe(self._fail, error)

    def _read(self, consumer: confluent_kafka.Consumer) -> None:
        assigned: set[str] = set()
        try:
            while not self._closed.is_set():
                if self._changed.is_set():
                    self._changed.clear()
                    new = self._topics - assigned
                    assigned |= new
                    consumer.incremental_assign([TopicPartition(topic, 0, OFFSET_BEGINNING) for topic in new])
                record = consumer.poll(_POLL_S)
                if record is None:
                    continue
                if (error := record.error()) is not None:
                    if error.fatal() or error.code() in READER_ENDS:
                        raise confluent_kafka.KafkaException(error)
                    if not error.retriable():
                        logger.warning("A reply cannot be read: %s", error.str())
                    continue
                self.loop.call_soon_threadsafe(self._arrived.put_nowait, record)
        finally:
            consumer.close()

    def _fail(self, reason: Exception) -> None:
        """No reply will come any more: tell those who wait for one, and those who ask later."""
        error = TransportError(f"Replies cannot be read any more, start the client again: {reason}")
        logger.error("%s", error)
        fail_replies(cast(App, self.app), error)

    @Service.task
    async def _deliver(self) -> None:
        while not self.should_stop:
            record = await self._arrived.get()
            message = self._to_message(TP(record.topic(), record.partition()), record)
            await self.callback(message)

    def _to_message(self, tp: TP, record: Any) -> Any:
        kind, timestamp = record.timestamp()
        return Message(
            tp.topic,
            tp.partition,
            record.offset(),
            timestamp / 1000.0 if kind else 0.0,
            kind,
            headers_of(record),  # type: ignore[arg-type]  # Faust's type leaves out headers without a value
            record.key(),
            record.value(),
            None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Read these topics too."""
        self._topics |= set(topics)
        self._changed.set()

    def assignment(self) -> set[TP]:
        """No group gives this consumer anything."""
        return set()

    async def create_topic(self, topic: str, partitions: int, replication: int, **kwargs: Any) -> None:
        """Create a topic; one that exists is left as it is."""
        await self.app.producer.create_topic(topic, partitions, replication, **kwargs)

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Nothing to commit."""
        return True

    async def wait_empty(self) -> None:
        """Nothing is waited for."""

    @Service.task
    async def _commit_handler(self) -> None:
        """Nothing to commit."""

    @Service.task
    async def _commit_livelock_detector(self) -> None:
        """Nothing to commit."""

    async def _drain_messages(self, fetcher: Any) -> None:
        await until_stopped(fetcher)

    def topic_partitions(self, topic: str) -> int | None:
        """How many partitions a topic has."""
        return self.transport.topics.partitions(topic)

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """Where a record goes; None: the producer chooses."""
        return partition

    def close(self) -> None:
        """Stopping does this."""

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """There is no committed position."""
        return {}

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Not with this driver."""
        raise Unsupported("rdkafka:// cannot seek")

    async def _seek(self, partition: TP, offset: int) -> None:
        raise Unsupported("rdkafka:// cannot seek")

    async def position(self, tp: TP) -> int | None:
        """Unknown."""
        return None

    def highwater(self, tp: TP) -> int:
        """Unknown."""
        return 0

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """Only tables ask."""
        raise TransportError("a client has no tables")

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """Only tables ask."""
        raise TransportError("a client has no tables")

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        return True

    async def _getmany(self, active_partitions: Any, timeout: float) -> Any:  # noqa: ASYNC109
        raise NotImplementedError

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)
