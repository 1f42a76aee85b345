"""What the real model hears in silence and noise must not pass for a reading."""

from __future__ import annotations

import numpy as np
import pytest

from streamproc.contracts.generated.events import Verdict
from streamproc.scoring.ctc import Floats, log_softmax
from streamproc.scoring.lexicon import pronunciations
from streamproc.scoring.reference import ExpectedWord
from streamproc.scoring.score import score_phrase
from streamproc.scoring.variants import VariantAligner
from streamproc.settings import ScoringSettings
from streamproc.training.evaluate import MODEL, Recogniser

SECONDS = 3
NOISE = np.random.default_rng(7).normal(size=16_000 * SECONDS).astype(np.float32)
HUM = np.sin(2 * np.pi * 50 * np.arange(16_000 * SECONDS) / 16_000).astype(np.float32)

TEXT = ("the", "dog", "ran", "to", "a", "tree", "and", "it", "was", "big")


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return Recogniser(MODEL)


def verdicts_on(recogniser: Recogniser, audio: Floats) -> list[Verdict]:
    words = [ExpectedWord(word, pronunciations(word)) for word in TEXT]
    log_probs = log_softmax(recogniser.logits([audio])[0])
    results = score_phrase(log_probs, words, VariantAligner(), ScoringSettings().margin)
    verdicts: list[Verdict] = [result.verdict for result in results if result.verdict is not Verdict.INSERTED]
    assert len(verdicts) == len(TEXT)
    return verdicts


@pytest.mark.parametrize("audio", [0 * NOISE, 0.1 * HUM], ids=["silence", "hum"])
def test_nothing_was_read_in_silence(recogniser: Recogniser, audio: Floats) -> None:
    assert set(verdicts_on(recogniser, audio)) == {Verdict.OMITTED}


@pytest.mark.parametrize("audio", [0.001 * NOISE, 0.03 * NOISE], ids=["faint", "loud"])
def test_hardly_a_word_was_read_in_noise(recogniser: Recogniser, audio: Floats) -> None:
    """A word of one phoneme may be heard by chance."""
    assert verdicts_on(recogniser, audio).count(Verdict.CORRECT) <= 1
