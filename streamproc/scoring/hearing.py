"""What the model makes of the phrases of an activity: clips that it hears as a whole together, long ones in windows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from streamproc.audio.decode import SAMPLE_RATE
from streamproc.audio.windows import LongClip, Window
from streamproc.errors import ErrorCode, Stage, StreamprocError
from streamproc.inference.engine import Engine, Inference, Logits, Priority, Samples
from streamproc.inference.served import Catalogue
from streamproc.scoring.retry import Retry
from streamproc.scoring.threads import ScoringThreads
from streamproc.scoring.weaving import Weaver

WINDOWS_AT_ONCE = 2
"""Windows of a long clip that are unpacked and sent together."""


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

    async def infer(some: Sequence[Samples]) -> Inference:
        found: Inference = await retry.until_it_works(Stage.INFERENCE, lambda: engine.infer(some, priority))
        return found

    whole = [clip for clip in clips if not isinstance(clip, LongClip)]
    if len(whole) == len(clips):
        return await infer(whole)

    async def hear_all() -> Inference:
        heard = [await infer(whole)] if whole else []
        logits = iter(heard[0].logits if whole else [])
        found: list[Logits] = []
        for clip in clips:
            if isinstance(clip, LongClip):
                weaver, windows = Weaver(), clip.heard()
                while some := await threads.run(_next, windows):
                    heard.append(await infer([samples for _, samples in some]))
                    step = _step(heard[-1], models)
                    await threads.run(_weave, weaver, [window for window, _ in some], heard[-1].logits, step)
                found.append(weaver.woven())
            else:
                found.append(next(logits))
        if len({each.model for each in heard}) > 1:
            changed = "the model was changed while a long clip was heard"
            raise StreamprocError(ErrorCode.INFERENCE_UNAVAILABLE, changed)
        waited, worked = sum(each.waited for each in heard), sum(each.worked for each in heard)
        return Inference(found, heard[-1].model, heard[-1].engine, waited, worked)

    all_heard: Inference = await retry.until_it_works(Stage.INFERENCE, hear_all)
    return all_heard


def _next(windows: Iterator[tuple[Window, Samples]]) -> list[tuple[Window, Samples]]:
    return list(islice(windows, WINDOWS_AT_ONCE))


def _step(heard: Inference, models: Catalogue) -> float:
    """Samples of a clip from one frame to the next of the model that has heard it."""
    form = models.of(heard.model).form
    return form.frame_step * SAMPLE_RATE / form.sample_rate


def _weave(weaver: Weaver, windows: Sequence[Window], logits: Sequence[Logits], step: float) -> None:
    for window, found in zip(windows, logits, strict=True):
        weaver.add(window, found, step)
