"""Triton's Python backend: model.onnx beside this file in onnxruntime, on one thread, a request at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils  # type: ignore[import-not-found]

KINDS = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(int32)": np.int32}


class TritonPythonModel:
    """What Triton's Python backend loads."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the model; config.pbtxt has the names of its tensors, which are the file's."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        file = Path(args["model_repository"]) / args["model_version"] / "model.onnx"
        self._session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        self._outputs = [tensor["name"] for tensor in json.loads(args["model_config"])["output"]]

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """One response for each request."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        given = {}
        for tensor in self._session.get_inputs():
            content = pb_utils.get_input_tensor_by_name(request, tensor.name).as_numpy()
            if len(tensor.shape) == 1:
                content = content.reshape(-1)
            given[tensor.name] = content.astype(KINDS[tensor.type], copy=False)
        found = self._session.run(self._outputs, given)
        return pb_utils.InferenceResponse(
            [pb_utils.Tensor(name, content) for name, content in zip(self._outputs, found, strict=True)]
        )
