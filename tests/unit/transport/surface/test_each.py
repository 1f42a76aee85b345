"""`each`: one call of the handler for every event, with the isolation of a task and without its cost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from typing import Any

import pytest

from streamproc.transport.surface.each import each

mark: ContextVar[str] = ContextVar("mark", default="clean")


class Event:
    """What `each` asks of Faust's event. (What it does with real ones, the tests with a broker show.)"""

    def __init__(self, number: int, desk: Journal) -> None:
        self.message = Message(number)
        self.message.desk = desk


class Message(int):
    """Of a delivery."""

    desk: Journal


class Journal:
    """A stream of numbered events, and their desk, which notes what became of them."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.taken = 0
        self.acked: list[int] = []
        self.raised: list[tuple[int, str]] = []

    def ack(self, message: int) -> None:
        self.acked.append(message)

    def fail(self, message: int, error: BaseException) -> None:
        self.raised.append((message, type(error).__name__))

    def noack(self) -> Journal:
        return self

    async def events(self) -> AsyncIterator[Any]:
        for number in range(self._count):
            self.taken += 1
            yield Event(number, self)
        await asyncio.get_running_loop().create_future()


async def run(journal: Any, handler: Any, until: Any, **options: Any) -> None:
    """Let `each` work until the condition holds, then cancel it."""
    task = asyncio.create_task(each(journal, handler, **{"concurrency": 8, **options}))
    async with asyncio.timeout(10):
        await turns(lambda: until() or task.done())
    if task.done():
        task.result()
    task.cancel()
    await asyncio.wait({task})


async def turns(until: Callable[[], bool]) -> None:
    """Give the event loop turns until the condition holds."""
    while not until():  # noqa: ASYNC110 - turn by turn, so that nothing depends on time
        await asyncio.sleep(0)


async def test_every_event_is_acknowledged_whether_its_handler_waits_or_not() -> None:
    journal = Journal(100)

    async def handle(event: Event) -> None:
        for _ in range(event.message % 4):
            await asyncio.sleep(0)

    await run(journal, handle, lambda: len(journal.acked) == 100)
    assert sorted(journal.acked) == list(range(100))


async def test_a_slow_event_holds_up_no_other() -> None:
    journal = Journal(1_000)
    never = asyncio.get_running_loop().create_future()

    async def handle(event: Event) -> None:
        if event.message == 0:
            await never

    await run(journal, handle, lambda: len(journal.acked) == 999, concurrency=2)
    assert 0 not in journal.acked


async def test_no_more_than_concurrency_at_once() -> None:
    journal = Journal(40)
    at_once = most = 0

    async def handle(event: Event) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        for _ in range(event.message % 5):
            await asyncio.sleep(0)
        at_once -= 1

    await run(journal, handle, lambda: len(journal.acked) == 40, concurrency=3)
    assert most == 3


async def test_nothing_is_taken_from_the_stream_that_no_one_can_work_on() -> None:
    journal = Journal(40)
    gate = asyncio.Event()

    async def handle(event: Event) -> None:
        await gate.wait()

    await run(journal, handle, lambda: journal.taken >= 3, concurrency=3)
    assert journal.taken == 3


async def test_what_a_handler_raises_concerns_its_event_alone() -> None:
    journal = Journal(10)

    async def handle(event: Event) -> None:
        if event.message % 2:
            await asyncio.sleep(0)
        if event.message in (4, 5):
            raise ValueError

    await run(journal, handle, lambda: len(journal.acked) == 8)
    assert sorted(journal.raised) == [(4, "ValueError"), (5, "ValueError")]


async def test_a_timeout_in_a_handler_ends_that_handler_alone() -> None:
    """`asyncio.timeout` cancels the current task: it must be one that works for this event only."""
    journal = Journal(50)

    async def handle(event: Event) -> None:
        if event.message % 10 == 3:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(60)

    await run(journal, handle, lambda: len(journal.acked) + len(journal.raised) == 50, concurrency=4)
    assert sorted(journal.raised) == [(number, "TimeoutError") for number in (3, 13, 23, 33, 43)]


async def test_each_call_has_its_own_context() -> None:
    """What one handler leaves in a context variable no other sees, before or after it has waited."""
    journal = Journal(40)
    seen: list[tuple[str, str]] = []

    async def handle(event: Event) -> None:
        found = mark.get()
        mark.set(f"event {event.message}")
        for _ in range(event.message % 3):
            await asyncio.sleep(0)
        seen.append((found, mark.get()))

    await run(journal, handle, lambda: len(seen) == 40, concurrency=4)
    assert {found for found, _ in seen} == {"clean"}
    assert {own for _, own in seen} == {f"event {number}" for number in range(40)}


@pytest.mark.parametrize("waits", [False, True])
async def test_a_handler_that_is_cancelled_from_inside_stops_nobody_else(waits: bool) -> None:
    journal = Journal(30)

    async def handle(event: Event) -> None:
        if waits:
            await asyncio.sleep(0)
        if event.message == 7:
            raise asyncio.CancelledError

    await run(journal, handle, lambda: len(journal.acked) == 29, concurrency=1)
    assert (7 in journal.acked, journal.raised) == (False, [(7, "CancelledError")])


async def test_nothing_is_begun_while_it_is_not_opened() -> None:
    journal = Journal(10)
    gate = asyncio.Event()

    async def opened() -> None:
        await gate.wait()

    async def handle(event: Event) -> None:
        if event.message == 4:
            gate.clear()

    gate.set()
    async with asyncio.timeout(10):
        task = asyncio.create_task(each(journal, handle, concurrency=8, opened=opened))  # type: ignore[arg-type]
        await turns(lambda: len(journal.acked) == 5)
        for _ in range(100):
            await asyncio.sleep(0)
        assert journal.acked == [0, 1, 2, 3, 4]
        gate.set()
        await turns(lambda: len(journal.acked) == 10)
    task.cancel()


async def test_what_the_stream_raises_ends_it_and_the_handlers() -> None:
    class Broken(Journal):
        async def events(self) -> AsyncIterator[Any]:
            yield Event(0, self)
            raise RuntimeError("the stream")

    journal = Broken(1)
    ended: list[str] = []

    async def handle(event: Event) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    with pytest.raises(RuntimeError, match="the stream"):
        await run(journal, handle, lambda: False)
    await asyncio.sleep(0)
    assert (ended, journal.acked) == (["cancelled"], [])


async def test_cancelling_it_gives_up_what_is_under_way() -> None:
    journal = Journal(5)

    async def handle(event: Event) -> None:
        await asyncio.sleep(60)

    await run(journal, handle, lambda: journal.taken == 5)
    await asyncio.sleep(0)
    assert journal.acked == []
    assert sorted(journal.raised) == [(number, "CancelledError") for number in range(5)]
