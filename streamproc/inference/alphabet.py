"""A model's many symbols as our 41."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.phonemes import PHONEMES

_LEAST = float(np.finfo(np.float32).tiny)
"""The least probability: its logarithm is a number, about -87."""


def log_probabilities(output: NDArray[np.float32], are_probabilities: bool) -> NDArray[np.float64]:
    """What a model gives, [frames, symbols], as natural logarithms of probabilities.

    Args:
        output: logits; or probabilities, of which a 0 becomes the least that float32 can hold.
        are_probabilities: which of the two.
    """
    exact = output.astype(np.float64)
    if are_probabilities:
        exact = np.log(np.maximum(exact, _LEAST))
    top = exact.max(axis=1, keepdims=True)
    normalised: NDArray[np.float64] = exact - top - np.log(np.exp(exact - top).sum(axis=1, keepdims=True))
    return normalised


def as_ours(log_probs: NDArray[np.float64], groups: Sequence[int], never: Collection[int] = ()) -> NDArray[np.float32]:
    """Log-probabilities of our 41, [frames, 41], the blank last: the log-sum-exp over the symbols of each.

    Args:
        log_probs: [frames, symbols].
        groups: the place among our 41 of each symbol; each of the 41 has one at least.
        never: places that need none, as the model writes them with the symbols of others; there stands the least.

    Raises:
        ValueError: one of ours has no symbol.
    """
    order = np.argsort(groups, kind="stable")
    places, starts = np.unique(np.asarray(groups)[order], return_index=True)
    wanted = len(PHONEMES) + 1
    if len({*places.tolist(), *never}) != wanted:
        raise ValueError(f"only {len(places)} of {wanted} have a symbol")
    # logaddexp scales each pair: sums far below any exponential neither vanish nor overflow.
    summed = np.logaddexp.reduceat(log_probs[:, order], starts, axis=1).astype(np.float32)
    if len(places) == wanted:
        return summed
    whole = np.full((len(log_probs), wanted), np.log(_LEAST), np.float32)
    whole[:, places] = summed
    return whole
