"""The model in the tree judges thirty recordings of people as well as it did when it was made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from streamproc.scoring.ctc import Floats, log_softmax
from streamproc.scoring.judging import Judging
from streamproc.scoring.misread import Strictness, strictness_of
from streamproc.scoring.variants import VariantAligner
from streamproc.training.evaluate import MARGIN, MODEL, Recogniser, digest
from streamproc.training.people.clips import PersonClip, read_folder
from streamproc.training.people.columns import columns
from streamproc.training.people.figures import figures
from streamproc.training.people.verdicts import judge_clip

FOLDER = Path(__file__).parents[3] / "golden/speech"

BOUNDS = {"false_alarms": (0.0, 0.09), "detection": (0.4, 1.0), "auc": (0.85, 1.0), "word_pcc": (0.54, 1.0)}
"""With room for what other processors round otherwise; 128 words were read perfectly, 27 badly."""

Clips = list[PersonClip]
Heard = list[Floats]


@pytest.fixture(scope="module")
def clips() -> Clips:
    return read_folder(FOLDER)


@pytest.fixture(scope="module")
def heard(clips: Clips) -> Heard:
    recogniser = Recogniser(MODEL)
    return [log_softmax(recogniser.logits([clip.audio()])[0]) for clip in clips]


def shipped() -> Strictness:
    found = strictness_of(digest(MODEL), "balanced")
    assert found is not None
    return found


def fallen(clips: Clips, heard: Heard, strictness: Strictness) -> list[str]:
    """The figures that are out of their bounds."""
    aligner = VariantAligner()
    judged = [
        word
        for index, (clip, log_probs) in enumerate(zip(clips, heard, strict=True))
        for word in judge_clip(index, clip, log_probs, aligner, Judging(MARGIN, strictness))
    ]
    found = figures(columns(judged, clips))
    return [name for name, (low, high) in BOUNDS.items() if not low <= (found[name] or 0.0) <= high]


def test_people_are_judged_as_well_as_when_the_model_was_made(clips: Clips, heard: Heard) -> None:
    assert fallen(clips, heard, shipped()) == []


def test_a_classifier_that_judges_worse_is_noticed(clips: Clips, heard: Heard) -> None:
    good = shipped()
    timid = replace(good, above=2 * good.above)
    severe = replace(good, above=good.above / 3)
    blunt = replace(good, classifier=replace(good.classifier, weights=good.classifier.weights * 0))
    assert "detection" in fallen(clips, heard, timid)
    assert "false_alarms" in fallen(clips, heard, severe)
    assert fallen(clips, heard, blunt) != []


def test_the_recordings_have_marks_and_who_reads_is_known_by_age_alone(clips: Clips) -> None:
    assert len(clips) == 32
    assert all(len(word.marks) == 5 for clip in clips for word in clip.words)
    assert sum(clip.age is not None and clip.age < 12 for clip in clips) >= 10
