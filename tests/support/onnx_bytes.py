"""ONNX files written byte by byte, as onnx.proto numbers the fields: the package onnx is none that tests need.

Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto (protocol buffers, IR version 8, operators of set 13).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

FLOAT, INT64 = 1, 7


def _varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, value: bytes | str) -> bytes:
    content = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def tensor(name: str, values: NDArray[Any]) -> bytes:
    """An initializer: float32 or int64."""
    kind = FLOAT if values.dtype == np.float32 else INT64
    dimensions = b"".join(_number(1, size) for size in values.shape)
    return dimensions + _number(2, kind) + _field(8, name) + _field(9, values.tobytes())


def value(name: str, kind: int, dimensions: Sequence[str]) -> bytes:
    """An input or output with named dimensions."""
    shape = b"".join(_field(1, _field(2, one)) for one in dimensions)
    return _field(1, name) + _field(2, _field(1, _number(1, kind) + _field(2, shape)))


def node(operator: str, inputs: Sequence[str], output: str, **attributes: int | Sequence[int]) -> bytes:
    """An operator with integers for attributes."""
    content = b"".join(_field(1, one) for one in inputs) + _field(2, output) + _field(4, operator)
    for key, given in attributes.items():
        if isinstance(given, int):
            told = _field(1, key) + _number(3, given) + _number(20, 2)
        else:
            told = _field(1, key) + b"".join(_number(8, one) for one in given) + _number(20, 7)
        content += _field(5, told)
    return content


def model(nodes: Sequence[bytes], tensors: Sequence[bytes], inputs: Sequence[bytes], outputs: Sequence[bytes]) -> bytes:
    """A whole file."""
    parts = ((1, nodes), (5, tensors), (11, inputs), (12, outputs))
    graph = _field(2, "tiny") + b"".join(_field(number, one) for number, several in parts for one in several)
    return _number(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _number(2, 13))
