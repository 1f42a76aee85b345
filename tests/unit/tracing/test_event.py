"""Spans of an event are noted as its stages end, below each other, and requests carry their context."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count

import pytest
from opentelemetry.trace import SpanContext, TraceFlags

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.tracing.context import new_span_id, new_trace_id
from streamproc.tracing.event import MOST_NOTED, EventScope, EventTrace, current, stage
from streamproc.tracing.request import metadata, request


def trace(*, sampled: bool = True) -> EventTrace:
    ticks = count(1000)
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    return EventTrace(SpanContext(new_trace_id(), new_span_id(), False, flags), clock=lambda: next(ticks))


@pytest.fixture
def event() -> Iterator[EventTrace]:
    one = trace()
    before = current.set(EventScope("order-1", trace=one))
    yield one
    current.reset(before)


def test_a_stage_is_a_span_below_the_active_one(event: EventTrace) -> None:
    with stage("outer"), stage("inner"):
        pass
    inner, outer = event.notes
    assert (inner.name, inner.parent, outer.parent) == ("inner", outer.context, event.context)
    assert outer.began < inner.began < inner.ended < outer.ended
    assert event.active == event.context


def test_a_stage_that_fails_says_its_code_and_not_the_text(event: EventTrace) -> None:
    for error in (StreamprocError(ErrorCode.AUDIO_EMPTY, "Anna reads"), ValueError("Anna reads")):
        with pytest.raises(type(error)), stage("audio"):
            raise error
    assert [note.error for note in event.notes] == ["AUDIO_EMPTY", "ValueError"]
    assert "Anna" not in repr(event.notes)


def test_without_a_trace_nothing_is_noted() -> None:
    current.set(EventScope("order-1"))
    with stage("audio"):
        pass
    current.set(None)
    with stage("audio"):
        pass


def test_an_event_that_is_tried_again_for_hours_has_a_bounded_trace(event: EventTrace) -> None:
    for _ in range(MOST_NOTED + 10):
        event.moment("trying again", {})
        with stage("audio"):
            pass
    assert len(event.notes) == len(event.moments) == MOST_NOTED


def test_a_request_for_several_events_is_below_the_first_that_is_kept_and_linked_to_the_others() -> None:
    first, second, unkept = trace(), trace(), trace(sampled=False)
    with request("infer", [unkept, None, first, second, first], {"server.address": "triton:8001"}):
        carried = metadata()
    (note,) = first.notes
    assert (note.parent, list(note.links)) == (first.context, [second.context])
    assert carried == {"traceparent": f"00-{note.context.trace_id:032x}-{note.context.span_id:016x}-01"}
    assert (metadata(), second.notes, unkept.notes) == (None, [], [])


def test_a_request_for_events_that_nobody_keeps_carries_nothing() -> None:
    with request("infer", [trace(sampled=False), None], {}):
        assert metadata() is None


async def test_events_side_by_side_do_not_mix() -> None:
    async def work(one: EventTrace, name: str) -> None:
        current.set(EventScope(name, trace=one))
        for _ in range(3):
            with stage(name):
                await asyncio.sleep(0)

    one, other = trace(), trace()
    await asyncio.gather(work(one, "one"), work(other, "other"))
    assert {note.name for note in one.notes} == {"one"}
    assert {note.name for note in other.notes} == {"other"}
