"""Hearing live: a recording's logits while it is being made, from chunks of any length.

What is remembered between chunks is a handful of arrays of fixed shapes, 35 kB in all, the states of the model's
convolutions among them: a session may be kept, copied, and gone on with by another process. The logits are those of the
whole recording; those of a frame come 0.64 s after its sound, as the model looks nearly that far ahead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.answers import SYMBOLS
from streamproc.inference.engine import NOT_REMEMBERED, Remembered, Samples
from streamproc.inference.onnx_session import open_session, require
from streamproc.inference.repository import raise_if_memory, told

LIVE_FILE = "live.onnx"
"""Beside a model that can hear live; its weights lie in the model.safetensors there."""

_ENDLESS = 2**62
STATES = ("samples", "energy", "features", "blocks", "frames")
"""What is remembered, in the order of the graph's inputs behind ``audio`` and ``end``, and of its outputs behind
``logits``, there with ``next_``."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """How far a recording was heard. Never changed: `LiveModel.hear` gives a new one."""

    remembered: Mapping[str, NDArray[Any]]
    """By the names of the graph's inputs."""

    rest: Samples
    """Samples that do not fill a chunk of the graph's yet."""

    samples: int
    """Heard so far, the rest included."""

    given: int
    """Frames of logits so far."""


class LiveModel:
    """A model's ``live.onnx`` on this machine's CPU, one thread; any number of recordings at a time.

    Raises:
        StreamprocError: MODEL_UNSUITABLE, the file cannot be read, or is no such model; SETTINGS_INVALID, without
            onnxruntime.
    """

    def __init__(self, file: Path) -> None:
        require("hearing live")
        try:
            self._session = open_session(str(file))
            told_by = self._session.get_modelmeta().custom_metadata_map
            self._delay, self._chunk = int(told_by["delay"]), int(told_by["chunk"])
        except KeyError:
            raise StreamprocError(ErrorCode.MODEL_UNSUITABLE, f"the model {file} cannot hear live") from None
        except Exception as error:  # noqa: BLE001  onnxruntime's errors have no class in common
            raise_if_memory(error)
            raise StreamprocError(
                ErrorCode.MODEL_UNSUITABLE, f"the model {file} cannot be loaded: {told(error)}"
            ) from None
        shapes = {node.name: (node.type, [1, *node.shape[1:]]) for node in self._session.get_inputs()}
        kinds = {"tensor(float)": np.float32, "tensor(int64)": np.int64}
        self._nothing = {name: np.zeros(shapes[name][1], dtype=kinds[shapes[name][0]]) for name in STATES}

    def begin(self) -> Hearing:
        """A recording of which nothing was heard yet."""
        return Hearing(self._nothing, np.zeros(0, np.float32), 0, 0)

    def hear(self, hearing: Hearing, samples: Samples) -> tuple[NDArray[np.float32], Hearing]:
        """The logits [frames, 41] that ``samples`` (16 kHz, any number) make certain, and how far it was heard then."""
        audio = np.concatenate([hearing.rest, samples])
        whole = len(audio) // self._chunk * self._chunk
        logits, remembered = self._step(hearing.remembered, audio[:whole], _ENDLESS)
        given = self._certain(logits, hearing.remembered)
        return given, Hearing(remembered, audio[whole:], hearing.samples + len(samples), hearing.given + len(given))

    def finish(self, hearing: Hearing) -> NDArray[np.float32]:
        """The logits [frames, 41] that are still owed when the recording ends here."""
        owed = hearing.samples // self._chunk + 1 - hearing.given
        # A frame comes out for each chunk that goes in, ``delay`` later.
        chunks = hearing.samples // self._chunk + 1 + self._delay - int(hearing.remembered["frames"][0, 0])
        audio = np.zeros(chunks * self._chunk, dtype=np.float32)
        audio[: len(hearing.rest)] = hearing.rest
        logits, _ = self._step(hearing.remembered, audio, hearing.samples)
        return self._certain(logits, hearing.remembered)[:owed]

    def go_on(self, samples: Samples, before: Remembered | None) -> tuple[NDArray[np.float32], Remembered]:
        """A piece of a recording that is all there: its logits [frames, 41], and what is remembered after it.

        Raises:
            ValueError: ``before`` is none of this model's.
        """
        remembered = self._nothing if before is None else self._unpacked(before)
        begun = int(remembered["frames"][0, 0])
        mark = max(len(samples) - NOT_REMEMBERED, 0) // self._chunk * self._chunk
        first, remembered = self._step(remembered, samples[:mark], _ENDLESS)
        frames = len(samples) // self._chunk + 1
        rest = np.zeros((frames + self._delay) * self._chunk - mark, np.float32)
        rest[: len(samples) - mark] = samples[mark:]
        last, _ = self._step(remembered, rest, begun * self._chunk + len(samples))
        after = np.concatenate([remembered[name].ravel().astype(np.float32) for name in STATES])
        return np.concatenate([first, last])[self._delay : self._delay + frames], after

    def _unpacked(self, flat: Remembered) -> Mapping[str, NDArray[Any]]:
        sizes = [self._nothing[name].size for name in STATES]
        parts = zip(STATES, np.split(flat, np.cumsum(sizes)[:-1]), strict=True)
        return {name: part.reshape(self._nothing[name].shape).astype(self._nothing[name].dtype) for name, part in parts}

    def _step(
        self, remembered: Mapping[str, NDArray[Any]], audio: Samples, end: int
    ) -> tuple[NDArray[np.float32], Mapping[str, NDArray[Any]]]:
        if not len(audio):
            return np.zeros((0, SYMBOLS), np.float32), remembered
        logits, *states = self._session.run(
            ["logits", *(f"next_{name}" for name in STATES)],
            {"audio": audio[None], "end": np.array([[end]], dtype=np.int64), **remembered},
        )
        return logits[0], dict(zip(STATES, states, strict=True))

    def _certain(self, logits: NDArray[np.float32], remembered: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        return logits[max(0, self._delay - int(remembered["frames"][0, 0])) :]
