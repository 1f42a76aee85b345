"""Reading results: typed, committed ones only, from where the group left off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Generic, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message

from streamproc.client.connection import Connection, RegistryConnection
from streamproc.contracts import events as v1
from streamproc.contracts import events_v2 as v2
from streamproc.contracts.casts import downcast, upcast
from streamproc.contracts.codec import ResultDecoder, ResultDecoderV2
from streamproc.contracts.registry import Registry
from streamproc.errors import ErrorCode, StreamprocError

T = TypeVar("T")

_BATCH = 500
_POLL_SECONDS = 0.2


class _Subscriber(Generic[T]):
    """Iterates over results, with ``for`` or with ``async for``, until it is closed or the loop is left.

    A result counts as done when the loop asks for the next one; a group that comes back goes on after the last one
    that was done, and may see again what was under way when it crashed: a result's ``source`` identifies it. Results
    that any minor version wrote come as the newest type.
    """

    def __init__(
        self,
        connection: Connection,
        group_id: str,
        topic: str,
        decode: Callable[[Registry], Callable[[bytes | None], Any]],
        cast: Callable[[Any], T],
    ) -> None:
        self._connection = connection
        self._group_id = group_id
        self._topic = topic
        self._decode = decode
        self._cast = cast
        self._closed = False

    def close(self) -> None:
        """End the iteration, from any thread."""
        self._closed = True

    def __iter__(self) -> Iterator[T]:
        consumer, registry = self._open()
        decode = self._decode(registry)
        try:
            with asyncio.Runner() as runner:
                try:
                    while not self._closed:
                        for message in consumer.consume(_BATCH, _POLL_SECONDS):
                            yield runner.run(self._result_of(decode, message))
                            _store(consumer, message)
                            if self._closed:
                                break
                finally:
                    runner.run(registry.close())
        finally:
            consumer.close()

    async def __aiter__(self) -> AsyncIterator[T]:
        consumer, registry = self._open()
        decode = self._decode(registry)
        try:
            while not self._closed:
                for message in await asyncio.to_thread(consumer.consume, _BATCH, _POLL_SECONDS):
                    yield await self._result_of(decode, message)
                    _store(consumer, message)
                    if self._closed:
                        break
        finally:
            # Closing commits and leaves the group: a moment's blocking, but it happens even when cancelled.
            consumer.close()
            await registry.close()

    def _open(self) -> tuple[Consumer, Registry]:
        consumer = Consumer(
            {
                "bootstrap.servers": self._connection.bootstrap_servers,
                "group.id": self._group_id,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "enable.auto.offset.store": False,
                "partition.assignment.strategy": "cooperative-sticky",
                "log_level": 0,
                **self._connection.kafka,
            }
        )
        consumer.subscribe([self._topic])
        return consumer, Registry(RegistryConnection.of(self._connection))

    async def _result_of(self, decode: Callable[[bytes | None], Any], message: Message) -> T:
        error = message.error()
        if error is not None:
            unknown = error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART
            code = ErrorCode.TOPIC_MISSING if unknown else ErrorCode.KAFKA_UNAVAILABLE
            raise StreamprocError(code, f"{self._topic}: {error.str()}")
        return self._cast(await decode(message.value()))


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
    """

    def __init__(
        self, connection: Connection, group_id: str, topic: str = "reading.result.v1", *, major: int = 1
    ) -> None:
        if major == 1:
            super().__init__(connection, group_id, topic, lambda registry: ResultDecoder(registry).decode, _same)
        else:
            super().__init__(connection, group_id, topic, lambda registry: ResultDecoderV2(registry).decode, downcast)


class ResultSubscriberV2(_Subscriber[v2.Result]):
    """Iterates over results as ``events_v2.Result``; the arguments are those of ``ResultSubscriber``."""

    def __init__(
        self, connection: Connection, group_id: str, topic: str = "reading.result.v2", *, major: int = 2
    ) -> None:
        if major == 1:
            super().__init__(connection, group_id, topic, lambda registry: ResultDecoder(registry).decode, upcast)
        else:
            super().__init__(connection, group_id, topic, lambda registry: ResultDecoderV2(registry).decode, _same)


def _same(result: T) -> T:
    return result
