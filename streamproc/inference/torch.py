"""The torch engine: the model in this process, on its own accelerator where it has one."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from streamproc.audio.decode import SAMPLE_RATE
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.answers import SYMBOLS, DoubtfulError, clips_of, or_blame, probe
from streamproc.inference.batcher import Bounds, alike
from streamproc.inference.engine import Inference, Logits, ModelIdentity, Priority, Samples
from streamproc.inference.places import Places
from streamproc.inference.repository import ModelFile, raise_if_memory, read_model, told

_INPUTS = {"audio": ("FLOAT", 2), "lengths": ("INT64", 1)}
_OUTPUTS = {"logits": ("FLOAT", 3), "frames": ("INT64", 1)}

Precision = Literal["float32", "float16", "bfloat16"]

ON_ACCELERATOR = Bounds(clips=64, seconds=480.0)
"""One run: about 0.3 MB a second of audio, and an activity of a minute needs no second one."""

COMPILED_LEAST, COMPILED_STEP = 16_000, 3_200
"""Samples. Compiled, a run is as wide as the first or a multiple of the second: each parity of the number of frames
would be a program of its own. What a clip is padded by never reaches its logits."""

COMPILED_FOR = (1.0, 1.4, 4.0, 12.0, 45.0)
"""Seconds of audio, and 1, 4 and 16 clips where runs have several: a program holds for a range of shapes, and which
ranges there are is up to torch. What no program holds for runs as it is."""

ON_CPU = Bounds(clips=1, seconds=480.0)
"""There a batch saves next to nothing, and padding costs."""


@dataclass(frozen=True, slots=True)
class TorchOptions:
    """How the model is run."""

    device: str = "auto"
    """cuda, cuda:1, mps, cpu, or auto: the first of these that there is."""
    precision: Precision = "float32"
    """Of the network behind the front end, which stays in float32."""
    compile: bool = False
    """Whether torch.compile makes kernels of the graph first: that takes a minute at the start."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    graph: Any
    """A TorchGraph, on the device."""
    run: Any
    """The graph, or what torch.compile made of it."""
    device: Any

    @property
    def bounds(self) -> Bounds:
        """Of one run."""
        return ON_CPU if self.device.type == "cpu" else ON_ACCELERATOR

    @property
    def compiled(self) -> bool:
        """Whether torch.compile has made it."""
        return self.run is not self.graph


class TorchEngine:
    """Inference by torch, in threads of its own: the event loop never waits for a device.

    It runs the same model.onnx as the other engines (`torch_graph`), read once, at the start: a result names what was
    read. On an accelerator the clips of a call go in runs of like length, with at most 15 % padding; calls of different
    activities do not wait for each other to share a run: a worker's own core is what bounds it, not a batch of two.

    Args:
        repository, model, version: as OnnxEngine takes them.
        timeout: seconds that one run may take.
        threads: runs at once; on a CPU each has one core.
        options: device, precision, compilation.
    """

    name = "torch"

    def __init__(
        self, repository: Path, model: str, version: str, timeout: float, threads: int, options: TorchOptions
    ) -> None:
        self._repository = repository
        self._timeout = timeout
        self._options = options
        self._places = Places(threads)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="torch")
        self._loaded: _Loaded | None = None
        self._runs: set[threading.Event] = set()
        """Of the runs that somebody waits for: set, it ends one."""
        self.model = ModelIdentity(model, version, "")

    async def start(self) -> ModelIdentity:
        """See Engine."""
        loop = asyncio.get_running_loop()
        self._loaded, self.model = await loop.run_in_executor(self._threads, self._load)
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
        self._loaded = None
        self._places.close()
        for stopped in self._runs:
            stopped.set()
        self._threads.shutdown(wait=False)

    def _load(self) -> tuple[_Loaded, ModelIdentity]:
        try:
            import torch

            from streamproc.inference.torch_graph import TorchGraph, UnsupportedError
        except ImportError as error:
            raise StreamprocError(
                ErrorCode.SETTINGS_INVALID,
                f"the engine torch needs torch and onnx: pip install 'streamproc[torch]' ({error})",
            ) from None
        device = _device(torch, self._options.device)
        file = read_model(self._repository, self.model.name, self.model.version)
        _exactly(torch)
        try:
            graph = TorchGraph(file.content, getattr(torch, self._options.precision)).eval().to(device)
        except UnsupportedError as error:
            raise file.unsuitable(f"holds what the engine torch does not know: {error}") from None
        except Exception as error:  # noqa: BLE001  the errors of onnx and torch have no class in common
            raise_if_memory(error)
            raise file.unsuitable(f"cannot be loaded: {told(error)}") from None
        _check(graph, file)
        run = torch.compile(graph, dynamic=True, fullgraph=True) if self._options.compile else graph
        loaded = _Loaded(graph, run, device)
        if loaded.compiled:
            _warm_up(torch, loaded)
        return loaded, file.identity

    async def _infer(self, clips: Sequence[Samples]) -> list[Logits]:
        if self._loaded is None:
            raise _closed()
        found: dict[int, Logits] = {}
        for places in alike([len(clip) for clip in clips], self._loaded.bounds):
            found.update(zip(places, await self._run([clips[place] for place in places]), strict=True))
        return [found[place] for place in range(len(clips))]

    async def _run(self, clips: Sequence[Samples]) -> list[Logits]:
        """The logits of one run; whoever stops waiting, for whatever reason, ends it too."""
        if self._loaded is None:
            raise _closed()
        stopped = threading.Event()
        call = asyncio.get_running_loop().run_in_executor(self._threads, self._work, clips, stopped)
        self._runs.add(stopped)
        try:
            async with asyncio.timeout(self._timeout):
                logits, frames = await call
        except TimeoutError:
            raise StreamprocError(ErrorCode.INFERENCE_TIMEOUT, f"no answer within {self._timeout:g} s") from None
        finally:
            stopped.set()
            self._runs.discard(stopped)
        lengths = [len(clip) for clip in clips]
        return list(clips_of(self.model.name, logits, np.expand_dims(frames, -1), lengths))

    def _work(self, clips: Sequence[Samples], stopped: threading.Event) -> tuple[Any, Any]:
        """Run the model, in a thread of the executor."""
        if (loaded := self._loaded) is None:
            raise _closed()
        if stopped.is_set():
            return None, None  # nobody waits for it
        try:
            return _outputs(loaded, clips, stopped)
        except Exception as error:  # noqa: BLE001
            if self._loaded is None:
                raise _closed() from None
            if stopped.is_set():
                return None, None
            raise_if_memory(error)
            if "out of memory" in str(error):
                # The accelerator's, which others may use too; so many seconds of noise would not fit either.
                raise StreamprocError(
                    ErrorCode.INFERENCE_UNAVAILABLE, f"the memory of {loaded.device} is used up: {told(error)}"
                ) from None
            raise DoubtfulError(
                ErrorCode.INFERENCE_UNAVAILABLE, f"model {self.model.name!r} fails: {told(error)}"
            ) from None


