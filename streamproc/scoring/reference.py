"""What should have been read: the words of a phrase and how each may be pronounced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from streamproc.contracts.events import Phrase
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.scoring import lexicon
from streamproc.scoring.phonemes import PHONEME_CODES
from streamproc.scoring.spelling import split_words


@dataclass(frozen=True, slots=True)
class ReferenceWord:
    """An expected word: as printed, and its pronunciations as phoneme codes, the most usual first.

    No pronunciation at all means that the word cannot be judged (REFERENCE_MISSING).
    """

    text: str
    pronunciations: tuple[bytes, ...]


def reference_words(phrase: Phrase, max_phonemes: int) -> list[ReferenceWord]:
    """The expected words of a phrase.

    Raises:
        StreamprocError: REFERENCE_EMPTY for a text without any word, REFERENCE_INVALID for a symbol that is no
            phoneme, REFERENCE_MISSING where no word at all has a pronunciation, REFERENCE_TOO_LONG.
    """
    if phrase.reference is None:
        words = [ReferenceWord(text, lexicon.pronunciations(text)) for text in split_words(phrase.expected_text)]
    else:
        words = [_given(word.text, word.phonemes) for word in phrase.reference]
    if not words:
        raise StreamprocError(ErrorCode.REFERENCE_EMPTY)
    if not any(word.pronunciations for word in words):
        raise StreamprocError(
            ErrorCode.REFERENCE_MISSING, f"no pronunciation is known for any of the {len(words)} words"
        )
    phonemes = sum(len(word.pronunciations[0]) for word in words if word.pronunciations)
    if phonemes > max_phonemes:
        raise StreamprocError(
            ErrorCode.REFERENCE_TOO_LONG,
            f"{phonemes} phonemes; the limit is {max_phonemes} (STREAMPROC_SCORING__MAX_PHONEMES)",
        )
    return words


def _given(text: str, phonemes: Sequence[str]) -> ReferenceWord:
    if not phonemes:
        return ReferenceWord(text, lexicon.pronunciations(text))
    try:
        return ReferenceWord(text, (lexicon.encode(tuple(phonemes)),))
    except KeyError:
        # The symbol itself is not quoted: fields that were mixed up could hold a learner's text.
        number = next(n for n, symbol in enumerate(phonemes, 1) if symbol not in PHONEME_CODES)
        raise StreamprocError(
            ErrorCode.REFERENCE_INVALID, f"symbol {number} of a word is not one of the documented phonemes"
        ) from None
