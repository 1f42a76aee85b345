"""CTC by its definition: every path gone through; and the textbook's forward pass with logarithms.

Shares no code with the package's algorithms.
"""

from __future__ import annotations

import itertools
import math
import random
import struct
from collections.abc import Iterator

Rows = list[list[float]]
"""Frames × symbols log-probabilities."""


def packed(rows: Rows) -> bytes:
    """The rows as the package takes them."""
    flat = [value for row in rows for value in row]
    return struct.pack(f"<{len(flat)}f", *flat)


def rounded(rows: Rows) -> Rows:
    """The rows as they are after they were 32-bit floats."""
    return [list(struct.unpack(f"<{len(row)}f", struct.pack(f"<{len(row)}f", *row))) for row in rows]


def made(seed: int | str, frames: int, symbols: int, sharpness: float = 2.0) -> Rows:
    """Log-probabilities of a network that is the surer the higher ``sharpness`` is."""
    draw = random.Random(seed)
    rows = []
    for _ in range(frames):
        logits = [draw.gauss(0, sharpness) for _ in range(symbols)]
        most = max(logits)
        total = most + math.log(math.fsum(math.exp(logit - most) for logit in logits))
        rows.append([logit - total for logit in logits])
    return rounded(rows)


def collapse(path: tuple[int, ...], blank: int) -> bytes:
    """What a path says: repeats merged, blanks dropped."""
    return bytes(symbol for symbol, _ in itertools.groupby(path) if symbol != blank)


def paths(rows: Rows, symbols: int) -> Iterator[tuple[tuple[int, ...], float]]:
    """Every path with its log-probability."""
    for path in itertools.product(range(symbols), repeat=len(rows)):
        yield path, sum(row[symbol] for row, symbol in zip(rows, path, strict=True))


def likelihoods(rows: Rows, symbols: int, blank: int) -> dict[bytes, float]:
    """Every hypothesis that can be spoken in these frames, with the logarithm of its probability."""
    sums: dict[bytes, list[float]] = {}
    for path, log_prob in paths(rows, symbols):
        sums.setdefault(collapse(path, blank), []).append(math.exp(log_prob))
    return {said: math.log(total) if (total := math.fsum(parts)) else -math.inf for said, parts in sums.items()}


def log_likelihood(rows: Rows, blank: int, hypothesis: bytes) -> float:
    """The textbook's forward pass, nothing but logarithms."""
    states = [blank]
    for code in hypothesis:
        states += [code, blank]
    alpha = [0.0] + [-math.inf] * (len(states) - 1)
    first = True
    for row in rows:
        new = []
        for state, code in enumerate(states):
            ways = [alpha[state], alpha[state - 1] if state else -math.inf]
            if first and state > 1:
                ways = []
            elif state > 2 and code != blank and code != states[state - 2]:
                ways.append(alpha[state - 2])
            most = max(ways, default=-math.inf)
            total = most if most == -math.inf else most + math.log(sum(math.exp(way - most) for way in ways))
            new.append(total + row[code])
        alpha = new
        first = False
    ends = alpha[-2:]
    most = max(ends)
    return most if most == -math.inf else most + math.log(sum(math.exp(end - most) for end in ends))
