"""The engines side by side: seconds for a call, by the clips' length and their number."""

from __future__ import annotations

import asyncio
import importlib.util
import time
from pathlib import Path
from typing import Any

import numpy as np

from streamproc.errors import StreamprocError
from streamproc.inference.configured import create_engine
from streamproc.settings import Settings

LENGTHS = (1.0, 2.2, 5.0, 15.0)
"""Seconds; the demonstration's clips have 2.2."""
BATCHES = (1, 4, 16, 64)
CALLS = 3
MOST_SECONDS = 160.0
"""Of audio in one call: longer ones tell nothing more."""

ENGINES = {"triton": "tritonclient", "onnx": "onnxruntime", "torch": "torch"}
"""Engine -> the package that it needs."""


def installed() -> list[str]:
    """The engines that can be tried here."""
    return [name for name, package in ENGINES.items() if importlib.util.find_spec(package) is not None]


async def _measured(engine: Any) -> list[dict[str, float]]:
    rows = []
    rng = np.random.default_rng(0)
    for seconds in LENGTHS:
        for batch in BATCHES:
            if seconds * batch > MOST_SECONDS:
                continue
            clips = [0.1 * rng.standard_normal(round(16_000 * seconds), dtype=np.float32) for _ in range(batch)]
            await engine.infer(clips)
            least = float("inf")
            for _ in range(CALLS):
                begun = time.perf_counter()
                await engine.infer(clips)
                least = min(least, time.perf_counter() - begun)
            rows.append({"seconds": seconds, "clips": batch, "ms": round(1000 * least, 2)})
    return rows


def measure(settings: Settings, models: Path) -> dict[str, list[dict[str, float]]]:
    """Engine -> milliseconds a call; engines that are not installed are left out."""

    async def run(name: str) -> list[dict[str, float]]:
        inference = settings.inference.model_copy(update={"engine": name})
        onnx = settings.onnx.model_copy(update={"repository": models})
        engine = create_engine(settings.model_copy(update={"inference": inference, "onnx": onnx}))
        try:
            await engine.start()
            return await _measured(engine)
        finally:
            await engine.close()

    found = {}
    for name in installed():
        try:
            found[name] = asyncio.run(run(name))
        except StreamprocError as error:
            print(f"{name}: {error}")
    return found