def _outputs(loaded: _Loaded, clips: Sequence[Samples], stopped: threading.Event | None = None) -> tuple[Any, Any]:
    """Logits (clips × frames × 41) and frames (clips) of one run."""
    import torch

    # Of this thread: a run has the core that it was given, and no other.
    torch.set_num_threads(1)
    # The model takes no clip without samples, but one of which none is the clip's.
    width = max(1, *map(len, clips))
    if loaded.compiled:
        width = max(COMPILED_LEAST, -(-width // COMPILED_STEP) * COMPILED_STEP)
    padded = np.zeros((len(clips), width), np.float32)
    for row, clip in zip(padded, clips, strict=True):
        row[: len(clip)] = clip
    given = {
        "audio": torch.from_numpy(padded).to(loaded.device),
        "lengths": torch.tensor([len(clip) for clip in clips], dtype=torch.int64, device=loaded.device),
    }
    with torch.inference_mode():
        if stopped is None or loaded.compiled:
            outputs = loaded.run(given)
        else:
            outputs = loaded.graph(given, lambda: not stopped.is_set())
        return outputs["logits"].cpu().numpy(), outputs["frames"].cpu().numpy()


def _device(torch: Any, wanted: str) -> Any:
    """The device that is wanted, which must be there."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        wanted = next(name for name, found in there.items() if found)
    try:
        device = torch.device(wanted)
    except RuntimeError:
        device = None
    if device is None or not there.get(device.type, False) or (device.index or 0) >= max(1, torch.cuda.device_count()):
        found = ", ".join(name for name, is_there in there.items() if is_there)
        raise StreamprocError(
            ErrorCode.SETTINGS_INVALID,
            f"STREAMPROC_TORCH__DEVICE is {wanted!r}, which torch does not find here; it finds {found}",
        )
    return device


def _exactly(torch: Any) -> None:
    """float32 means float32: NVIDIA's TensorFloat-32, which torch takes for convolutions, has ten bits."""
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def _warm_up(torch: Any, loaded: _Loaded) -> None:
    """Have it compiled before anybody waits, and not a single time later."""
    torch.compiler.set_stance("default")
    torch._dynamo.config.recompile_limit = 64
    try:
        for clips in (1, 4, 16) if loaded.bounds.clips > 1 else (1,):
            for seconds in COMPILED_FOR:
                _outputs(loaded, [np.zeros(int(seconds * SAMPLE_RATE), np.float32)] * clips)
    except Exception as error:  # noqa: BLE001
        raise_if_memory(error)
        raise StreamprocError(
            ErrorCode.SETTINGS_INVALID,
            f"STREAMPROC_TORCH__COMPILE is set, and torch cannot compile here: {told(error)}",
        ) from None
    torch.compiler.set_stance("eager_on_recompile")


def _check(graph: Any, file: ModelFile) -> None:
    """Raises: StreamprocError: MODEL_UNSUITABLE, it takes or gives something else."""
    if graph.inputs != _INPUTS or graph.outputs != _OUTPUTS:
        raise file.unsuitable(
            f"takes {graph.inputs} and gives {graph.outputs} (types and dimensions); needed are {_INPUTS} and "
            f"{_OUTPUTS}, of {SYMBOLS} symbols"
        )


def _closed() -> StreamprocError:
    return StreamprocError(ErrorCode.INFERENCE_UNAVAILABLE, "the engine is not started, or closed")
