"""What the worker's own scoring says of each word of each recording."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Protocol

from streamproc.contracts.generated.events import Operation, Verdict, WordResult
from streamproc.errors import StreamprocError
from streamproc.scoring import lexicon
from streamproc.scoring.ctc import log_softmax
from streamproc.scoring.fluency import FLAGGED
from streamproc.scoring.judging import Judging
from streamproc.scoring.reference import ExpectedWord
from streamproc.scoring.score import score_phrase
from streamproc.scoring.spelling import split_words
from streamproc.scoring.variants import VariantAligner
from streamproc.training.people.clips import Floats, PersonClip

FULL, MISREAD, BAD = 10.0, 6.0, 3.0
"""Marks. FULL by all: read well. A median of MISREAD or less: sounds were wrong; of BAD or less: hardly the word."""

_WRONG = (Operation.SUBSTITUTE, Operation.DELETE, Operation.INSERT)


class PhonemeModel(Protocol):
    """A phoneme model."""

    def logits(self, clips: Sequence[Floats]) -> list[Floats]:
        """[frames, 41] of each clip of 16 kHz samples, the blank last, one frame each 20 ms."""


@dataclass(frozen=True, slots=True)
class JudgedWord:
    """One word that was to be read: the experts' marks (none where nobody marked it) and the model's verdict."""

    clip: int
    place: int
    text: str
    marks: tuple[float, ...]
    flagged: bool
    wrongness: float
    """How surely it was misread, as a log-odds; far below 0 surely right."""
    phonemes: int
    """Of its reference."""
    errors: int
    """Phonemes substituted, left out or added in what was heard, whatever the verdict."""
    heard: tuple[str, ...]
    start_ms: int | None
    end_ms: int | None

    @property
    def full(self) -> bool:
        """Whether all experts found it perfect."""
        return bool(self.marks) and min(self.marks) >= FULL

    @property
    def mark(self) -> float:
        """The median of the experts' marks; NaN where there are none."""
        return median(self.marks) if self.marks else math.nan


def judge(
    clips: Sequence[PersonClip],
    model: PhonemeModel,
    judging: Judging,
    progress: Callable[[int], None],
) -> Iterator[JudgedWord]:
    """The verdict on every word of ``clips`` that can be judged; ``progress(clips so far)`` after each.

    Raises FolderError where a recording cannot be read.
    """
    aligner = VariantAligner()
    for index, clip in enumerate(clips):
        (logits,) = model.logits([clip.audio()])
        yield from judge_clip(index, clip, log_softmax(logits), aligner, judging)
        progress(index + 1)


def judge_clip(
    index: int,
    clip: PersonClip,
    log_probs: Floats,
    aligner: VariantAligner,
    judging: Judging,
) -> list[JudgedWord]:
    """The words of one clip; none where the worker would judge none, as nobody is heard or another text."""
    texts = [word.text for word in clip.words] or list(split_words(clip.text))
    marks = [word.marks for word in clip.words] or [()] * len(texts)
    expected = judging.expected([ExpectedWord(text, lexicon.pronunciations(text)) for text in texts])
    strictness, times = judging.strictness, judging.times
    try:
        results = score_phrase(log_probs, expected, aligner, judging.margin, strictness=strictness, times=times)
    except StreamprocError:
        return []
    verdicts = [result for result in results if result.verdict is not Verdict.INSERTED]
    return [
        JudgedWord(
            index, place, text, given, result.verdict in FLAGGED, _wrongness(result), len(result.reference),
            sum(operation in _WRONG for operation in result.operations), result.heard, result.start_ms, result.end_ms,
        )
        for place, (text, given, result) in enumerate(zip(texts, marks, verdicts, strict=True))
        if result.verdict is not Verdict.UNKNOWN
    ]  # fmt: skip


def _wrongness(result: WordResult) -> float:
    """Of a suspect word without a classifier what its margin exceeds the limit by."""
    certainty = min(max(result.confidence, 1e-6), 1 - 1e-9)
    odds = math.log(certainty / (1 - certainty))
    return odds if result.verdict in FLAGGED else -odds
