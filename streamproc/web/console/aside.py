"""Threads for what blocks: scoring goes on meanwhile, and a worker that stops waits for none of them."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

MOST_WAITING = 8


class Busy(Exception):  # noqa: N818 - reads as what it says
    """More is asked for than is done in time."""


class Aside:
    """One thread that does one thing after the other; it begins with the first and dies with the process.

    The interpreter waits for the threads of an executor when it ends, and Kafka may be silent for a minute.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._waiting = 0

    async def do(self, call: Callable[[], T]) -> T:
        """What ``call`` returns or raises, from the thread.

        Raises:
            Busy: MOST_WAITING others wait.
        """
        if self._waiting >= MOST_WAITING:
            raise Busy
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def run() -> None:
            if done.cancelled():
                return
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001 - whoever awaits it decides
                _tell(loop, done, error=error)
            else:
                _tell(loop, done, result=result)

        self._waiting += 1
        self.put(run)
        try:
            return await done
        finally:
            self._waiting -= 1

    def put(self, call: Callable[[], None]) -> None:
        """Have it called too, and do not wait for it."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._calls.put(call)

    def close(self) -> None:
        """Have it end after what it is at."""
        if self._thread is not None:
            self._calls.put(None)
            self._thread = None

    def _run(self) -> None:
        calls = self._calls
        while (call := calls.get()) is not None:
            call()
            del call  # what it holds is not kept until the next one comes


def _tell(loop: asyncio.AbstractEventLoop, done: asyncio.Future[Any], **outcome: Any) -> None:
    def tell() -> None:
        if done.done():
            return
        if "error" in outcome:
            done.set_exception(outcome["error"])
        else:
            done.set_result(outcome["result"])

    try:
        loop.call_soon_threadsafe(tell)
    except RuntimeError:
        return  # the loop has ended, and nobody waits
