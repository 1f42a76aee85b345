"""Events whose outcome the brokers refuse for good: on_refused may send another in its place, a few times."""

from __future__ import annotations

import asyncio
import contextvars
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from faust.types import EventT

from streamproc.transport.errors import HandlerFailed, OutcomeRefused
from streamproc.transport.flight.entries import FINISHED, Entry
from streamproc.transport.flight.ledger import Ledger
from streamproc.transport.flight.timers import Timer
from streamproc.transport.shared import Shared
from streamproc.transport.surface.delivery import Delivery, current_delivery, replacing
from streamproc.transport.surface.seams import current_event_ref

#: A handler that has smaller and smaller things to say comes to an end before these are used up.
_REPLACEMENTS = 3


class RefusedOutcomes:
    """Has refused outcomes replaced, or stops the worker."""

    def __init__(
        self,
        transport: Shared,
        ledger: Ledger,
        crash: Callable[[BaseException], None],
        withdraw: Callable[[Sequence[Entry]], None],
        redo: Callable[[Sequence[Entry]], None],
    ) -> None:
        """``withdraw``: undoes what events have written to tables. ``redo``: has timers carried out anew."""
        self._transport = transport
        self._ledger = ledger
        self._crash = crash
        self._withdraw = withdraw
        self._redo = redo
        self._tasks: set[asyncio.Task[None]] = set()

    def refused(self, entry: Entry, error: OutcomeRefused) -> None:
        """Kafka will never take what was sent for this event, nor so what was sent for its whole batch."""
        batch = list(entry.joint or [entry])
        self._ledger.part(entry)
        again = [one for one in batch if not self._replace_outcome(one, error)]
        self._withdraw(batch)
        self._redo(again)

    def _replace_outcome(self, entry: Entry, error: OutcomeRefused) -> bool:
        """False: it is a timer, and what is sent instead is sent when that is carried out anew."""
        if not entry.live or entry.state is not FINISHED:
            # Lost, or to be done again, while the transaction was under way: what comes of that is judged anew.
            return True
        handler = self._transport.on_refused
        if isinstance(entry, Timer) and handler is not None and entry.replaced < _REPLACEMENTS:
            self._ledger.refuse(entry, replacing=False)
            entry.replaced += 1
            entry.refusal = error
            return False
        if handler is None or entry.replaced >= _REPLACEMENTS or not entry.events:
            self._ledger.refuse(entry, replacing=False)
            self._crash(error)
            return True
        self._ledger.refuse(entry, replacing=True)
        event, message = entry.events[0], entry.message
        message.acked = False
        context = contextvars.copy_context()
        context.run(current_event_ref.set, weakref.ref(event))
        context.run(current_delivery.set, message)
        context.run(replacing.set, True)
        task = asyncio.get_running_loop().create_task(self._replace(handler, event, message, error), context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _replace(self, handler: Any, event: EventT[Any], message: Delivery, error: OutcomeRefused) -> None:
        try:
            await handler(event, error)
        except Exception as reason:  # noqa: BLE001 - whatever it is, the event has no outcome
            self._crash(HandlerFailed(f"on_refused raised {type(reason).__name__} on: {error}"))
            return
        if message.current:
            message.acked = True
            # Admission has let a successor of its key pass already.
            self._ledger.finish(message.entry)
