"""What waits while a worker stops is told so. The brokers' address is one where nobody listens."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any, cast
from unittest.mock import Mock

import faust
import pytest
from faust.exceptions import ProducerSendError

from streamproc.transport import Transport, TransportSettings
from streamproc.transport.errors import TransportError
from streamproc.transport.kafka.listener import Listener
from streamproc.transport.kafka.poller import Poller


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address that is taken, and does not listen."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def new_poller(nobody: str) -> Poller:
    settings = TransportSettings()
    config = {"bootstrap.servers": nobody, "group.id": "g", "log_level": 0}
    return Poller(config, settings, Mock(), Mock(spec=Listener), Mock())


def error_of(future: Future[Any]) -> BaseException | None:
    return future.exception(timeout=10)


def test_a_call_to_a_consumer_that_has_ended_fails_at_once(nobody: str) -> None:
    poller = new_poller(nobody)
    poller.start()
    assert poller.call(lambda _: 7).result(10) == 7
    poller.close(10)
    assert isinstance(error_of(poller.call(lambda _: 7)), TransportError)


def test_a_call_that_waits_when_the_consumer_ends_fails(nobody: str) -> None:
    poller = new_poller(nobody)
    waiting = poller.call(lambda _: 7)  # the thread was never started
    poller.close(10)
    assert isinstance(error_of(waiting), TransportError)


def test_a_cancelled_call_does_not_end_the_consumer(nobody: str) -> None:
    poller = new_poller(nobody)
    assert poller.call(lambda _: 7).cancel()
    poller.start()
    assert poller.call(lambda _: 8).result(10) == 8
    poller.close(10)


async def test_a_client_that_stops_gives_up_what_no_broker_takes(nobody: str, caplog: pytest.LogCaptureFixture) -> None:
    app = faust.App("client", broker=f"rdkafka://{nobody}", topic_disable_leader=True)
    cast(Transport, app.transport).settings = TransportSettings(stop_timeout=0.5, librdkafka={"log_level": 0})
    producer = app.producer
    await producer.start()
    sent = await producer.send("topic", None, b"value", 0, None, None)
    await asyncio.wait_for(producer.stop(), 20)
    with pytest.raises(ProducerSendError, match="Purged"):
        await asyncio.wait_for(sent, 10)
    assert "1 sends are given up: no broker took them in time" in caplog.text


async def test_a_worker_that_is_stopped_before_it_reaches_a_broker_ends_quietly(
    nobody: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    app = faust.App(
        "worker", broker=f"rdkafka://{nobody}", processing_guarantee="exactly_once", topic_disable_leader=True
    )
    cast(Transport, app.transport).settings = TransportSettings(stop_timeout=0.5, librdkafka={"log_level": 0})
    app.in_worker = True
    consumer = app.consumer
    starting = asyncio.ensure_future(consumer.start())
    await asyncio.sleep(0.1)
    assert not starting.done()
    await asyncio.wait_for(consumer.stop(), 20)
    await asyncio.wait_for(starting, 20)
    assert "Stopped before any broker was reached" in caplog.text
    assert "Traceback" not in caplog.text
