"""Two models on the same recordings: each alone, both as one, and where they disagree.

Both as one is the mean of their log-probabilities, made a distribution again: a logarithmic opinion pool, which
believes only what neither rules out (Hinton, "Training Products of Experts by Minimizing Contrastive Divergence",
2002).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from streamproc.inference.hama import LEAST, Hama, installed
from streamproc.scoring.ctc import log_softmax
from streamproc.scoring.judging import Judging
from streamproc.scoring.misread import Strictness
from streamproc.scoring.variants import VariantAligner
from streamproc.training.people.clips import Floats, PersonClip
from streamproc.training.people.verdicts import MISREAD, JudgedWord, PhonemeModel, judge_clip


def fused_name(model_sha256: str) -> str:
    """By which a word classifier of a model and hama as one names them. Raises StreamprocError without hama."""
    return f"{model_sha256}+{installed().replace(' ', '-')}"


class Fused:
    """Two models as one."""

    def __init__(self, first: PhonemeModel, second: PhonemeModel) -> None:
        self._both = (first, second)

    def logits(self, clips: Sequence[Floats]) -> list[Floats]:
        """Log-probabilities [frames, 41] of each clip; of the frames that only one of the models has, none."""
        heard = zip(*(model.logits(clips) for model in self._both), strict=True)
        return [pooled(log_softmax(first), log_softmax(second)) for first, second in heard]


def pooled(first: Floats, second: Floats) -> Floats:
    """Two models' log-probabilities, [frames, symbols], as one's."""
    frames = min(len(first), len(second))
    # What one model is sure was not said must not outweigh all that the other heard.
    summed: Floats = np.maximum(first[:frames], LEAST) + np.maximum(second[:frames], LEAST)
    return log_softmax((summed / 2).astype(np.float32))


@dataclass(frozen=True, slots=True)
class Opinions:
    """``alone``: the words as the second model judges them, by its margin; ``both``: as both do as one, None where no
    word classifier goes with them, as their margin alone says little."""

    name: str
    alone: list[JudgedWord]
    both: list[JudgedWord] | None


def opinions(
    clips: Sequence[PersonClip],
    first: PhonemeModel,
    margin: float,
    strictness: Strictness | None,
    progress: Callable[[int], None],
) -> Opinions:
    """What hama says beside the ``first`` model; ``strictness`` is that of both as one, the rest as for `judge`.

    Raises StreamprocError where hama is not installed, FolderError where a recording cannot be read.
    """
    second, aligner = Hama(), VariantAligner()
    alone: list[JudgedWord] = []
    both: list[JudgedWord] = []
    for index, clip in enumerate(clips):
        audio = clip.audio()
        theirs = _heard(second, audio)
        alone += judge_clip(index, clip, theirs, aligner, Judging(margin))
        if strictness:
            both += judge_clip(index, clip, pooled(_heard(first, audio), theirs), aligner, Judging(margin, strictness))
        progress(index + 1)
    return Opinions(second.name, alone, both if strictness else None)


def _heard(model: PhonemeModel, audio: Floats) -> Floats:
    (logits,) = model.logits([audio])
    return log_softmax(logits)


def disputes(first: Sequence[JudgedWord], second: Sequence[JudgedWord]) -> dict[str, int]:
    """``words``: those that both judge; ``disputed``: those of them that only one flags; ``marked``: of these, how many
    experts marked; ``first_right``, ``second_right``: how many of the marked ones each has as the experts' median."""
    found = {"words": 0, "disputed": 0, "marked": 0, "first_right": 0, "second_right": 0}
    for one, other in _pairs(first, second):
        found["words"] += 1
        if one.flagged != other.flagged:
            found["disputed"] += 1
            if one.marks:
                found["marked"] += 1
                found["first_right" if one.flagged == (one.mark <= MISREAD) else "second_right"] += 1
    return found


def _pairs(first: Sequence[JudgedWord], second: Sequence[JudgedWord]) -> Iterator[tuple[JudgedWord, JudgedWord]]:
    by_place = {(word.clip, word.place): word for word in second}
    for word in first:
        if other := by_place.get((word.clip, word.place)):
            yield word, other
