"""Whether a phrase can be judged at all: nobody spoke, or something else than the text was read.

Neither says anything about how a child reads, so no word of such a phrase is judged. A text that was begun and left
off, or read with words left out, fits its audio badly too: but then most of what was heard is in it, and it is judged.
"""

from __future__ import annotations

from streamproc.errors import ErrorCode, StreamprocError

SPEECH = 0.12
"""Phonemes heard for each expected one, below which nobody is said to have spoken."""

FROM_THE_TEXT = 0.35
"""Of what was heard, the share that is where it must be in words that were read: below it, where these fit the audio
badly, it was another text."""

BY_CHANCE = 0.2
"""The same share of another text may fit by chance: below it, it was another text however well these few words fit."""

TOO_QUIET_DB = -60.0
"""Decibels of full scale (root mean square) below which nothing heard is put down to the recording's level."""


def unscorable(*, expected: int, heard: int, matched: int, fits: bool) -> ErrorCode | None:
    """Why a phrase cannot be judged whose text as a whole does not fit its audio; None where it can.

    Args:
        expected, heard, matched: phonemes of the text, of what was heard, and of both, in words that were not skipped.
        fits: whether these words fit the audio.
    """
    if heard < SPEECH * expected:
        return ErrorCode.NOTHING_HEARD
    return ErrorCode.TEXT_NOT_HEARD if matched < (BY_CHANCE if fits else FROM_THE_TEXT) * heard else None


def explained(error: StreamprocError, level_db: float) -> StreamprocError:
    """Where nothing is heard of a very quiet recording, its level is to blame."""
    if error.code is ErrorCode.NOTHING_HEARD and level_db < TOO_QUIET_DB:
        return StreamprocError(ErrorCode.TOO_QUIET, f"the audio's level is {level_db:.0f} dB of full scale")
    return error
