"""The engines on this tree's model: the real Triton held to the suite of all engines, and one beside the other."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from support.engine_suite import AGREE, REPOSITORY, EngineSuite, golden_clip, noise

from streamproc.inference.engine import Engine
from streamproc.inference.onnx import OnnxEngine
from streamproc.inference.served import built_in
from streamproc.inference.wiring import pool_of

AUDIO_SECONDS = 60.0
"""In flight: few, so that others wait."""


class TestTriton(EngineSuite):
    """Held to the suite."""

    engine = "triton"

    @pytest.fixture(autouse=True)
    def _server(self, triton_url: str) -> None:
        self._url = triton_url

    def make(self, timeout: float = 60.0) -> Engine:
        """See EngineSuite."""
        return pool_of([self._url], built_in("phonemes", ""), timeout, AUDIO_SECONDS)


async def test_they_agree(triton_url: str) -> None:
    clips = [golden_clip(), *noise(0, 320, 16_000, 48_000, 200_000), np.zeros(16_000, np.float32)]
    triton = pool_of([triton_url], built_in("phonemes", ""), 60, AUDIO_SECONDS)
    onnx = OnnxEngine(REPOSITORY, built_in("phonemes", ""), 60, 1)
    try:
        assert await triton.start() == await onnx.start()
        one, other = await asyncio.gather(triton.infer(clips), onnx.infer(clips))
    finally:
        await triton.close()
        await onnx.close()
    for found, beside in zip(one.logits, other.logits, strict=True):
        assert found.shape == beside.shape
        assert not len(found) or np.abs(found - beside).max() < AGREE
