"""From an encoded clip to the model's samples: 16 kHz, mono, float32."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from streamproc.audio.containers import recordings
from streamproc.contracts.rules import SAMPLE_RATES
from streamproc.errors import ErrorCode, StreamprocError

SAMPLE_RATE = 16_000
"""Samples a second that the model hears."""

MIN_SECONDS = 0.1
"""Shorter than any word: such a clip is a slip of the recorder."""

MAX_CHANNELS = 8
"""More would make a small file unpack to much; no recorder of speech has as many."""

MAX_LEVEL = 100_000.0
"""Largest sample in units of full scale; generous, as some tools write floats in the range of 16-bit integers."""

FORMATS = ("WAV", "WAVEX", "RF64", "FLAC", "OGG")
"""Containers that are accepted, as libsndfile calls them; the clip's own header decides, not the event."""

BLOCK = 1 << 16
"""Samples, of all channels together, that are unpacked at once: what a clip unpacks to is never there as a whole."""

BYTES_A_SECOND = 2 * SAMPLE_RATE * np.dtype(np.float32).itemsize
"""Memory that a second of a clip takes while it is decoded: its samples in blocks, and joined."""

UNKNOWN_FRAMES = 1 << 62
"""libsndfile says that a file has more than so many frames where its header does not say how many."""

Samples = NDArray[np.float32]


class _Stream(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """A file that is read from its beginning to its end.

    soundfile seeks after each read where it may, and reads no further than the length in the header: streams that do
    not say how long they are would be empty.
    """

    def seekable(self) -> bool:
        return False


def decode_clip(encoded: bytes, max_seconds: float) -> Samples:
    """Decode, mix down and resample one clip.

    Returns:
        One-dimensional float32 samples at 16 kHz.

    Raises:
        StreamprocError: as `unpack`.
    """
    return np.concatenate(list(unpack(encoded, max_seconds)))


def unpack(encoded: bytes, max_seconds: float) -> Iterator[Samples]:
    """The clip's samples at 16 kHz, mono, block by block.

    Reads no more than ``max_seconds`` of audio whatever the header says, so that a small file that unpacks to hours
    costs little.

    Raises:
        StreamprocError: AUDIO_EMPTY, AUDIO_UNREADABLE, AUDIO_TRUNCATED, AUDIO_SAMPLE_RATE, AUDIO_TOO_SHORT or
            AUDIO_TOO_LONG; what is said of the whole clip, at its end.
    """
    if not encoded:
        raise StreamprocError(ErrorCode.AUDIO_EMPTY, "the clip has no bytes")
    seconds = 0.0
    try:
        for recording in recordings(encoded):
            with _Stream(recording) as file:
                _check(file)
                seconds += (yield from _unpack(file, max_seconds - seconds)) / file.samplerate
    except soundfile.LibsndfileError as error:
        raise StreamprocError(ErrorCode.AUDIO_UNREADABLE, f"libsndfile: {error.error_string}") from None
    if not seconds:
        raise StreamprocError(ErrorCode.AUDIO_EMPTY, "the clip has a header but no samples")
    if seconds < MIN_SECONDS:
        raise StreamprocError(ErrorCode.AUDIO_TOO_SHORT, f"shorter than {MIN_SECONDS:g} s")


def _check(file: _Stream) -> None:
    if file.format not in FORMATS:
        raise StreamprocError(ErrorCode.AUDIO_UNREADABLE, f"the container is {file.format}, not WAV, FLAC or OGG")
    if file.samplerate not in SAMPLE_RATES:
        raise StreamprocError(
            ErrorCode.AUDIO_SAMPLE_RATE,
            f"{file.samplerate} Hz; accepted are {SAMPLE_RATES[0]} to {SAMPLE_RATES[-1]} Hz",
        )
    if file.channels > MAX_CHANNELS:
        raise StreamprocError(
            ErrorCode.AUDIO_UNREADABLE, f"{file.channels} channels; accepted are up to {MAX_CHANNELS}"
        )


def _unpack(file: _Stream, max_seconds: float) -> Generator[Samples, None, int]:
    """The file's samples at 16 kHz, mono; returns how many frames it had at its own rate."""
    rate = file.samplerate
    resampler = None if rate == SAMPLE_RATE else soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32")
    buffer = np.empty((BLOCK // file.channels, file.channels), dtype=np.float32)
    frames = 0
    # A file of unknown length says that it has more frames than there can be. No other is read beyond its length: what
    # follows is no audio.
    while len(block := file.read(out=buffer[: file.frames - frames])):
        frames += len(block)
        if frames > int(max_seconds * rate):
            raise StreamprocError(
                ErrorCode.AUDIO_TOO_LONG, "longer than the limit for one clip (STREAMPROC_AUDIO__MAX_SECONDS)"
            )
        # Full scale is 1. A file of floats may exceed it a little, or hold anything; comparing with NaN is False.
        if not -MAX_LEVEL <= block.min() <= block.max() <= MAX_LEVEL:
            raise StreamprocError(ErrorCode.AUDIO_UNREADABLE, "some samples are not numbers, or far beyond full scale")
        mono = block[:, 0] if file.channels == 1 else block.mean(axis=1)
        # A clip that is not resampled is copied: the next block takes the buffer.
        yield mono.copy() if resampler is None else resampler.resample_chunk(mono)
    if frames < file.frames < UNKNOWN_FRAMES:
        raise StreamprocError(
            ErrorCode.AUDIO_TRUNCATED, f"the clip has {frames} of the {file.frames} samples that it promises"
        )
    if resampler is not None:
        yield resampler.resample_chunk(np.empty(0, dtype=np.float32), last=True)
    return frames
