"""A partition's stream time: of an offset it is the same for every owner, whoever died and whatever was finished."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from streamproc.transport.flight.mark import Mark
from streamproc.transport.flight.progress import Progress, decode, encode, mark_of
from streamproc.transport.flight.span import Span
from streamproc.transport.flight.stream_time import NEVER, StreamTime

MARK = Mark(7, (1, 2))
stream_times = st.builds(
    StreamTime,
    st.integers(NEVER, 1 << 60),
    st.integers(0, (1 << 32) - 1),
    st.frozensets(st.integers(0, (1 << 32) - 1), max_size=4),
)


@given(stream_times, st.booleans(), st.sets(st.integers(100, 140), min_size=0, max_size=20))
def test_it_is_read_back_from_the_offsets_metadata(stream: StreamTime, marked: bool, unfinished: set[int]) -> None:
    written = Progress.of(sorted(unfinished), 141)
    written = Progress(written.base, written.top, written.unfinished, stream)
    metadata = encode(written, MARK.encode() if marked else b"")
    assert metadata is not None
    assert decode(written.base, metadata) == written
    assert Mark.decode(mark_of(written.base, metadata)) == (MARK if marked else None)


def test_metadata_from_before_there_was_one_is_read_as_it_was() -> None:
    metadata = encode(Progress(5, 9, (5, 7)), MARK.encode())
    assert metadata is not None
    assert decode(5, metadata) == Progress(5, 9, (5, 7))
    assert Mark.decode(mark_of(5, metadata)) == MARK


def test_metadata_of_another_base_says_nothing_of_it() -> None:
    metadata = encode(Progress.at(5, StreamTime(1000)), MARK.encode())
    assert decode(6, metadata).stream is None


def test_a_span_that_nobody_asks_says_nothing_of_it() -> None:
    span = Span(Progress.at(0))
    span.deliver(0)
    span.finish(0)
    offer = span.offer()
    assert offer is not None
    assert offer.progress.stream is None


def test_the_time_of_an_offset_is_the_newest_timestamp_below_it() -> None:
    span = timed(Progress.at(0))
    for offset, time in enumerate([10, 30, 20, 40]):
        span.deliver_timed(offset, time)
    assert [span.time_at(offset) for offset in range(4)] == [NEVER, 10, 30, 30]
    assert span.time == 40


def test_a_record_behind_the_close_does_not_count() -> None:
    span = timed(Progress.at(0))
    span.close()
    assert not span.deliver_timed(0, 10)
    assert span.time == NEVER


def timed(progress: Progress) -> Span:
    span = Span(progress, mark=MARK.encode())
    span.timed = True
    return span


class Log:
    """Records with timestamps that go up and down, and some holes."""

    def __init__(self, chance: random.Random, size: int) -> None:
        self.timestamps: dict[int, int] = {}
        offset = 0
        for _ in range(size):
            offset += chance.choice([1, 1, 1, 2, 5])
            self.timestamps[offset] = chance.randrange(1000)
        self.end = offset + 1

    def time(self, offset: int) -> int:
        return max((time for at, time in self.timestamps.items() if at < offset), default=NEVER)


@given(st.randoms(use_true_random=False), st.integers(1, 40))
def test_what_is_committed_is_that_of_its_offset_whatever_is_finished_and_whoever_dies(
    chance: random.Random, size: int
) -> None:
    log = Log(chance, size)
    base, metadata, workers = 0, "", 0
    while base < log.end and workers < 200:
        workers += 1
        span = timed(decode(base, metadata))
        at, opened = base, set()
        for _ in range(chance.randrange(20)):
            step = chance.randrange(4)
            if step < 2 and at < log.end:
                for _ in range(chance.randrange(1, 6)):
                    while at < log.end and at not in log.timestamps:
                        at += 1
                    if at < log.end:
                        before = log.time(at)
                        if span.deliver_timed(at, log.timestamps[at]):
                            opened.add(at)
                            assert span.time_at(at) == before
                        at += 1
                if at == log.end:
                    span.reach(log.end)
            elif step == 2 and opened:
                done = chance.choice(sorted(opened))
                opened.discard(done)
                span.finish(done)
            elif (offer := span.offer(timers=chance.random() < 0.3)) is not None:
                base, metadata = offer.progress.base, offer.metadata
                span.settle(offer)
                assert offer.progress.stream is not None
                assert offer.progress.stream.time == log.time(base)
    # Left in peace, it comes to the end: what is held back waits for nothing but further records.
    span = timed(decode(base, metadata))
    for offset in sorted(one for one in log.timestamps if one >= base):
        if span.deliver_timed(offset, log.timestamps[offset]):
            span.finish(offset)
        while (offer := span.offer()) is not None:
            span.settle(offer)
            assert offer.progress.stream is not None
            assert offer.progress.stream.time == log.time(offer.progress.base)
    span.reach(log.end)
    while (offer := span.offer()) is not None:
        span.settle(offer)
    assert span.committed.base == log.end


def test_the_last_finished_record_waits_until_all_before_the_next_unfinished_one_are_read() -> None:
    """An earlier owner has finished 6 to 99: nobody knows the stream time of 100 before they are read."""
    span = timed(Progress(5, 101, (5, 100), StreamTime(10)))
    span.deliver_timed(5, 20)
    span.finish(5)
    assert span.offer() is None
    assert span.held == 5
    for offset in range(6, 100):
        assert not span.deliver_timed(offset, 1000 + offset)
    span.deliver_timed(100, 50)
    offer = span.offer()
    assert offer is not None
    assert offer.progress == Progress(100, 101, (100,), StreamTime(1099))


def test_each_transaction_with_timers_has_a_turn_of_its_own() -> None:
    span = timed(Progress.at(3, StreamTime(10)))
    turns = []
    for _ in range(2):
        offer = span.offer(timers=True)
        assert offer is not None
        assert offer.progress.base == 3
        span.settle(offer)
        assert offer.progress.stream is not None
        turns.append(offer.progress.stream.turn)
    assert turns == [1, 2]
    assert span.offer() is None
