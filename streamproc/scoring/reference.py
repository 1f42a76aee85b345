"""What should have been read: the words of a phrase and how each may be pronounced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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


Unknown = Callable[[int, int], None]
"""Told of a symbol that is no phoneme: the number of its word in the reference and its own in the word, from 1."""


def reference_words(phrase: Phrase, budget: PhonemeBudget, unknown: Unknown | None = None) -> list[ExpectedWord]:
    """The expected words of a phrase; nothing is read beyond the budget.

    Args:
        unknown: symbols that are no phonemes are passed over and told; a word of which nothing is left is looked up, as
            one without phonemes is. None: they are an error.

    Raises:
        StreamprocError: REFERENCE_EMPTY for a text without any word, REFERENCE_INVALID for a symbol that is no
            phoneme, REFERENCE_MISSING where no word at all has a pronunciation, REFERENCE_TOO_LONG.
    """
    words: list[ExpectedWord] = []
    phonemes = 0
    for word in _read(phrase, unknown):
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


def _read(phrase: Phrase, unknown: Unknown | None) -> Iterator[ExpectedWord]:
    if phrase.reference is None:
        for text in split_words(phrase.expected_text):
            yield ExpectedWord(text, lexicon.pronunciations(text))
    else:
        for number, word in enumerate(phrase.reference, 1):
            yield _given(word.text, word.phonemes, number, unknown)


def _looked_up(text: str) -> tuple[bytes, ...]:
    """The pronunciations of a word that a publisher has cut out, perhaps with the punctuation around it ("box.").

    Several words in the place of one ("ice cream") are said one after the other.
    """
    found = [lexicon.pronunciations(word) for word in split_words(text)] if len(text) <= MAX_CHARACTERS else []
    if len(found) == 1:
        return found[0]
    return (b"".join(ways[0] for ways in found),) if found and all(found) else ()


def _given(text: str, phonemes: Sequence[str], number: int, unknown: Unknown | None) -> ExpectedWord:
    known = []
    for place, symbol in enumerate(phonemes, 1):
        if symbol in PHONEME_CODES:
            known.append(symbol)
        elif unknown is None:
            raise StreamprocError(ErrorCode.REFERENCE_INVALID, f"symbol {place} of word {number} {_wrong_with(symbol)}")
        else:
            unknown(number, place)
    return ExpectedWord(text, (lexicon.encode(known),) if known else _looked_up(text))


def _wrong_with(symbol: str) -> str:
    """What is wrong with a symbol that is no phoneme.

    It is quoted only where it is nearly one: fields that were mixed up could hold a learner's text.
    """
    if not symbol.strip():
        return "is empty"
    bare = symbol.strip().upper().rstrip("012")
    if bare in PHONEME_CODES:
        return f"is not one of the documented phonemes, written like {bare}: in capitals, without stress digits"
    return "is not one of the documented phonemes"
