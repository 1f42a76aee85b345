"""What a consumer group has finished, as commands ask for it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from faust.types import TP

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.settings import Settings
from streamproc.transport.errors import TransportError
from streamproc.transport.flight.progress import Progress
from streamproc.transport.kafka.offsets import Offsets

STABLE = 60.0
"""Seconds for the group's progress to be told: a dead worker's transaction has to end first."""


def committed(settings: Settings, group: str, tps: Sequence[TP]) -> dict[TP, Progress]:
    """What a group on `rdkafka://` has finished, its open transactions waited for; no entry: it has committed nothing.

    Raises:
        StreamprocError: KAFKA_REFUSED; KAFKA_UNAVAILABLE.
    """
    bootstrap = settings.kafka.bootstrap_servers
    deadline = time.monotonic() + STABLE
    client = {**settings.transport.client(bootstrap), "log_level": 0}
    offsets = Offsets(client, group, "earliest", "stop", lambda: time.monotonic() > deadline)
    try:
        found = offsets.committed(tps)
    except TransportError as error:
        raise StreamprocError(ErrorCode.KAFKA_REFUSED, str(error)) from None
    if time.monotonic() > deadline:
        raise StreamprocError(
            ErrorCode.KAFKA_UNAVAILABLE,
            f"the offsets of group {group} are not known, or not stable, within {STABLE:g} s",
        )
    return found
