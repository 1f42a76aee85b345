"""Calls of the pool, cut into parts that travel in batches, and put together again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from streamproc.audio.decode import SAMPLE_RATE
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.batcher import Bounds, ClipGroup, alike
from streamproc.inference.endpoint import Endpoint
from streamproc.inference.engine import Logits, ModelIdentity, Priority, Samples
from streamproc.inference.triton import Answer, TritonServer
from streamproc.tracing.event import EventTrace, current_trace

TritonEndpoint = Endpoint[TritonServer]


@dataclass(eq=False, slots=True, kw_only=True)
class CallPart(ClipGroup):
    """A part that knows its call, and what has become of it so far."""

    call: Call
    places: Sequence[int]
    """Of its clips in the call."""
    deadline: float | None = None
    """From the moment in which it was sent for the first time, on the event loop's clock."""
    batch: ClipBatch | None = None
    """With which it is on its way."""
    tried: list[TritonEndpoint] = field(default_factory=list)
    """The endpoints that failed it: none is asked twice."""
    only: TritonEndpoint | None = None
    """The one endpoint that it may go to."""
    error: StreamprocError | None = None
    """What it met last."""

    @property
    def refused(self) -> bool:
        """Whether the endpoint that had it last finds its clips to blame."""
        return self.error is not None and self.error.code is ErrorCode.INFERENCE_REFUSED


class Call:
    """One call of ``infer``, while somebody waits for it.

    Args:
        number: smaller is older.
        clips: its samples.
        priority: whether it goes first.
        bounds: of one part.
    """

    def __init__(self, number: int, clips: Sequence[Samples], priority: Priority, bounds: Bounds) -> None:
        self.clips = clips
        self.done: asyncio.Future[tuple[list[Logits], ModelIdentity]] = asyncio.get_running_loop().create_future()
        lengths = [len(clip) for clip in clips]
        self.parts = [
            CallPart((number, index), priority, [lengths[place] for place in places], call=self, places=places)
            for index, places in enumerate(alike(lengths, bounds))
        ]
        self.begun: float | None = None
        """When its first part was sent, by time.perf_counter."""
        self.trace = current_trace()
        """Of the event that it is made for."""
        self.changes = 0
        """How often its parts were answered by different models."""
        self._answers: dict[CallPart, Answer] = {}

    @property
    def over(self) -> bool:
        """Whether nobody waits for it any more."""
        return self.done.done()

    def fail(self, error: BaseException) -> None:
        """Whoever waits gets an error of their own, as several calls may fail of one."""
        if not self.over:
            if isinstance(error, StreamprocError):
                error = StreamprocError(error.code, error.message)
            self.done.set_exception(error)

    def answered(self, part: CallPart, answer: Answer) -> bool:
        """A part is; whether the call is too. False: different models have answered, and all must be asked again."""
        self._answers[part] = answer
        if len(self._answers) < len(self.parts):
            return True
        models = {each.model for each in self._answers.values()}
        if len(models) > 1:
            self.changes += 1
            self._answers.clear()
            return False
        found = {
            place: logits
            for part, each in self._answers.items()
            for place, logits in zip(part.places, each.logits, strict=True)
        }
        self.done.set_result(([found[place] for place in range(len(self.clips))], models.pop()))
        return True

    def leave(self) -> None:
        """It is over. It and its parts know each other: the clips would stay until that cycle is found."""
        self.parts, self._answers = [], {}
        if self.over and not self.done.cancelled():
            self.done.exception()  # asyncio would complain of one that nobody has looked at


@dataclass(eq=False, slots=True)
class ClipBatch:
    """Parts that are on their way together."""

    endpoint: TritonEndpoint
    parts: Sequence[CallPart]
    task: asyncio.Task[None] | None = None

    @property
    def calls(self) -> set[Call]:
        """Whose parts they are."""
        return {part.call for part in self.parts}

    @property
    def traces(self) -> list[EventTrace | None]:
        """Of the events that they are made for, the oldest first."""
        return [part.call.trace for part in sorted(self.parts, key=lambda part: part.age)]

    @property
    def clips(self) -> list[Samples]:
        """Of all parts."""
        return [part.call.clips[place] for part in self.parts for place in part.places]

    @property
    def seconds(self) -> float:
        """Seconds of audio, padding included."""
        return max(part.width for part in self.parts) * sum(len(part.lengths) for part in self.parts) / SAMPLE_RATE

    @property
    def deadline(self) -> float:
        """When the time of the first of its parts is over."""
        return min(part.deadline for part in self.parts if part.deadline is not None)
