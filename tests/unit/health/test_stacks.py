"""Where tasks stand is told by places alone, each once, through what is driven by hand too."""

from __future__ import annotations

import asyncio
from typing import Any

from structlog.testing import capture_logs
from support.scripted_stream import ScriptedStream, until

from streamproc.health.stacks import MOST_STACKS, task_stacks
from streamproc.health.stalling import Stall
from streamproc.transport import each


async def waits_for(secret: str, event: asyncio.Event) -> None:
    await event.wait()
    print(secret)


async def test_tasks_at_one_place_are_told_once_and_without_their_values() -> None:
    event = asyncio.Event()
    tasks = [asyncio.create_task(waits_for(f"Anna {number}", event)) for number in range(3)]
    await asyncio.sleep(0)
    told = task_stacks(tasks)
    for task in tasks:
        task.cancel()
    first, outer, inner = told.splitlines()[:3]
    assert first == "3 at"
    assert outer.endswith("waits_for")
    assert inner.endswith("Event.wait")
    assert "Anna" not in told


async def test_an_event_that_an_agent_works_on_is_followed_to_where_it_waits() -> None:
    stream, event = ScriptedStream("readings"), asyncio.Event()

    async def work(_: Any) -> None:
        await waits_for("Anna", event)

    task = asyncio.create_task(each(stream.as_fausts, work, concurrency=4))
    stream.deliver(b"")
    await until(lambda: "Event.wait" in task_stacks(asyncio.all_tasks()))
    told = task_stacks(asyncio.all_tasks())
    task.cancel()
    assert "_Crew._serve" in told
    assert "<locals>.work" in told
    assert "waits_for" in told


async def test_however_many_there_are_it_is_no_novel() -> None:
    namespace: dict[str, Any] = {"asyncio": asyncio}
    for number in range(MOST_STACKS + 5):
        exec(f"async def wait{number}():\n    await asyncio.sleep(60)", namespace)
    tasks = [asyncio.create_task(namespace[f"wait{number}"]()) for number in range(MOST_STACKS + 5)]
    await asyncio.sleep(0)
    told = task_stacks(tasks)
    for task in tasks:
        task.cancel()
    assert told.count(" at\n") == MOST_STACKS
    assert told.endswith("5 more stacks")


def test_a_stall_tells_them_once() -> None:
    times, asked = iter(range(0, 1_000_000, 10)), []

    def stacks() -> str:
        asked.append("asked")
        return "a stack"

    stall = Stall(120, lambda: next(times), stacks)
    with capture_logs() as logs:
        for _ in range(60):
            stall.look(5, 100, waits=False)
    assert asked == ["asked"]
    assert [line["stack"] for line in logs] == ["a stack"]
