"""The demonstration's readings: what they must hold, and that they are the same ones every time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.holes import hole

from streamproc.audio.decode import SAMPLE_RATE, decode_clip
from streamproc.contracts.generated.events import Activity, Codec
from streamproc.contracts.rules import validate
from streamproc.demo.activities import make_activities
from streamproc.demo.readings import DemoReading, demo_readings
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.scoring.spelling import split_words
from streamproc.settings import AudioSettings as AudioLimits
from streamproc.training import corpus
from streamproc.training.speech import Synthesiser

READINGS = demo_readings()
PHRASES = [phrase for reading in READINGS for phrase in reading.phrases]


@pytest.fixture(scope="module")
def activities(tmp_path_factory: pytest.TempPathFactory) -> list[Activity]:
    return make_activities(READINGS, Synthesiser(), tmp_path_factory.mktemp("clips"))


def clips(activity: Activity) -> list[bytes]:
    def encoded(uri: str | None, data: bytes | None) -> bytes:
        if uri is not None:
            assert data is None
            return Path(uri.removeprefix("file://")).read_bytes()
        assert data is not None
        return data

    return [encoded(phrase.audio.uri, phrase.audio.data) for phrase in activity.phrases]


def test_the_same_readings_come_again() -> None:
    assert demo_readings() == READINGS


def test_there_are_fluent_readings_and_mistakes_of_every_kind() -> None:
    assert len(READINGS) >= 24
    assert sum(reading.seeded == 0 for reading in READINGS) >= 8
    kinds = [change.kind for phrase in PHRASES for change in phrase.changes]
    assert {kind: kinds.count(kind) >= 4 for kind in ("mispronounced", "omitted", "inserted")} == {
        "mispronounced": True,
        "omitted": True,
        "inserted": True,
    }


def test_no_phrase_mixes_kinds_of_mistakes() -> None:
    assert all(len({change.kind for change in phrase.changes}) <= 1 for phrase in PHRASES)


def test_what_is_said_differs_from_what_is_expected_by_the_seeded_mistakes_alone() -> None:
    for phrase in PHRASES:
        added = sum(change.kind == "inserted" for change in phrase.changes)
        left_out = sum(change.kind == "omitted" for change in phrase.changes)
        assert len(phrase.reading.said) == len(phrase.reading.expected) + added - left_out


def test_training_never_hears_a_phrase() -> None:
    assert {phrase.reading.expected for phrase in PHRASES} <= corpus.reserved()


def test_the_worker_splits_a_text_into_the_words_that_mistakes_are_counted_by() -> None:
    for phrase in PHRASES:
        assert tuple(word.lower() for word in split_words(phrase.text)) == phrase.reading.expected


def test_one_reading_cannot_be_scored_and_another_only_in_part() -> None:
    assert [reading.scorable for reading in READINGS].count(False) == 1
    in_part = [r for r in READINGS if {phrase.damaged for phrase in r.phrases} == {True, False}]
    assert len(in_part) == 1


def test_recordings_differ() -> None:
    assert {reading.codec for reading in READINGS} == {Codec.WAV, Codec.FLAC, Codec.OGG}
    assert len({reading.sample_rate for reading in READINGS}) >= 4
    assert len({reading.voice.name for reading in READINGS}) >= 10
    assert {reading.claim_check for reading in READINGS} == {True, False}


@pytest.mark.parametrize("reading", READINGS, ids=lambda reading: str(reading.number))
def test_the_worker_decodes_the_sound_clips_and_no_damaged_one(
    reading: DemoReading, activities: list[Activity]
) -> None:
    for phrase, clip in zip(reading.phrases, clips(activities[reading.number - 1]), strict=True):
        if phrase.damaged:
            with pytest.raises(StreamprocError) as refused:
                decode_clip(clip, 60.0)
            assert refused.value.code in (ErrorCode.AUDIO_UNREADABLE, ErrorCode.AUDIO_TRUNCATED)
        else:
            assert len(decode_clip(clip, 60.0)) > len(phrase.reading.said) * 0.08 * SAMPLE_RATE


def test_activities_respect_the_limit_of_inline_audio(activities: list[Activity]) -> None:
    for activity in activities:
        assert sum(len(phrase.audio.data or b"") for phrase in activity.phrases) <= AudioLimits().max_inline_bytes


def test_every_run_has_activity_ids_of_its_own(activities: list[Activity], tmp_path: Path) -> None:
    again = make_activities(READINGS, Synthesiser(), tmp_path)
    assert {activity.activity_id for activity in activities}.isdisjoint(activity.activity_id for activity in again)


def test_the_demonstration_does_not_import_torch() -> None:
    code = "import streamproc.demo.run, streamproc.demo.report, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


@hole("D6")
def test_the_publisher_takes_every_reading_the_damaged_ones_too(activities: list[Activity]) -> None:
    for activity in activities:
        validate(activity)
