"""A model that misbehaves as the file ``mood`` in its folder says; without one it answers what it was asked."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils  # type: ignore[import-not-found]


class TritonPythonModel:
    """What Triton's Python backend looks for."""

    def initialize(self, args: dict[str, str]) -> None:
        """Remember where the mood is told."""
        self._mood = Path(args["model_repository"]) / "mood"

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer each request."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        lengths = pb_utils.get_input_tensor_by_name(request, "LENGTHS").as_numpy()
        batch = len(lengths)
        # The first symbol of every frame says how long the clip was.
        logits = np.zeros((batch, 50, 41), np.float32)
        logits[:, :, 0] = lengths
        frames = np.minimum(lengths // 320, 50).astype(np.int32)
        odd = 640 in lengths
        match self._mood.read_text() if self._mood.exists() else "":
            case "slow":
                time.sleep(1.5)
            case "leisurely":
                time.sleep(0.3)
            case "no numbers":
                logits[:, 0, 3] = np.nan
            case "infinities":
                logits[:, 0, 3] = np.inf
            case "no numbers for one" if odd:
                logits[:, 0, 3] = np.nan
            case "narrow":
                logits = logits[:, :, :40]
            case "flat":
                logits = logits[:, 0]
            case "few":
                logits, frames = logits[:1, :, :], frames[:1]
            case "no frames":
                frames[:] = 0
            case "half the frames":
                frames //= 2
            case "more frames than logits":
                frames[:] = 51
            case "more frames than audio":
                logits, frames = np.zeros((batch, 500, 41), np.float32), frames + 100
            case "negative frames":
                frames[:] = -1
            case "failing":
                raise RuntimeError("no memory")
            case "failing for one" if odd:
                raise RuntimeError("not this one")
            case "refusing":
                return pb_utils.InferenceResponse(error=pb_utils.TritonError("no", pb_utils.TritonError.INVALID_ARG))
            case "refusing one" if odd:
                return pb_utils.InferenceResponse(error=pb_utils.TritonError("no", pb_utils.TritonError.INVALID_ARG))
            case "without logits":
                return pb_utils.InferenceResponse([pb_utils.Tensor("FRAMES", frames)])
            case "doubles":
                tensors = [pb_utils.Tensor("LOGITS", logits.astype(np.float64)), pb_utils.Tensor("FRAMES", frames)]
                return pb_utils.InferenceResponse(tensors)
            case "numbers in words":
                words = np.full((batch, 50, 41), b"0", dtype=np.object_)
                return pb_utils.InferenceResponse([pb_utils.Tensor("LOGITS", words), pb_utils.Tensor("FRAMES", frames)])
            case "huge":
                logits = np.zeros((batch, 500_000, 41), np.float32)
        tensors = [pb_utils.Tensor("LOGITS", logits), pb_utils.Tensor("FRAMES", frames)]
        return pb_utils.InferenceResponse(tensors)
