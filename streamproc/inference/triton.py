"""The Triton engine: asynchronous gRPC, all clips of an activity in one call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray
from tritonclient.grpc import aio as triton
from tritonclient.grpc.model_config_pb2 import DataType
from tritonclient.utils import InferenceServerException

from streamproc.audio.decode import SAMPLE_RATE
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.engine import Inference, Logits, ModelIdentity, Samples

MAX_CALL_SAMPLES = 8_000_000
"""Padded samples in one call (32 MB): an activity beyond that is sent in several."""

SYMBOLS = 41
"""Symbols of the model's output: 40 phonemes and the blank."""

FRAME_SAMPLES = 320
"""Samples of one frame: 20 ms."""

FRAMES_OFF = 5
"""Frames that an answer may have more or less than the clip's length promises."""

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""Largest answer that is received; that to MAX_CALL_SAMPLES has 4 MB."""

MOST_CHANGES = 5
"""So often a call is made anew because the model changed beneath it, before the server counts as unavailable."""

_INPUTS = {"AUDIO": "TYPE_FP32", "LENGTHS": "TYPE_INT32"}
_OUTPUTS = {"LOGITS": "TYPE_FP32", "FRAMES": "TYPE_INT32"}

_CHANNEL = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", MAX_ANSWER_BYTES),
]

_PROBE: Samples = (0.01 * np.random.default_rng(0).standard_normal(SAMPLE_RATE)).astype(np.float32)
"""A second of faint noise: whatever model is ours answers it."""


class _DoubtfulError(StreamprocError):
    """The model raised, refused the input, or gave an answer of no use: it may be the event's fault or the model's."""


@dataclass(frozen=True, slots=True)
class _Served:
    """What the server's configuration of the model says: it changes when the model is loaded anew."""

    sha256: str
    max_batch: int


