"""Random calls, cancellations and failures of the pool, in simulated time: every call ends, as it should."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from support.simulated_time import simulate

from streamproc.errors import ErrorClass, ErrorCode, StreamprocError
from streamproc.inference.answers import DoubtfulError
from streamproc.inference.engine import ModelIdentity, Priority, Samples
from streamproc.inference.triton import Answer
from unit.inference import test_pool as pools

CALLS = 300


class Moody(pools.Server):
    """Fails now and then, in every way there is."""

    random = Random(0)

    async def infer(self, clips: Sequence[Samples], priority: Priority, within: float) -> Answer:
        """As chance has it."""
        mood = self.random.random()
        if mood < 0.05:
            raise StreamprocError(ErrorCode.INFERENCE_BUSY, "full")
        if mood < 0.1:
            raise StreamprocError(ErrorCode.INFERENCE_UNAVAILABLE, "broken off")
        answer = await super().infer(clips, priority, within)
        if mood < 0.12:
            raise DoubtfulError(ErrorCode.INFERENCE_UNUSABLE, "no numbers")
        return answer


async def hammer(seed: int, servers: int) -> None:
    random = Moody.random = Random(seed)
    async with pools.started(servers) as pool:

        async def disturb() -> None:
            while True:
                await asyncio.sleep(3 * random.random())
                server = random.choice(pool.servers)
                server.up, server.hangs = random.random() < 0.7, random.random() < 0.2
                server.model = ModelIdentity("m", random.choice("12"), "f00")

        async def call(number: int) -> None:
            marks = [float(np.float32(number + place / 128)) for place in range(random.choice([1, 2, 2, 3, 64]))]
            bad = random.random() < 0.05
            if bad:
                marks[-1] = pools.POISON
            clips = [pools.clip(random.choice([0.02, 1, 3, 30]), mark) for mark in marks]
            try:
                async with asyncio.timeout(3 * random.random() if random.random() < 0.2 else None):
                    answer = await pool.infer(clips, random.choice(list(Priority)))
            except TimeoutError:
                return
            except StreamprocError as error:
                if not bad and error.code.error_class is not ErrorClass.TRANSIENT:
                    pytest.fail("an innocent is to blame")
                return
            assert not bad
            assert pools.marks_of(answer) == marks
            assert len({float(logits[0, 1]) for logits in answer.logits}) == 1, "by several models"

        disturbing = asyncio.create_task(disturb())
        calls = []
        for number in range(1, CALLS):
            async with asyncio.timeout(600):
                await pool.room()
            calls.append(asyncio.create_task(call(number)))
            await asyncio.sleep(random.choice([0, 0, 0.01, 0.1]))
        async with asyncio.timeout(600):
            await asyncio.gather(*calls)
        disturbing.cancel()
        assert not len(pool._queue)
        assert not pool._batches
        assert not pool._resent


@pytest.mark.parametrize("seed", range(6))
def test_every_call_ends_as_it_should(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "Server", Moody)
    simulate(hammer(seed, 1 + seed % 3))
