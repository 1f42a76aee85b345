"""Results and corrections for tests of progress: words with the verdicts that a test names by their letters."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from streamproc.agents.progress.readings import LETTERS
from streamproc.contracts.corrections import overrule
from streamproc.contracts.generated.events import Counts, PhraseResult, Result, SourcePosition, Verdict
from streamproc.contracts.generated.events_correction import Correction
from streamproc.contracts.upkeep.examples import RESULT

VERDICTS = {letter: verdict for verdict, letter in LETTERS.items()}
BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def read(
    activity_id: str,
    *phrases: str,
    day: float = 0,
    offset: int = 0,
    audio_ms: int = 60_000,
    learner_id: str = "learner-1",
    tenant: str = "school-1",
    scored: datetime | None = None,
) -> Result:
    """A result of ``phrases`` such as "the:C cat:M -:I" (words and their verdicts' letters), days after BEGIN."""
    made = tuple(_phrase(index, text) for index, text in enumerate(phrases))
    letters = "".join(LETTERS[word.verdict] for phrase in made for word in phrase.words)
    correct, accepted, mispronounced, omitted = (letters.count(letter) for letter in "CAMO")
    judged = correct + accepted + mispronounced + omitted
    started = BEGIN + timedelta(days=day)
    return replace(
        RESULT,
        activity_id=activity_id,
        learner_id=learner_id,
        tenant=tenant,
        started_at=started,
        submitted_at=started + timedelta(minutes=1),
        scored_at=scored or started + timedelta(minutes=2),
        source=SourcePosition(topic="reading.activity.v1", partition=0, offset=offset),
        accuracy=(correct + accepted) / judged if judged else None,
        words_correct_per_minute=(correct + accepted) * 60_000 / audio_ms if audio_ms else None,
        audio_ms=audio_ms,
        counts=Counts(
            expected=judged + letters.count("U"),
            correct=correct,
            accepted=accepted,
            mispronounced=mispronounced,
            omitted=omitted,
            inserted=letters.count("I"),
            unjudged=letters.count("U"),
        ),
        phrases=made,
    )


def overruled(
    result: Result, place: tuple[int, int], verdict: Verdict, hours: float = 1, correction_id: str = "correction-1"
) -> Correction:
    """A teacher says otherwise of the word at (phrase, word), so long after the result."""
    return overrule(
        result,
        *place,
        verdict,
        correction_id=correction_id,
        corrected_by="teacher-1",
        corrected_at=result.scored_at + timedelta(hours=hours),
    )


def _phrase(index: int, text: str) -> PhraseResult:
    words = []
    for part in text.split():
        word, _, letter = part.rpartition(":")
        printed = None if letter == "I" else word
        words.append(replace(RESULT.phrases[0].words[0], text=printed, verdict=VERDICTS[letter]))
    return replace(RESULT.phrases[0], index=index, words=tuple(words))
