"""Faust's conductor: from a record to the streams that read its topic."""

from __future__ import annotations

import asyncio
from typing import Any

from faust.exceptions import KeyDecodeError, ValueDecodeError
from faust.transport import base
from faust.types import TP, EventT

from streamproc.transport.surface.checks import check_topic
from streamproc.transport.surface.decoding import Decode, decoder
from streamproc.transport.surface.delivery import Delivery
from streamproc.transport.surface.seams import put


class Conductor(base.Conductor):
    """Hands an event to every stream of its topic.

    It differs from Faust's in four ways. A stream's queue is never full: the driver bounds what is in flight itself.
    Events are kept alive until their outcomes are committed (``current_event`` refers to them weakly). An event that
    cannot be decoded goes the way of an agent that raises, instead of being acknowledged. And a channel that no
    stream iterates over (Faust registers some) gets nothing, since nobody would acknowledge it.
    """

    #: A new topic is read after so many seconds; Faust's 45 spare it rebalances, which are cheap here.
    _resubscribe_sleep_lock_seconds = 1.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._handlers: dict[TP, _Handler] = {}

    def add(self, topic: Any) -> None:
        """Read a topic.

        Raises:
            Unsupported: topics by a pattern.
        """
        check_topic(topic)
        super().add(topic)

    def _update_callback_map(self) -> None:
        # Faust's own way in, for a client's replies and for messages that no partition of ours delivered.
        super()._update_callback_map()
        if self.app.client_only:
            return
        self._handlers = {tp: _Handler(self.app, channels) for tp, channels in self._tp_index.items()}

    def deliver(self, message: Delivery) -> None:
        """Decode a record and put its event into the queue of every stream that reads its topic."""
        self._handlers[message.entry.assignment.tp](message)


class _Handler:
    """What becomes of the records of one partition."""

    def __init__(self, app: Any, channels: Any) -> None:
        self._loop = asyncio.get_running_loop()
        self._decoding: set[asyncio.Task[None]] = set()
        self._channels = [channel for channel in channels if channel.is_iterator]
        #: Channels that understand a record in the same way share an event.
        alike: dict[tuple[Any, ...], list[Any]] = {}
        for channel in self._channels:
            alike.setdefault((channel.key_type, channel.value_type, type(channel.schema)), []).append(channel)
        self._ways: list[tuple[Decode | None, list[Any]]] = [(decoder(app, same[0]), same) for same in alike.values()]
        self._queues: list[list[Any]] = [[channel.queue for channel in same] for same in alike.values()]
        self._coroutines = any(decode is None for decode, _ in self._ways)
        #: The usual case: one stream reads the topic, and its events are made without waiting.
        self._decode = self._ways[0][0] if len(self._channels) == 1 else None
        self._queue: Any = self._channels[0].queue if self._decode else None

    def __call__(self, message: Delivery) -> None:
        if self._decode is not None:
            message.refcount = 1
            try:
                event = self._decode(message)
            except (KeyDecodeError, ValueDecodeError) as error:
                message.desk.fail(message, error)
                return
            message.entry.keep((event,))
            put(self._queue, event)
            return
        message.refcount = len(self._channels)
        if not self._channels:
            message.desk.ack(message)
        elif self._coroutines:
            task = self._loop.create_task(self._decode_slowly(message))
            self._decoding.add(task)
            task.add_done_callback(self._decoding.discard)
        else:
            try:
                events = [decode(message) for decode, _ in self._ways if decode is not None]
            except (KeyDecodeError, ValueDecodeError) as error:
                message.desk.fail(message, error)
            else:
                self._put(message, events)

    def _put(self, message: Delivery, events: list[EventT[Any]]) -> None:
        message.entry.keep(events)
        for event, queues in zip(events, self._queues, strict=True):
            for queue in queues:
                put(queue, event)

    async def _decode_slowly(self, message: Delivery) -> None:
        try:
            events = [await channels[0].decode(message, propagate=True) for _, channels in self._ways]
        except Exception as error:  # noqa: BLE001 - a schema of the app's own may raise anything
            message.desk.fail(message, error)
        else:
            if message.current:
                self._put(message, events)
