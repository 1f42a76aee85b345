"""The CTC forward pass: how likely sequences of symbols are, given a network's outputs frame by frame.

Source: Graves, Fernández, Gomez, Schmidhuber, "Connectionist Temporal Classification: Labelling Unsegmented Sequence
Data with Recurrent Neural Networks", ICML 2006: the forward variable is equation 6 ff., its rescaling is section 4.1.

The hypotheses advance together through one tree of their common beginnings, so that a beginning is computed once.
Probabilities are multiplied, not their logarithms added: no transcendental function in the inner loop. Values that fall
below ``SMALLEST`` are dropped. Nothing that was dropped at a frame can bring more to the end of any hypothesis than it
weighed there, as what follows it are paths of distinct symbols, whose probabilities sum to at most one. So a result
that is far above all that was dropped is exact to the last digits, and the others (hypotheses that were certainly not
spoken) are computed again with logarithms.
"""

from __future__ import annotations

import math
from typing import Final

from librt.strings import read_f32_le
from librt.vecs import vec
from mypy_extensions import i64

from .frames import check_codes, frame_count, no_probability
from .workspace import zeros

SMALLEST: Final = 1e-290
"""Values below are dropped: above, sums and products lose no digit."""
LOG_SMALLEST: Final = -667.0
"""A little above ``log(SMALLEST)``."""
DIGITS: Final = 30.0
"""Logarithm of how far a result must be above all that was dropped: 1e-13 of it."""
RESCALE: Final = 1e-60
"""Below this the likeliest value is brought back to 1, and all others with it."""
NOTHING: Final = -1e999
"""Minus infinity, the logarithm of 0."""


def log_likelihoods(log_probs: bytes, symbols: int, blank: int, hypotheses: list[bytes]) -> list[float]:
    """log P(hypothesis | frames) of each hypothesis, summed over all its CTC paths.

    Args:
        log_probs: frames × symbols natural logarithms of probabilities, row after row, as little-endian 32-bit floats
            (numpy: ``array.astype("<f4").tobytes()``); -inf is the logarithm of 0. Each frame's probabilities sum to
            at most 1; only the columns of the blank and of symbols in the hypotheses are read.
        symbols: how many symbols a frame has, the blank included; 1 to 256.
        blank: the index of the blank among them.
        hypotheses: symbol codes, one byte each; those with common beginnings are best put side by side.

    Returns:
        One number a hypothesis, -inf where it cannot be spoken in so few frames. Without frames the empty hypothesis is
        certain.

    Raises:
        AlignerError: sizes that do not fit; a code that is the blank or no symbol (hypothesis and position are
            named); NaN, or a logarithm above 0 (frame and symbol are named).
    """
    frames = frame_count(log_probs, symbols, blank)
    tree = _Tree(hypotheses, symbols, blank)
    found = tree.advance(log_probs, frames, symbols)
    for index in tree.uncertain:
        found[index] = _by_logarithms(log_probs, frames, symbols, blank, hypotheses[index])
    return found


