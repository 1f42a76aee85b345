"""One partition's progress during one assignment: what was delivered, what is finished, what may be committed. Pure."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from streamproc.transport.flight.progress import Progress, encode
from streamproc.transport.flight.stream_time import StreamTime


@dataclass(frozen=True, slots=True)
class Offer:
    """What one transaction may commit for a partition: the offsets it finishes, and the progress afterwards."""

    finished: tuple[int, ...]
    progress: Progress
    metadata: str


class Span:
    """The progress of one partition during one assignment, from the offsets that are really delivered.

    ``deliver`` as records arrive (ascending), ``finish`` in any order, ``offer`` to form a transaction and ``settle``
    when it is committed. A new assignment makes a new span, so nothing from before a rebalance can reach it.

    What is behind a record that was passed over may never move the span, or that record would count as a gap. So a
    record is passed over in one way only: the span is closed, and a closed span is never opened again.

    A ``timed`` span also keeps the stream time: that of an offset is the newest timestamp below it, in the order of the
    log, whatever was finished before. Invariant: the stream time that is committed is that of the base.
    """

    def __init__(self, progress: Progress, *, commit_base: bool = False, mark: bytes = b"") -> None:
        """``commit_base``: the base itself is news (a group that starts at the log's end) and is offered at once.

        ``mark``: written beside the progress, see ``encode``.
        """
        self.committed = progress
        self._mark = mark
        self.closed = False
        self._news = commit_base
        #: Finished work was left out of the last offer because its metadata would not fit: deliver no more until it
        #: does.
        self.full = False
        #: Unfinished offsets of the last incarnation that have not been delivered again yet; all above _delivered.
        self._awaited = deque(progress.unfinished)
        #: Offsets passed over because nothing is there: transaction markers, compacted and aborted records.
        self.gaps = 0
        #: One past the highest delivered offset.
        self._delivered = progress.base
        #: Whether anybody asks for the stream time; from then on each record is delivered with its timestamp.
        self.timed = False
        stream = progress.stream or StreamTime()
        #: The stream time of _delivered, in milliseconds since 1970.
        self.time = stream.time
        #: Tables whose timers are this partition's, as checksums of their names.
        self.tables = set(stream.tables)
        #: A finished offset that waits until the records before the next unfinished one are read; see ``offer``.
        self.held: int | None = None
        #: Delivered and not committed, ascending (records arrive in order), with the stream times of their offsets.
        self._open: dict[int, int] = {}
        #: The part of _open whose work is finished.
        self._finished: set[int] = set()

    @property
    def position(self) -> int:
        """One past the highest delivered offset."""
        return self._delivered

    @property
    def in_flight(self) -> int:
        """Delivered records whose outcome is not committed."""
        return len(self._open)

    def unfinished(self, end: int) -> int:
        """Records that are not done: those in flight, and the offsets behind them before ``end``, the log's end.

        Exact where the reader stands at the end; before that, offsets that hold no record count too.
        """
        behind = end - max(self._delivered, self.committed.top)
        return len(self._open) + len(self._awaited) + max(0, behind)

    def close(self) -> None:
        """Accept nothing more; what was delivered may still finish and be committed. From any thread."""
        self.closed = True

    def deliver(self, offset: int) -> bool:
        """A record arrived. False: skip it, it was finished before this assignment, or comes after the span's close."""
        if offset < self._delivered or self.closed:
            return False  # fetched twice, for example after a reconnection; or passed over
        self.gaps += offset - self._delivered
        self._delivered = offset + 1
        while self._awaited and self._awaited[0] < offset:
            self._awaited.popleft()  # compacted away since: nothing is left to do for it
        if offset < self.committed.top:
            if not self._awaited or self._awaited[0] != offset:
                return False
            self._awaited.popleft()
        self._open[offset] = self.time
        return True

    def deliver_timed(self, offset: int, timestamp: int) -> bool:
        """As ``deliver``, of a span that is timed; the timestamp in milliseconds since 1970.

        That of a skipped record counts as well, or another owner would have another stream time; not that of one behind
        the close.
        """
        taken = self.deliver(offset)
        if timestamp > self.time and self._delivered == offset + 1:
            self.time = timestamp
        return taken

    def time_at(self, offset: int) -> int:
        """The stream time of an offset that is in flight: the newest timestamp below it, in milliseconds since 1970."""
        return self._open.get(offset, self.time)

    def advance(self, time: int) -> None:
        """The stream time is at least this, though no record says so: nothing has come for long."""
        if time > self.time and not self.closed:
            self.time = time
            self._news = self._news or not self._open

    def reach(self, offset: int) -> None:
        """The reader stands here, at the log's end: every record below was delivered, what is left are markers.

        A group that has done everything is committed at the end itself, so that its lag is 0. Of a closed span nobody
        knows what was passed over on the way to the end.
        """
        if offset > self._delivered and not self.closed:
            self._delivered = offset
            while self._awaited and self._awaited[0] < offset:
                self._awaited.popleft()
            self._news = self._news or not self._open

    def finish(self, offset: int) -> None:
        """The work on a delivered record is finished."""
        if offset in self._open:
            self._finished.add(offset)

    def reopen(self, offset: int) -> None:
        """The work on a finished but uncommitted record must be done again."""
        self._finished.discard(offset)

    def offer(
        self,
        *,
        ordered: bool = False,
        without: Collection[int] = (),
        below: float = math.inf,
        timers: bool = False,
    ) -> Offer | None:
        """The largest prefix, by offset, of the finished records whose progress can be written; None if there is none.

        ``ordered``: stop at the first unfinished record. ``without``: treat these as unfinished. ``below``: take none
        from this offset on. ``timers``: the transaction carries timers, so there is an offer in any case.
        """
        finished = list(self._finished_records(ordered=ordered, without=without, below=below))
        self.held = None
        if self.timed and finished and self._after(finished).base > self._delivered:
            # Between here and the next unfinished offset are records that an earlier owner has finished and this one
            # has yet to read: nobody knows the stream time there. So the first one that is finished waits.
            self.held, *finished = finished
        if not finished and not self._news and not timers:
            return None
        count = len(finished)
        progress = self._after(finished, timers=timers)
        metadata = encode(progress, self._mark)
        self.full = metadata is None
        if metadata is None:
            low, high = 0, count  # low always fits: it is what is committed now
            while high - low > 1:
                middle = (low + high) // 2
                if encode(self._after(finished[:middle], timers=timers), self._mark) is None:
                    high = middle
                else:
                    low = middle
            count = low
            progress = self._after(finished[:count], timers=timers)
            metadata = encode(progress, self._mark)
            if (not count and not timers) or metadata is None:
                return None
        return Offer(tuple(finished[:count]), progress, metadata)

    def settle(self, offer: Offer) -> None:
        """The offer's transaction is committed."""
        for offset in offer.finished:
            del self._open[offset]
        self._finished.difference_update(offer.finished)
        self.committed = offer.progress
        self._news = False

    def adopt(self, progress: Progress) -> tuple[int, ...]:
        """The group's committed progress was read again after a transaction in doubt: forget what it shows done.

        Returns the offsets that are forgotten.
        """
        done = tuple(offset for offset in self._open if progress.is_done(offset))
        for offset in done:
            del self._open[offset]
            self._finished.discard(offset)
        self.committed = progress
        return done

    def _finished_records(self, *, ordered: bool, without: Collection[int], below: float) -> Iterator[int]:
        for offset in self._open:
            if offset >= below:
                return
            if offset in self._finished and offset not in without:
                yield offset
            elif ordered:
                return

    def _after(self, finished: Sequence[int], *, timers: bool = False) -> Progress:
        chosen = set(finished)
        left = [offset for offset in self._open if offset not in chosen]
        left += self._awaited  # not delivered yet, so above every open offset
        top = max(self.committed.top, finished[-1] + 1) if finished else self.committed.top
        if not left:
            top = max(top, self._delivered)
        progress = Progress.of(left, top)
        if not self.timed:
            return progress
        before = self.committed.stream or StreamTime()
        if not finished and progress.base > self._delivered:
            progress = self.committed  # see ``offer``
            time = before.time
        else:
            time = self._open.get(progress.base, self.time)
        return replace(
            progress,
            stream=StreamTime(time, before.next_turn() if timers else before.turn, frozenset(self.tables)),
        )
