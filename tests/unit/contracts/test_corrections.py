"""Corrections: made of a result, and refused where they make no sense."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from streamproc.contracts.corrections import check, overrule
from streamproc.contracts.generated.events import Verdict
from streamproc.contracts.generated.events_correction import WordVerdict
from streamproc.contracts.upkeep.examples import CORRECTION, RESULT
from streamproc.errors import ErrorCode, StreamprocError

BY: dict[str, Any] = {
    "correction_id": "1",
    "corrected_by": "teacher-1",
    "corrected_at": datetime(2026, 3, 2, tzinfo=UTC),
}


def test_a_correction_names_the_result_and_what_it_overrules() -> None:
    phrase = RESULT.phrases[0]
    place = next(index for index, word in enumerate(phrase.words) if word.text is not None)
    correction = overrule(RESULT, phrase.index, place, Verdict.OMITTED, **BY)
    check(correction)
    source = RESULT.source
    assert correction.result_id == f"{source.topic}/{source.partition}/{source.offset}"
    assert (correction.word, correction.overruled) == (phrase.words[place].text, phrase.words[place].verdict.value)
    assert (correction.learner_id, correction.tenant_id) == (RESULT.learner_id, RESULT.tenant)
    assert correction.verdict is WordVerdict.OMITTED


@pytest.mark.parametrize("verdict", [Verdict.UNKNOWN, Verdict.INSERTED])
def test_nobody_overrules_to_nothing(verdict: Verdict) -> None:
    with pytest.raises(ValueError, match=f"not {verdict.value}"):
        overrule(RESULT, 0, 0, verdict, **BY)


@pytest.mark.parametrize(("phrase", "word"), [(99, 0), (0, 999), (0, -1)])
def test_a_word_that_is_not_there_is_told_at_once(phrase: int, word: int) -> None:
    with pytest.raises(LookupError, match="no expected word"):
        overrule(RESULT, phrase, word, Verdict.CORRECT, **BY)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"learner_id": ""}, "learner_id: is empty"),
        ({"corrected_by": "x" * 300}, "corrected_by: has more than 256 characters"),
        ({"verdict": WordVerdict.UNKNOWN}, "verdict: is UNKNOWN"),
        ({"word_index": -1}, "counted from 0"),
        ({"corrected_at": datetime(2026, 3, 2)}, "no time zone"),  # noqa: DTZ001 - that is the mistake
        ({"word": 5}, "word: is an int, not a str"),
    ],
)
def test_what_breaks_a_rule_is_refused_and_the_word_is_not_quoted(change: dict[str, Any], told: str) -> None:
    check(CORRECTION)
    with pytest.raises(StreamprocError, match=told) as caught:
        check(replace(CORRECTION, **change))
    assert caught.value.code is ErrorCode.CORRECTION_INVALID
    assert CORRECTION.word not in caught.value.message.split()
