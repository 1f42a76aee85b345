"""Streams, agents and topics behave at a desk in memory as they do at the driver's own (its twin with a broker)."""

from __future__ import annotations

import pytest
from support.conformance import BEHAVIOURS, check
from support.memory_worker import MemoryDesk, MemoryWorker

from streamproc.transport.surface.delivery import Desk


@pytest.mark.parametrize("name", BEHAVIOURS)
async def test_behaviour(name: str) -> None:
    behaviour = BEHAVIOURS[name]
    async with MemoryWorker(behaviour.agent, behaviour.on_raise) as worker:
        desk: Desk = worker.desk
        assert isinstance(desk, MemoryDesk)
        await check(worker, behaviour)
