"""What scoring asks of whoever calls it: that steps which fail for the world's sake are tried again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from streamproc.errors import Stage

T = TypeVar("T")


class Retry(Protocol):
    """The patience of one event. Scoring does not know how long it lasts, nor what waits meanwhile."""

    async def until_it_works(self, stage: Stage, attempt: Callable[[], Awaitable[T]]) -> T:
        """Await ``attempt()`` until it succeeds or fails for another reason than a transient one.

        Raises:
            StreamprocError: poison and fatal failures of the attempt.
        """
        ...
