"""Which model really heard a reading, told by its result's confidences and not by the name in it.

Each model of the rig gives the same logits times a factor of its own: it judges as the others do, and is less sure of
it. What it must say of the one clip that all activities have is computed here, from the weights in the tree.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np

from streamproc.audio.decode import decode_clip
from streamproc.contracts.generated.events import Result
from streamproc.scoring import lexicon
from streamproc.scoring.ctc import log_softmax
from streamproc.scoring.misread import strictness_of
from streamproc.scoring.reference import PhonemeBudget, reference_words
from streamproc.scoring.score import score_phrase
from streamproc.scoring.variants import VariantAligner
from streamproc.settings import ScoringSettings
from streamproc.training.evaluate import MODEL, Floats, Recogniser, digest
from support.activities import inline, phrase

NEAR = 0.002
"""Confidences of one model differ by less, whatever batch a clip is in; those of two models by ten times as much."""


def maker(result: Result, scales: Mapping[str, float], shipped: str) -> str | None:
    """The model whose confidences a result has; None: nobody's.

    Args:
        result: of an activity with the one phrase.
        scales: the factor of each model's logits.
        shipped: the model whose weights are those in the tree: a classifier was fitted for them alone.
    """
    words = [word.confidence for each in result.phrases for word in each.words]
    for name, scale in scales.items():
        expected = _confidences(scale, fitted=name == shipped)
        if len(words) == len(expected) and np.abs(np.subtract(words, expected)).max() < NEAR:
            return name
    return None


@functools.cache
def _confidences(scale: float, *, fitted: bool) -> list[float]:
    scoring = ScoringSettings()
    lexicon.load()
    budget = PhonemeBudget(scoring.max_phonemes, scoring.max_activity_phonemes)
    words = reference_words(phrase(), budget)
    strictness = strictness_of(digest(MODEL), "balanced") if fitted else None
    log_probs = log_softmax(_logits() * np.float32(scale))
    found = score_phrase(log_probs, words, VariantAligner(), scoring.margin, strictness=strictness)
    return [word.confidence for word in found]


@functools.cache
def _logits() -> Floats:
    data = inline().data
    assert data is not None
    (heard,) = Recogniser(MODEL).logits([decode_clip(data, 60)])
    return heard
