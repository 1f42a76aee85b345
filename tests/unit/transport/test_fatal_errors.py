"""A fatal error that a poll raises reaches everybody who waits, and everybody who comes later. librdkafka is a fake."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, cast
from unittest.mock import Mock

import confluent_kafka
import faust
import pytest
from confluent_kafka import KafkaError, KafkaException
from faust.agents.replies import BarrierState, ReplyPromise
from support.holes import hole

from streamproc.client.connection import Connection
from streamproc.client.publisher import ActivityPublisher
from streamproc.client.publishing import _Outgoing
from streamproc.client.spans import SendingSpan
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.transport import TransportError
from streamproc.transport.flight.ledger import Batch
from streamproc.transport.kafka.committers import TransactionalCommitter
from streamproc.transport.kafka.verdicts import Aborted, Committed
from streamproc.transport.surface.replies import ClientConsumer

pytestmark = hole("D7")

FATAL = KafkaException(KafkaError(KafkaError._FATAL, "fenced, or out of order", fatal=True))
TRIPPED = SystemError("<method 'poll'> returned a result with an exception set")


class Dead:
    """A librdkafka client that takes records, and then only raises."""

    def __init__(self, error: Exception) -> None:
        self._error = error
        self._taken: list[Callable[..., None]] = []
        self.purged = threading.Event()

    def produce(self, *_: Any, on_delivery: Callable[..., None], **__: Any) -> None:
        self._taken.append(on_delivery)

    def poll(self, timeout: float) -> None:
        if self.purged.is_set():
            while self._taken:
                self._taken.pop()(KafkaError(KafkaError._PURGE_QUEUE), Mock())
        if self._taken:
            raise self._error

    def list_topics(self, topic: str, **_: Any) -> Any:
        return Mock(topics={topic: Mock(error=None)})

    def purge(self, *_: Any) -> None:
        self.purged.set()

    def flush(self, *_: Any) -> int:
        raise self._error

    def incremental_assign(self, *_: Any) -> None:
        raise self._error

    def close(self) -> None:
        """As librdkafka's."""


async def serving(error: Exception, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The producer of an app, with a dead librdkafka."""
    app: Any = faust.App("client", broker="rdkafka://127.0.0.1:1", topic_disable_leader=True)
    monkeypatch.setattr("streamproc.transport.surface.producer.KafkaProducer", lambda *_: Dead(error))
    await app.producer.start()
    return app.producer


@pytest.mark.parametrize("error", [FATAL, TRIPPED, RuntimeError("anything")])
async def test_sends_that_wait_fail_and_so_do_later_ones(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    producer = await serving(error, monkeypatch)
    waiting = [await producer.send("out", None, b"value", None, None, None) for _ in range(3)]
    for sent in waiting:
        with pytest.raises(TransportError, match="Kafka takes no more sends"):
            await asyncio.wait_for(sent, 5)
    with pytest.raises(TransportError, match="Kafka takes no more sends"):
        await producer.send("out", None, b"value", None, None, None)
    await asyncio.wait_for(producer.stop(), 5)


async def test_it_stops_the_worker_whose_producer_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    producer = await serving(FATAL, monkeypatch)
    producer.app.in_worker, producer.transport.on_crash = True, Mock()
    sent = await producer.send("out", None, b"value", None, None, None)
    with pytest.raises(TransportError):
        await asyncio.wait_for(sent, 5)
    ((error,), _) = producer.transport.on_crash.call_args
    assert "fenced" in str(error)
    await asyncio.wait_for(producer.stop(), 5)


@pytest.mark.parametrize("error", [FATAL, TRIPPED])
async def test_who_waits_for_a_reply_is_told_and_who_asks_later(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confluent_kafka, "Consumer", lambda _: Dead(error))
    app: Any = faust.App("asks", broker="rdkafka://127.0.0.1:1", topic_disable_leader=True)
    app.client_only = True
    consumer = app.consumer
    assert isinstance(consumer, ClientConsumer)
    promise, barrier = ReplyPromise("replies", "1"), BarrierState("replies")
    app._reply_consumer._waiting["1"].add(promise)
    app._reply_consumer._waiting["2"].add(barrier)

    async def read_replies() -> list[Any]:
        return [reply async for reply in barrier.iterate()]

    reading = asyncio.ensure_future(read_replies())
    await asyncio.sleep(0)
    await consumer.subscribe(["replies"])
    await consumer.on_start()
    for waits in (promise, barrier, reading):
        with pytest.raises(TransportError, match="Replies cannot be read any more"):
            await asyncio.wait_for(waits, 5)
    with pytest.raises(TransportError, match="Replies cannot be read any more"):
        await app._reply_consumer.add("3", ReplyPromise("replies", "3"))
    await consumer.on_stop()


@pytest.mark.parametrize("error", [FATAL, TRIPPED])
def test_what_a_publisher_has_queued_fails(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamproc.client.publishing.Producer", lambda _: Dead(error))
    publisher = ActivityPublisher(
        Connection(bootstrap_servers="127.0.0.1:1", registry_url="http://127.0.0.1:1"), source="test"
    )
    publisher._open()
    outgoing = _Outgoing(b"k", b"v", [], SendingSpan("activities", 1, None))
    future = cast(Any, publisher._queue(outgoing))
    with pytest.raises(StreamprocError) as told:
        future.result(5)
    assert told.value.code is ErrorCode.KAFKA_UNAVAILABLE
    assert (cast(Any, publisher._poller)).is_alive()
    publisher._closing.set()


@pytest.mark.parametrize("error", [FATAL, TRIPPED])
def test_a_transaction_that_is_committed_stays_so_and_the_producer_is_replaced(error: Exception) -> None:
    committer = TransactionalCommitter({}, Mock(), lambda: False)
    committer._producer = producer = Mock(flush=Mock(return_value=0), poll=Mock(side_effect=error))
    assert committer.commit(Batch(None, [], [])) == Committed()
    assert producer.commit_transaction.called
    assert committer._producer is None


@pytest.mark.parametrize("seen", [KafkaError._PURGE_QUEUE, KafkaError._FATAL])
def test_a_fenced_transaction_says_that_it_was_fenced(seen: int) -> None:
    committer = TransactionalCommitter({}, Mock(), lambda: False)
    fenced = KafkaException(KafkaError(KafkaError._FENCED, "by a newer one", fatal=True))
    committer._producer = Mock(
        flush=Mock(side_effect=KafkaException(KafkaError(seen))), begin_transaction=Mock(side_effect=[None, fenced])
    )
    assert committer.commit(Batch(None, [], [])) == Aborted("_FENCED")
    assert committer._producer is None


def test_what_was_dropped_for_another_reason_keeps_it() -> None:
    committer = TransactionalCommitter({}, Mock(), lambda: False)
    in_one = KafkaException(KafkaError(KafkaError._STATE, "it is in a transaction"))
    dropped = KafkaException(KafkaError(KafkaError._PURGE_QUEUE))
    committer._producer = Mock(
        flush=Mock(side_effect=dropped), begin_transaction=Mock(side_effect=[None, in_one]), poll=Mock()
    )
    assert committer.commit(Batch(None, [], [])) == Aborted("_PURGE_QUEUE")
