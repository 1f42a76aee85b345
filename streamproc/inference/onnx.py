"""The ONNX engine: the model in this process, on a bounded number of this machine's cores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from streamproc.inference.answers import PROBE
from streamproc.inference.batcher import Bounds
from streamproc.inference.engine import ModelIdentity, Piece, Samples
from streamproc.inference.form import ModelForm
from streamproc.inference.in_process import InProcessEngine
from streamproc.inference.live import LIVE_FILE, LiveModel
from streamproc.inference.model_inputs import ModelInputs, inputs_of
from streamproc.inference.onnx_session import FATAL_ONLY, INPUTS, OUTPUTS, forms, named, open_session, require
from streamproc.inference.repository import ModelFile, raise_if_memory, read_model, told

log = structlog.get_logger(__name__)

ONE_CLIP = Bounds(clips=1, seconds=480.0)

APART = 1e-3
"""Logits of noise by which the graph that hears live may differ from the one that hears clips."""


class OnnxEngine(InProcessEngine[Any, Any]):
    """Inference by onnxruntime, on the CPU, each run on one thread.

    A run has one clip: on one thread a batch of 16 saves a tenth of the work, and padding would cost more than that.
    """

    name = "onnx"
    _live: LiveModel | None = None

    def _load(self) -> tuple[Any, ModelIdentity]:
        require("the engine onnx")
        file = read_model(self._repository, self.served)
        try:
            session = open_session(file.content)
        except Exception as error:  # noqa: BLE001  onnxruntime's errors have no class in common
            raise_if_memory(error)
            raise file.unsuitable(f"cannot be loaded: {told(error)}") from None
        _check(session, file, self.served.form)
        self._live = self._live_beside(session, file.path)
        return session, file.identity

    def _live_beside(self, session: Any, file: Path) -> LiveModel | None:
        """The graph that can go on with a recording, where there is one, of the very weights of ``file``."""
        form, beside = self.served.form, file.parent / LIVE_FILE
        if not (beside.exists() and form.takes_plain and form.is_plain):
            return None
        try:
            live = LiveModel(beside)
            piece, _ = live.go_on(PROBE, None)
        except Exception as error:  # noqa: BLE001  onnxruntime's errors have no class in common
            log.warning("long recordings are heard in windows", file=str(beside), reason=told(error))
            return None
        whole, _ = self._outputs(session, inputs_of(form, [PROBE]), self._handle())
        if piece.shape == whole[0].shape and np.abs(piece - whole[0]).max() < APART:
            return live
        log.warning("long recordings are heard in windows", file=str(beside), reason="it has other weights")
        return None

    def _go_on(self, clips: Sequence[Samples]) -> tuple[NDArray[Any], NDArray[Any]] | None:
        clip = clips[0]
        if len(clips) > 1 or not isinstance(clip, Piece):
            return None
        clip.after = None
        if self._live is None:
            return None
        try:
            logits, clip.after = self._live.go_on(np.asarray(clip), clip.before)
        except ValueError:
            return None  # What is remembered is another model's.
        return logits[np.newaxis], np.array([len(logits)])

    def _bounds(self, loaded: Any) -> Bounds:
        return ONE_CLIP

    def _handle(self) -> Any:
        import onnxruntime

        options = onnxruntime.RunOptions()
        options.log_severity_level = FATAL_ONLY
        return options

    def _end(self, handle: Any) -> None:
        handle.terminate = True

    def _outputs(self, loaded: Any, ready: ModelInputs, handle: Any) -> tuple[NDArray[Any], NDArray[Any] | None]:
        names = self.served.form.tensors
        wanted = [name for name in (names.logits, names.frames) if name is not None]
        logits, *frames = loaded.run(wanted, ready.named(names), handle)
        return logits, frames[0] if frames else None


def _check(session: Any, file: ModelFile, form: ModelForm) -> None:
    """Raises: StreamprocError: MODEL_UNSUITABLE, it takes or gives something else."""
    inputs, outputs = forms(session.get_inputs()), forms(session.get_outputs())
    takes, gives = named(form.tensors, INPUTS), named(form.tensors, OUTPUTS)
    if inputs != takes or not gives.items() <= outputs.items():
        raise file.unsuitable(
            f"takes {inputs} and gives {outputs} (types and dimensions); needed are {takes} and {gives}, of "
            f"{len(form.symbols)} symbols"
        )
