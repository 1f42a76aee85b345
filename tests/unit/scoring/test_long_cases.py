"""Long readings at their hardest, heard piece by piece and in windows: what comes out is what the whole gives."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pytest
import soundfile
from support.engine_suite import MODEL, REPOSITORY, golden_clip

from streamproc.agents.intake import Intake
from streamproc.agents.retrying import Retries
from streamproc.audio.decode import SAMPLE_RATE, decode_clip
from streamproc.audio.windows import WHOLE_SECONDS, LongClip, read_clip
from streamproc.contracts.generated.events import Verdict, WordResult
from streamproc.errors import StreamprocError
from streamproc.inference.engine import Inference, Priority, Samples
from streamproc.inference.onnx import OnnxEngine
from streamproc.inference.served import Catalogue, built_in
from streamproc.scoring import lexicon
from streamproc.scoring.ctc import Floats, log_softmax
from streamproc.scoring.fluency import FLAGGED
from streamproc.scoring.hearing import hear_clips
from streamproc.scoring.misread import strictness_of
from streamproc.scoring.reference import ExpectedWord
from streamproc.scoring.score import score_phrase
from streamproc.scoring.threads import ScoringThreads
from streamproc.scoring.variants import VariantAligner
from streamproc.training.evaluate import MARGIN, Recogniser, digest

READ = "Milo the mole had a lantern"

Case = tuple[Samples, str]


class Forgetful(OnnxEngine):
    """It cannot go on with a recording, so it hears it in windows."""

    async def infer(self, clips: Sequence[Samples], priority: Priority = Priority.LIVE) -> Inference:
        """Pieces as clips like others."""
        return await super().infer([np.asarray(clip) for clip in clips], priority)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def room(seconds: float) -> Samples:
    """Faint noise."""
    return (0.001 * np.random.default_rng(3).standard_normal(round(seconds * SAMPLE_RATE))).astype(np.float32)


def with_pauses(pauses: Iterable[Samples], times: int) -> Case:
    """The sentence so many times, behind a pause each."""
    parts = [part for pause in pauses for part in (pause, golden_clip())]
    return np.concatenate(parts), " ".join([READ] * times)


def short_pauses() -> Case:
    return with_pauses([silence(0.1 * (number % 5)) for number in range(90)], 90)


def long_pauses() -> Case:
    return with_pauses([room(4 + 7 * (number % 4)) for number in range(20)], 20)


def pause_at_each_cut() -> Case:
    """Two seconds of silence just where a window may end at the latest, and none anywhere else."""
    samples = np.tile(golden_clip(), 100)
    for second in range(57, 200, 29):
        samples[second * SAMPLE_RATE : (second + 2) * SAMPLE_RATE] = 0
    return samples, " ".join([READ] * 100)


def no_pause_at_all() -> Case:
    """Noise fills what is between the words, as loud in each fifth of a second."""
    samples = np.tile(golden_clip(), 90)
    noise = 0.02 * np.random.default_rng(4).standard_normal(len(samples))
    return (samples + noise).astype(np.float32), " ".join([READ] * 90)


def a_sentence_left_out() -> Case:
    """The text has one repetition more than was read: where, nobody can know."""
    return with_pauses([silence(0.3)] * 80, 81)


def minutes_without_a_word() -> Case:
    """A whole window has none."""
    pauses = [silence(0.2)] * 20 + [room(150)] + [silence(0.2)] * 20
    return with_pauses(pauses, len(pauses))


def text_far_longer() -> Case:
    return with_pauses([silence(0.2)] * 60, 120)


def audio_far_longer() -> Case:
    return with_pauses([silence(0.2)] * 80, 20)


def nobody_reads() -> Case:
    return silence(300), READ


CASES: Sequence[Callable[[], Case]] = (
    short_pauses, long_pauses, pause_at_each_cut, no_pause_at_all, a_sentence_left_out, minutes_without_a_word,
    text_far_longer, audio_far_longer, nobody_reads,
)  # fmt: skip


async def heard(kind: type[OnnxEngine], clip: LongClip) -> Floats:
    engine = kind(REPOSITORY, built_in("phonemes", ""), 60, 1)
    retry = Retries(60, 0, Intake(lambda reason, closed: None))
    try:
        await engine.start()
        inference = await hear_clips(engine, [clip], retry, Priority.LIVE, ScoringThreads(), Catalogue.read(None))
    finally:
        await engine.close()
    return inference.logits[0]


def judged(log_probs: Floats, text: str) -> list[WordResult] | str:
    """The words, or the code of why there are none."""
    expected = [ExpectedWord(word, lexicon.pronunciations(word)) for word in text.split()]
    strictness = strictness_of(digest(MODEL), "balanced")
    try:
        return score_phrase(log_probs, expected, VariantAligner(), MARGIN, strictness=strictness)
    except StreamprocError as error:
        return error.code.name


def encoded(samples: Samples) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, SAMPLE_RATE, "PCM_16", format="FLAC")
    return file.getvalue()


def long_clip(content: bytes) -> LongClip:
    clip = read_clip(content, 1800)
    assert isinstance(clip, LongClip)
    return clip


def verdicts(words: list[WordResult] | str) -> list[tuple[str | None, Verdict]] | str:
    return words if isinstance(words, str) else [(each.text, each.verdict) for each in words]


def findings(words: list[WordResult] | str) -> list[tuple[str | None, bool, bool]] | str:
    """Which words there are, expected or not, and which of them are flagged."""
    if isinstance(words, str):
        return words
    return [(each.text, each.verdict is Verdict.INSERTED, each.verdict in FLAGGED) for each in words]


def apart_ms(one: list[WordResult] | str, other: list[WordResult] | str) -> int:
    """How far a word is from where it was."""
    pairs = zip(one, other, strict=True) if not isinstance(one, str) and not isinstance(other, str) else ()
    places = [(word.start_ms, beside.start_ms) for word, beside in pairs]
    return max((abs(a - b) for a, b in places if a is not None and b is not None), default=0)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_a_hard_reading_is_judged_as_the_whole_is(case: Callable[[], Case]) -> None:
    samples, text = case()
    assert len(samples) > WHOLE_SECONDS * SAMPLE_RATE
    content = encoded(samples)
    whole = judged(log_softmax(Recogniser(MODEL).logits([decode_clip(content, 1800)])[0]), text)
    pieces = judged(asyncio.run(heard(OnnxEngine, long_clip(content))), text)
    assert verdicts(pieces) == verdicts(whole)
    assert apart_ms(pieces, whole) <= 20, "each word where it was read"
    # A window knows less of the recording, so a sound may be another: a word is there nevertheless, and once.
    windows = judged(asyncio.run(heard(Forgetful, long_clip(content))), text)
    assert findings(windows) == findings(whole)
    assert apart_ms(windows, whole) <= 200


def test_of_half_an_hour_in_which_nobody_reads_that_is_said() -> None:
    content = encoded(np.tile(room(60), 30)[:-1])
    assert judged(asyncio.run(heard(OnnxEngine, long_clip(content))), READ) == "NOTHING_HEARD"
