"""What rooms, microphones and noise do to a recording, made at random."""

from __future__ import annotations

import io

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from streamproc.training.speech import SAMPLE_RATE

Floats = NDArray[np.float32]


class Recording:
    """Turns clean speech into recordings, the same for the same seed and the same order of calls."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        # A minute each of white, pink and brown noise at equal power, of which recordings take a part.
        white = self._rng.standard_normal((3, 60 * SAMPLE_RATE), dtype=np.float32)
        spectrum = np.fft.rfft(white)
        tilt = np.arange(1, spectrum.shape[1] + 1, dtype=np.float32)
        coloured = np.fft.irfft(spectrum / np.stack([tilt**0, tilt**0.5, tilt])).astype(np.float32)
        self._noise: Floats = coloured / coloured.std(axis=1, keepdims=True)

    def record(self, audio: Floats) -> tuple[Floats, int]:
        """A recording of ``audio`` [n], and how many samples of silence were put before it."""
        rng = self._rng
        before, after = (int(rng.uniform(0, 0.5) * SAMPLE_RATE) for _ in range(2))
        audio = np.concatenate([np.zeros(before, np.float32), audio, np.zeros(after, np.float32)])
        if rng.random() < 0.75:
            audio = self._room_and_microphone(audio)
        level = float(np.sqrt(np.mean(audio**2))) + 1e-6
        if rng.random() < 0.8:
            start = int(rng.integers(0, self._noise.shape[1] - len(audio)))
            noise = self._noise[int(rng.integers(0, 3)), start : start + len(audio)]
            audio = audio + noise * np.float32(level * 10 ** (-rng.uniform(6, 45) / 20))
        audio = audio * np.float32(10 ** (rng.uniform(-26, -10) / 20) / level)
        if rng.random() < 0.05:
            audio = np.clip(audio, -level, level)
        return (np.round(np.clip(audio, -1, 1) * 32767) / 32768).astype(np.float32), before

    def _room_and_microphone(self, audio: Floats) -> Floats:
        """A smooth random frequency response, sometimes a telephone's, and sometimes a room's decaying echo."""
        rng = self._rng
        size = 1 << (len(audio) + SAMPLE_RATE // 2 - 1).bit_length()
        spectrum = np.fft.rfft(audio, size)
        hertz = np.linspace(0, SAMPLE_RATE / 2, len(spectrum), dtype=np.float32)
        points = np.array([0, 300, 1000, 2500, 5000, 8000], dtype=np.float32)
        gain = np.interp(hertz, points, rng.uniform(-8, 8, len(points)))
        if rng.random() < 0.25:
            gain -= np.clip((hertz - rng.uniform(3400, 4500)) / 10, 0, 60)
        spectrum *= (10 ** (gain / 20)).astype(np.float32)
        if rng.random() < 0.4:
            length = int(rng.uniform(0.05, 0.4) * SAMPLE_RATE)
            echo = rng.standard_normal(length, dtype=np.float32)
            echo *= np.exp(np.linspace(0, -6.9, length, dtype=np.float32))  # -60 dB at its end
            echo *= np.float32(rng.uniform(0.1, 0.6) / np.sqrt(np.sum(echo**2)))
            echo[0] = 1.0
            spectrum *= np.fft.rfft(echo, size)
        return np.fft.irfft(spectrum, size)[: len(audio)].astype(np.float32)


def with_noise(audio: Floats, decibels: float, seed: int) -> Floats:
    """``audio`` with white noise that lies ``decibels`` below it."""
    noise = np.random.default_rng(seed).standard_normal(len(audio), dtype=np.float32)
    level = float(np.sqrt(np.mean(audio**2))) * 10 ** (-decibels / 20)
    return np.clip(audio + noise * np.float32(level), -1, 1).astype(np.float32)


def from_8_khz(audio: Floats) -> Floats:
    """``audio`` as it comes from a recorder at 8 kHz."""
    narrow = soxr.resample(audio, SAMPLE_RATE, 8000)
    return np.asarray(soxr.resample(narrow, 8000, SAMPLE_RATE), dtype=np.float32)


def as_mp3(audio: Floats, rng: np.random.Generator) -> Floats:
    """Through a strong MP3 compression, of the same length."""
    file = io.BytesIO()
    soundfile.write(
        file, audio, SAMPLE_RATE, format="MP3", bitrate_mode="CONSTANT", compression_level=float(rng.uniform(0.6, 0.95))
    )
    file.seek(0)
    decoded = np.zeros_like(audio)
    samples = soundfile.read(file, dtype="float32")[0][: len(audio)]
    decoded[: len(samples)] = samples
    return decoded
