"""Models that misbehave, each by its name, and one that answers what it was asked."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils  # type: ignore[import-not-found]


class TritonPythonModel:
    """What Triton's Python backend looks for."""

    def initialize(self, args: dict[str, str]) -> None:
        """Remember which model this is."""
        self._name = args["model_name"]

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
        match self._name:
            case "slow":
                time.sleep(1.5)
            case "no_numbers":
                logits[-1, 0, 3] = np.nan
            case "narrow":
                logits = logits[:, :, :40]
            case "long":
                frames[:] = 51
            case "failing":
                raise RuntimeError("no memory")
            case "choosy" if lengths.max() == 640:
                raise RuntimeError("not this one")
        tensors = [pb_utils.Tensor("LOGITS", logits), pb_utils.Tensor("FRAMES", frames)]
        return pb_utils.InferenceResponse(tensors)
