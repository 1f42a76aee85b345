"""Triton's Python backend: the phoneme network in onnxruntime, on one thread of this machine's CPU.

Triton hands over the requests of one dynamic batch together. Their clips are sorted by length and run in groups of
similar length, so that a long clip does not make short ones cost as much; a clip's logits do not depend on its group.

A request with BEFORE holds pieces of recordings that are too long to be heard as a whole: each goes on with what is
remembered of its recording, and AFTER is what the next piece goes on with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils
from numpy.typing import NDArray

SYMBOLS = 41

MAX_STRETCH = 1.25
"""In one group no clip is padded to more than this many times the shortest one, half a second aside."""

MAX_GROUP_SAMPLES = 2_000_000
"""Padded samples run at once: about 30 MB of spectra a million."""

NOISE_SAMPLES = 32_000
APART = 1e-3
"""The two graphs must give the same logits for noise: what goes on with a recording must be the model that began it."""

Clip = NDArray[np.float32]


class TritonPythonModel:
    """What Triton's Python backend loads."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load model.onnx beside this file, and live.onnx where it is there and has the same weights."""
        folder = Path(args["model_repository"]) / args["model_version"]
        self._session = _open(folder / "model.onnx")
        self._live = self._live_beside(folder / "live.onnx") if (folder / "live.onnx").exists() else None

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """One response for each request; a request with wrong lengths gets an error, the others are not touched."""
        responses: list[Any] = [None] * len(requests)
        clips: list[tuple[int, int, Clip]] = []  # request, row, samples
        rows: dict[int, int] = {}
        for number, request in enumerate(requests):
            audio = pb_utils.get_input_tensor_by_name(request, "AUDIO").as_numpy()
            lengths = pb_utils.get_input_tensor_by_name(request, "LENGTHS").as_numpy().reshape(-1)
            if len(lengths) != len(audio) or (lengths < 0).any() or (lengths > audio.shape[1]).any():
                responses[number] = _refusal(
                    f"LENGTHS must be 0 to {audio.shape[1]}, one for each of {len(audio)} clips"
                )
                continue
            before = pb_utils.get_input_tensor_by_name(request, "BEFORE")
            if before is not None:
                responses[number] = self._go_on(audio, lengths, before.as_numpy())
                continue
            rows[number] = len(audio)
            clips += [(number, row, audio[row, :length]) for row, length in enumerate(lengths)]

        heard: dict[int, dict[int, NDArray[np.float32]]] = {number: {} for number in rows}
        for group in similar(clips):
            for (number, row, _), logits in zip(group, self._run([clip for _, _, clip in group]), strict=True):
                heard[number][row] = logits
        for number, count in rows.items():
            responses[number] = _response([heard[number][row] for row in range(count)])
        return responses

    def _live_beside(self, file: Path) -> Live | None:
        noise = (0.1 * np.random.default_rng(1).standard_normal(NOISE_SAMPLES)).astype(np.float32)
        (whole,) = self._run([noise])
        try:
            live = Live(file)
            piece, _ = live.hear(noise, np.zeros(live.size, np.float32))
        except Exception as error:  # noqa: BLE001  onnxruntime's errors have no class in common
            pb_utils.Logger.log_warn(f"long recordings are heard in windows: {file}: {error}")
            return None
        if piece.shape == whole.shape and np.abs(piece - whole).max() < APART:
            return live
        pb_utils.Logger.log_warn(f"long recordings are heard in windows: {file} has other weights than model.onnx")
        return None

    def _go_on(self, audio: Clip, lengths: NDArray[np.int32], before: NDArray[np.float32]) -> Any:
        if self._live is None:
            return _refusal("BEFORE is of no use: there is no live.onnx with these weights")
        if before.shape != (len(audio), self._live.size):
            return _refusal(f"BEFORE must have {self._live.size} numbers for each clip")
        rows = zip(audio, lengths, before, strict=True)
        heard, after = zip(*(self._live.hear(clip[:length], own) for clip, length, own in rows), strict=True)
        return _response(heard, [pb_utils.Tensor("AFTER", np.stack(after))])

    def _run(self, clips: Sequence[Clip]) -> list[NDArray[np.float32]]:
        lengths = np.array([len(clip) for clip in clips], dtype=np.int64)
        audio = np.zeros((len(clips), max(1, lengths.max())), dtype=np.float32)
        for row, clip in enumerate(clips):
            audio[row, : len(clip)] = clip
        logits, frames = self._session.run(["logits", "frames"], {"audio": audio, "lengths": lengths})
        return [row[:count] for row, count in zip(logits, frames, strict=True)]


