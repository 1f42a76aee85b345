"""What became of one's own activities: the result, or the reason for which there is none."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streamproc.client.arrivals import arrived
from streamproc.client.closing import Closing
from streamproc.client.connection import Connection, RegistryConnection, connection_argument, text_argument
from streamproc.client.publishing import Receipt
from streamproc.client.start import START_SECONDS, check_registry, check_topics, refuse_in_asynchronous_code
from streamproc.contracts.codec import ResultDecoder
from streamproc.contracts.generated.events import Result
from streamproc.contracts.majors import V1
from streamproc.contracts.registry import Registry
from streamproc.deadletter.envelope import source_of, split_headers
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.kafka.places import read_place
from streamproc.kafka.refusals import CLIENT, Refusals, misconfigured
from streamproc.transport.codes import LINK_LOST
from streamproc.transport.headers import headers_of

RESULT_TOPIC = "reading.result.v1"
DEAD_LETTER_TOPIC = "reading.activity.v1.dlq"

_BATCH = 500
_POLL_SECONDS = 0.2
_NEW_PARTITIONS_SECONDS = 30.0
_MOST_KEPT = 10_000
_MOST_KEPT_BYTES = 64 << 20
# librdkafka looks for the group's coordinator; who belongs to no group needs none.
_PASSED_OVER = LINK_LOST | {KafkaError.GROUP_AUTHORIZATION_FAILED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """An activity that has become a dead letter. Operators may replay it, as another record, when the cause is mended.

    ``code`` is the name of an ErrorCode; a worker that is newer than this client may know more of them.
    """

    source: Receipt
    """The activity, as Kafka confirmed it."""
    code: str
    stage: str
    """Where it failed: decode, audio, reference, inference, score or emit."""
    message: str
    """For people; it never holds a learner's text, audio or name."""
    fingerprint: str
    """The same for letters with the same cause."""
    letter: Receipt
    """Where the dead letter is, for an operator's ``streamproc dlq show``."""


Outcome = Result | Rejection


