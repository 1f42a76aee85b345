"""A server driven directly, with nothing around it: what it can do at its best."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
from tritonclient.grpc import aio as triton

from streamproc.audio.decode import Samples

WAYS = ((1, 4), (2, 4), (4, 4), (8, 4), (16, 4))
"""Clips in a request, and requests at once."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most that a server did, and how it was asked for it."""

    clips_per_s: float
    batch: int
    at_once: int


def _requests(clips: Sequence[Samples], batch: int) -> list[list[Any]]:
    """The clips in batches of like length, hardly padded."""
    ordered = sorted(clips, key=len)
    made = []
    for begin in range(0, len(ordered) - batch + 1, batch):
        some = ordered[begin : begin + batch]
        audio = np.zeros((batch, len(some[-1])), np.float32)
        for row, clip in enumerate(some):
            audio[row, : len(clip)] = clip
        lengths = np.array([[len(clip)] for clip in some], np.int32)
        made.append(
            [
                triton.InferInput("AUDIO", list(audio.shape), "FP32").set_data_from_numpy(audio),
                triton.InferInput("LENGTHS", list(lengths.shape), "INT32").set_data_from_numpy(lengths),
            ]
        )
    # Else all the short ones would come first.
    return made[::2] + made[1::2]


async def _rate(address: str, clips: Sequence[Samples], batch: int, at_once: int, seconds: float) -> float:
    """Clips a second: requests are sent for so many seconds, and all of them are waited for."""
    answered = 0
    async with triton.InferenceServerClient(address) as client:
        requests = cycle(_requests(clips, batch))
        await client.infer("phonemes", next(requests))  # it connects
        begun = time.perf_counter()

        async def ask() -> None:
            nonlocal answered
            while time.perf_counter() < begun + seconds:
                await client.infer("phonemes", next(requests))
                answered += 1

        await asyncio.gather(*(ask() for _ in range(at_once)))
        return batch * answered / (time.perf_counter() - begun)


def ceiling(address: str, clips: Sequence[Samples], seconds: float) -> Ceiling:
    """The best of WAYS to ask the server at ``address`` for these clips, each tried for so many seconds."""
    found = [
        Ceiling(asyncio.run(_rate(address, clips, batch, at_once, seconds)), batch, at_once) for batch, at_once in WAYS
    ]
    return max(found, key=lambda each: each.clips_per_s)
