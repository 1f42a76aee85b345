"""Windows woven into one: each sound is there once, though one window hears it earlier or later than the next."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.audio.windows import STEP, Window, plan_windows
from streamproc.scoring.ctc import Floats, greedy_decode, log_softmax
from streamproc.scoring.phonemes import BLANK
from streamproc.scoring.weaving import Weaver

Sounds = Sequence[tuple[int, int]]
"""(frame, phoneme): each lasts two frames, and is two from the next at least."""


def logits(sounds: Sounds, begin: int, end: int, early: int = 0) -> Floats:
    """What a window of these frames hears, all of it ``early`` by so many."""
    heard = np.zeros((end - begin, BLANK + 1), np.float32)
    heard[:, BLANK] = 8
    for frame, phoneme in sounds:
        for at in range(max(frame - early, begin), min(frame - early + 2, end)):
            heard[at - begin, BLANK], heard[at - begin, phoneme] = 0, 8
    return heard


def woven(windows: Sequence[Window], sounds: Sounds, early: Sequence[int]) -> Floats:
    weaver = Weaver()
    for number, window in enumerate(windows):
        by = early[number % len(early)]
        weaver.add(window, logits(sounds, window.begin // STEP, window.end // STEP, by))
    return weaver.woven()


def clip(seed: int, frames: int) -> tuple[Sounds, list[Window]]:
    """Dense speech, cut anywhere."""
    random = np.random.default_rng(seed)
    starts = np.cumsum(random.integers(5, 12, frames // 8))
    sounds = [(int(at), int(random.integers(0, BLANK))) for at in starts if at < frames - 8]
    return sounds, plan_windows(random.random(frames, np.float32), frames * STEP)


@given(seed=st.integers(0, 10_000), early=st.lists(st.integers(-1, 1), min_size=1, max_size=5))
@settings(max_examples=20)
def test_no_sound_is_lost_or_doubled(seed: int, early: list[int]) -> None:
    frames = 10_000
    sounds, windows = clip(seed, frames)
    heard = greedy_decode(woven(windows, sounds, early))
    assert len(windows) > 2
    assert [token.code for token in heard] == [phoneme for _, phoneme in sounds]


def test_windows_that_hear_the_same_give_the_whole() -> None:
    frames = 15_000
    sounds, windows = clip(1, frames)
    np.testing.assert_allclose(woven(windows, sounds, [0]), log_softmax(logits(sounds, 0, frames)), atol=1e-6)


def test_frames_of_10_ms_are_woven_as_those_of_20_ms_are() -> None:
    frames = 15_000
    sounds, windows = clip(2, frames)
    fine = [(2 * at, phoneme) for at, phoneme in sounds]
    weaver = Weaver()
    for window in windows:
        weaver.add(window, logits(fine, window.begin // 160, window.end // 160), 160)
    np.testing.assert_allclose(weaver.woven(), log_softmax(logits(fine, 0, 2 * frames)), atol=1e-6)
