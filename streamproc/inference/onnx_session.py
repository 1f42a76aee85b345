"""onnxruntime on one core: a session that runs in the thread that calls, and what it takes and gives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.form import TensorNames

FATAL_ONLY = 4
"""onnxruntime writes nothing below this severity: what it has to say is in what it raises."""

Forms = dict[str, tuple[str, int]]
"""Tensors by name: type, and number of dimensions."""

INPUTS: Forms = {"audio": ("tensor(float)", 2), "lengths": ("tensor(int64)", 1), "mask": ("tensor(int64)", 2)}
OUTPUTS: Forms = {"logits": ("tensor(float)", 3), "frames": ("tensor(int64)", 1)}
"""What a model that the worker serves may take and give, by the keys of `streamproc.inference.form.TensorNames`."""


def require(what: str) -> None:
    """Raises: StreamprocError: SETTINGS_INVALID, onnxruntime, which ``what`` needs, is not installed."""
    try:
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise StreamprocError(
            ErrorCode.SETTINGS_INVALID, f"{what} needs onnxruntime: pip install 'streamproc[onnx]' ({error})"
        ) from None


def open_session(model: str | bytes) -> Any:
    """A session of a file or of its content. Raises ImportError without onnxruntime, and whatever that raises."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # A run on one thread runs in the thread that calls: there are as many as the caller has, and no more.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # Clips differ in length: an arena would keep the longest one's memory for ever, and patterns one for each.
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    options.log_severity_level = FATAL_ONLY
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def named(names: TensorNames, kinds: Forms) -> Forms:
    """Those of the kinds that a model has, by the names that it has for them."""
    pairs = ((getattr(names, key), kind) for key, kind in kinds.items())
    return {name: kind for name, kind in pairs if name is not None}


def forms(tensors: Iterable[Any]) -> Forms:
    """Of a session's inputs or outputs."""
    return {each.name: (each.type, len(each.shape)) for each in tensors}
