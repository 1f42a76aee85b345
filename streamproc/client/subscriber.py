"""Reading results: typed, committed ones only, from where the group left off."""

from __future__ import annotations

import asyncio
import atexit
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, Generic, TypeVar
from weakref import WeakSet

from confluent_kafka import Consumer, KafkaError, KafkaException, Message

from streamproc.client.arrivals import Pending
from streamproc.client.connection import Connection, RegistryConnection, connection_argument, text_argument
from streamproc.client.spans import ProcessingSpan
from streamproc.client.start import check_registry, check_topics, refuse_in_asynchronous_code
from streamproc.contracts.codec import ResultDecoder
from streamproc.contracts.generated import events as v1
from streamproc.contracts.generated import events_v2 as v2
from streamproc.contracts.majors import V1, V2, Major, caster, numbered
from streamproc.contracts.registry import Registry
from streamproc.contracts.synthetic import is_synthetic
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.kafka.refusals import CLIENT, Refusals, misconfigured

T = TypeVar("T")

log = logging.getLogger("streamproc.client")

_REGISTRY_SECONDS = 60.0
"""How long a new schema is waited for; well below max.poll.interval.ms."""
_ASK_AGAIN_SECONDS = 5.0

_open: WeakSet[Generator[Any]] = WeakSet()


_ENDS_SECONDS = 10.0
"""An asynchronous iteration that was left is closed by the event loop, a moment later; the next one waits so long."""


@cache
def _close_at_exit() -> None:
    atexit.register(_close_what_is_open)


def _close_what_is_open() -> None:
    """End iterations that were left in the middle. At the interpreter's end it would be too late: it hangs then."""
    for results in list(_open):
        with suppress(ValueError):  # a thread is in it
            results.close()


