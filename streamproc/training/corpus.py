"""What is spoken to train and to test on: readings with and without mistakes, and the splits.

The test readings and the demo's are fixed by `SPLIT_SEED`, whatever seed a training uses: a training sentence that is
one of them is never used; nor are the voices of `HELD_OUT_VOICES`, nor the words of `unseen_words`.
"""

from __future__ import annotations

import functools
import importlib.resources
import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from streamproc.training import sentences
from streamproc.training.speech import SAMPLE_RATE, Speech, Synthesiser, Voice, Word, without_stress

SPLIT_SEED = 20_251_121

Pronunciation = tuple[str, ...]
"""ARPAbet with the CMU dictionary's stress digits on vowels."""

_VARIANTS = (
    "f1", "f2", "f3", "f5", "m1", "m2", "m3", "m4", "m5", "m7", "m8", "adam", "Alex", "Andy", "Annie",
    "anika", "antonio", "aunty", "belinda", "benjamin", "boris", "caleb", "david", "Denis", "Diogo",
    "ed", "edward", "Gene", "grandma", "grandpa", "gustave", "Henrique", "Hugo", "ian", "iven", "Jacky",
    "john", "kaukovalta", "klatt", "klatt2", "klatt4", "Lee", "marcelo", "Marco", "Mario", "max",
    "Michael", "miguel", "Mike", "norbert", "pablo", "paul", "pedro", "rob", "sandro", "shelby", "steph",
    "travis", "victor", "zac",
)  # fmt: skip
_HELD_OUT_VARIANTS = ("f4", "m6", "linda", "quincy", "michel", "Alicia", "robert", "Reed")

VOICES: tuple[str, ...] = tuple(f"en-us+{variant}" for variant in _VARIANTS)
"""espeak-ng's variants of American English that training hears."""

HELD_OUT_VOICES: tuple[str, ...] = tuple(f"en-us+{variant}" for variant in _HELD_OUT_VARIANTS)
"""Variants that training never hears."""

_CLOSE = (
    {"AA", "AO", "AH"}, {"AX", "AH", "IH", "UH", "EH"}, {"T", "D"}, {"TH", "F"}, {"DH", "V"}, {"DH", "TH"},
    {"DH", "D"}, {"S", "Z"}, {"M", "N"}, {"N", "NG"}, {"ER", "AX"},
)  # fmt: skip
"""Sounds that a listener may take for each other: no seeded mistake swaps them."""

_VOWELS = ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UW")
_CONSONANTS = ("B", "CH", "D", "F", "G", "JH", "K", "L", "M", "N", "P", "R", "S", "SH", "T", "TH", "V", "Z")

Kind = Literal["mispronounced", "omitted", "inserted"]


@dataclass(frozen=True, slots=True)
class Misreading:
    """A seeded mistake. ``index``: the expected word, or for "inserted" the expected word that it stands before."""

    kind: Kind
    index: int


@dataclass(frozen=True, slots=True)
class SpokenReading:
    """What should have been read, what is said, and how the two differ."""

    expected: tuple[str, ...]
    said: tuple[Word, ...]
    changes: tuple[Misreading, ...] = ()


@dataclass(frozen=True, slots=True)
class Clip:
    """A reading, spoken."""

    reading: SpokenReading
    voice: Voice
    speech: Speech


@functools.cache
def pronunciations() -> Mapping[str, tuple[Pronunciation, ...]]:
    """The CMU dictionary's pronunciations of every word of `sentences.vocabulary`."""
    return _table("pronunciations.tsv")


@functools.cache
def unseen_words() -> Mapping[str, tuple[Pronunciation, ...]]:
    """600 other words of the CMU dictionary with their pronunciations: training never hears them."""
    return _table("unseen_words.tsv")


def _table(name: str) -> Mapping[str, tuple[Pronunciation, ...]]:
    text = importlib.resources.files("streamproc.training").joinpath(name).read_text("utf-8")
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    return {row[0]: tuple(tuple(spoken.split()) for spoken in row[1:]) for row in rows}


def read_well(text: Sequence[str], rng: random.Random | None = None) -> SpokenReading:
    """The words of ``text`` (punctuation at their ends is spoken) in their dictionary pronunciation.

    Without ``rng`` the first pronunciation, else any. Raises KeyError for a word outside the vocabulary.
    """
    known = pronunciations()
    expected = tuple(sentences.normalise(" ".join(text)))
    chosen = [rng.choice(known[word]) if rng else known[word][0] for word in expected]
    return SpokenReading(expected, tuple(Word(shown, spoken) for shown, spoken in zip(text, chosen, strict=True)))


