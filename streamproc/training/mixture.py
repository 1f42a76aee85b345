"""Batches of real and synthetic clips, recorded at random; batch ``n`` is the same whatever was done before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from streamproc.training.augment import as_mp3
from streamproc.training.labels import Sound, reading_sounds
from streamproc.training.pack import Pack
from streamproc.training.speech import SAMPLE_RATE

Floats = NDArray[np.float32]

SHARES = {"real": 0.5, "espeak": 0.17, "slt": 0.07, "rms": 0.07, "awb": 0.05, "kal16": 0.05, "ked": 0.06, "": 0.03}
"""How much of a batch is what; "" is noise, or a distant crowd, with nobody who reads."""

CALIBRATION_EVERY = 5
"""Of the train speakers in order of age, every fifth is left out: thresholds and the word classifier are fitted on
people whom the network has not heard, which neither those of training nor those of the test are."""

_GROUPED = 8
_LONGEST = 9 * SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class MixedBatch:
    """``audio`` [batch, samples], zero beyond ``lengths``; what may have been said in each clip."""

    audio: Floats
    lengths: NDArray[np.int64]
    said: list[list[Sound]]


def calibration_speakers(rows: Sequence[dict[str, object]]) -> frozenset[str]:
    """The speakers of the train part that the network does not hear."""
    ages = sorted({(int(str(row["age"])), str(row["speaker"])) for row in rows})
    return frozenset(speaker for _, speaker in ages[2::CALIBRATION_EVERY])


@dataclass(frozen=True, slots=True)
class Fewer:
    """Of the speakers of training every ``speakers``-th in order of age, of each one's readings every ``readings``-th:
    what more of either would bring is seen by how much less brings less."""

    speakers: int = 1
    readings: int = 1


ALL = Fewer()


def heard_readings(rows: Sequence[dict[str, object]], fewer: Fewer = ALL) -> list[int]:
    """The places of the train part's readings that the network hears."""
    apart = calibration_speakers(rows)
    of: dict[tuple[int, str], list[int]] = {}
    for place, row in enumerate(rows):
        if row["speaker"] not in apart:
            of.setdefault((int(str(row["age"])), str(row["speaker"])), []).append(place)
    chosen = [of[speaker][:: fewer.readings] for speaker in sorted(of)[:: fewer.speakers]]
    return sorted(place for readings in chosen for place in readings)


