"""What an agent meets of the transport, in memory: a stream of events, topics to send to, and what became of each.

It binds nothing to transactions and refuses nothing by itself: what the transport makes of sends, acknowledgements and
raises, its own tests show.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from confluent_kafka import TIMESTAMP_CREATE_TIME


@dataclass(frozen=True)
class Sent:
    """A record that was sent."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes | None]


class DeskTopic:
    """A topic of Faust's, as far as sending goes."""

    def __init__(self, desk: Desk, name: str) -> None:
        self._desk = desk
        self.name = name

    async def send(self, *, key: bytes | None, value: bytes | None, headers: Any) -> None:
        """Keep the record."""
        self._desk.sent.append(Sent(self.name, key, value, dict(headers)))


@dataclass(eq=False)
class DeskMessage:
    """A record that Kafka delivered, as Faust's message."""

    desk: Desk
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Any = None
    record: Any = field(default_factory=lambda: SimpleNamespace(timestamp=lambda: (TIMESTAMP_CREATE_TIME, 1)))


class Desk:
    """Delivers events of one topic in order, and knows what became of them."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._delivered: asyncio.Queue[Any] = asyncio.Queue()
        self._next = 0
        self.sent: list[Sent] = []
        self.acked: list[int] = []
        self.raised: list[tuple[int, BaseException]] = []

    def topic(self, name: str) -> Any:
        """Where records can be sent to."""
        return DeskTopic(self, name)

    def deliver(self, value: bytes | None, key: bytes | None = b"key", headers: Any = None) -> Any:
        """The next record of partition 0; its event."""
        message = DeskMessage(self, self._topic, 0, self._next, key, value, headers)
        self._next += 1
        event = DeskEvent(message)
        self._delivered.put_nowait(event)
        return event

    @property
    def stream(self) -> Any:
        """What the agent's ``run`` is given."""
        return self

    def noack(self) -> Desk:
        """Of the stream."""
        return self

    async def events(self) -> AsyncIterator[Any]:
        """Of the stream."""
        while True:
            yield await self._delivered.get()

    def ack(self, delivery: DeskMessage) -> None:
        """The agent is done with it."""
        self.acked.append(delivery.offset)

    def fail(self, delivery: DeskMessage, error: BaseException) -> None:
        """The agent raised on it, or gave it up."""
        self.raised.append((delivery.offset, error))


class DeskEvent:
    """Faust's event."""

    def __init__(self, message: DeskMessage) -> None:
        self.message = message


async def until(condition: Callable[[], object]) -> None:
    """Let the event loop go on until the condition holds, for a minute at most."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - whatever changes it, it is seen
            await asyncio.sleep(0.001)
