"""A model that misbehaves on demand: the first sample of a request's first clip says how. See faults.py."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils  # type: ignore[import-not-found]

SYMBOLS = 41
FRAME = 320
REFUSED, SLOW = 0.25, 0.75


class TritonPythonModel:
    """What Triton's Python backend loads."""

    def initialize(self, args: dict[str, str]) -> None:
        """Beside the model's version, the file "slow" makes slow requests slow; "mended" ends the refusals."""
        self._slow = Path(args["model_repository"]) / "slow"
        self._mended = Path(args["model_repository"]) / "mended"

    def execute(self, requests: list[Any]) -> list[Any]:
        """One response for each request."""
        return [self._response(request) for request in requests]

    def _response(self, request: Any) -> Any:
        audio = pb_utils.get_input_tensor_by_name(request, "AUDIO").as_numpy()
        lengths = pb_utils.get_input_tensor_by_name(request, "LENGTHS").as_numpy()
        mark = float(audio[0, 0])
        if mark == REFUSED and not self._mended.exists():
            return pb_utils.InferenceResponse(error=pb_utils.TritonError("no", pb_utils.TritonError.INVALID_ARG))
        while mark == SLOW and self._slow.exists():
            time.sleep(0.05)
        frames = (lengths // FRAME).astype(np.int32)
        logits = np.zeros((len(audio), int(frames.max()), SYMBOLS), np.float32)
        logits[:, :, -1] = 5.0
        return pb_utils.InferenceResponse([pb_utils.Tensor("LOGITS", logits), pb_utils.Tensor("FRAMES", frames)])
