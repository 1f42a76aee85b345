"""Longer readings: each clip once more, in a row with others of its speaker, the same each time; halls echo."""

from __future__ import annotations

from collections import Counter

import numpy as np

from streamproc.training.people.clips import Floats, MarkedWord, PersonClip
from streamproc.training.people.longer import in_hall, longer_readings
from streamproc.training.speech import SAMPLE_RATE

SILENT = np.zeros(SAMPLE_RATE // 10, np.float32)


def _clip(number: int) -> PersonClip:
    def audio() -> Floats:
        return np.full(SAMPLE_RATE, 0.01 * (1 + number), np.float32)

    speaker = "ab"[number % 2]
    return PersonClip(str(number), speaker, 9, "", "word", (MarkedWord(f"{speaker}{number}", (10.0,)),), audio)


CLIPS = [_clip(number) for number in range(23)]


def test_each_clip_stands_once_more_beside_others_of_its_speaker() -> None:
    longer = list(longer_readings(CLIPS, 1))
    texts = [word.text for clip in longer for word in clip.words]
    assert Counter(texts) == Counter(word.text for clip in CLIPS for word in clip.words)
    assert all(word.text.startswith(clip.speaker) for clip in longer for word in clip.words)
    assert 2 < max(len(clip.words) for clip in longer) <= 5


def test_the_sound_is_that_of_the_words_in_their_order() -> None:
    plain = list(longer_readings(CLIPS, 1))[::2]
    for clip in plain:
        numbers = [int(word.text[1:]) for word in clip.words]
        audio = clip.audio()
        levels = [round(float(level) * 100) - 1 for level in audio[audio > 0][::SAMPLE_RATE]]
        assert levels == numbers
        assert SAMPLE_RATE * len(numbers) <= len(audio) < 1.3 * SAMPLE_RATE * len(numbers)


def test_every_other_one_is_in_a_hall_and_all_are_the_same_again() -> None:
    first, second = (list(longer_readings(CLIPS, 1)) for _ in range(2))
    for number, (one, other) in enumerate(zip(first, second, strict=True)):
        assert np.array_equal(one.audio(), other.audio())
        assert (len(np.unique(one.audio())) > 10) is bool(number % 2)


def test_a_hall_echoes_after_the_sound_and_never_before() -> None:
    for seed in range(20):
        click = np.concatenate([SILENT, np.ones(1, np.float32), np.zeros(SAMPLE_RATE, np.float32)])
        heard = in_hall(click, np.random.default_rng(seed))
        assert len(heard) == len(click)
        direct = len(SILENT)
        echo = float(np.sum(heard[direct + SAMPLE_RATE // 50 :] ** 2))
        assert 0.02 < echo < 5
        assert echo > 20 * float(np.sum(heard[: direct - 16] ** 2))
