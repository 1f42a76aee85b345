"""What must be done again when something is not committed that other events depend on."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from streamproc.transport.flight.admission import Admission
from streamproc.transport.flight.entries import Entry
from streamproc.transport.flight.ledger import Ledger


def undo(
    torn: Iterable[Entry], ledger: Ledger, admission: Admission, *, tables: bool
) -> tuple[list[Entry], Collection[Entry]]:
    """Forget what was done on these events, and on all that depends on it.

    What depends on an event: in the order of keys those of its key that were let pass behind it, which wait again; the
    events that any of these shares its outcomes with; and with ``tables`` those that have read what it wrote there.

    ``tables``: no transaction is under way that has any of these, so what they wrote is undone as well.

    Returns:
        Those that may begin anew, and those that wait for them.
    """
    left = list(torn)
    anew: dict[Entry, None] = {}
    waiting: dict[Entry, None] = {}
    while left:
        entry = left.pop()
        if not entry.live or entry in anew or entry in waiting:
            continue
        behind = admission.take_back(entry)
        anew[entry] = None
        for one in (entry, *behind):
            left += ledger.part(one)
            ledger.reopen(one)
            one.fence()
            one.assignment.contention.unpark(one)
        if tables:
            left += ledger.tables.withdraw((entry, *behind))
        waiting.update(dict.fromkeys(behind))
        for one in behind:
            anew.pop(one, None)
    return list(anew), waiting
