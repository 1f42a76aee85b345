"""What becomes of repetitions, self-corrections, skipped lines and of what is no reading: on the model in the tree."""

from __future__ import annotations

import numpy as np
import pytest

from streamproc.scoring.misread import strictness_of
from streamproc.training.evaluate import MODEL, Recogniser, digest
from streamproc.training.miscue_report import MiscueJudge, MiscueRow
from streamproc.training.miscues import behind, echoing, made, spliced
from streamproc.training.people.clips import MarkedWord, PersonClip

CLIPS = 8


@pytest.fixture(scope="module")
def rows() -> dict[str, MiscueRow]:
    return MiscueJudge(Recogniser(MODEL), strictness_of(digest(MODEL), "balanced")).rows(made(CLIPS))


def _share(row: MiscueRow, name: str) -> float:
    value = row[name]
    assert isinstance(value, float)
    return value


@pytest.mark.parametrize(
    "kind",
    [
        "a word twice",
        "three words twice",
        "a word wrong, then right",
        "a word begun, then read",
        "a line twice",
        "an echo",
    ],
)
def test_who_reads_all_and_more_is_judged_and_not_blamed_for_it(rows: dict[str, MiscueRow], kind: str) -> None:
    assert rows[kind]["codes"] == {}
    # An echo lays each sound over the next ones.
    assert _share(rows[kind], "read_flagged") < (0.25 if kind == "an echo" else 0.15)


@pytest.mark.parametrize("kind", ["three words twice", "a word wrong, then right", "a line twice"])
def test_what_was_said_twice_is_extra_speech_mostly(rows: dict[str, MiscueRow], kind: str) -> None:
    assert _share(rows[kind], "extra_inserted") >= 0.5


@pytest.mark.parametrize("kind", ["a line skipped", "left off after a third"])
def test_of_a_text_that_was_not_read_to_its_end_the_rest_alone_is_missing(
    rows: dict[str, MiscueRow], kind: str
) -> None:
    assert rows[kind]["codes"] == {}
    assert _share(rows[kind], "read_flagged") < 0.08
    assert _share(rows[kind], "unread_flagged") > 0.9


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("another text", "TEXT_NOT_HEARD"),
        ("another language", "TEXT_NOT_HEARD"),
        ("silence", "TOO_QUIET"),
        ("noise", "NOTHING_HEARD"),
        ("hum", "NOTHING_HEARD"),
    ],
)
def test_what_is_no_reading_of_the_text_has_a_code(rows: dict[str, MiscueRow], kind: str, code: str) -> None:
    codes = rows[kind]["codes"]
    assert isinstance(codes, dict)
    assert codes.get(code, 0) >= CLIPS - 1


def test_music_is_no_reading_whatever_it_is_taken_for(rows: dict[str, MiscueRow]) -> None:
    codes = rows["music"]["codes"]
    assert isinstance(codes, dict)
    assert sum(codes.values()) >= CLIPS - 1


def test_real_clips_of_one_speaker_are_the_lines_of_a_text() -> None:
    def clip(speaker: str, text: str, sample: float) -> PersonClip:
        words = tuple(MarkedWord(word, (10.0, 10.0) if word != "dog" else (9.0, 10.0)) for word in text.split())
        return PersonClip(text, speaker, 8, "", text, words, lambda: np.full(4000, sample, np.float32))

    clips = [clip("a", "the dog", 0.1), clip("b", "we ran", 0.3), clip("a", "sat down", 0.2), clip("b", "he is", 0.4)]
    found = {(made.kind, made.text): made for made in spliced(clips)}
    skipped = found["a line skipped", ("the", "dog", "sat", "down")]
    assert skipped.unread == {0, 1}
    assert skipped.doubted == {1}
    assert set(skipped.audio) == {np.float32(0.2)}
    twice = found["a line twice", ("the", "dog", "sat", "down")]
    assert twice.extra
    assert len(twice.audio) == 12_000
    other = found["another text", ("the", "dog", "sat", "down")]
    assert set(other.audio) == {np.float32(0.3)}
    assert other.unread == {0, 1, 2, 3}


def test_an_echo_comes_later_and_softer_and_another_reader_stays_behind() -> None:
    audio = np.zeros(16_000, np.float32)
    audio[100] = 0.5
    assert echoing(audio, 0.25, 0.5)[[100, 4100, 8100]] == pytest.approx([0.5, 0.25, 0.125])
    voice = 0.1 * np.random.default_rng(1).standard_normal((2, 16_000)).astype(np.float32)
    added = behind(voice[0], voice[1, :5000], 20) - voice[0]
    assert np.std(added) == pytest.approx(0.1 * np.std(voice[0]), rel=0.05)
