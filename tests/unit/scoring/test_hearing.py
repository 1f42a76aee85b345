"""Which clips are heard how: short ones together, long ones piece by piece or in windows, all by one model."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence

import numpy as np
import pytest
import soundfile

from streamproc.agents.intake import Intake
from streamproc.agents.retrying import Retries
from streamproc.audio.decode import SAMPLE_RATE
from streamproc.audio.windows import AFTER, LongClip, read_clip
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.engine import Inference, ModelIdentity, Piece, Priority, Remembered, Samples
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


def windows_of(clip: LongClip) -> list[list[int]]:
    """The lengths in each call."""
    lengths = [window.end - window.begin for window in clip.windows]
    return [lengths[at : at + WINDOWS_AT_ONCE] for at in range(0, len(lengths), WINDOWS_AT_ONCE)]


def pieces_of(clip: LongClip) -> list[list[int]]:
    return [[window.end - window.first] for window in clip.windows]


def first_piece(clip: LongClip) -> list[int]:
    return pieces_of(clip)[0]


def goes_on(clip: LongClip) -> list[float | None]:
    """What a model has remembered before each piece."""
    return [None, *(window.first for window in clip.windows[1:])]


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


class Remembering(Listening):
    """Remembers how many samples of a recording it has heard, and can say what it was given."""

    def __init__(
        self,
        fails: Sequence[int] = (),
        changes: Sequence[int] = (),
        refuses: Sequence[int] = (),
        forgets: Sequence[int] = (),
    ) -> None:
        super().__init__(fails, changes)
        self._refuses, self._forgets = refuses, forgets
        self.given: list[float | None] = []

    async def infer(self, clips: Sequence[Samples], priority: Priority = Priority.LIVE) -> Inference:
        """Blanks alone."""
        found = await super().infer(clips, priority)
        call = len(self.asked)
        if call in self._refuses:
            raise StreamprocError(ErrorCode.INFERENCE_REFUSED)
        for clip in clips:
            if isinstance(clip, Piece):
                self.given.append(_told(clip.before))
                own = len(clip) - AFTER
                clip.after = None if call in self._forgets else np.array([(self.given[-1] or 0) + own], np.float32)
        return found


def _told(remembered: Remembered | None) -> float | None:
    return None if remembered is None else float(remembered[0])


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
    assert engine.asked == [[SAMPLE_RATE, 8000], first_piece(clip), *windows_of(clip)]
    assert [len(logits) for logits in inference.logits] == [50, 200 * 50, 25]


async def test_a_call_that_fails_is_made_again_and_no_other() -> None:
    engine, clip = Listening(fails=[3]), long_clip()
    await hear(engine, clip)
    first, *others = windows_of(clip)
    assert engine.asked == [first_piece(clip), first, others[0], *others]


async def test_windows_of_two_models_are_never_woven() -> None:
    engine, clip = Listening(changes=[3]), long_clip()
    inference = await hear(engine, clip)
    calls = [first_piece(clip), *windows_of(clip)]
    assert engine.asked == [*calls[:3], *calls]
    assert inference.model.version == "2"


async def test_a_model_that_remembers_hears_each_piece_once_and_goes_on() -> None:
    engine, clip = Remembering(), long_clip()
    inference = await hear(engine, SHORT, clip)
    assert engine.asked == [[SAMPLE_RATE], *pieces_of(clip)]
    assert engine.given == goes_on(clip)
    assert [len(logits) for logits in inference.logits] == [50, 200 * 50]


async def test_a_piece_that_fails_is_heard_again_from_what_was_before_it() -> None:
    engine, clip = Remembering(fails=[3]), long_clip()
    await hear(engine, clip)
    assert engine.asked[2] == engine.asked[3]
    assert engine.given == goes_on(clip)


async def test_no_model_goes_on_with_what_another_remembers() -> None:
    engine, clip = Remembering(changes=[3]), long_clip()
    inference = await hear(engine, clip)
    assert engine.given == [*goes_on(clip)[:3], *goes_on(clip)]
    assert inference.model.version == "2"


@pytest.mark.parametrize("at", [1, 3])
async def test_a_recording_that_cannot_be_gone_on_with_is_heard_in_windows(at: int) -> None:
    for engine in (Remembering(refuses=[at]), Remembering(forgets=[at])):
        clip = long_clip()
        inference = await hear(engine, clip)
        assert engine.asked == [*pieces_of(clip)[:at], *windows_of(clip)]
        assert [len(logits) for logits in inference.logits] == [200 * 50]


async def test_what_the_model_fails_on_in_windows_too_is_the_poison() -> None:
    engine = Remembering(refuses=[1, 2])
    with pytest.raises(StreamprocError) as caught:
        await hear(engine, long_clip())
    assert caught.value.code is ErrorCode.INFERENCE_REFUSED
