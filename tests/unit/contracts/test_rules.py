"""The rules that publishers and workers share."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.holes import hole

from streamproc.contracts import rules
from streamproc.contracts.generated.events import Activity, Audio, Phrase, ReferenceWord
from streamproc.contracts.upkeep.examples import ACTIVITY
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.scoring.reference import PhonemeBudget, reference_words
from streamproc.scoring.spelling import split_words

FIRST = ACTIVITY.phrases[0]


def with_phrase(**changes: Any) -> Activity:
    return replace(ACTIVITY, phrases=(replace(FIRST, **changes),))


def with_audio(**changes: Any) -> Activity:
    return with_phrase(audio=replace(FIRST.audio, **changes))


REFUSED_BY_WORKERS = {
    "ACTIVITY_INVALID no id": replace(ACTIVITY, activity_id=""),
    "ACTIVITY_INVALID no learner": replace(ACTIVITY, learner_id=""),
    "ACTIVITY_INVALID same index": replace(ACTIVITY, phrases=(FIRST, FIRST)),
    "LOCALE_UNSUPPORTED": replace(ACTIVITY, locale="de-DE"),
    "PHRASES_MISSING": replace(ACTIVITY, phrases=()),
    "PHRASES_TOO_MANY": replace(ACTIVITY, phrases=tuple(replace(FIRST, index=index) for index in range(501))),
    "AUDIO_TOO_LARGE": with_audio(data=b"RIFF" + bytes(512 * 1024)),
}
SCORED_IN_PART = {
    "AUDIO_MISSING": with_audio(data=None),
    "AUDIO_AMBIGUOUS": with_audio(uri="s3://readings/1.wav"),
    "AUDIO_EMPTY": with_audio(data=b""),
    "AUDIO_UNREADABLE": with_audio(data=b"\xff\xfb\x90\x00" * 10),
    "AUDIO_UNREADABLE tagged MP3": with_audio(data=b"ID3\x04\0\0\0\0\x01\x02" + bytes(130) + b"\xff\xfb\x90\x00"),
    "AUDIO_URI_REFUSED": with_audio(data=None, uri="http://["),
    "AUDIO_URI_REFUSED port": with_audio(data=None, uri="https://clips.example:99999/a.wav"),
    "AUDIO_URI_REFUSED surrogate": with_audio(data=None, uri="s3://clips/\udcff.wav"),
    "AUDIO_URI_REFUSED scheme": with_audio(data=None, uri="/clips/a.wav"),
    "REFERENCE_EMPTY": with_phrase(expected_text="… ?!"),
    "REFERENCE_EMPTY words": with_phrase(reference=()),
    "REFERENCE_INVALID": with_phrase(reference=(ReferenceWord(text="fox", phonemes=("F", "Å")),)),
}
REFUSED_BY_PUBLISHERS = {
    "tenant_id": replace(ACTIVITY, tenant_id=""),
    "story_id": replace(ACTIVITY, story_id=""),
    "submitted_at": replace(ACTIVITY, submitted_at=datetime(2025, 1, 1)),  # noqa: DTZ001
    "attempt": replace(ACTIVITY, attempt=0),
    "phrases[0].expected_text": with_phrase(expected_text=" ", reference=(ReferenceWord(text="fox", phonemes=()),)),
    "phrases[0].audio.sample_rate": with_audio(sample_rate=7_999),
}


def test_a_flac_may_have_a_tag() -> None:
    rules.validate(with_audio(data=b"ID3\x04\0\0\0\0\x01\x02" + bytes(130) + b"fLaC"))


def test_the_example_follows_the_rules() -> None:
    rules.validate(ACTIVITY)
    rules.check(ACTIVITY)


@hole("D6")
@pytest.mark.parametrize("case", REFUSED_BY_WORKERS)
def test_what_a_worker_refuses_is_not_published(case: str) -> None:
    with pytest.raises(StreamprocError) as caught:
        rules.check(REFUSED_BY_WORKERS[case])
    assert caught.value.code is ErrorCode[case.split()[0]]
    with pytest.raises(StreamprocError) as caught:
        rules.validate(REFUSED_BY_WORKERS[case])
    assert caught.value.code is ErrorCode.ACTIVITY_INVALID


@hole("D6")
@pytest.mark.parametrize("case", SCORED_IN_PART)
def test_what_a_worker_scores_in_part_is_not_published(case: str) -> None:
    (phrase,) = SCORED_IN_PART[case].phrases
    assert [problem.code for problem in rules.phrase_problems(phrase)] == [ErrorCode[case.split()[0]]]
    rules.check(SCORED_IN_PART[case])
    with pytest.raises(StreamprocError, match=r"phrases\[0\]") as caught:
        rules.validate(SCORED_IN_PART[case])
    assert caught.value.code is ErrorCode.ACTIVITY_INVALID


@pytest.mark.parametrize("where", REFUSED_BY_PUBLISHERS)
def test_a_publisher_is_told_what_a_worker_forgives(where: str) -> None:
    rules.check(REFUSED_BY_PUBLISHERS[where])
    with pytest.raises(StreamprocError) as caught:
        rules.validate(REFUSED_BY_PUBLISHERS[where])
    assert f"{where}: " in caught.value.message


def test_every_problem_is_told_at_once_and_none_quotes_the_text() -> None:
    bad = replace(with_phrase(expected_text="?", audio=Audio(sample_rate=1)), learner_id="", attempt=-1)
    with pytest.raises(StreamprocError) as caught:
        rules.validate(bad)
    assert len(caught.value.message.splitlines()) == 5
    assert "?" not in caught.value.message


def test_an_operators_limits_are_named() -> None:
    with pytest.raises(StreamprocError, match="STREAMPROC_SCORING__MAX_PHRASES"):
        rules.check(ACTIVITY, rules.Limits(phrases=1))
    with pytest.raises(StreamprocError, match="STREAMPROC_AUDIO__MAX_INLINE_BYTES"):
        rules.check(ACTIVITY, rules.Limits(inline_bytes=1))


@hole("E")
@pytest.mark.parametrize(
    ("locale", "supported"),
    [
        *[(locale, True) for locale in ("en", "en-US", "EN-gb", "en_US", "en-Latn-US", "en-GB-oxendict")],
        *[
            (locale, False)
            for locale in ("", "de", "de-DE", "eng", "english", "fr-en", "en-", "en-US\n", "en US", "ён")
        ],
    ],
)
def test_english_alone_is_judged(locale: str, supported: bool) -> None:
    assert rules.supported_locale(locale) is supported


@hole("D6")
@given(st.text(max_size=20))
def test_no_text_is_refused_that_a_worker_finds_words_in(text: str) -> None:
    phrase = Phrase(index=0, expected_text=text, audio=Audio(uri="s3://readings/1.wav", sample_rate=16_000))
    if list(rules.phrase_problems(phrase)):
        assert not list(split_words(text))
        with pytest.raises(StreamprocError) as caught:
            reference_words(phrase, PhonemeBudget(2000, 20_000))
        assert caught.value.code is ErrorCode.REFERENCE_EMPTY
