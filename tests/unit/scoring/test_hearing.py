"""Which clips are heard how: short ones together, long ones window by window, all by one model."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence

import numpy as np
import soundfile

from streamproc.agents.intake import Intake
from streamproc.agents.retrying import Retries
from streamproc.audio.decode import SAMPLE_RATE
from streamproc.audio.windows import LongClip, read_clip
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.engine import Inference, ModelIdentity, Priority, Samples
from streamproc.inference.served import Catalogue
from streamproc.scoring.hearing import WINDOWS_AT_ONCE, hear_clips
from streamproc.scoring.threads import ScoringThreads

from .test_activity import SilentEngine

SHORT = np.zeros(SAMPLE_RATE, np.float32)


def long_clip(seconds: float = 200) -> LongClip:
    file = io.BytesIO()
    soundfile.write(
        file,
        np.zeros(round(seconds * SAMPLE_RATE)),
        SAMPLE_RATE,
        "PCM_16",
        format="FLAC",
    )
    clip = read_clip(file.getvalue(), 1800)
    assert isinstance(clip, LongClip)
    return clip


class Listening(SilentEngine):
    """Remembers what it was asked; fails, or is another model, at calls of these numbers."""

    def __init__(self, fails: Sequence[int] = (), changes: Sequence[int] = ()) -> None:
        self.asked: list[list[int]] = []
        self._fails, self._changes = fails, changes

    async def infer(self, clips: Sequence[Samples], priority: Priority = Priority.LIVE) -> Inference:
        """Blanks alone."""
        self.asked.append([len(clip) for clip in clips])
        if len(self.asked) in self._fails:
            raise StreamprocError(ErrorCode.INFERENCE_UNAVAILABLE)
        if len(self.asked) in self._changes:
            self.model = ModelIdentity("silent", "2", "other")
        return await super().infer(clips, priority)


async def hear(engine: Listening, *clips: Samples | LongClip) -> Inference:
    retry = Retries(60, 0, Intake(lambda reason, closed: None))
    models = Catalogue.read(None)
    return await asyncio.wait_for(hear_clips(engine, clips, retry, Priority.LIVE, ScoringThreads(), models), 60)


async def test_short_clips_are_one_call() -> None:
    engine = Listening()
    inference = await hear(engine, SHORT, SHORT)
    assert engine.asked == [[SAMPLE_RATE, SAMPLE_RATE]]
    assert [len(logits) for logits in inference.logits] == [50, 50]


async def test_a_long_clip_is_heard_in_windows_and_each_clip_gets_its_own_frames() -> None:
    engine, clip = Listening(), long_clip()
    inference = await hear(engine, SHORT, clip, SHORT[:8000])
    lengths = [window.end - window.begin for window in clip.windows]
    calls = [lengths[at : at + WINDOWS_AT_ONCE] for at in range(0, len(lengths), WINDOWS_AT_ONCE)]
    assert engine.asked == [[SAMPLE_RATE, 8000], *calls]
    assert [len(logits) for logits in inference.logits] == [50, 200 * 50, 25]


async def test_a_call_that_fails_is_made_again_and_no_other() -> None:
    engine, clip = Listening(fails=[2]), long_clip()
    await hear(engine, clip)
    assert engine.asked[1] == engine.asked[2]
    assert len(engine.asked) == -(-len(clip.windows) // WINDOWS_AT_ONCE) + 1


async def test_windows_of_two_models_are_never_woven() -> None:
    engine, clip = Listening(changes=[2]), long_clip()
    inference = await hear(engine, clip)
    calls = -(-len(clip.windows) // WINDOWS_AT_ONCE)
    assert len(engine.asked) == 2 * calls
    assert inference.model.version == "2"
