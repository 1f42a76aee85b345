"""The golden clip: what a model gets wrong of it, and by what a model is known again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from streamproc.inference.form import BUILT_IN
from streamproc.inference.golden import PARTS, SPOKEN, alike, fingerprint, golden_clip, phoneme_errors
from streamproc.inference.model_outputs import own_log_probabilities
from streamproc.inference.models_file import read_models
from streamproc.training.evaluate import MODEL, Recogniser

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def logits() -> NDArray[np.float32]:
    """Of the shipped model."""
    (found,) = Recogniser(MODEL).logits([golden_clip()])
    return found


def print_of(logits: NDArray[np.float32]) -> tuple[int, ...]:
    return fingerprint(own_log_probabilities(BUILT_IN, logits))


def test_the_shipped_model_hears_it_and_is_pinned_by_it(logits: NDArray[np.float32]) -> None:
    assert phoneme_errors(BUILT_IN, logits) == 0.0
    declared = read_models(ROOT / "models.toml")["phonemes"]
    assert declared.fingerprint is not None
    assert alike(print_of(logits), declared.fingerprint)


def test_other_arithmetic_leaves_the_fingerprint(logits: NDArray[np.float32]) -> None:
    noise = np.random.default_rng(1).standard_normal(logits.shape)
    assert alike(print_of(logits), print_of(logits.astype(np.float16).astype(np.float32)))
    assert alike(print_of(logits), print_of((logits + 0.1 * noise).astype(np.float32)))


def test_other_symbols_have_another_fingerprint_and_are_misheard(logits: NDArray[np.float32]) -> None:
    order = [*np.random.default_rng(2).permutation(40), 40]
    assert not alike(print_of(logits), print_of(logits[:, order]))
    assert phoneme_errors(BUILT_IN, logits[:, order]) > 0.8


def test_a_phoneme_heard_late_changes_the_fingerprint(logits: NDArray[np.float32]) -> None:
    assert not alike(print_of(logits), print_of(np.roll(logits, 1, axis=0)))


def test_a_fingerprint_of_fewer_numbers_is_of_no_model(logits: NDArray[np.float32]) -> None:
    assert len(print_of(logits)) == PARTS
    assert not alike(print_of(logits), print_of(logits)[:-1])


def test_phonemes_of_several_symbols_are_expected_in_the_models_spelling(logits: NDArray[np.float32]) -> None:
    # Who writes AY as AA IH hears AY nowhere, and the one AY that is said becomes two errors of twenty.
    spelt = BUILT_IN.model_copy(update={"sequences": {"AY": ["AA", "IH"]}})
    assert SPOKEN.split().count("AY") == 1
    assert phoneme_errors(spelt, logits) == pytest.approx(2 / 20)