def misread(reading: SpokenReading, rng: random.Random, kinds: Sequence[Kind]) -> SpokenReading:
    """``reading`` with a mistake of each kind in ``kinds``, each at another word of substance, as far as there are."""
    places = [i for i, word in enumerate(reading.expected) if word not in sentences.LITTLE_WORDS]
    rng.shuffle(places)
    said: list[list[Word]] = [[word] for word in reading.said]
    changes: list[Misreading] = []
    for kind, place in zip(kinds, places, strict=False):
        word = reading.said[place]
        if kind == "omitted":
            said[place] = []
        elif kind == "inserted":
            added = rng.choice(sentences.WORDS[rng.choice(("adjective", "animal", "thing", "name"))])
            said[place] = [Word(added, pronunciations()[added.lower()][0]), word]
        else:
            said[place] = [Word(word.text, mispronounce(reading.expected[place], rng))]
        changes.append(Misreading(kind, place))
    return SpokenReading(
        reading.expected, tuple(w for words in said for w in words), tuple(sorted(changes, key=_place))
    )


def mispronounce(word: str, rng: random.Random) -> Pronunciation:
    """A wrong pronunciation of a vocabulary word: other sounds in it, a sound left out or added, or another word.

    It differs from each of the word's pronunciations by more than a `_CLOSE` sound.
    """
    accepted = {without_stress(spoken) for spoken in pronunciations()[word]}
    while True:
        wrong = altered(rng.choice(pronunciations()[word]), rng)
        if not any(_sounds_like(without_stress(wrong), right) for right in accepted):
            return wrong


def _place(change: Misreading) -> int:
    return change.index


def altered(spoken: Pronunciation, rng: random.Random) -> Pronunciation:
    """Another word, or this one with sounds swapped, left out or added; at times it stays as it was."""
    way = rng.choices(("substitute", "twice", "delete", "insert", "word"), (45, 15, 10, 10, 20))[0]
    if way == "word":
        return rng.choice(pronunciations()[rng.choice(sorted(pronunciations()))])
    sounds = list(spoken)
    if way == "delete" and len(sounds) > 2:
        del sounds[rng.randrange(len(sounds))]
    elif way == "insert":
        sounds.insert(rng.randrange(1, len(sounds) + 1), rng.choice(_CONSONANTS))
    else:
        for place in rng.sample(range(len(sounds)), min(len(sounds), 2 if way == "twice" else 1)):
            stress = sounds[place][-1] if sounds[place][-1].isdigit() else ""
            if stress != "0":  # an unstressed vowel is heard as AX whatever is written
                sounds[place] = rng.choice(_VOWELS if stress else _CONSONANTS) + stress
    return tuple(sounds)


def _sounds_like(one: Sequence[str], other: Sequence[str]) -> bool:
    one, other = ([sound for sound, _ in itertools.groupby(sounds)] for sounds in (one, other))
    return len(one) == len(other) and all(
        a == b or any(a in close and b in close for close in _CLOSE) for a, b in zip(one, other, strict=True)
    )


def draw_voice(rng: random.Random, names: Sequence[str]) -> Voice:
    """A voice among ``names`` at a speed, pitch and size of its own; a third speak as slowly as young readers do."""
    speed = rng.randint(90, 130) if rng.random() < 0.35 else rng.randint(130, 210)
    return Voice(rng.choice(names), speed, rng.randint(25, 85), rng.uniform(0.86, 1.08))


Split = Literal["held_out_sentences", "held_out_voices", "misread", "unseen_words", "demo"]
_SENTENCE_SPLITS: tuple[Split, ...] = ("held_out_sentences", "held_out_voices", "misread")


@functools.cache
def demo_sentences() -> frozenset[tuple[str, ...]]:
    """The demo's phrases as words."""
    return frozenset(tuple(sentences.normalise(phrase)) for reading in sentences.DEMO_READINGS for phrase in reading)


@functools.cache
def split_sentences(split: Split) -> tuple[tuple[str, ...], ...]:
    """The 400 sentences of a split, each in no other split and not in the demo; "unseen_words" and "demo" have none."""
    taken: set[tuple[str, ...]] = set(demo_sentences())
    for earlier in _SENTENCE_SPLITS[: _SENTENCE_SPLITS.index(split)]:
        taken.update(split_sentences(earlier))
    rng = random.Random(f"{SPLIT_SEED}:{split}")
    found: list[tuple[str, ...]] = []
    while len(found) < 400:
        words = tuple(sentences.sentence(rng))
        if words not in taken:
            taken.add(words)
            found.append(words)
    return tuple(found)


