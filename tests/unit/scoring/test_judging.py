"""How a model's readings are judged: its frames' times, its margin, its own spelling."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.tiny_wav2vec2 import models_toml

from streamproc.contracts.generated.events import Verdict
from streamproc.inference.engine import ModelIdentity
from streamproc.inference.served import Catalogue
from streamproc.scoring import lexicon
from streamproc.scoring.ctc import FRAME_MS
from streamproc.scoring.judging import Judging, judging_of
from streamproc.scoring.misread import shipped
from streamproc.scoring.phonemes import BLANK, PHONEME_CODES
from streamproc.scoring.reference import ExpectedWord
from streamproc.scoring.score import score_phrase
from streamproc.scoring.variants import VariantAligner
from streamproc.settings import ScoringSettings

SCORING = ScoringSettings()


def of_wav2vec2(folder: Path, old: str = "", new: str = "", **said: Any) -> Judging:
    file = models_toml(folder, **said)
    file.write_text(file.read_text("utf-8").replace(old, new) if old else file.read_text("utf-8"), "utf-8")
    models = Catalogue.read(file)
    model = models.get("tiny")
    assert model is not None
    return judging_of(model.identity, models, SCORING)


def test_the_shipped_model_has_its_classifier_and_frames_of_20_ms() -> None:
    sha256 = shipped()[0].model_sha256
    judging = judging_of(ModelIdentity("phonemes", "2", sha256), Catalogue.read(None), SCORING)
    assert judging.strictness is not None
    assert [judging.times.ms(frame) for frame in (0, 1, 50)] == [0, FRAME_MS, 1000]
    words = [ExpectedWord("chip", (lexicon.encode(["CH", "IH", "P"]),))]
    assert judging.expected(words) is words


def test_frames_of_a_wav2vec2_are_centred_from_sample_200_on(tmp_path: Path) -> None:
    times = of_wav2vec2(tmp_path).times
    assert [times.ms(frame) for frame in (0, 1, 50)] == [12, 32, 1012]


def test_another_model_has_no_classifier_and_the_margin_that_is_said_of_it(tmp_path: Path) -> None:
    judging = of_wav2vec2(tmp_path)
    assert (judging.strictness, judging.margin) == (None, SCORING.margin)
    assert of_wav2vec2(tmp_path, margin=2.5).margin == 2.5


def logits_of(phonemes: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Log-probabilities of a model that surely hears these, each in two frames with two of silence behind."""
    codes = [code for phoneme in phonemes.split() for code in (PHONEME_CODES[phoneme],) * 2 + (BLANK,) * 2]
    frames = np.full((len(codes), 41), np.log(0.01 / 40), np.float32)
    frames[np.arange(len(codes)), codes] = np.log(0.99)
    return frames


@pytest.mark.parametrize(("heard", "verdict"), [("T SH IH P", Verdict.CORRECT), ("S SH IH P", Verdict.MISPRONOUNCED)])
def test_a_phoneme_of_two_symbols_is_expected_as_the_model_writes_it(
    tmp_path: Path, heard: str, verdict: Verdict
) -> None:
    sequence = '[tiny.sequences]\nCH = ["t", "ʃ"]\n[tiny.mapping]'
    judging = of_wav2vec2(tmp_path, "[tiny.mapping]", sequence)
    words = [ExpectedWord("chip", (lexicon.encode(["CH", "IH", "P"]),))]
    (result,) = score_phrase(
        logits_of(heard), judging.expected(words), VariantAligner(), judging.margin, times=judging.times
    )
    assert result.verdict is verdict
    assert result.reference == ("T", "SH", "IH", "P")
    assert result.start_ms == 12
    # Expected as it is written in the dictionary it would not have been heard.
    (unaware,) = score_phrase(logits_of(heard), words, VariantAligner(), judging.margin)
    assert unaware.verdict is Verdict.MISPRONOUNCED
