"""A folder of models, laid out as Triton's: repository/model/version/model.onnx, weights included."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.engine import ModelIdentity
from streamproc.inference.served import ServedModel

FILE = "model.onnx"

LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model as it was read: what runs is what ``identity`` names, whatever lies in the folder later."""

    path: Path
    content: bytes
    identity: ModelIdentity

    def unsuitable(self, reason: str) -> StreamprocError:
        """The error of a model that cannot be used."""
        return StreamprocError(ErrorCode.MODEL_UNSUITABLE, f"the model {self.path} {reason}")


def read_model(repository: Path, model: ServedModel) -> ModelFile:
    """Read a model.

    Args:
        repository: folder of models.
        model: its name is a folder in there, its version one in that, the highest number where it has none.

    Raises:
        StreamprocError: MODEL_UNSUITABLE, it cannot be read, or is another than is declared.
    """
    folder = repository / model.name
    version = model.version or _newest(folder)
    path = folder / version / FILE
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StreamprocError(
            ErrorCode.MODEL_UNSUITABLE, f"the model {path} cannot be read: {error.strerror}"
        ) from None
    file = ModelFile(path, content, ModelIdentity(model.name, version, hashlib.sha256(content).hexdigest()))
    if model.declared is not None and file.identity.sha256 != model.declared.sha256:
        raise file.unsuitable(f"has the SHA-256 {file.identity.sha256}; pinned is {model.declared.sha256}")
    return file


def told(error: Exception) -> str:
    """What a library says is wrong: the first line, and not too much of it."""
    return (str(error).splitlines() or [""])[0][:LONGEST_REASON] or type(error).__name__


def raise_if_memory(error: Exception) -> None:
    """Memory that has run out is neither the event's fault nor the model's, whatever a library calls it."""
    if isinstance(error, MemoryError) or "allocate memory" in str(error) or "bad_alloc" in str(error):
        raise MemoryError from error


def _newest(folder: Path) -> str:
    """The highest version that has a model; "1" where there is none, for the message that it is missing."""
    versions = [file.parent.name for file in folder.glob(f"*/{FILE}") if file.parent.name.isdecimal()]
    return max(versions, key=int, default="1")
