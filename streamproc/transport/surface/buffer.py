"""Faust's buffer of sends that nobody can await (``send_soon``), made to fail one at a time."""

from __future__ import annotations

import logging
from typing import Any

from faust.transport.producer import ProducerBuffer

from streamproc.transport.errors import TransportError

logger = logging.getLogger(__name__)

#: Sends that wait for room, beside those that have it: whoever cannot be made to wait must be told at some time.
MOST_WAITING = 20_000


class Buffer(ProducerBuffer):
    """Faust's own has no bound, and ends, and the worker with it, at the first send that raises."""

    def put(self, fut: Any) -> None:
        """Take a send.

        Raises:
            TransportError: too many wait.
        """
        if self.size >= MOST_WAITING:
            raise TransportError(
                f"{MOST_WAITING} sends outside events wait already, faster than Kafka takes them: await send() "
                "instead of calling send_soon(), which cannot wait"
            )
        super().put(fut)

    async def _send_pending(self, fut: Any) -> None:
        try:
            await super()._send_pending(fut)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this send's alone
            logger.error("A send outside events failed: %s: %s", type(error).__name__, _told(error))
            if not fut.done():
                fut.set_exception(error)
                fut.exception()  # the log has it; asyncio need not complain where nobody asks


def _told(error: Exception) -> str:
    """What a log may say of it: a serializer's message could quote the record."""
    return str(error) if isinstance(error, TransportError) else "see what its future raises"
