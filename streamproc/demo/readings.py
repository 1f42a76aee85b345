"""What the demonstration reads: thirty readings whose mistakes are known, the same ones every time.

The sentences are in no training or test split (`streamproc.training.corpus.reserved`). The seed is fixed before any
training, so that no model can be chosen by it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from streamproc.contracts.generated.events import Codec
from streamproc.training import corpus
from streamproc.training.corpus import Kind, Misreading, SpokenReading
from streamproc.training.sentences import DEMO_READINGS
from streamproc.training.speech import Voice

PHRASES = 2
"""Phrases of each reading."""

TWICE_EVERY = 10
"""Every tenth activity is published a second time, as a publisher does that is not sure of the first."""

HELD_OUT_EVERY = 5
"""Every fifth reader has a voice that training never heard."""

_Kinds = tuple[Kind, ...]

_MISTAKES: tuple[tuple[int, _Kinds, _Kinds], ...] = (
    (11, (), ()),
    (4, ("mispronounced",), ()),
    (3, (), ("mispronounced",)),
    (1, ("mispronounced", "mispronounced"), ()),
    (1, ("mispronounced",), ("mispronounced",)),
    (2, ("omitted",), ()),
    (2, (), ("omitted",)),
    (2, ("inserted",), ()),
    (1, ("mispronounced",), ("inserted",)),
    (1, ("inserted",), ("omitted",)),
)
"""How many readings with sound clips have which mistakes in their two phrases. No phrase mixes kinds: a word left out
beside a word put in is a word replaced, and nobody could say which of the two was found."""

_RECORDINGS: tuple[tuple[Codec, int], ...] = (
    (Codec.WAV, 16_000), (Codec.FLAC, 44_100), (Codec.OGG, 48_000), (Codec.WAV, 22_050), (Codec.FLAC, 16_000),
    (Codec.OGG, 32_000), (Codec.FLAC, 96_000),
)  # fmt: skip
"""Codec and sample rate (Hz), in turn. All carry what the model hears, up to 8 kHz."""


@dataclass(frozen=True, slots=True)
class DemoPhrase:
    """A phrase: its text as printed, and how it is read. ``damaged``: its clip cannot be decoded."""

    text: str
    reading: SpokenReading
    damaged: bool = False

    @property
    def changes(self) -> tuple[Misreading, ...]:
        """The seeded mistakes that can be found."""
        return () if self.damaged else self.reading.changes


@dataclass(frozen=True, slots=True)
class DemoReading:
    """One activity to be. ``claim_check``: its clips lie in files, and the event holds their URIs."""

    number: int
    phrases: tuple[DemoPhrase, ...]
    voice: Voice
    codec: Codec
    sample_rate: int
    claim_check: bool

    @property
    def learner_id(self) -> str:
        """The Kafka key: eight learners, so that some read more than once."""
        return f"demo-learner-{self.number % 8}"

    @property
    def comes_twice(self) -> bool:
        """Whether its activity is published a second time."""
        return self.number % TWICE_EVERY == 0

    @property
    def seeded(self) -> int:
        """Seeded mistakes that can be found."""
        return sum(len(phrase.changes) for phrase in self.phrases)

    @property
    def scorable(self) -> bool:
        """Whether it should become a result; otherwise a dead letter."""
        return any(not phrase.damaged for phrase in self.phrases)


def demo_readings() -> list[DemoReading]:
    """The readings, numbered from 1. One cannot be scored at all, another one only in part."""
    rng = random.Random(f"{corpus.SPLIT_SEED}:demo")  # noqa: S311
    mistakes = [(first, second) for times, first, second in _MISTAKES for _ in range(times)]
    rng.shuffle(mistakes)
    damage = [(False, False)] * len(mistakes) + [(True, True), (False, True)]
    mistakes += [((), ())] * (len(damage) - len(mistakes))
    return list(_readings(rng, mistakes, damage))


def _readings(
    rng: random.Random, mistakes: list[tuple[_Kinds, _Kinds]], damage: list[tuple[bool, bool]]
) -> Iterator[DemoReading]:
    plan = zip(DEMO_READINGS, mistakes, damage, strict=True)
    for number, (texts, kinds, damaged) in enumerate(plan, start=1):
        phrases = tuple(
            DemoPhrase(text, corpus.misread(corpus.read_well(text.split()), rng, wrong), broken)
            for text, wrong, broken in zip(texts, kinds, damaged, strict=True)
        )
        names = corpus.HELD_OUT_VOICES if number % HELD_OUT_EVERY == 0 else corpus.VOICES
        codec, sample_rate = _RECORDINGS[number % len(_RECORDINGS)]
        yield DemoReading(
            number, phrases, corpus.draw_voice(rng, names), codec, sample_rate, claim_check=number % 3 == 0
        )
