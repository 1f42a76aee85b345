"""Every private member of Faust, mode and asyncio that this driver relies on.

Members of other objects are reached for here and nowhere else. ``INHERITED`` names those that our subclasses call or
override under ``self``. Each has a test (tests/unit/transport/surface/test_seams.py) that fails on the version that
changes it.
"""

from __future__ import annotations

# _get_running_loop is cheaper than what raises where there is none.
from asyncio import _get_running_loop as running_loop
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import faust
from faust.agents import Agent, ReplyConsumer
from faust.agents.replies import BarrierState
from faust.app.base import App
from faust.streams import _current_event as current_event_ref
from faust.tables import TableManager
from faust.transport import base
from faust.transport.producer import ProducerBuffer
from faust.types import TP, ChannelT
from faust.windows import _PyHoppingWindow as PlainHoppingWindow

__all__ = [
    "INHERITED",
    "NOTHING",
    "ChannelSource",
    "Inherited",
    "PlainHoppingWindow",
    "current_event_ref",
    "fail_replies",
    "put",
    "running_loop",
    "set_active_partitions",
    "until_stopped",
    "update_assignment",
]


class Inherited(NamedTuple):
    """Private members of a class that one of ours inherits from."""

    owner: type
    #: Methods, with the parameters that they are called with or called with by Faust, ``self`` left out.
    methods: dict[str, tuple[str, ...]]
    #: Fields of an object, which ``__init__`` or the class sets.
    fields: tuple[str, ...] = ()


#: By the class of ours that uses them.
INHERITED: dict[str, Inherited] = {
    "Stream": Inherited(
        faust.Stream,
        {
            "_set_current_event": ("event",),
            "_channel_stop_iteration": ("channel",),
            "_format_key": ("key", "value"),
        },
        (
            "_active_agens",
            "_finalized",
            "_next",
            "_on_message_in",
            "_on_message_out",
            "_on_stream_event_in",
            "_on_stream_event_out",
            "_processors",
        ),
    ),
    "Agent": Inherited(Agent, {"_execute_actor": ("coro", "aref"), "_slurp": ("res", "it")}, ("_on_error",)),
    "Conductor": Inherited(base.Conductor, {"_update_callback_map": ()}, ("_tp_index",)),
    "Consumer": Inherited(
        base.Consumer,
        {
            "_set_active_tps": ("tps",),
            "_commit": ("offsets",),
            "_commit_handler": (),
            "_commit_livelock_detector": (),
            "_drain_messages": ("fetcher",),
            "_getmany": ("active_partitions", "timeout"),
            "_new_topicpartition": ("topic", "partition"),
            "_seek": ("partition", "offset"),
            "_to_message": ("tp", "record"),
        },
    ),
    "Table": Inherited(
        faust.Table,
        {
            "_to_key": ("k",),
            "_to_value": ("v",),
            "_new_store": (),
            "_relative_now": ("event",),
            "_should_expire_keys": (),
        },
        ("_changelog_deleting", "_store", "_on_changelog_event", "_sensor_on_get", "_sensor_on_set", "_sensor_on_del"),
    ),
    "TableManager": Inherited(
        TableManager, {"_update_channels": ()}, ("_tables_finalized", "_tables_registered", "_recovery")
    ),
    "Buffer": Inherited(ProducerBuffer, {"_send_pending": ("fut",)}),
}


# -- a rebalance


def set_active_partitions(consumer: base.Consumer, tps: set[TP]) -> None:
    """What flow control and Faust's own bookkeeping take for ours."""
    consumer._set_active_tps(tps)


def update_assignment(app: App, tps: set[TP]) -> tuple[set[TP], set[TP]]:
    """Note what is ours. Returns what was revoked, and what is new."""
    revoked, added = app._update_assignment(tps)
    return revoked, added


async def until_stopped(fetcher: Any) -> None:
    """Wait for Faust's fetcher to be told to stop."""
    await fetcher._stopped.wait()


# -- replies


def fail_replies(app: App, error: Exception) -> None:
    """No reply will come any more: tell those who wait for one, and those who ask later.

    Faust keeps a table of those who wait, which has no door for an error.
    """
    replies: ReplyConsumer = app._reply_consumer

    async def refuse(*_: Any) -> None:
        raise error

    replies.add = refuse  # type: ignore[assignment]
    for promise in [promise for promises in list(replies._waiting.values()) for promise in promises]:
        if not promise.done():
            promise.set_exception(error)
        if isinstance(promise, BarrierState):
            for getter in list(promise._results._getters):  # type: ignore[attr-defined]
                if not getter.done():
                    getter.set_exception(error)


# -- the queues between conductor and streams

NOTHING = object()


def put(queue: Any, event: Any) -> None:
    """Append to a queue that has no end. Its own methods count unfinished tasks, which nobody waits for."""
    queue._queue.append(event)
    if queue._getters:
        queue._wakeup_next(queue._getters)


class ChannelSource:
    """Where items come from: a channel's queue, looked into without waiting, or any asynchronous iterator."""

    def __init__(self, channel: Any) -> None:
        self._next: Callable[[], Awaitable[Any]] = channel.__anext__
        self._queue: Any = channel.queue if isinstance(channel, ChannelT) else None

    def take(self) -> Any:
        """The next item if it is there already, else NOTHING.

        Raises:
            StopAsyncIteration: the stream is told to end.
        """
        queue = self._queue
        if queue is None:
            return NOTHING
        if queue._errors:
            raise queue._errors.popleft()
        if not queue._queue:
            return NOTHING
        # The queue's own get_nowait, without four calls that nothing here depends on.
        item = queue._queue.popleft()
        if queue._putters:
            queue._wakeup_next(queue._putters)
        return item

    async def wait(self) -> Any:
        """The next item."""
        return await self._next()

    def put_back(self, items: Sequence[Any]) -> None:
        """These were taken too early."""
        if self._queue is not None:
            self._queue._queue.extendleft(reversed(items))
