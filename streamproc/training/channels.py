"""Poor channels, for ``streamproc models evaluate … --channels``: every recording as a telephone, a far or cheap
microphone, a strong compression or a noisy room would have passed it on. The same for the same recordings."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from streamproc.training.augment import as_mp3, from_8_khz
from streamproc.training.people.clips import Floats, PersonClip

Channel = Callable[[Floats, np.random.Generator], Floats]

_QUIET_DB = -50.0
_NOISE_DB = 10.0
_CLIPPED_AT = 1.5
"""Of the root mean square."""


def _quiet(audio: Floats, rng: np.random.Generator) -> Floats:
    gain = 10 ** (_QUIET_DB / 20) / max(_level(audio), 1e-9)
    return np.asarray(np.round(np.clip(audio * gain, -1, 1) * 32767) / 32768, dtype=np.float32)


def _noisy(exponent: float) -> Channel:
    """Noise whose power falls with frequency to this exponent: 0 is white, 1 is pink."""

    def heard(audio: Floats, rng: np.random.Generator) -> Floats:
        spectrum = np.fft.rfft(rng.standard_normal(len(audio)))
        noise = np.fft.irfft(spectrum / np.arange(1, len(spectrum) + 1) ** (exponent / 2), len(audio))
        gain = _level(audio) * 10 ** (-_NOISE_DB / 20) / max(float(noise.std()), 1e-9)
        return np.asarray(audio + noise * gain, dtype=np.float32)

    return heard


def _clipped(audio: Floats, rng: np.random.Generator) -> Floats:
    limit = _CLIPPED_AT * _level(audio)
    return np.clip(audio, -limit, limit)


CHANNELS: Mapping[str, Channel] = {
    "at 8 kHz": lambda audio, rng: from_8_khz(audio),
    "at -50 dB, 16 bit": _quiet,
    "as MP3": as_mp3,
    "white noise, 10 dB below": _noisy(0),
    "pink noise, 10 dB below": _noisy(1),
    "clipped": _clipped,
}


def clips_over(channel: str, clips: Sequence[PersonClip]) -> list[PersonClip]:
    """The same recordings over a channel of `CHANNELS`, which is their condition."""
    return [replace(clip, condition=channel, audio=_heard(CHANNELS[channel], clip)) for clip in clips]


def _heard(channel: Channel, clip: PersonClip) -> Callable[[], Floats]:
    return lambda: channel(clip.audio(), np.random.default_rng(zlib.crc32(clip.name.encode())))


def _level(audio: Floats) -> float:
    return float(np.sqrt(np.mean(audio**2)))