class _Subscriber(Generic[T]):
    """Iterates over results, with ``for`` or with ``async for``, until it is closed or the loop is left.

    A result counts as done when the loop asks for the next one; a group that comes back goes on after the last one
    that was done, and may see again what was under way when it crashed: a result's ``source`` identifies it. Results
    that any minor version wrote come as the newest type.

    The iteration raises StreamprocError: KAFKA_UNAVAILABLE, KAFKA_REFUSED, TOPIC_MISSING, REGISTRY_UNAVAILABLE or
    RESULT_SCHEMA_MISSING at its start, within seconds; SCHEMA_UNREADABLE where this release is too old for a result;
    REGISTRY_UNAVAILABLE where a new schema has been waited for in vain, for a minute, of which the log tells. In
    asynchronous code ``for`` raises RuntimeError; so does a second iteration while one is open: both would be members
    of the group, which waits for the one that does not read. Arguments that are not what they must be: TypeError,
    ValueError.
    """

    def __init__(
        self,
        connection: Connection,
        group_id: str,
        topic: str,
        written: Major[Any],
        wanted: Major[T],
        synthetic: bool,
        *,
        continue_trace: bool,
    ) -> None:
        connection_argument(connection)
        text_argument("group_id", group_id)
        text_argument("topic", topic)
        if not connection.kafka.get("group.id", group_id):
            raise ValueError("Connection.kafka: group.id is empty")
        self._connection = connection
        self._group_id = group_id
        self._topic = topic
        self._continue_trace = continue_trace
        self._written = written
        self._cast = caster(written, wanted)
        self._synthetic = synthetic
        self._closed = False
        self._iterating = False
        self._lock = threading.Lock()
        self._refusals = Refusals(CLIENT)

    def close(self) -> None:
        """End the iteration, from any thread."""
        self._closed = True

    def __iter__(self) -> Iterator[T]:
        _close_at_exit()
        results = self._results()
        _open.add(results)
        return results

    def _results(self) -> Generator[T]:
        refuse_in_asynchronous_code("async for")
        with self._alone(), self._consumer() as consumer, asyncio.Runner() as runner:
            pending = Pending(consumer)
            self._subscribe(consumer, pending)
            registry = Registry(RegistryConnection.of(self._connection))
            decode = ResultDecoder(registry, self._topic, self._written).decode
            span = self._span()
            try:
                runner.run(check_registry(registry, self._topic))
                while not self._closed:
                    if pending.due:
                        pending.poll()
                    if (message := pending.pop()) is not None:
                        result = runner.run(self._result_of(decode, message))
                        if self._is_told(result):
                            span.begin(message)
                            yield result
                            span.end()
                        _store(consumer, message)
            finally:
                span.end()
                runner.run(registry.close())

    async def __aiter__(self) -> AsyncIterator[T]:
        with suppress(TimeoutError):
            async with asyncio.timeout(_ENDS_SECONDS):
                while self._iterating:  # noqa: ASYNC110 - another loop's may be the one that ends
                    await asyncio.sleep(0.01)
        # Leaving the executor waits for a poll that is under way: a consumer must not be closed during one.
        with self._alone(), self._consumer() as consumer, ThreadPoolExecutor(1, "result-subscriber") as executor:
            loop = asyncio.get_running_loop()
            pending = Pending(consumer)
            await loop.run_in_executor(executor, self._subscribe, consumer, pending)
            registry = Registry(RegistryConnection.of(self._connection))
            decode = ResultDecoder(registry, self._topic, self._written).decode
            span = self._span()
            try:
                await check_registry(registry, self._topic)
                while not self._closed:
                    if pending.due:
                        await loop.run_in_executor(executor, pending.poll)
                    if (message := pending.pop()) is not None:
                        result = await self._result_of(decode, message)
                        if self._is_told(result):
                            span.begin(message)
                            yield result
                            span.end()
                        _store(consumer, message)
            finally:
                span.end()
                await registry.close()

    def _is_told(self, result: Any) -> bool:
        tenant = result.activity.tenant_id if isinstance(result, v2.Result) else result.tenant
        return self._synthetic or not is_synthetic(tenant)

    def _span(self) -> ProcessingSpan:
        return ProcessingSpan(self._topic, self._group_id, continue_trace=self._continue_trace)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """The only iteration.

        Raises:
            RuntimeError: there is one already.
        """
        with self._lock:
            if self._iterating:
                raise RuntimeError(
                    "this subscriber is being iterated over already: end that iteration first, or make a subscriber "
                    "for each (in a thread or process of its own, with the same group_id, they share the work)"
                )
            self._iterating = True
        try:
            yield
        finally:
            self._iterating = False

    @contextmanager
    def _consumer(self) -> Iterator[Consumer]:
        settings: dict[str, Any] = {
            "bootstrap.servers": self._connection.bootstrap_servers,
            "group.id": self._group_id,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.auto.offset.store": False,
            "partition.assignment.strategy": "cooperative-sticky",
            # New partitions are found this much later at most; librdkafka looks every five minutes.
            "topic.metadata.refresh.interval.ms": 10_000,
            "log_level": 0,
            "error_cb": self._refusals.heard,
            **self._connection.kafka,
        }
        try:
            consumer = Consumer(settings)
        except KafkaException as error:
            raise misconfigured(error.args[0], CLIENT) from None
        try:
            yield consumer
        finally:
            # Commits what is done, and leaves the group.
            consumer.close()

    def _subscribe(self, consumer: Consumer, pending: Pending) -> None:
        check_topics(consumer, [self._topic], self._refusals, self._connection.bootstrap_servers)
        consumer.subscribe([self._topic], on_revoke=pending.forget, on_lost=pending.forget)

    async def _result_of(self, decode: Callable[[bytes | None], Any], message: Message) -> T:
        error = message.error()
        if error is not None:
            raise self._refusals.failure(error, self._topic)
        deadline = time.monotonic() + _REGISTRY_SECONDS
        while True:
            try:
                return self._cast(await decode(message.value()))
            except StreamprocError as failure:
                if failure.code is not ErrorCode.REGISTRY_UNAVAILABLE or time.monotonic() > deadline:
                    raise
                log.warning("a result waits for the schema registry: %s", failure.message)
            await asyncio.sleep(_ASK_AGAIN_SECONDS)


def _store(consumer: Consumer, message: Message) -> None:
    """Note that a result is done; it is committed with the next automatic commit, or at the end."""
    try:
        consumer.store_offsets(message)
    except KafkaException as error:
        # The partition has gone to another member, which reads this result again.
        if error.args[0].code() != KafkaError._STATE:
            raise


class ResultSubscriber(_Subscriber[v1.Result]):
    """Iterates over results as ``events.Result``.

    Args:
        connection: where Kafka and the registry are.
        group_id: the consumer group that remembers how far it has come.
        topic: where from.
        major: the major version that ``topic`` holds.
        synthetic: tell the results of synthetic activities too, which operators publish to see that readings are
            scored: they are no child's, and their tenant is ``streamproc.client.SYNTHETIC_TENANT``.
        continue_trace: the span in which a result is worked on is below the worker's; by default it is linked to it.
    """

    def __init__(
        self,
        connection: Connection,
        group_id: str,
        topic: str = V1.topic,
        *,
        major: int = V1.number,
        synthetic: bool = False,
        continue_trace: bool = False,
    ) -> None:
        super().__init__(connection, group_id, topic, numbered(major), V1, synthetic, continue_trace=continue_trace)


class ResultSubscriberV2(_Subscriber[v2.Result]):
    """Iterates over results as ``events_v2.Result``; the arguments are those of ``ResultSubscriber``."""

    def __init__(
        self,
        connection: Connection,
        group_id: str,
        topic: str = V2.topic,
        *,
        major: int = V2.number,
        synthetic: bool = False,
        continue_trace: bool = False,
    ) -> None:
        super().__init__(connection, group_id, topic, numbered(major), V2, synthetic, continue_trace=continue_trace)
