"""Threads for what blocks."""

from __future__ import annotations

import asyncio
import threading
from functools import partial

import pytest

from streamproc.web.console.aside import MOST_WAITING, Aside, Busy


async def test_what_blocks_is_done_elsewhere_and_in_order() -> None:
    aside = Aside("test")
    seen: list[str] = []

    def call(name: str) -> str:
        seen.append(name)
        return threading.current_thread().name

    assert await asyncio.gather(*[aside.do(partial(call, name)) for name in "abc"]) == ["test"] * 3
    assert seen == list("abc")
    aside.close()


async def test_what_it_raises_reaches_who_asked() -> None:
    aside = Aside("test")

    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await aside.do(fail)
    assert await aside.do(lambda: 1) == 1
    aside.close()


async def test_more_than_it_can_do_is_refused() -> None:
    aside = Aside("test")
    go_on = threading.Event()
    tasks = [asyncio.create_task(aside.do(lambda: go_on.wait(30))) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await aside.do(lambda: None)
    go_on.set()
    assert await asyncio.gather(*tasks) == [True] * MOST_WAITING
    assert await aside.do(lambda: 2) == 2
    aside.close()


async def test_who_no_longer_waits_is_passed_over() -> None:
    aside = Aside("test")
    go_on, called = threading.Event(), threading.Event()
    first = asyncio.create_task(aside.do(lambda: go_on.wait(30)))
    second = asyncio.create_task(aside.do(called.set))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    go_on.set()
    assert await first
    await aside.do(lambda: None)
    assert not called.is_set()
    aside.close()


async def test_a_thread_that_hangs_keeps_no_process_alive() -> None:
    aside = Aside("hanging")
    go_on = threading.Event()
    waiting = asyncio.create_task(aside.do(lambda: go_on.wait(30)))
    await asyncio.sleep(0)
    (thread,) = (one for one in threading.enumerate() if one.name == "hanging")
    assert thread.daemon
    go_on.set()
    await waiting
    aside.close()
