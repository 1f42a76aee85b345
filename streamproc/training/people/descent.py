"""Fitting a word classifier: gradient descent over all words at once, the same for the same words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

UNITS = 8
STEPS = 250
RATE = 0.03
DECAY = 5e-3
"""Of squared weights, a unit or ten direct ones."""

Array = NDArray[np.float64]


def descend(table: Array, labels: Array) -> tuple[Array, Array, Array, Array, Array]:
    """Weights of hidden units [columns, units], their bias and their share in the odds [units], direct weights
    [columns], and the bias of the odds (no dimension), that make the labels likeliest.

    By Adam (Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015), whose rate falls to zero along a
    cosine.

    Args:
        table: evidence around 0 with deviation 1, [words, columns].
        labels: from 0 to 1.
    """
    rng = np.random.default_rng(1)
    columns = table.shape[1]
    found = [
        rng.standard_normal((columns, UNITS)) / np.sqrt(columns), np.zeros(UNITS), 0.3 * rng.standard_normal(UNITS),
        np.zeros(columns), np.zeros(()),
    ]  # fmt: skip
    means, squares = [np.zeros_like(each) for each in found], [np.zeros_like(each) for each in found]
    for step in range(STEPS):
        rate = RATE * (1 + np.cos(np.pi * step / STEPS)) / 2
        for place, slope in enumerate(_slopes(table, labels, found)):
            means[place] = 0.9 * means[place] + 0.1 * slope
            squares[place] = 0.99 * squares[place] + 0.01 * slope**2
            mean, square = means[place] / (1 - 0.9 ** (step + 1)), squares[place] / (1 - 0.99 ** (step + 1))
            found[place] = found[place] - rate * mean / (np.sqrt(square) + 1e-8)
    hidden, bias, out, direct, shift = found
    return hidden, bias, out, direct, shift


def _slopes(table: Array, labels: Array, found: list[Array]) -> list[Array]:
    hidden, bias, out, direct, shift = found
    units = np.tanh(table @ hidden + bias)
    said = 1 / (1 + np.exp(-(units @ out + table @ direct + shift)))
    off = (said - labels) / len(labels)
    back = np.outer(off, out) * (1 - units**2)
    return [
        table.T @ back + DECAY / UNITS * hidden, back.sum(axis=0), units.T @ off + DECAY / UNITS * out,
        table.T @ off + DECAY / 10 * direct, np.asarray(off.sum()),
    ]  # fmt: skip
