"""Tells Faust's sensors of transactions and rebalances, and our monitor what they have no method for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import faust
from faust.types import TP

from streamproc.transport.flight.ledger import Batch, Ledger
from streamproc.transport.kafka.verdicts import Aborted, Committed, InDoubt, Refused, Verdict
from streamproc.transport.surface.monitor import Monitor

_NAMES: dict[type[Verdict], str] = {
    Committed: "committed",
    Aborted: "aborted",
    Refused: "refused",
    InDoubt: "in_doubt",
}


@dataclass(frozen=True, slots=True)
class TransactionEnded:
    """What became of a transaction, for whoever traces them.

    ``outcome``: committed, aborted, refused or in_doubt; ``reason``: of one that was aborted, Kafka's name for it;
    ``began``: nanoseconds since 1970; ``offsets``: of the events whose outcomes it holds, by partition.
    """

    outcome: str
    reason: str
    began: int
    offsets: Mapping[TP, Sequence[int]]


class Report:
    """What the driver reports to an app's sensors; on the event loop.

    ``listener``: asked for at each transaction, who is told of its end; None: nobody.
    """

    def __init__(
        self, app: faust.App, ledger: Ledger, listener: Callable[[], Callable[[TransactionEnded], None] | None]
    ) -> None:
        self._app = app
        self._ledger = ledger
        self._listener = listener
        self._began = 0

    def begin(self) -> Any:
        """A transaction is about to be carried out. Returns what ``end`` is given."""
        self._began = time.time_ns()
        return self._app.sensors.on_commit_initiated(self._app.consumer)

    def end(self, batch: Batch, verdict: Verdict, state: Any) -> None:
        """It is over."""
        name = _NAMES[type(verdict)]
        self._app.sensors.on_commit_completed(self._app.consumer, state)
        monitor: Any = self._app.monitor
        monitor.count(f"transactions_{name}")
        if isinstance(verdict, Committed):
            monitor.on_tp_commit({assignment.tp: offer.progress.base for assignment, offer in batch.offers})
        for tp, assignment in self._ledger.assignments.items():
            if assignment.end:
                monitor.track_tp_end_offset(tp, assignment.end)
        reason = verdict.reason if isinstance(verdict, Aborted) else ""
        if isinstance(monitor, Monitor):
            monitor.on_transaction(batch, name, reason, self._ledger)
        if (listener := self._listener()) is not None:
            offsets = {assignment.tp: offer.finished for assignment, offer in batch.offers}
            listener(TransactionEnded(name, reason, self._began, offsets))

    def gained(self) -> None:
        """Partitions are this worker's from now on."""
        self._rebalanced("gained")

    def given_up(self, count: int) -> None:
        """Partitions were taken away from this worker."""
        monitor: Any = self._app.monitor
        monitor.count("partitions_given_up", count)
        self._rebalanced("given_up")

    def _rebalanced(self, change: str) -> None:
        if isinstance(self._app.monitor, Monitor):
            self._app.monitor.transport.rebalances[change] += 1
