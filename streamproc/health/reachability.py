"""Whether what a worker depends on answers: asked by a task of its own, so that a page can say it at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

EVERY_S = 2.0
"""From one question's end to the next."""
TIMEOUT_S = 2.0
MISSES = 2
"""So many questions in a row without an answer: a broker that is restarted while others serve, a connection that breaks
or one late answer is no outage, and readiness does not flap. With the times above an outage is known after 8 s at most,
and its end after 4 s.
"""


class Reachability:
    """Asks now and then.

    Args:
        ask: returns when there is an answer; what it raises is none, and no more than TIMEOUT_S are waited.
    """

    def __init__(self, ask: Callable[[], Awaitable[object]]) -> None:
        self._ask = ask
        self._missed = 0

    @property
    def answers(self) -> bool:
        """Whether it does, as far as is known; before the first question too."""
        return self._missed < MISSES

    async def look(self) -> None:
        """Ask once."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await self._ask()
        except Exception:  # noqa: BLE001 - whatever it is, there was no answer; whoever needs one says what is wrong
            self._missed += 1
        else:
            self._missed = 0

    async def watch(self) -> None:
        """Ask until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY_S)
