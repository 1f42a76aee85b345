"""What nobody read is nobody's mistake: real audio through the real Triton, judged with a classifier for its model.

The classifier weighs nothing: what is shown here is decided before any word is weighed, by how well audio and text fit.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from support.engine_suite import golden_clip

from streamproc.agents.intake import Intake
from streamproc.agents.retrying import Retries
from streamproc.audio.fetch import ClipFetcher
from streamproc.contracts.generated.events import Audio, Phrase, PhraseResult, SourcePosition
from streamproc.contracts.upkeep.examples import ACTIVITY
from streamproc.errors import ErrorCode
from streamproc.inference.engine import Samples
from streamproc.inference.served import built_in
from streamproc.inference.wiring import pool_of
from streamproc.scoring import judging
from streamproc.scoring.activity import ActivityScorer
from streamproc.scoring.evidence import EVIDENCE
from streamproc.scoring.misread import Strictness, WordClassifier
from streamproc.scoring.variants import VariantAligner
from streamproc.settings import Settings

READ = "Milo the mole had a lantern"
SETTINGS = Settings()


def recorded(samples: Samples) -> Audio:
    file = io.BytesIO()
    soundfile.write(file, samples, 16_000, format="WAV")
    return Audio(data=file.getvalue(), sample_rate=16_000)


async def judged(triton_url: str, monkeypatch: pytest.MonkeyPatch, *phrases: tuple[Samples, str]) -> list[PhraseResult]:
    """What becomes of each phrase of one activity, given its audio and the text that should have been read."""
    places = len(EVIDENCE)
    classifier = WordClassifier(
        "sha", np.zeros(places), np.ones(places), np.zeros(places), 0.0, dict.fromkeys(("balanced",), 0.9), -3.0
    )
    monkeypatch.setattr(judging, "strictness_of", lambda sha256, point: Strictness(classifier, 0.9))
    engine = pool_of([triton_url], built_in("phonemes", ""), 60, 60.0)
    scorer = ActivityScorer(ClipFetcher((), 1), engine, VariantAligner(), SETTINGS.audio, SETTINGS.scoring)
    event = replace(
        ACTIVITY,
        phrases=tuple(
            Phrase(index=index, expected_text=text, audio=recorded(samples))
            for index, (samples, text) in enumerate(phrases)
        ),
    )
    try:
        await engine.start()
        place = SourcePosition(topic="t", partition=0, offset=0)
        retries = Retries(60, 0, Intake(lambda reason, closed: None))
        result = await scorer.score(event, place, 0.0, 0.0, retries)
    finally:
        await engine.close()
    return list(result.phrases)


def codes(phrases: Sequence[PhraseResult]) -> list[str | None]:
    return [phrase.error_code for phrase in phrases]


async def test_what_nobody_read_is_marked_and_what_was_read_is_judged(
    triton_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hum = (0.05 * np.sin(2 * np.pi * 100 * np.arange(48_000) / 16_000)).astype(np.float32)
    phrases = await judged(
        triton_url,
        monkeypatch,
        (golden_clip(), READ),
        (golden_clip(), "Seven purple fish swim through icy water"),
        (hum, READ),
        (np.zeros(48_000, np.float32), READ),
    )
    assert codes(phrases) == [
        None,
        ErrorCode.TEXT_NOT_HEARD.name,
        ErrorCode.NOTHING_HEARD.name,
        ErrorCode.TOO_QUIET.name,
    ]
    assert [len(phrase.words) for phrase in phrases] == [6, 0, 0, 0]