@functools.cache
def reserved() -> frozenset[tuple[str, ...]]:
    """Every sentence that training must not hear."""
    return demo_sentences().union(*(split_sentences(split) for split in _SENTENCE_SPLITS))


def split_readings(split: Split) -> list[SpokenReading]:
    """The 400 readings of a split; of "demo", the 60 phrases of `sentences.DEMO_READINGS`, every other one misread."""
    rng = random.Random(f"{SPLIT_SEED}:{split}:readings")
    if split == "unseen_words":
        return [jumble(rng, sorted(unseen_words()), unseen_words()) for _ in range(400)]
    if split == "demo":
        phrases = [read_well(phrase.split()) for reading in sentences.DEMO_READINGS for phrase in reading]
        return [misread(r, rng, _mistakes(rng)) if i % 2 else r for i, r in enumerate(phrases)]
    readings = [read_well(words, rng) for words in split_sentences(split)]
    return [misread(r, rng, _mistakes(rng)) for r in readings] if split == "misread" else readings


def _mistakes(rng: random.Random) -> list[Kind]:
    kinds: list[list[Kind]] = [
        ["mispronounced"], ["mispronounced", "mispronounced"], ["mispronounced", "omitted"],
        ["mispronounced", "inserted"], ["omitted"], ["inserted"],
    ]  # fmt: skip
    return rng.choices(kinds, (50, 15, 10, 10, 8, 7))[0]


def training_sentence(rng: random.Random) -> tuple[str, ...]:
    """A made sentence that is not reserved."""
    while (sentence := tuple(sentences.sentence(rng))) in reserved():
        pass
    return sentence


def jumble(
    rng: random.Random, words: Sequence[str], dictionary: Mapping[str, Sequence[Pronunciation]]
) -> SpokenReading:
    """Three to seven dictionary words in a row: sounds in every neighbourhood, sense in none."""
    chosen = tuple(rng.choice(words) for _ in range(rng.randint(3, 7)))
    return SpokenReading(chosen, tuple(Word(word, tuple(rng.choice(dictionary[word]))) for word in chosen))


def split_clips(split: Split, readings: Sequence[SpokenReading], synthesiser: Synthesiser) -> Iterator[Clip]:
    """``readings`` of a split, spoken, each by a voice fixed by its place."""
    rng = random.Random(f"{SPLIT_SEED}:{split}:voices")
    names = HELD_OUT_VOICES if split == "held_out_voices" else VOICES
    for reading in readings:
        voice = draw_voice(rng, names)
        yield Clip(reading, voice, synthesiser.say(reading.said, voice))


def training_clips(
    seed: int, dictionary: Mapping[str, Sequence[Pronunciation]], synthesiser: Synthesiser
) -> Iterator[Clip]:
    """Clips to train on, without end, the same for the same seed in a fresh process.

    Three fifths are made sentences, more than half of them misread, the rest rows of dictionary words, many of them
    mispronounced, so that the network learns sounds rather than words. espeak-ng itself pronounces some; in
    one clip of fifty nobody speaks.
    """
    rng = random.Random(f"{seed}:train")
    nothing = np.zeros(10 * SAMPLE_RATE, dtype=np.float32)
    words = sorted(word for word in dictionary if word.isalpha() and len(word) > 1 and word not in unseen_words())
    while True:
        kind = rng.random()
        if kind < 0.02:
            yield Clip(SpokenReading((), ()), Voice(), Speech(nothing[: rng.randint(SAMPLE_RATE, 5 * SAMPLE_RATE)], ()))
            continue
        if kind < 0.40:
            reading = jumble(rng, words, dictionary)
            said = [
                Word(word.text, altered(word.phonemes, rng)) if word.phonemes and rng.random() < 0.3 else word
                for word in reading.said
            ]
            reading = SpokenReading(reading.expected, tuple(said))
        else:
            sentence = training_sentence(rng)
            if kind < 0.50:
                reading = SpokenReading(sentence, tuple(Word(word) for word in sentence))
            else:
                reading = read_well(sentence, rng)
            if kind > 0.65:
                mistakes: list[Kind] = ["mispronounced"] * rng.randint(1, 4)
                reading = misread(reading, rng, mistakes)
        # A comma makes a pause: young readers stop between words.
        pause = rng.choice((0.0, 0.0, 0.0, 0.15, 0.5))
        paused = tuple(Word(word.text + ",", word.phonemes) if rng.random() < pause else word for word in reading.said)
        reading = SpokenReading(reading.expected, paused, reading.changes)
        voice = draw_voice(rng, VOICES)
        yield Clip(reading, voice, synthesiser.say(reading.said, voice))
