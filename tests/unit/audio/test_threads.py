"""Calls that may never return hold up nobody, and no end of a process."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
from support.holes import hole

from streamproc.audio.threads import in_daemon_thread

HANGING = """
import asyncio, threading, time
from streamproc.audio.threads import in_daemon_thread

async def main():
    begun = threading.Event()
    call = lambda: begun.set() or time.sleep(600)
    task = asyncio.create_task(in_daemon_thread(call))
    await asyncio.to_thread(begun.wait)
    task.cancel()

asyncio.run(main())
print("the end")
"""


async def test_what_a_call_returns_or_raises_arrives() -> None:
    assert await in_daemon_thread(lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        await in_daemon_thread(lambda: 1 // 0)


@hole("C5")
def test_a_process_ends_while_a_call_hangs() -> None:
    done = subprocess.run([sys.executable, "-c", HANGING], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "the end\n"


@hole("C5")
async def test_a_result_that_nobody_waits_for_any_more_is_dropped() -> None:
    release = asyncio.Event()
    loop = asyncio.get_running_loop()
    problems: list[dict[str, object]] = []
    loop.set_exception_handler(lambda _loop, context: problems.append(context))

    def call() -> int:
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result(30)
        return 42

    task = asyncio.create_task(in_daemon_thread(call))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    release.set()
    assert await in_daemon_thread(lambda: 1) == 1
    await asyncio.to_thread(lambda: None)
    assert problems == []
