"""What traces cost the agent by itself, in turns of one activity: neighbours are the same for all states.

The worker's agent works on one activity after the other in this process: decoding, scoring with the model's recorded
answers, encoding, metrics, logs, and no Kafka. Each is worked on in each state, one right after the other and each time
in another order; what counts is the processor time of all threads. ``none``: what the code does for traces is taken out
(tests/bench/traced_worker.py); ``off``: it is there, and nothing is traced; ``unsampled`` and ``sampled``: traces are
on, and this activity is not kept, or is; its spans are encoded within its time.

Neighbours only ever add, by caches and processors that are shared. So of each activity and state the lowest fifth of
the times counts (its upper end, the 20th percentile), and the interval is that of 95 % of samples of as many rounds
(bootstrap). Without Kafka an activity costs less, and what traces add to it is a larger part.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from support.scripted_stream import ScriptedMessage, ScriptedStream

from bench.stages import RecordedEngine
from bench.traced_worker import take_out
from streamproc.agents.outcome import DeadLetters
from streamproc.agents.reading import ReadingAgent, Stages
from streamproc.audio.decode import Samples
from streamproc.audio.fetch import ClipFetcher
from streamproc.contracts.codec import ActivityDecoder, ActivityEncoder
from streamproc.contracts.generated.events import Activity
from streamproc.contracts.records import ResultEncoders
from streamproc.contracts.registry import Registry
from streamproc.deadletter.envelope import WorkerIdentity
from streamproc.inference.engine import Logits
from streamproc.kafka.topics import topics_of_contracts
from streamproc.scoring import lexicon
from streamproc.scoring.activity import ActivityScorer
from streamproc.scoring.variants import VariantAligner
from streamproc.settings import Settings
from streamproc.telemetry import logs, metrics
from streamproc.telemetry.resource import identity, resource
from streamproc.telemetry.spans import span_of
from streamproc.telemetry.traces import Tracing
from streamproc.tracing.event import SpanNote
from streamproc.transport.surface.monitor import TransportState

AGENT_STATES = ("none", "off", "unsampled", "sampled")
QUANTILE = 0.2
SAMPLES = 500
_WARM_UP = 1
"""Rounds that are not counted."""

Times = NDArray[np.float64]


class Queue:
    """Stands in for the queue of spans and its sender: it encodes them when it is told to."""

    def __init__(self) -> None:
        self._notes: list[SpanNote] = []

    def put(self, notes: Sequence[SpanNote]) -> None:
        """Of an event that is sampled."""
        self._notes += notes

    def encode(self) -> None:
        """As they would be sent."""
        if self._notes:
            encode_spans([span_of(note, resource()) for note in self._notes]).SerializeToString()
        self._notes = []


class AgentStream(ScriptedStream):
    """Tells when the agent is done with an event."""

    def __init__(self, topic: str) -> None:
        super().__init__(topic)
        self.done = asyncio.Event()

    def ack(self, delivery: ScriptedMessage) -> None:
        """It is."""
        super().ack(delivery)
        self.done.set()


async def times(
    settings: Settings,
    activities: Sequence[Activity],
    clips: Sequence[Sequence[Samples]],
    logits: Sequence[Sequence[Logits]],
    seconds: float,
) -> Times:
    """Processor seconds by round, activity and state (AGENT_STATES), measured for so long.

    Args:
        settings: where the registry with the schemas of their topics is.
        activities, clips, logits: the mix, what its clips are decoded to and what the model makes of them.
        seconds: for how long.
    """
    errors, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)  # the log is written, and kept by nobody
    try:
        logs.configure(settings.log, identity(""))
        metrics.configure()
        lexicon.load()
        return await _times(settings, activities, clips, logits, seconds)
    finally:
        os.dup2(errors, 2)
        take_out(False)


async def _times(
    settings: Settings,
    activities: Sequence[Activity],
    clips: Sequence[Sequence[Samples]],
    logits: Sequence[Sequence[Logits]],
    seconds: float,
) -> Times:
    kafka, registry = settings.kafka, Registry(settings.registry)
    encoder = ActivityEncoder(registry, kafka.activity_topic)
    await encoder.start()
    encoders = ResultEncoders(registry, topics_of_contracts(kafka))
    await encoders.start()
    values = [encoder.encode(activity) for activity in activities]
    stream, queue = AgentStream(kafka.activity_topic), Queue()
    counted = metrics.Metrics(TransportState)
    fetcher = ClipFetcher(settings.audio.allowed_prefixes, settings.audio.max_bytes)
    scorer = ActivityScorer(fetcher, RecordedEngine(clips, logits), VariantAligner(), settings.audio, settings.scoring)
    agent = ReadingAgent(
        Stages(ActivityDecoder(registry, kafka.activity_topic), scorer, encoders),
        counted,
        {topic: stream.topic(topic) for topic in topics_of_contracts(kafka).values()},
        DeadLetters(stream.topic(kafka.dead_letter_topic), lambda: WorkerIdentity("group", "recorded/1"), counted),
        settings,
    )
    traced = {
        name: Tracing(queue, ratio, 60.0, as_parent=False, group="bench")
        for name, ratio in (("unsampled", 0.0), ("sampled", 1.0))
    }
    working = asyncio.create_task(agent.run(stream.as_fausts))

    async def work(value: bytes, state: str) -> float:
        agent._tracing = traced.get(state)
        take_out(state == "none")
        stream.done.clear()
        began = time.process_time()
        stream.deliver(value, b"learner", [("ce_id", b"order-66")])
        await stream.done.wait()
        queue.encode()
        return time.process_time() - began

    draw, rounds = Random(1), []
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        one = np.zeros((len(values), len(AGENT_STATES)))
        for place, value in enumerate(values):
            for state in draw.sample(range(len(AGENT_STATES)), len(AGENT_STATES)):
                one[place, state] = await work(value, AGENT_STATES[state])
        rounds.append(one)
        stream.sent.clear()
    working.cancel()
    await asyncio.wait({working})
    assert not stream.raised, stream.raised
    await fetcher.close()
    await registry.close()
    return np.array(rounds[_WARM_UP:])


def judged(found: Times, ratio: float) -> dict[str, Any]:
    """Processor milliseconds an activity by state, and what off and on (``ratio`` of the activities kept) cost more."""

    def more(some: Times) -> tuple[float, float]:
        costs = dict(zip(AGENT_STATES, np.quantile(some, QUANTILE, axis=0).sum(axis=0), strict=True))
        on = (1 - ratio) * costs["unsampled"] + ratio * costs["sampled"]
        return 100 * (costs["off"] / costs["none"] - 1), 100 * (on / costs["off"] - 1)

    draw = np.random.default_rng(1)
    samples = np.array([more(found[draw.integers(0, len(found), len(found))]) for _ in range(SAMPLES)])
    low, high = np.quantile(samples, (0.025, 0.975), axis=0)
    rows = {
        name: {"percent": round(value, 2), "from": round(float(least), 2), "to": round(float(most), 2)}
        for name, value, least, most in zip(("off_against_none", "on_against_off"), more(found), low, high, strict=True)
    }
    means = 1000 * np.quantile(found, QUANTILE, axis=0).mean(axis=0)
    return {
        "cpu_ms_per_activity": {state: round(float(ms), 3) for state, ms in zip(AGENT_STATES, means, strict=True)},
        **rows,
        "rounds": len(found),
    }
