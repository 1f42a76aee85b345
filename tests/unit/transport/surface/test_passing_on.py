"""``group_by`` and ``through``: what is passed on keeps its event's time, and shows nothing of how."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast
from unittest.mock import Mock

import faust
import pytest
from faust.types import TP
from support.table_worker import SOURCE
from support.timed_worker import TimedWorker

from streamproc.transport.flight.event_time import HEADER, with_time
from streamproc.transport.flight.sendable import Outcome
from streamproc.transport.surface.stream import Stream

FEW = TP("few", 0)
EVENT_MS, SENT_MS = 60_000, 5_000_000

#: What an app does with its stream.
Build = Callable[[Any], Any]


def by_length(stream: Any) -> Any:
    return stream.group_by(lambda value: b"%d" % len(value), name="few", topic=stream.app.topic("few"))


def through(stream: Any) -> Any:
    return stream.through(stream.app.topic("few"))


async def passed_on(build: Build, time_ms: int | None = EVENT_MS, source: TP = SOURCE, headers: Any = None) -> Outcome:
    """What an event's record in between will be."""
    worker = TimedWorker()
    worker.assign(source)
    stream: Stream = worker.app.topic(source.topic, key_serializer="raw", value_serializer="raw").stream()
    stream._enable_passive = Mock()  # type: ignore[method-assign]  # iterated here, in the place of a task of its own
    build(stream)
    delivery = await worker.begin(source, b"ann", time_ms, headers)
    event, channel = faust.Event(worker.app, b"ann", b"text", {}, delivery), cast(Any, stream.channel)
    channel.queue.put_nowait(event)
    events = stream.events()
    assert await anext(events) is event
    await events.aclose()
    [outcome] = delivery.entry.outcomes
    return outcome


@pytest.mark.parametrize(("build", "key"), [(by_length, b"4"), (through, b"ann")])
async def test_the_record_in_between_goes_with_its_events_time(build: Build, key: bytes) -> None:
    outcome = await passed_on(build, headers=[("trace", b"1")])
    assert (outcome.topic, outcome.key, outcome.headers) == ("few", key, with_time([("trace", b"1")], "few", EVENT_MS))
    assert outcome.timestamp is None, "brokers refuse or delete by that"


async def test_a_second_hop_carries_the_first_time() -> None:
    outcome = await passed_on(by_length, SENT_MS, TP("before", 0), with_time(None, "before", EVENT_MS))
    assert outcome.headers == with_time(None, "few", EVENT_MS)


@pytest.mark.parametrize("build", [by_length, through])
async def test_an_event_without_a_time_is_passed_on_as_faust_does(build: Build) -> None:
    outcome = await passed_on(build, time_ms=None)
    assert (outcome.topic, outcome.headers) == ("few", None)


async def test_an_event_that_was_passed_on_has_the_first_ones_time_and_headers() -> None:
    worker = TimedWorker()
    worker.assign(FEW)
    delivery = await worker.begin(FEW, None, SENT_MS, with_time([("trace", b"1")], "few", EVENT_MS))
    assert (delivery.timestamp, delivery.headers) == (EVENT_MS / 1000, [("trace", b"1")])
    bare = await worker.begin(FEW, None, SENT_MS, with_time(None, "few", EVENT_MS))
    assert (bare.timestamp, bare.headers) == (EVENT_MS / 1000, None)
    strange = await worker.begin(FEW, None, SENT_MS, with_time(None, "other", EVENT_MS))
    assert (strange.timestamp, strange.headers) == (SENT_MS / 1000, [(HEADER, b"other 60000")])
