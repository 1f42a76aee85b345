"""Publishing events: typed, checked before they leave, confirmed by Kafka."""

from __future__ import annotations

import asyncio
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NamedTuple, Self, TypeVar

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streamproc.client.closing import Closing
from streamproc.client.connection import Connection, RegistryConnection, connection_argument, text_argument
from streamproc.client.spans import SendingSpan
from streamproc.client.start import check_topics, naming_the_registry, refuse_in_asynchronous_code
from streamproc.contracts.cloudevents import Headers, event_headers
from streamproc.contracts.codec import Encoder
from streamproc.contracts.registry import Registry
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.kafka.refusals import CLIENT, Refusals, misconfigured

E = TypeVar("E")

_POLL_SECONDS = 0.1
_DELIVERY_MS = 60_000
_FULL_QUEUE_WAIT = 0.01
_TOO_LARGE = KafkaError.MSG_SIZE_TOO_LARGE


@dataclass(frozen=True, slots=True)
class Receipt:
    """Kafka's confirmation: the record is on all in-sync replicas. A result's ``source`` is equal to it."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class _Outgoing:
    """A record to be sent, and the span of its sending."""

    key: bytes
    value: bytes
    headers: Headers
    span: SendingSpan


class About(NamedTuple):
    """What the record of an event says of it: the key, and CloudEvents' type, id, subject and time."""

    key: str
    type: str
    id: str
    subject: str
    time: datetime


