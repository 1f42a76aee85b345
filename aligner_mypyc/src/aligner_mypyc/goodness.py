"""How well each symbol of an aligned sequence sounds.

Source: Witt and Young, "Phone-level pronunciation scoring and assessment for interactive language learning", Speech
Communication 30, 2000: the likelihood of a symbol in its own frames against that of its best rival there.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_f32_le
from mypy_extensions import i64

from .errors import AlignerError
from .frames import Token, frame_count

NOTHING: Final = -1e999


def goodness(log_probs: bytes, symbols: int, blank: int, tokens: list[Token]) -> list[tuple[float, float]]:
    """Of each symbol its log-probability at its best, and how far that is above its best rival's (below 0: below it).

    Rivals are the other symbols, the blank aside, in the symbol's frames and the ones just before and after: where two
    sounds meet is uncertain by a frame. Without rivals the distance is infinite.

    Args:
        log_probs, symbols, blank: as for ``log_likelihoods``.
        tokens: symbols with their frames, as ``force_align`` gives them.

    Raises:
        AlignerError: sizes that do not fit; a token whose frames or code are not there.
    """
    frames: i64 = frame_count(log_probs, symbols, blank)
    width: i64 = symbols
    silence: i64 = blank
    found: list[tuple[float, float]] = []
    for number, token in enumerate(tokens):
        code: i64 = token.code
        start: i64 = token.start
        end: i64 = token.end
        if not 0 <= start < end <= frames or not 0 <= code < width:
            raise AlignerError(f"token {number}: code {code} in frames {start} to {end} is outside of the log_probs")
        best = NOTHING
        rival = NOTHING
        frame = start - 1 if start > 0 else start
        last = end if end < frames else end - 1
        while frame <= last:
            at = 4 * frame * width
            symbol: i64 = 0
            while symbol < width:
                log_prob = read_f32_le(log_probs, at)
                if symbol == code:
                    if start <= frame < end and log_prob > best:
                        best = log_prob
                elif log_prob > rival and symbol != silence:
                    rival = log_prob
                symbol += 1
                at += 4
            frame += 1
        found.append((best, best - rival if rival > NOTHING else -NOTHING))
    return found
