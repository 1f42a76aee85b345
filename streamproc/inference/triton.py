"""One Triton: what it is asked over gRPC, and what its answers are worth."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray
from tritonclient.grpc import aio as triton
from tritonclient.utils import InferenceServerException, triton_to_np_dtype

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.answers import DoubtfulError, MismatchError, clips_of, probe, unsuitable, unusable
from streamproc.inference.channel import Certificates, Channel
from streamproc.inference.configuration import AFTER, BEFORE, Configuration, read_configuration
from streamproc.inference.engine import Logits, ModelIdentity, Piece, Priority, Samples
from streamproc.inference.handshake import distrust
from streamproc.inference.model_inputs import ModelInputs, inputs_of
from streamproc.inference.model_outputs import as_logits
from streamproc.inference.proof import Own, prove
from streamproc.inference.served import ServedModel
from streamproc.inference.statistics import ServerLoad, ServerStatistics, read_load
from streamproc.tracing.request import metadata as trace_metadata

MAX_CALL_SAMPLES = 8_000_000
"""Padded samples in one call (32 MB): an activity beyond that is sent in several."""

FULL = ("Exceeds maximum queue size", "Request timeout expired")
"""What Triton says where the bounds of the model's queue are met: its length, or a request's time in it."""

MOST_CHANGES = 5
"""So often a call is made anew because the model changed beneath it, before the server counts as unavailable."""

PROVEN_FOR_S = 60.0
"""Seconds for which a model that was proven is believed to be the same: weights may be replaced under one
configuration."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request gave: the logits of each clip, and the model that gave them."""

    logits: list[Logits]
    model: ModelIdentity


