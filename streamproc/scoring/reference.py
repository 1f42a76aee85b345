"""What should have been read: the words of a phrase and how each may be pronounced."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from streamproc.contracts.generated.events import Phrase
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.scoring import lexicon
from streamproc.scoring.phonemes import PHONEME_CODES
from streamproc.scoring.spelling import MAX_CHARACTERS, split_words


@dataclass(frozen=True, slots=True)
class ExpectedWord:
    """An expected word: as printed, and its pronunciations as phoneme codes, the most usual first.

    No pronunciation at all means that the word cannot be judged (REFERENCE_MISSING).
    """

    text: str
    pronunciations: tuple[bytes, ...]


@dataclass(slots=True)
class PhonemeBudget:
    """How many reference phonemes each phrase of an activity may have, and all of them together.

    A word that nobody can say counts as one. What was read of a phrase that is refused counts too: the budget bounds
    the work.
    """

    phrase: int
    activity: int
    used: int = 0


def reference_words(phrase: Phrase, budget: PhonemeBudget) -> list[ExpectedWord]:
    """The expected words of a phrase; nothing is read beyond the budget.

    Raises:
        StreamprocError: REFERENCE_EMPTY for a text without any word, REFERENCE_INVALID for a symbol that is no
            phoneme, REFERENCE_MISSING where no word at all has a pronunciation, REFERENCE_TOO_LONG.
    """
    words: list[ExpectedWord] = []
    phonemes = 0
    for word in _read(phrase):
        size = len(word.pronunciations[0]) if word.pronunciations else 1
        phonemes += size
        budget.used += size
        for count, limit, whose, setting in (
            (phonemes, budget.phrase, "the phrase", "MAX_PHONEMES"),
            (budget.used, budget.activity, "the activity", "MAX_ACTIVITY_PHONEMES"),
        ):
            if count > limit:
                raise StreamprocError(
                    ErrorCode.REFERENCE_TOO_LONG,
                    f"{whose} has more than {limit} phonemes to be read (STREAMPROC_SCORING__{setting})",
                )
        words.append(word)
    if not words:
        raise StreamprocError(ErrorCode.REFERENCE_EMPTY)
    if not any(word.pronunciations for word in words):
        raise StreamprocError(
            ErrorCode.REFERENCE_MISSING, f"no pronunciation is known for any of the {len(words)} words"
        )
    return words


def _read(phrase: Phrase) -> Iterator[ExpectedWord]:
    if phrase.reference is None:
        for text in split_words(phrase.expected_text):
            yield ExpectedWord(text, lexicon.pronunciations(text))
    else:
        for word in phrase.reference:
            yield _given(word.text, word.phonemes)


def _looked_up(text: str) -> tuple[bytes, ...]:
    """The pronunciations of a word that a publisher has cut out, perhaps with the punctuation around it ("box.").

    Several words in the place of one ("ice cream") are said one after the other.
    """
    found = [lexicon.pronunciations(word) for word in split_words(text)] if len(text) <= MAX_CHARACTERS else []
    if len(found) == 1:
        return found[0]
    return (b"".join(ways[0] for ways in found),) if found and all(found) else ()


def _given(text: str, phonemes: Sequence[str]) -> ExpectedWord:
    if not phonemes:
        return ExpectedWord(text, _looked_up(text))
    try:
        return ExpectedWord(text, (lexicon.encode(tuple(phonemes)),))
    except KeyError:
        # The symbol itself is not quoted: fields that were mixed up could hold a learner's text.
        number = next(n for n, symbol in enumerate(phonemes, 1) if symbol not in PHONEME_CODES)
        raise StreamprocError(
            ErrorCode.REFERENCE_INVALID, f"symbol {number} of a word is not one of the documented phonemes"
        ) from None
