"""The ONNX engine: the model in this process, on a bounded number of this machine's cores."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.answers import SYMBOLS, DoubtfulError, clips_of, or_blame, probe
from streamproc.inference.engine import Inference, Logits, ModelIdentity, Priority, Samples
from streamproc.inference.places import Places
from streamproc.inference.repository import ModelFile, raise_if_memory, read_model, told

_INPUTS = {"audio": ("tensor(float)", 2), "lengths": ("tensor(int64)", 1)}
_OUTPUTS = {"logits": ("tensor(float)", 3), "frames": ("tensor(int64)", 1)}

_FATAL_ONLY = 4
"""onnxruntime writes nothing below this severity: what it has to say is in what it raises."""


class OnnxEngine:
    """Inference by onnxruntime, in fp32, in threads of its own: the event loop never waits for a core.

    The model lies where a Triton looks for it too, at ``repository/model/version/model.onnx``, weights included. It
    takes ``audio`` (float, clips × samples) and ``lengths`` (int64, clips) and gives ``logits`` (float, clips × frames
    × 41) and ``frames`` (int64, clips). It is read once, at the start: a result names what was read.

    A run has one clip: on one thread a batch of 16 saves a tenth of the work, and padding would cost more than that.

    Args:
        repository: folder of models.
        model: its name, a folder in there.
        version: a folder in that; "" for the highest number.
        timeout: seconds that one clip may take.
        threads: clips run at once, each on one thread.
    """

    name = "onnx"

    def __init__(self, repository: Path, model: str, version: str, timeout: float, threads: int) -> None:
        self._repository = repository
        self._timeout = timeout
        self._places = Places(threads)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="onnx")
        self._session: Any = None
        self._running: set[Any] = set()
        """The options of the runs that somebody waits for: by them a run can be ended."""
        self.model = ModelIdentity(model, version, "")

    async def start(self) -> ModelIdentity:
        """See Engine."""
        loop = asyncio.get_running_loop()
        self._session, self.model = await loop.run_in_executor(self._threads, self._load)
        try:
            await probe(self._infer)
        except DoubtfulError as error:  # It raises, whatever the input.
            raise StreamprocError(ErrorCode.MODEL_UNSUITABLE, error.message) from None
        return self.model

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
        self._session = None
        self._places.close()
        for options in self._running:
            options.terminate = True
        self._threads.shutdown(wait=False)

    def _load(self) -> tuple[Any, ModelIdentity]:
        try:
            import onnxruntime
        except ImportError as error:
            raise StreamprocError(
                ErrorCode.SETTINGS_INVALID,
                f"the engine onnx needs onnxruntime: pip install 'streamproc[onnx]' ({error})",
            ) from None
        file = read_model(self._repository, self.model.name, self.model.version)
        options = onnxruntime.SessionOptions()
        # A run on one thread runs in the thread that calls: there are as many as the executor has, and no more.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # Clips differ in length: an arena would keep the longest one's memory for ever, and patterns one for each.
        options.enable_cpu_mem_arena = options.enable_mem_pattern = False
        options.log_severity_level = _FATAL_ONLY
        try:
            session = onnxruntime.InferenceSession(file.content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001  onnxruntime's errors have no class in common
            raise_if_memory(error)
            raise file.unsuitable(f"cannot be loaded: {told(error)}") from None
        _check(session, file)
        return session, file.identity

    async def _infer(self, clips: Sequence[Samples]) -> list[Logits]:
        return [await self._run(clip) for clip in clips]

    async def _run(self, clip: Samples) -> Logits:
        """The logits of one clip; whoever stops waiting, for whatever reason, ends the run too."""
        import onnxruntime

        if self._session is None:
            raise _closed()
        options = onnxruntime.RunOptions()
        options.log_severity_level = _FATAL_ONLY
        call = asyncio.get_running_loop().run_in_executor(self._threads, self._work, clip, options)
        self._running.add(options)
        try:
            async with asyncio.timeout(self._timeout):
                logits, frames = await call
        except TimeoutError:
            raise StreamprocError(ErrorCode.INFERENCE_TIMEOUT, f"no answer within {self._timeout:g} s") from None
        finally:
            options.terminate = True
            self._running.discard(options)
        (found,) = clips_of(self.model.name, logits, np.expand_dims(frames, -1), [len(clip)])
        return found

    def _work(self, clip: Samples, options: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        """Run the model, in a thread of the executor."""
        if (session := self._session) is None:
            raise _closed()
        # The model takes no clip without samples, but one of which none is the clip's.
        audio = clip if len(clip) else np.zeros(1, np.float32)
        inputs = {"audio": audio[np.newaxis], "lengths": np.array([len(clip)], np.int64)}
        try:
            logits, frames = session.run(list(_OUTPUTS), inputs, options)
        except Exception as error:  # noqa: BLE001
            if self._session is None:
                raise _closed() from None
            raise_if_memory(error)
            raise DoubtfulError(
                ErrorCode.INFERENCE_UNAVAILABLE, f"model {self.model.name!r} fails: {told(error)}"
            ) from None
        return logits, frames


def _check(session: Any, file: ModelFile) -> None:
    """Raises: StreamprocError: MODEL_UNSUITABLE, it takes or gives something else."""
    inputs = {each.name: (each.type, len(each.shape)) for each in session.get_inputs()}
    outputs = {each.name: (each.type, len(each.shape)) for each in session.get_outputs()}
    if inputs != _INPUTS or outputs != _OUTPUTS:
        raise file.unsuitable(
            f"takes {inputs} and gives {outputs} (types and dimensions); needed are {_INPUTS} and {_OUTPUTS}, of "
            f"{SYMBOLS} symbols"
        )


def _closed() -> StreamprocError:
    return StreamprocError(ErrorCode.INFERENCE_UNAVAILABLE, "the engine is not started, or closed")
