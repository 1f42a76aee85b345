"""Progress: whatever finishes in whatever order and wherever it crashes, nothing is lost and nothing is repeated."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.transport.flight.progress import METADATA_LIMIT, Progress, decode, encode
from streamproc.transport.flight.span import Span


def offsets_with_holes(draw: st.DrawFn, *, most: int = 60) -> list[int]:
    """A partition's existing offsets: markers, aborted records and compaction leave holes."""
    gaps = draw(st.lists(st.integers(1, 4), min_size=1, max_size=most))
    start = draw(st.integers(0, 1 << 40))
    offsets = []
    for gap in gaps:
        start += gap
        offsets.append(start)
    return offsets


log = st.composite(offsets_with_holes)()


@st.composite
def progresses(draw: st.DrawFn) -> Progress:
    offsets = offsets_with_holes(draw)
    unfinished = sorted(draw(st.sets(st.sampled_from(offsets))))
    return Progress.of(unfinished, offsets[-1] + draw(st.integers(1, 100_000)))


@given(progresses())
def test_what_is_encoded_is_decoded(progress: Progress) -> None:
    metadata = encode(progress)
    assert metadata is not None
    assert decode(progress.base, metadata) == progress


@given(progresses(), st.integers(-5, 5).filter(bool))
def test_metadata_of_another_base_is_ignored(progress: Progress, shift: int) -> None:
    metadata = encode(progress)
    assert decode(progress.base + shift, metadata) == Progress.at(progress.base + shift)


@given(st.text() | st.binary().map(lambda data: "s1:7:r" + data.hex()))
def test_foreign_or_damaged_metadata_is_ignored(metadata: str) -> None:
    assert decode(7, metadata) == Progress.at(7)


def test_an_unknown_version_is_ignored() -> None:
    metadata = encode(Progress(5, 9, (5, 7)))
    assert metadata is not None
    assert decode(5, metadata).top == 9
    assert decode(5, "s2" + metadata[2:]) == Progress.at(5)


def test_none_is_no_progress() -> None:
    assert decode(3, None) == Progress.at(3)


def test_one_slow_record_among_300_000_fits() -> None:
    unfinished = [0, *range(298_000, 300_000, 3)]
    metadata = encode(Progress.of(unfinished, 300_000))
    assert metadata is not None
    assert decode(0, metadata) == Progress.of(unfinished, 300_000)


def test_every_other_offset_in_24_000_fits() -> None:
    assert encode(Progress.of(range(0, 24_000, 2), 24_000)) is not None


def test_noise_that_does_not_fit_is_refused() -> None:
    noise = random.Random(7)
    unfinished = [offset for offset in range(60_000) if noise.random() < 0.5]
    assert encode(Progress.of(unfinished, 60_000)) is None


@given(progresses(), st.integers(0, 70))
def test_what_lies_beyond_the_log_is_forgotten(progress: Progress, keep: int) -> None:
    end = progress.base + keep
    shorter = progress.below(end)
    for offset in range(progress.base, end):
        assert shorter.is_done(offset) == progress.is_done(offset)
    assert not shorter.is_done(max(end, progress.base))


class Model:
    """A partition, a group's committed progress and the outcomes that became visible, over many crashes."""

    def __init__(self, offsets: list[int], ordered: bool) -> None:
        self.offsets = offsets
        self.ordered = ordered
        self.base = offsets[0]
        self.metadata = ""
        self.outcomes: list[int] = []

    def live(self, draw: st.DataObject) -> None:
        """One incarnation: deliver from the committed base, finish in random order, commit now and then, die."""
        span = Span(decode(self.base, self.metadata))
        coming = [offset for offset in self.offsets if offset >= self.base]
        working: list[int] = []
        for _ in range(draw.draw(st.integers(0, 120))):
            step = draw.draw(st.sampled_from(["deliver", "deliver", "finish", "finish", "commit", "lost commit"]))
            if step == "deliver" and coming:
                offset = coming.pop(0)
                if span.deliver(offset):
                    working.append(offset)
            elif step == "finish" and working:
                span.finish(working.pop(draw.draw(st.integers(0, len(working) - 1))))
            elif step.endswith("commit"):
                offer = span.offer(ordered=self.ordered)
                if offer is not None:
                    if self.ordered:
                        assert list(offer.finished) == sorted(offer.finished)
                    self.outcomes += offer.finished
                    self.base, self.metadata = offer.progress.base, offer.metadata
                    if step == "lost commit":  # committed, and dead before it knew
                        return
                    span.settle(offer)

    def finish_all(self) -> None:
        span = Span(decode(self.base, self.metadata))
        for offset in self.offsets:
            if offset >= self.base and span.deliver(offset):
                span.finish(offset)
        offer = span.offer(ordered=self.ordered)
        if offer is not None:
            self.outcomes += offer.finished
            assert offer.progress.base == offer.progress.top == self.offsets[-1] + 1


