"""A model of a form of its own, judged as the shipped one is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.declaration import ModelDeclaration
from streamproc.inference.model_inputs import inputs_of
from streamproc.inference.model_outputs import as_logits
from streamproc.inference.served import Catalogue
from streamproc.training.evaluate import Floats, Recogniser


class DeclaredRecogniser(Recogniser):
    """A model that a models.toml names, on this machine's CPU, one thread; it hears clips one by one."""

    def __init__(self, path: Path, declared: ModelDeclaration) -> None:
        super().__init__(path)
        self._declared = declared

    def logits(self, clips: Sequence[Floats]) -> list[Floats]:
        """Log-probabilities [frames, 41] for each clip of 16 kHz samples."""
        return [self._heard(clip) for clip in clips]

    def _heard(self, clip: Floats) -> Floats:
        form = self._declared
        ready = inputs_of(form, [clip])
        (output,) = self._session.run([form.tensors.logits], ready.named(form.tensors))
        (found,) = as_logits(form, [output[0, : ready.frames[0]]])
        return found


def declared_model(file: Path, key: str) -> tuple[Path, ModelDeclaration]:
    """The ONNX file of a model of a models.toml, and what is said of it.

    Raises:
        StreamprocError: SETTINGS_INVALID, there is none such, or it names no file.
    """
    model = Catalogue.read(file).pick(key, "", "--name")
    declared = model.declared
    assert declared is not None
    if declared.file is None:
        raise StreamprocError(ErrorCode.SETTINGS_INVALID, f"{file}, {model.key}.file: is missing")
    return file.parent / declared.file, declared