class EventPublisher(Closing, ABC, Generic[E]):
    """Publishes events of one kind in order of ``send``, those of a key to one partition.

    Use it as a context manager, ``with`` or ``async with``; one publisher serves all threads of a process. Records
    are batched and sent by an idempotent producer: none is lost or doubled by its retries, which end after a minute.

    Args:
        connection: where Kafka and the registry are.
        source: who publishes, as a URI reference, for example "/reading-app"; CloudEvents' source.
        topic: where to.
        encoder: makes the encoder of the events.

    Raises:
        StreamprocError: on entering, within ten seconds: KAFKA_UNAVAILABLE, KAFKA_REFUSED, TOPIC_MISSING,
            REGISTRY_UNAVAILABLE, or that the schema is missing.
        RuntimeError: on entering ``with`` in asynchronous code, where ``async with`` is right.
        TypeError, ValueError: an argument is not what it must be.
    """

    def __init__(
        self, connection: Connection, source: str, topic: str, encoder: Callable[[Registry, str], Encoder[E]]
    ) -> None:
        connection_argument(connection)
        text_argument("source", source)
        text_argument("topic", topic)
        self._connection = connection
        self._source = source
        self._topic = topic
        self._registry = Registry(RegistryConnection.of(connection))
        self._encoder = encoder(self._registry, topic)
        self._producer: Producer | None = None
        self._poller: threading.Thread | None = None
        self._closing = threading.Event()
        self._refusals = Refusals(CLIENT)
        self._was_let_in = False

    invalid: ErrorCode
    """What an event is refused with that is too large."""

    @abstractmethod
    def about(self, event: E) -> About:
        """What the record says of an event; raises what ``send`` raises for one that breaks a rule."""

    def send(self, event: E, *, traceparent: str | None = None) -> Future[Receipt]:
        """Queue an event; the future is done when Kafka has confirmed or refused it.

        Waits while the producer's queue is full. In asynchronous code await ``publish`` instead.

        Args:
            event: what to publish.
            traceparent: W3C trace context; default: that of the current OpenTelemetry span, if there is one.

        Raises:
            StreamprocError: at once, with every problem that a worker would find; the future raises KAFKA_UNAVAILABLE,
                or KAFKA_REFUSED with the reason.
            TypeError: it is no such event, or ``traceparent`` no text.
        """
        outgoing = self._outgoing(event, traceparent)
        while (future := self._queue(outgoing)) is None:
            time.sleep(_FULL_QUEUE_WAIT)
        return future

    async def publish(self, event: E, *, traceparent: str | None = None) -> Receipt:
        """``send`` and wait for Kafka's confirmation; a cancelled wait does not recall the event."""
        outgoing = self._outgoing(event, traceparent)
        while True:
            future = self._queue(outgoing)
            if future is not None:
                return await asyncio.shield(asyncio.wrap_future(future))
            await asyncio.sleep(_FULL_QUEUE_WAIT)

    def close(self) -> None:
        """Wait until everything that was sent is confirmed or refused, then disconnect."""
        if self._producer is not None:
            try:
                self._producer.flush()
            finally:
                self._closing.set()
                assert self._poller is not None
                self._poller.join()
                self._producer = None

    def __enter__(self) -> Self:
        refuse_in_asynchronous_code("async with")
        self._open()
        try:
            asyncio.run(self._look_up_schema())
        except BaseException:
            self.close()
            raise
        return self

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._open)
        try:
            await self._look_up_schema()
        except BaseException:
            await asyncio.to_thread(self.close)
            raise
        return self

    async def _look_up_schema(self) -> None:
        try:
            with naming_the_registry():
                await self._encoder.start()
        finally:
            await self._registry.close()

    def _open(self) -> None:
        self._closing.clear()
        settings: dict[str, Any] = {
            "bootstrap.servers": self._connection.bootstrap_servers,
            "enable.idempotence": True,
            "compression.type": "zstd",
            "linger.ms": 20,
            "delivery.timeout.ms": _DELIVERY_MS,
            "log_level": 0,
            "error_cb": self._refusals.heard,
            **self._connection.kafka,
        }
        try:
            self._producer = Producer(settings)
        except KafkaException as error:
            raise misconfigured(error.args[0], CLIENT) from None
        self._poller = threading.Thread(target=self._poll, name="event-publisher", daemon=True)
        self._poller.start()
        try:
            check_topics(self._producer, [self._topic], self._refusals, self._connection.bootstrap_servers)
        except BaseException:
            self.close()
            raise

    def _poll(self) -> None:
        """Serve delivery reports, in a thread of its own: callers may be busy."""
        producer = self._producer
        assert producer is not None
        while not self._closing.is_set():
            try:
                producer.poll(_POLL_SECONDS)
            except (KafkaException, SystemError) as error:
                # A fatal error comes here instead of to the callback, and confluent-kafka may trip over it. What waits
                # fails with it; what is sent later is refused by the producer itself.
                told = error.args[0]
                fatal = told if isinstance(told, KafkaError) else KafkaError(KafkaError._FATAL, str(told), fatal=True)
                self._refusals.heard(fatal)
                producer.purge()
            if self._refusals.shut_out and not self._was_let_in:
                # A wrong password does not become right within a minute. Later it may: a broker's restart looks alike.
                producer.purge()

    def _outgoing(self, event: E, traceparent: str | None) -> _Outgoing:
        about = self.about(event)
        if traceparent is not None:
            text_argument("traceparent", traceparent)
        if self._producer is None:
            raise RuntimeError("the publisher is closed: use it inside 'with'")
        headers = event_headers(about.type, about.id, self._source, about.subject, about.time)
        value = self._encoder.encode(event)
        span = SendingSpan(self._topic, len(value), traceparent)
        return _Outgoing(about.key.encode(), value, headers + span.headers, span)

    def _queue(self, outgoing: _Outgoing) -> Future[Receipt] | None:
        """Hand a record to the producer; None while its queue is full."""
        if self._producer is None:
            raise RuntimeError("the publisher is closed: use it inside 'with'")
        future: Future[Receipt] = Future()

        def confirm(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                outgoing.span.failed(error.name())
                future.set_exception(self._refusals.failure(error, self._topic))
            else:
                self._was_let_in = True
                place: tuple[Any, Any, Any] = (message.topic(), message.partition(), message.offset())
                outgoing.span.confirmed(*place[1:])
                future.set_result(Receipt(*place))

        # A future that somebody cancels must not fail in the callback.
        future.set_running_or_notify_cancel()
        try:
            headers: Any = outgoing.headers  # The type of lists is invariant.
            self._producer.produce(self._topic, outgoing.value, outgoing.key, on_delivery=confirm, headers=headers)
        except BufferError:
            return None
        except KafkaException as error:
            outgoing.span.failed(error.args[0].name())
            code = self.invalid if error.args[0].code() == _TOO_LARGE else ErrorCode.KAFKA_UNAVAILABLE
            raise StreamprocError(code, f"{len(outgoing.value)} bytes: {error.args[0].str()}") from error
        return future
