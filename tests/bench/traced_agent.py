"""What traces cost the agent by itself, in pairs so near to each other that neighbours are the same for both.

The worker's agent works on the mix of activities in this process: decoding, scoring with the model's recorded answers,
encoding, metrics, logs, and no Kafka. Each round has each state once (tests/bench/traced_worker.py), in another order
each time, and each state works on the whole mix; what counts is the processor time of all threads. Spans are made and
encoded within their own state's time. Without Kafka an activity costs less, and what traces add is a larger part of it.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import time
from collections.abc import Sequence
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from support.scripted_stream import ScriptedStream, until

from bench.stages import RecordedEngine
from bench.traced_worker import STATES, take_out
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

_WARM_UP = 3
"""Rounds that are not counted."""


class Queue:
    """Stands in for the queue of spans and its sender: it encodes them when it is told to."""

    def __init__(self) -> None:
        self._notes: list[SpanNote] = []
        self.spans = 0

    def put(self, notes: Sequence[SpanNote]) -> None:
        """Of an event that is sampled."""
        self._notes += notes

    def encode(self) -> None:
        """As they would be sent."""
        if self._notes:
            encode_spans([span_of(note, resource()) for note in self._notes]).SerializeToString()
        self.spans += len(self._notes)
        self._notes = []


async def windows(
    settings: Settings,
    activities: Sequence[Activity],
    clips: Sequence[Sequence[Samples]],
    logits: Sequence[Sequence[Logits]],
    ratio: float,
    seconds: float,
) -> list[dict[str, Any]]:
    """Processor seconds (``cpu``) and ``events`` of each state in turn, for so long; the registry is the settings'."""
    errors, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)  # the log is written, and kept by nobody
    try:
        logs.configure(settings.log, identity(""))
        metrics.configure()
        lexicon.load()
        return await _windows(settings, activities, clips, logits, ratio, seconds)
    finally:
        os.dup2(errors, 2)


async def _windows(
    settings: Settings,
    activities: Sequence[Activity],
    clips: Sequence[Sequence[Samples]],
    logits: Sequence[Sequence[Logits]],
    ratio: float,
    seconds: float,
) -> list[dict[str, Any]]:
    kafka, registry = settings.kafka, Registry(settings.registry)
    encoder = ActivityEncoder(registry, kafka.activity_topic)
    await encoder.start()
    encoders = ResultEncoders(registry, topics_of_contracts(kafka))
    await encoders.start()
    values = [encoder.encode(activity) for activity in activities]
    stream, queue = ScriptedStream(kafka.activity_topic), Queue()
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
    tracing = Tracing(queue, ratio, 60.0, as_parent=False, group="bench")
    working = asyncio.create_task(agent.run(stream.as_fausts))
    found: list[dict[str, Any]] = []
    gc.collect()
    gc.freeze()
    ends = time.monotonic() + seconds
    for number, order in enumerate(itertools.cycle(itertools.permutations(STATES))):
        if time.monotonic() > ends:
            break
        for state in order:
            agent._tracing = tracing if state == "on" else None
            take_out(state == "none")
            stream.acked.clear()
            stream.sent.clear()
            cpu = time.process_time()
            for value in values:
                stream.deliver(value, b"learner", [("ce_id", b"order-66")])
            await until(lambda: len(stream.acked) == len(values))
            queue.encode()
            if number >= _WARM_UP:
                found.append({"state": state, "events": len(values), "cpu": time.process_time() - cpu})
    take_out(False)
    working.cancel()
    await asyncio.wait({working})
    assert not stream.raised, stream.raised
    await fetcher.close()
    await registry.close()
    return found
