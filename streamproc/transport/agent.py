"""The agent style of streamproc: every event is a task of its own, and finishes in its own time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from faust import Stream
from faust.types import EventT


async def _at_once() -> None:
    """Nothing to wait for."""


async def each(
    stream: Stream[Any],
    handler: Callable[[EventT[Any]], Awaitable[None]],
    *,
    concurrency: int,
    opened: Callable[[], Awaitable[None]] = _at_once,
) -> None:
    """Run ``handler(event)`` as a task for every event of the stream, at most ``concurrency`` at once.

    ``opened`` is awaited before an event is taken: while it does not return, the events that are under way go on, and
    the worker can stop without waiting for any other.

    What the handler sends is bound to its event; when it returns, the event is acknowledged. When it raises, its
    sends are discarded and the transport's ``on_raise`` decides. An event whose task is cancelled is given up and will
    be delivered again; cancelling this coroutine cancels all of them.

    ::

        @app.agent(topic)
        async def score(stream):
            await each(stream, handle, concurrency=64)
    """
    free = asyncio.Semaphore(concurrency)
    tasks: set[asyncio.Task[None]] = set()

    async def work(event: EventT[Any]) -> None:
        try:
            await handler(event)
        except asyncio.CancelledError as error:
            event.app.consumer.failed(event.message, error)  # type: ignore[attr-defined]
            raise
        except Exception as error:  # noqa: BLE001 - the policy decides
            event.app.consumer.failed(event.message, error)  # type: ignore[attr-defined]
        else:
            event.ack()

    def done(task: asyncio.Task[None]) -> None:
        tasks.discard(task)
        free.release()

    try:
        await opened()
        await free.acquire()
        async for event in stream.noack().events():
            # The task copies this context, in which Faust has just made the event the current one.
            task = asyncio.get_running_loop().create_task(work(event))
            tasks.add(task)
            task.add_done_callback(done)
            await free.acquire()
            await opened()
    finally:
        for task in tasks:
            task.cancel()
