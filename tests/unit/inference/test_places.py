"""Places: who waits, in which order, and that none is ever lost."""

from __future__ import annotations

import asyncio

from streamproc.inference.engine import Priority
from streamproc.inference.places import Places


async def hold(places: Places, name: str, order: list[str], priority: Priority = Priority.LIVE) -> None:
    async with places.one(priority):
        order.append(name)
        await asyncio.sleep(0)


async def test_live_goes_before_replay_and_the_oldest_of_a_kind_first() -> None:
    places, order = Places(1), list[str]()
    async with places.one(Priority.LIVE):
        callers = [
            asyncio.create_task(hold(places, name, order, Priority.REPLAY if "replay" in name else Priority.LIVE))
            for name in ("replay 1", "live 1", "replay 2", "live 2")
        ]
        await asyncio.sleep(0)
        assert order == []
    await asyncio.gather(*callers)
    assert order == ["live 1", "live 2", "replay 1", "replay 2"]


async def test_whoever_is_cancelled_in_the_moment_of_getting_a_place_passes_it_on() -> None:
    places, order = Places(1), list[str]()
    async with places.one(Priority.LIVE):
        first, second = (asyncio.create_task(hold(places, name, order)) for name in ("first", "second"))
        await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait({first, second})
    assert order == ["second"]
    await asyncio.wait_for(hold(places, "third", order), 1)


async def test_those_who_gave_up_are_forgotten() -> None:
    places = Places(1)
    async with places.one(Priority.LIVE):
        for _ in range(1000):
            caller = asyncio.create_task(hold(places, "", []))
            await asyncio.sleep(0)
            caller.cancel()
            await asyncio.wait({caller})
        assert places.has_room
        assert len(places._queue) < 100


async def test_room_ends_with_two_waiting_for_each_place() -> None:
    places = Places(2)
    callers = [asyncio.create_task(hold(places, "", [])) for _ in range(6)]
    await asyncio.sleep(0)
    assert not places.has_room
    callers[-1].cancel()
    await asyncio.wait_for(places.room(), 1)
    assert places.has_room
    await asyncio.wait(callers)
