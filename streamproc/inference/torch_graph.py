"""An ONNX graph run by torch: what is served as model.onnx runs on whatever torch has, weights, masks and all.

So there is one file for all engines and its digest means the same everywhere; nothing knows how the network was built.
Constants are folded by ONNX's own reference implementation, and shapes are plain numbers: what is left is a list of
operators that torch can compile.

Only ``streamproc.inference.torch`` imports this, and only when that engine starts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import torch
from onnx.reference import ReferenceEvaluator
from torch import Tensor, nn

from streamproc.inference import torch_operators
from streamproc.inference.torch_operators import OPERATORS, Attributes, Operator, Value


class UnsupportedError(Exception):
    """The graph holds something that this does not know; the text says what."""


class StoppedError(Exception):
    """Whoever wanted the outputs does not want them any more."""


@dataclass(frozen=True, slots=True)
class _Step:
    operator: Operator
    inputs: tuple[str, ...]
    output: str
    attributes: Attributes
    done: tuple[str, ...]
    """What nobody needs after it."""


class TorchGraph(nn.Module):
    """Inputs to outputs, by name.

    The front end is whatever a logarithm is computed from, and stays in float32: the energies of a spectrum span more
    than float16 and bfloat16 hold. Behind it ``precision`` is autocast to.

    Args:
        content: a serialised ``onnx.ModelProto``, weights included.
        precision: of the convolutions and products behind the front end; ``torch.float32``: as everywhere.

    Raises:
        UnsupportedError: it holds an operator that this does not know.
    """

    def __init__(self, content: bytes, precision: torch.dtype) -> None:
        super().__init__()
        model = onnx.load_from_string(content)
        self.precision = precision
        self.inputs = {given.name: _type_of(given) for given in model.graph.input}
        self.outputs = {found.name: _type_of(found) for found in model.graph.output}
        arrays = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        nodes = []
        for node in model.graph.node:
            if all(name in arrays or not name for name in node.input):
                known = {name: arrays[name] for name in node.input if name}
                (arrays[node.output[0]],) = ReferenceEvaluator(node, opsets=_opsets(model)).run(None, known)
            elif node.op_type not in OPERATORS or len(node.output) != 1:
                raise UnsupportedError(f"the operator {node.op_type} ({node.name})")
            else:
                nodes.append(node)
        front = _front_end(nodes)
        # Whatever it is computed from belongs to it, so it can go first.
        nodes.sort(key=lambda node: node.output[0] not in front)
        self._front = sum(node.output[0] in front for node in nodes)
        self._constants: dict[str, Value] = {"": None}
        for number, name in enumerate(dict.fromkeys(name for node in nodes for name in node.input if name in arrays)):
            self._keep(f"constant_{number}", name, arrays[name], _weighs(name, nodes, self._front))
        self._steps = _steps(nodes, keep={*self.outputs, *self._constants})

    def forward(self, given: dict[str, Tensor], go_on: Callable[[], bool] | None = None) -> dict[str, Tensor]:
        """The outputs of these inputs, numbers in float32.

        Args:
            given: by name, on the device of the weights.
            go_on: asked between two operators.

        Raises:
            StoppedError: ``go_on`` said no.
        """
        known: dict[str, Value] = dict(given)
        for name, value in self._constants.items():
            known[name] = self.get_buffer(value) if isinstance(value, str) else value
        device = next(iter(given.values())).device
        self._run(self._steps[: self._front], known, device, go_on)
        with torch.autocast(device.type, self.precision, enabled=self.precision is not torch.float32):
            self._run(self._steps[self._front :], known, device, go_on)
        outputs = {name: torch_operators.tensor(known[name]) for name in self.outputs}
        return {name: value.float() if value.is_floating_point() else value for name, value in outputs.items()}

    def _run(
        self, steps: list[_Step], known: dict[str, Value], device: torch.device, go_on: Callable[[], bool] | None
    ) -> None:
        for step in steps:
            if go_on is not None and not go_on():
                raise StoppedError
            known[step.output] = step.operator([known[name] for name in step.inputs], step.attributes, device)
            for name in step.done:
                del known[name]

    def _keep(self, buffer: str, name: str, array: Any, weighs: bool) -> None:
        if np.issubdtype(array.dtype, np.integer) and array.ndim <= 1:
            self._constants[name] = array.tolist()
            return
        tensor = torch.from_numpy(np.array(array))
        # Autocast would do it again for each run.
        self.register_buffer(buffer, tensor.to(self.precision) if weighs else tensor)
        self._constants[name] = buffer


def _type_of(value: Any) -> tuple[str, int]:
    tensor = value.type.tensor_type
    return onnx.TensorProto.DataType.Name(tensor.elem_type), len(tensor.shape.dim)


def _opsets(model: Any) -> dict[str, int]:
    return {opset.domain: opset.version for opset in model.opset_import}


def _front_end(nodes: list[Any]) -> set[str]:
    """The outputs of all that a logarithm is computed from, and of the logarithms."""
    needed: set[str] = set()
    for node in reversed(nodes):
        if node.op_type == "Log" or node.output[0] in needed:
            needed.update(node.input, node.output)
    return {node.output[0] for node in nodes} & needed


def _weighs(name: str, nodes: list[Any], front: int) -> bool:
    """Whether it is a weight of a convolution or a product behind the front end, and nothing else."""
    used = [
        (index, node.op_type, place)
        for index, node in enumerate(nodes)
        for place, given in enumerate(node.input)
        if given == name
    ]
    return all(index >= front and (kind == "MatMul" or (kind == "Conv" and place > 0)) for index, kind, place in used)


def _steps(nodes: list[Any], keep: set[str]) -> list[_Step]:
    last = {name: index for index, node in enumerate(nodes) for name in node.input}
    return [
        _Step(
            OPERATORS[node.op_type],
            tuple(node.input),
            node.output[0],
            {each.name: _plain(onnx.helper.get_attribute_value(each)) for each in node.attribute},
            tuple({name for name in node.input if last[name] == index} - keep),
        )
        for index, node in enumerate(nodes)
    ]


def _plain(attribute: Any) -> Any:
    """A tensor's one value as a number, of a filled shape: torch's compiler follows no call into onnx."""
    if not isinstance(attribute, onnx.TensorProto):
        return attribute
    array = onnx.numpy_helper.to_array(attribute)
    return array.item() if array.size == 1 else array
