"""What stands in for a stream in tests of agents behaves as the driver does, as far as it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from support.conformance import BEHAVIOURS, Behaviour, check
from support.scripted_stream import ScriptedStream

NAMES = ("noack", "each_event_in_a_task", "each_event_at_once")


class ScriptedWorker:
    """An agent at a scripted stream."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._stream = ScriptedStream("in")
        self._task = asyncio.ensure_future(behaviour.agent(self._stream.as_fausts, self._stream.topic("out")))

    async def __aenter__(self) -> ScriptedWorker:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})

    async def feed(self, values: Sequence[bytes]) -> None:
        for number, value in enumerate(values):
            self._stream.deliver(value, b"key %d" % number)

    async def finished(self) -> int:
        return len(self._stream.acked)

    async def outcomes(self) -> list[bytes | None]:
        return [sent.value for sent in self._stream.sent]


@pytest.mark.parametrize("name", NAMES)
async def test_behaviour(name: str) -> None:
    async with ScriptedWorker(BEHAVIOURS[name]) as worker:
        await check(worker, BEHAVIOURS[name])
