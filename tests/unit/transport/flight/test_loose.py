"""Sends outside events: how many may wait, and what they are told when the worker stops."""

from __future__ import annotations

import asyncio

import pytest
from support.holes import hole

from streamproc.transport.errors import TransportError
from streamproc.transport.flight.loose import Loose, LooseSends
from streamproc.transport.flight.sendable import Outcome

pytestmark = hole("D7")


def send(size: int = 10) -> Loose:
    return Loose(Outcome("out", None, b"." * size, None, None, None), asyncio.get_running_loop().create_future())


async def add(sends: LooseSends, size: int = 10) -> Loose:
    await sends.room()
    sends.add(one := send(size))
    return one


@pytest.mark.parametrize(("events", "size"), [(3, 10**9), (10**9, 30)])
async def test_who_finds_no_room_waits_until_some_are_committed(events: int, size: int) -> None:
    sends, asked = LooseSends(events, size), []
    sends.on_full = lambda: asked.append(1)
    for _ in range(3):
        await asyncio.wait_for(add(sends), 1)
    late = [asyncio.ensure_future(add(sends)) for _ in range(2)]
    await asyncio.sleep(0)
    taken = sends.take(2, 10**9)
    await asyncio.sleep(0)
    assert not any(one.done() for one in late), "what is under way still counts"
    assert asked, "a transaction is wanted"
    sends.settle(taken)
    await asyncio.wait_for(asyncio.gather(*late), 1)
    assert sends.full


async def test_one_that_is_larger_than_the_bound_does_not_wait_for_ever() -> None:
    sends = LooseSends(10, 30)
    await asyncio.wait_for(add(sends, 1000), 1)
    assert sends.full
    assert len(sends.take(10, 30)) == 1


async def test_what_is_put_back_comes_first() -> None:
    sends = LooseSends(10, 1000)
    first, second = await add(sends), await add(sends)
    taken = sends.take(1, 1000)
    assert taken == [first]
    sends.put_back(taken)
    assert sends.take(10, 1000) == [first, second]


async def test_who_waits_when_the_worker_stops_is_told_and_so_is_who_comes_later() -> None:
    sends = LooseSends(1, 1000)
    held = await add(sends)
    waits = asyncio.ensure_future(add(sends))
    await asyncio.sleep(0)
    sends.end(TransportError("the reason"))
    with pytest.raises(TransportError, match="the reason"):
        await asyncio.wait_for(waits, 1)
    with pytest.raises(TransportError, match="the reason"):
        await sends.room()
    assert not held.sent.done(), "it may still go with the last transaction"
    assert sends.give_up(TransportError("too late")) == 1
    with pytest.raises(TransportError, match="too late"):
        await held.sent
