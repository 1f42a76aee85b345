"""The contract of every inference engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from streamproc.audio.windows import AFTER

Samples = NDArray[np.float32]
Logits = NDArray[np.float32]


Remembered = NDArray[np.float32]
"""What a model remembers of a recording that it has heard a part of: a flat array that nobody else reads, all of it 0
where nothing was heard yet."""

NOT_REMEMBERED = AFTER
"""Samples: what is remembered after a piece is that of all but its last two seconds, where the next piece begins. So
both have heard what lies around the place where they meet."""


class Piece(np.ndarray[Any, np.dtype[np.float32]]):
    """A clip that goes on with a recording, whose logits are those of the whole recording there.

    It is a multiple of 320 samples into the recording. An engine whose model can go on sets ``after``; any other one
    hears it as a clip of its own, and leaves None there: then its logits are of no use for the whole.
    """

    before: Remembered | None = None
    """None: the recording begins with this piece."""
    after: Remembered | None = None

    @classmethod
    def going_on(cls, samples: Samples, before: Remembered | None) -> Piece:
        """These samples, not copied."""
        piece = samples.view(cls)
        piece.before = before
        return piece


class Priority(IntEnum):
    """Who goes first where not all can: the numbers are Triton's levels of priority."""

    LIVE = 1
    """A child has just read this."""
    REPLAY = 2
    """What has waited already: replayed dead letters, backfills."""


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
    """What one call gave: logits of each clip (frames × 41, the blank last), the model and the engine that gave them,
    and seconds waited and worked.
    """

    logits: list[Logits]
    model: ModelIdentity
    engine: str
    """What results call the engine that really answered, for example "triton" or "onnx"."""
    waited: float
    worked: float


class Engine(Protocol):
    """Turns clips into logits; ``tests/support/engine_suite.py`` holds every engine to these rules.

    One event loop owns an engine. ``start`` comes first and ``close`` last; between them ``infer`` may be called from
    many tasks at once.

    *Blocking.* Nothing here blocks the event loop: what takes a core or a socket is awaited. An engine bounds its own
    calls in flight: ``infer`` waits for a free place, for as long as it takes, and never fails for lack of one. From
    then on it has a deadline of the engine's own. Live calls get a place before replays, the oldest of a kind first.
    Whoever cancels ``infer`` gets the control back at once; the work begun may end a little later and holds nobody up.

    *Room.* Calls that wait for a place are the engine's queue. Whoever has more work asks ``room`` first: beyond two
    batches that wait, more would only wait here instead of in Kafka.

    *Raising.* A StreamprocError and nothing else, whose code says whose fault it is; but for what an exhausted
    process raises (streamproc.health.exhaustion): the worker stops.
    """

    @property
    def name(self) -> str:
        """What this engine is called, for example "triton"."""

    @property
    def model(self) -> ModelIdentity:
        """The model that was found at the start, or answered since."""

    async def start(self) -> ModelIdentity:
        """Connect or load, and check the model: what it is said to take and give, and what it gives.

        Raises:
            StreamprocError: INFERENCE_UNAVAILABLE or INFERENCE_TIMEOUT; MODEL_UNSUITABLE (fatal) where the model is
                not ours; SETTINGS_INVALID (fatal) where this engine is not installed.
        """

    @property
    def has_room(self) -> bool:
        """Whether less waits than two batches."""

    async def room(self) -> None:
        """Wait until it has room; of an engine that is closed, not at all."""

    async def infer(self, clips: Sequence[Samples], priority: Priority = Priority.LIVE) -> Inference:
        """Logits of each clip (16 kHz mono float32), in order, finite, as many frames as its length promises.

        A clip's logits do not depend on the clips beside it. A clip may be empty, and so may ``clips``.

        Raises:
            StreamprocError: INFERENCE_UNAVAILABLE, INFERENCE_TIMEOUT or INFERENCE_UNUSABLE (transient);
                INFERENCE_BUSY (transient) where a server works and takes no more for now; INFERENCE_REFUSED (poison)
                where the model answers other input and not this.
        """

    async def close(self) -> None:
        """Let everything go, also of an engine that never started; a second time changes nothing.

        Calls still in flight, and later ones, fail with INFERENCE_UNAVAILABLE.
        """
