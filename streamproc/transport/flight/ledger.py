"""All that a worker has in flight, and the transactions that are formed from what is finished.

Everything here belongs to the event loop.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from faust.types import TP

from streamproc.transport.flight.entries import FINISHED, STARTED, WAITING, Assignment, Entry, Joint
from streamproc.transport.flight.loose import Loose, LooseSends
from streamproc.transport.flight.progress import Progress
from streamproc.transport.flight.sendable import Outcome
from streamproc.transport.flight.sequence import in_order
from streamproc.transport.flight.span import Offer
from streamproc.transport.flight.state.access import TableAccess
from streamproc.transport.flight.state.booking import book, changelog_of, followers, too_early
from streamproc.transport.flight.stateful import Stateful

#: Records of one transaction that belong to no event: more than the brokers take before it times out would never pass.
LOOSE_LIMIT = 10_000
LOOSE_BYTES = 64 << 20
#: Records of one transaction in which each is sent by itself. A guilty one costs its innocent fellows another round.
ONE_BY_ONE = 16


@dataclass(slots=True)
class Batch:
    """One transaction to be, as plain data: formed on the event loop, carried out on the commit thread.

    The generation (``metadata``) and the spans (``offers``) are captured together and never refreshed: brokers check
    the generation but not who owns a partition, so a newer generation could carry offsets of a partition given up.
    """

    metadata: bytes | None
    offers: list[tuple[Assignment, Offer]]
    outcomes: list[tuple[Entry, Outcome]]
    loose: list[Loose] = field(default_factory=list)
    #: There are suspects among the events: each record is sent by itself, and what is refused is guilty.
    one_by_one: bool = False
    #: What its events have read of tables and written to them, in the order of their ends.
    accesses: list[TableAccess] = field(default_factory=list)
    #: Timers whose work it carries; each with an offer of its partition, if only the one before once more.
    timers: list[Entry] = field(default_factory=list)
    #: How many of the outcomes, the last ones, are records of changelogs.
    changelog: int = 0


class Ledger:
    """Everything this worker has in flight."""

    def __init__(self, *, ordered: bool, loose: LooseSends | None = None) -> None:
        """``ordered``: outcomes of a partition are released in offset order."""
        self._ordered = ordered
        self.assignments: dict[TP, Assignment] = {}
        self.loose = LooseSends(LOOSE_LIMIT, LOOSE_BYTES) if loose is None else loose
        self.finished = 0
        self._first = 0
        #: Of tables with windows: the topics of what comes too late for them, with the tables' names.
        self.late_topics: dict[str, str] = {}
        self.tables = Stateful()
        #: Events whose work was done again because what they had read of tables was not the newest any more.
        self.overtaken = 0
        #: Events of a refused transaction, until they are committed or the guilty one is known.
        self.suspects: set[Entry] = set()
        #: Those whose outcome was refused and is not replaced yet. Others of their keys have been let pass already.
        self._refused: set[Entry] = set()

    def add(self, assignment: Assignment) -> None:
        """A partition is ours from now on."""
        self.assignments[assignment.tp] = assignment

    def drop(self, assignment: Assignment) -> list[Entry]:
        """A partition is no longer ours: forget its events and their outcomes.

        Returns those of other partitions that shared outcomes with them: their work must be done again.
        """
        assignment.give_up()
        if self.assignments.get(assignment.tp) is assignment:
            del self.assignments[assignment.tp]
        torn = [other for entry in assignment.entries.values() for other in self.part(entry)]
        assignment.release(list(assignment.entries))
        assignment.fired.clear()
        assignment.gate.clear()
        assignment.close_stores()
        return [entry for entry in torn if entry.live]

    def join(self, entries: list[Entry]) -> None:
        """What is sent for one of these is sent for all of them, and for those that they share outcomes with."""
        joint = Joint(dict.fromkeys(one for entry in entries for one in entry.joint or (entry,)))
        for entry in joint:
            entry.joint = joint

    def part(self, entry: Entry) -> list[Entry]:
        """It shares its outcomes with no one any more. Returns those that it shared them with."""
        joint, entry.joint = entry.joint, None
        others = [other for other in joint or () if other is not entry]
        for other in others:
            other.joint = None
        return others

    def finish(self, entry: Entry, *, forget: bool = False) -> Sequence[Entry]:
        """The work on an event is finished, its outcomes may be committed. Returns those that may be overtaken now.

        Of events that share outcomes none is committed before all are finished: what came before would be overtaken.

        ``forget``: nobody asks for its delivery and its events again. Dropped now, they are still in the processor's
        caches; thousands that wait for their transaction would push everything else out of them, which cost a fifth
        of the event loop's time.
        """
        entry.state = FINISHED
        if forget:
            entry.events, entry.message = (), None  # forget(), without its call: this is done for every event
        entry.assignment.span.finish(entry.offset)
        self.finished += 1
        joint = entry.joint
        if joint is None:
            return (entry,)
        joint.unfinished -= 1
        return () if joint.unfinished else joint

    def start_over(self, entry: Entry) -> None:
        """What an event has read of tables is not the newest any more: its work will be done again."""
        attempts = entry.attempts
        self.reopen(entry)
        entry.attempts = attempts
        entry.fence()
        entry.assignment.contention.overtaken(entry)
        entry.access = TableAccess()  # as in reopen
        self.overtaken += 1

    def reopen(self, entry: Entry) -> None:
        """Discard an event's outcomes: its work will be done again.

        What it has written to tables as a finished event stays until
        ``Stateful.withdraw``: a transaction that is under way may
        commit it after all.
        """
        if entry.joint is not None and entry.state is FINISHED:
            entry.joint.unfinished += 1
        entry.discard()
        if entry.access is not None and not entry.access.finished:
            entry.access.forget()
            # Others may wait for one that was overtaken, now or soon: its end is looked at, even if it touches no table
            # next time.
            entry.access = TableAccess() if entry.assignment.contention.counts(entry) else None
        entry.assignment.span.reopen(entry.offset)
        entry.attempts += 1

    def refuse(self, entry: Entry, *, replacing: bool) -> None:
        """Brokers never take the outcome of this finished event: until it has another, none of its key passes it.

        ``replacing``: its delivery works on another one, and a drain waits for it. Else it stays unfinished, and holds
        nothing back that is committed on the way down.
        """
        self.reopen(entry)
        if replacing:
            entry.state = STARTED
            entry.replaced += 1
        else:
            entry.state = WAITING
        self._refused.add(entry)

    def form(self, metadata: bytes | None, records: float = math.inf, size: float = math.inf) -> Batch | None:
        """The next transaction; None when there is nothing to commit.

        ``metadata``: the group's generation, read *before* this call; None: no offset can be committed now.
        ``records``, ``size``: about so many records and bytes of events, and half as many of sends outside them; but
        whatever one event has sent goes together.
        """
        batch = Batch(metadata, [], [])
        self.finished = 0
        if metadata is not None:
            self._select(batch, records, size)
        if not batch.one_by_one:
            batch.loose = self.loose.take(int(min(LOOSE_LIMIT, records / 2)) or 1, size / 2)
        return batch if batch.offers or batch.loose else None

    def _select(self, batch: Batch, records: float, size: float) -> None:
        """Fill a batch with what is finished, or with a part of it.

        Invariant: a batch is closed. With an event come those it shares outcomes with, and what is before it in the
        order of its partition or its key, or else it waits too.
        """
        self.suspects = {entry for entry in self.suspects if entry.live and entry.state is FINISHED}
        self._refused = {entry for entry in self._refused if entry.live and entry.state is not FINISHED}
        if self.suspects:
            records = min(records, ONE_BY_ONE)
        withheld: defaultdict[TP, set[int]] = defaultdict(set)
        self._withhold(self._refused, withheld)
        self._fill(batch, withheld, {}, records)
        if batch.offers and (records < math.inf or size < math.inf):
            self._fill(batch, withheld, self._portion(batch, records, size), records)
        if batch.accesses:
            batch.accesses.sort(key=attrgetter("seq"))
            changelog = changelog_of(batch.accesses)
            batch.outcomes += changelog
            batch.changelog = len(changelog)
        batch.one_by_one = any(entry in self.suspects for entry, _ in batch.outcomes)

    def _fill(
        self, batch: Batch, withheld: defaultdict[TP, set[int]], below: dict[TP, int], most_timers: float
    ) -> None:
        """Fill a batch with what is finished and not withheld; with ``below``, to these offsets of its partitions."""
        while True:
            batch.offers.clear()
            batch.outcomes.clear()
            batch.accesses.clear()
            batch.timers.clear()
            chosen: defaultdict[int, list[Entry]] = defaultdict(list)
            stateful: dict[TableAccess, list[Entry]] = {}
            for tp, assignment in self.assignments.items():
                # The poll thread clears `alive` before it publishes a newer generation, and the generation was read
                # before: a span of a partition given up can only meet a generation that brokers refuse.
                if not assignment.alive or (below and tp not in below):
                    continue
                without = withheld[tp]
                timers = self._timers(assignment, without, most_timers) if assignment.fired else []
                offer = assignment.span.offer(
                    ordered=self._ordered, without=without, below=below.get(tp, math.inf), timers=bool(timers)
                )
                if offer is None:
                    continue
                batch.offers.append((assignment, offer))
                for timer in timers:
                    batch.timers.append(timer)
                    if timer.access is not None:
                        stateful.setdefault(timer.access, []).append(timer)
                for offset in offer.finished:
                    entry = assignment.entries[offset]
                    for outcome in entry.outcomes:
                        batch.outcomes.append((entry, outcome))
                    if entry.joint is not None:
                        chosen[id(entry.joint)].append(entry)
                    if entry.access is not None:
                        stateful.setdefault(entry.access, []).append(entry)
            torn: list[list[Entry]] = [
                entries[0].joint or [] for entries in chosen.values() if len(entries) < len(entries[0].joint or [])
            ]
            early = [one for access in too_early(stateful) for one in stateful[access]] if stateful else []
            if not torn and not early:
                follows = followers(stateful) if _share_tables(batch) else []
                if chosen or follows:
                    self._put_in_order(batch, follows)
                batch.outcomes += [(timer, made) for timer in batch.timers for made in timer.outcomes]
                batch.accesses = [access for access in stateful if access.finished]
                return
            if any(not entry.assignment.alive for joint in torn for entry in joint):
                # The event loop has yet to hear of a loss, and to undo what depended on it.
                batch.offers.clear()
                batch.outcomes.clear()
                batch.timers.clear()
                return
            self._withhold((*early, *(entry for joint in torn for entry in joint)), withheld)

    @staticmethod
    def _timers(assignment: Assignment, without: Collection[int], most: float) -> list[Entry]:
        done = [one for one in assignment.fired.values() if one.state is FINISHED and one.offset not in without]
        return done[: int(min(most, len(done)))]

    def _put_in_order(self, batch: Batch, follows: Iterable[tuple[Entry, Entry]]) -> None:
        """What an agent has sent for a batch is held by one event of it, and must not overtake what the others follow.

        Of a partition, or of a key, offsets tell who follows whom; between two that share outcomes with others, that
        is so for all of them. Of two topics that share a table no offsets tell: ``follows`` has pairs of those where
        the second has read what the first has written.
        """
        groups: defaultdict[int, list[Entry]] = defaultdict(list)
        places: list[tuple[Any, int]] = []
        for assignment, offer in batch.offers:
            for entry in map(assignment.entries.__getitem__, offer.finished):
                group = id(entry.joint or entry)
                groups[group].append(entry)
                line = assignment.tp if self._ordered else None if entry.key is None else (assignment.tp, entry.key)
                places.append((line, group))
        for pair in follows:
            places += [(pair, id(entry.joint or entry)) for entry in pair]
        if (order := in_order(places)) is not None:
            batch.outcomes = [(entry, made) for one in order for entry in groups[one] for made in entry.outcomes]

    def _withhold(self, entries: Iterable[Entry], withheld: defaultdict[TP, set[int]]) -> None:
        """These wait for a later transaction, and those of their keys that come after them."""
        first: defaultdict[Assignment, dict[bytes, int]] = defaultdict(dict)
        for entry in entries:
            withheld[entry.assignment.tp].add(entry.offset)
            if entry.key is not None and not entry.is_timer:
                keys = first[entry.assignment]
                keys[entry.key] = min(keys.get(entry.key, entry.offset), entry.offset)
        for assignment, keys in first.items():
            withheld[assignment.tp].update(
                one.offset
                for one in assignment.entries.values()
                if one.key is not None and one.offset > keys.get(one.key, math.inf)
            )

    def _portion(self, batch: Batch, records: float, size: float) -> dict[TP, int]:
        """Of a closed batch a closed part of so many records and bytes, one event at least: below which offsets."""
        below = {assignment.tp: 0 for assignment, _ in batch.offers}
        entries = {assignment.tp: assignment.entries for assignment, _ in batch.offers}
        left = {assignment.tp: deque(offer.finished) for assignment, offer in batch.offers}
        turns = deque(left)
        # The partitions in turn, each first for once: none waits for another to have nothing left, or to fit at all.
        self._first += 1
        turns.rotate(-self._first)
        begun = False
        while turns and records > 0 and size > 0:
            tp = turns.popleft()
            if not left[tp]:
                continue
            turns.append(tp)
            taken: list[Entry] = []
            wanted = [entries[tp][left[tp][0]]]
            while wanted:
                entry = wanted.pop()
                if entry.is_timer:
                    continue  # it is in the batch, or else whoever has read what it wrote waits for it
                offsets = left[entry.assignment.tp]
                while offsets and offsets[0] <= entry.offset:
                    one = entries[entry.assignment.tp][offsets.popleft()]
                    taken.append(one)
                    wanted += one.joint or ()
                    if one.access is not None:
                        wanted += [earlier.entry for earlier in one.access.after if not earlier.booked]
            sizes = [outcome.size for one in taken for outcome in one.outcomes]
            sizes += [one.access.size for one in taken if one.access is not None and one.access.entry is one]
            if begun and (len(sizes) > records or sum(sizes) > size):
                break
            begun = True
            records, size = records - len(sizes), size - sum(sizes)
            for one in taken:
                below[one.assignment.tp] = max(below[one.assignment.tp], one.offset + 1)
        return below

    def settle(self, batch: Batch) -> None:
        """The transaction is committed.

        Raises:
            Exception: a table's store cannot take what was written. It is in the changelog.
        """
        self.loose.settle(batch.loose)
        accesses = [access for access in batch.accesses if access.entry.assignment.alive]
        for assignment, offer in batch.offers:
            if assignment.alive:
                assignment.span.settle(offer)
                assignment.release(offer.finished)
        for timer in batch.timers:
            timer.assignment.release_timer(timer)
        book(accesses)

    def suspect(self, entries: list[Entry]) -> None:
        """A transaction was refused because of one of these."""
        self.suspects.update(entries)

    def adopt(self, positions: dict[TP, Progress], batch: Batch | None = None) -> None:
        """A transaction is in doubt: the group's committed progress was read again and tells what took effect.

        ``batch``: the transaction, if it carried timers: its turn tells of them, as their offset may stay where it was.

        Raises:
            Exception: as ``settle``.
        """
        accesses: dict[TableAccess, None] = {}
        for tp, progress in positions.items():
            assignment = self.assignments.get(tp)
            if assignment is not None and assignment.alive:
                done = assignment.span.adopt(progress)
                entries = [assignment.entries[offset] for offset in done if offset in assignment.entries]
                accesses |= {one.access: None for one in entries if one.access is not None and one.access.finished}
                assignment.release(done)
        turns = {assignment: offer.progress.stream for assignment, offer in batch.offers} if batch else {}
        for timer in batch.timers if batch else ():
            told, offered = positions.get(timer.assignment.tp), turns[timer.assignment]
            if timer.live and told is not None and told.stream and offered and told.stream.turn == offered.turn:
                if timer.access is not None and timer.access.finished:
                    accesses[timer.access] = None
                timer.assignment.release_timer(timer)
        book(sorted(accesses, key=attrgetter("seq")))


def _share_tables(batch: Batch) -> bool:
    """Whether partitions of several topics with one state are in it."""
    return len({id(assignment.contention) for assignment, _ in batch.offers}) < len(batch.offers)
