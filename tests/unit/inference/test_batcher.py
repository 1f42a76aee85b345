"""The queue before inference: who goes first, who goes together, and how much of a request is padding."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.audio.decode import SAMPLE_RATE
from streamproc.inference.batcher import (
    BATCHES_WAITING,
    LOOK_AHEAD,
    MOST_PADDING,
    NARROWEST,
    Batcher,
    Bounds,
    ClipGroup,
    alike,
)
from streamproc.inference.engine import Priority

LIVE, REPLAY = Priority.LIVE, Priority.REPLAY
BOUNDS = Bounds(32, 250.0)
DEMO = Path(__file__).parents[2] / "golden/demo_clip_lengths.json"
"""Samples of each clip of each activity that `streamproc demo` publishes, damaged clips left out."""


def part(age: int, *seconds: float, priority: Priority = LIVE, company: object = None) -> ClipGroup:
    return ClipGroup((age, 0), priority, [round(each * SAMPLE_RATE) for each in seconds], company=company)


def filled(*parts: ClipGroup, bounds: Bounds = BOUNDS) -> Batcher[ClipGroup]:
    batcher: Batcher[ClipGroup] = Batcher(bounds)
    for each in parts:
        batcher.add(each)
    return batcher


def take(batcher: Batcher[ClipGroup], bounds: Bounds = BOUNDS) -> list[ClipGroup]:
    """The next batch, which waits no longer."""
    batch = batcher.batch(batcher.heads()[0], bounds)
    for each in batch:
        batcher.remove(each)
    return batch


def test_live_goes_before_replay_and_the_oldest_of_a_kind_first() -> None:
    old, replay, new = part(1, 9), part(0, 9, priority=REPLAY), part(2, 1)
    batcher = filled(new, replay, old)
    assert [take(batcher)[0] for _ in range(3)] == [old, new, replay]
    assert len(batcher) == 0


def test_what_comes_back_goes_in_the_place_of_its_age() -> None:
    parts = [part(age, 2 + 3 * age) for age in range(4)]
    batcher = filled(*parts)
    first = take(batcher)
    assert first == [parts[0]]
    batcher.add(parts[0])
    assert take(batcher) == [parts[0]]


def test_with_the_oldest_go_those_nearest_to_it_in_length() -> None:
    head, near, far, like = part(0, 4), part(1, 4.4), part(2, 9), part(3, 3.9)
    batcher = filled(head, near, far, like)
    assert set(take(batcher)) == {head, near, like}
    assert take(batcher) == [far]


def test_a_batch_holds_no_more_than_it_may_but_its_head_always() -> None:
    parts = [part(age, 4, 4) for age in range(5)]
    assert len(take(filled(*parts), Bounds(5, 250))) == 2
    assert len(take(filled(*parts), Bounds(32, 25))) == 3
    assert take(filled(*parts), Bounds(1, 1)) == parts[:1]


def test_what_is_replayed_goes_alone_as_live_requests_wait_for_the_one_that_is_computed() -> None:
    parts = [part(age, 4, 4, priority=REPLAY) for age in range(3)]
    batcher = filled(*parts)
    assert [take(batcher) for _ in parts] == [[each] for each in parts]


def test_company_and_priority_are_never_mixed() -> None:
    parts = [part(0, 4), part(1, 4, company="a"), part(2, 4, priority=REPLAY), part(3, 4), part(4, 4, company="a")]
    batcher = filled(*parts)
    assert batcher.heads() == [parts[0], parts[1], parts[2]]
    assert [take(batcher) for _ in range(3)] == [[parts[0], parts[3]], [parts[1], parts[4]], [parts[2]]]


def test_who_gives_up_is_forgotten_and_nobody_else() -> None:
    one, other = part(0, 4), part(1, 4)
    batcher = filled(one, other)
    batcher.remove(one)
    batcher.remove(one)
    batcher.remove(part(1, 4))
    assert list(batcher) == [other]
    batcher.remove(other)
    assert (len(batcher), batcher.seconds, batcher.heads()) == (0, 0.0, [])


def test_room_ends_with_two_batches_by_clips_or_by_seconds() -> None:
    for bounds, each in ((Bounds(4, 1e9), 1.0), (Bounds(1000, 40.0), 10.0)):
        batcher = filled(bounds=bounds)
        for age in range(BATCHES_WAITING * 4):
            assert batcher.has_room
            batcher.add(part(age, each))
        assert not batcher.has_room
        take(batcher, Bounds(1, 1))
        assert batcher.has_room


def test_one_that_is_larger_than_two_batches_waits_in_an_empty_queue() -> None:
    assert not filled(part(0, 100), bounds=Bounds(32, 10)).has_room
    assert filled(bounds=Bounds(32, 10)).has_room


def test_a_long_queue_costs_a_batch_no_more_than_a_short_one() -> None:
    batcher = filled(*(part(age, 4) for age in range(10_000)))
    looked_at = batcher.batch(batcher.heads()[0], Bounds(100_000, 1e9))
    assert len(looked_at) == LOOK_AHEAD


@given(st.lists(st.integers(0, 120 * SAMPLE_RATE), min_size=1, max_size=40))
def test_clips_are_cut_into_requests_that_may_be_sent_and_as_few_as_can_be(lengths: list[int]) -> None:
    groups = alike(lengths, BOUNDS)
    assert sorted(itertools.chain(*groups)) == list(range(len(lengths)))
    for group in groups:
        assert group == sorted(group)
        assert is_dense([lengths[place] for place in group])
        assert BOUNDS.hold(len(group), max(lengths[place] for place in group))
    # The widest of each group could not have gone with the whole group before it.
    widest = [max(max(lengths[place], NARROWEST) for place in group) for group in groups]
    assert widest == sorted(widest, reverse=True)


@given(st.lists(st.lists(st.integers(0, 20 * SAMPLE_RATE), min_size=1, max_size=6), min_size=1, max_size=30))
def test_every_part_goes_once_and_no_request_is_padded_by_more_than_it_may(activities: list[list[int]]) -> None:
    requests = requests_of(activities, backlog=16)
    assert sorted(itertools.chain(*requests)) == sorted(itertools.chain(*activities))
    assert all(map(is_dense, requests))


def is_dense(lengths: Sequence[int]) -> bool:
    """Whether no more than MOST_PADDING of a request is padding; the shortest clips count as NARROWEST."""
    wide = [max(length, NARROWEST) for length in lengths]
    padded = len(wide) * max(wide)
    return padded - sum(wide) <= MOST_PADDING * padded


def requests_of(activities: Iterable[Sequence[int]], backlog: int, bounds: Bounds = BOUNDS) -> list[list[int]]:
    """The lengths of the clips in each request, where so many parts wait whenever a request is made."""
    batcher, coming = filled(bounds=bounds), enumerate(activities)
    requests: list[list[int]] = []
    while True:
        while len(batcher) < backlog and (following := next(coming, None)) is not None:
            age, lengths = following
            for index, places in enumerate(alike(lengths, bounds)):
                batcher.add(ClipGroup((age, index), LIVE, [lengths[place] for place in places]))
        if not len(batcher):
            return requests
        requests.append([length for each in take(batcher, bounds) for length in each.lengths])


def demo_mix() -> list[list[int]]:
    """The demonstration's activities, often."""
    lengths: list[list[int]] = json.loads(DEMO.read_text())
    return 40 * lengths


