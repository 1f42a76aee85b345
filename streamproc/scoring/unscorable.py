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
badly, or where hardly a sound could be told from others, as of a crowd, it was another text."""

BY_CHANCE = 0.2
"""The same share of another text may fit by chance: below it, it was another text however well these few words fit."""

FAR = 1.0
"""Below the least fit of a reading by so much a phoneme, in logarithms, no reading of the text was ever found: another
language of like sounds lies there. Of `LONG_ENOUGH` phonemes alone, as one wrong word is much of a short text."""

FROM_A_FAR_TEXT = 0.5
"""The share of what was heard, as `FROM_THE_TEXT`, below which it was another text where the fit is so far off."""

LONG_ENOUGH = 12

TOO_QUIET_DB = -60.0
"""Decibels of full scale (root mean square) below which nothing heard is put down to the recording's level."""


def unscorable(*, expected: int, heard: int, matched: int, lacking: float, blurred: bool) -> ErrorCode | None:
    """Why a phrase cannot be judged whose text as a whole does not fit its audio; None where it can.

    Args:
        expected, heard, matched: phonemes of the text, of what was heard, and of both, in words that were not skipped.
        lacking: by how much the fit of these words lies below the least of a reading; 0 or less where they fit.
        blurred: whether sounds could be told worse from others than in readings, halls included.
    """
    if heard < SPEECH * expected:
        return ErrorCode.NOTHING_HEARD
    least = FROM_THE_TEXT if lacking > 0 or blurred else BY_CHANCE
    if lacking > FAR and expected >= LONG_ENOUGH:
        least = FROM_A_FAR_TEXT
    return ErrorCode.TEXT_NOT_HEARD if matched < least * heard else None


def explained(error: StreamprocError, level_db: float) -> StreamprocError:
    """Where nothing is heard of a very quiet recording, its level is to blame."""
    if error.code is ErrorCode.NOTHING_HEARD and level_db < TOO_QUIET_DB:
        return StreamprocError(ErrorCode.TOO_QUIET, f"the audio's level is {level_db:.0f} dB of full scale")
    return error
