"""What a worker does about the control topic: read to its end before the start, and go on reading while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog
from confluent_kafka import Message

from streamproc.contracts.registry import Registry
from streamproc.errors import StreamprocError
from streamproc.routing.control import ControlChange, ControlState
from streamproc.routing.log import ControlLog
from streamproc.routing.reading import ControlFold
from streamproc.settings import Settings

T = TypeVar("T")

log = structlog.get_logger(__name__)

POLL_S = 1.0
"""Seconds that one wait for a record takes; closing waits for it."""

LOOK_AGAIN_S = 30.0
"""Seconds from one look for a topic that is not there, or after a failure, to the next."""


class ControlFollower:
    """One worker's own reader of the control topic. Belongs to one event loop."""

    def __init__(self, settings: Settings, registry: Registry) -> None:
        self._settings = settings
        self._fold = ControlFold(registry, settings.kafka.control_topic)
        # A thread of its own: it waits for records all the time, and would take one from those that score.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="control")
        self._log: ControlLog | None = None
        self._untaken: list[Message] = []
        self._closing = False

    @property
    def state(self) -> ControlState:
        """What the log says, as far as it was read."""
        return self._fold.state

    @property
    def changes(self) -> Sequence[ControlChange]:
        """The last ones, the newest last."""
        return tuple(self._fold.changes)

    async def start(self) -> ControlState:
        """Read to the end of the log.

        Raises:
            StreamprocError: KAFKA_UNAVAILABLE, KAFKA_REFUSED, REGISTRY_UNAVAILABLE.
        """
        await self._open()
        return self.state

    async def run(self, changed: Callable[[ControlState], Awaitable[None]]) -> None:
        """Go on reading until cancelled; ``changed`` is awaited with each new state. No failure ends it."""
        while not self._closing:
            try:
                if await self._more():
                    await changed(self.state)
            except StreamprocError as error:
                log.warning("the control topic cannot be read for now", code=error.code.name, reason=error.message)
                await self._forget()
                await asyncio.sleep(LOOK_AGAIN_S)

    async def close(self) -> None:
        """Let it go; a second time changes nothing."""
        self._closing = True
        await self._forget()
        self._thread.shutdown(wait=False)

    async def _more(self) -> bool:
        opened = self._log
        if opened is None:
            return await self._open()
        if not opened.exists:
            await asyncio.sleep(LOOK_AGAIN_S)
            await self._forget()
            return False
        if not self._untaken:
            self._untaken, _ = await self._in_thread(lambda: opened.poll(POLL_S))
        return await self._fold.take(self._untaken)

    async def _open(self) -> bool:
        opened = self._log = await self._in_thread(lambda: ControlLog(self._settings))
        self._untaken = whole = await self._in_thread(opened.to_end)
        # Read anew after a failure: what was taken before is passed over. A log that ends before what was taken is
        # another: the topic was made anew.
        if whole and self._fold.has((whole[-1].offset() or 0) + 1):
            return await self._fold.take(self._untaken)
        self._untaken = [one for one in whole if not self._fold.has(one.offset())]
        return await self._fold.take(self._untaken)

    async def _forget(self) -> None:
        opened, self._log = self._log, None
        if opened is not None:
            await self._in_thread(opened.close)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
