"""A long reading is laid over its audio in parts, and no verdict knows it."""

from __future__ import annotations

import random

import numpy as np
import pytest

from aligner_mypyc import Aligner, CostModel, Inventory
from streamproc.contracts.generated.events import WordResult
from streamproc.scoring import evidence, lexicon, parts
from streamproc.scoring.ctc import Floats, greedy_decode
from streamproc.scoring.misread import Strictness
from streamproc.scoring.parts import cut_reading, lay_out_reading
from streamproc.scoring.phonemes import PHONEMES
from streamproc.scoring.reference import ExpectedWord
from streamproc.scoring.score import score_phrase
from streamproc.scoring.words import hear_words

from .sounds import Sound, audio
from .test_misread import classifier

ALIGNER = Aligner(CostModel(Inventory(PHONEMES)))
WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "fox", "home", "dog"]


def reading(count: int, seed: int) -> tuple[list[ExpectedWord], Floats]:
    """A text, and how it was read: here and there a word is left out, changed or added."""
    chance = random.Random(seed)
    text = chance.choices(WORDS, k=count)
    sounds: list[Sound | str] = []
    for word in text:
        said = [PHONEMES[code] for code in lexicon.pronunciations(word)[0]]
        slip = chance.random()
        if slip < 0.05:
            continue
        if slip < 0.1:
            said[-1] = "ZH"
        if slip > 0.97:
            said += ["B", "UW", "M", "B", "UW", "M"]
        sounds += [Sound(sound, "OY", chance.choice([0.01, 0.2])) for sound in said]
    return [ExpectedWord(word, lexicon.pronunciations(word)) for word in text], audio(*sounds)


def judged(words: list[ExpectedWord], log_probs: Floats) -> list[WordResult]:
    return score_phrase(log_probs, words, ALIGNER, 3.0, strictness=Strictness(classifier(), 0.5))


@pytest.fixture
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute's parts would make slow tests."""
    monkeypatch.setattr(parts, "MOST_TOGETHER", 300)
    monkeypatch.setattr(parts, "_LEAST", 150)
    monkeypatch.setattr(parts, "_MOST", 275)


@pytest.mark.parametrize("seed", range(5))
def test_verdicts_are_those_of_the_whole(seed: int, request: pytest.FixtureRequest) -> None:
    words, log_probs = reading(200, seed)
    whole = judged(words, log_probs)
    assert len({word.verdict for word in whole}) > 2
    request.getfixturevalue("short_parts")
    tokens = greedy_decode(log_probs)
    heard = hear_words(words, bytes(token.code for token in tokens), ALIGNER)
    cut = cut_reading(heard, tokens, len(log_probs))
    assert len(cut) > 3
    assert [part.first for part in cut] == [0, *(part.last for part in cut[:-1])]
    assert [part.begin for part in cut] == [0, *(part.end for part in cut[:-1])]
    assert (cut[-1].last, cut[-1].end) == (len(heard), len(log_probs))
    assert judged(words, log_probs) == whole


def test_what_would_be_too_much_as_a_whole_is_judged_the_same_in_parts(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    words, log_probs = reading(200, 1)
    whole = judged(words, log_probs)
    monkeypatch.setattr(evidence, "MOST_CELLS", 300 * 200)
    assert judged(words, log_probs) != whole
    request.getfixturevalue("short_parts")
    assert judged(words, log_probs) == whole


def test_phonemes_lie_where_they_lie_in_the_whole(request: pytest.FixtureRequest) -> None:
    words, log_probs = reading(200, 1)
    tokens = greedy_decode(log_probs)
    heard = hear_words(words, bytes(token.code for token in tokens), ALIGNER)
    places = [place for place, word in enumerate(heard) if word.expected]
    whole = lay_out_reading(heard, places, tokens, log_probs)
    request.getfixturevalue("short_parts")
    laid = lay_out_reading(heard, places, tokens, log_probs)
    assert whole is not None
    assert laid is not None
    assert laid.laid == whole.laid
    assert laid.fit == pytest.approx(whole.fit, abs=1e-3)


@pytest.mark.usefixtures("short_parts")
def test_where_nothing_is_sure_nothing_is_cut() -> None:
    words, _ = reading(200, 1)
    noise = audio(*np.random.default_rng(1).choice(["ZH", "OY", "UH"], 800))
    tokens = greedy_decode(noise)
    heard = hear_words(words, bytes(token.code for token in tokens), ALIGNER)
    assert len(cut_reading(heard, tokens, len(noise))) == 1
