"""Triton's Python backend: the phoneme network in onnxruntime, on one thread of this machine's CPU.

Triton hands over the requests of one dynamic batch together. Their clips are sorted by length and run in groups of
similar length, so that a long clip does not make short ones cost as much; a clip's logits do not depend on its group.
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

Clip = NDArray[np.float32]


class TritonPythonModel:
    """What Triton's Python backend loads."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load model.onnx beside this file."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        file = Path(args["model_repository"]) / args["model_version"] / "model.onnx"
        self._session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

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
            rows[number] = len(audio)
            clips += [(number, row, audio[row, :length]) for row, length in enumerate(lengths)]

        heard: dict[int, dict[int, NDArray[np.float32]]] = {number: {} for number in rows}
        for group in similar(clips):
            for (number, row, _), logits in zip(group, self._run([clip for _, _, clip in group]), strict=True):
                heard[number][row] = logits
        for number, count in rows.items():
            responses[number] = _response([heard[number][row] for row in range(count)])
        return responses

    def _run(self, clips: Sequence[Clip]) -> list[NDArray[np.float32]]:
        lengths = np.array([len(clip) for clip in clips], dtype=np.int64)
        audio = np.zeros((len(clips), max(1, lengths.max())), dtype=np.float32)
        for row, clip in enumerate(clips):
            audio[row, : len(clip)] = clip
        logits, frames = self._session.run(["logits", "frames"], {"audio": audio, "lengths": lengths})
        return [row[:count] for row, count in zip(logits, frames, strict=True)]


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


def _response(heard: Sequence[NDArray[np.float32]]) -> Any:
    frames = np.array([[len(logits)] for logits in heard], dtype=np.int32)
    padded = np.zeros((len(heard), int(frames.max()), SYMBOLS), dtype=np.float32)
    for row, logits in enumerate(heard):
        padded[row, : len(logits)] = logits
    return pb_utils.InferenceResponse([pb_utils.Tensor("LOGITS", padded), pb_utils.Tensor("FRAMES", frames)])


def _refusal(message: str) -> Any:
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, pb_utils.TritonError.INVALID_ARG))
