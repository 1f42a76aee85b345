"""Partitions come and go: the ledger takes them on, lets them finish, drops them; Faust is told. On the event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

from faust.app.base import App
from faust.tables.manager import TableManager

from streamproc.transport.errors import Unsupported
from streamproc.transport.flight.admission import Admission
from streamproc.transport.flight.entries import Assignment
from streamproc.transport.flight.ledger import Ledger
from streamproc.transport.flight.undo import undo
from streamproc.transport.kafka.cycle import Cycle
from streamproc.transport.surface.desk import LedgerDesk
from streamproc.transport.surface.inbox import Inbox
from streamproc.transport.surface.report import Report
from streamproc.transport.surface.seams import set_active_partitions, update_assignment
from streamproc.transport.surface.tables.manager import tables_of

#: The last part of a drain's deadline is for committing what is finished, even if something else never finishes.
_COMMIT_RESERVE_S = 1.0
#: A transaction gets this long when the deadline is over already.
LAST_TRY_S = 1.0


class Rebalance:
    """What a consumer does in a rebalance."""

    def __init__(
        self,
        consumer: Any,
        ledger: Ledger,
        admission: Admission,
        inbox: Inbox,
        desk: LedgerDesk,
        report: Report,
        cycle: Callable[[], Cycle],
    ) -> None:
        """``cycle``: what commits; asked for when it is needed, since it is made at the start."""
        self._consumer = consumer
        self._app: Any = consumer.app
        self._ledger = ledger
        self._admission = admission
        self._inbox = inbox
        self._desk = desk
        self._report = report
        self._cycle = cycle
        self._first_assignment = True
        #: Whether this worker takes on nothing more.
        self.over = False

    async def assigned(self, begun: Sequence[Assignment]) -> None:
        """Partitions are ours. Tell Faust what is ours now.

        Faust's own handling of a rebalance clears the streams' queues, which drops what is still ours; so it runs
        once, before anything is delivered, and later only the parts that keep the queues.
        """
        for assignment in begun:
            if self.over:
                assignment.give_up()  # too late for this worker to begin anything
            if assignment.alive:
                self._ledger.add(assignment)
            else:
                assignment.close_stores()
        if begun:
            self._report.gained()
        app = self._app
        try:
            if (ours := tables_of(app)) is not None:
                ours.check_neighbours(begun)
        except Unsupported as error:
            self._consumer.crash_soon(error)
            return
        tps = set(self._ledger.assignments)
        app.on_rebalance_start()
        if self._first_assignment:
            self._first_assignment = False
            await self._consumer.on_partitions_assigned(tps, app.consumer_generation_id)
            await self._tell_tables(begun)
            return
        set_active_partitions(self._consumer, tps)
        app.unassigned = not tps
        revoked, added = update_assignment(cast(App, app), tps)
        await app.agents.on_rebalance(revoked, added)
        await app.topics.on_partitions_assigned(tps)
        if revoked:
            await app.on_partitions_revoked.send(revoked)
        await app.on_partitions_assigned.send(tps)
        tables = cast(TableManager, app.tables)
        tables.on_actives_ready()
        tables.on_standbys_ready()
        await app.on_rebalance_complete.send()
        app.on_rebalance_return()
        app.on_rebalance_end()
        await self._tell_tables(begun)

    async def _tell_tables(self, begun: Sequence[Assignment]) -> None:
        if (tables := tables_of(self._app)) is not None:
            await tables.recovered(begun)

    async def revoked(self, assignments: Sequence[Assignment], deadline: float) -> None:
        """Let started events finish and commit them, until the deadline; what is not started is given up."""
        for assignment in assignments:
            assignment.drain()
        work_until = deadline - min(_COMMIT_RESERVE_S, (deadline - time.monotonic()) / 4)
        # Looked at a few times in a rebalance, rather than signalled by every acknowledgement.
        while any(a.in_progress() for a in assignments) and time.monotonic() < work_until:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        # One transaction may be under way that was formed before the last event finished, and one may be refused for
        # its generation: so until nothing finished is left.
        while any(assignment.has_finished() for assignment in assignments):
            await self._cycle().once(timeout=max(LAST_TRY_S, deadline - time.monotonic()))
            if time.monotonic() >= deadline:
                return
            await asyncio.sleep(0.01)

    def lost(self, assignments: Sequence[Assignment]) -> None:
        """Partitions are no longer ours: forget them, and undo what depended on them."""
        if assignments:
            self._report.given_up(len(assignments))
        torn = [entry for assignment in assignments for entry in self._ledger.drop(assignment)]
        # A transaction that is under way may have them: then its verdict tells whether they are done.
        anew, waiting = undo(torn, self._ledger, self._admission, tables=False)
        if waiting:
            self._inbox.take_back(waiting)
        if anew:
            self._cycle().after_this(partial(self._desk.redo, anew, waiting))
        if assignments and not self.over:
            self._inbox.receive(partial(self.assigned, []))
