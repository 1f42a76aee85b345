"""What happens in readings besides mispronounced words, as clips that show it: made by a synthesiser, or spliced of
real readings. The kinds are those of running records (Goodman, "Analysis of oral reading miscues: Applied
psycholinguistics", Reading Research Quarterly 5(1), 1969), and what is no reading at all.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from streamproc.training.corpus import HELD_OUT_VOICES, draw_voice, mispronounce, read_well, split_sentences
from streamproc.training.people.clips import PersonClip
from streamproc.training.speech import SAMPLE_RATE, Synthesiser, Voice, Word

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class MiscueClip:
    """``text``: the words that were to be read; ``unread``: places of those that were not; ``extra``: whether more was
    said. ``doubted``: places of words that were read, but marked by an expert as less than perfect."""

    kind: str
    text: tuple[str, ...]
    audio: Floats
    unread: frozenset[int] = frozenset()
    extra: bool = False
    doubted: frozenset[int] = frozenset()


_FOREIGN = {
    "de": "Der kleine Hund lief schnell durch den grünen Garten und sprang über den alten Zaun",
    "fr": "Le petit chien courait vite dans le grand jardin et sautait par dessus la vieille porte",
    "es": "El perro pequeño corría por el jardín verde y saltaba sobre la puerta vieja de la casa",
    "it": "Il piccolo cane correva veloce nel giardino verde e saltava sopra la vecchia porta",
    "pl": "Mały pies biegał szybko po zielonym ogrodzie i skakał przez stary płot",
}


def made(count: int, seed: int = 1) -> Iterator[MiscueClip]:
    """``count`` clips of each kind, by voices that no training hears. Raises EspeakError without espeak-ng."""
    synthesiser = Synthesiser()
    for number in range(count):
        rng = random.Random(f"{seed}:{number}:miscues")
        voice = draw_voice(rng, HELD_OUT_VOICES)
        first, second, third, other = rng.sample(split_sentences("held_out_voices"), 4)
        lines = [list(read_well(line, rng).said) for line in (first, second, third)]
        words = [word for line in lines for word in line]
        text = (*first, *second, *third)
        place = rng.randrange(2, len(words) - 3)
        middle = range(len(first), len(first) + len(second))
        rest = range(len(words) // 3, len(words))

        def say(said: Sequence[Word], voice: Voice = voice) -> Floats:
            return np.pad(synthesiser.say(said, voice).audio, SAMPLE_RATE // 4)

        whole = say(words)
        yield MiscueClip("read as it stands", text, whole)
        yield MiscueClip("a word twice", text, say([*words[: place + 1], *words[place:]]), extra=True)
        yield MiscueClip("three words twice", text, say([*words[: place + 3], *words[place:]]), extra=True)
        wrong = Word(words[place].text, mispronounce(text[place], rng))
        yield MiscueClip("a word wrong, then right", text, say([*words[:place], wrong, *words[place:]]), extra=True)
        begun = Word(words[place].text, (words[place].phonemes or ())[:2])
        yield MiscueClip("a word begun, then read", text, say([*words[:place], begun, *words[place:]]), extra=True)
        yield MiscueClip("a line twice", text, say([*lines[0], *lines[1], *lines[1], *lines[2]]), extra=True)
        yield MiscueClip("a line skipped", text, say([*lines[0], *lines[2]]), frozenset(middle))
        yield MiscueClip("left off after a third", text, say(words[: rest.start]), frozenset(rest))
        everything = frozenset(range(len(text)))
        yield MiscueClip("another text", text, say(read_well(other, rng).said), everything)
        foreign = rng.choice(sorted(_FOREIGN))
        spoken = synthesiser.read(_FOREIGN[foreign], Voice(foreign, voice.speed, voice.pitch, voice.size)).audio
        yield MiscueClip("another language", text, np.pad(spoken, SAMPLE_RATE // 4), everything)
        yield MiscueClip("an echo", text, echoing(whole, 0.3, 0.5))
        yield MiscueClip("another reader behind", text, behind(whole, say(read_well(other, rng).said), 10))
        yield from _nobody(text, np.random.default_rng(number))


def spliced(clips: Sequence[PersonClip]) -> Iterator[MiscueClip]:
    """The same of real readings: two clips of one speaker are the lines of a text."""
    by_speaker = sorted(clips, key=lambda clip: clip.speaker)
    pairs = [pair for _, own in groupby(by_speaker, key=lambda clip: clip.speaker) for pair in pairwise(own)]
    for number, (one, two) in enumerate(pairs):
        first, second = _words(one), _words(two)
        text = (*first, *second)
        doubted = frozenset(
            place for place, word in enumerate((*one.words, *two.words)) if min(word.marks, default=10) < 10
        )
        lines, early, late = (one.audio(), two.audio()), range(len(first)), range(len(first), len(text))

        def clip(
            kind: str, *parts: Floats, unread: range = range(0), extra: bool = False,
            text: tuple[str, ...] = text, doubted: frozenset[int] = doubted,
        ) -> MiscueClip:  # fmt: skip
            return MiscueClip(kind, text, np.concatenate(parts), frozenset(unread), extra, doubted)

        whole = np.concatenate(lines)
        yield clip("read as it stands", whole)
        yield clip("a line twice", lines[0], lines[0], lines[1], extra=True)
        yield clip("a line skipped", lines[1], unread=early)
        yield clip("left off after a line", lines[0], unread=late)
        yield clip("an echo", echoing(whole, 0.3, 0.5))
        # Of another speaker: neighbours may share a clip.
        other = pairs[(number + len(pairs) // 2) % len(pairs)][0].audio()
        yield clip("another reader behind", behind(whole, other, 10))
        yield clip("another text", other, unread=range(len(text)))
        yield from _nobody(text, np.random.default_rng(number))


def echoing(audio: Floats, delay: float, gain: float) -> Floats:
    """``audio`` with copies of itself, each ``delay`` seconds later and ``gain`` times as loud: bare walls."""
    step = int(delay * SAMPLE_RATE)
    heard = audio.copy()
    for begin in range(step, len(audio), step):
        heard[begin:] += gain ** (begin // step) * audio[: len(audio) - begin]
    return heard / max(1.0, float(np.abs(heard).max()))


def behind(audio: Floats, other: Floats, decibels: float) -> Floats:
    """``audio`` with ``other``, again and again, ``decibels`` below it."""
    level = float(np.sqrt(np.mean(audio**2) / max(float(np.mean(other**2)), 1e-12))) * 10 ** (-decibels / 20)
    return np.clip(audio + np.resize(other, len(audio)) * np.float32(level), -1, 1)


def music(rng: np.random.Generator, seconds: float) -> Floats:
    """Chords and a tune of plucked strings with overtones."""
    time = np.arange(int(0.35 * SAMPLE_RATE)) / SAMPLE_RATE
    notes = []
    for beat in range(int(seconds / 0.35)):
        root = 220 * 2 ** (int(rng.choice([0, 5, 7, 9])) / 12)
        heights = (root / 2, root * 2 ** (4 / 12), root * 2 ** (int(rng.integers(0, 13)) / 12) * 2)
        tone = sum(
            np.sin(2 * np.pi * hertz * part * time) / part**1.5 for hertz in heights for part in range(1, 7)
        ) * np.exp(-4 * time)
        notes.append(tone * (1.0 if beat % 4 == 0 else 0.7))
    tune = np.concatenate(notes)
    return np.asarray(0.3 * tune / np.abs(tune).max(), dtype=np.float32)


def _nobody(text: tuple[str, ...], rng: np.random.Generator) -> Iterator[MiscueClip]:
    """Sounds with nobody who reads."""
    size = int(rng.uniform(3, 8) * SAMPLE_RATE)
    noise = rng.standard_normal(size).astype(np.float32)
    hum = np.sin(2 * np.pi * 100 * np.arange(size) / SAMPLE_RATE).astype(np.float32)
    everything = frozenset(range(len(text)))
    for kind, audio in (
        ("silence", np.zeros(size, np.float32)), ("noise", 0.1 * noise), ("hum", 0.1 * hum + 0.001 * noise),
        ("music", music(rng, size / SAMPLE_RATE)),
    ):  # fmt: skip
        yield MiscueClip(kind, text, audio, everything)


def _words(clip: PersonClip) -> tuple[str, ...]:
    return tuple(word.text for word in clip.words)
