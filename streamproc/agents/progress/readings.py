"""One reading as a learner's state keeps it: enough for every figure, and for a teacher to overrule a verdict. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from streamproc.contracts.corrections import result_id
from streamproc.contracts.generated.events import Result, Verdict
from streamproc.scoring.fluency import read_per_minute, share_read

MOST_WORDS = 5_000
"""Of one reading: an hour's. Words beyond that count, and can neither be corrected nor practised."""

LETTERS = {
    Verdict.UNKNOWN: "U",
    Verdict.CORRECT: "C",
    Verdict.ACCEPTED: "A",
    Verdict.MISPRONOUNCED: "M",
    Verdict.OMITTED: "O",
    Verdict.INSERTED: "I",
}
"""How the state writes a verdict: a phrase's are one string."""

RIGHT, MISSED = frozenset("CA"), frozenset("MO")


class NoSuchWord(LookupError):  # noqa: N818 - reads as what it says
    """A correction names a word that its reading does not have."""


@dataclass(slots=True)
class KeptPhrase:
    """A phrase's words as printed ("" for an inserted one), and their verdicts as they are now, a letter each."""

    index: int
    words: list[str]
    verdicts: str


@dataclass(slots=True)
class KeptReading:
    """A result as the state keeps it; times in microseconds since 1970, UTC."""

    activity_id: str
    result_id: str
    read_at: int
    scored_at: int
    judged: int
    correct: int
    audio_ms: int
    phrases: list[KeptPhrase]
    corrected: list[tuple[int, int]] = field(default_factory=list)
    """The words that were overruled, by the phrase's index and the word's."""

    @classmethod
    def of(cls, result: Result) -> KeptReading:
        """What is kept of a result.

        A reading's time is when it began, but not later than it was scored: a tablet whose clock is ahead must not have
        the last word for years.
        """
        counts = result.counts
        scored_at = micros(result.scored_at)
        correct = counts.correct + counts.accepted
        left, phrases = MOST_WORDS, []
        for phrase in result.phrases:
            words = phrase.words[:left]
            left -= len(words)
            verdicts = "".join(LETTERS[word.verdict] for word in words)
            phrases.append(KeptPhrase(phrase.index, [word.text or "" for word in words], verdicts))
        return cls(
            result.activity_id,
            result_id(result.source),
            min(micros(result.started_at), scored_at),
            scored_at,
            correct + counts.mispronounced + counts.omitted,
            correct,
            result.audio_ms,
            phrases,
        )

    @classmethod
    def from_json(cls, kept: list[Any]) -> KeptReading:
        """Of ``to_json``."""
        activity_id, result_id, read_at, scored_at, judged, correct, audio_ms, phrases, corrected = kept
        return cls(
            activity_id,
            result_id,
            read_at,
            scored_at,
            judged,
            correct,
            audio_ms,
            [KeptPhrase(*phrase) for phrase in phrases],
            [(phrase, word) for phrase, word in corrected],
        )

    def to_json(self) -> list[Any]:
        """JSON values; a change of their order is a new version of the state."""
        return [
            self.activity_id,
            self.result_id,
            self.read_at,
            self.scored_at,
            self.judged,
            self.correct,
            self.audio_ms,
            [[phrase.index, phrase.words, phrase.verdicts] for phrase in self.phrases],
            [list(place) for place in self.corrected],
        ]

    @property
    def order(self) -> tuple[int, str]:
        """Readings are in the order of these."""
        return self.read_at, self.activity_id

    @property
    def accuracy(self) -> float | None:
        """As a result's."""
        return share_read(self.correct, self.judged)

    @property
    def words_correct_per_minute(self) -> float | None:
        """As a result's."""
        return read_per_minute(self.correct, self.audio_ms)

    def words(self) -> Iterator[tuple[str, str]]:
        """Each expected word that has a verdict, in lower case without punctuation around it, and its letter."""
        for phrase in self.phrases:
            for word, letter in zip(phrase.words, phrase.verdicts, strict=True):
                if letter in RIGHT or letter in MISSED:
                    yield plain(word), letter

    def overrule(self, phrase_index: int, word_index: int, word: str, verdict: Verdict) -> bool:
        """Give a word another verdict; whether that changes anything.

        Raises:
            NoSuchWord: there is none, or it is an inserted one.
        """
        phrase = next((one for one in self.phrases if one.index == phrase_index), None)
        if phrase is None or not 0 <= word_index < len(phrase.words) or phrase.words[word_index] != word or not word:
            raise NoSuchWord
        before, after = phrase.verdicts[word_index], LETTERS[verdict]
        if before == after:
            return False
        self.judged += (before not in RIGHT | MISSED) and 1
        self.correct += (after in RIGHT) - (before in RIGHT)
        phrase.verdicts = phrase.verdicts[:word_index] + after + phrase.verdicts[word_index + 1 :]
        if (phrase_index, word_index) not in self.corrected:
            self.corrected.append((phrase_index, word_index))
        return True


def plain(word: str) -> str:
    """A word in lower case, without punctuation around it."""
    return word.casefold().strip("\"'`.,;:!?()[]{}<>«»“”‘’…-–—_*")


def micros(time: datetime) -> int:
    """Microseconds since 1970."""
    since = time.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * 86_400_000_000 + since.seconds * 1_000_000 + since.microseconds
