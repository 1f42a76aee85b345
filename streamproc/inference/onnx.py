"""The ONNX engine: the model in this process, on a bounded number of this machine's cores."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from streamproc.inference.batcher import Bounds
from streamproc.inference.engine import ModelIdentity
from streamproc.inference.form import ModelForm
from streamproc.inference.in_process import InProcessEngine
from streamproc.inference.model_inputs import ModelInputs
from streamproc.inference.onnx_session import FATAL_ONLY, INPUTS, OUTPUTS, forms, named, open_session, require
from streamproc.inference.repository import ModelFile, raise_if_memory, read_model, told

ONE_CLIP = Bounds(clips=1, seconds=480.0)


class OnnxEngine(InProcessEngine[Any, Any]):
    """Inference by onnxruntime, on the CPU, each run on one thread.

    A run has one clip: on one thread a batch of 16 saves a tenth of the work, and padding would cost more than that.
    """

    name = "onnx"

    def _load(self) -> tuple[Any, ModelIdentity]:
        require("the engine onnx")
        file = read_model(self._repository, self.served)
        try:
            session = open_session(file.content)
        except Exception as error:  # noqa: BLE001  onnxruntime's errors have no class in common
            raise_if_memory(error)
            raise file.unsuitable(f"cannot be loaded: {told(error)}") from None
        _check(session, file, self.served.form)
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
