"""What the other workers of the group say of themselves: each is asked on its own page, while somebody looks.

Where they are stands in the group itself (`kafka.group`), so there is no list to keep. Who answers tells his id too: an
address such as 127.0.0.1 may lead to somebody else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from aiohttp import ClientError, ClientSession, ClientTimeout
from pydantic import ValidationError

from streamproc.kafka.group import Member
from streamproc.web.console.figures import WorkerFigures

PATH = "/console/api/worker"
ASK_S = 2.0
"""From one question to the next."""
TIMEOUT_S = 2.0
MOST = 64
"""Workers that are asked; of those beyond, the page tells their partitions alone."""
_AT_ONCE = 16
_LONGEST_ANSWER = 256 * 1024


@dataclass(frozen=True, slots=True)
class PeerLook:
    """What a worker said last, at a time (seconds since 1970). problem: why it said nothing the last time."""

    at: float = 0.0
    said: WorkerFigures | None = None
    problem: str = ""


class Peers:
    """Asks them.

    Args:
        own: this worker's id, which is not asked.
        clock: seconds since 1970.
    """

    def __init__(self, own: str, clock: Callable[[], float] = time.time) -> None:
        self.own = own
        self.looks: dict[str, PeerLook] = {}
        """By the workers' ids; of those that are in the group."""
        self._clock = clock
        self._session: ClientSession | None = None
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def ask(self, members: Sequence[Member]) -> None:
        """Ask them all, side by side."""
        others = [member for member in members if member.pages and member.id != self.own]
        self.looks = {member.id: self.looks.get(member.id, PeerLook()) for member in others[:MOST]}
        await asyncio.gather(*(self._ask(member) for member in others[:MOST]))

    async def close(self) -> None:
        """The worker stops."""
        if self._session is not None:
            await self._session.close()

    async def _ask(self, member: Member) -> None:
        try:
            async with self._places:
                said = await self._said(member)
        except (ClientError, OSError, TimeoutError):
            problem = "does not answer"
        except (ValidationError, ValueError):
            problem = "tells nothing that this release understands"
        else:
            if said.id == member.id:
                self.looks[member.id] = PeerLook(self._clock(), said)
                return
            problem = "another worker answers at its address"
        self.looks[member.id] = replace(self.looks.get(member.id, PeerLook()), problem=problem)

    async def _said(self, member: Member) -> WorkerFigures:
        if self._session is None:
            self._session = ClientSession(timeout=ClientTimeout(total=TIMEOUT_S))
        async with self._session.get(f"http://{member.pages}{PATH}", allow_redirects=False) as answer:
            answer.raise_for_status()
            body = bytearray()
            async for part in answer.content.iter_any():
                body += part
                if len(body) > _LONGEST_ANSWER:
                    raise ValueError
        return WorkerFigures.model_validate_json(bytes(body))
