"""The rules of corrections that Avro cannot state: one set for publishers and workers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from streamproc.contracts.generated.events import Result, SourcePosition, Verdict
from streamproc.contracts.generated.events_correction import Correction, WordVerdict
from streamproc.contracts.kinds import kind_problems
from streamproc.errors import ErrorCode, StreamprocError

_NAMED = ("correction_id", "learner_id", "tenant_id", "activity_id", "result_id", "word", "corrected_by")
_LONGEST = 256


def check(correction: Correction) -> None:
    """Refuse what breaks a rule.

    Raises:
        StreamprocError: CORRECTION_INVALID (poison) with every problem, a line each; it never holds the word.
    """
    found = [f"{where}: {what}" for where, what in kind_problems(correction, Correction)] or list(_problems(correction))
    if found:
        raise StreamprocError(ErrorCode.CORRECTION_INVALID, "\n".join(found))


def _problems(correction: Correction) -> Iterator[str]:
    for name in _NAMED:
        value = getattr(correction, name)
        if not value:
            yield f"{name}: is empty"
        elif len(value) > _LONGEST:
            yield f"{name}: has more than {_LONGEST} characters"
    if correction.verdict is WordVerdict.UNKNOWN:
        yield "verdict: is UNKNOWN; a teacher says CORRECT, ACCEPTED, MISPRONOUNCED or OMITTED"
    if correction.phrase_index < 0 or correction.word_index < 0:
        yield "phrase_index, word_index: are counted from 0"
    if correction.corrected_at.tzinfo is None:
        yield "corrected_at: has no time zone"


def result_id(source: SourcePosition) -> str:
    """What a result is called, by the activity record that it answers: its ``ce_id``."""
    return f"{source.topic}/{source.partition}/{source.offset}"


def overrule(
    result: Result,
    phrase_index: int,
    word_index: int,
    verdict: Verdict,
    *,
    correction_id: str,
    corrected_by: str,
    corrected_at: datetime,
) -> Correction:
    """A correction of one word of a result.

    Args:
        result: as a subscriber has read it.
        phrase_index: the phrase's ``index``.
        word_index: the word's place in the phrase's ``words``.
        verdict: CORRECT, ACCEPTED, MISPRONOUNCED or OMITTED.
        correction_id: of one's own choice; a UUID is recommended.
        corrected_by: opaque identifier of the teacher.
        corrected_at: when; aware.

    Raises:
        LookupError: the result has no such word, or it is one that was inserted.
        ValueError: nobody can give that verdict.
    """
    if verdict.value not in WordVerdict.__members__ or verdict is Verdict.UNKNOWN:
        raise ValueError(f"verdict: a teacher gives CORRECT, ACCEPTED, MISPRONOUNCED or OMITTED, not {verdict.value}")
    phrase = next((one for one in result.phrases if one.index == phrase_index), None)
    if phrase is None or not 0 <= word_index < len(phrase.words) or phrase.words[word_index].text is None:
        raise LookupError(f"the result has no expected word {word_index} in a phrase {phrase_index}")
    word = phrase.words[word_index]
    return Correction(
        correction_id=correction_id,
        learner_id=result.learner_id,
        tenant_id=result.tenant,
        activity_id=result.activity_id,
        result_id=result_id(result.source),
        phrase_index=phrase_index,
        word_index=word_index,
        word=word.text or "",
        overruled=word.verdict.value,
        verdict=WordVerdict(verdict.value),
        corrected_by=corrected_by,
        corrected_at=corrected_at,
    )
