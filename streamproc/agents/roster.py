"""The worker's agents as one: each wired to its topic, and what all of them together are."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from faust import App, EventT, TopicT

from streamproc.agents.agent import TopicAgent
from streamproc.health.stalling import Stall
from streamproc.transport import OutcomeRefused, Transport


class Roster:
    """A worker's agents, by their topics.

    Args:
        agents: each of another topic.
        stalled_after: seconds without progress on a topic that are too many.

    Raises:
        ValueError: two consume the same topic.
    """

    def __init__(
        self, agents: Sequence[TopicAgent], stalled_after: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._agents = {agent.topic: agent for agent in agents}
        if len(self._agents) < len(agents):
            raise ValueError("two agents consume the same topic")
        # Each topic its own: progress on one must not hide that another hangs.
        self._stalls = {topic: Stall(stalled_after, clock) for topic in self._agents}

    def wire(self, app: App, topic: Callable[[str], TopicT]) -> None:
        """Have Faust run each agent on its topic, and the driver tell it what is refused of its events' outcomes."""
        for agent in self._agents.values():
            run: Any = agent.run  # Faust's type of streams lacks what the driver's have.
            app.agent(topic(agent.topic), name=agent.name)(run)
        transport = app.transport
        assert isinstance(transport, Transport)
        transport.on_refused = self.refused

    async def refused(self, event: EventT[bytes], refusal: OutcomeRefused) -> None:
        """An event's outcome is refused: its agent is told."""
        await self._agents[event.message.topic].refused(event, refusal)

    @property
    def paused(self) -> list[str]:
        """Why an agent does not begin new events; empty while all do."""
        return sorted({reason for agent in self._agents.values() for reason in agent.paused})

    @property
    def stalled(self) -> float | None:
        """Seconds for which nothing was committed of the topic that has waited longest; None while all is well."""
        return max((stall.seconds for stall in self._stalls.values() if stall.seconds is not None), default=None)

    def look(self, progress: Iterable[tuple[str, int, int]]) -> None:
        """Take note of how the partitions get on: the topic of each, its events in flight, and how many are done."""
        counts = {topic: [0, 0] for topic in self._agents}
        for topic, in_flight, done in progress:
            if topic in counts:
                counts[topic][0] += in_flight
                counts[topic][1] += done
        for topic, agent in self._agents.items():
            self._stalls[topic].look(*counts[topic], waits=agent.waits or bool(agent.paused))

    def written(self, sent: Mapping[str, int]) -> dict[str, int]:
        """What the agents' events became and how often, of the records that were sent to each topic."""
        counts: Counter[str] = Counter()
        # Agents may share a topic: its records count once.
        for name, topic in dict.fromkeys(chain.from_iterable(one.outcomes.items() for one in self._agents.values())):
            counts[name] += sent.get(topic, 0)
        return dict(counts)

    def stop(self) -> None:
        """The worker is about to stop."""
        for agent in self._agents.values():
            agent.stop()

    def give_up(self) -> None:
        """The drain is over."""
        for agent in self._agents.values():
            agent.give_up()
