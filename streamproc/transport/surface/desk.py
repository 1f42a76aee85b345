"""What becomes of an event: done, failed, or one of a batch. On the event loop."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from streamproc.transport.errors import HandlerFailed, Unsupported
from streamproc.transport.flight.admission import Admission
from streamproc.transport.flight.entries import FINISHED, STARTED, Entry
from streamproc.transport.flight.undo import undo
from streamproc.transport.shared import Shared
from streamproc.transport.surface.delivery import Delivery
from streamproc.transport.surface.inbox import Inbox
from streamproc.transport.surface.seams import running_loop

logger = logging.getLogger(__name__)


class LedgerDesk:
    """A Desk that books in the ledger, and puts into the inbox what may start now or once more."""

    def __init__(
        self, app: Any, shared: Shared, admission: Admission, inbox: Inbox, commit_soon: Callable[[], None]
    ) -> None:
        self._app = app
        self._shared = shared
        self._settings = shared.settings_in_force()
        self._ledger = shared.ledger
        self._admission = admission
        self._inbox = inbox
        self._commit_soon = commit_soon
        #: The loop that all of this runs on, from the start on.
        self.loop: asyncio.AbstractEventLoop | None = None
        #: Whether the worker goes down: what fails now is left for the next one.
        self.closing = False

    @property
    def faust_generation(self) -> int:
        """The generation that Faust's own streams take messages of."""
        generation: int = self._app.consumer_generation_id
        return generation

    def ack(self, delivery: Delivery, n: int = 1) -> bool:
        """``n`` streams are done with the event; after the last one its outcomes may be committed."""
        if running_loop() is not self.loop:
            assert self.loop is not None, "nothing is delivered before the start"
            self.loop.call_soon_threadsafe(self.ack, delivery, n)
            return False
        delivery.refcount -= n
        if delivery.refcount > 0:
            return False
        delivery.acked = True
        entry = delivery.entry
        # One that is released has no message.
        if entry.message is not delivery or not entry.assignment.alive or entry.state is FINISHED:
            return False
        if (entry.access is not None or entry.joint is not None) and self._overtaken(entry):
            return False
        # A handler of refusals is given the event and the delivery.
        self._finish(entry, forget=self._shared.on_refused is None)
        return True

    def fail(self, delivery: Delivery, error: BaseException, together: Sequence[Delivery] = ()) -> None:
        """An agent raised on this event: its outcomes are discarded, and the policy decides what becomes of it.

        ``together``: others that it has raised on. Any of one batch may hold what was sent for the rest of it, which
        is discarded with it: so all of them are done again.
        """
        entry = delivery.entry
        if not delivery.current or entry.state is FINISHED:
            return
        if entry.access is not None:
            if entry.access.stale and not self.closing and not isinstance(error, asyncio.CancelledError):
                # Maybe it has raised because of that: nobody should have seen all of it together.
                self._begin_anew(entry)
                return
            self._over(entry)
        for other in self._ledger.part(entry):
            if other.state in (STARTED, FINISHED) and other.message not in together:
                self._ledger.reopen(other)
                other.fence()
                self._again(other)
        read = entry.access
        self._ledger.reopen(entry)
        entry.fence()
        if self.closing:
            return
        where = entry.where
        if isinstance(error, asyncio.CancelledError):
            self._again(entry)
        elif isinstance(error, Unsupported):
            self._shared.crash(error)
        elif self._settings.on_raise == "skip":
            logger.error("Skipped %s: the agent raised", where, exc_info=error)
            if read is not None:
                # Maybe it has raised because of what it has read: that must be committed too, or it is done again.
                self._ledger.tables.read_only(entry, read)
            self._finish(entry)
        elif self._settings.on_raise == "retry":
            delay = self._settings.retry_delay(entry.attempts) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
            logger.warning("%s: the agent raised; again in %.1f s", where, delay, exc_info=error)
            asyncio.get_running_loop().call_later(delay, self._again, entry)
        else:
            logger.error("%s: the agent raised", where, exc_info=error)
            self._shared.crash(
                HandlerFailed(f"{where}: the agent raised {type(error).__name__}, and on_raise is 'stop'")
            )

    def join(self, deliveries: Sequence[Delivery]) -> None:
        """An agent works on these as a batch: what it sends belongs to all of them."""
        self._ledger.join([delivery.entry for delivery in deliveries])

    def redo(self, entries: Iterable[Entry], waiting: Iterable[Entry] = ()) -> None:
        """What these were done for is gone: they begin anew, unless they are committed after all.

        ``waiting``: those that begin behind them.
        """
        entries = list(entries)
        self.withdraw((*entries, *waiting))
        for entry in entries:
            if entry.live:
                self._again(entry)
            else:
                self._let_successor_pass(entry)

    def withdraw(self, entries: Iterable[Entry]) -> None:
        """These are not committed with what they have written to tables: who has read it begins anew.

        No transaction is under way that has any of them.
        """
        dependents = self._ledger.tables.withdraw(entries)
        if dependents:
            anew, waiting = undo(dependents, self._ledger, self._admission, tables=True)
            self._inbox.take_back(waiting)
            self.redo(anew)

    def _overtaken(self, entry: Entry) -> bool:
        """Whether it begins anew, or waits, because of what others do to tables at the same time."""
        joint = entry.joint
        if joint is None and not entry.assignment.contention.busy:
            if self._ledger.tables.write_alone(entry):
                return False
            self._begin_anew(entry)
            return True
        if joint is not None and joint.unfinished > 1:
            return False  # the last one of them is asked
        entries: Sequence[Entry] = joint or (entry,)
        in_the_way = False
        for one in entries:
            access, contention = one.access, one.assignment.contention
            if access is not None and contention.privileged is not None and contention.in_the_way(one, access):
                in_the_way = True
        try:
            if in_the_way or not self._ledger.tables.write(entries):
                self._begin_anew(entry, parked=in_the_way)
                return True
        except Unsupported as error:
            self._shared.crash(error)
            return True
        for one in entries:
            if one.access is not None and one.assignment.contention.busy:
                self._over(one)
        return False

    def _begin_anew(self, entry: Entry, *, parked: bool = False) -> None:
        """It is done again, with those that share its outcomes; ``parked``: when the privileged event is done."""
        for one in (entry, *self._ledger.part(entry)):
            self._ledger.start_over(one)
            if self.closing:
                continue
            # Of a batch some may be of another partition, where there is nobody to wait for but themselves.
            if parked and one.assignment.contention.privileged not in (None, one):
                one.assignment.contention.park(one)
            else:
                self._again(one)

    def _over(self, entry: Entry) -> None:
        """The work on an event that has touched tables is over, well or not."""
        for parked in entry.assignment.contention.over(entry):
            if parked.live:
                self._again(parked)

    def _finish(self, entry: Entry, *, forget: bool = False) -> None:
        for one in self._ledger.finish(entry, forget=forget):
            # As in _let_successor_pass, without its call: this is done for every event.
            successor = self._admission.successor(one)
            if successor is not None:
                self._inbox.put(successor)
        if self._ledger.finished >= self._settings.commit_every:
            self._commit_soon()

    def _let_successor_pass(self, entry: Entry) -> None:
        successor = self._admission.successor(entry)
        if successor is not None:
            self._inbox.put(successor)

    def _again(self, entry: Entry) -> None:
        entry.forget()
        self._inbox.put(entry)
