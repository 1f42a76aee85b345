"""Whether a phrase can be judged at all: nobody spoke, or something else than the text was read.

Neither says anything about how a child reads, so no word of such a phrase is judged. A text that was begun and left
off, or read with words left out, fits its audio badly too: but then most of what was heard is in it, and it is judged.
"""

from __future__ import annotations

from streamproc.errors import ErrorCode

SPEECH = 0.12
"""Phonemes heard for each expected one, below which nobody is said to have spoken."""

FROM_THE_TEXT = 0.55
"""Of what was heard, the share that is in the text where it must be: below it, with a bad fit, it was another text."""

TOO_QUIET_DB = -60.0
"""Decibels of full scale (root mean square) below which nothing heard is put down to the recording's level."""


def unscorable(*, expected: int, heard: int, matched: int, fit: float, least_fit: float) -> ErrorCode | None:
    """Why a phrase cannot be judged; None where it can.

    Args:
        expected, heard, matched: phonemes of the text, of what was heard, and of both.
        fit: log P(audio | text) less that of the likeliest path, a phoneme of the text.
        least_fit: what hardly any reading of the text lies below (`WordClassifier.least_fit`).
    """
    if fit >= least_fit:
        return None
    if heard < SPEECH * expected:
        return ErrorCode.NOTHING_HEARD
    return ErrorCode.TEXT_NOT_HEARD if matched < FROM_THE_TEXT * heard else None
