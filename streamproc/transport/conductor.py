"""Faust's conductor: from a record to the streams that read its topic."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

from faust.exceptions import KeyDecodeError, ValueDecodeError
from faust.transport import base
from faust.types import TP
from faust.types.transports import ConsumerCallback

from streamproc.transport.message import Delivery

if TYPE_CHECKING:
    from streamproc.transport.consumer import Consumer


class Conductor(base.Conductor):
    """Hands an event to every stream of its topic.

    It differs from Faust's in three ways. A stream's queue is never full: the driver bounds what is in flight itself.
    Events are kept alive until their outcomes are committed (``current_event`` refers to them weakly). And an event
    that cannot be decoded goes the way of an agent that raises, instead of being acknowledged.
    """

    async def deliver(self, message: Delivery) -> None:
        """Hand an event to the streams of its partition."""
        handler = self._tp_to_callback.get(message.tp)
        if handler is None:  # the table is being made anew, under its lock
            async with self._tp_to_callback_lock:
                handler = self._tp_to_callback[message.tp]
        await handler(message)

    def _build_handler(self, tp: TP, channels: Any) -> ConsumerCallback:
        acquire_flow_control: Callable[[], Awaitable[None]] = self.app.flow_control.acquire
        consumer = cast("Consumer", self.app.consumer)

        async def on_message(message: Delivery) -> None:
            await acquire_flow_control()
            message.refcount += len(channels)
            decoded: dict[tuple[Any, Any], Any] = {}
            try:
                for channel in channels:
                    types = channel.key_type, channel.value_type
                    if types not in decoded:
                        decoded[types] = await channel.decode(message, propagate=True)
            except (KeyDecodeError, ValueDecodeError) as error:
                consumer.failed(message, error)
                return
            message.entry.events.extend(decoded.values())
            for channel in channels:
                channel.queue.force_put_nowait(decoded[channel.key_type, channel.value_type])

        return cast(ConsumerCallback, on_message)
