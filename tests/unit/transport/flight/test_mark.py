"""The mark beside the progress: which topic an offset was counted in, and since when the group reads it."""

from __future__ import annotations

import base64
import zlib
from random import Random

import pytest
from confluent_kafka import Uuid
from hypothesis import given
from hypothesis import strategies as st
from support.holes import hole

from streamproc.transport.flight.mark import Mark
from streamproc.transport.flight.progress import METADATA_LIMIT, Progress, decode, encode, mark_of
from streamproc.transport.flight.span import Span

pytestmark = hole("D2", "D3")

MARK = Mark.of("cluster", Uuid(-5, 7)).since(3)
NOWHERE = Uuid(0, 0)


@st.composite
def progresses(draw: st.DrawFn) -> Progress:
    base = draw(st.integers(0, 1 << 40))
    unfinished = sorted(draw(st.sets(st.integers(1, 400), max_size=60)))
    return Progress.of([base, *(base + n for n in unfinished)], base + draw(st.integers(0, 500)))


@given(progresses(), st.integers(-(1 << 63), (1 << 63) - 1), st.integers(0, (1 << 32) - 1))
def test_progress_and_mark_come_back(progress: Progress, half: int, born: int) -> None:
    mark = Mark.of("cluster", Uuid(half, ~half)).since(born)
    metadata = encode(progress, mark.encode())
    assert metadata is not None
    assert decode(progress.base, metadata) == progress
    assert Mark.decode(mark_of(progress.base, metadata)) == mark


@given(progresses())
def test_a_reader_that_knows_no_marks_sees_the_progress_alone(progress: Progress) -> None:
    """What it does with the text: zlib's data end where zlib says so."""
    plain, marked = encode(progress), encode(progress, MARK.encode())
    assert plain is not None
    assert marked is not None
    if plain:
        raw = [zlib.decompressobj().decompress(base64.b64decode(text.split(":", 2)[2][1:])) for text in (plain, marked)]
        assert raw[0] == raw[1]
    assert Mark.decode(mark_of(progress.base, plain)) is None


@pytest.mark.parametrize("metadata", [None, "", "note", "s1:7:", "s1:8:r", "s1:7:rAAAA", "s2:7:r", "a:b:c:d"])
def test_what_is_no_mark_of_ours_is_none(metadata: str | None) -> None:
    assert mark_of(7, metadata) == b""
    assert Mark.decode(mark_of(7, metadata)) is None


def test_a_span_writes_its_mark_with_every_offer() -> None:
    span = Span(Progress.at(5), mark=MARK.encode())
    span.deliver(5)
    span.finish(5)
    offer = span.offer()
    assert offer is not None
    assert Mark.decode(mark_of(6, offer.metadata)) == MARK


def test_progress_with_its_mark_keeps_to_the_limit() -> None:
    """Half the offsets unfinished, at random enough that nothing compresses: what fits alone may not fit marked."""
    random = Random(1)
    kinds = [random.random() < 0.5 for _ in range(30_000)]
    for count in range(23_000, 30_000, 10):
        unfinished = [n for n in range(count) if kinds[n]]
        metadata = encode(Progress.of([0, *unfinished], count), MARK.encode())
        if metadata is None:
            break
        assert len(metadata) <= METADATA_LIMIT
    assert metadata is None


@pytest.mark.parametrize(
    ("now", "other"),
    [
        (Mark.of("cluster", Uuid(-5, 8)), True),
        (Mark.of("cluster", Uuid(-5, 7)), False),
        # A mirror copies metadata to a cluster where nothing has these ids.
        (Mark.of("another cluster", Uuid(-5, 8)), False),
        # A broker that gives no ids.
        (Mark.of("cluster", NOWHERE), False),
    ],
)
def test_another_topic_is_one_of_the_same_cluster_with_another_id(now: Mark, other: bool) -> None:
    assert MARK.is_other_topic(now) is other
    assert now.is_other_topic(MARK) is other
