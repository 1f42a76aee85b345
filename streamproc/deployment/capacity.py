"""How many workers, partitions and Tritons a load needs, and what a million activities cost: from measured costs.

A worker is bound by its processor: one event loop, whose threads for audio run beside it but for the same core, since
each waits for the other. What an activity costs it is a fixed part (Kafka, its transactions, gRPC) and a part that
grows with the audio (decoding, resampling, verdicts). Workers and Tritons are planned to be busy for a share of the
time alone: at 70 % a queue of random arrivals is on average 2.3 activities long, at 90 % nine (M/M/1).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_AUDIO_STAGES = ("audio", "verdicts")
"""Stages whose cost grows with the audio; that of all others is fixed."""

PARTITIONS_PER_WORKER = 2
"""So that the number of workers can double before partitions have to, which moves keys."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Milliseconds of one core that an activity costs a worker; seconds of audio that a Triton infers in a second."""

    fixed_ms: float
    per_audio_second_ms: float
    triton_speed: float
    triton_on: str = ""

    def worker_ms(self, audio_s: float) -> float:
        """Milliseconds of one core for an activity with so many seconds of audio."""
        return self.fixed_ms + self.per_audio_second_ms * audio_s


@dataclass(frozen=True, slots=True)
class Load:
    """What is to be worked on: activities a second at the peak and on average, seconds of audio in each."""

    peak_per_s: float
    mean_per_s: float
    audio_s: float


@dataclass(frozen=True, slots=True)
class Prices:
    """Of an hour, in whatever currency: a worker with one core, a Triton with its GPU."""

    worker_hour: float
    triton_hour: float


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a load needs; ``busy``: the share of the time in which each is at work at the peak."""

    workers: int
    tritons: int
    partitions: int
    worker_per_s: float
    """Activities a second that one worker can do at the most."""
    most_per_s: float
    """That all of them can do together, when nothing is held in reserve."""
    worker_busy: float
    triton_busy: float
    per_million_fixed: float
    """With so many workers and Tritons all the time."""
    per_million_scaled: float
    """With as many as the mean load needs."""


def plan(load: Load, costs: Costs, prices: Prices, busy: float = 0.7, spare: int = 1) -> Capacity:
    """The smallest deployment in which neither workers nor Tritons are busier than ``busy`` at the peak.

    ``spare``: workers, and Tritons, that may be lost at the peak.
    """
    worker_per_s = 1000 / costs.worker_ms(load.audio_s)
    triton_per_s = costs.triton_speed / load.audio_s
    workers = _needed(load.peak_per_s, worker_per_s, busy) + spare
    tritons = _needed(load.peak_per_s, triton_per_s, busy) + spare
    scaled = (
        _needed(load.mean_per_s, worker_per_s, busy) + spare,
        _needed(load.mean_per_s, triton_per_s, busy) + spare,
    )
    return Capacity(
        workers=workers,
        tritons=tritons,
        partitions=PARTITIONS_PER_WORKER * workers,
        worker_per_s=worker_per_s,
        most_per_s=min(workers * worker_per_s, tritons * triton_per_s),
        worker_busy=load.peak_per_s / (worker_per_s * workers),
        triton_busy=load.peak_per_s / (triton_per_s * tritons),
        per_million_fixed=_per_million(load, prices, workers, tritons),
        per_million_scaled=_per_million(load, prices, *scaled),
    )


def _needed(per_s: float, one_per_s: float, busy: float) -> int:
    # Rounding of the division must not add one.
    return max(1, math.ceil(round(per_s / (one_per_s * busy), 9)))


def _per_million(load: Load, prices: Prices, workers: int, tritons: int) -> float:
    an_hour = workers * prices.worker_hour + tritons * prices.triton_hour
    return an_hour * 1_000_000 / (load.mean_per_s * 3600)


def of_benchmark(worker: Mapping[str, Any], triton_speed: float, triton_on: str = "") -> Costs:
    """The costs that `make bench-worker` has measured.

    Raises:
        ValueError: it is no such file.
    """
    try:
        stages, audio_s = worker["stages"], float(worker["mix"]["seconds"])
        grows = sum(float(stages[name]) for name in _AUDIO_STAGES)
        whole = float(worker["cpu_ms_per_activity"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"is no result of make bench-worker: {error}") from None
    return Costs(whole - grows, grows / audio_s, triton_speed, triton_on)


@cache
def measured() -> Costs:
    """The costs that this release was measured with."""
    row = json.loads(Path(__file__).with_name("costs.json").read_text("utf-8"))
    return Costs(row["fixed_ms"], row["per_audio_second_ms"], row["triton_speed"], row["triton_on"])
