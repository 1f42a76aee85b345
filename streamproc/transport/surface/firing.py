"""Carries out timers that are due, as agents carry out events. On the event loop."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from typing import Any

import faust
from faust.types import TP

from streamproc.transport.errors import HandlerFailed
from streamproc.transport.flight.admission import Admission
from streamproc.transport.flight.entries import Assignment, Entry
from streamproc.transport.flight.state.due import Due
from streamproc.transport.flight.timers import Timer, begin, due_timers
from streamproc.transport.shared import Shared
from streamproc.transport.surface.delivery import Delivery, current_delivery, replacing
from streamproc.transport.surface.desk import LedgerDesk
from streamproc.transport.surface.seams import current_event_ref

logger = logging.getLogger(__name__)

#: Timers that are worked on at a time.
CONCURRENCY = 32
_LOOK_S = 0.05

#: A stream time that is so much later than the clock is none that clocks of publishers may differ by.
_AHEAD_S = 3600.0

#: Later than any time that a key is due at.
_WHATEVER_IT_IS = Due(1 << 62)
_LAST_S = datetime.max.replace(microsecond=0, tzinfo=UTC).timestamp()


class Firing:
    """One worker's. It looks for timers that are due, and calls ``on_due`` of their tables."""

    def __init__(
        self,
        app: faust.App,
        shared: Shared,
        admission: Admission,
        desk: LedgerDesk,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """``clock``: seconds; ``wall``: seconds since 1970."""
        self._app = app
        self._shared = shared
        self._ledger = shared.ledger
        self._settings = shared.settings_in_force()
        self._admission = admission
        self._desk = desk
        self._clock = clock
        self._wall = wall
        self._ready: deque[Entry] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        #: Where each partition stood, and since when.
        self._stood: dict[TP, tuple[int, float]] = {}
        #: Partitions whose stream time is ahead of the clock, so that somebody was told.
        self._ahead: set[TP] = set()

    @classmethod
    def of(cls, app: faust.App, shared: Shared, admission: Admission, desk: LedgerDesk) -> Firing | None:
        """An app's; None: it has no table whose keys are ever due."""
        tables: Iterable[Any] = app.tables.values()
        return cls(app, shared, admission, desk) if any(table.due_of is not None for table in tables) else None

    async def run(self, stopped: Callable[[], bool]) -> None:
        """Look again and again, until stopped."""
        while not stopped():
            self.look()
            await asyncio.sleep(_LOOK_S)

    def look(self) -> None:
        """Begin with what is due now."""
        for assignment in self._ledger.assignments.values():
            if not assignment.span.timed:
                continue
            if assignment.passes_time:
                if self._settings.idle_time:
                    self._pass_idle_time(assignment, self._settings.idle_time)
                self._warn_of_time_ahead(assignment)
            for timer in due_timers(assignment, int(self._wall() * 1000)):
                if self._admission.admit_timer(timer):
                    self.put(timer)

    def drop(self, table: str, name: bytes) -> bool:
        """Delete a key of a table whose keys are due by the clock, as if it were due now, whenever it is.

        False: this worker has no such key, or its partition is about to go. Else it is deleted when a transaction
        carries that, which is never if the partition goes before.
        """
        for assignment in self._ledger.assignments.values():
            state = assignment.states.get(table)
            if state is None or assignment.draining or not assignment.alive or state.store.get(name) is None:
                continue
            timer = begin(assignment, state, name, _WHATEVER_IT_IS)
            if self._admission.admit_timer(timer):
                self.put(timer)
            return True
        return False

    def put(self, timer: Entry) -> None:
        """A timer may start."""
        self._ready.append(timer)
        self._begin()

    def take_back(self, entries: Collection[Entry]) -> None:
        """These may not start after all."""
        self._ready = deque(timer for timer in self._ready if timer not in entries)

    def stop(self) -> None:
        """Whatever is worked on is given up."""
        self._ready.clear()
        for task in self._tasks:
            task.cancel()

    def _pass_idle_time(self, assignment: Assignment, idle: float) -> None:
        """Where nothing has come for so many seconds, and nothing is left, time passes all the same, so much later."""
        now, span = self._clock(), assignment.span
        position, since = self._stood.get(assignment.tp, (-1, now))
        if span.position != position or assignment.entries or span.position < assignment.end or not assignment.end:
            self._stood[assignment.tp] = span.position, now
        elif now - since >= idle:
            span.advance(int((self._wall() - idle) * 1000))

    def _warn_of_time_ahead(self, assignment: Assignment) -> None:
        """One record can do that, and nothing that comes after it tells: it is only late."""
        tp, seconds = assignment.tp, assignment.span.time / 1000
        if seconds - self._wall() < _AHEAD_S:
            self._ahead.discard(tp)
        elif tp not in self._ahead:
            self._ahead.add(tp)
            logger.warning(
                "The stream time of %s[%d] is %s, ahead of the clock: a record below offset %d has a timestamp of the "
                "future. It closes the windows up to then, and what comes now is late for them. Let the topic refuse "
                "such records (message.timestamp.after.max.ms)",
                *tp,
                datetime.fromtimestamp(min(seconds, _LAST_S), UTC).isoformat(timespec="seconds"),
                assignment.span.position,
            )

    def _begin(self) -> None:
        while self._ready and len(self._tasks) < CONCURRENCY:
            timer = self._ready.popleft()
            if isinstance(timer, Timer) and timer.ready:
                context = contextvars.copy_context()
                task = asyncio.get_running_loop().create_task(self._carry_out(timer), context=context)
                self._tasks.add(task)
                task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._shared.crash(error)
        self._begin()

    async def _carry_out(self, timer: Timer) -> None:
        delivery = Delivery(self._desk, timer)
        delivery.refcount = 1
        timer.hand_over(delivery)
        if not timer.start(delivery):
            return
        current_event_ref.set(None)
        current_delivery.set(delivery)
        try:
            await self._work(timer, delivery)
        except asyncio.CancelledError as error:
            self._desk.fail(delivery, error)
            raise
        except Exception as error:  # noqa: BLE001 - the policy decides
            access = timer.access
            if self._settings.on_raise == "skip" and delivery.current and not (access is not None and access.stale):
                self._skip(timer, delivery, error)
            else:
                self._desk.fail(delivery, error)
        else:
            self._desk.ack(delivery)

    async def _work(self, timer: Timer, delivery: Delivery) -> None:
        """Delete the timer, and do what it is for; both are one event's work."""
        access, state = self._ledger.tables.access(timer), timer.table
        value = access.read(state, timer.name)
        due = None if value is None or state.due is None else state.due.due_of(timer.name, value)
        if value is None or due is None or due.at > timer.due.at:
            return  # deleted, or set to a later time: then it is due then
        access.write(state, timer.name, None)
        if timer.refusal is not None:
            await self._replace(timer, delivery)
            return
        table: Any = self._app.tables[state.name]
        await table.on_due(timer.name, value)

    async def _replace(self, timer: Timer, delivery: Delivery) -> None:
        event = faust.Event(self._app, timer.key, None, {}, delivery)
        replacing.set(True)
        handler, error = self._shared.on_refused, timer.refusal
        if handler is None or error is None:
            return
        try:
            await handler(event, error)
        except Exception as reason:
            self._shared.crash(HandlerFailed(f"on_refused raised {type(reason).__name__} on: {error}"))
            raise asyncio.CancelledError from reason

    def _skip(self, timer: Timer, delivery: Delivery, error: BaseException) -> None:
        """As an event that is skipped: it has no outcome, and is over."""
        logger.error("Skipped %s: its work raised", timer.where, exc_info=error)
        self._ledger.reopen(timer)
        self._ledger.tables.access(timer).write(timer.table, timer.name, None)
        self._desk.ack(delivery)