class TritonServer:
    """What is said to one Triton, and what it answers. Which requests it gets is its caller's to decide.

    The model has the form that is said of it (`streamproc.inference.form`); without a declaration the shipped one's: it
    takes AUDIO (FP32, batch × samples, zero-padded) and LENGTHS (INT32, batch × 1, samples of each clip) and gives
    LOGITS (FP32, batch × frames × 41) and FRAMES (INT32, batch × 1, frames of each clip).

    The model may be replaced while the worker runs. Its configuration is read after each answer, once for all requests
    that are answered meanwhile; where it is not the one from before the request, the request is made anew. So an answer
    names the model that gave it, and one of other weights than are declared answers nothing.

    Args:
        address: host:port of the gRPC service.
        served: the model; without a version the newest served.
        timeout: seconds that a reading of the configuration may take, and a request at the most.
        certificates: how the server is spoken to.
        server_name: whom its certificate must name; "" for the host of ``address``.
    """

    def __init__(
        self,
        address: str,
        served: ServedModel,
        timeout: float,
        certificates: Certificates | None = None,
        server_name: str = "",
    ) -> None:
        self.address = address
        self.served = served
        self._form = served.form
        self._model = served.name
        self._version = served.version
        self._timeout = timeout
        self._configured = Configuration("", 1)
        self._reached = False
        self._statistics = ServerStatistics()
        self._looking = asyncio.Lock()
        self.looks = self._fresh = 0
        """Readings of the model's configuration: how many were begun, and which was the last to succeed."""
        self._proven: float | None = None
        """When its model was last found to be the declared one, by the event loop's clock; None: it may be another."""
        self._channel = Channel(address, certificates or Certificates(), timeout + 1, server_name)
        self.model = ModelIdentity(self._model, self._version, "")
        """The model that answered last."""

    @property
    def max_batch(self) -> int:
        """Most clips in one request, as the model's configuration has it."""
        return self._configured.max_batch

    async def open(self) -> None:
        """Make the connection; whether anybody is there, the first question shows.

        Raises:
            StreamprocError: SETTINGS_INVALID, the certificates cannot be used.
        """
        await self._channel.open()

    async def close(self) -> None:
        """Let the connection go; what is in flight on it fails with INFERENCE_UNAVAILABLE."""
        await self._channel.close()

    async def ready(self, within: float) -> bool:
        """Whether it serves the model.

        Raises:
            StreamprocError: INFERENCE_UNAVAILABLE or INFERENCE_TIMEOUT, it does not say so; where it never has, what
                is wrong with the certificates is told.
        """
        try:
            ready = await self._ask(
                self._server.is_model_ready(self._model, self._version, client_timeout=within), within
            )
        except StreamprocError as error:
            self._proven = None
            if error.code is ErrorCode.INFERENCE_UNAVAILABLE and not self._reached:
                await self._channel.examine()  # It may know why, and raises then.
            raise
        self._reached = True
        if not ready:
            self._proven = None
        return bool(ready)

    async def served_instead(self, within: float) -> str:
        """Which versions of the model it serves, where not the declared one, in words; empty where it does not tell."""
        if self.served.declared is None:
            return ""
        try:
            metadata = await self._ask(self._server.get_model_metadata(self._model, client_timeout=within), within)
        except StreamprocError:
            return ""
        return f"; it has version {', '.join(metadata.versions)}, pinned is {self._version}"

    @property
    def doubted(self) -> bool:
        """Whether its model may have become another since it was last proven: it was away, its configuration is not the
        same, or a while has passed. Of a model that nobody has declared, never."""
        if self.served.declared is None:
            return False
        return self._proven is None or asyncio.get_running_loop().time() - self._proven >= PROVEN_FOR_S

    async def prove(self, within: float) -> ModelIdentity:
        """Have it say what its model takes and gives, and answer noise, or the golden clip where its model is doubted;
        all of it within so many seconds.

        Raises:
            StreamprocError: MODEL_UNSUITABLE, the model is not ours; INFERENCE_BUSY, it works and is full; others.
        """
        within = min(within, self._timeout)
        try:
            async with asyncio.timeout(within):
                configured = await self.look()
                if not self.doubted:
                    await probe(lambda clips: self.infer(clips, Priority.LIVE, within))
                    return self.model
                await prove(self.served, lambda clips: self._hear(clips, within))
                if await self.look() == configured:
                    self._proven = asyncio.get_running_loop().time()
        except (DoubtfulError, MismatchError) as error:
            raise unsuitable(error) from None
        except TimeoutError:
            raise _late(within) from None
        return self.model

    async def _hear(self, clips: Sequence[Samples], within: float) -> list[Own]:
        heard: list[Own] = []
        for batch in _batches(clips, self.max_batch):
            own, version = await self._own(batch, Priority.LIVE, within)
            heard += own
            self.model = ModelIdentity(self._model, version, self._configured.sha256)
        return heard

    async def load(self, within: float) -> ServerLoad | None:
        """How long requests have waited and been computed since the last time; None where it does not tell."""
        if self._channel.client is None:
            return None
        try:
            load: ServerLoad | None = await self._ask(
                read_load(self._channel.client, self._model, self._version, self._statistics, within), within
            )
            return load
        except StreamprocError:
            return None  # The connection was closed meanwhile: the server is gone.

    async def infer(self, clips: Sequence[Samples], priority: Priority, within: float) -> Answer:
        """The logits of all clips, all by one model, within so many seconds.

        Clips beyond what the model takes at once go in several requests, one after the other.

        Raises:
            DoubtfulError: the clips may be to blame, or the model.
            StreamprocError: INFERENCE_UNAVAILABLE, INFERENCE_TIMEOUT, INFERENCE_BUSY.
        """
        try:
            async with asyncio.timeout(within):
                return await self._infer(clips, priority, within)
        except TimeoutError:
            raise _late(within) from None

    async def _infer(self, clips: Sequence[Samples], priority: Priority, within: float) -> Answer:
        for _ in range(MOST_CHANGES):
            served = self._configured
            logits: list[Logits] = []
            versions: set[str] = set()
            for batch in _batches(clips, served.max_batch):
                found, version = await self._call(batch, priority, within)
                logits += found
                versions.add(version)
            if await self.look() == served and len(versions) == 1:
                self.model = ModelIdentity(self._model, versions.pop(), served.sha256)
                return Answer(logits, self.model)
        raise StreamprocError(
            ErrorCode.INFERENCE_UNAVAILABLE, f"Triton at {self.address} changes the model {self._model!r} all the time"
        )

    async def look(self) -> Configuration:
        """The model's configuration, read at a moment after this call began; calls at once share a reading.

        Raises:
            DoubtfulError: INFERENCE_UNUSABLE, the model takes or gives something else than is said of it.
            MismatchError: it has other weights than are declared.
            StreamprocError: INFERENCE_UNAVAILABLE, INFERENCE_TIMEOUT.
        """
        begun = self.looks
        async with self._looking:
            if self._fresh <= begun:
                self.looks += 1
                answer = await self._ask(
                    self._server.get_model_config(self._model, self._version, client_timeout=self._timeout),
                    self._timeout,
                )
                found = self._check(answer.config)
                if found != self._configured:
                    self._configured, self._proven = found, None
                self._fresh = self.looks
        return self._configured

    def _check(self, config: Any) -> Configuration:
        try:
            found = read_configuration(config, self.served)
        except ValueError as error:
            raise self._unusable(str(error)) from None
        declared = self.served.declared
        if declared is not None and found.sha256 != declared.sha256:
            has = found.sha256 or "none (the parameter sha256 of config.pbtxt)"
            raise MismatchError(
                ErrorCode.INFERENCE_UNUSABLE,
                f"{self.served.identity} at {self.address} has the SHA-256 {has}; pinned is {declared.sha256}",
            )
        return found

    async def _call(self, clips: Sequence[Samples], priority: Priority, within: float) -> tuple[list[Logits], str]:
        """The logits of each clip, and the version of the model that answered."""
        own, version = await self._own(clips, priority, within)
        if self._form.is_plain:
            return own, version
        return await asyncio.to_thread(as_logits, self._form, own), version

    async def _own(self, clips: Sequence[Samples], priority: Priority, within: float) -> tuple[list[Own], str]:
        """The same over the model's own symbols."""
        ready = inputs_of(self._form, clips) if self._form.takes_plain else await asyncio.to_thread(
            inputs_of, self._form, clips
        )  # fmt: skip
        names, promised = self._form.served_tensors, ready.frames
        inputs = list(self._inputs(ready))
        del ready  # It has been copied, and an answer may take its time.
        outputs = [triton.InferRequestedOutput(name) for name in (names.logits, names.frames) if name is not None]
        before = self._before(clips)
        if before is not None:
            inputs.append(triton.InferInput(BEFORE, list(before.shape), "FP32").set_data_from_numpy(before))
            outputs.append(triton.InferRequestedOutput(AFTER))
        answer = await self._ask(
            self._server.infer(
                self._model,
                inputs,
                self._version,
                outputs,
                priority=priority,
                client_timeout=within,
                headers=trace_metadata(),
            ),
            within,
        )
        logits = self._tensor(answer, names.logits, "TYPE_FP32")
        frames = self._tensor(answer, names.frames, "TYPE_INT32") if names.frames is not None else None
        found = list(clips_of(self._model, logits, frames, promised, self._form))
        after = None if before is None else answer.as_numpy(AFTER)
        if after is not None and before is not None and after.shape != before.shape:
            raise self._unusable(f"gave {AFTER} of the shape {after.shape}")
        for row, clip in enumerate(clips):
            if isinstance(clip, Piece):
                clip.after = None if after is None else after[row].copy()
        return found, answer.get_response().model_version

    def _before(self, clips: Sequence[Samples]) -> NDArray[np.float32] | None:
        """What is remembered of each clip's recording; None: none of them goes on with one, or the model cannot."""
        size = self._configured.remembers
        pieces = [clip.before for clip in clips if isinstance(clip, Piece)]
        if not size or not pieces or any(before is not None and before.shape != (size,) for before in pieces):
            return None
        before = np.zeros((len(clips), size), np.float32)
        for row, clip in zip(before, clips, strict=True):
            if isinstance(clip, Piece) and clip.before is not None:
                row[:] = clip.before
        return before

    def _inputs(self, ready: ModelInputs) -> Iterator[Any]:
        names = self._form.served_tensors
        for name, tensor in ready.named(names).items():
            kind = "FP32" if name == names.audio else self._type_of(name, "TYPE_INT32").removeprefix("TYPE_")
            # A count of each clip is a row of it.
            shaped = tensor.reshape(len(tensor), -1).astype(triton_to_np_dtype(kind), copy=False)
            yield triton.InferInput(name, list(shaped.shape), kind).set_data_from_numpy(shaped)

    def _type_of(self, name: str | None, otherwise: str) -> str:
        return self._configured.types.get(name or "", otherwise)

    def _tensor(self, answer: Any, name: str, otherwise: str) -> NDArray[Any]:
        output = answer.get_output(name)
        datatype, wanted = None if output is None else f"TYPE_{output.datatype}", self._type_of(name, otherwise)
        if datatype != wanted:
            raise self._unusable(f"gave {name} as {datatype}, not {wanted}")
        try:
            tensor: NDArray[Any] = answer.as_numpy(name)
        except (ValueError, TypeError, IndexError) as error:
            raise self._unusable(f"gave an answer that cannot be read: {error}") from None
        return tensor

    def _unusable(self, reason: str) -> StreamprocError:
        return unusable(self._model, reason)

    @property
    def _server(self) -> Any:
        """The client of it."""
        if self._channel.client is None:
            raise self._closed()
        return self._channel.client

    def _closed(self) -> StreamprocError:
        return StreamprocError(ErrorCode.INFERENCE_UNAVAILABLE, "the engine is not started, or closed")

    async def _ask(self, question: Awaitable[Any], within: float) -> Any:
        try:
            return await question
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._channel.client is not None or (task is not None and task.cancelling()):
                raise
            # gRPC cancels the calls of a channel that is closed: nobody has cancelled the task that waits.
            raise self._closed() from None
        except (InferenceServerException, grpc.RpcError) as error:
            raise self._translate(error, within) from None

    def _translate(self, error: Exception, within: float) -> StreamprocError:
        status = str(error.status() or "") if isinstance(error, InferenceServerException) else str(error)
        if "DEADLINE_EXCEEDED" in status:
            return _late(within)
        if "UNAVAILABLE" in status and any(said in str(error) for said in FULL):
            return StreamprocError(ErrorCode.INFERENCE_BUSY, f"the queue of Triton at {self.address} is full")
        if "INVALID_ARGUMENT" in status:
            return self._unusable("refuses the input")
        if "UNAVAILABLE" in status:
            self._channel.suspected = True
        kind = DoubtfulError if "INTERNAL" in status else StreamprocError
        reason = distrust(str(error)) or status or type(error).__name__
        return kind(ErrorCode.INFERENCE_UNAVAILABLE, f"Triton at {self.address}: {reason}")


def _late(within: float) -> StreamprocError:
    return StreamprocError(ErrorCode.INFERENCE_TIMEOUT, f"no answer within {within:.3g} s")


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
