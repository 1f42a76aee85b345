"""The logits that a stand-in answers with."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tritonclient.grpc import service_pb2

SYMBOLS = 41
FRAME = 320

Floats = NDArray[np.float32]

MARK = 0
"""The symbol whose logit is the clip's first sample, where nothing is recorded: a test sees whose answer it got."""


def frames_of(samples: int) -> int:
    """Frames that the model of this tree gives for a clip."""
    return samples // FRAME + 1


def record(file: Path, clips: Iterable[Floats], model: Callable[[Floats], Floats]) -> None:
    """Write what ``model`` gives for each clip: the answers to clips of these lengths."""
    found = {len(clip): model(clip) for clip in clips}
    lengths = sorted(found)
    ends = np.cumsum([len(found[length]) for length in lengths])
    np.savez(file, lengths=lengths, ends=ends, logits=np.concatenate([found[length] for length in lengths]))


class Answers:
    """Logits by a clip's length: recorded ones of the nearest length, or made-up ones.

    Args:
        file: what ``record`` has written; None: all blank, but for MARK.
    """

    def __init__(self, file: Path | None) -> None:
        self._recorded: list[Floats] = []
        self._lengths: list[int] = []
        self._cache: dict[tuple[int, ...], Any] = {}
        if file is not None:
            with np.load(file) as kept:
                self._lengths = kept["lengths"].tolist()
                self._recorded = np.split(kept["logits"], kept["ends"][:-1])

    def answer(self, lengths: Sequence[int], first: Sequence[float]) -> Any:
        """A ModelInferResponse for clips of these lengths and first samples, without the model's name and version."""
        if not self._recorded:
            return _response([self._made_up(length, mark) for length, mark in zip(lengths, first, strict=True)])
        key = tuple(lengths)
        if key not in self._cache:
            self._cache[key] = _response([self._nearest(length) for length in lengths])
        copy = service_pb2.ModelInferResponse()
        copy.CopyFrom(self._cache[key])
        return copy

    def _made_up(self, length: int, mark: float) -> Floats:
        logits = np.zeros((frames_of(length), SYMBOLS), np.float32)
        logits[:, MARK] = mark
        logits[:, -1] = 5.0
        return logits

    def _nearest(self, length: int) -> Floats:
        place = bisect_left(self._lengths, length)
        near = range(max(0, place - 1), min(len(self._lengths), place + 1))
        found = self._recorded[min(near, key=lambda index: abs(self._lengths[index] - length))]
        wanted = frames_of(length)
        return np.pad(found[:wanted], ((0, max(0, wanted - len(found))), (0, 0)), mode="edge")


def _response(logits: Sequence[Floats]) -> Any:
    frames = np.array([[len(each)] for each in logits], np.int32)
    padded = np.zeros((len(logits), int(frames.max(initial=0)), SYMBOLS), np.float32)
    for row, each in enumerate(logits):
        padded[row, : len(each)] = each
    return response(padded, frames)


def response(logits: NDArray[Any], frames: NDArray[Any], datatype: str = "FP32") -> Any:
    """A ModelInferResponse with these tensors."""
    answer = service_pb2.ModelInferResponse()
    for name, tensor, kind in (("LOGITS", logits, datatype), ("FRAMES", frames, "INT32")):
        answer.outputs.add(name=name, datatype=kind, shape=tensor.shape)
        answer.raw_output_contents.append(tensor.tobytes())
    return answer


def spoilt(answer: Any, how: str) -> Any:
    """The answer with one fault: nan, shape, frames or type."""
    shape = tuple(answer.outputs[0].shape)
    logits = np.frombuffer(answer.raw_output_contents[0], np.float32).reshape(shape)
    frames = np.frombuffer(answer.raw_output_contents[1], np.int32).reshape(tuple(answer.outputs[1].shape))
    match how:
        case "nan":
            return response(np.full_like(logits, np.nan), frames)
        case "shape":
            return response(logits[:, :, 1:], frames)
        case "frames":
            return response(logits, frames + 1000)
        case "type":
            return response(logits.astype(np.float64), frames, "FP64")
    raise ValueError(f"there is no answer {how!r}")
