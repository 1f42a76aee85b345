"""Waiting for the world: a transient failure is tried again, with jittered exponential backoff, until it passes.

A failing dependency never makes a dead letter. While it fails, the events that need it hold their places in flight,
and consumption stops by itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import stamina
import structlog

from streamproc.errors import ErrorClass, StreamprocError

T = TypeVar("T")

log = structlog.get_logger(__name__)

FIRST_WAIT, LONGEST_WAIT = 0.2, 10.0
"""Seconds before the second attempt, and between attempts in the long run; jitter comes on top."""


def _is_transient(error: Exception) -> bool:
    if not isinstance(error, StreamprocError) or error.code.error_class is not ErrorClass.TRANSIENT:
        return False
    log.warning("waiting for a dependency", code=error.code.name, stage=error.code.stage.value, reason=error.message)
    return True


async def until_it_works(attempt: Callable[[], Awaitable[T]]) -> T:
    """Await ``attempt()`` until it succeeds or fails for another reason than a transient one; never gives up.

    Raises:
        StreamprocError: poison and fatal failures of the attempt, at once.
    """
    async for trial in stamina.retry_context(
        on=_is_transient, attempts=None, timeout=None, wait_initial=FIRST_WAIT, wait_max=LONGEST_WAIT
    ):
        with trial:
            return await attempt()
    raise AssertionError("unreachable: the attempts have no end")
