"""From an encoded clip to the model's samples: 16 kHz, mono, float32."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from streamproc.errors import ErrorCode, StreamprocError

SAMPLE_RATE = 16_000
"""Samples a second that the model hears."""

MIN_RATE, MAX_RATE = 8_000, 96_000
"""Sample rates that are accepted, in Hz."""

MIN_SECONDS = 0.1
"""Shorter than any word: such a clip is a slip of the recorder."""

MAX_CHANNELS = 8
"""More would make a small file unpack to much; no recorder of speech has as many."""

MAX_LEVEL = 100_000.0
"""Largest sample in units of full scale; generous, as some tools write floats in the range of 16-bit integers."""

FORMATS = ("WAV", "WAVEX", "RF64", "FLAC", "OGG")
"""Containers that are accepted, as libsndfile calls them; the clip's own header decides, not the event."""

Samples = NDArray[np.float32]


def decode_clip(encoded: bytes, max_seconds: float) -> Samples:
    """Decode, mix down and resample one clip.

    Reads no more than ``max_seconds`` of audio whatever the header says, so that a small file that unpacks to hours
    costs little.

    Returns:
        One-dimensional float32 samples at 16 kHz.

    Raises:
        StreamprocError: AUDIO_EMPTY, AUDIO_UNREADABLE, AUDIO_SAMPLE_RATE, AUDIO_TOO_SHORT or AUDIO_TOO_LONG.
    """
    if not encoded:
        raise StreamprocError(ErrorCode.AUDIO_EMPTY, "the clip has no bytes")
    try:
        with soundfile.SoundFile(BytesIO(encoded)) as file:
            if file.format not in FORMATS:
                raise StreamprocError(
                    ErrorCode.AUDIO_UNREADABLE, f"the container is {file.format}, not WAV, FLAC or OGG"
                )
            rate = int(file.samplerate)
            if not MIN_RATE <= rate <= MAX_RATE:
                raise StreamprocError(
                    ErrorCode.AUDIO_SAMPLE_RATE, f"{rate} Hz; accepted are {MIN_RATE} to {MAX_RATE} Hz"
                )
            if file.channels > MAX_CHANNELS:
                raise StreamprocError(
                    ErrorCode.AUDIO_UNREADABLE, f"{file.channels} channels; accepted are up to {MAX_CHANNELS}"
                )
            limit = int(max_seconds * rate)
            samples = file.read(limit + 1, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise StreamprocError(ErrorCode.AUDIO_UNREADABLE, f"libsndfile: {error.error_string}") from None
    if len(samples) > limit:
        raise StreamprocError(
            ErrorCode.AUDIO_TOO_LONG, f"longer than {max_seconds:g} s (STREAMPROC_AUDIO__MAX_SECONDS)"
        )
    if not len(samples):
        raise StreamprocError(ErrorCode.AUDIO_EMPTY, "the clip has a header but no samples")
    if len(samples) < MIN_SECONDS * rate:
        raise StreamprocError(ErrorCode.AUDIO_TOO_SHORT, f"shorter than {MIN_SECONDS:g} s")
    # Full scale is 1. A file of floats may exceed it a little, or hold anything at all; comparing with NaN is False.
    if not (np.abs(samples) <= MAX_LEVEL).all():
        raise StreamprocError(ErrorCode.AUDIO_UNREADABLE, "some samples are not numbers, or far beyond full scale")
    mono = samples.mean(axis=1)
    if rate != SAMPLE_RATE:
        mono = soxr.resample(mono, rate, SAMPLE_RATE)
    return np.ascontiguousarray(mono, dtype=np.float32)
