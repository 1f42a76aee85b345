"""The worker's only queue before inference: which clips go in the next request.

Live before replay, and the oldest first; beside the oldest, clips of like length, because a request is as wide as its
longest clip and a server computes on the padding too. No request is padded by more than MOST_PADDING, so neither is
their sum.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Generic, TypeVar

from streamproc.audio.decode import SAMPLE_RATE
from streamproc.inference.engine import Priority

MOST_PADDING = 0.15
"""Share of a request's samples that may be padding."""

NARROWEST = SAMPLE_RATE // 10
"""Shorter clips count as this long: what they are padded by costs a server nothing that could be measured."""

LOOK_AHEAD = 256
"""So many of the oldest are looked at for a batch: it bounds the work that one batch takes."""

BATCHES_WAITING = 2
"""So many batches may wait; beyond that nothing more is taken in."""


@dataclass(eq=False, slots=True)
class ClipGroup:
    """Clips of one call that go in a request together; what the queue asks of them."""

    age: tuple[int, int]
    """The number of the call and of the part in it: smaller is older. No two are the same."""
    priority: Priority
    lengths: Sequence[int]
    """Samples of each clip."""
    company: Hashable = field(default=None, kw_only=True)
    """Only parts with an equal one go in a request together. It stays the same while the part waits."""
    width: int = field(init=False)
    """Samples of the longest clip."""
    samples: int = field(init=False)
    """Of all clips."""

    def __post_init__(self) -> None:
        self.width = max(NARROWEST, *self.lengths)
        self.samples = sum(max(length, NARROWEST) for length in self.lengths)

    @property
    def seconds(self) -> float:
        """Seconds of audio, padding included."""
        return self.width * len(self.lengths) / SAMPLE_RATE


P = TypeVar("P", bound=ClipGroup)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one request may hold: clips, and seconds of audio with the padding. One clip alone may be longer."""

    clips: int
    seconds: float

    def hold(self, clips: int, width: int) -> bool:
        """Whether so many clips of at most so many samples go in one request."""
        return clips <= self.clips and (clips == 1 or clips * width <= self.seconds * SAMPLE_RATE)


def alike(lengths: Sequence[int], bounds: Bounds) -> list[list[int]]:
    """The places of the clips, in groups that may each be one request: as few as can be.

    Taken from the longest to the shortest, the padding of a group only grows with each clip. So whatever grouping there
    is, the group of the longest clip can be filled up like this without making another group necessary.
    """
    groups: list[list[int]] = []
    width = samples = 0
    for place in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        length = max(lengths[place], NARROWEST)
        count = len(groups[-1]) + 1 if groups else 1
        if groups and bounds.hold(count, width) and _dense(samples + length, count * width):
            groups[-1].append(place)
            samples += length
        else:
            groups.append([place])
            width = samples = length
    return [sorted(group) for group in groups]


class Batcher(Generic[P]):
    """The parts that wait. Pure: it belongs to whoever adds and takes.

    ``bounds``: of the largest request that is taken now; they may change at any time.
    """

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        #: Invariant: none is empty, and each is sorted by age.
        self._waiting: dict[tuple[Priority, Hashable], list[P]] = {}
        self._clips = 0
        self._seconds = 0.0

    def __len__(self) -> int:
        """How many parts wait."""
        return sum(map(len, self._waiting.values()))

    def __iter__(self) -> Iterator[P]:
        """All that wait."""
        return chain.from_iterable(self._waiting.values())

    @property
    def seconds(self) -> float:
        """Seconds of audio that wait."""
        return self._seconds

    @property
    def has_room(self) -> bool:
        """Whether less waits than BATCHES_WAITING of the largest requests."""
        return not self._waiting or (
            self._clips < BATCHES_WAITING * self.bounds.clips and self._seconds < BATCHES_WAITING * self.bounds.seconds
        )

    def add(self, part: P) -> None:
        """It waits, in the place of its age: one that comes back goes before those that came after it."""
        insort(self._waiting.setdefault((part.priority, part.company), []), part, key=_age)
        self._clips += len(part.lengths)
        self._seconds += part.seconds

    def remove(self, part: P) -> None:
        """It waits no longer; one that did not wait is passed over."""
        kind = part.priority, part.company
        waiting = self._waiting.get(kind, [])
        place = bisect_left(waiting, part.age, key=_age)
        if place < len(waiting) and waiting[place] is part:
            del waiting[place]
            self._clips -= len(part.lengths)
            self._seconds -= part.seconds
            if not waiting:
                del self._waiting[kind]
            if not self._waiting:
                self._seconds = 0.0  # sums of floats drift

    def heads(self) -> list[P]:
        """Of each company and priority the oldest part, in the order in which they go."""
        return sorted((waiting[0] for waiting in self._waiting.values()), key=lambda part: (part.priority, part.age))

    def batch(self, head: P, bounds: Bounds) -> list[P]:
        """The batch of ``head``: with it, whatever of its company is nearest to it in length, within the bounds.

        ``head`` is in it whatever the bounds. All of them still wait.
        """
        batch = [head]
        if head.priority is not Priority.LIVE:
            # A live request waits for the one that is computed, whatever its priority: so that is a small one. And the
            # more it waits, the less do live workers send, as they take what the server says for a queue of their own.
            return batch
        clips, width, samples = len(head.lengths), head.width, head.samples
        beside = self._waiting[head.priority, head.company][:LOOK_AHEAD]
        for part in sorted(beside, key=lambda part: abs(part.width - head.width)):
            if clips >= bounds.clips:
                break
            count, widest, filled = clips + len(part.lengths), max(width, part.width), samples + part.samples
            if part is not head and bounds.hold(count, widest) and _dense(filled, count * widest):
                batch.append(part)
                clips, width, samples = count, widest, filled
        return batch


def _age(part: ClipGroup) -> tuple[int, int]:
    return part.age


def _dense(samples: int, padded: int) -> bool:
    return padded - samples <= MOST_PADDING * padded