class Live:
    """live.onnx, which goes on with what it remembers; as streamproc.inference.live has it, which is not here."""

    KEPT = ("samples", "energy", "features", "blocks", "frames")
    NOT_REMEMBERED = 32_000
    """What is remembered after a piece is that of all but these last samples: there the next piece begins."""
    ENDLESS = 2**62

    def __init__(self, file: Path) -> None:
        self._session = _open(file)
        told = self._session.get_modelmeta().custom_metadata_map
        self._delay, self._chunk = int(told["delay"]), int(told["chunk"])
        shapes = {node.name: node.shape[1:] for node in self._session.get_inputs()}
        self._shapes = [(1, *shapes[name]) for name in self.KEPT]
        self._ends = np.cumsum([np.prod(shape) for shape in self._shapes])
        self.size = int(self._ends[-1])
        """Numbers that are remembered."""

    def hear(self, clip: Clip, before: NDArray[np.float32]) -> tuple[Clip, NDArray[np.float32]]:
        """A piece's logits, and what is remembered after it."""
        parts = np.split(before, self._ends[:-1])
        kept = [part.reshape(shape) for part, shape in zip(parts, self._shapes, strict=True)]
        kept[-1] = kept[-1].astype(np.int64)
        begun = int(kept[-1][0, 0])
        mark = max(len(clip) - self.NOT_REMEMBERED, 0) // self._chunk * self._chunk
        heard = []
        if mark:
            first, *kept = self._step(clip[:mark], self.ENDLESS, kept)
            heard.append(first)
        frames = len(clip) // self._chunk + 1
        rest = np.zeros((frames + self._delay) * self._chunk - mark, np.float32)
        rest[: len(clip) - mark] = clip[mark:]
        heard.append(self._step(rest, begun * self._chunk + len(clip), kept)[0])
        after = np.concatenate([part.ravel().astype(np.float32) for part in kept])
        return np.concatenate(heard)[self._delay : self._delay + frames], after

    def _step(self, audio: Clip, end: int, kept: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        given = {"audio": audio[None], "end": np.array([[end]], np.int64), **dict(zip(self.KEPT, kept, strict=True))}
        logits, *after = self._session.run(["logits", *(f"next_{name}" for name in self.KEPT)], given)
        return [logits[0], *after]


def _open(file: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def similar(clips: Sequence[tuple[int, int, Clip]]) -> Iterator[list[tuple[int, int, Clip]]]:
    """The clips in groups of similar length, each within MAX_STRETCH and MAX_GROUP_SAMPLES."""
    group: list[tuple[int, int, Clip]] = []
    for item in sorted(clips, key=lambda item: len(item[2])):
        length = len(item[2])
        if group and (length > MAX_STRETCH * len(group[0][2]) + 8000 or (len(group) + 1) * length > MAX_GROUP_SAMPLES):
            yield group
            group = []
        group.append(item)
    if group:
        yield group


def _response(heard: Sequence[NDArray[np.float32]], more: Sequence[Any] = ()) -> Any:
    frames = np.array([[len(logits)] for logits in heard], dtype=np.int32)
    padded = np.zeros((len(heard), int(frames.max()), SYMBOLS), dtype=np.float32)
    for row, logits in enumerate(heard):
        padded[row, : len(logits)] = logits
    return pb_utils.InferenceResponse([pb_utils.Tensor("LOGITS", padded), pb_utils.Tensor("FRAMES", frames), *more])


def _refusal(message: str) -> Any:
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, pb_utils.TritonError.INVALID_ARG))
