"""What became of a transaction."""

from __future__ import annotations

from dataclasses import dataclass, field

from faust.types import TP

from streamproc.transport.flight.entries import Entry
from streamproc.transport.flight.loose import Loose
from streamproc.transport.flight.progress import Progress


@dataclass(frozen=True, slots=True)
class Committed:
    """It took effect."""


@dataclass(frozen=True, slots=True)
class Aborted:
    """It took no effect; form another."""

    reason: str
    #: The generation was refused: wait for a newer one.
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """It took no effect, because the broker will never take one of these."""

    reason: str
    topic: str
    entries: list[Entry] = field(default_factory=list)
    loose: list[Loose] = field(default_factory=list)
    #: It is these, beyond doubt: the client itself refuses them.
    certain: bool = False


@dataclass(frozen=True, slots=True)
class InDoubt:
    """Whether it took effect, the group's committed progress tells."""

    committed: dict[TP, Progress]


Verdict = Committed | Aborted | Refused | InDoubt


class Stopped(Exception):  # noqa: N818
    """The worker stops while a call is being tried again."""