class TritonEngine:
    """Inference by a Triton server.

    The model takes AUDIO (FP32, batch × samples, zero-padded) and LENGTHS (INT32, batch × 1, samples of each clip)
    and gives LOGITS (FP32, batch × frames × 41) and FRAMES (INT32, batch × 1, frames of each clip).

    The model may be replaced while the worker runs. Its configuration is read after each answer, once for all calls
    that are answered meanwhile; where it is not the one from before the call, the call is made anew. So a result names
    the model that gave it.

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
        self._served = _Served("", 1)
        self._looking = asyncio.Lock()
        self.looks = self._fresh = 0
        """Readings of the model's configuration: how many were begun, and which was the last to succeed."""
        self._client: Any = None
        self.model = ModelIdentity(model, version, "")

    async def start(self) -> ModelIdentity:
        """See Engine."""
        # Created here and not in __init__: gRPC's aio channel belongs to the running event loop.
        self._client = triton.InferenceServerClient(self._url, channel_args=_CHANNEL)
        ready = await self._ask(self._client.is_model_ready(self._model, self._version, client_timeout=self._timeout))
        if not ready:
            raise StreamprocError(
                ErrorCode.INFERENCE_UNAVAILABLE, f"Triton at {self._url} does not serve the model {self._model!r}"
            )
        try:
            await self._look()
            await self._infer([_PROBE, _PROBE[: SAMPLE_RATE // 2]])
        except _DoubtfulError as error:
            if error.code is ErrorCode.INFERENCE_UNUSABLE:
                raise StreamprocError(ErrorCode.MODEL_UNSUITABLE, error.message) from None
            raise
        return self.model

    async def infer(self, clips: Sequence[Samples]) -> Inference:
        """See Engine."""
        asked = time.perf_counter()
        async with self._places:
            began = time.perf_counter()
            logits, model = await self._infer_or_blame(clips)
            return Inference(logits, model, began - asked, time.perf_counter() - began)

    async def close(self) -> None:
        """See Engine."""
        if self._client is not None:
            await self._client.close()

    async def _infer_or_blame(self, clips: Sequence[Samples]) -> tuple[list[Logits], ModelIdentity]:
        """Call; a model that fails on these clips, and on as many seconds of noise does not, makes them the poison.

        A model that fails on everything is the world's fault and is waited for; a clip that it always fails on would
        be waited for in vain, and hold up the worker.
        """
        try:
            return await self._infer(clips)
        except _DoubtfulError:
            # The largest batch may be another since.
            await self._look()
            await self._infer([_PROBE] * len(clips))
        try:
            return await self._infer(clips)
        except _DoubtfulError as error:
            raise StreamprocError(
                ErrorCode.INFERENCE_REFUSED, f"the model fails on this input, and on no other: {error.message}"
            ) from None

    async def _infer(self, clips: Sequence[Samples]) -> tuple[list[Logits], ModelIdentity]:
        """The logits of all clips, all by one model, and which."""
        for _ in range(MOST_CHANGES):
            served = self._served
            logits: list[Logits] = []
            versions: set[str] = set()
            for batch in _batches(clips, served.max_batch):
                found, version = await self._call(batch)
                logits += found
                versions.add(version)
            if await self._look() == served and len(versions) <= 1:
                version = versions.pop() if versions else self.model.version
                self.model = ModelIdentity(self._model, version, served.sha256)
                return logits, self.model
        raise StreamprocError(
            ErrorCode.INFERENCE_UNAVAILABLE, f"Triton at {self._url} changes the model {self._model!r} all the time"
        )

    async def _look(self) -> _Served:
        """The model's configuration, read at a moment after this call began; calls at once share a reading."""
        begun = self.looks
        async with self._looking:
            if self._fresh <= begun:
                self.looks += 1
                answer = await self._ask(
                    self._client.get_model_config(self._model, self._version, client_timeout=self._timeout)
                )
                self._served = self._check(answer.config)
                self._fresh = self.looks
        return self._served

    def _check(self, config: Any) -> _Served:
        inputs = {tensor.name: DataType.Name(tensor.data_type) for tensor in config.input}
        outputs = {tensor.name: DataType.Name(tensor.data_type) for tensor in config.output}
        if inputs != _INPUTS or outputs != _OUTPUTS or config.max_batch_size < 1:
            raise self._unusable(f"takes {inputs} and gives {outputs}; needed are {_INPUTS} and {_OUTPUTS} in batches")
        return _Served(config.parameters["sha256"].string_value, config.max_batch_size)

    async def _call(self, clips: Sequence[Samples]) -> tuple[list[Logits], str]:
        """The logits of each clip, and the version of the model that answered."""
        padded = np.zeros((len(clips), max(map(len, clips))), dtype=np.float32)
        for row, clip in enumerate(clips):
            padded[row, : len(clip)] = clip
        lengths = np.array([[len(clip)] for clip in clips], dtype=np.int32)
        inputs = [
            triton.InferInput("AUDIO", list(padded.shape), "FP32").set_data_from_numpy(padded),
            triton.InferInput("LENGTHS", list(lengths.shape), "INT32").set_data_from_numpy(lengths),
        ]
        outputs = [triton.InferRequestedOutput(name) for name in _OUTPUTS]
        answer = await self._ask(
            self._client.infer(self._model, inputs, self._version, outputs, client_timeout=self._timeout)
        )
        return list(self._clips_of(answer, lengths[:, 0].tolist())), answer.get_response().model_version

    def _clips_of(self, answer: Any, lengths: Sequence[int]) -> Iterator[Logits]:
        """The logits of each clip, once the answer has been found to be what the model's configuration promises."""
        logits = self._tensor(answer, "LOGITS")
        frames = self._tensor(answer, "FRAMES")
        count = len(lengths)
        if logits.ndim != 3 or len(logits) != count or logits.shape[2] != SYMBOLS or frames.shape != (count, 1):
            raise self._unusable(
                f"gave logits of the shape {logits.shape} and frames of the shape {frames.shape} for {count} clips"
            )
        for row, heard, length in zip(logits, frames[:, 0].tolist(), lengths, strict=True):
            promised = length / FRAME_SAMPLES
            fewest = max(promised - FRAMES_OFF, 1 if length >= FRAME_SAMPLES else 0)
            if not fewest <= heard <= min(len(row), promised + FRAMES_OFF):
                raise self._unusable(f"gave {heard} frames, of {len(row)}, for {length} samples")
            if not np.isfinite(row[:heard]).all():
                raise self._unusable("gave logits that are not numbers")
            yield row[:heard]

    def _tensor(self, answer: Any, name: str) -> NDArray[Any]:
        output = answer.get_output(name)
        datatype = None if output is None else f"TYPE_{output.datatype}"
        if datatype != _OUTPUTS[name]:
            raise self._unusable(f"gave {name} as {datatype}, not {_OUTPUTS[name]}")
        try:
            tensor: NDArray[Any] = answer.as_numpy(name)
        except (ValueError, TypeError, IndexError) as error:
            raise self._unusable(f"gave an answer that cannot be read: {error}") from None
        return tensor

    def _unusable(self, reason: str) -> StreamprocError:
        return _DoubtfulError(ErrorCode.INFERENCE_UNUSABLE, f"model {self._model!r} {reason}")

    async def _ask(self, question: Awaitable[Any]) -> Any:
        try:
            return await question
        except (InferenceServerException, grpc.RpcError) as error:
            raise self._translate(error) from None

    def _translate(self, error: Exception) -> StreamprocError:
        status = str(error.status() or "") if isinstance(error, InferenceServerException) else str(error)
        if "DEADLINE_EXCEEDED" in status:
            return StreamprocError(ErrorCode.INFERENCE_TIMEOUT, f"no answer within {self._timeout:g} s")
        if "INVALID_ARGUMENT" in status:
            return self._unusable("refuses the input")
        kind = _DoubtfulError if "INTERNAL" in status else StreamprocError
        return kind(ErrorCode.INFERENCE_UNAVAILABLE, f"Triton at {self._url}: {status or type(error).__name__}")


def _batches(clips: Sequence[Samples], most: int) -> Iterator[Sequence[Samples]]:
    """Runs of clips, each of at most ``most`` and within MAX_CALL_SAMPLES; normally one."""
    begin = 0
    longest = 0
    for index, clip in enumerate(clips):
        longest = max(longest, len(clip))
        size = index + 1 - begin
        if size > 1 and (size > most or size * longest > MAX_CALL_SAMPLES):
            yield clips[begin:index]
            begin, longest = index, len(clip)
    if begin < len(clips):
        yield clips[begin:]
