"""How much of a table's changelog is in a store, and whether that can be built upon. Pure: no I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from streamproc.transport.flight.mark import Mark

#: Seconds by which a clock may be set back without a store being rebuilt for it.
_CLOCK_S = 60.0


@dataclass(frozen=True, slots=True)
class ChangelogPosition:
    """All of one partition of a changelog below ``offset`` is in the store.

    ``since``: seconds since 1970. What has a later offset, and was seen by nobody who has this store, was cleaned
    after this time, if at all: tombstones are kept for ``delete.retention.ms`` from then on.
    """

    mark: Mark
    offset: int
    since: float


class Log(NamedTuple):
    """A partition of a changelog as its brokers describe it."""

    mark: Mark
    first: int
    #: The end for a reader of everything, what is not committed included.
    end: int
    #: Seconds for which tombstones are kept.
    retention: float
    #: Seconds since 1970, from before all this was asked.
    asked: float


class Resume(NamedTuple):
    """Where to read on; ``rebuild``: why nothing of what the store holds can be kept, empty when it can."""

    offset: int
    since: float
    rebuild: str = ""


def resume(position: ChangelogPosition | None, log: Log, *, empty: bool) -> Resume:
    """Where a store that holds this much is read on from; ``empty``: it holds no key."""
    if position is None:
        return Resume(log.first, log.asked, "" if empty else "it does not say how much of the changelog is in it")
    if reason := _stale(position, log):
        return Resume(log.first, log.asked, reason)
    return Resume(position.offset, position.since)


def _stale(position: ChangelogPosition, log: Log) -> str:
    if position.mark.cluster != log.mark.cluster:
        return "it was built in another cluster"
    if position.mark.is_other_topic(log.mark):
        return "the changelog was deleted and made anew"
    if position.offset < log.first:
        return f"it stands at {position.offset}, and the changelog begins at {log.first}"
    if position.offset > log.end:
        return f"it stands at {position.offset}, and the changelog ends at {log.end}"
    if (age := log.asked - position.since) < -_CLOCK_S:
        return f"its time is {-age:.0f} s ahead of the clock, so nobody knows how old it is"
    if age > log.retention:
        return f"it was not read on for {age:.0f} s, and the changelog forgets deletions after {log.retention:.0f} s"
    return ""


class Reach:
    """How far a reader of what is committed has come, and whether that is far enough.

    By position, never by counting: markers of transactions, aborted records and compaction leave holes.
    """

    def __init__(self, position: int, target: int) -> None:
        """``target``: an end for a reader of everything, so that no transaction below it is open when it is reached."""
        self.begun = self.position = position
        self.target = target

    def records(self, last: int) -> None:
        """Records were read, this is the last one's offset."""
        self.position = max(self.position, last + 1)

    def end(self, offset: int) -> None:
        """Nothing is left below this offset that is committed; an open transaction ends it for now."""
        self.position = max(self.position, offset)

    @property
    def done(self) -> bool:
        """Whether all below the target is read."""
        return self.position >= self.target

    @property
    def left(self) -> int:
        """Offsets to the target."""
        return max(0, self.target - self.position)

    def seconds_left(self, elapsed: float) -> float | None:
        """An estimate from the rate so far; None: nothing was read yet."""
        read = self.position - self.begun
        return self.left * elapsed / read if read > 0 else None if self.left else 0.0
