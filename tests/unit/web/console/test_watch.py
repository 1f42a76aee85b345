"""What is read from Kafka for the page begins again whenever somebody looks again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from streamproc.settings import Settings
from streamproc.web.console import watch as module
from streamproc.web.console.watch import GroupLook, Watch


class WithoutKafka(Watch):
    """Stands in for Kafka: counts how often the outcomes are read and the group is looked at."""

    def __init__(self) -> None:
        super().__init__(Settings(), lambda: ())
        self.steps = self.looks = 0

    async def _step(self) -> None:
        self.steps += 1
        self.reads = True

    def _group(self, own: object) -> GroupLook:
        del own
        self.looks += 1
        return GroupLook(known=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(("pause", "look"), [(0.01, 3600.0), (3600.0, 0.01)])
async def test_who_comes_back_while_one_of_both_still_sleeps_sees_both_again(
    pause: float, look: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "UNWATCHED_S", 0.05)
    monkeypatch.setattr(module, "_PAUSE_S", pause)
    monkeypatch.setattr(module, "LOOK_S", look)
    watch = WithoutKafka()
    quick, slow = ("steps", "looks") if pause < look else ("looks", "steps")
    try:
        watch.looked()
        await until(lambda: getattr(watch, slow) == 1 and getattr(watch, quick) > 0)
        await until(lambda: any(task.done() for task in watch._tasks.values()))
        before = getattr(watch, quick)
        watch.looked()
        await until(lambda: getattr(watch, quick) > before)
        assert getattr(watch, slow) == 1, "the other one still sleeps, and there is one of it"
    finally:
        await watch.close()