class Mixture:
    """Makes batches from the packs of `streamproc.training.data`. Raises FileNotFoundError where one is missing."""

    def __init__(self, folder: Path, seed: int, size: int, fewer: Fewer = ALL) -> None:
        self._seed, self._size = seed, size
        self._real = Pack(folder / "real/train")
        self._readings = heard_readings(self._real.rows, fewer)
        self._said = {index: reading_sounds(self._real.rows[index]) for index in self._readings}
        young = np.array([1.5 if self._real.rows[i]["age"] <= 11 else 1.0 for i in self._readings])
        self._likely = young / young.sum()
        self._synthetic = {name: Pack(folder / "synthetic" / name) for name in SHARES if name not in ("real", "")}
        rng = np.random.default_rng(seed)
        spectrum = np.fft.rfft(rng.standard_normal((3, 30 * SAMPLE_RATE), dtype=np.float32))
        tilt = np.arange(1, spectrum.shape[1] + 1, dtype=np.float32)
        coloured = np.fft.irfft(spectrum / np.stack([tilt**0, tilt**0.5, tilt])).astype(np.float32)
        self._noise: Floats = coloured / coloured.std(axis=1, keepdims=True)

    def batch(self, number: int) -> MixedBatch:
        """MixedBatch ``number``; a few are drawn together and sorted by length, so that they hold little padding."""
        group, place = divmod(number, _GROUPED)
        rng = np.random.default_rng([self._seed, group])
        drawn = [self._draw(rng) for _ in range(_GROUPED * self._size)]
        drawn.sort(key=lambda clip: clip[0])
        chosen = rng.permutation(_GROUPED)[place]
        rng = np.random.default_rng([self._seed, group, int(chosen), 1])
        clips = [self._make(rng, *clip[1:]) for clip in drawn[chosen * self._size :][: self._size]]
        lengths = np.array([len(audio) for audio, _ in clips], dtype=np.int64)
        audio = np.zeros((len(clips), lengths.max()), dtype=np.float32)
        for row, (samples, _) in zip(audio, clips, strict=True):
            row[: len(samples)] = samples
        return MixedBatch(audio, lengths, [said for _, said in clips])

    def _draw(self, rng: np.random.Generator) -> tuple[float, str, int, float]:
        """A clip's length when it is made, its pack, its place there, and how much shorter it becomes."""
        names = list(SHARES)
        name = names[int(rng.choice(len(names), p=np.array(list(SHARES.values()))))]
        if name == "":
            return rng.uniform(1, 5) * SAMPLE_RATE, "", 0, 1.0
        if name == "real":
            index = self._readings[int(rng.choice(len(self._readings), p=self._likely))]
            row = self._real.rows[index]
            factor = rng.uniform(0.9, 1.1) if row["age"] <= 11 else rng.uniform(0.8, 1.1)
        else:
            index = int(rng.integers(len(self._synthetic[name].rows)))
            row = self._synthetic[name].rows[index]
            factor = rng.uniform(0.7, 1.0) if row["slow"] > 1.15 else rng.uniform(0.95, 1.1)
        if rng.random() < 0.25:
            factor = 1.0
        return row["samples"] * factor, name, index, factor

    def _make(self, rng: np.random.Generator, name: str, index: int, factor: float) -> tuple[Floats, list[Sound]]:
        if name == "":
            audio = np.zeros(int(rng.uniform(1, 5) * SAMPLE_RATE), dtype=np.float32)
            return self._record(rng, audio), []
        if name == "real":
            experts = self._said[index]
            audio, said = self._real.audio(index), experts[int(rng.integers(len(experts)))]
        else:
            pack = self._synthetic[name]
            audio, said = pack.audio(index), [Sound(code) for code in pack.rows[index]["phones"]]
        if factor != 1.0:
            # Played faster: pitch and formants rise together, as in a smaller speaker.
            audio = soxr.resample(audio, SAMPLE_RATE, SAMPLE_RATE * factor, quality="LQ").astype(np.float32)
        audio = audio[:_LONGEST]
        return self._record(rng, audio), said if len(audio) < _LONGEST else []

    def _record(self, rng: np.random.Generator, audio: Floats) -> Floats:
        """What rooms, microphones, noise, levels and codecs make of it."""
        before, after = (int(rng.uniform(0, 0.4) * SAMPLE_RATE) for _ in range(2))
        if rng.random() < 0.4:
            audio = np.concatenate([np.zeros(before, np.float32), audio, np.zeros(after, np.float32)])
        level = float(np.sqrt(np.mean(audio**2)))
        if rng.random() < 0.65:
            audio = _room_and_microphone(rng, audio)
            level = float(np.sqrt(np.mean(audio**2)))
        level = level or 0.1
        if rng.random() < 0.6:
            audio = audio + self._background(rng, len(audio)) * np.float32(level * 10 ** (-rng.uniform(5, 40) / 20))
        if rng.random() < 0.08:
            audio = np.clip(audio, -1.5 * level, 1.5 * level)
        low = -55 if rng.random() < 0.2 else -32
        audio = audio * np.float32(10 ** (rng.uniform(low, -12) / 20) / level)
        audio = (np.round(np.clip(audio, -1, 1) * 32767) / 32768).astype(np.float32)
        return as_mp3(audio, rng) if rng.random() < 0.04 else audio

    def _background(self, rng: np.random.Generator, size: int) -> Floats:
        """Noise at power 1, now and then with other people speaking."""
        start = int(rng.integers(0, self._noise.shape[1] - size))
        noise = self._noise[int(rng.integers(0, 3)), start : start + size].copy()
        if rng.random() < 0.25:
            pack = self._synthetic["slt" if rng.random() < 0.5 else "rms"]
            crowd = np.zeros(size, dtype=np.float32)
            for _ in range(int(rng.integers(2, 6))):
                voice = pack.audio(int(rng.integers(len(pack.rows))))
                crowd += np.roll(np.resize(voice, size), int(rng.integers(size)))
            noise = 0.3 * noise + crowd / (crowd.std() + 1e-6)
            noise /= noise.std()
        return noise


def _room_and_microphone(rng: np.random.Generator, audio: Floats) -> Floats:
    """A smooth random frequency response, at times a telephone's, and at times a room."""
    size = 1 << (len(audio) + SAMPLE_RATE // 2 - 1).bit_length()
    spectrum = np.fft.rfft(audio, size)
    hertz = np.linspace(0, SAMPLE_RATE / 2, len(spectrum), dtype=np.float32)
    points = np.array([0, 300, 1000, 2500, 5000, 8000], dtype=np.float32)
    gain = np.interp(hertz, points, rng.uniform(-8, 8, len(points)))
    if rng.random() < 0.2:
        gain -= np.clip((hertz - rng.uniform(3400, 4500)) / 10, 0, 60)
    spectrum *= (10 ** (gain / 20)).astype(np.float32)
    if rng.random() < 0.6:
        spectrum *= np.fft.rfft(_room(rng), size)
    return np.fft.irfft(spectrum, size)[: len(audio)].astype(np.float32)


def _room(rng: np.random.Generator) -> Floats:
    """A room's response: the direct sound, a few early reflections, and an echo that decays by 60 dB in 0.15 to 0.9 s,
    in all 15 dB weaker to 3 dB stronger than the direct sound."""
    length = int(rng.uniform(0.15, 0.9) * SAMPLE_RATE * 0.55)  # the tail below -33 dB does not matter
    echo = rng.standard_normal(length, dtype=np.float32)
    echo *= np.exp(np.linspace(0, -3.8, length, dtype=np.float32))
    gap = int(rng.uniform(0.001, 0.01) * SAMPLE_RATE)
    echo[:gap] = 0
    for _ in range(int(rng.integers(2, 7))):
        echo[int(rng.uniform(gap, 0.04 * SAMPLE_RATE))] += np.float32(rng.uniform(-3, 3))
    echo *= np.float32(10 ** (rng.uniform(-15, 3) / 20) / np.sqrt(np.sum(echo**2)))
    echo[0] = 1.0
    return echo
