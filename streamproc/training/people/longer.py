"""Longer readings: of one speaker's clips a few in a row as one text, half of them in a hall.

Marked readings are short, of seven words or so in a quiet room. A classifier that has met no others takes a long text,
or one in a hall, for a poor reading.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from streamproc.training.people.clips import Floats, PersonClip
from streamproc.training.speech import SAMPLE_RATE

_MOST = 5
_LONGEST_PAUSE = 0.3


def longer_readings(clips: Sequence[PersonClip], seed: int) -> Iterator[PersonClip]:
    """Each clip once more, as a part of a longer one; the same for the same clips and seed."""
    rng = np.random.default_rng(seed)
    by_speaker = groupby(sorted(clips, key=lambda clip: clip.speaker), key=lambda clip: clip.speaker)
    number = 0
    for _, of_speaker in by_speaker:
        left = list(of_speaker)
        rng.shuffle(left)
        while left:
            count = int(rng.integers(2, _MOST + 1))
            yield _in_a_row(left[:count], seed, number)
            left, number = left[count:], number + 1


def _in_a_row(clips: Sequence[PersonClip], seed: int, number: int) -> PersonClip:
    words = tuple(word for clip in clips for word in clip.words)
    return replace(clips[0], words=words, audio=_sound(clips, seed, number))


def _sound(clips: Sequence[PersonClip], seed: int, number: int) -> Callable[[], Floats]:
    def audio() -> Floats:
        rng = np.random.default_rng([seed, number])
        parts = []
        for clip in clips:
            pause = np.zeros(int(rng.uniform(0, _LONGEST_PAUSE) * SAMPLE_RATE), np.float32)
            parts += [clip.audio(), pause]
        row = np.concatenate(parts)
        return in_hall(row, rng) if number % 2 else row

    return audio


def in_hall(audio: Floats, rng: np.random.Generator) -> Floats:
    """As long as ``audio``, in a hall made at random: a few early reflections, and an echo that decays by 60 dB in 0.4
    to 1.6 s, in all 10 dB weaker to 5 dB stronger than the direct sound; and every other time a noise 10 to 40 dB
    below."""
    length = int(rng.uniform(0.4, 1.6) * SAMPLE_RATE * 0.7)  # the tail below -42 dB does not matter
    echo = rng.standard_normal(length, dtype=np.float32) * np.exp(np.linspace(0, -4.8, length, dtype=np.float32))
    gap = int(rng.uniform(0.001, 0.02) * SAMPLE_RATE)
    echo[:gap] = 0
    for _ in range(int(rng.integers(2, 9))):
        echo[int(rng.uniform(gap, 0.08 * SAMPLE_RATE))] += np.float32(rng.uniform(-4, 4))
    echo *= np.float32(10 ** (rng.uniform(-10, 5) / 20) / np.sqrt(np.sum(echo**2)))
    echo[0] = 1.0
    size = 1 << (len(audio) + length).bit_length()
    heard = np.fft.irfft(np.fft.rfft(audio, size) * np.fft.rfft(echo, size))[: len(audio)].astype(np.float32)
    if rng.random() < 0.5:
        noise = rng.standard_normal(len(audio), dtype=np.float32)
        heard += noise * np.float32(heard.std() * 10 ** (-rng.uniform(10, 40) / 20))
    return np.asarray(heard, dtype=np.float32)
