"""What the CTC kernels read: a network's outputs, frames × symbols, as bytes; and what is wrong with them."""

from __future__ import annotations

from mypy_extensions import i64

from .errors import AlignerError

MOST_SYMBOLS = 256
"""A hypothesis holds a symbol in a byte."""


def frame_count(log_probs: bytes, symbols: int, blank: int) -> int:
    """How many frames of so many 32-bit floats the bytes hold.

    Raises:
        AlignerError: sizes that do not fit.
    """
    if not 1 <= symbols <= MOST_SYMBOLS:
        raise AlignerError(f"symbols must be 1 to {MOST_SYMBOLS}, not {symbols}")
    if not 0 <= blank < symbols:
        raise AlignerError(f"blank must be one of the {symbols} symbols, 0 to {symbols - 1}, not {blank}")
    frames, left = divmod(len(log_probs), 4 * symbols)
    if left:
        raise AlignerError(
            f"log_probs has {len(log_probs)} bytes, which is no whole number of frames of {symbols} 32-bit floats"
        )
    return frames


def no_probability(log_prob: float, frame: i64, symbol: i64) -> AlignerError:
    """The complaint about what is no logarithm of a probability."""
    what = "NaN" if log_prob != log_prob else f"{log_prob:g}, above 0"
    return AlignerError(f"log_probs: frame {frame}, symbol {symbol}: {what}: no logarithm of a probability")
