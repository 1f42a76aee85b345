"""What the engines that run in this process have in common: threads of their own, a deadline, an end for what nobody
waits for."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.answers import DoubtfulError, clips_of, or_blame, probe
from streamproc.inference.batcher import Bounds, alike
from streamproc.inference.engine import Inference, Logits, ModelIdentity, Priority, Samples
from streamproc.inference.model_inputs import ModelInputs, inputs_of
from streamproc.inference.model_outputs import as_logits
from streamproc.inference.places import Places
from streamproc.inference.proof import Own, prove
from streamproc.inference.repository import raise_if_memory, told
from streamproc.inference.served import ServedModel

L = TypeVar("L")
"""The loaded model."""
H = TypeVar("H")
"""What a run can be ended by, from another thread."""


class InProcessEngine(ABC, Generic[L, H]):
    """Inference in threads of its own: the event loop never waits for a core or a device.

    The model lies where a Triton looks for it too, at ``repository/model/version/model.onnx``, weights included. It has
    the form that is said of it (`streamproc.inference.form`). It is read once, at the start: a result names what was
    read.

    Args:
        repository: folder of models.
        served: the model: its name is a folder in there, its version one in that, the highest number where it has none.
        timeout: seconds that one run may take.
        threads: runs at once.
    """

    name: str

    def __init__(self, repository: Path, served: ServedModel, timeout: float, threads: int) -> None:
        self.served = served
        self._repository = repository
        self._timeout = timeout
        self._places = Places(threads)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=self.name)
        self._loaded: L | None = None
        self._running: set[H] = set()
        """Of the runs that somebody waits for."""
        self.model = ModelIdentity(served.name, served.version, "")

    @abstractmethod
    def _load(self) -> tuple[L, ModelIdentity]:
        """Read and check the model, in a thread.

        Raises:
            StreamprocError: SETTINGS_INVALID or MODEL_UNSUITABLE.
        """

    @abstractmethod
    def _bounds(self, loaded: L) -> Bounds:
        """What one run may hold."""

    @abstractmethod
    def _handle(self) -> H:
        """For one run."""

    @abstractmethod
    def _end(self, handle: H) -> None:
        """End the run of ``handle``, if it is not over; also a second time."""

    @abstractmethod
    def _outputs(self, loaded: L, ready: ModelInputs, handle: H) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Logits (clips × frames × symbols) and frames (clips), if the model tells them, of one run, in a thread;
        whatever it raises, the model fails.

        Raises:
            StreamprocError: where more is known of the failure.
        """

    def _go_on(self, clips: Sequence[Samples]) -> tuple[NDArray[Any], NDArray[Any]] | None:
        """As `_outputs`, of a run that is a piece of a recording; None: it is none, or this engine cannot go on."""
        return None

    async def start(self) -> ModelIdentity:
        """See Engine."""
        self._loaded, self.model = await asyncio.get_running_loop().run_in_executor(self._threads, self._load)
        try:
            await probe(self._infer)
            await prove(self.served, self._hear)
        except DoubtfulError as error:  # It raises, whatever the input.
            raise StreamprocError(ErrorCode.MODEL_UNSUITABLE, error.message) from None
        return self.model

    async def _hear(self, clips: Sequence[Samples]) -> list[Own]:
        loaded = self._loaded
        if loaded is None:
            raise _closed()
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._own, loaded, clips, self._handle())

    @property
    def has_room(self) -> bool:
        """See Engine."""
        return self._places.has_room

    async def room(self) -> None:
        """See Engine."""
        await self._places.room()

    async def infer(self, clips: Sequence[Samples], priority: Priority = Priority.LIVE) -> Inference:
        """See Engine."""
        asked = time.perf_counter()
        async with self._places.one(priority):
            began = time.perf_counter()
            logits = await or_blame(self._infer, clips)
            return Inference(logits, self.model, self.name, began - asked, time.perf_counter() - began)

    async def close(self) -> None:
        """See Engine."""
        self._loaded = None
        self._places.close()
        for handle in self._running:
            self._end(handle)
        self._threads.shutdown(wait=False)

    async def _infer(self, clips: Sequence[Samples]) -> list[Logits]:
        if self._loaded is None:
            raise _closed()
        found: dict[int, Logits] = {}
        for places in alike([len(clip) for clip in clips], self._bounds(self._loaded)):
            found.update(zip(places, await self._run([clips[place] for place in places]), strict=True))
        return [found[place] for place in range(len(clips))]

    async def _run(self, clips: Sequence[Samples]) -> list[Logits]:
        """The logits of one run; whoever stops waiting, for whatever reason, ends it too."""
        if self._loaded is None:
            raise _closed()
        handle = self._handle()
        call = asyncio.get_running_loop().run_in_executor(self._threads, self._work, clips, handle)
        self._running.add(handle)
        try:
            async with asyncio.timeout(self._timeout):
                return await call
        except TimeoutError:
            raise StreamprocError(ErrorCode.INFERENCE_TIMEOUT, f"no answer within {self._timeout:g} s") from None
        finally:
            self._end(handle)
            self._running.discard(handle)

    def _own(self, loaded: L, clips: Sequence[Samples], handle: H) -> list[Logits]:
        """What the model gives for each clip, over its own symbols."""
        form = self.served.form
        ready = inputs_of(form, clips)
        logits, frames = self._go_on(clips) or self._outputs(loaded, ready, handle)
        counted = None if frames is None else np.expand_dims(frames, -1)
        return list(clips_of(self.model.name, logits, counted, ready.frames, form))

    def _work(self, clips: Sequence[Samples], handle: H) -> list[Logits]:
        """Run the model, in a thread of the executor."""
        if (loaded := self._loaded) is None:
            raise _closed()
        try:
            return as_logits(self.served.form, self._own(loaded, clips, handle))
        except StreamprocError:
            raise
        except Exception as error:  # noqa: BLE001
            if self._loaded is None:
                raise _closed() from None
            raise_if_memory(error)
            raise DoubtfulError(
                ErrorCode.INFERENCE_UNAVAILABLE, f"model {self.model.name!r} fails: {told(error)}"
            ) from None


def _closed() -> StreamprocError:
    return StreamprocError(ErrorCode.INFERENCE_UNAVAILABLE, "the engine is not started, or closed")
