"""Several agents in one worker: wired by a list, each with its own topic, refusals and pauses. On scripted streams."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import faust
import pytest
from support.scripted_stream import ScriptedStream, until

from streamproc.agents.agent import TopicAgent
from streamproc.agents.roster import Roster
from streamproc.transport import OutcomeRefused, Transport, each


class Copying:
    """A small agent: every event goes to another topic as it is; what Kafka refuses goes there as a word."""

    def __init__(self, topic: str, kind: str, stream: ScriptedStream) -> None:
        self.name = f"copy_{topic}"
        self.topic = topic
        self.outcomes: Mapping[str, str] = {kind: f"{topic}.out", "dead_letters": "dlq"}
        self.paused: list[str] = []
        self.waits = False
        self.given_up = False
        self._out = stream.topic(f"{topic}.out")

    async def run(self, stream: Any) -> None:
        """Consume."""
        await each(stream, self._work, concurrency=1)

    async def _work(self, event: Any) -> None:
        await self._out.send(key=event.message.key, value=event.message.value, headers=())

    async def refused(self, event: Any, refusal: OutcomeRefused) -> None:
        """Say so."""
        await self._out.send(key=event.message.key, value=refusal.reason.encode(), headers=())

    def stop(self) -> None:
        """Begin nothing new."""
        self.paused.append("stopping")

    def give_up(self) -> None:
        """The end."""
        self.given_up = True


class Two:
    """An app with two agents."""

    def __init__(self, *, stalled_after: float = 60.0) -> None:
        self.now = 0.0
        self.streams = {name: ScriptedStream(name) for name in ("first", "second")}
        self.first = Copying("first", "results", self.streams["first"])
        self.second = Copying("second", "results", self.streams["second"])
        agents: list[TopicAgent] = [self.first, self.second]
        self.roster = Roster(agents, stalled_after, lambda: self.now)
        self.app = faust.App("two", broker="rdkafka://127.0.0.1:1", processing_guarantee="exactly_once")
        self.roster.wire(self.app, lambda name: self.app.topic(name, key_type=bytes, value_type=bytes))


async def test_each_agent_runs_on_its_topic() -> None:
    two = Two()
    agents = {agent.name: agent for agent in two.app.agents.values()}
    assert {name: list(agent.get_topic_names()) for name, agent in agents.items()} == {
        "copy_first": ["first"],
        "copy_second": ["second"],
    }
    for stream in two.streams.values():
        stream.deliver(b"value")
    tasks = [
        asyncio.ensure_future(agents[f"copy_{topic}"].fun(stream.as_fausts)) for topic, stream in two.streams.items()
    ]
    await until(lambda: all(stream.acked == [0] for stream in two.streams.values()))
    for task in tasks:
        task.cancel()
    assert [(sent.topic, sent.value) for stream in two.streams.values() for sent in stream.sent] == [
        ("first.out", b"value"),
        ("second.out", b"value"),
    ]


async def test_a_refusal_goes_to_the_agent_of_its_topic() -> None:
    two = Two()
    transport = two.app.transport
    assert isinstance(transport, Transport)
    assert transport.on_refused is not None
    await transport.on_refused(
        two.streams["second"].deliver(b"x"), OutcomeRefused("TOO_LARGE", "second.out", "second[0]@0")
    )
    assert two.streams["first"].sent == []
    assert [sent.value for sent in two.streams["second"].sent] == [b"TOO_LARGE"]


def test_the_worker_is_paused_while_any_agent_is() -> None:
    two = Two()
    assert two.roster.paused == []
    two.second.paused = ["REGISTRY_UNAVAILABLE", "quarantine"]
    two.first.paused = ["REGISTRY_UNAVAILABLE"]
    assert two.roster.paused == ["REGISTRY_UNAVAILABLE", "quarantine"]


def test_stop_and_the_end_of_the_drain_reach_all() -> None:
    two = Two()
    two.roster.stop()
    assert (two.first.paused, two.second.paused) == (["stopping"], ["stopping"])
    assert not two.first.given_up
    two.roster.give_up()
    assert two.first.given_up
    assert two.second.given_up


def test_progress_on_one_topic_does_not_hide_that_another_stalls() -> None:
    two = Two(stalled_after=10.0)
    two.roster.look([("first", 1, 0), ("second", 2, 0), ("unknown", 5, 0)])
    two.now = 11.0
    two.roster.look([("first", 1, 1), ("second", 1, 0), ("second", 1, 0)])
    assert two.roster.stalled == 11.0
    two.second.waits = True  # it says so in other words
    two.roster.look([("first", 1, 1), ("second", 2, 0)])
    assert two.roster.stalled is None
    two.now = 22.0
    two.roster.look([("first", 1, 1), ("second", 2, 0)])
    assert two.roster.stalled == 11.0  # the first's


def test_what_was_written_counts_over_all_agents_and_a_shared_topic_once() -> None:
    two = Two()
    assert two.roster.written({"first.out": 3, "second.out": 4, "dlq": 5}) == {"results": 7, "dead_letters": 5}
    assert two.roster.written({}) == {"results": 0, "dead_letters": 0}


def test_two_agents_of_one_topic_are_refused() -> None:
    stream = ScriptedStream("first")
    with pytest.raises(ValueError, match="same topic"):
        Roster([Copying("first", "results", stream), Copying("first", "results", stream)], 60)
