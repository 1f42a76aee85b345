"""Which model really heard a reading, told by its result's confidences and not by the name in it.

Each model of the rig gives the same logits times a factor of its own: it judges as the others do, and is less sure of
it. What it must say of the one clip that all activities have is computed here, from the weights in the tree.
"""

from __future__ import annotations

import functools
import hashlib
import io
from collections.abc import Mapping

import numpy as np
import onnxruntime
import soundfile

from streamproc.contracts.generated.events import Result
from streamproc.localstack.triton import MODELS
from streamproc.scoring import lexicon
from streamproc.scoring.ctc import log_softmax
from streamproc.scoring.misread import strictness_of
from streamproc.scoring.reference import PhonemeBudget, reference_words
from streamproc.scoring.score import score_phrase
from streamproc.scoring.variants import VariantAligner
from streamproc.settings import ScoringSettings
from support.activities import inline, phrase

NEAR = 0.002
"""Confidences of one model differ by less, whatever batch a clip is in; those of two models by ten times as much."""

_WEIGHTS = (MODELS / "phonemes/2/model.onnx").read_bytes()


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
    strictness = strictness_of(hashlib.sha256(_WEIGHTS).hexdigest(), "balanced") if fitted else None
    log_probs = log_softmax(_logits() * np.float32(scale))
    found = score_phrase(log_probs, words, VariantAligner(), scoring.margin, strictness=strictness)
    return [word.confidence for word in found]


@functools.cache
def _logits() -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    data = inline().data
    assert data is not None
    samples, _ = soundfile.read(io.BytesIO(data), dtype="float32")
    session = onnxruntime.InferenceSession(_WEIGHTS, providers=["CPUExecutionProvider"])
    lengths = np.array([len(samples)], dtype=np.int64)
    logits, frames = session.run(["logits", "frames"], {"audio": samples[None], "lengths": lengths})
    heard: np.ndarray[tuple[int, int], np.dtype[np.float32]] = logits[0][: frames[0]]
    return heard
