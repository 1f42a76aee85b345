"""The contract of every inference engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Logits = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which model runs: its name and version in the repository, and the SHA-256 of its weights in hexadecimal."""

    name: str
    version: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.name}/{self.version}"


@dataclass(frozen=True, slots=True)
class Inference:
    """What one call gave: logits of each clip (frames × 41, the blank last), the model that gave them, and seconds
    waited and worked.
    """

    logits: list[Logits]
    model: ModelIdentity
    waited: float
    worked: float


class Engine(Protocol):
    """Turns clips into logits.

    ``start`` comes first and ``close`` last; between them ``infer`` may be called from many tasks of one event loop
    at once. An engine bounds its own calls in flight: ``infer`` waits for a free place and never fails for lack of
    one.
    """

    name: str
    """What results call this engine, for example "triton"."""

    model: ModelIdentity
    """The model that was found at the start, or answered since."""

    async def start(self) -> ModelIdentity:
        """Connect and check the model: what it is said to take and give, and what it gives.

        Raises:
            StreamprocError: INFERENCE_UNAVAILABLE or INFERENCE_TIMEOUT, or MODEL_UNSUITABLE (fatal) where the model is
                not ours.
        """

    async def infer(self, clips: Sequence[Samples]) -> Inference:
        """Logits of each clip (16 kHz mono float32), in order.

        Raises:
            StreamprocError: INFERENCE_UNAVAILABLE, INFERENCE_TIMEOUT or INFERENCE_UNUSABLE (transient), or
                INFERENCE_REFUSED (poison) where the model answers other input and not this.
        """

    async def close(self) -> None:
        """Release the connection; calls still in flight fail with INFERENCE_UNAVAILABLE."""
