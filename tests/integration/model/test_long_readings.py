"""A reading of several minutes through the real Triton: heard in windows, each word judged once, in its place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from support.activities import encode
from support.engine_suite import golden_clip

from streamproc.agents.intake import Intake
from streamproc.agents.retrying import Retries
from streamproc.audio.fetch import ClipFetcher
from streamproc.audio.windows import WHOLE_SECONDS
from streamproc.contracts.generated.events import Audio, Phrase, SourcePosition, Verdict
from streamproc.contracts.upkeep.examples import ACTIVITY
from streamproc.inference.served import built_in
from streamproc.inference.wiring import pool_of
from streamproc.scoring.activity import ActivityScorer
from streamproc.scoring.variants import VariantAligner
from streamproc.settings import Settings

READ = "Milo the mole had a lantern"
TIMES = 120


async def test_every_word_of_a_long_reading_is_judged_once_and_where_it_was_read(triton_url: str) -> None:
    sentence = golden_clip()
    samples = np.tile(sentence, TIMES)
    assert len(samples) > 2 * WHOLE_SECONDS * 16_000
    settings = Settings()
    audio = settings.audio.model_copy(update={"max_seconds": 1800.0, "max_inline_bytes": 100_000_000})
    scoring = settings.scoring.model_copy(update={"max_phonemes": 10_000})
    engine = pool_of([triton_url], built_in("phonemes", ""), 60, 60.0)
    scorer = ActivityScorer(ClipFetcher((), 1), engine, VariantAligner(), audio, scoring)
    recorded = Audio(data=encode(samples[:, np.newaxis], 16_000, "FLAC", "PCM_16"), sample_rate=16_000)
    event = replace(ACTIVITY, phrases=(Phrase(index=0, expected_text=" ".join([READ] * TIMES), audio=recorded),))
    try:
        await engine.start()
        retries = Retries(60, 0, Intake(lambda reason, closed: None))
        result = await scorer.score(event, SourcePosition(topic="t", partition=0, offset=0), 0.0, 0.0, retries)
    finally:
        await engine.close()
    (phrase,) = result.phrases
    read = [word for word in phrase.words if word.verdict is not Verdict.INSERTED]
    assert [word.text for word in read] == READ.split() * TIMES
    assert len(phrase.words) == len(read), "no sound of a word was heard twice"
    wrong = [word for word in read if word.verdict not in (Verdict.CORRECT, Verdict.ACCEPTED)]
    assert len(wrong) <= len(read) // 100
    for number in range(TIMES):
        first = read[number * 6]
        begin, end = (1000 * len(sentence) * at / 16_000 for at in (number, number + 1))
        assert first.start_ms is not None
        assert begin - 100 <= first.start_ms <= end, "words are where they were read"
