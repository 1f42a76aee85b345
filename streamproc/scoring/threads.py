"""Threads for what takes a processor: decoding clips, judging words. The event loop goes before them."""

from __future__ import annotations

import asyncio
import contextvars
import math
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

NICENESS = 5
"""By which they stand back behind the event loop and Kafka's threads (0). Every answer of the worker's pages takes some
turns of the loop, and each would wait until these threads have had their share of the processor."""

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def cores(quota: Path = _QUOTA) -> int:
    """Processors that this process may use: those that it may run on, and no more than its container's limit.

    Source of the limit's format: https://docs.kernel.org/admin-guide/cgroup-v2.html ("max 100000", "150000 100000").
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        limit, period = quota.read_text().split()
        if limit != "max":
            count = min(count, math.ceil(int(limit) / int(period)))
    return max(1, count)


class ScoringThreads:
    """So many threads; 0: as many as there are cores. More would finish nothing earlier, and hold up the loop."""

    def __init__(self, count: int = 0) -> None:
        self._pool = ThreadPoolExecutor(count or cores(), thread_name_prefix="scoring", initializer=_stand_back)

    async def run(self, call: Callable[..., T], *arguments: object) -> T:
        """``call(*arguments)`` in one of them; as `asyncio.to_thread` does, with the context of whoever awaits it."""
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._pool, partial(context.run, call, *arguments))

    def close(self) -> None:
        """They end after what they are at; what has not begun never will."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _stand_back() -> None:
    if sys.platform == "linux":  # a niceness is a thread's own there; elsewhere it would be the whole process'
        own = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, own, os.getpriority(os.PRIO_PROCESS, os.getpid()) + NICENESS)
