"""What a user may do at the wrong time or on the wrong thread is done safely, or refused with what to do instead."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, cast
from unittest.mock import Mock

import faust
import pytest
from faust.types import TP
from support.holes import hole

from streamproc.transport import Transport, TransportError, TransportSettings
from streamproc.transport.flight.entries import Assignment, Entry
from streamproc.transport.flight.loose import Loose
from streamproc.transport.flight.progress import Progress
from streamproc.transport.flight.sendable import Outcome
from streamproc.transport.surface.buffer import MOST_WAITING
from streamproc.transport.surface.consumer import Consumer
from streamproc.transport.surface.delivery import Delivery

pytestmark = hole("D7")

OTHERS = TransportSettings(ordering="unordered")


def new_app() -> Any:
    return faust.App("misuse", broker="rdkafka://127.0.0.1:1", topic_disable_leader=True)


USES: dict[str, Callable[[Transport, Any], Any]] = {
    "what is in flight": lambda transport, app: transport.ledger,
    "topics": lambda transport, app: transport.topics,
    "consumer": lambda transport, app: app.consumer,
}


@pytest.mark.parametrize("use", USES)
def test_settings_that_come_after_the_first_use_are_refused(use: str) -> None:
    app = new_app()
    transport = cast(Transport, app.transport)
    transport.settings = TransportSettings(ordering="partition")
    transport.settings = transport.settings.model_copy(update={"commit_interval": 1.0})
    USES[use](transport, app)
    with pytest.raises(TransportError, match=r"comes too late.*right after the app is made"):
        transport.settings = OTHERS
    assert transport.settings.ordering == "partition"
    transport.settings = transport.settings.model_copy()  # the same ones


async def test_so_are_those_that_come_when_a_client_has_started_to_send() -> None:
    app = new_app()
    await app.producer.start()
    try:
        with pytest.raises(TransportError, match="comes too late"):
            app.transport.settings = OTHERS
    finally:
        await app.producer.stop()


def test_sends_outside_events_are_bounded_by_the_settings() -> None:
    transport = cast(Transport, new_app().transport)
    transport.settings = TransportSettings(max_in_flight=2)
    loose = transport.ledger.loose
    for _ in range(2):
        assert not loose.full
        loose.add(Loose(Outcome("out", None, b"", None, None, None), Mock()))
    assert loose.full


async def test_an_acknowledgement_on_another_thread_is_handed_over_to_the_event_loop() -> None:
    consumer = cast(Consumer, new_app().consumer)
    consumer.desk.loop = asyncio.get_running_loop()
    consumer._cycle = Mock()
    assignment = Assignment(TP("in", 0), Progress.at(0))
    threads: list[int] = []

    def finished(_: Entry, *, forget: bool) -> tuple[Entry, ...]:
        assert forget
        threads.append(threading.get_ident())
        return ()

    calls: list[Callable[[Delivery], bool]] = [acknowledge, acknowledge_on_another_loop, acknowledge]
    for offset, call in enumerate(calls):
        nothing = Mock(return_value=None)
        record = Mock(offset=Mock(return_value=offset), error=nothing, headers=nothing)
        await consumer.inbox.admit([(assignment, record, 0)])
        entry = assignment.entries[offset]
        message = Delivery(consumer.desk, entry)
        entry.hand_over(message)
        message.refcount = 1
        finish = Mock(side_effect=finished)
        consumer.ledger.finish = finish  # type: ignore[method-assign]
        if offset < 2:
            assert await asyncio.to_thread(call, message) is False
            await asyncio.sleep(0)
        else:
            assert call(message) is True
        finish.assert_called_once_with(entry, forget=True)
    assert threads == [threading.get_ident()] * 3


def acknowledge(message: Delivery) -> bool:
    return message.ack(None)


def acknowledge_on_another_loop(message: Delivery) -> bool:
    async def on_it() -> bool:
        return acknowledge(message)

    return asyncio.run(on_it())


async def test_sends_that_cannot_be_awaited_are_bounded() -> None:
    buffer, send = new_app().producer.buffer, Mock()
    for _ in range(MOST_WAITING):
        buffer.put(send)
    with pytest.raises(TransportError, match="await send"):
        buffer.put(Mock())
