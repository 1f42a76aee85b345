"""What the worker asks of an agent; how it comes to its outcomes is the agent's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from faust import EventT, Stream

from streamproc.transport import OutcomeRefused


class TopicAgent(Protocol):
    """Consumes one topic, and gives each of its events one outcome. Belongs to one event loop."""

    @property
    def name(self) -> str:
        """What Faust calls it."""
        ...

    @property
    def topic(self) -> str:
        """What it consumes; no other agent of the worker does."""
        ...

    @property
    def outcomes(self) -> Mapping[str, str]:
        """What its events become, in the log's words, each with a topic in which there is one record of every such."""
        ...

    @property
    def paused(self) -> list[str]:
        """Why new events are not begun; empty while they are."""
        ...

    @property
    def waits(self) -> bool:
        """Whether an event waits for a dependency."""
        ...

    async def run(self, stream: Stream[bytes]) -> None:
        """Consume until cancelled."""
        ...

    async def refused(self, event: EventT[bytes], refusal: OutcomeRefused) -> None:
        """Kafka refuses an event's outcome for good: send another in its place. What this raises stops the worker."""
        ...

    def stop(self) -> None:
        """The worker is about to stop: begin nothing new, and wait for nothing that may never come."""
        ...

    def give_up(self) -> None:
        """The drain is over: cancel whatever is still worked on."""
        ...
