"""Long clips: cut in the pauses, unpacked window by window, and the same samples as of the whole."""

from __future__ import annotations

import io
import tracemalloc
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.audio.decode import SAMPLE_RATE, decode_clip
from streamproc.audio.windows import AFTER, BEFORE, STEP, WHOLE_SECONDS, LongClip, plan_windows, read_clip
from streamproc.errors import ErrorCode, StreamprocError

LIMIT = 1800.0
MINUTE = 60 * SAMPLE_RATE


def encoded(samples: Any, rate: int, container: str) -> bytes:
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", rate, 1, format=container) as writer:
        for begin in range(0, len(samples), 1 << 16):  # of more at once Vorbis overruns its stack
            writer.write(samples[begin : begin + (1 << 16)])
    return file.getvalue()


def noise(seconds: float, rate: int) -> Any:
    return np.random.default_rng(1).normal(0, 0.1, round(seconds * rate)).astype(np.float32)


def long_clip(given: bytes, limit: float = LIMIT) -> LongClip:
    clip = read_clip(given, limit)
    assert isinstance(clip, LongClip)
    return clip


@given(minutes=st.floats(2.001, 30), seed=st.integers(0, 99))
@settings(max_examples=30)
def test_windows_follow_each_other_and_none_is_longer_than_what_is_heard_as_a_whole(minutes: float, seed: int) -> None:
    samples = round(minutes * MINUTE)
    energies = np.random.default_rng(seed).random(samples // STEP, np.float32)
    windows = plan_windows(energies, samples)
    assert [window.first for window in windows] == [0, *(window.last for window in windows[:-1])]
    assert windows[-1].last == windows[-1].end == samples
    for window in windows:
        assert window.end - window.begin <= WHOLE_SECONDS * SAMPLE_RATE
        assert window.begin == max(window.first - BEFORE, 0)
        assert window.end == min(window.last + AFTER, samples)
        assert window.begin % STEP == window.first % STEP == 0


def test_a_clip_is_cut_where_it_is_quiet() -> None:
    samples = noise(150, SAMPLE_RATE)
    pause = slice(45 * SAMPLE_RATE, 45 * SAMPLE_RATE + 8000)
    samples[pause] /= 100
    first = long_clip(encoded(samples, SAMPLE_RATE, "WAV")).windows[0]
    assert pause.start < first.last < pause.stop


@pytest.mark.parametrize(("rate", "container"), [(16_000, "WAV"), (44_100, "FLAC"), (8_000, "OGG")])
def test_windows_hold_the_samples_of_the_whole(rate: int, container: str) -> None:
    given = encoded(noise(140, rate), rate, container)
    whole, clip = decode_clip(given, LIMIT), long_clip(given)
    assert clip.samples == len(whole)
    assert clip.power == pytest.approx(float(np.mean(whole.astype(np.float64) ** 2)), rel=1e-4)
    heard = list(clip.heard())
    assert len(heard) == len(clip.windows) > 2
    for window, samples in heard:
        np.testing.assert_array_equal(samples, whole[window.begin : window.end])


def test_what_is_short_is_a_whole() -> None:
    given = encoded(noise(WHOLE_SECONDS, SAMPLE_RATE), SAMPLE_RATE, "WAV")
    clip = read_clip(given, LIMIT)
    assert not isinstance(clip, LongClip)
    np.testing.assert_array_equal(clip, decode_clip(given, LIMIT))


def test_half_an_hour_takes_the_memory_of_two_windows() -> None:
    given = encoded(np.zeros(30 * MINUTE - 1, np.int16), SAMPLE_RATE, "FLAC")
    window_bytes = WHOLE_SECONDS * SAMPLE_RATE * 4
    tracemalloc.start()
    try:
        samples = sum(window.last - window.first for window, _ in long_clip(given).heard())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert samples == 30 * MINUTE - 1
    assert peak < 3 * window_bytes


def test_what_is_wrong_late_in_a_long_clip_is_found_before_the_model_hears_any_of_it() -> None:
    given = encoded(noise(150, SAMPLE_RATE), SAMPLE_RATE, "WAV")
    with pytest.raises(StreamprocError) as caught:
        read_clip(given[: len(given) * 9 // 10], LIMIT)
    assert caught.value.code is ErrorCode.AUDIO_TRUNCATED
    with pytest.raises(StreamprocError) as caught:
        read_clip(given, 140)
    assert caught.value.code is ErrorCode.AUDIO_TOO_LONG
