"""How readings are judged that a model has heard: what differs from one model to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from streamproc.inference.engine import ModelIdentity
from streamproc.inference.form import ModelForm
from streamproc.inference.served import Catalogue
from streamproc.scoring.ctc import OF_BUILT_IN, FrameTimes
from streamproc.scoring.misread import Strictness, strictness_of
from streamproc.scoring.reference import ExpectedWord
from streamproc.settings import ScoringSettings


@dataclass(frozen=True, slots=True)
class Judging:
    """``margin``: as `score_phrase` takes it, where there is no classifier (``strictness``)."""

    margin: float
    strictness: Strictness | None = None
    times: FrameTimes = OF_BUILT_IN
    spelling: Mapping[int, bytes] = field(default_factory=dict)
    """What the model writes a phoneme with, by its code, where that is not itself."""

    def expected(self, words: Sequence[ExpectedWord]) -> Sequence[ExpectedWord]:
        """The words as this model can hear them: in its own spelling."""
        return [self._spelt(word) for word in words] if self.spelling else words

    def _spelt(self, word: ExpectedWord) -> ExpectedWord:
        ways = (b"".join(self.spelling.get(code, bytes([code])) for code in way) for way in word.pronunciations)
        return replace(word, pronunciations=tuple(dict.fromkeys(ways)))


def judging_of(identity: ModelIdentity, models: Catalogue, scoring: ScoringSettings) -> Judging:
    """How readings are judged that this model has heard.

    A model has a classifier where one was fitted for its very weights; else its margin decides, which is the worker's
    where its declaration has none.
    """
    model = models.of(identity)
    declared = model.declared
    margin = scoring.margin if declared is None or declared.margin is None else declared.margin
    return judging_by(model.form, margin, strictness_of(identity.sha256, scoring.operating_point))


def judging_by(form: ModelForm, margin: float, strictness: Strictness | None) -> Judging:
    """How readings are judged that a model of this form has heard."""
    step = 1000 * form.frame_step / form.sample_rate
    return Judging(margin, strictness, FrameTimes(1000 * form.centre(0), step), form.spelling())
