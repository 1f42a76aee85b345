"""ONNX files written byte by byte, as onnx.proto numbers the fields: the package onnx is none that tests need.

Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto (protocol buffers, IR version 8).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def field(number: int, value: bytes | str) -> bytes:
    """A field of bytes, text or a message."""
    content = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def fields(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Of a message the fields of bytes, text or messages, in their order; numbers are passed over."""
    place = 0
    while place < len(content):
        tag, place = _read_varint(content, place)
        size, place = _read_varint(content, place)
        if tag & 7 == 2:
            yield tag >> 3, content[place : place + size]
            place += size
        elif tag & 7 != 0:
            raise ValueError("a field of another kind")


def _read_varint(content: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = content[place]
        number |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return number, place


def tensor(name: str, values: NDArray[Any]) -> bytes:
    """An initializer: float32 or int64."""
    kind = FLOAT if values.dtype == np.float32 else INT64
    dimensions = b"".join(_number(1, size) for size in values.shape)
    return dimensions + _number(2, kind) + field(8, name) + field(9, values.tobytes())


def value(name: str, kind: int, dimensions: Sequence[str]) -> bytes:
    """An input or output with named dimensions."""
    shape = b"".join(field(1, field(2, one)) for one in dimensions)
    return field(1, name) + field(2, field(1, _number(1, kind) + field(2, shape)))


def node(operator: str, inputs: Sequence[str], output: str, **attributes: int | Sequence[int]) -> bytes:
    """An operator with integers for attributes."""
    content = b"".join(field(1, one) for one in inputs) + field(2, output) + field(4, operator)
    for key, given in attributes.items():
        if isinstance(given, int):
            told = field(1, key) + _number(3, given) + _number(20, 2)
        else:
            told = field(1, key) + b"".join(_number(8, one) for one in given) + _number(20, 7)
        content += field(5, told)
    return content


def model(
    nodes: Sequence[bytes],
    tensors: Sequence[bytes],
    inputs: Sequence[bytes],
    outputs: Sequence[bytes],
    operators: int = 13,
) -> bytes:
    """A whole file; ``operators``: of which set."""
    parts = ((1, nodes), (5, tensors), (11, inputs), (12, outputs))
    graph = field(2, "tiny") + b"".join(field(number, one) for number, several in parts for one in several)
    return _number(1, 8) + field(7, graph) + field(8, field(1, "") + _number(2, operators))
