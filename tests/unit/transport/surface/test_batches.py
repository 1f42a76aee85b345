"""Batches: full, or due some time after their first event; of an app with tables each of one partition."""

from __future__ import annotations

from streamproc.transport.surface.batches import EventBatches


def test_a_batch_is_full_or_overdue() -> None:
    batches: EventBatches[str] = EventBatches(3, 5.0, one_partition=False)
    assert batches.deadline is None
    assert batches.add("p0", "a", 1.0) is None
    assert batches.add("p1", "b", 2.0) is None
    assert batches.deadline == 6.0
    assert batches.add("p1", "c", 2.0) == ["a", "b", "c"]
    assert batches.deadline is None
    assert batches.add("p0", "d", 3.0) is None
    assert batches.overdue() == ["d"]
    assert batches.deadline is None


def test_of_several_partitions_each_has_its_own() -> None:
    batches: EventBatches[str] = EventBatches(2, 5.0, one_partition=True)
    assert batches.add("p0", "a", 1.0) is None
    assert batches.add("p1", "b", 2.0) is None
    assert batches.deadline == 6.0
    assert batches.add("p1", "c", 3.0) == ["b", "c"]
    assert batches.add("p1", "d", 4.0) is None
    assert batches.deadline == 6.0
    assert batches.overdue() == ["a"]
    assert batches.deadline == 9.0


def test_without_a_time_only_a_full_one_is_a_batch() -> None:
    batches: EventBatches[str] = EventBatches(2, None, one_partition=True)
    batches.add("p0", "a", 1.0)
    batches.add("p1", "b", 1.0)
    assert batches.deadline is None
    assert batches.give_back() == ["a", "b"]
    assert batches.give_back() == []


def test_a_batch_of_one_is_full_at_once() -> None:
    batches: EventBatches[str] = EventBatches(1, 5.0, one_partition=True)
    assert batches.add("p0", "a", 1.0) == ["a"]
    assert batches.deadline is None