class OutcomeFollower(Closing):
    """Tells the outcome of each activity by its receipt. Enter it before the activities are sent.

    Use it as a context manager, ``with`` or ``async with``; one serves all threads of a process. It belongs to no
    consumer group and commits nothing. It reads both topics from where they end when it is entered, and keeps the
    last 10,000 outcomes, up to 64 MiB: ask for those of a large batch while it is being sent. What came before it was
    entered, or is kept no more, it never tells: bound every wait, by ``result(timeout)`` or ``asyncio.timeout``.

    Args:
        connection: where Kafka and the registry are.
        result_topic, dead_letter_topic: where outcomes appear; results of major version 1.

    Raises:
        StreamprocError: on entering, within seconds: KAFKA_UNAVAILABLE, KAFKA_REFUSED, TOPIC_MISSING,
            REGISTRY_UNAVAILABLE or RESULT_SCHEMA_MISSING.
        RuntimeError: on entering ``with`` in asynchronous code, where ``async with`` is right.
        TypeError, ValueError: an argument is not what it must be.
    """

    def __init__(
        self, connection: Connection, *, result_topic: str = RESULT_TOPIC, dead_letter_topic: str = DEAD_LETTER_TOPIC
    ) -> None:
        connection_argument(connection)
        text_argument("result_topic", result_topic)
        text_argument("dead_letter_topic", dead_letter_topic)
        self._connection = connection
        self._results = result_topic
        self._letters = dead_letter_topic
        self._refusals = Refusals(CLIENT)
        self._lock = threading.Lock()
        self._asked: dict[Receipt, Future[Outcome]] = {}
        self._kept: OrderedDict[Receipt, Message] = OrderedDict()
        self._kept_bytes = 0
        self._telling: set[asyncio.Future[Outcome]] = set()
        self._closing = threading.Event()
        self._failure: Exception | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._decoder: ResultDecoder[Result] | None = None

    def outcome(self, receipt: Receipt) -> Future[Outcome]:
        """The outcome of the activity that Kafka confirmed with ``receipt``, as a future that may never be done.

        The future raises what ended the follower: KAFKA_REFUSED, KAFKA_UNAVAILABLE; or SCHEMA_UNREADABLE where this
        release is too old for the result; RuntimeError when the follower is closed before.
        """
        if not isinstance(receipt, Receipt):
            raise TypeError(f"a Receipt tells the activity, not a {type(receipt).__name__}")
        with self._lock:
            if self._thread is None:
                raise RuntimeError("the follower is closed: use it inside 'with'")
            asked = self._asked.get(receipt)
            if asked is not None and not asked.cancelled():
                return asked
            future: Future[Outcome] = Future()
            if self._failure is not None:
                future.set_exception(self._failure)
                return future
            message = self._kept.get(receipt)
            self._asked[receipt] = future
        if message is not None:
            assert self._loop is not None
            self._loop.call_soon_threadsafe(self._tell, receipt, message)
        return future

    async def of(self, receipt: Receipt) -> Outcome:
        """``outcome``, awaited; a cancelled wait, for example by ``asyncio.timeout``, forgets nothing."""
        return await asyncio.shield(asyncio.wrap_future(self.outcome(receipt)))

    def close(self) -> None:
        """Stop, and tell those who still wait."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        with self._lock:
            asked, self._asked = self._asked, {}
        for future in asked.values():
            # To cancel it would look, in asynchronous code, as if the task that waits were cancelled.
            if future.set_running_or_notify_cancel():
                future.set_exception(RuntimeError("the follower was closed before the outcome came"))

    def __enter__(self) -> Self:
        refuse_in_asynchronous_code("async with")
        self._open()
        return self

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._open)
        return self

    def _open(self) -> None:
        self._closing.clear()
        self._failure = None
        began: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(began,), name="outcome-follower", daemon=True)
        self._thread.start()
        try:
            began.result()
        except BaseException:
            self.close()
            raise

    def _run(self, began: Future[None]) -> None:
        try:
            asyncio.run(self._follow(began))
        except Exception as error:  # noqa: BLE001 - told to everybody who waits
            if not began.done():
                began.set_exception(error)
                return
            with self._lock:
                self._failure = error
                asked, self._asked = self._asked, {}
            for future in asked.values():
                if not future.done():
                    future.set_exception(error)

    async def _follow(self, began: Future[None]) -> None:
        """Read both topics until the follower is closed; librdkafka blocks in threads of its own."""
        self._loop = asyncio.get_running_loop()
        consumer = self._consumer()
        registry = Registry(RegistryConnection.of(self._connection))
        self._decoder = ResultDecoder(registry, self._results, V1)
        try:
            await asyncio.to_thread(
                check_topics,
                consumer,
                [self._results, self._letters],
                self._refusals,
                self._connection.bootstrap_servers,
            )
            await check_registry(registry, self._results)
            known = await asyncio.to_thread(self._assign_new, consumer, frozenset())
            began.set_result(None)
            looked = time.monotonic()
            while not self._closing.is_set():
                for message in await asyncio.to_thread(arrived, consumer, _BATCH, _POLL_SECONDS):
                    self._take(message)
                if time.monotonic() - looked > _NEW_PARTITIONS_SECONDS:
                    known = await asyncio.to_thread(self._assign_new, consumer, known)
                    looked = time.monotonic()
        finally:
            await registry.close()
            await asyncio.to_thread(consumer.close)

    def _consumer(self) -> Consumer:
        settings: dict[str, Any] = {
            "bootstrap.servers": self._connection.bootstrap_servers,
            # librdkafka wants a name; the group is never joined, and nothing is committed.
            "group.id": f"streamproc-outcomes-{uuid.uuid4()}",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 100,
            "log_level": 0,
            "error_cb": self._refusals.heard,
            **self._connection.kafka,
        }
        try:
            return Consumer(settings)
        except KafkaException as error:
            raise misconfigured(error.args[0], CLIENT) from None

    def _assign_new(self, consumer: Consumer, known: frozenset[tuple[str, int]]) -> frozenset[tuple[str, int]]:
        """Read the partitions that there are: at first from their ends, what is added later from its beginning."""
        found = set()
        try:
            for topic in (self._results, self._letters):
                partitions = consumer.list_topics(topic, timeout=START_SECONDS).topics[topic].partitions
                found |= {(topic, partition) for partition in partitions}
            begins = [
                TopicPartition(*place, 0 if known else self._end(consumer, *place)) for place in sorted(found - known)
            ]
        except KafkaException as error:
            if known:
                return known  # asked again before long
            raise self._refusals.failure(error.args[0], self._connection.bootstrap_servers) from error
        if begins:
            consumer.incremental_assign(begins)
        return known | found

    def _end(self, consumer: Consumer, topic: str, partition: int) -> int:
        _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=START_SECONDS)
        return int(end)

    def _take(self, message: Message) -> None:
        """Give an outcome to who has asked for it, and keep it for who asks later."""
        if (error := message.error()) is not None:
            if error.code() not in _PASSED_OVER:
                raise self._refusals.failure(error, str(message.topic()))
            return
        receipt = self._receipt_of(message)
        if receipt is None:
            return
        with self._lock:
            self._kept_bytes += _size(message) - _size(self._kept.pop(receipt, None))
            self._kept[receipt] = message
            while len(self._kept) > _MOST_KEPT or self._kept_bytes > _MOST_KEPT_BYTES:
                self._kept_bytes -= _size(self._kept.popitem(last=False)[1])
            asked = receipt in self._asked
        if asked:
            self._tell(receipt, message)

    def _receipt_of(self, message: Message) -> Receipt | None:
        """Whose outcome it is, by its headers alone: most outcomes are other publishers'."""
        headers = headers_of(message) or []
        if message.topic() == self._letters:
            source = source_of(split_headers(headers)[1])
            return None if source is None else Receipt(source.topic, source.partition, source.offset)
        place = read_place((dict(headers).get("ce_id") or b"").decode(errors="replace"))
        return None if place is None else Receipt(*place)

    def _tell(self, receipt: Receipt, message: Message) -> None:
        task = asyncio.ensure_future(self._outcome_of(receipt, message))
        self._telling.add(task)  # the loop itself would forget it
        task.add_done_callback(lambda done: self._told(receipt, done))

    def _told(self, receipt: Receipt, done: asyncio.Future[Outcome]) -> None:
        self._telling.discard(done)
        with self._lock:
            future = self._asked.pop(receipt, None)
        if future is None or done.cancelled() or not future.set_running_or_notify_cancel():
            return
        if (error := done.exception()) is not None:
            future.set_exception(error)
        else:
            future.set_result(done.result())

    async def _outcome_of(self, receipt: Receipt, message: Message) -> Outcome:
        place: tuple[Any, Any, Any] = (message.topic(), message.partition(), message.offset())
        if message.topic() == self._letters:
            _, error = split_headers(headers_of(message))
            return Rejection(
                source=receipt,
                code=error.get("code", ErrorCode.UNEXPECTED.name),
                stage=error.get("stage", ""),
                message=error.get("message", ""),
                fingerprint=error.get("fingerprint", ""),
                letter=Receipt(*place),
            )
        assert self._decoder is not None
        while True:
            try:
                return await self._decoder.decode(message.value())
            except StreamprocError as failure:
                if failure.code is not ErrorCode.REGISTRY_UNAVAILABLE:
                    raise
            await asyncio.sleep(1.0)


def _size(message: Message | None) -> int:
    return 0 if message is None else len(message.value() or b"")
