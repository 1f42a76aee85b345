"""A model of the form of a wav2vec2 with CTC that hears: the shipped network behind other tensors, another alphabet,
other frames. What surrounds it is drawn from a seed.

It takes `input_values` of unit variance and an `attention_mask`, gives `logits` over 46 symbols of the International
Phonetic Alphabet with the blank first, and (n - 400) // 320 + 1 frames, the first centred on sample 200.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.phonemes import PHONEMES
from support.engine_suite import MODEL
from support.onnx_bytes import FLOAT, INT64, field, fields, model, node, tensor, value
from support.tiny_wav2vec2 import ALPHABET, SYMBOLS

NODE, INITIALIZER = 1, 5
"""Fields of GraphProto."""

OPERATORS = 17
"""The set that the shipped network is written in."""


def shares(seed: int) -> tuple[list[int], NDArray[np.float32]]:
    """For each symbol the place of what it is among our 41, and the logarithm of its share of that."""
    groups = [40, *(PHONEMES.index(phoneme) if phoneme else 40 for phoneme in ALPHABET.values())]
    drawn = np.random.default_rng(seed).uniform(0.2, 1.0, len(groups))
    whole = np.bincount(groups, weights=drawn, minlength=41)
    return groups, np.log(drawn / whole[groups]).astype(np.float32)


SPELT = {"AY": ("ɑ", "ɪ"), "CH": ("t", "ʃ")}
"""Phonemes that a model may write with two symbols, the second one frame behind the first."""

_SURELY = 100.0
"""So many times likelier than it was one frame before is the second one: the network is sure of its blank there."""


def onnx(
    *, seed: int = 1, masked: bool = True, turn: int = 0, spelt: bool = False, probabilities: bool = False
) -> bytes:
    """The file.

    Args:
        seed: how phonemes of several symbols are shared out among them.
        masked: it is told where a clip ends; else it hears the padding, and has no `attention_mask`.
        turn: by so many places its symbols stand elsewhere than `SYMBOLS` says.
        spelt: it writes the phonemes of `SPELT` so; its symbols of one are never heard.
        probabilities: it gives a softmax.
    """
    groups, logarithms = shares(seed)
    choice = np.zeros((41, len(groups)), np.float32)
    choice[groups, np.arange(len(groups))] = 1.0
    choice, logarithms = np.roll(choice, turn, 1), np.roll(logarithms, turn)
    constants = {
        "one": [1], "zero": [0], "second": [1], "skipped": [200], "endless": [2**31 - 1], "window": [400],
        "step": [320],
    }  # fmt: skip
    width = [
        node("Shape", ["input_values"], "shape"),
        node("Gather", ["shape", "second"], "width", axis=0),
    ]
    told = (
        [node("ReduceSum", ["attention_mask", "second"], "own", keepdims=0)]
        if masked
        # As many times the width as there are clips.
        else [
            node("Gather", ["shape", "zero"], "count", axis=0),
            node("Expand", ["width", "count"], "own"),
        ]
    )
    before = [
        *width,
        *told,
        node("Slice", ["input_values", "skipped", "endless", "second"], "audio"),
        node("Sub", ["own", "skipped"], "fewer"),
        node("Max", ["fewer", "zero"], "lengths"),
    ]
    after = [
        node("Sub", ["width", "window"], "beyond"),
        node("Div", ["beyond", "step"], "steps"),
        node("Add", ["steps", "one"], "due"),
        node("Slice", ["inner_logits", "zero", "due", "second"], "there"),
        node("MatMul", ["there", "choice"], "chosen"),
        node("Add", ["chosen", "share"], "ours" if spelt else "own_logits"),
        *(_SPELLING if spelt else []),
        node("Softmax" if probabilities else "Identity", ["own_logits"], "logits"),
    ]
    tensors = [tensor(name, np.array(numbers, np.int64)) for name, numbers in constants.items()]
    tensors += [tensor("choice", choice), tensor("share", logarithms)]
    if spelt:
        first, second = _moved(turn)
        tensors += [
            tensor("first", first),
            tensor("second_symbol", second),
            tensor("least", np.array([1e-30], np.float32)),
        ]
        tensors += [tensor("later", np.array([0, 1, 0, 0, -1, 0], np.int64))]
    inner = dict(_inner())
    inputs = [value("input_values", FLOAT, ["b", "n"])]
    inputs += [value("attention_mask", INT64, ["b", "n"])] if masked else []
    return model(
        [*before, *inner[NODE], *after], [*inner[INITIALIZER], *tensors], inputs,
        [value("logits", FLOAT, ["b", "f", "v"])], operators=OPERATORS,
    )  # fmt: skip


_SPELLING = [
    node("Softmax", ["ours"], "likely"),
    node("MatMul", ["likely", "first"], "now"),
    # What was likely one frame before.
    node("Pad", ["likely", "later"], "before"),
    node("MatMul", ["before", "second_symbol"], "then"),
    node("Sum", ["now", "then", "least"], "both"),
    node("Log", ["both"], "own_logits"),
]


def _moved(turn: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """[symbols, symbols] each: from the symbol of a phoneme that is spelt to the first of two, and to the second."""
    first, second = np.eye(len(SYMBOLS), dtype=np.float32), np.zeros((len(SYMBOLS),) * 2, np.float32)

    def place(symbol: str) -> int:
        return (SYMBOLS.index(symbol) + turn) % len(SYMBOLS)

    for phoneme, (one, other) in SPELT.items():
        whole = place(next(symbol for symbol, of in ALPHABET.items() if of == phoneme))
        first[whole] = 0.0
        first[whole, place(one)] = 1.0
        second[whole, place(other)] = _SURELY
    return first, second


def _inner() -> Iterator[tuple[int, list[bytes]]]:
    """The shipped network's nodes and weights; its own outputs have other names."""
    graph = next(content for number, content in fields(MODEL.read_bytes()) if number == 7)
    parts = list(fields(graph))
    yield NODE, [_renamed(content) for number, content in parts if number == NODE]
    yield INITIALIZER, [content for number, content in parts if number == INITIALIZER]


def _renamed(content: bytes) -> bytes:
    def name(number: int, part: bytes) -> bytes:
        return b"inner_" + part if number in (1, 2) and part in (b"logits", b"frames") else part

    return b"".join(field(number, name(number, part)) for number, part in fields(content))