def long_tailed_mix() -> list[list[int]]:
    """One to twelve phrases whose lengths have a long tail: half of them are below 3 s, one in forty above 17 s."""
    rng = random.Random(1)
    return [
        [round(SAMPLE_RATE * min(120.0, max(0.3, rng.lognormvariate(1.1, 0.9)))) for _ in range(rng.randint(1, 12))]
        for _ in range(1000)
    ]


MIXES = {"demo": demo_mix, "long-tailed": long_tailed_mix}


@dataclass(frozen=True)
class Figures:
    """What a mix comes to."""

    requests_an_activity: float
    clips_a_request: float
    padding: float


def figures(activities: Sequence[Sequence[int]], backlog: int) -> Figures:
    """Measured."""
    requests = requests_of(activities, backlog)
    clips, sound = sum(map(len, requests)), sum(map(sum, requests))
    padded = sum(len(each) * max(each) for each in requests)
    return Figures(len(requests) / len(activities), clips / len(requests), 1 - sound / padded)


@pytest.mark.parametrize("backlog", [1, 8, 32, 64, 256])
@pytest.mark.parametrize("name", MIXES)
def test_padding_stays_below_15_percent_on_the_demos_mix_and_on_a_long_tailed_one(name: str, backlog: int) -> None:
    found = figures(MIXES[name](), backlog)
    print(f"{name} {backlog:4} {found}")  # pytest -s shows what docs/explanation/batching.md says
    assert found.padding < 0.15


def test_most_activities_of_the_demo_are_one_request_and_under_load_less() -> None:
    assert figures(demo_mix(), 1).requests_an_activity < 1.15
    assert figures(demo_mix(), 64).requests_an_activity < 0.1
    assert figures(demo_mix(), 64).clips_a_request > 25