class _Tree:
    """The common beginnings of hypotheses: node 0 is the empty one, every other adds a symbol to its parent.

    Each node has two states: ``label``, the paths that end in its symbol, and ``rest``, those that end in a blank after
    it.
    """

    def __init__(self, hypotheses: list[bytes], symbols: i64, blank: i64) -> None:
        most: i64 = 1
        longest: i64 = 0
        for hypothesis in hypotheses:
            most += len(hypothesis)
            if len(hypothesis) > longest:
                longest = len(hypothesis)
        self.parent: vec[i64] = zeros(most)
        self.column: vec[i64] = zeros(most)
        """Which of ``symbol_of`` the node adds."""
        self.differs: vec[float] = vec[float]([0.0] * most)
        """1 where the symbol may follow its parent's without a blank between, as it is another one."""
        self.symbol_of: vec[i64] = zeros(symbols)
        """The symbols that occur, the blank first."""
        self.columns: i64 = 1
        self.size: i64 = 1
        self.ends: list[int] = []
        """Each hypothesis's last node."""
        self.uncertain: list[int] = []
        """The hypotheses whose results may lack what was dropped."""
        self.symbol_of[0] = blank
        column_of = vec[i64]([-1] * symbols)
        # The nodes along the hypothesis before this one.
        along = zeros(longest + 1)
        before = b""
        for number, hypothesis in enumerate(hypotheses):
            check_codes(hypothesis, symbols, blank, f"hypothesis {number}")
            length: i64 = len(hypothesis)
            at: i64 = 0
            while at < length and at < len(before) and hypothesis[at] == before[at]:
                at += 1
            while at < length:
                code = i64(hypothesis[at])
                if column_of[code] < 0:
                    column_of[code] = self.columns
                    self.symbol_of[self.columns] = code
                    self.columns += 1
                node = self.size
                self.parent[node] = along[at]
                self.column[node] = column_of[code]
                if at > 0 and hypothesis[at - 1] != hypothesis[at]:
                    self.differs[node] = 1.0
                at += 1
                along[at] = node
                self.size += 1
            self.ends.append(along[length])
            before = hypothesis

    def advance(self, log_probs: bytes, frames: i64, symbols: i64) -> list[float]:
        """The hypotheses' results; fills ``uncertain``."""
        size = self.size
        columns = self.columns
        parent = self.parent
        column = self.column
        differs = self.differs
        symbol_of = self.symbol_of
        label = vec[float]([0.0] * size)
        rest = vec[float]([0.0] * size)
        row = vec[float]([0.0] * columns)
        rest[0] = 1.0  # before the first frame nothing was said
        scale = 0.0  # the logarithm of what the values are multiples of
        dropped_at = NOTHING  # the scale when something was first dropped; it only falls
        frame: i64 = 0
        while frame < frames:
            place = frame * symbols
            c: i64 = 0
            while c < columns:
                log_prob = read_f32_le(log_probs, 4 * (place + symbol_of[c]))
                p = 0.0
                if log_prob > LOG_SMALLEST:
                    if log_prob > 0.001:
                        raise no_probability(log_prob, frame, symbol_of[c])
                    p = math.exp(log_prob)
                elif log_prob != NOTHING:
                    if log_prob != log_prob:
                        raise no_probability(log_prob, frame, symbol_of[c])
                    if dropped_at == NOTHING:
                        dropped_at = scale
                row[c] = p
                c += 1
            silent = row[0]
            most = 0.0
            dropped = False
            # Parents come before their children: from the end, each node still finds its parent's values of the frame
            # before.
            node = size - 1
            while node > 0:
                above = parent[node]
                p = row[column[node]]
                ends_here = label[node]
                left = (rest[node] + ends_here) * silent
                total = ends_here + rest[above] + label[above] * differs[node]
                said = total * p
                if said < SMALLEST:
                    if total > 0.0 and p > 0.0:
                        dropped = True
                    said = 0.0
                elif said > most:
                    most = said
                if left < SMALLEST:
                    if silent > 0.0 and (ends_here > 0.0 or rest[node] > 0.0):
                        dropped = True
                    left = 0.0
                elif left > most:
                    most = left
                label[node] = said
                rest[node] = left
                node -= 1
            left = rest[0] * silent
            if left < SMALLEST:
                if rest[0] > 0.0 and silent > 0.0:
                    dropped = True
                left = 0.0
            elif left > most:
                most = left
            rest[0] = left
            if dropped and dropped_at == NOTHING:
                dropped_at = scale
            if most < RESCALE:
                if most == 0.0:
                    break
                factor = 1.0 / most
                node = 0
                while node < size:
                    label[node] *= factor
                    rest[node] *= factor
                    node += 1
                scale += math.log(most)
            frame += 1
        return self._results(label, rest, scale, dropped_at, frames)

    def _results(
        self, label: vec[float], rest: vec[float], scale: float, dropped_at: float, frames: i64
    ) -> list[float]:
        least = NOTHING
        if dropped_at != NOTHING:
            least = dropped_at + LOG_SMALLEST + math.log(float(2 * frames * self.size)) + DIGITS
        found: list[float] = []
        for index, end in enumerate(self.ends):
            total = rest[end] + label[end]
            result = NOTHING
            if total > 0.0:
                result = math.log(total) + scale
            if result < least:
                self.uncertain.append(index)
            found.append(result)
        return found


def _by_logarithms(log_probs: bytes, frames: i64, symbols: i64, blank: i64, hypothesis: bytes) -> float:
    """The same for one hypothesis, with logarithms: slower, and nothing is ever dropped."""
    length: i64 = len(hypothesis)
    label = vec[float]([NOTHING] * (length + 1))
    rest = vec[float]([NOTHING] * (length + 1))
    rest[0] = 0.0
    frame: i64 = 0
    while frame < frames:
        place = frame * symbols
        silent = read_f32_le(log_probs, 4 * (place + blank))
        at = length
        while at > 0:
            skipped = NOTHING
            if at > 1 and hypothesis[at - 1] != hypothesis[at - 2]:
                skipped = label[at - 1]
            rest[at] = _log_sum(rest[at], label[at], NOTHING) + silent
            log_prob = read_f32_le(log_probs, 4 * (place + i64(hypothesis[at - 1])))
            label[at] = _log_sum(label[at], rest[at - 1], skipped) + log_prob
            at -= 1
        rest[0] += silent
        frame += 1
    return _log_sum(label[length], rest[length], NOTHING)


def _log_sum(a: float, b: float, c: float) -> float:
    """log(exp(a) + exp(b) + exp(c))."""
    most = a
    if b > most:
        most = b
    if c > most:
        most = c
    if most == NOTHING:
        return NOTHING
    return most + math.log(math.exp(a - most) + math.exp(b - most) + math.exp(c - most))
