"""ONNX's operators (opset 17, https://onnx.ai/onnx/operators) in torch, as far as networks of our kind use them.

A value is a tensor, or, where it is a shape or counts something in one, a plain number or a list of them: so that
shapes stay symbols when torch compiles.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import onnx
import torch
from torch import Tensor
from torch.nn import functional

Value = Any
Attributes = dict[str, Any]
Operator = Callable[[list[Value], Attributes, torch.device], Value]
"""Of its inputs, its attributes, and the device on which it makes what is made of numbers alone."""

DTYPES = {
    onnx.TensorProto.FLOAT: torch.float32,
    onnx.TensorProto.INT64: torch.int64,
    onnx.TensorProto.INT32: torch.int32,
    onnx.TensorProto.BOOL: torch.bool,
}

_LAST = 2**31 - 1
"""An end of a slice beyond this is ONNX's way to say: to the last."""


def tensor(value: Value) -> Tensor:
    """A value that must be one."""
    if not isinstance(value, Tensor):
        raise TypeError(f"a number where a tensor is wanted: {value}")
    return value


def _axes(operands: list[Value], attributes: Attributes, place: int = 1) -> list[int]:
    """In opset 13 and later an input of some operators, an attribute of others."""
    axes = operands[place] if len(operands) > place else attributes.get("axes")
    return [axes] if isinstance(axes, int) else list(axes or [])


def _cast(operands: list[Value], attributes: Attributes, device: torch.device) -> Value:
    (value,), to = operands, attributes["to"]
    if isinstance(value, Tensor):
        return value.to(DTYPES[to])
    return value if to in (onnx.TensorProto.INT64, onnx.TensorProto.INT32) else float(value)


def _clip(operands: list[Value], attributes: Attributes, device: torch.device) -> Value:
    low, high = [*operands[1:], None, None][:2]
    value = operands[0]
    for bound, clamp in ((low, torch.maximum), (high, torch.minimum)):
        if isinstance(bound, Tensor):
            value = clamp(value, bound)
        elif bound is not None:
            value = value.clamp(min=bound) if clamp is torch.maximum else value.clamp(max=bound)
    return value


def _conv(operands: list[Value], attributes: Attributes, device: torch.device) -> Value:
    audio, weight, *rest = operands
    sides = len(attributes["kernel_shape"])
    pads = attributes.get("pads", [0] * 2 * sides)
    if sides != 1 or attributes.get("auto_pad", b"NOTSET") != b"NOTSET":
        raise NotImplementedError("a convolution over more than time")
    left, right = pads
    if left != right:
        audio, left = functional.pad(audio, (left, right)), 0
    return functional.conv1d(
        audio,
        weight,
        rest[0] if rest else None,
        attributes.get("strides", [1])[0],
        left,
        attributes.get("dilations", [1])[0],
        attributes.get("group", 1),
    )


def _cumsum(operands: list[Value], attributes: Attributes, device: torch.device) -> Value:
    if attributes.get("exclusive") or attributes.get("reverse"):
        raise NotImplementedError("a sum that does not run forwards")
    return operands[0].cumsum(operands[1] if isinstance(operands[1], int) else operands[1][0])


def _div(operands: list[Value], attributes: Attributes, device: torch.device) -> Value:
    one, other = operands
    whole = all(
        isinstance(each, int) or (isinstance(each, Tensor) and not each.is_floating_point()) for each in operands
    )
    if not whole:
        return one / other
    return torch.div(one, other, rounding_mode="trunc") if isinstance(one, Tensor) else one // other


def _expand(operands: list[Value], attributes: Attributes, device: torch.device) -> Value:
    value, shape = operands
    return value.expand(torch.broadcast_shapes(value.shape, tuple(shape)))


def _filled(operands: list[Value], attributes: Attributes, device: torch.device) -> Value:
    return torch.full(tuple(operands[0]), attributes.get("value", 0.0), device=device)


def _gather(operands: list[Value], attributes: Attributes, device: torch.device) -> Value:
    value, index = operands
    axis = attributes.get("axis", 0)
    if isinstance(value, list):
        return [value[each] for each in index] if isinstance(index, list) else value[index]
    if isinstance(index, int):
        return value.select(axis, index)
    index = torch.as_tensor(index, device=device)
    return value.index_select(axis, index.reshape(-1)).unflatten(axis, index.shape)


def _pad(operands: list[Value], attributes: Attributes, device: torch.device) -> Value:
    value, pads = operands[:2]
    if attributes.get("mode", b"constant") != b"constant" or len(operands) > 3:
        raise NotImplementedError("padding with anything but a constant")
    fill = operands[2] if len(operands) > 2 and operands[2] is not None else 0.0
    sides = len(pads) // 2
    flat = [amount for axis in reversed(range(sides)) for amount in (pads[axis], pads[sides + axis])]
    return functional.pad(value, flat, value=float(fill))


