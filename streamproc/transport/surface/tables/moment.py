"""The stream time of what is worked on."""

from __future__ import annotations

from streamproc.transport.flight.timers import Timer
from streamproc.transport.surface.delivery import current_delivery


def moment() -> int | None:
    """Milliseconds since 1970; None: no event and no timer is worked on.

    An event's is the newest timestamp of its partition's records up to its own, by offset, whatever is finished; a
    timer's is its due time. Of a batch it is the first event's: what is still open for one of them is so for all.
    """
    delivery = current_delivery.get()
    if delivery is None:
        return None
    entry = delivery.entry
    if isinstance(entry, Timer):
        return entry.due.at
    assignment = entry.assignment
    own = assignment.time_with(delivery.record)
    if entry.joint is None:
        return own
    others = [one.record for one in entry.joint if one.assignment is assignment and one.record is not None]
    return min(map(assignment.time_with, others), default=own)