@settings(max_examples=300, deadline=None)
@given(log, st.booleans(), st.integers(1, 4), st.data())
def test_nothing_is_lost_and_nothing_is_repeated(
    offsets: list[int], ordered: bool, crashes: int, data: st.DataObject
) -> None:
    model = Model(offsets, ordered)
    for _ in range(crashes):
        model.live(data)
    model.finish_all()
    assert sorted(model.outcomes) == offsets
    if ordered:
        assert model.outcomes == offsets


@settings(max_examples=100, deadline=None)
@given(log, st.data())
def test_records_that_compaction_removed_are_not_waited_for(offsets: list[int], data: st.DataObject) -> None:
    model = Model(offsets, ordered=False)
    model.live(data)
    done = set(model.outcomes)
    removed = data.draw(st.sets(st.sampled_from(offsets))) - {offsets[-1]}
    model.offsets = [offset for offset in offsets if offset not in removed]
    model.live(data)
    model.finish_all()
    assert len(model.outcomes) == len(set(model.outcomes))
    assert set(model.outcomes) >= set(model.offsets) | done


def test_more_finished_than_can_be_written_waits() -> None:
    """P4: the largest prefix that encodes is offered, the rest waits and intake stops."""
    noise = random.Random(3)
    span = Span(Progress.at(0))
    for offset in range(60_000):
        assert span.deliver(offset)
    for offset in range(1, 60_000):
        if noise.random() < 0.5:
            span.finish(offset)
    offer = span.offer()
    assert offer is not None
    assert span.full
    assert len(offer.metadata) <= METADATA_LIMIT
    assert 20_000 < offer.finished[-1] < 59_000
    span.settle(offer)
    assert span.offer() is None  # not one more fits
    for offset in range(60_000):
        span.finish(offset)
    rest = span.offer()
    assert rest is not None
    assert not span.full
    assert rest.progress == Progress.at(60_000)
    assert not set(rest.finished) & set(offer.finished)


def test_a_start_at_the_logs_end_is_offered_at_once() -> None:
    span = Span(Progress.at(41), commit_base=True)
    offer = span.offer()
    assert offer is not None
    assert (offer.finished, offer.progress) == ((), Progress.at(41))
    span.settle(offer)
    assert span.offer() is None


def test_a_record_fetched_twice_is_delivered_once() -> None:
    span = Span(Progress.at(0))
    assert span.deliver(3)
    assert not span.deliver(3)
    assert not span.deliver(2)


@settings(deadline=None)
@given(log, st.data())
def test_a_transaction_in_doubt_is_settled_by_what_the_group_shows(offsets: list[int], data: st.DataObject) -> None:
    """Whether or not the transaction took effect, each record is offered once more exactly if it did not."""
    span = Span(Progress.at(offsets[0]))
    for offset in offsets:
        span.deliver(offset)
    for offset in data.draw(st.sets(st.sampled_from(offsets))):
        span.finish(offset)
    before = span.committed
    offer = span.offer()
    took_effect = data.draw(st.booleans())
    if offer is None:
        return
    forgotten = span.adopt(offer.progress if took_effect else before)
    assert forgotten == (offer.finished if took_effect else ())
    for offset in offsets:
        span.finish(offset)
    rest = span.offer()
    again = set(rest.finished) if rest else set()
    assert again == set(offsets) - set(forgotten)


def test_a_part_of_what_is_finished_can_be_committed() -> None:
    span = Span(Progress.at(0))
    for offset in range(10):
        span.deliver(offset)
        span.finish(offset)
    offer = span.offer(without={1}, below=4)
    assert offer is not None
    assert offer.finished == (0, 2, 3)
    assert [offset for offset in range(10) if offer.progress.is_done(offset)] == [0, 2, 3]


def test_at_the_logs_end_the_markers_behind_the_last_record_are_committed_too() -> None:
    span = Span(Progress.at(0))
    span.deliver(0)
    span.reach(5)
    assert span.offer() is None  # offset 0 is not finished
    span.finish(0)
    offer = span.offer()
    assert offer is not None
    assert offer.progress == Progress.at(5)
    span.settle(offer)
    span.reach(5)
    assert span.offer() is None
    span.reach(7)
    more = span.offer()
    assert more is not None
    assert (more.finished, more.progress) == ((), Progress.at(7))


def test_what_is_unfinished_is_known_however_much_is_done_beyond_the_base() -> None:
    # 5 and 7 are left of the last incarnation, which had done the rest below 9; the log ends at 12.
    span = Span(Progress(5, 9, (5, 7)))
    assert span.unfinished(0) == 2  # nothing is heard of the log's end yet
    assert span.unfinished(12) == 5
    for offset in (5, 6, 7, 8, 9):
        span.deliver(offset)
    assert span.unfinished(12) == 5
    span.finish(7)
    offer = span.offer()
    assert offer is not None
    span.settle(offer)
    assert span.unfinished(12) == 4
    span.reach(12)  # 10 and 11 are transaction markers
    assert span.unfinished(12) == 2
