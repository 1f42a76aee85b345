"""Decoding clips: every container and rate that is accepted, and everything that is not."""

from __future__ import annotations

import io
import tracemalloc
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamproc.audio.decode import MAX_CHANNELS, SAMPLE_RATE, Samples, decode_clip
from streamproc.errors import ErrorClass, ErrorCode, StreamprocError

LIMIT = 5.0


def encoded(samples: Any, rate: int = 16_000, container: str = "WAV", subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=container, subtype=subtype)
    return file.getvalue()


def tone(seconds: float = 1.0, rate: int = 16_000, hertz: float = 440.0) -> Any:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def code_of(clip: bytes, limit: float = LIMIT) -> ErrorCode:
    with pytest.raises(StreamprocError) as caught:
        decode_clip(clip, limit)
    assert caught.value.code.error_class is ErrorClass.POISON
    return caught.value.code


def samples_or_code(clip: bytes) -> tuple[Samples | None, ErrorCode | None]:
    try:
        return decode_clip(clip, LIMIT), None
    except StreamprocError as error:
        return None, error.code


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize(
    ("container", "subtype"),
    [("WAV", "PCM_16"), ("WAV", "PCM_U8"), ("WAV", "FLOAT"), ("WAV", "ULAW"), ("FLAC", "PCM_24"), ("OGG", "VORBIS")],
)
def test_a_tone_stays_the_same_tone(rate: int, container: str, subtype: str) -> None:
    samples = decode_clip(encoded(tone(rate=rate), rate, container, subtype), LIMIT)
    assert samples.dtype == np.float32
    assert samples.flags.c_contiguous
    assert abs(len(samples) - SAMPLE_RATE) <= 320
    middle = samples[2000:14_000]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert np.argmax(spectrum) * SAMPLE_RATE / len(middle) == pytest.approx(440, abs=2)
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.1)


def test_opus_is_heard_too() -> None:
    assert len(decode_clip(encoded(tone(rate=48_000), 48_000, "OGG", "OPUS"), LIMIT)) == pytest.approx(16_000, abs=320)


def test_resampling_lets_nothing_alias() -> None:
    # 12 kHz is above what 16 kHz can hold: it must vanish, not come back as 4 kHz.
    samples = decode_clip(encoded(tone(rate=48_000, hertz=12_000), 48_000), LIMIT)
    assert np.abs(samples[1000:-1000]).max() < 0.01


def test_channels_are_mixed() -> None:
    left, right = tone(), np.zeros(16_000)
    mixed = decode_clip(encoded(np.column_stack([left, right])), LIMIT)
    assert mixed.ndim == 1
    assert mixed == pytest.approx(left / 2, abs=1e-3)


def test_samples_at_16_khz_are_not_touched() -> None:
    given = (np.random.default_rng(1).normal(0, 0.1, 16_000)).astype(np.float32)
    assert np.array_equal(decode_clip(encoded(given, subtype="FLOAT"), LIMIT), given)


@pytest.mark.parametrize(
    ("clip", "code"),
    [
        (b"", ErrorCode.AUDIO_EMPTY),
        (encoded(np.zeros(0)), ErrorCode.AUDIO_EMPTY),
        (encoded(np.zeros(0), container="FLAC"), ErrorCode.AUDIO_EMPTY),
        (b"\x00", ErrorCode.AUDIO_UNREADABLE),
        (b"RIFF", ErrorCode.AUDIO_UNREADABLE),
        (b"not audio at all" * 100, ErrorCode.AUDIO_UNREADABLE),
        (encoded(tone())[:20], ErrorCode.AUDIO_UNREADABLE),
        (encoded(tone(), container="AIFF"), ErrorCode.AUDIO_UNREADABLE),
        (encoded(np.zeros(1_599)), ErrorCode.AUDIO_TOO_SHORT),
        (encoded(tone(5.01)), ErrorCode.AUDIO_TOO_LONG),
        (encoded(np.zeros(8_000), 7_999), ErrorCode.AUDIO_SAMPLE_RATE),
        (encoded(np.zeros(96_001), 96_001), ErrorCode.AUDIO_SAMPLE_RATE),
        (encoded(np.zeros(192_000), 192_000), ErrorCode.AUDIO_SAMPLE_RATE),
        (encoded(np.zeros((16_000, MAX_CHANNELS + 1))), ErrorCode.AUDIO_UNREADABLE),
        (encoded(np.full(16_000, np.nan, np.float32), subtype="FLOAT"), ErrorCode.AUDIO_UNREADABLE),
        (encoded(np.full(16_000, np.inf, np.float32), subtype="FLOAT"), ErrorCode.AUDIO_UNREADABLE),
        (encoded(np.full(16_000, 3e38, np.float32), subtype="FLOAT"), ErrorCode.AUDIO_UNREADABLE),
    ],
)
def test_clips_that_are_refused(clip: bytes, code: ErrorCode) -> None:
    assert code_of(clip) is code


def test_the_limits_themselves_are_allowed() -> None:
    assert len(decode_clip(encoded(np.zeros(1_600)), LIMIT)) == 1_600
    assert len(decode_clip(encoded(np.zeros(80_000)), LIMIT)) == 80_000
    assert len(decode_clip(encoded(np.zeros((1_600, MAX_CHANNELS))), LIMIT)) == 1_600


def test_one_bad_sample_among_good_ones_is_found() -> None:
    samples = tone().astype(np.float32)
    samples[9_999] = np.nan
    assert code_of(encoded(samples, subtype="FLOAT")) is ErrorCode.AUDIO_UNREADABLE


def test_two_hours_are_refused_without_being_unpacked() -> None:
    clip = encoded(np.zeros(2 * 3600 * 8000, np.int16), 8000, "FLAC")
    assert len(clip) < 200_000
    tracemalloc.start()
    try:
        assert code_of(clip, 120.0) is ErrorCode.AUDIO_TOO_LONG
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # 120 s at 8 kHz in float32 are 4 MB; two hours would be 230 MB.
    assert peak < 20_000_000


def test_a_header_that_promises_more_than_there_is_costs_no_memory() -> None:
    clip = bytearray(encoded(tone(0.5)))
    clip[40:44] = (0x7FFFFFF0).to_bytes(4, "little")
    assert len(decode_clip(bytes(clip), 120.0)) == 8_000


wav, flac, ogg = (encoded(tone(0.3), container=container) for container in ("WAV", "FLAC", "OGG"))


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=200)
@given(
    st.sampled_from([wav, flac, ogg]),
    st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=8),
    st.integers(0, 5000),
)
def test_damage_never_gives_anything_but_good_samples_or_a_code(
    clip: bytes, damage: list[tuple[int, int]], length: int
) -> None:
    broken = bytearray(clip)
    for place, byte in damage:
        if place < len(broken):
            broken[place] = byte
    if length > 100:
        broken = broken[:length]
    samples, code = samples_or_code(bytes(broken))
    if samples is None:
        assert code is not None
        assert code.error_class is ErrorClass.POISON
    else:
        assert np.isfinite(samples).all()
        assert 0 < len(samples) <= (LIMIT + 0.1) * SAMPLE_RATE
