"""The real Triton tells how long requests have waited and been computed, in terms that the limit understands."""

from __future__ import annotations

import asyncio

import numpy as np
from tritonclient.grpc import aio

from streamproc.inference.engine import Priority
from streamproc.inference.served import built_in
from streamproc.inference.statistics import NOTHING_NEW, ServerLoad, ServerStatistics, read_load
from streamproc.inference.triton import TritonServer


async def test_triton_tells_its_load(triton_url: str) -> None:
    server = TritonServer(triton_url, built_in("phonemes", "2"), timeout=60)
    clip = np.zeros(48_000, dtype=np.float32)
    client = aio.InferenceServerClient(triton_url)
    statistics = ServerStatistics()

    async def read() -> ServerLoad | None:
        return await read_load(client, "phonemes", "2", statistics, 10.0)

    try:
        await server.open()
        await read()
        await asyncio.gather(*(server.infer([clip], Priority.LIVE, 60) for _ in range(128)))
        async with asyncio.timeout(30):
            while (load := await read()) in (None, NOTHING_NEW):  # noqa: ASYNC110  Triton answers a batch before it counts it.
                await asyncio.sleep(0.05)
    finally:
        await server.close()
        await client.close()
    # 64 calls at once, at most 32 of them in a batch: they wait for one, about as long as it takes.
    assert 1.0 < load.batch <= 32.0
    assert load.compute_s > 0.001
    assert 0.1 < load.queue_s / load.compute_s < 10
