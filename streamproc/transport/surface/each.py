"""The agent style of streamproc: every event is worked on by a task, and finishes in its own time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from contextvars import copy_context
from typing import Any

from faust import Stream
from faust.types import EventT

from streamproc.transport.surface.delivery import Delivery


async def _at_once() -> None:
    """Nothing to wait for."""


async def each(
    stream: Stream[Any],
    handler: Callable[[EventT[Any]], Coroutine[Any, Any, None]],
    *,
    concurrency: int,
    opened: Callable[[], Awaitable[None]] = _at_once,
) -> None:
    """Run ``handler(event)`` for every event of the stream, at most ``concurrency`` at once.

    ``opened`` is awaited before an event is taken: while it does not return, the events that are under way go on, and
    the worker can stop without waiting for any other.

    What the handler sends is bound to its event; when it returns, the event is acknowledged. When it raises, its
    sends are discarded and the transport's ``on_raise`` decides. Each call has a context of its own (contextvars), and
    ``asyncio.current_task()`` is its own while it runs. An event whose call is cancelled is given up and will be
    delivered again; cancelling this coroutine cancels all of them.

    ::

        @app.agent(topic)
        async def score(stream):
            await each(stream, handle, concurrency=64)
    """
    await _Crew(stream.noack(), handler, concurrency, opened).run()


class _Crew:
    """Tasks of which one leads: it takes the next event and works on it itself.

    Only when that work has to wait for something another task takes the lead, so handlers that never wait cost no
    task and no turn of the event loop. (The pattern leader/followers; Schmidt et al., Pattern-Oriented Software
    Architecture, volume 2.)
    """

    def __init__(
        self,
        stream: Any,
        handler: Callable[[EventT[Any]], Coroutine[Any, Any, None]],
        concurrency: int,
        opened: Callable[[], Awaitable[None]],
    ) -> None:
        self._events: AsyncIterator[Any] = stream.events()
        self._handler = handler
        self._concurrency = concurrency
        self._opened = opened
        self._context = copy_context()
        self._tasks: set[asyncio.Task[None]] = set()
        #: Invariant: nobody but the leader touches the stream. None while all tasks are at work.
        self._leader: asyncio.Task[None] | None = None
        self._resting: list[tuple[asyncio.Task[None], asyncio.Future[None]]] = []
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Until the stream ends, or what it raises."""
        self._pass_the_lead()
        try:
            await self._over
        finally:
            for task in self._tasks:
                task.cancel()

    def _pass_the_lead(self) -> None:
        if self._resting:
            self._leader, rest = self._resting.pop()
            rest.set_result(None)
        elif len(self._tasks) < self._concurrency:
            loop = asyncio.get_running_loop()
            self._leader = loop.create_task(self._serve(), context=self._context.copy())
            self._tasks.add(self._leader)
            self._leader.add_done_callback(self._ended)
        else:
            self._leader = None  # whoever is done first

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        me = asyncio.current_task()
        assert me is not None
        take, opened = self._events.__anext__, self._opened
        while True:
            if opened is not _at_once:
                await opened()
            try:
                event = await take()
            except StopAsyncIteration:
                return
            delivery: Delivery = event.message
            desk = delivery.desk
            work, run, waited = self._handler(event), copy_context().run, False
            try:
                try:
                    awaited = run(work.send, None)
                except StopIteration:
                    pass
                else:
                    waited = True
                    self._pass_the_lead()
                    await _Rest(work, run, awaited)
            except asyncio.CancelledError as error:
                # Given up: it must not be waited for, and is delivered again.
                desk.fail(delivery, error)
                raise
            except Exception as error:  # noqa: BLE001 - the policy decides
                desk.fail(delivery, error)
            else:
                desk.ack(delivery)
            if waited:
                if self._leader is None:
                    self._leader = me
                else:
                    rest = loop.create_future()
                    self._resting.append((me, rest))
                    await rest

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._over.done():
            return
        if not task.cancelled():
            # Only the stream and ``opened`` end a task, and only the leader's.
            error = task.exception()
            if error is None:
                self._over.set_result(None)
            else:
                self._over.set_exception(error)
        elif self._leader is task or self._leader is None:
            # A handler was cancelled from inside, and its task with it.
            self._pass_the_lead()


class _Rest:
    """Awaited, it runs the rest of a coroutine in its own context, as a task would."""

    __slots__ = ("_awaited", "_coroutine", "_run")

    def __init__(self, coroutine: Coroutine[Any, Any, None], run: Callable[..., Any], awaited: Any) -> None:
        """``awaited``: what the coroutine waits for first."""
        self._coroutine = coroutine
        self._run = run
        self._awaited = awaited

    def __await__(self) -> Generator[Any, Any, None]:
        run, coroutine, awaited = self._run, self._coroutine, self._awaited
        try:
            while True:
                try:
                    sent = yield awaited
                except BaseException as error:  # noqa: BLE001 - the coroutine's to handle
                    awaited = run(coroutine.throw, error)
                else:
                    awaited = run(coroutine.send, sent)
        except StopIteration:
            return
