"""Many calls at once, and servers that are full: on a stand-in, whose delay and queue are known exactly."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
from structlog.testing import capture_logs
from support.stand_in.behaviour import Behaviour
from support.stand_in.stand_in import StandIn

from streamproc.inference.engine import Priority, Samples
from streamproc.inference.pool import TritonPool
from streamproc.inference.served import built_in
from streamproc.inference.wiring import pool_of

HELD = 10_000
FLAT_BYTES = 24 * 1024 * 1024
"""So much the third round may leave behind that the first did not: what is scattered between other things."""


@asynccontextmanager
async def started(stand_in: StandIn) -> AsyncIterator[TritonPool]:
    pool = pool_of([stand_in.address], built_in("phonemes", ""), 60.0, 36_000)
    try:
        await pool.start()
        yield pool
    finally:
        await pool.close()


def endpoint_of(pool: TritonPool) -> Any:
    """The only one."""
    (endpoint,) = pool.endpoints
    return endpoint


def clip(samples: int, mark: float) -> Samples:
    made = np.zeros(samples, np.float32)
    made[0] = mark
    return made


def resident_bytes() -> int:
    """Of this process, without what its allocator could give back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def test_ten_thousand_calls_are_held_without_an_error_and_memory_stays_flat() -> None:
    """Each round, all of them wait or are on their way at once; the server answers after a second."""
    resident: list[int] = []
    with StandIn(Behaviour(request_s=0.001, delay_s=1.0)) as server:
        async with started(server) as pool:
            for turn in range(3):

                async def call(number: int, turn: int = turn) -> None:
                    marks = [number + turn / 8, number + 0.5]
                    answer = await pool.infer([clip(3_200, mark) for mark in marks])
                    assert [float(logits[0, 0]) for logits in answer.logits] == marks

                calls = [asyncio.create_task(call(number)) for number in range(HELD)]
                await asyncio.sleep(0)
                assert not pool.has_room
                await asyncio.gather(*calls)
                del calls
                assert pool.has_room
                resident.append(resident_bytes())
            counts = server.counts()
            print([f"{each / 2**20:.0f} MiB" for each in resident], counts.requests)
            assert (endpoint_of(pool).outstanding, len(pool._queue), len(pool._batches)) == (0.0, 0, 0)
    assert (counts.refused, counts.failed) == (0, 0)
    assert counts.clips >= 3 * 2 * HELD
    assert max(resident[1:]) - resident[0] < FLAT_BYTES


async def test_a_full_queue_shrinks_the_limit_opens_no_breaker_and_the_log_says_nothing() -> None:
    """Three workers' worth of calls for a server that queues two requests."""
    with StandIn(Behaviour(servers=1, request_s=0.05, queue=2)) as server, capture_logs() as logs:
        async with started(server) as pool:
            endpoint = endpoint_of(pool)
            endpoint.limiter.served(0.0, 0.0)  # as the first reading of the server's load does
            limit = endpoint.limiter.limit
            # Of so different lengths that no two go together.
            calls = [
                asyncio.create_task(pool.infer([clip(round(3_200 * 1.5 ** (number % 8)), number + 1.0)]))
                for number in range(200)
            ]
            await asyncio.sleep(0.5)
            assert endpoint.limiter.limit < limit
            answers = await asyncio.gather(*calls)
            assert [float(answer.logits[0][0, 0]) for answer in answers] == [number + 1.0 for number in range(200)]
            counts = server.counts()
            assert counts.refused > 0
            assert counts.refused < counts.answered, "it is not asked all the time"
            assert endpoint.available
            assert endpoint.tally.failures == 0
    assert [line for line in logs if line["log_level"] != "info"] == []


async def test_a_live_call_goes_before_a_backlog_of_replays() -> None:
    with StandIn(Behaviour(servers=1, request_s=0.1)) as server:
        async with started(server) as pool:
            # So long that few go together.
            long = clip(320_000, 1.0)
            replays = [asyncio.create_task(pool.infer([long], Priority.REPLAY)) for _ in range(40)]
            await asyncio.sleep(0.2)
            await pool.infer([clip(3_200, 2.0)])
            left = sum(not replay.done() for replay in replays)
            await asyncio.gather(*replays)
            assert left > 10
            order = server.counts().order
    assert order.count(Priority.LIVE) == 2, "the proof at the start, and it"
    assert order.index(Priority.LIVE, 1) < len(order) / 2
