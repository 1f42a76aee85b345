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


@dataclass(frozen=True, slots=True)
class Inference:
    """What one call gave: logits of each clip (frames × 41, the blank last), and seconds waited and worked."""

    logits: list[Logits]
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

    async def start(self) -> ModelIdentity:
        """Connect and check the model.

        Raises:
            StreamprocError: INFERENCE_UNAVAILABLE, or MODEL_UNSUITABLE (fatal) where the model is not ours.
        """

    async def infer(self, clips: Sequence[Samples]) -> Inference:
        """Logits of each clip (16 kHz mono float32), in order.

        Raises:
            StreamprocError: INFERENCE_UNAVAILABLE or INFERENCE_TIMEOUT (transient), INFERENCE_REFUSED (poison).
        """

    async def close(self) -> None:
        """Release the connection; calls still in flight fail with INFERENCE_UNAVAILABLE."""
