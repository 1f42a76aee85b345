"""What a stream passes on to the one behind it, by ``group_by`` or ``through``, goes with its event's time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

import faust
from mode.utils.futures import maybe_async

from streamproc.transport.flight.event_time import with_time
from streamproc.transport.surface.delivery import Delivery

#: A stream's processor.
Processor = Callable[[Any], Awaitable[Any]]


def in_its_time(
    stream: faust.StreamT[Any], topic: faust.Topic, as_faust: Any, key_of: Processor | None = None
) -> Processor:
    """The processor that passes events on to this topic.

    ``as_faust``: Faust's, for what no partition of ours has delivered. ``key_of``: an event's new key by its value;
    None: it keeps the one that it has.
    """
    name = topic.get_topic_name()

    async def pass_on(value: Any) -> Any:
        event = stream.current_event
        message: Any = None if event is None else event.message
        if event is None or not isinstance(message, Delivery) or message.timestamp < 0:
            return await maybe_async(as_faust(value))
        key = message.key if key_of is None else await key_of(value)
        headers = with_time(cast(Any, message.headers), name, round(message.timestamp * 1000))
        await event.forward(topic, key=key, headers=headers)
        return value

    return pass_on
