"""The events that a test deals out to one agent, topics to send to, and what the agent did: sent, acknowledged, raised.

For tests of an agent by itself: no Faust app, no desk of the transport's. It binds nothing to transactions and refuses
nothing by itself. What the transport makes of sends, acknowledgements and raises is the matter of
``support.memory_worker``, which passes the whole of ``support.conformance``; this passes those of its behaviours in
which no agent raises.
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


class ScriptedTopic:
    """A topic of Faust's, as far as sending goes."""

    def __init__(self, stream: ScriptedStream, name: str) -> None:
        self._stream = stream
        self.name = name

    def get_topic_name(self) -> str:
        """Its name."""
        return self.name

    async def send(self, *, key: bytes | None = None, value: bytes | None, headers: Any = ()) -> None:
        """Keep the record."""
        self._stream.sent.append(Sent(self.name, key, value, dict(headers)))


@dataclass(eq=False)
class ScriptedMessage:
    """A record that Kafka delivered, as Faust's message."""

    desk: ScriptedStream
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Any = None
    record: Any = field(default_factory=lambda: SimpleNamespace(timestamp=lambda: (TIMESTAMP_CREATE_TIME, 1)))


class ScriptedStream:
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
        return ScriptedTopic(self, name)

    def deliver(self, value: bytes | None, key: bytes | None = b"key", headers: Any = None) -> Any:
        """The next record of partition 0; its event."""
        message = ScriptedMessage(self, self._topic, 0, self._next, key, value, headers)
        self._next += 1
        event = ScriptedEvent(message)
        self._delivered.put_nowait(event)
        return event

    @property
    def as_fausts(self) -> Any:
        """Itself, as what the agent's ``run`` is given: a stream of Faust's, by its type."""
        return self

    def noack(self) -> ScriptedStream:
        """Of the stream."""
        return self

    async def events(self) -> AsyncIterator[Any]:
        """Of the stream."""
        while True:
            yield await self._delivered.get()

    def ack(self, delivery: ScriptedMessage) -> None:
        """The agent is done with it."""
        self.acked.append(delivery.offset)

    def fail(self, delivery: ScriptedMessage, error: BaseException) -> None:
        """The agent raised on it, or gave it up."""
        self.raised.append((delivery.offset, error))


class ScriptedEvent:
    """Faust's event."""

    def __init__(self, message: ScriptedMessage) -> None:
        self.message = message
        self.key, self.value = message.key, message.value

    def ack(self) -> None:
        """The agent is done with it."""
        self.message.desk.ack(self.message)


async def until(condition: Callable[[], object]) -> None:
    """Let the event loop go on until the condition holds, for a minute at most."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - whatever changes it, it is seen
            await asyncio.sleep(0.001)
