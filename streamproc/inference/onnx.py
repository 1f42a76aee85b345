"""The ONNX engine: the model in this process, on a bounded number of this machine's cores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamproc.inference.answers import SYMBOLS
from streamproc.inference.batcher import Bounds
from streamproc.inference.engine import ModelIdentity, Samples
from streamproc.inference.in_process import InProcessEngine
from streamproc.inference.onnx_session import FATAL_ONLY, INPUTS, OUTPUTS, forms, open_session, require
from streamproc.inference.repository import ModelFile, raise_if_memory, read_model, told

ONE_CLIP = Bounds(clips=1, seconds=480.0)


class OnnxEngine(InProcessEngine[Any, Any]):
    """Inference by onnxruntime, on the CPU, each run on one thread.

    A run has one clip: on one thread a batch of 16 saves a tenth of the work, and padding would cost more than that.
    """

    name = "onnx"

    def _load(self) -> tuple[Any, ModelIdentity]:
        require("the engine onnx")
        file = read_model(self._repository, self.model.name, self.model.version)
        try:
            session = open_session(file.content)
        except Exception as error:  # noqa: BLE001  onnxruntime's errors have no class in common
            raise_if_memory(error)
            raise file.unsuitable(f"cannot be loaded: {told(error)}") from None
        _check(session, file)
        return session, file.identity

    def _bounds(self, loaded: Any) -> Bounds:
        return ONE_CLIP

    def _handle(self) -> Any:
        import onnxruntime

        options = onnxruntime.RunOptions()
        options.log_severity_level = FATAL_ONLY
        return options

    def _end(self, handle: Any) -> None:
        handle.terminate = True

    def _outputs(self, loaded: Any, clips: Sequence[Samples], handle: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        (clip,) = clips
        # The model takes no clip without samples, but one of which none is the clip's.
        audio = clip if len(clip) else np.zeros(1, np.float32)
        inputs = {"audio": audio[np.newaxis], "lengths": np.array([len(clip)], np.int64)}
        logits, frames = loaded.run(list(OUTPUTS), inputs, handle)
        return logits, frames


def _check(session: Any, file: ModelFile) -> None:
    """Raises: StreamprocError: MODEL_UNSUITABLE, it takes or gives something else."""
    inputs, outputs = forms(session.get_inputs()), forms(session.get_outputs())
    if inputs != INPUTS or outputs != OUTPUTS:
        raise file.unsuitable(
            f"takes {inputs} and gives {outputs} (types and dimensions); needed are {INPUTS} and {OUTPUTS}, of "
            f"{SYMBOLS} symbols"
        )
