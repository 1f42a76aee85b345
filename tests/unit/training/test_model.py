"""The model in the tree is the one that its configuration and card name, and it hears as well as it must."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import soundfile
from safetensors.numpy import load_file

from aligner_mypyc import MATCH, Aligner, CostModel, Inventory
from streamproc.scoring.ctc import greedy_decode, log_softmax
from streamproc.scoring.phonemes import BLANK, PHONEMES
from streamproc.training import evaluate
from streamproc.training.corpus import Clip, Misreading, Split, split_clips, split_readings
from streamproc.training.evaluate import MODEL, Judge, ModelFigures, Recogniser
from streamproc.training.speech import Synthesiser, Voice

FOLDER = MODEL.parent.parent
GOLDEN = Path(__file__).parents[2] / "golden/phonemes"


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return Recogniser(MODEL)


def test_the_digest_in_the_configuration_and_the_card_is_the_files() -> None:
    digest = hashlib.sha256(MODEL.read_bytes()).hexdigest()
    named = re.search(r'key: "sha256" value: \{ string_value: "([0-9a-f]*)"', (FOLDER / "config.pbtxt").read_text())
    assert named is not None
    assert named[1] == digest
    assert digest in (FOLDER / "MODEL_CARD.md").read_text()


def test_the_weights_for_torch_are_there() -> None:
    weights = load_file(MODEL.parent / "model.safetensors")
    assert weights["head.weight"].shape == (BLANK + 1, 128, 1)
    assert all(np.isfinite(tensor).all() for tensor in weights.values())


def test_a_known_clip_is_heard_as_it_was_when_the_model_was_made(recogniser: Recogniser) -> None:
    audio, rate = soundfile.read(GOLDEN / "clip.flac", dtype="float32")
    expected = json.loads((GOLDEN / "heard.json").read_text())
    assert rate == 16_000
    (logits,) = recogniser.logits([audio])
    heard = [PHONEMES[token.code] for token in greedy_decode(log_softmax(logits))]
    assert heard == expected["phonemes"]
    assert np.abs(logits[:: expected["every"]] - np.array(expected["logits"])).max() < 5e-3


def test_a_clip_is_heard_the_same_alone_and_padded_in_a_batch(recogniser: Recogniser) -> None:
    rng = np.random.default_rng(1)
    clips = [0.1 * rng.standard_normal(size, dtype=np.float32) for size in (48_000, 16_123, 9_000, 500, 1, 0)]
    together = recogniser.logits(clips)
    for clip, logits in zip(clips, together, strict=True):
        assert logits.shape == ((len(clip) // 160 + 2) // 2, BLANK + 1)
        alone = recogniser.logits([clip if len(clip) else np.zeros(1, np.float32)])[0]
        assert np.abs(alone - logits).max() < 1e-3 or len(clip) == 0
        assert np.isfinite(logits).all()


def test_loudness_hardly_matters(recogniser: Recogniser) -> None:
    audio, _ = soundfile.read(GOLDEN / "clip.flac", dtype="float32")
    loud, quiet = (bytes(t.code for t in greedy_decode(log_softmax(r))) for r in recogniser.logits([audio, audio / 50]))
    steps = Aligner(CostModel(Inventory(PHONEMES))).align(loud, quiet)
    # 34 dB quieter, the first sounds lie near the level that the running mean begins with.
    assert sum(step != MATCH for step in steps) <= 1


@pytest.mark.parametrize("level", [0.0, 1e-4, 0.1])
def test_nothing_is_heard_where_nobody_speaks(recogniser: Recogniser, level: float) -> None:
    noise = level * np.random.default_rng(2).standard_normal(48_000, dtype=np.float32)
    (logits,) = recogniser.logits([noise])
    assert greedy_decode(log_softmax(logits)) == []


BOUNDS: dict[Split, float] = {
    "held_out_sentences": 0.065,
    "held_out_voices": 0.078,
    "misread": 0.065,
    "unseen_words": 0.1,
}
"""Of espeak-ng's speech. A model that hears people hears it less well than one that has heard nothing else."""


@pytest.fixture(scope="module")
def figures(recogniser: Recogniser) -> dict[Split, ModelFigures]:
    judge, synthesiser = Judge(recogniser), Synthesiser()
    return {
        split: judge.figures(islice(split_clips(split, split_readings(split), synthesiser), 120)) for split in BOUNDS
    }


@pytest.mark.parametrize("split", BOUNDS)
def test_phonemes_are_heard_within_the_bounds(figures: dict[Split, ModelFigures], split: Split) -> None:
    assert figures[split].clips == 120
    assert figures[split].phoneme_error_rate <= BOUNDS[split]


def test_misread_words_are_found(figures: dict[Split, ModelFigures]) -> None:
    misread = figures["misread"]
    assert misread.misread > 100
    assert misread.precision >= 0.75
    assert misread.recall >= 0.8
    assert misread.inserted_found >= 0.6 * misread.inserted


def test_well_read_words_are_seldom_flagged(figures: dict[Split, ModelFigures]) -> None:
    assert figures["held_out_sentences"].false_alarms <= 0.015
    assert figures["misread"].false_alarms <= 0.03


def test_figures_count_every_kind_of_error() -> None:
    figures = ModelFigures(phonemes=200, errors=10, words=50, misread=10, flagged=12, found=9)
    assert figures.phoneme_error_rate == 0.05
    assert figures.precision == 0.75
    assert figures.recall == 0.9
    assert figures.false_alarms == 3 / 40


def test_a_flagged_word_counts_as_found_only_where_it_was_misread(recogniser: Recogniser) -> None:
    misread = next(r for r in split_readings("misread") if [c.kind for c in r.changes] == ["mispronounced"])
    (place,) = (change.index for change in misread.changes)
    clip = Clip(misread, Voice(), Synthesiser().say(misread.said))
    elsewhere = (Misreading("mispronounced", (place + 1) % len(misread.expected)),)
    truly, falsely = (
        Judge(recogniser).figures([replace(clip, reading=replace(misread, changes=changes))])
        for changes in (misread.changes, elsewhere)
    )
    assert (truly.misread, truly.flagged, truly.found) == (1, 1, 1)
    assert (falsely.misread, falsely.flagged, falsely.found) == (1, 1, 0)


def test_the_published_figures_are_of_this_model() -> None:
    published = json.loads((FOLDER.parents[1] / "docs/benchmarks/model.json").read_text())
    assert published["model_sha256"] == hashlib.sha256(MODEL.read_bytes()).hexdigest()
    assert set(published["splits"]) >= set(evaluate.SPLITS)
