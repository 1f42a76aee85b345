"""What every engine asks of a model's answer, and whom it blames for an answer of no use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from streamproc.audio.decode import SAMPLE_RATE
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.engine import Samples
from streamproc.inference.form import BUILT_IN, ModelForm

T = TypeVar("T")

SYMBOLS = 41
"""Symbols of the model's output: 40 phonemes and the blank."""

FRAME_SAMPLES = 320
"""Samples of one frame: 20 ms."""

FRAMES_OFF = 5
"""Frames that an answer may have more or less than the clip's length promises."""

SURELY_REFUSED = 3
"""Times in a row that a clip is failed on, after noise was answered, until it is to blame: a server with a fault of its
own, memory that fails for example, fails on good clips now and then."""

PROBE: Samples = (0.01 * np.random.default_rng(0).standard_normal(SAMPLE_RATE)).astype(np.float32)
"""A second of faint noise: whatever model is ours answers it."""


class DoubtfulError(StreamprocError):
    """The model raised, refused the input, or gave an answer of no use: it may be the event's fault or the model's."""


class MismatchError(StreamprocError):
    """A server's model is not the one that models.toml names: INFERENCE_UNUSABLE, whatever it answers."""


def unusable(model: str, reason: str) -> DoubtfulError:
    """The error of a model whose answer is of no use."""
    return DoubtfulError(ErrorCode.INFERENCE_UNUSABLE, f"model {model!r} {reason}")


def clips_of(
    model: str,
    logits: NDArray[Any],
    frames: NDArray[Any] | None,
    promised: Sequence[int],
    form: ModelForm = BUILT_IN,
) -> Iterator[NDArray[np.float32]]:
    """What the model gave for each clip, once the answer has been found to be one; over its own symbols.

    Args:
        model: its name, for the message.
        logits: clips × frames × symbols, zero-padded.
        frames: clips × 1, the frames of each clip; None: the model does not tell, and what is promised is believed.
        promised: the frames that each clip has by the form.
        form: whose symbols there are.

    Raises:
        DoubtfulError: INFERENCE_UNUSABLE, the shapes, the numbers of frames or the logits cannot be.
    """
    count = len(promised)
    shaped = frames is None or frames.shape == (count, 1)
    if logits.ndim != 3 or len(logits) != count or logits.shape[2] != len(form.symbols) or not shaped:
        told = "" if frames is None else f" and frames of the shape {frames.shape}"
        raise unusable(model, f"gave logits of the shape {logits.shape}{told} for {count} clips")
    if frames is None and abs(logits.shape[1] - max(promised, default=0)) > FRAMES_OFF:
        raise unusable(model, f"gave {logits.shape[1]} frames, where {max(promised, default=0)} are due")
    for place, (row, due) in enumerate(zip(logits, promised, strict=True)):
        heard = due if frames is None else int(frames[place, 0])
        fewest = max(due - FRAMES_OFF, 1 if due > 1 else 0)
        if not fewest <= heard <= min(len(row), due + FRAMES_OFF):
            raise unusable(model, f"gave {heard} frames, of {len(row)}, where {due} are due")
        if not np.isfinite(row[:heard]).all():
            raise unusable(model, "gave logits that are not numbers")
        yield row[:heard]


async def probe(infer: Callable[[Sequence[Samples]], Awaitable[object]]) -> None:
    """Try a model at the start.

    Raises:
        StreamprocError: MODEL_UNSUITABLE (fatal), its answer is of no use; whatever else ``infer`` raises.
    """
    try:
        await infer([PROBE, PROBE[: SAMPLE_RATE // 2]])
    except DoubtfulError as error:
        raise unsuitable(error) from None


def unsuitable(error: StreamprocError) -> StreamprocError:
    """What a doubtful answer is at the start, where no event can be to blame."""
    if error.code is ErrorCode.INFERENCE_UNUSABLE:
        return StreamprocError(ErrorCode.MODEL_UNSUITABLE, error.message)
    return error


async def or_blame(
    infer: Callable[[Sequence[Samples]], Awaitable[T]],
    clips: Sequence[Samples],
    look: Callable[[], Awaitable[object]] | None = None,
) -> T:
    """Infer; a model that fails on these clips again and again, and on as many seconds of noise does not, makes them
    the poison.

    A model that fails on everything is the world's fault and is waited for; a clip that it always fails on would
    be waited for in vain, and hold up the worker.

    Args:
        infer: what raises DoubtfulError where it is not clear who is to blame.
        clips: its input.
        look: called before the noise is tried: the model may be another since.

    Raises:
        StreamprocError: INFERENCE_REFUSED (poison), or what ``infer`` raises.
    """
    try:
        return await infer(clips)
    except DoubtfulError:
        if look is not None:
            await look()
        await infer([PROBE] * len(clips))
    for _ in range(SURELY_REFUSED):
        try:
            return await infer(clips)
        except DoubtfulError as error:
            reason = error.message
    raise StreamprocError(ErrorCode.INFERENCE_REFUSED, f"the model fails on this input, and on no other: {reason}")
