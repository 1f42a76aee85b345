"""What the model makes of the phrases of an activity: clips that it hears as a whole together, long ones in parts.

A model that remembers what it has heard hears a long clip piece by piece, and gives the logits of the whole. Any other
one hears it in windows, each with a minute of what was before, and gives nearly those.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from streamproc.audio.decode import SAMPLE_RATE
from streamproc.audio.windows import LongClip, Window
from streamproc.errors import ErrorCode, Stage, StreamprocError
from streamproc.inference.engine import Engine, Inference, Logits, Piece, Priority, Samples
from streamproc.inference.served import Catalogue
from streamproc.scoring.retry import Retry
from streamproc.scoring.threads import ScoringThreads
from streamproc.scoring.weaving import Weaver

WINDOWS_AT_ONCE = 2
"""Windows of a long clip that are unpacked and sent together; pieces go one by one."""


async def hear_clips(
    engine: Engine,
    clips: Sequence[Samples | LongClip],
    retry: Retry,
    priority: Priority,
    threads: ScoringThreads,
    models: Catalogue,
) -> Inference:
    """Logits of each clip, in order, all of one model; log-probabilities of long ones.

    What has been heard of a long clip is kept when one of its windows must be tried again. ``models``: those that may
    answer.

    Raises:
        StreamprocError: poison and fatal failures. Transient ones are waited for.
    """

    whole = [clip for clip in clips if not isinstance(clip, LongClip)]

    async def hear_all() -> Inference:
        hearing = _Hearing(engine, retry, priority, threads, models)
        logits = iter((await hearing.infer(whole)).logits if whole else [])
        found = [await hearing.hear(clip) if isinstance(clip, LongClip) else next(logits) for clip in clips]
        heard = hearing.heard
        waited, worked = sum(each.waited for each in heard), sum(each.worked for each in heard)
        return Inference(found, heard[-1].model, heard[-1].engine, waited, worked)

    if len(whole) == len(clips):
        return await _Hearing(engine, retry, priority, threads, models).infer(whole)
    all_heard: Inference = await retry.until_it_works(Stage.INFERENCE, hear_all)
    return all_heard


class _Hearing:
    """Clips of one activity, heard by one model."""

    def __init__(
        self, engine: Engine, retry: Retry, priority: Priority, threads: ScoringThreads, models: Catalogue
    ) -> None:
        self._engine, self._retry, self._priority = engine, retry, priority
        self._threads, self._models = threads, models
        self.heard: list[Inference] = []

    async def infer(self, clips: Sequence[Samples]) -> Inference:
        """Raises: StreamprocError: also where it is another model by now: what two have heard is never woven, nor does
        one go on with what the other remembers."""
        found: Inference = await self._retry.until_it_works(
            Stage.INFERENCE, lambda: self._engine.infer(clips, self._priority)
        )
        self.heard.append(found)
        if found.model != self.heard[0].model:
            changed = "the model was changed while a long clip was heard"
            raise StreamprocError(ErrorCode.INFERENCE_UNAVAILABLE, changed)
        return found

    async def hear(self, clip: LongClip) -> Logits:
        """Log-probabilities of a long clip."""
        pieces = await self._in_pieces(clip)
        return await self._in_windows(clip) if pieces is None else pieces

    async def _in_pieces(self, clip: LongClip) -> Logits | None:
        """Each goes on with what the model remembers of those before; None: it cannot."""
        weaver, pieces, remembered = Weaver(), clip.heard(without_before=True), None
        while some := await self._threads.run(_next, pieces, 1):
            ((window, samples),) = some
            piece = Piece.going_on(samples, remembered)
            try:
                found = await self.infer([piece])
            except StreamprocError as error:
                if error.code is ErrorCode.INFERENCE_REFUSED:
                    return None  # Perhaps what is remembered is to blame: windows will show.
                raise
            if piece.after is None:
                return None
            remembered = piece.after
            await self._threads.run(_weave, weaver, [window], found.logits, _step(found, self._models))
        return weaver.woven()

    async def _in_windows(self, clip: LongClip) -> Logits:
        """Each is a clip of its own, with some of what was before."""
        weaver, windows = Weaver(), clip.heard()
        while some := await self._threads.run(_next, windows, WINDOWS_AT_ONCE):
            found = await self.infer([samples for _, samples in some])
            step = _step(found, self._models)
            await self._threads.run(_weave, weaver, [window for window, _ in some], found.logits, step)
        return weaver.woven()


def _next(windows: Iterator[tuple[Window, Samples]], most: int) -> list[tuple[Window, Samples]]:
    return list(islice(windows, most))


def _step(heard: Inference, models: Catalogue) -> float:
    """Samples of a clip from one frame to the next of the model that has heard it."""
    form = models.of(heard.model).form
    return form.frame_step * SAMPLE_RATE / form.sample_rate


def _weave(weaver: Weaver, windows: Sequence[Window], logits: Sequence[Logits], step: float) -> None:
    for window, found in zip(windows, logits, strict=True):
        weaver.add(window, found, step)
