"""The Triton engine: asynchronous gRPC, all clips of an activity in one call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import Any

import grpc
import numpy as np
from tritonclient.grpc import aio as triton
from tritonclient.utils import InferenceServerException

from streamproc.audio.decode import SAMPLE_RATE
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.engine import Inference, Logits, ModelIdentity, Samples

MAX_CALL_SAMPLES = 8_000_000
"""Padded samples in one call (32 MB): an activity beyond that is sent in several."""

SYMBOLS = 41
"""Symbols of the model's output: 40 phonemes and the blank."""

_INPUTS = {"AUDIO": "TYPE_FP32", "LENGTHS": "TYPE_INT32"}
_OUTPUTS = {"LOGITS": "TYPE_FP32", "FRAMES": "TYPE_INT32"}


class _ModelFailedError(StreamprocError):
    """Triton is there, and the model raised."""


class TritonEngine:
    """Inference by a Triton server.

    The model takes AUDIO (FP32, batch × samples, zero-padded) and LENGTHS (INT32, batch × 1, samples of each clip)
    and gives LOGITS (FP32, batch × frames × 41) and FRAMES (INT32, batch × 1, frames of each clip).

    Args:
        url: host:port of the gRPC service.
        model: name in the model repository.
        version: version of the model; "" for the newest served.
        timeout: seconds that one call may take.
        max_in_flight: calls open at once.
    """

    name = "triton"

    def __init__(self, url: str, model: str, version: str, timeout: float, max_in_flight: int) -> None:
        self._url = url
        self._model = model
        self._version = version
        self._timeout = timeout
        self._places = asyncio.Semaphore(max_in_flight)
        self._max_batch = 1
        self._client: Any = None

    async def start(self) -> ModelIdentity:
        """See Engine."""
        # Created here and not in __init__: gRPC's aio channel belongs to the running event loop.
        self._client = triton.InferenceServerClient(self._url)
        try:
            if not await self._client.is_model_ready(self._model, self._version, client_timeout=self._timeout):
                raise StreamprocError(
                    ErrorCode.INFERENCE_UNAVAILABLE, f"Triton at {self._url} does not serve the model {self._model!r}"
                )
            metadata = await self._client.get_model_metadata(
                self._model, self._version, as_json=True, client_timeout=self._timeout
            )
            answer = await self._client.get_model_config(
                self._model, self._version, as_json=True, client_timeout=self._timeout
            )
        except (InferenceServerException, grpc.RpcError) as error:
            raise self._translate(error) from None
        config = answer["config"]
        self._check(config)
        self._max_batch = int(config["max_batch_size"])
        sha256 = config.get("parameters", {}).get("sha256", {}).get("string_value", "")
        version = self._version or max(metadata["versions"], key=int)
        return ModelIdentity(self._model, version, sha256)

    async def infer(self, clips: Sequence[Samples]) -> Inference:
        """See Engine."""
        asked = time.perf_counter()
        async with self._places:
            began = time.perf_counter()
            logits: list[Logits] = []
            for batch in self._batches(clips):
                logits += await self._call_or_blame(batch)
            return Inference(logits, began - asked, time.perf_counter() - began)

    async def close(self) -> None:
        """See Engine."""
        if self._client is not None:
            await self._client.close()

    def _check(self, config: dict[str, Any]) -> None:
        inputs = {tensor["name"]: tensor["data_type"] for tensor in config.get("input", [])}
        outputs = {tensor["name"]: tensor["data_type"] for tensor in config.get("output", [])}
        if inputs != _INPUTS or outputs != _OUTPUTS or int(config.get("max_batch_size", 0)) < 1:
            raise self._unsuitable(
                f"takes {inputs} and gives {outputs}; needed are {_INPUTS} and {_OUTPUTS} in batches"
            )

    def _batches(self, clips: Sequence[Samples]) -> Iterator[Sequence[Samples]]:
        """Runs of clips, each within the model's batch size and MAX_CALL_SAMPLES; normally one."""
        begin = 0
        longest = 0
        for index, clip in enumerate(clips):
            longest = max(longest, len(clip))
            size = index + 1 - begin
            if size > 1 and (size > self._max_batch or size * longest > MAX_CALL_SAMPLES):
                yield clips[begin:index]
                begin, longest = index, len(clip)
        if begin < len(clips):
            yield clips[begin:]

    async def _call_or_blame(self, clips: Sequence[Samples]) -> list[Logits]:
        """Call; a model that fails on these clips, and on a second of silence does not, makes them the poison.

        A model that fails on everything is the world's fault and is waited for; a clip that it always fails on would
        be waited for in vain, and hold up the worker.
        """
        try:
            return await self._call(clips)
        except _ModelFailedError:
            await self._call([np.zeros(SAMPLE_RATE, dtype=np.float32)])
        try:
            return await self._call(clips)
        except _ModelFailedError:
            raise StreamprocError(
                ErrorCode.INFERENCE_REFUSED, "the model fails on this input, and on no other"
            ) from None

    async def _call(self, clips: Sequence[Samples]) -> list[Logits]:
        padded = np.zeros((len(clips), max(map(len, clips))), dtype=np.float32)
        for row, clip in enumerate(clips):
            padded[row, : len(clip)] = clip
        lengths = np.array([[len(clip)] for clip in clips], dtype=np.int32)
        inputs = [
            triton.InferInput("AUDIO", list(padded.shape), "FP32").set_data_from_numpy(padded),
            triton.InferInput("LENGTHS", list(lengths.shape), "INT32").set_data_from_numpy(lengths),
        ]
        outputs = [triton.InferRequestedOutput(name) for name in _OUTPUTS]
        try:
            answer = await self._client.infer(self._model, inputs, self._version, outputs, client_timeout=self._timeout)
        except (InferenceServerException, grpc.RpcError) as error:
            raise self._translate(error) from None
        return list(self._clips_of(answer, len(clips)))

    def _clips_of(self, answer: Any, count: int) -> Iterator[Logits]:
        """The logits of each clip, once the answer has been found to be what the model's configuration promises."""
        try:
            logits = answer.as_numpy("LOGITS")
            frames = answer.as_numpy("FRAMES")[:, 0]
        except (ValueError, TypeError, IndexError) as error:
            raise self._unsuitable(f"gave an answer that cannot be read: {error}") from None
        if logits.ndim != 3 or len(logits) != count or logits.shape[2] != SYMBOLS or len(frames) != count:
            raise self._unsuitable(f"gave logits of the shape {logits.shape} for {count} clips")
        if not 0 <= frames.min() <= frames.max() <= logits.shape[1]:
            raise self._unsuitable(f"gave {frames.max()} frames of {logits.shape[1]}")
        for row, length in zip(logits, frames.tolist(), strict=True):
            if not np.isfinite(row[:length]).all():
                raise StreamprocError(ErrorCode.INFERENCE_REFUSED, "the model gave logits that are not numbers")
            yield row[:length]

    def _unsuitable(self, reason: str) -> StreamprocError:
        return StreamprocError(ErrorCode.MODEL_UNSUITABLE, f"model {self._model!r} {reason}")

    def _translate(self, error: Exception) -> StreamprocError:
        status = str(error.status() or "") if isinstance(error, InferenceServerException) else str(error)
        if "DEADLINE_EXCEEDED" in status:
            return StreamprocError(ErrorCode.INFERENCE_TIMEOUT, f"no answer within {self._timeout:g} s")
        if "INVALID_ARGUMENT" in status:
            return StreamprocError(ErrorCode.INFERENCE_REFUSED)
        kind = _ModelFailedError if "INTERNAL" in status else StreamprocError
        return kind(ErrorCode.INFERENCE_UNAVAILABLE, f"Triton at {self._url}: {status or type(error).__name__}")
