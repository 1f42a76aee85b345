"""How much one transaction holds: all that is finished, until that proves too much for the way to the brokers."""

from __future__ import annotations

import math

from streamproc.transport.flight.ledger import Batch


class Portion:
    """Bounds a transaction by what the last ones took.

    A transaction that lasts as long as the brokers' patience is aborted, and formed again from the same events it would
    never pass. So one that takes too long halves the portion, whatever became of it, and one that is quick although it
    used the portion doubles it (as TCP's slow start does with its window, RFC 5681).
    """

    def __init__(self, timeout: float) -> None:
        """``timeout``: seconds after which brokers abort a transaction."""
        self.timeout = timeout
        #: Records, and bytes of their keys, values and headers.
        self.records: float = math.inf
        self.size: float = math.inf

    @property
    def bounded(self) -> bool:
        """Whether not all that is finished may be taken."""
        return self.records < math.inf

    def learn(self, batch: Batch, seconds: float, *, committed: bool) -> bool:
        """A transaction took so long. Returns whether that was too long."""
        too_long = seconds > self.timeout / 2
        if not too_long and not self.bounded:
            return False
        outcomes = [outcome for _, outcome in batch.outcomes]
        outcomes += [loose.outcome for loose in batch.loose]
        records, size = len(outcomes), sum(outcome.size for outcome in outcomes)
        if too_long:
            self.records = max(1, min(self.records, records) // 2)
            self.size = max(1, min(self.size, size) // 2)
        elif committed and seconds < self.timeout / 8 and (2 * records >= self.records or 2 * size >= self.size):
            self.records *= 2
            self.size *= 2
        return too_long
