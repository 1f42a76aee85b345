"""What a Triton's configuration of a model says, compared with what is said of the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tritonclient.grpc.model_config_pb2 import DataType

from streamproc.inference.form import TensorNames
from streamproc.inference.served import ServedModel

COUNTS = ("TYPE_INT32", "TYPE_INT64")
"""Either will do for what is counted: lengths, masks, frames."""

SHA256 = "sha256"
"""The parameter of config.pbtxt that names the weights."""


BEFORE, AFTER = "BEFORE", "AFTER"
"""The optional input and the output of a model that can go on with a recording, FP32 [clips, numbers] both: what it
remembers of the recording before a piece, and after it (`streamproc.inference.engine.Piece`)."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """It changes when the model is loaded anew."""

    sha256: str
    max_batch: int
    """Clips in one request; 1 of a model that hears clips alone, whatever Triton would take."""
    types: Mapping[str, str] = field(default_factory=dict)
    """Of each tensor, as Triton calls them: TYPE_FP32."""
    remembers: int = 0
    """Numbers that it remembers of a recording, so that it can go on with it; 0: it cannot."""


def read_configuration(config: Any, model: ServedModel) -> Configuration:
    """Of Triton's ModelConfig.

    Raises:
        ValueError: the model takes or gives something else than ``model``; why.
    """
    names = model.form.served_tensors
    inputs = {tensor.name: DataType.Name(tensor.data_type) for tensor in config.input}
    outputs = {tensor.name: DataType.Name(tensor.data_type) for tensor in config.output}
    optional = {tensor.name for tensor in config.input if tensor.optional}
    wanted, given = dict(_wanted(names, "audio", "lengths", "mask")), dict(_wanted(names, "logits", "frames"))
    fit = all(inputs.get(name) in kinds for name, kinds in wanted.items())
    fit &= all(outputs.get(name) in kinds for name, kinds in given.items())
    if not fit or inputs.keys() - optional > wanted.keys() or config.max_batch_size < 1:
        needed = f"needed are {_told(wanted)} and {_told(given)} in batches"
        raise ValueError(f"takes {inputs} and gives {outputs}; {needed}")
    most = 1 if model.form.padding == "alone" else config.max_batch_size
    return Configuration(config.parameters[SHA256].string_value, most, {**inputs, **outputs}, _remembers(config, model))


def _remembers(config: Any, model: ServedModel) -> int:
    before = next((tensor for tensor in config.input if tensor.name == BEFORE), None)
    after = next((tensor for tensor in config.output if tensor.name == AFTER), None)
    if before is None or after is None or not (model.form.takes_plain and model.form.is_plain):
        return 0
    fit = before.data_type == after.data_type == DataType.TYPE_FP32 and list(before.dims) == list(after.dims)
    return max(before.dims[0], 0) if fit and len(before.dims) == 1 else 0


def _wanted(names: TensorNames, *keys: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for key in keys:
        if (name := getattr(names, key)) is not None:
            yield name, ("TYPE_FP32",) if key in ("audio", "logits") else COUNTS


def _told(wanted: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    return {name: " or ".join(kinds) for name, kinds in wanted.items()}
