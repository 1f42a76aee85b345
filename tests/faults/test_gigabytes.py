"""A registry that sends three gigabytes takes neither the memory nor the time of a client."""

from __future__ import annotations

import psutil
import pytest
from support.endless import FAST, endless
from support.holes import hole

from streamproc.contracts.registry import Registry
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.settings import RegistrySettings

GROWTH = 64 << 20


@hole("C6")
@pytest.mark.timeout(120)
async def test_a_registry_that_sends_three_gigabytes_is_left() -> None:
    process = psutil.Process()
    async with endless(*FAST["a body of 3 GB"], limit=3_000_000_000) as server:
        registry = Registry(RegistrySettings(url=server.url, timeout=5))
        before = process.memory_info().rss
        for _ in range(20):
            with pytest.raises(StreamprocError) as caught:
                await registry.schema(1)
            assert caught.value.code is ErrorCode.REGISTRY_UNAVAILABLE
        assert process.memory_info().rss - before < GROWTH
        assert server.sent < 1 << 30
        await registry.close()
