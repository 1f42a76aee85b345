"""A declared model as Triton loads it: its folder in a model repository."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Literal

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.configuration import SHA256
from streamproc.inference.declaration import ModelDeclaration
from streamproc.inference.repository import FILE, read_model
from streamproc.inference.served import ServedModel

Backend = Literal["onnxruntime", "python"]
"""onnxruntime: Triton's own; python: onnxruntime behind the Python backend, for a Triton that has no other."""

MAX_BATCH = 32

_QUEUES = """
# Two levels of priority: 1 is live and goes first, 2 is what is replayed. Beyond these bounds a request is answered at
# once with UNAVAILABLE, and the worker tries again later.
dynamic_batching {
  priority_levels: 2
  default_priority_level: 1
  default_queue_policy { max_queue_size: 256 timeout_action: REJECT default_timeout_microseconds: 10000000 }
  priority_queue_policy {
    key: 2
    value { max_queue_size: 64 timeout_action: REJECT default_timeout_microseconds: 20000000 }
  }
}
"""


def write_model(model: ServedModel, file: Path, repository: Path, backend: Backend, max_batch: int = MAX_BATCH) -> Path:
    """Write ``repository/model/config.pbtxt`` and, in the folder of its version, the weights; its folder.

    Raises:
        StreamprocError: MODEL_UNSUITABLE, the file is another than is declared; SETTINGS_INVALID, it has other names in
            Triton than its file has, so somebody else's code serves it.
    """
    declared = model.declared
    assert declared is not None
    if declared.triton is not None:
        raise StreamprocError(
            ErrorCode.SETTINGS_INVALID, f"{model.key}.triton: a model under other names than its file's is not written"
        )
    folder = repository / model.name
    version = folder / model.version
    version.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, version / FILE)
    read_model(repository, model)  # of the declared SHA-256
    if backend == "python":
        shim = files("streamproc.inference").joinpath("data", "python_backend.py").read_text("utf-8")
        (version / "model.py").write_text(shim, "utf-8")
    (folder / "config.pbtxt").write_text(configuration(declared, model.name, backend, max_batch), "utf-8")
    return folder


def configuration(declared: ModelDeclaration, name: str, backend: Backend, max_batch: int = MAX_BATCH) -> str:
    """The text of a config.pbtxt, as `streamproc.inference.configuration` reads it again."""
    alone = declared.padding == "alone"
    lines = [f'name: "{name}"', f'backend: "{backend}"', f"max_batch_size: {1 if alone else max_batch}", ""]
    lines += ["input [", ",\n".join(_inputs(declared)), "]", "output [", ",\n".join(_outputs(declared)), "]"]
    kind = "KIND_CPU" if backend == "python" else "KIND_AUTO"
    lines += ["" if alone else _QUEUES, f"instance_group [ {{ count: 1 kind: {kind} }} ]", ""]
    lines += [f'parameters {{ key: "{SHA256}" value: {{ string_value: "{declared.sha256}" }} }}', ""]
    return "\n".join(lines)


_COUNT = "TYPE_INT64 dims: [ 1 ] reshape { shape: [ ] }"


def _inputs(declared: ModelDeclaration) -> Iterator[str]:
    names = declared.tensors
    yield _tensor(names.audio, "TYPE_FP32 dims: [ -1 ]")
    if names.lengths is not None:
        yield _tensor(names.lengths, _COUNT)
    if names.mask is not None:
        yield _tensor(names.mask, "TYPE_INT64 dims: [ -1 ]")


def _outputs(declared: ModelDeclaration) -> Iterator[str]:
    names = declared.tensors
    yield _tensor(names.logits, f"TYPE_FP32 dims: [ -1, {len(declared.symbols)} ]")
    if names.frames is not None:
        yield _tensor(names.frames, _COUNT)


def _tensor(name: str, form: str) -> str:
    return f'  {{ name: "{name}" data_type: {form} }}'
