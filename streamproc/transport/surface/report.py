"""Tells Faust's sensors of transactions and rebalances, and our monitor what they have no method for."""

from __future__ import annotations

from typing import Any

import faust

from streamproc.transport.flight.ledger import Batch, Ledger
from streamproc.transport.kafka.verdicts import Aborted, Committed, InDoubt, Refused, Verdict
from streamproc.transport.surface.monitor import Monitor

_NAMES: dict[type[Verdict], str] = {
    Committed: "committed",
    Aborted: "aborted",
    Refused: "refused",
    InDoubt: "in_doubt",
}


class Report:
    """What the driver reports to an app's sensors; on the event loop."""

    def __init__(self, app: faust.App, ledger: Ledger) -> None:
        self._app = app
        self._ledger = ledger

    def begin(self) -> Any:
        """A transaction is about to be carried out. Returns what ``end`` is given."""
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
        if isinstance(monitor, Monitor):
            reason = verdict.reason if isinstance(verdict, Aborted) else ""
            monitor.on_transaction(batch, name, reason, self._ledger)

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
