"""The memory that decoded clips share: bounded, fair, and never a reason to wait for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np
import pytest
from support.holes import hole

from streamproc.audio.memory import ActivityMemory, ClipMemory

pytestmark = hole("C2")

LIMIT, MOST = 100, 20
"""Bytes of all, and bytes that one clip may unpack to."""


async def turns() -> None:
    """Let every other task go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def decode(share: ActivityMemory, kept: int, gate: Callable[[], Awaitable[None]] = turns) -> None:
    async with share.decoding(MOST) as room:
        await gate()
        room.kept = kept


@pytest.mark.parametrize("seed", range(5))
async def test_many_activities_stay_within_the_limit_and_all_end(seed: int) -> None:
    random = np.random.default_rng(seed)
    memory = ClipMemory(LIMIT)
    clips = 4
    peak = 0

    async def activity(sizes: list[int]) -> None:
        nonlocal peak
        with memory.activity() as share:
            async with asyncio.TaskGroup() as group:
                for size in sizes:
                    group.create_task(decode(share, size))
            share.complete()
            peak = max(peak, memory.held)
            await turns()

    async with asyncio.timeout(20):
        await asyncio.gather(*(activity(random.integers(0, MOST + 1, clips).tolist()) for _ in range(40)))
    assert memory.held == 0
    assert LIMIT / 2 < peak <= LIMIT + clips * MOST


async def test_nothing_goes_beyond_the_limit_while_somebody_will_give_back() -> None:
    memory = ClipMemory(LIMIT)
    with memory.activity() as waits_for_the_model:
        for _ in range(5):
            await decode(waits_for_the_model, MOST)
        waits_for_the_model.complete()
        with memory.activity() as next_one:
            task = asyncio.create_task(decode(next_one, MOST))
            await turns()
            assert (task.done(), memory.held) == (False, LIMIT)
            waits_for_the_model.close()
            await task
            assert memory.held == MOST
    assert memory.held == 0


@pytest.mark.parametrize("asked_together", [False, True])
async def test_of_two_that_wait_for_each_other_one_goes_on(asked_together: bool) -> None:
    memory = ClipMemory(LIMIT)
    with memory.activity() as older, memory.activity() as younger:
        for _ in range(3):
            await decode(younger, MOST)
        await decode(older, MOST)
        await decode(older, MOST)
        begun = []

        async def take(share: ActivityMemory, name: str) -> None:
            async with share.decoding(MOST) as room:
                begun.append(name)
                await turns()
                room.kept = MOST

        busy = asyncio.Event()

        async def keep_busy() -> None:
            async with older.decoding(0):
                await busy.wait()

        if asked_together:
            work = asyncio.create_task(keep_busy())
            await turns()
        tasks = [asyncio.create_task(take(younger, "younger")), asyncio.create_task(take(older, "older"))]
        if asked_together:
            await turns()
            assert begun == []
            busy.set()
            await work
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await turns()
        assert begun == ["older" if asked_together else "younger"]
        assert memory.held == LIMIT + MOST, "one of them, and no more"
        (older if asked_together else younger).close()
        await asyncio.gather(*tasks)
    assert memory.held == 0


async def test_who_waits_for_a_store_holds_up_nobody() -> None:
    memory = ClipMemory(LIMIT)
    with memory.activity() as stuck, memory.activity() as other:
        for _ in range(5):
            await decode(stuck, MOST)
        async with asyncio.timeout(5):
            await decode(other, 1)
        assert memory.held == LIMIT + 1


async def test_a_clip_larger_than_all_is_decoded_alone() -> None:
    memory = ClipMemory(MOST - 1)
    with memory.activity() as share, memory.activity() as other:
        async with share.decoding(MOST):
            task = asyncio.create_task(decode(other, 0))
            await turns()
            assert not task.done()
        await task
    assert memory.held == 0


@pytest.mark.parametrize("granted", [False, True])
async def test_who_is_cancelled_gives_back(granted: bool) -> None:
    memory = ClipMemory(LIMIT)
    with memory.activity() as share:
        async with share.decoding(LIMIT):
            task = asyncio.create_task(decode(share, MOST))
            await turns()
            if not granted:
                task.cancel()
                await asyncio.wait([task])
        if granted:
            task.cancel()
            await asyncio.wait([task])
        assert task.cancelled()
        assert memory.held == 0
        await decode(share, 0)


async def test_what_a_failed_clip_took_is_given_back() -> None:
    memory = ClipMemory(LIMIT)
    with memory.activity() as share:
        with pytest.raises(ValueError, match="damaged"):
            async with share.decoding(MOST):
                raise ValueError("damaged")
        assert memory.held == 0


async def test_there_is_room_while_nobody_would_have_to_wait() -> None:
    memory = ClipMemory(LIMIT)
    with memory.activity() as first, memory.activity() as second:
        assert first.has_room(LIMIT)
        assert not first.has_room(LIMIT + 1)
        async with first.decoding(LIMIT - MOST + 1):
            assert second.has_room(MOST - 1)
            waiting = asyncio.create_task(decode(second, 0))
            await turns()
            assert not first.has_room(1), "nobody overtakes who waits already"
        await waiting
