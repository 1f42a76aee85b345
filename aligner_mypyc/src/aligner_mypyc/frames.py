"""What the CTC kernels read, a network's outputs as bytes, and what they give back, symbols with their times."""

from __future__ import annotations

from typing import Final, NamedTuple

from mypy_extensions import i64

from .errors import AlignerError

MOST_SYMBOLS: Final = 256
"""A hypothesis holds a symbol in a byte."""


class Token(NamedTuple):
    """One symbol that was heard: its code, its frames [start, end) and its highest probability in them."""

    code: int
    start: int
    end: int
    probability: float


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


def check_codes(codes: bytes, symbols: i64, blank: i64, whose: str) -> None:
    """Refuse what cannot be said.

    Raises:
        AlignerError: a code that is the blank or no symbol; ``whose`` and the position are named.
    """
    for place, code in enumerate(codes):
        if code >= symbols or code == blank:
            what = "the blank" if code == blank else f"none of the {symbols} symbols"
            raise AlignerError(f"{whose}: code {code} at position {place} is {what}")


def no_probability(log_prob: float, frame: i64, symbol: i64) -> AlignerError:
    """The complaint about what is no logarithm of a probability."""
    what = "NaN" if log_prob != log_prob else f"{log_prob:g}, above 0"
    return AlignerError(f"log_probs: frame {frame}, symbol {symbol}: {what}: no logarithm of a probability")