def _range(operands: list[Value], attributes: Attributes, device: torch.device) -> Value:
    start, end, step = operands
    return torch.arange(start, end, step, device=device)


def _reduce(reduce: Callable[..., Tensor]) -> Operator:
    def reduced(operands: list[Value], attributes: Attributes, device: torch.device) -> Value:
        axes = _axes(operands, attributes) or list(range(operands[0].ndim))
        return reduce(operands[0], axes, keepdim=bool(attributes.get("keepdims", 1)))

    return reduced


def _reshape(operands: list[Value], attributes: Attributes, device: torch.device) -> Value:
    value, shape = operands
    return value.reshape([value.shape[axis] if size == 0 else size for axis, size in enumerate(shape)])


def _shape(operands: list[Value], attributes: Attributes, device: torch.device) -> Value:
    return list(operands[0].shape)[attributes.get("start", 0) : attributes.get("end")]


def _slice(operands: list[Value], attributes: Attributes, device: torch.device) -> Value:
    value, starts, ends = operands[:3]
    axes = operands[3] if len(operands) > 3 and operands[3] is not None else list(range(len(starts)))
    steps = operands[4] if len(operands) > 4 else [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        place = slice(start, None if isinstance(end, int) and end > _LAST else end, step)
        value = value[place] if isinstance(value, list) else value[(slice(None),) * (axis % value.ndim) + (place,)]
    return value


def _squeeze(operands: list[Value], attributes: Attributes, device: torch.device) -> Value:
    value = operands[0]
    if isinstance(value, list):
        return value[0]
    axes = _axes(operands, attributes)
    return value.squeeze(axes) if axes else value.squeeze()


def _transpose(operands: list[Value], attributes: Attributes, device: torch.device) -> Value:
    value = operands[0]
    return value.permute(attributes.get("perm") or list(reversed(range(value.ndim))))


def _unsqueeze(operands: list[Value], attributes: Attributes, device: torch.device) -> Value:
    value, axes = operands[0], _axes(operands, attributes)
    if not isinstance(value, Tensor):
        return [value]
    for axis in sorted(axis % (value.ndim + len(axes)) for axis in axes):
        value = value.unsqueeze(axis)
    return value


def _concat(operands: list[Value], attributes: Attributes, device: torch.device) -> Value:
    if all(isinstance(each, list) for each in operands):
        return [number for each in operands for number in each]
    return torch.cat(operands, attributes["axis"])


def _of_tensors(function: Callable[..., Any]) -> Operator:
    return lambda operands, attributes, device: function(*operands)


def _of_numbers(of_tensors: Callable[..., Any], of_numbers: Callable[..., Any]) -> Operator:
    return lambda operands, attributes, device: (
        of_tensors(*operands) if any(isinstance(each, Tensor) for each in operands) else of_numbers(*operands)
    )


OPERATORS: dict[str, Operator] = {
    "Add": _of_tensors(lambda one, other: one + other),
    "And": _of_tensors(torch.logical_and),
    "Cast": _cast,
    "Clip": _clip,
    "Concat": _concat,
    "ConstantOfShape": _filled,
    "Conv": _conv,
    "CumSum": _cumsum,
    "Div": _div,
    "Equal": _of_tensors(lambda one, other: one == other),
    "Erf": _of_tensors(torch.erf),
    "Exp": _of_numbers(torch.exp, math.exp),
    "Expand": _expand,
    "Gather": _gather,
    "Greater": _of_tensors(lambda one, other: one > other),
    "Identity": _of_tensors(lambda value: value),
    "Less": _of_tensors(lambda one, other: one < other),
    "Log": _of_numbers(torch.log, math.log),
    "MatMul": _of_tensors(torch.matmul),
    "Mul": _of_tensors(lambda one, other: one * other),
    "Not": _of_tensors(torch.logical_not),
    "Pad": _pad,
    "Pow": _of_tensors(lambda one, other: one**other),
    "Range": _range,
    "ReduceMean": _reduce(torch.mean),
    "ReduceSum": _reduce(torch.sum),
    "Relu": _of_tensors(torch.relu),
    "Reshape": _reshape,
    "Shape": _shape,
    "Sigmoid": _of_tensors(torch.sigmoid),
    "Slice": _slice,
    "Sqrt": _of_numbers(torch.sqrt, math.sqrt),
    "Squeeze": _squeeze,
    "Sub": _of_tensors(lambda one, other: one - other),
    "Tanh": _of_tensors(torch.tanh),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Where": _of_tensors(torch.where),
}
