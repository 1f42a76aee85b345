"""Answers of a Triton that are none: sizes that do not fit, types that nobody asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.holes import hole
from tritonclient.grpc import InferResult
from tritonclient.grpc.service_pb2 import ModelInferResponse

from streamproc.errors import ErrorClass, ErrorCode, StreamprocError
from streamproc.inference.engine import Priority
from streamproc.inference.served import built_in
from streamproc.inference.triton import TritonServer

LENGTHS = [16_000]
LOGITS = np.zeros((1, 50, 41), np.float32).tobytes()
FRAMES = np.array([[50]], np.int32).tobytes()


class Answering:
    """A client whose server gives one answer, whatever is asked."""

    def __init__(self, *tensors: tuple[str, str, list[int], bytes]) -> None:
        self._response = ModelInferResponse(model_name="m", model_version="1")
        for name, datatype, shape, content in tensors:
            self._response.outputs.add(name=name, datatype=datatype, shape=shape)
            self._response.raw_output_contents.append(content)

    async def infer(self, *_: Any, **__: Any) -> InferResult:
        """The answer."""
        return InferResult(self._response)


async def answer_to(*tensors: tuple[str, str, list[int], bytes]) -> list[Any]:
    engine = TritonServer("127.0.0.1:1", built_in("m", ""), 1)
    engine._channel.client = Answering(*tensors)
    logits, version = await engine._call([np.zeros(length, np.float32) for length in LENGTHS], Priority.LIVE, 1)
    assert version == "1"
    return logits


async def test_a_good_answer() -> None:
    (logits,) = await answer_to(("LOGITS", "FP32", [1, 50, 41], LOGITS), ("FRAMES", "INT32", [1, 1], FRAMES))
    assert logits.shape == (50, 41)


@hole("C7")
@pytest.mark.parametrize(
    ("logits", "frames"),
    [
        (("LOGITS", "FP32", [1, 50, 41], b""), ("FRAMES", "INT32", [1, 1], FRAMES)),
        (("LOGITS", "FP32", [1, 50, 41], LOGITS[:-1]), ("FRAMES", "INT32", [1, 1], FRAMES)),
        (("LOGITS", "FP32", [1, 50, 41], LOGITS * 2), ("FRAMES", "INT32", [1, 1], FRAMES)),
        (("LOGITS", "FP32", [1, 2**40, 41], LOGITS), ("FRAMES", "INT32", [1, 1], FRAMES)),
        (("LOGITS", "FP32", [-1, 50, 41], LOGITS * 2), ("FRAMES", "INT32", [1, 1], FRAMES)),
        (("LOGITS", "FP32", [], b"\0\0\0\0"), ("FRAMES", "INT32", [1, 1], FRAMES)),
        (("LOGITS", "FP16", [1, 50, 41], LOGITS[: len(LOGITS) // 2]), ("FRAMES", "INT32", [1, 1], FRAMES)),
        (("LOGITS", "FP33", [1, 50, 41], LOGITS), ("FRAMES", "INT32", [1, 1], FRAMES)),
        (("LOGITS", "FP32", [1, 50, 41], LOGITS), ("FRAMES", "INT64", [1, 1], FRAMES * 2)),
        (("LOGITS", "FP32", [1, 50, 41], LOGITS), ("FRAMES", "INT32", [1], FRAMES)),
        (("LOGITS", "FP32", [1, 50, 41], LOGITS), ("FRAMES", "INT32", [1, 2], FRAMES * 2)),
        (("LOGITS", "FP32", [1, 50, 41], LOGITS), ("LENGTHS", "INT32", [1, 1], FRAMES)),
        (("LOGITS", "FP32", [1, 0, 41], b""), ("FRAMES", "INT32", [1, 1], bytes(4))),
    ],
)
async def test_an_answer_that_does_not_fit_is_told_and_no_crash(
    logits: tuple[str, str, list[int], bytes], frames: tuple[str, str, list[int], bytes]
) -> None:
    with pytest.raises(StreamprocError) as caught:
        await answer_to(logits, frames)
    assert caught.value.code is ErrorCode.INFERENCE_UNUSABLE
    assert caught.value.code.error_class is ErrorClass.TRANSIENT
