"""What is read from Kafka for the page: while somebody looks, and not longer.

The ends of the topics of outcomes are followed by one consumer, and the group's progress is looked at now and then;
each from a thread of its own, so that one which waits for Kafka holds up neither scoring nor the other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from functools import partial

import structlog
from confluent_kafka import Message
from faust.types import TP

from streamproc.contracts.majors import MAJORS
from streamproc.deadletter.envelope import PREFIX
from streamproc.errors import StreamprocError
from streamproc.kafka.group import Member, members
from streamproc.kafka.lag import Lag, lags
from streamproc.kafka.tail import BATCH, TopicTail
from streamproc.settings import Settings
from streamproc.transport.headers import headers_of
from streamproc.web.console.aside import Aside
from streamproc.web.console.digest import ResultDigest
from streamproc.web.console.outcomes import KEPT, KeptResult, RecentOutcomes
from streamproc.web.console.peers import ASK_S, Peers

log = structlog.get_logger(__name__)

UNWATCHED_S = 10.0
"""So long after the last look nothing is read any more."""

LOOK_S = 5.0
"""From one look at the group to the next, or ten times what a look takes, but no more than:"""
_LOOK_AT_MOST_S = 30.0
LOOK_RECORDS, LOOK_BYTES = 10_000, 16 << 20
"""Most that one look reads of backlogs; of more, the page tells an upper bound."""

_PAUSE_S = 0.25
"""After each batch: 2,000 records a second are followed, and less of a processor than scoring one reading takes."""
_FULL_AT_MOST = 40
"""So many full batches in a row are more than the page follows."""
_AGAIN_S = 5.0
_READ_AT_ONCE = 4
"""Results that are looked into after each batch, for their latencies: a sample, where more come."""


@dataclass(frozen=True, slots=True)
class GroupLook:
    """The group at a time (seconds since 1970): what is left in partitions of other workers, and who is in it.

    problem: why it failed; empty: it did not.
    """

    at: float = 0.0
    others: tuple[Lag, ...] = ()
    members: tuple[Member, ...] = ()
    problem: str = ""
    known: bool = field(default=False)
    """Whether there has been one that did not fail."""


class Watch:
    """Follows the outcomes and looks at the group.

    Args:
        settings: Kafka, the group, the topics.
        own: the partitions that this worker has, and knows more of than anybody.
        worker: its id.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        settings: Settings,
        own: Callable[[], Collection[TP]],
        worker: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        kafka = settings.kafka
        self._settings = settings
        self._own = own
        self._clock = clock
        self._major = MAJORS[min(kafka.result_majors)]
        self.result_topic = kafka.topic_of(self._major)
        self.outcomes = RecentOutcomes()
        self.group = GroupLook()
        self.peers = Peers(worker, clock)
        self.tail_problem = ""
        """Why outcomes are not seen; empty: they are."""
        self.reads = False
        """Whether the outcomes' topics have been read since somebody began to look."""
        self._looked = float("-inf")
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._tailing, self._looking = Aside("console-tail"), Aside("console-group")
        self._tail: TopicTail | None = None
        self._full = 0
        self._unseen: set[tuple[str, int]] = set()
        self._reading: asyncio.Task[None] | None = None
        self.digest = ResultDigest(settings, self.result_topic, self._major)

    def looked(self) -> None:
        """Somebody looks."""
        self._looked = time.monotonic()
        # Each by itself: one may still sleep when the other, which nobody needed any more, has ended.
        for name, work in ("follow", self._follow), ("look", self._look), ("ask", self._ask):
            if name not in self._tasks or self._tasks[name].done():
                self._tasks[name] = asyncio.create_task(work())

    async def close(self) -> None:
        """The worker stops."""
        tasks = [task for task in (*self._tasks.values(), self._reading) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.peers.close()
        self.digest.close()
        self._tailing.close()
        self._looking.close()

    @property
    def _watched(self) -> bool:
        return time.monotonic() - self._looked < UNWATCHED_S

    async def _follow(self) -> None:
        try:
            while self._watched:
                try:
                    await self._step()
                    self.tail_problem = ""
                    await asyncio.sleep(_PAUSE_S)
                except StreamprocError as error:
                    self._forget(error.message)
                    await asyncio.sleep(_AGAIN_S)
        finally:
            self._forget("")

    async def _step(self) -> None:
        if self._tail is None:
            topics = [self.result_topic, self._settings.kafka.dead_letter_topic]
            # Each transaction leaves a marker among the records, so that half of the offsets may hold none.
            self._tail = await self._tailing.do(lambda: TopicTail(self._settings, topics, 2 * KEPT))
            self.outcomes, self._full = RecentOutcomes(), 0
            self._unseen = {(begin.topic, begin.partition) for begin in self._tail.begins if not begin.whole}
        tail = self._tail
        batch = await self._tailing.do(lambda: tail.poll(0.5))
        for message in batch:
            self._take(message)
        self.reads = True
        self._full = self._full + 1 if len(batch) == BATCH else 0
        if self._full > _FULL_AT_MOST:
            # More comes than is followed: what lies between is passed over.
            self._forget("")
        if self._reading is None or self._reading.done():
            unread = self.outcomes.unread(_READ_AT_ONCE)
            self._reading = asyncio.create_task(self.digest.read(unread)) if unread else None

    def _take(self, message: Message) -> None:
        topic, partition = str(message.topic()), message.partition() or 0
        # A clock that goes ahead must not make it look, until that time comes, as if outcomes came.
        milliseconds = min(max(0, message.timestamp()[1] or 0), int(self._clock() * 1000))
        if (topic, partition) in self._unseen:
            self._unseen.discard((topic, partition))
            self.outcomes.known_from(milliseconds / 1000)
        if topic == self.result_topic:
            self.outcomes.result(replace(KeptResult.of(message), time_ms=milliseconds))
            return
        code = dict(headers_of(message) or ()).get(f"{PREFIX}code")
        self.outcomes.letter(milliseconds, code.decode(errors="replace") if code else "")

    def _forget(self, problem: str) -> None:
        tail, self._tail = self._tail, None
        self.tail_problem, self.reads = problem, False
        if tail is not None:
            self._tailing.put(tail.close)

    async def _look(self) -> None:
        while self._watched:
            began = time.monotonic()
            own = frozenset(self._own())
            try:
                found = await self._looking.do(partial(self._group, own))
            except StreamprocError as error:
                found = replace(self.group, problem=error.message)
            self.group = found
            await asyncio.sleep(max(LOOK_S, min(_LOOK_AT_MOST_S, 10 * (time.monotonic() - began))))

    async def _ask(self) -> None:
        while self._watched:
            await self.peers.ask(self.group.members)
            await asyncio.sleep(ASK_S)

    def _group(self, own: frozenset[TP]) -> GroupLook:
        settings, kafka = self._settings, self._settings.kafka
        found = lags(
            settings, kafka.group_id, (kafka.activity_topic,), records=LOOK_RECORDS, size=LOOK_BYTES, without=own
        )
        present = members(settings, kafka.group_id, kafka.activity_topic)
        return GroupLook(self._clock(), tuple(found), tuple(present), "", True)
