"""The torch engine: the model in this process, on its own accelerator where it has one."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from streamproc.audio.decode import SAMPLE_RATE
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.answers import SYMBOLS
from streamproc.inference.batcher import Bounds
from streamproc.inference.engine import ModelIdentity
from streamproc.inference.form import BUILT_IN
from streamproc.inference.in_process import InProcessEngine
from streamproc.inference.model_inputs import ModelInputs, inputs_of
from streamproc.inference.repository import ModelFile, raise_if_memory, read_model, told
from streamproc.inference.self_test import unlike_built_in
from streamproc.inference.served import ServedModel

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


class TorchEngine(InProcessEngine[_Loaded, threading.Event]):
    """Inference by torch.

    It runs the same model.onnx as the other engines (`torch_graph`), read once, at the start: a result names what was
    read. On an accelerator the clips of a call go in runs of like length, with at most 15 % padding; calls of different
    activities do not wait for each other to share a run: a worker's own core is what bounds it, not a batch of two.

    Args:
        repository, timeout: see InProcessEngine.
        served: see InProcessEngine; of the shipped model's form.
        threads: runs at once; on a CPU each has one core.
        options: device, precision, compilation.
    """

    name = "torch"

    def __init__(
        self, repository: Path, served: ServedModel, timeout: float, threads: int, options: TorchOptions
    ) -> None:
        super().__init__(repository, served, timeout, threads)
        self._options = options

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
        file = read_model(self._repository, self.served)
        if differs := unlike_built_in(self.served.form):
            raise file.unsuitable(f"is none that the engine torch can run: its {', '.join(differs)} are its own")
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

    def _bounds(self, loaded: _Loaded) -> Bounds:
        return loaded.bounds

    def _handle(self) -> threading.Event:
        return threading.Event()

    def _end(self, handle: threading.Event) -> None:
        handle.set()

    def _outputs(
        self, loaded: _Loaded, ready: ModelInputs, handle: threading.Event
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        nothing = np.zeros((0, 0, 0), np.float32), np.zeros(0, np.int64)
        if handle.is_set():
            return nothing  # nobody waits for it
        try:
            return _outputs(loaded, ready, handle)
        except Exception as error:
            if handle.is_set():
                return nothing
            if "out of memory" in str(error):
                raise_if_memory(error)
                # The accelerator's, which others may use too; so many seconds of noise would not fit either.
                raise StreamprocError(
                    ErrorCode.INFERENCE_UNAVAILABLE, f"the memory of {loaded.device} is used up: {told(error)}"
                ) from None
            raise


def _outputs(loaded: _Loaded, ready: ModelInputs, stopped: threading.Event | None = None) -> tuple[Any, Any]:
    """Logits (clips × frames × 41) and frames (clips) of one run."""
    import torch

    # Of this thread: a run has the core that it was given, and no other.
    torch.set_num_threads(1)
    audio = ready.audio
    if loaded.compiled:
        width = max(COMPILED_LEAST, -(-audio.shape[1] // COMPILED_STEP) * COMPILED_STEP)
        audio = np.pad(audio, ((0, 0), (0, width - audio.shape[1])))
    given = {
        "audio": torch.from_numpy(audio).to(loaded.device),
        "lengths": torch.from_numpy(ready.lengths).to(loaded.device),
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
                silence = np.zeros(int(seconds * SAMPLE_RATE), np.float32)
                _outputs(loaded, inputs_of(BUILT_IN, [silence] * clips))
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
