"""hama itself: every symbol has its place, frames lie where ours do, and two models as one judge a recording."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from hama import Vocabulary

from aligner_mypyc import MATCH
from streamproc.cli import cli
from streamproc.inference.hama import SYMBOLS, Hama
from streamproc.scoring import lexicon
from streamproc.scoring.ctc import greedy_decode
from streamproc.scoring.evidence import EVIDENCE
from streamproc.scoring.misread import WordClassifier
from streamproc.scoring.variants import VariantAligner
from streamproc.training.evaluate import MODEL, digest
from streamproc.training.people.second import fused_name

CLIP = Path(__file__).parents[1] / "golden/phonemes/clip.flac"
TEXT = "Milo the mole had a lantern"


@pytest.fixture(scope="module")
def hama() -> Hama:
    return Hama()


def test_every_symbol_that_we_take_for_a_phoneme_is_one_of_hamas() -> None:
    assert {symbol for symbols in SYMBOLS.values() for symbol in symbols.split()} <= set(Vocabulary.load().decoder)
    assert len(Vocabulary.load().decoder) == 189


@pytest.mark.parametrize("samples", [1, 319, 320, 16_159, 16_160, 16_320, 50_000])
def test_it_has_a_frame_where_our_models_have_one(hama: Hama, samples: int) -> None:
    (found,) = hama.logits([np.zeros(samples, np.float32)])
    assert found.shape == ((samples // 160 + 2) // 2, 41)
    assert np.abs(np.exp(found).sum(axis=1) - 1).max() < 1e-3


def test_it_hears_most_of_what_a_synthesiser_says(hama: Hama) -> None:
    audio, _ = soundfile.read(CLIP, dtype="float32")
    (log_probs,) = hama.logits([audio])
    heard = bytes(token.code for token in greedy_decode(log_probs))
    expected = b"".join(lexicon.pronunciations(word)[0] for word in TEXT.lower().split())
    steps = VariantAligner().align(expected, heard)
    assert steps.count(MATCH) > 0.6 * len(expected)


def test_a_long_recording_is_heard_as_its_parts_are(hama: Hama) -> None:
    audio, _ = soundfile.read(CLIP, dtype="float32")
    times = -(-50 * 16_000 // len(audio))
    (once,), (often,) = hama.logits([audio]), hama.logits([np.tile(audio, times)])
    heard, expected = greedy_decode(often), greedy_decode(once)
    assert len(often) == len(audio) * times // 320 + 1
    assert abs(len(heard) - times * len(expected)) < 0.1 * len(heard)


def test_the_evaluation_asks_it_alone_and_both_as_one(tmp_path: Path) -> None:
    shutil.copy(CLIP, tmp_path / "clip.flac")
    words = [{"text": word, "accuracy": [10, 10, 10]} for word in TEXT.split()]
    (tmp_path / "manifest.jsonl").write_text(json.dumps({"file": "clip.flac", "text": TEXT, "words": words}))
    size, points = len(EVIDENCE), {"lenient": 0.9, "balanced": 0.5, "strict": 0.1}
    # Whatever speaks for or against a word, it is misread.
    given = WordClassifier(
        fused_name(digest(MODEL)), np.zeros(size), np.ones(size), np.zeros(size), 5.0, points, -100.0
    )
    classifier = tmp_path / "both.json"
    classifier.write_text(json.dumps(given.to_json()))
    asked = ["models", "evaluate", str(tmp_path), "--json", "--second", "hama"]
    alone = CliRunner().invoke(cli, asked)
    assert alone.exit_code == 0, alone.output
    assert json.loads(alone.stdout.splitlines()[-1])["second"]["both"] is None
    ran = CliRunner().invoke(cli, [*asked, "--second-classifier", str(classifier)])
    assert ran.exit_code == 0, ran.output
    second = json.loads(ran.stdout.splitlines()[-1])["second"]
    assert second["name"] == "hama 1.3.13"
    assert second["alone"]["words"] == second["both"]["words"] == len(words)
    # A classifier that calls every word misread flags all that was not heard exactly.
    assert second["both"]["false_alarms"] > 0
    assert second["disputes"]["words"] == len(words)
