"""What is trained on and what is tested on never meet, and seeded mistakes are mistakes."""

from __future__ import annotations

import random
from itertools import combinations, islice

import numpy as np
import pytest

from streamproc.scoring import lexicon
from streamproc.training import corpus, sentences
from streamproc.training.augment import Recording, from_8_khz, with_noise
from streamproc.training.corpus import SPLIT_SEED, Kind, Split
from streamproc.training.speech import Synthesiser, without_stress

SENTENCE_SPLITS: tuple[Split, ...] = ("held_out_sentences", "held_out_voices", "misread")


def test_no_sentence_is_in_two_splits_or_in_the_demo() -> None:
    splits = [set(corpus.split_sentences(split)) for split in SENTENCE_SPLITS] + [set(corpus.demo_sentences())]
    assert [len(split) for split in splits] == [400, 400, 400, 60]
    assert not any(one & other for one, other in combinations(splits, 2))


@pytest.mark.parametrize("split", SENTENCE_SPLITS)
def test_training_never_hears_a_test_sentence(split: Split) -> None:
    # The very generator that made the split: all that it makes first is reserved.
    rng = random.Random(f"{SPLIT_SEED}:{split}")
    assert not {corpus.training_sentence(rng) for _ in range(1000)} & corpus.reserved()
    assert set(corpus.split_sentences(split)) <= corpus.reserved()


def test_training_never_hears_a_demo_sentence() -> None:
    assert corpus.demo_sentences() <= corpus.reserved()
    assert len(sentences.DEMO_READINGS) >= 24


def test_training_clips_hold_no_reserved_sentence_voice_or_word() -> None:
    dictionary = dict(corpus.unseen_words()) | dict(islice(corpus.pronunciations().items(), 50))
    for clip in islice(corpus.training_clips(3, dictionary, Synthesiser()), 200):
        assert clip.reading.expected not in corpus.reserved()
        assert clip.voice.name in corpus.VOICES or not clip.reading.said
        assert clip.reading.said or not clip.speech.audio.any()
        assert not {word.text.strip(",") for word in clip.reading.said} & set(corpus.unseen_words())


def test_voices_are_held_out() -> None:
    assert not set(corpus.VOICES) & set(corpus.HELD_OUT_VOICES)
    clips = corpus.split_clips("held_out_voices", corpus.split_readings("held_out_voices")[:40], Synthesiser())
    assert {clip.voice.name for clip in clips} == set(corpus.HELD_OUT_VOICES)


def test_the_same_seed_gives_the_same_readings_and_another_seed_others() -> None:
    def some(seed: int) -> list[corpus.SpokenReading]:
        dictionary = corpus.pronunciations()
        return [clip.reading for clip in islice(corpus.training_clips(seed, dictionary, Synthesiser()), 20)]

    assert some(1) == some(1) != some(2)


def test_spoken_pronunciations_are_among_the_workers_references() -> None:
    for word, known in [*corpus.pronunciations().items(), *corpus.unseen_words().items()]:
        references = lexicon.pronunciations(word)
        assert all(lexicon.encode(without_stress(spoken)) in references for spoken in known), word


def test_every_word_of_the_demo_can_be_spoken() -> None:
    for phrase in (phrase for reading in sentences.DEMO_READINGS for phrase in reading):
        reading = corpus.read_well(phrase.split())
        assert len(reading.said) == len(reading.expected) == len(phrase.split())


@pytest.mark.parametrize("seed", range(20))
def test_a_seeded_mistake_is_no_accepted_pronunciation(seed: int) -> None:
    rng = random.Random(seed)
    for word in ("lantern", "the", "read", "tomatoes", "wind", "i"):
        wrong = lexicon.encode(without_stress(corpus.mispronounce(word, rng)))
        assert wrong not in lexicon.pronunciations(word)


def test_mistakes_are_what_they_are_called() -> None:
    kinds: list[Kind] = ["mispronounced", "omitted", "inserted"]
    well = corpus.read_well(["A", "heron", "stood", "still", "in", "the", "shallow", "water."])
    reading = corpus.misread(well, random.Random(5), kinds)
    assert reading.expected == well.expected
    assert sorted(change.kind for change in reading.changes) == sorted(kinds)
    said = [word.text for word in reading.said]
    for change in reading.changes:
        word = well.said[change.index]
        if change.kind == "omitted":
            assert word.text not in said
        elif change.kind == "inserted":
            assert word in reading.said
            assert said[said.index(word.text) - 1] not in [w.text for w in well.said]
        else:
            assert word.text in said
            assert word not in reading.said
    untouched = {word for i, word in enumerate(well.said) if i not in {change.index for change in reading.changes}}
    assert untouched <= set(reading.said)


def test_recordings_repeat_with_their_seed_and_keep_the_speech_in_place() -> None:
    clean = np.zeros(16_000, dtype=np.float32)
    clean[8000] = 0.9
    one, other = Recording(7), Recording(7)
    for _ in range(30):
        (audio, before), (again, _) = one.record(clean), other.record(clean)
        assert np.array_equal(audio, again)
        assert np.abs(audio).max() <= 1.0
        assert len(audio) >= before + len(clean)
        assert np.abs(audio[before + 7900 : before + 8100]).max() > 0


def test_channels_do_what_they_say() -> None:
    time = np.arange(16_000) / 16_000
    low, high = (np.sin(2 * np.pi * hertz * time).astype(np.float32) for hertz in (1000, 6000))
    assert np.abs(from_8_khz(low)[1000:-1000]).max() > 0.9
    assert np.abs(from_8_khz(high)[1000:-1000]).max() < 0.01
    noise = with_noise(0.1 * low, 20, seed=1) - 0.1 * low
    assert abs(20 * np.log10(noise.std() / (0.1 * low).std()) + 20) < 0.5
